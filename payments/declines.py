"""What a refusal means for us: try again, ask the customer, stop, or call the merchant.

The classes are our judgement from the vendor's descriptions and general scheme practice. A code
nobody knows is a soft decline with one more try: wrong hope costs one attempt, wrong despair a
customer.

Source: Midtrans documentation, channel response codes (2026-02) and status codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from payments.decline_reasons import REASONS


class DeclineClass(StrEnum):
    """What to do after a refusal."""

    SOFT = "soft"  # the same method may work later
    HARD = "hard"  # never again with this method
    CUSTOMER_ACTION = "customer_action"  # new data or presence of the customer is needed
    TECHNICAL = "technical"  # a bank or a line was down: soon again
    CONFIGURATION = "configuration"  # the merchant's account or our request is wrong: alarm


@dataclass(frozen=True, slots=True)
class Decline:
    """One refusal, understood.

    ``tries_max`` limits further automatic tries for this reason (``None``: the policy decides).
    ``ask_first`` says that the gateway may hold another truth: GET status before anything else.
    ``attests`` says that the refusal itself proves that no transaction exists.
    """

    code: str
    klass: DeclineClass
    reason: str
    reason_id: str
    reason_en: str
    cancel_mandate: bool = False
    tries_max: int | None = None
    ask_first: bool = False
    attests: bool = False
    known: bool = True

    @property
    def may_retry(self) -> bool:
        """Say whether the same method may be pulled again without the customer."""
        return self.klass in {DeclineClass.SOFT, DeclineClass.TECHNICAL} and self.tries_max != 0


def _codes(text: str) -> list[str]:
    return text.split()


# class: {reason: codes}
_CARD: Final[dict[DeclineClass, dict[str, str]]] = {
    DeclineClass.SOFT: {
        "contact_bank": "01 02 60 66",
        "not_honoured": "05",
        "card_problem": "06 09 21 00 000 001 002 100",
        "insufficient_funds": "51 116",
        "limit": "61 64 65",
    },
    DeclineClass.HARD: {
        "card_blocked": "04 07 33 34 35 36 37 38 67 41 43 62 5C 9G 200",
        "card_closed": "46",
        "card_invalid": "14 15 39 42 44 52 53 56 111",
        "not_permitted": "12 31 40 57 58 115 119",
        "security": "59 63 6P BA N0",
        "declined_contact_bank": "93",
        "stopped_by_holder": "R0 R1 R3",
    },
    DeclineClass.CUSTOMER_ACTION: {
        "card_expired": "54 101 187",
        "pin": "55 75",
        "first_use": "78",
        "cvv": "82 N7 122",
        "authentication": "83 1A Q1",
    },
    DeclineClass.TECHNICAL: {
        "bank_down": "19 22 68 80 90 91 92 96 912 E9",
        "not_understood": "23 25 30",
        "duplicate": "94",
    },
    DeclineClass.CONFIGURATION: {"merchant_setup": "03 13 109 189 Z3"},
}

_WALLET: Final[dict[DeclineClass, dict[str, str]]] = {
    DeclineClass.SOFT: {
        "insufficient_funds": "201 811",
        "limit": "202 213",
        "wallet_refused": "817",
    },
    DeclineClass.HARD: {"wallet_blocked": "105 112 410", "wallet_unlinked": "ACCOUNT_ENDED"},
    DeclineClass.CUSTOMER_ACTION: {
        "wallet_kyc": "123",
        "wallet_option_off": "156",
        "wallet_card": "803 831",
    },
    DeclineClass.TECHNICAL: {
        "in_progress": "132",
        "wallet_token_stale": "159",
        "bank_down": "900",
        "duplicate": "1804 1818",
    },
    DeclineClass.CONFIGURATION: {"merchant_setup": "1 110 153 161 164 220 303 903 1001 2903"},
}

_OVO: Final[dict[DeclineClass, dict[str, str]]] = {
    DeclineClass.SOFT: {"wallet_refused": "40"},
    DeclineClass.CUSTOMER_ACTION: {"wallet_not_registered": "14", "customer_cancelled": "17"},
    DeclineClass.TECHNICAL: {"bank_down": "26 68"},
}

_STATUS: Final[dict[DeclineClass, dict[str, str]]] = {
    DeclineClass.SOFT: {"denied": "202"},
    DeclineClass.HARD: {"token_gone": "411", "wallet_blocked": "410"},
    DeclineClass.CUSTOMER_ACTION: {"expired": "407"},
    DeclineClass.TECHNICAL: {
        "bank_down": "409 429 500 502 503 504 505",
        "duplicate": "404 406 412",
        "refund_refused": "414",
    },
    DeclineClass.CONFIGURATION: {"merchant_setup": "300 400 401 402 403 405 408 413 501"},
}

# Who says this takes a consent back: nothing is charged by that method any more.
_STOPPED: Final = frozenset({"stopped_by_holder", "wallet_unlinked"})
# Limits of further tries that are narrower than the policy's.
_TRIES_MAX: Final = {
    "contact_bank": 2,
    "not_honoured": 2,
    "card_problem": 2,
    "wallet_refused": 1,
    "wallet_token_stale": 1,
    "duplicate": 0,
}
# Refusals that prove that the gateway holds no transaction under this order id.
_ATTESTING: Final = frozenset({"402", "411"})


def _table(classes: dict[DeclineClass, dict[str, str]]) -> dict[str, Decline]:
    table: dict[str, Decline] = {}
    for klass, reasons in classes.items():
        for reason, codes in reasons.items():
            for code in _codes(codes):
                if code in table:
                    raise ValueError(f"code {code} is listed twice")
                table[code] = _decline(code, klass, reason)
    return table


def _decline(code: str, klass: DeclineClass, reason: str) -> Decline:
    text_id, text_en = REASONS[reason]
    return Decline(
        code=code,
        klass=klass,
        reason=reason,
        reason_id=text_id,
        reason_en=text_en,
        cancel_mandate=reason in _STOPPED,
        tries_max=_TRIES_MAX.get(reason),
        ask_first=reason == "duplicate",
    )


CARD_CODES: Final = _table(_CARD)
WALLET_CODES: Final = _table(_WALLET)
OVO_CODES: Final = _table(_OVO)
STATUS_CODES: Final = {
    code: Decline(
        code=code,
        klass=found.klass,
        reason=found.reason,
        reason_id=found.reason_id,
        reason_en=found.reason_en,
        tries_max=found.tries_max,
        ask_first=found.ask_first or code in {"500", "502", "503", "504"},
        attests=code in _ATTESTING,
    )
    for code, found in _table(_STATUS).items()
}

# Codes of ours, no gateway's. Why we do not even ask: the payer has to act. And what a fraud desk
# denied, theirs or a person at the merchant: that card is not charged again. And a card that is
# not one of those that may pay.
OWN_CODES: Final = {
    code: _decline(code, DeclineClass.CUSTOMER_ACTION, code) for code in ("no_card", "no_mandate")
} | {
    "fraud": _decline("fraud", DeclineClass.HARD, "security"),
    "bin": _decline("bin", DeclineClass.CUSTOMER_ACTION, "card_not_allowed"),
}

# Mastercard uses two codes in a harder sense than Visa.
_MASTERCARD: Final = {
    "82": _decline("82", DeclineClass.HARD, "security"),
    "83": _decline("83", DeclineClass.HARD, "security"),
}

_BY_PAYMENT_TYPE: Final = {
    "card": CARD_CODES,
    "credit_card": CARD_CODES,
    "gopay": WALLET_CODES,
    "ovo": OVO_CODES,
}


def decline(
    code: str | None, payment_type: str = "credit_card", *, scheme: str | None = None
) -> Decline:
    """Understand a ``channel_response_code``.

    Args:
        code: as the gateway wrote it; letters in either case.
        payment_type: Midtrans' word, because wallets use the same numbers for other things.
        scheme: ``mastercard`` where known.

    Returns:
        Never fails: an unknown or missing code is soft with one more try, ``known`` false.
    """
    wanted = (code or "").strip().upper()
    if scheme == "mastercard" and wanted in _MASTERCARD:
        return _MASTERCARD[wanted]
    table = _BY_PAYMENT_TYPE.get(payment_type, {})
    return table.get(wanted) or _unknown(wanted)


def scheme_of(masked: str | None) -> str | None:
    """Say whose card it is by its first digits, where its codes mean something of their own.

    >>> scheme_of("52111111-1117")
    'mastercard'
    """
    head = (masked or "")[:4]
    if not (head.isascii() and head.isdigit() and len(head) == 4):
        return None
    return "mastercard" if "51" <= head[:2] <= "55" or "2221" <= head <= "2720" else None


def decline_of_status(status_code: str | int) -> Decline:
    """Understand the ``status_code`` of an answer that carries no channel code, or one of ours.

    Returns:
        Never fails; an unknown code is soft with one more try, asked about first.
    """
    code = str(status_code).strip()
    return STATUS_CODES.get(code) or OWN_CODES.get(code) or _unknown(code)


def _unknown(code: str) -> Decline:
    text_id, text_en = REASONS["unknown"]
    return Decline(
        code=code,
        klass=DeclineClass.SOFT,
        reason="unknown",
        reason_id=text_id,
        reason_en=text_en,
        tries_max=1,
        ask_first=True,
        known=False,
    )
