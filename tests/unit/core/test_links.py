"""Links: what opens, what does not, and that a document's link never changes by itself."""

from __future__ import annotations

from datetime import date, timedelta
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Unauthenticated
from core.links import Link, Purpose, open_link, read_link, sign_link

KEY = bytes(range(32))
MERCHANT = UUID("11111111-2222-4333-8444-555555555555")
INVOICE = UUID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
UNTIL = date(2027, 6, 1)


def token(purpose: Purpose = "invoice") -> str:
    return sign_link(KEY, purpose, MERCHANT, INVOICE, UNTIL)


def code_of(text: str, *, key: bytes = KEY, today: date = date(2027, 1, 1)) -> str:
    with pytest.raises(Unauthenticated) as caught:
        read_link(key, text, today)
    return caught.value.code


def test_a_link_says_what_it_opens() -> None:
    assert read_link(KEY, token(), date(2027, 5, 31)) == Link("invoice", MERCHANT, INVOICE, UNTIL)


def test_a_link_fits_in_an_address_as_it_is() -> None:
    assert len(token()) == 68
    assert quote(token(), safe="") == token()


def test_equal_arguments_give_equal_links() -> None:
    assert token() == token()


def test_a_link_ends_on_its_day() -> None:
    assert code_of(token(), today=UNTIL) == "link_expired"
    assert code_of(token(), today=UNTIL + timedelta(days=1)) == "link_expired"


def test_an_ended_link_can_still_be_told_from_a_forged_one() -> None:
    assert open_link(KEY, token()).expires_on == UNTIL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a" * 68,
        "é" * 68,
        token()[:-1],
        token() + "A",
        token() + "=",
        " " + token()[1:],
        token()[:-1] + "+",
    ],
)
def test_what_is_not_ours_does_not_open(text: str) -> None:
    assert code_of(text) == "link_invalid"


def test_another_key_does_not_open_it() -> None:
    assert code_of(token(), key=bytes(32)) == "link_invalid"


def test_a_link_to_one_thing_does_not_open_another() -> None:
    assert token("invoice") != token("credit_note") != token("portal")


@given(place=st.integers(0, 67), letter=st.sampled_from("ABCxyz019-_"))
def test_no_letter_can_be_changed(place: int, letter: str) -> None:
    changed = token()[:place] + letter + token()[place + 1 :]
    if changed != token():
        assert code_of(changed) == "link_invalid"
