"""Every documented refusal and what it makes us do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.decline_reasons import REASONS
from payments.declines import (
    CARD_CODES,
    OVO_CODES,
    OWN_CODES,
    STATUS_CODES,
    WALLET_CODES,
    Decline,
    DeclineClass,
    decline,
    decline_of_status,
    scheme_of,
)

SOFT, HARD = DeclineClass.SOFT, DeclineClass.HARD
ACTION, TECHNICAL = DeclineClass.CUSTOMER_ACTION, DeclineClass.TECHNICAL
SETUP = DeclineClass.CONFIGURATION


@pytest.mark.parametrize(
    ("klass", "codes"),
    [
        (SOFT, "01 02 05 06 09 21 51 60 61 64 65 66 116"),
        (HARD, "04 07 33 34 35 36 37 38 67 12 14 15 31 39 42 44 52 53 40 41 43 46 56 57 58"),
        (HARD, "59 62 63 93 5C 9G 6P BA N0 R0 R1 R3 111 115 119 200"),
        (ACTION, "1A 54 55 75 78 82 N7 83 Q1 101 122 187"),
        (TECHNICAL, "19 22 23 25 30 68 80 90 91 92 94 96 E9 912"),
        (SETUP, "03 13 Z3 109 189"),
    ],
)
def test_every_card_code_of_the_documentation_is_known(klass: DeclineClass, codes: str) -> None:
    for code in codes.split():
        found = decline(code)
        assert (code, found.klass, found.known) == (code, klass, True)


@pytest.mark.parametrize(
    ("klass", "codes"),
    [
        (SOFT, "201 202 213 811 817"),
        (HARD, "105 112"),
        (ACTION, "123 156 803 831"),
        (TECHNICAL, "132 159 900 1804 1818"),
        (SETUP, "1 110 153 161 164 220 303 903 1001 2903"),
    ],
)
def test_every_gopay_code_of_the_documentation_is_known(klass: DeclineClass, codes: str) -> None:
    for code in codes.split():
        found = decline(code, "gopay")
        assert (code, found.klass, found.known) == (code, klass, True)


@pytest.mark.parametrize(("code", "klass"), [("14", ACTION), ("17", ACTION), ("40", SOFT)])
def test_ovo_uses_numbers_of_its_own(code: str, klass: DeclineClass) -> None:
    assert decline(code, "ovo").klass is klass


@pytest.mark.parametrize("code", ["R0", "R1", "R3", "r1"])
def test_a_holder_who_stopped_recurring_charges_ends_the_mandate(code: str) -> None:
    assert decline(code).cancel_mandate


def test_no_other_code_ends_the_mandate() -> None:
    ending = {found.code for found in CARD_CODES.values() if found.cancel_mandate}

    assert ending == {"R0", "R1", "R3"}


@pytest.mark.parametrize("payment_type", ["credit_card", "gopay", "ovo", "akulaku"])
@pytest.mark.parametrize("code", ["ZZ", "", None, "99999"])
def test_an_unknown_code_is_soft_with_caution(code: str | None, payment_type: str) -> None:
    found = decline(code, payment_type)

    assert (found.klass, found.tries_max, found.known) == (SOFT, 1, False)
    assert found.may_retry
    assert found.ask_first


@pytest.mark.parametrize(
    ("masked", "scheme"),
    [
        ("52111111-1117", "mastercard"), ("222100-0000", "mastercard"), ("55-1", None),
        ("272099-0000", "mastercard"), ("272100-0000", None), ("48111111-1114", None),
        ("35280000-2269", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_a_mastercard_is_told_by_its_first_digits(masked: str | None, scheme: str | None) -> None:
    assert scheme_of(masked) == scheme


def test_every_code_is_told_to_the_customer_in_both_languages_and_never_as_a_code() -> None:
    for table in (CARD_CODES, WALLET_CODES, OVO_CODES, STATUS_CODES, OWN_CODES):
        for code, found in table.items():
            told = {found.reason_id, found.reason_en}
            assert len(told) == 2, code
            assert all(text.endswith(".") and code not in text.split() for text in told), code


@pytest.mark.parametrize("code", ["82", "83"])
def test_mastercard_means_it_harder(code: str) -> None:
    assert decline(code).klass is ACTION
    assert decline(code, scheme="mastercard").klass is HARD


def test_a_duplicate_is_never_sent_again_but_asked_about() -> None:
    for found in (decline("94"), decline("1804", "gopay"), decline_of_status("406")):
        assert found.ask_first
        assert not found.may_retry


@pytest.mark.parametrize(
    ("status_code", "klass", "attests", "ask_first"),
    [
        ("202", SOFT, False, False),
        (402, SETUP, True, False),
        ("411", HARD, True, False),
        ("410", HARD, False, False),
        ("407", ACTION, False, False),
        ("400", SETUP, False, False),
        ("429", TECHNICAL, False, False),
        ("500", TECHNICAL, False, True),
        ("503", TECHNICAL, False, True),
        ("404", TECHNICAL, False, True),
        ("412", TECHNICAL, False, True),
        ("505", TECHNICAL, False, False),
    ],
)
def test_a_bare_status_code_is_understood(
    status_code: str | int, klass: DeclineClass, attests: bool, ask_first: bool
) -> None:
    found = decline_of_status(status_code)

    assert (found.klass, found.attests, found.ask_first) == (klass, attests, ask_first)


def test_hard_and_customer_declines_never_pull_again_by_themselves() -> None:
    tables = (CARD_CODES, WALLET_CODES, OVO_CODES, STATUS_CODES)
    for table in tables:
        for found in table.values():
            if found.klass in {HARD, ACTION, SETUP}:
                assert not found.may_retry


def test_every_reason_is_worded_in_both_languages_and_used() -> None:
    used: set[str] = set()
    found: Decline
    for table in (CARD_CODES, WALLET_CODES, OVO_CODES, STATUS_CODES, OWN_CODES):
        for found in table.values():
            used.add(found.reason)
            assert found.reason_id.endswith(".")
            assert found.reason_en.endswith(".")
            assert found.reason_id != found.reason_en

    assert used | {"unknown"} == set(REASONS)


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_code_makes_it_fail(code: str, payment_type: str) -> None:
    assert decline(code, payment_type).reason_id
    assert decline_of_status(code).reason_en
