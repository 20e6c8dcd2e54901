"""Why a charge was declined, in words and never in the bank's code."""

from __future__ import annotations

from payments.declines import decline, decline_of_status


def why_declined(code: object, language: str, *, by_wallet: bool = False) -> str:
    """The reason of a decline in words, without its full stop."""
    known = decline(str(code or ""), "gopay" if by_wallet else "credit_card")
    understood = known if known.known else decline_of_status(str(code or ""))
    text = understood.reason_en if language == "en" else understood.reason_id
    return text.split(". ")[0].rstrip(".")
