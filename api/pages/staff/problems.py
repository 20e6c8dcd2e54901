"""Why something can not be done, in words for staff; an unknown code keeps the engine's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.pages.staff.labels import LABELS
from core.errors import EngineError

PROBLEMS: Final[Mapping[str, tuple[str, str]]] = {
    "nothing_to_change": (
        "langganan ini sudah memakai paket dan jumlah itu.",
        "the subscription already has this plan and quantity.",
    ),
    "not_changeable": (
        "langganan dalam keadaan ini tidak dapat diganti paketnya.",
        "a subscription in this state can not be changed.",
    ),
    "cancel_scheduled": (
        "langganan ini akan berhenti; lanjutkan dulu sebelum mengganti paket.",
        "the subscription is about to end; resume it first.",
    ),
    "price_not_sold": ("paket itu tidak dijual lagi.", "that plan is no longer sold."),
    "renewal_due": (
        "langganan sedang diperpanjang; coba lagi sebentar lagi.",
        "the subscription is being renewed; try again in a moment.",
    ),
    "already_canceled": ("langganan ini sudah berakhir.", "the subscription has ended."),
    "not_scheduled": (
        "langganan ini tidak dijadwalkan berhenti.",
        "the subscription is not about to end.",
    ),
    "invalid_quantity": (
        "jumlah harus bilangan bulat dari 1.",
        "the quantity is a whole number from 1.",
    ),
    "invalid_mode": ("pilih kapan berlakunya.", "choose when it takes effect."),
    "reason_needed": ("pilih alasannya.", "choose a reason."),
    "no_right": (
        "peran Anda tidak boleh melakukan ini.",
        "your role may not do this.",
    ),
}


def problem_words(error: EngineError, language: str) -> str:
    """Say why in the reader's language."""
    known = PROBLEMS.get(error.code)
    return known[1 if language == "en" else 0] if known else error.message


class StaleError(Exception):
    """The figures are not those that were shown."""


def refusal(error: EngineError | StaleError, language: str) -> str:
    """The line on a form that says why nothing was done."""
    labels = LABELS[language]
    if isinstance(error, StaleError):
        return labels["changed_meanwhile"]
    return labels["refused"] + problem_words(error, language)
