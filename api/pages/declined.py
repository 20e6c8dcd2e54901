"""Why a charge was declined, in words and never in the bank's code."""

from __future__ import annotations

from typing import Final

from payments.channels import CHANNELS
from payments.declines import DeclineClass
from payments.refusals import refusal

_AGAIN: Final = {
    "id": "Anda dapat mencoba lagi, atau memilih cara bayar lain.",
    "en": "You can try again, or choose another way to pay.",
}
_SOON: Final = {
    "id": "Coba lagi beberapa menit lagi, atau pilih cara bayar lain.",
    "en": "Try again in a few minutes, or choose another way to pay.",
}
_OTHER: Final = {
    "id": "Silakan pilih cara bayar lain.",
    "en": "Please choose another way to pay.",
}
_WHAT_TO_DO: Final = {
    DeclineClass.SOFT: _AGAIN,
    DeclineClass.CUSTOMER_ACTION: _AGAIN,
    DeclineClass.TECHNICAL: _SOON,
    DeclineClass.HARD: _OTHER,
    DeclineClass.CONFIGURATION: _OTHER,
}
_PUSH: Final = {
    "id": "{name} belum berhasil: {why}. Tidak ada dana yang ditarik. {todo}",
    "en": "{name} did not work: {why}. No money was taken. {todo}",
}


def push_refused(channel: str, code: str, payment_type: str, language: str) -> str:
    """That what the payer chose was refused, why, and what to do now."""
    tongue = "en" if language == "en" else "id"
    todo = _WHAT_TO_DO[refusal(code, channel, payment_type=payment_type or None).klass]
    why = why_declined(code, language, channel=channel, payment_type=payment_type)
    name = CHANNELS[channel].name(language)
    return _PUSH[tongue].format(name=name, why=why, todo=todo[tongue])


def why_declined(
    code: object, language: str, *, channel: str = "card", payment_type: str = ""
) -> str:
    """The reason of a decline in words, without its full stop.

    Args:
        channel, payment_type: whose code it is; of a hosted page what was chosen there.
    """
    understood = refusal(str(code or ""), channel, payment_type=payment_type or None)
    text = understood.reason_en if language == "en" else understood.reason_id
    return text.split(". ")[0].rstrip(".")
