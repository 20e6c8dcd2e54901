"""The doctor's quick look at derived ids says what deriving them would."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import ids
from ops.doctor_checks.derived import Derived
from payments.order_ids import order_id

SPACE = bytes(range(16))
OWNER, PERIOD, KIND, N = "0191c0de-0000-7000-8000-000000000001", "2027-01-31", "instrument", 2


@settings(max_examples=200)
@given(st.uuids(), st.dates(), st.sampled_from(["attempt", "instrument", "check"]),
       st.integers(1, 999), st.binary(min_size=16, max_size=16))  # fmt: skip
def test_what_was_derived_fits(owner: UUID, day: object, kind: str, n: int, space: bytes) -> None:
    name = order_id(space, str(owner), str(day), kind, n)
    seen = Derived(space)
    assert seen.fits(name, str(owner), str(day), kind, str(n))
    assert seen.is_row_of(name, str(ids.derive(space, "payment_order", name)))


@pytest.mark.parametrize(
    "changed",
    [
        {"owner": OWNER.replace("1", "2")}, {"period": "2027-01-30"}, {"kind": "attempt"},
        {"n": "3"}, {"n": "02"}, {"period": "-"},
    ],
)  # fmt: skip
def test_another_business_key_does_not_fit(changed: dict[str, str]) -> None:
    name = order_id(SPACE, OWNER, PERIOD, KIND, N)
    said = {"owner": OWNER, "period": PERIOD, "kind": KIND, "n": str(N), **changed}
    assert not Derived(SPACE).fits(name, **said)


@pytest.mark.parametrize("place", range(28))
def test_no_letter_of_an_order_id_may_change(place: int) -> None:
    name = order_id(SPACE, OWNER, PERIOD, KIND, N)
    for letter in "abz27A0_ é":
        if letter != name[place]:
            changed = name[:place] + letter + name[place + 1 :]
            assert not Derived(SPACE).fits(changed, OWNER, PERIOD, KIND, str(N))


def test_the_row_of_another_order_is_seen() -> None:
    first, second = (order_id(SPACE, OWNER, PERIOD, KIND, n) for n in (1, 2))
    assert not Derived(SPACE).is_row_of(first, str(ids.derive(SPACE, "payment_order", second)))
    assert not Derived(bytes(16)).is_row_of(first, str(ids.derive(SPACE, "payment_order", first)))
