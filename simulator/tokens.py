"""Card tokens: making them, registering cards, and what the token of a charge stands for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from simulator import cards, derive
from simulator.answers import RefusalError, invalid
from simulator.clock import end_of_card, wib
from simulator.model import Json, OneTimeToken, SavedToken
from simulator.validation import is_digits

if TYPE_CHECKING:
    from simulator.book import Book

NEEDS_CVV = "CVV is required: this merchant has no recurring MID"


def bad_token(message: str) -> RefusalError:
    """411: missing, unknown, used or out of time. No transaction exists."""
    return RefusalError("411", message)


@dataclass(frozen=True)
class CardInHand:
    """A card at the moment of a charge. `token` is the name that card rules are matched with."""

    pan: str
    month: int
    year: int
    token: str
    one_time: OneTimeToken | None

    def use(self, book: Book, transaction_id: str) -> None:
        """A one-time token serves once."""
        if self.one_time is not None:
            self.one_time.used_by = transaction_id
            book.save("token", self.one_time)


def create_token(book: Book, query: dict[str, str]) -> Json:
    """A one-time token from a card number, or from a saved token and its CVV (two clicks)."""
    saved_id = query.get("token_id", "")
    cvv = query.get("card_cvv", "")
    problems = [] if is_digits(cvv) and len(cvv) in (3, 4) else ["card_cvv is not valid"]
    if saved_id:
        saved = book.saved.get(saved_id)
        if saved is None:
            problems.append("token_id is not valid")
        if problems or saved is None:
            raise invalid(*problems)
        pan, month, year = saved.pan, saved.month, saved.year
    else:
        pan, month, year = _read_card(query, book.now(), problems)
    token = OneTimeToken(
        token_id=f"{pan[:8]}-{pan[-4:]}-{_next_uuid(book, pan, month, year)}",
        pan=pan,
        month=month,
        year=year,
        made_at=book.now(),
        saved_token_id=saved_id or None,
    )
    book.add_token(token)
    return {
        "status_code": "200",
        "status_message": "Credit card token is created as Token ID.",
        "token_id": token.token_id,
        "hash": f"{pan[:8]}-{pan[-4:]}-{derive.alnum_of(book.account.seed, 16, pan, 'hash')}",
    }


def register_card(book: Book, query: dict[str, str]) -> Json:
    """A saved token without any charge."""
    pan, month, year = _read_card(query, book.now(), [])
    ident = _next_uuid(book, pan, month, year)
    middle = derive.alnum_of(book.account.seed, 20, ident, "register")
    token = SavedToken(
        saved_token_id=f"{pan[:8]}{middle}{pan[-4:]}",
        pan=pan,
        month=month,
        year=year,
        made_at=book.now(),
    )
    book.add_saved(token)
    return {
        "status_code": "200",
        "saved_token_id": token.saved_token_id,
        "transaction_id": ident,
        "masked_card": cards.masked(pan),
    }


def _next_uuid(book: Book, pan: str, month: int, year: int) -> str:
    count = book.tokens_made.get(pan, 0) + 1
    book.tokens_made[pan] = count
    return derive.uuid_of(book.account.seed, pan, month, year, "token", count)


def _read_card(query: dict[str, str], now: datetime, problems: list[str]) -> tuple[str, int, int]:
    """Number and expiry from the query; raises the 400 with all problems."""
    number = query.get("card_number", "").replace(" ", "")
    month, year = query.get("card_exp_month", ""), query.get("card_exp_year", "")
    if not number:
        problems.append("card_number is required")
    elif not (is_digits(number) and 13 <= len(number) <= 19):
        problems.append("card_number is not valid")
    elif not cards.luhn(number):
        problems.append("card_number does not match with luhn algorithm")
    month_ok = is_digits(month) and len(month) <= 2 and 1 <= int(month) <= 12
    year_ok = is_digits(year) and len(year) == 4 and 2000 <= int(year) <= 2999
    if not month_ok:
        problems.append("card_exp_month is not valid" if month else "card_exp_month is required")
    if not year_ok:
        problems.append("card_exp_year is not valid" if year else "card_exp_year is required")
    if month_ok and year_ok and now >= end_of_card(int(month), int(year)):
        problems.append("card_exp_year must be equal to or greater than this year")
    if problems:
        raise invalid(*problems)
    return number, int(month), int(year)


def card_of(book: Book, request: Json, now: datetime) -> CardInHand:
    """The card behind the token of a charge. Raises 411, or 400 when there is none at all."""
    token_id = request.get("token_id")
    plain = request.get("card")
    if isinstance(plain, dict):
        return _plain_card(book, plain, now)
    if not isinstance(token_id, str) or not token_id:
        raise invalid("credit_card.token_id is required")
    if len(token_id) > 255:
        raise invalid("credit_card.token_id too long, max 255 characters")
    one_time = book.tokens.get(token_id)
    if one_time is not None:
        if one_time.used_by is not None:
            raise bad_token("Credit card token is already used")
        name = one_time.saved_token_id or token_id
        return CardInHand(one_time.pan, one_time.month, one_time.year, name, one_time)
    saved = book.saved.get(token_id)
    if saved is None:
        raise bad_token("Credit card token is missing, invalid, or timed out")
    if now >= end_of_card(saved.month, saved.year):
        if book.account.switches.dead_card_answer == "411":
            raise bad_token("Saved card token has expired with the card")
    elif not book.account.recurring_mid:
        raise bad_token(NEEDS_CVV)
    return CardInHand(saved.pan, saved.month, saved.year, token_id, None)


def _plain_card(book: Book, plain: Json, now: datetime) -> CardInHand:
    """A merchant who may handle numbers himself; without a CVV the charge counts as recurring."""
    query = {
        "card_number": str(plain.get("number", "")),
        "card_exp_month": str(plain.get("expiry_month", "")),
        "card_exp_year": str(plain.get("expiry_year", "")),
    }
    pan, month, year = _read_card(query, now, [])
    if not plain.get("cvv") and not book.account.recurring_mid:
        raise bad_token(NEEDS_CVV)
    return CardInHand(pan, month, year, cards.masked(pan), None)


def points_of(book: Book, pan: str) -> int:
    """The card's points, one rupiah each; 0 where the bank has none."""
    if not book.account.switches.card_points or pan not in cards.WITH_POINTS:
        return 0
    return 20_000 + int(derive.digits_of(book.account.seed, 4, pan, "points"))


def point_inquiry(book: Book, token_id: str) -> Json:
    """How many points the card of this token has. The token can still be charged."""
    token = book.tokens.get(token_id) or book.saved.get(token_id)
    if token is None or (isinstance(token, OneTimeToken) and token.used_by is not None):
        raise bad_token("Credit card token is missing, invalid, or timed out")
    balance = points_of(book, token.pan)
    if not balance:
        raise RefusalError("402", "Merchant cannot use point inquiry for this card.")
    return {
        "status_code": "200",
        "status_message": "Success, Credit Card Point inquiry is successful",
        "point_balance": balance,
        "point_balance_amount": f"{balance}.00",
        "transaction_time": wib(book.now()),
    }
