"""Sentences of the diary about what a subscription has and what makes it cheaper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

TERMS: Final[Mapping[str, tuple[Callable[[Any], str], Callable[[Any], str]]]] = {
    "subscription.item_changed": (
        lambda t: f"Isi langganan {t.who} berubah mulai {t.day('effective_on')}",
        lambda t: f"The items of {t.who} change from {t.day('effective_on')}",
    ),
    "subscription.trial_moved": (
        lambda t: f"Masa coba {t.who} kini sampai {t.day('trial_end_on')}",
        lambda t: f"The trial of {t.who} now lasts until {t.day('trial_end_on')}",
    ),
    "subscription.pause_scheduled": (
        lambda t: f"{t.who} menjeda langganan mulai {t.day('pause_on')}",
        lambda t: f"{t.who} pauses from {t.day('pause_on')}",
    ),
    "subscription.paused": (
        lambda t: f"Langganan {t.who} dijeda",
        lambda t: f"The subscription of {t.who} is paused",
    ),
    "subscription.resumed": (
        lambda t: f"Langganan {t.who} berjalan lagi",
        lambda t: f"The subscription of {t.who} is served again",
    ),
    "subscription.upgrade_waiting": (
        lambda t: (
            f"{t.who} pindah ke {t.says('plan')} begitu {t.rp('total')} dibayar, "
            f"paling lambat {t.day('valid_until')}"
        ),
        lambda t: (
            f"{t.who} moves to {t.says('plan')} once {t.rp('total')} is paid, "
            f"until {t.day('valid_until')} at the latest"
        ),
    ),
    "subscription.upgrade_lapsed": (
        lambda t: f"{t.who} tetap di paketnya: pindah paket tidak dibayar atau diganti",
        lambda t: f"{t.who} keeps the plan: the upgrade was not paid, or another took its place",
    ),
    "discount.created": (
        lambda t: f"Diskon baru: {t.says('code')}",
        lambda t: f"New discount: {t.says('code')}",
    ),
    "discount.stopped": (
        lambda t: f"Diskon {t.says('code')} dihentikan",
        lambda t: f"The discount {t.says('code')} is stopped",
    ),
    "discount.given": (
        lambda t: f"{t.who} memakai kode {t.says('code')} mulai {t.day('since')}",
        lambda t: f"{t.who} uses the code {t.says('code')} from {t.day('since')}",
    ),
    "discount.ended": (
        lambda t: f"Diskon {t.says('code')} untuk {t.who} berakhir {t.day('ends_on')}",
        lambda t: f"The discount {t.says('code')} of {t.who} ends on {t.day('ends_on')}",
    ),
}
