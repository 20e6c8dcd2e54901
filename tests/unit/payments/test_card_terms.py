"""Which cards may pay, as far as a token tells; and which terms mean something."""

from __future__ import annotations

import pytest

from core.errors import InvalidRequest
from payments.card_terms import BANKS, CardTerms, require_allowed

TOKEN = "47737760-1650-5e0a0b7c"


@pytest.mark.parametrize(
    "bins", [(), ("4",), ("4773",), ("47737760",), ("5211", "4773"), ("bca",), ("5211", "bni")]
)
def test_what_may_pay_or_can_not_be_told_is_left_to_the_gateway(bins: tuple[str, ...]) -> None:
    require_allowed(TOKEN, bins)


@pytest.mark.parametrize("token", ["477377-1650-x", "abc", "", "4773776057051650"])
def test_a_token_that_tells_less_is_not_refused_for_it(token: str) -> None:
    require_allowed(token, ("47737760",))


@pytest.mark.parametrize("bins", [("5",), ("47737761",), ("4774", "52")])
def test_a_card_outside_the_list_is_refused(bins: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest, match="not one of those"):
        require_allowed(TOKEN, bins)


def test_instalments_need_a_bank_or_a_list_of_cards() -> None:
    assert not CardTerms()
    assert CardTerms(months=3, bank="bca")
    assert CardTerms(months=3, bins=("4773",))
    for wrong in ({"months": 3}, {"months": 1, "bank": "bca"}, {"bank": "bca"}):
        with pytest.raises(InvalidRequest):
            CardTerms(**wrong)
    assert "bca" in BANKS
