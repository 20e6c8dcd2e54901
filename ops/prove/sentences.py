"""A broken promise in one sentence that names who, how much and when, in Indonesian or English."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from ops.prove.book import TAKEN, Transaction
from ops.prove.checks import Violation

_ZONE = ZoneInfo("Asia/Jakarta")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des")
_MONTHS_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Rule → what it means for whoever it met; {who}, {rp}, {day}.
_WORDS = {
    "I2 never charged twice": (
        "{who} ditagih lebih dari sekali untuk satu tagihan: {list}.",
        "{who} was charged more than once for one invoice: {list}.",
    ),
    "I2 money is booked": (
        "{who} membayar {rp} pada {day}, dan buku kita tidak mencatatnya.",
        "{who} paid {rp} on {day}, and our books do not have it.",
    ),
    "I2 nothing booked that was not taken": (
        "Pembayaran {who} sebesar {rp} tercatat, padahal Midtrans tidak mengambilnya.",
        "A payment of {rp} by {who} is booked, but Midtrans never took it.",
    ),
    "I4 written ahead": (
        "{rp} ditagihkan ke {who} pada {day} tanpa tercatat lebih dulu.",
        "{rp} was charged to {who} on {day} without being written down first.",
    ),
    "I9 never sent again after an end": (
        "Pesanan {who} sebesar {rp} ditagih lagi setelah Midtrans menyatakannya selesai.",
        "An order of {who} over {rp} was charged again after Midtrans had told its end.",
    ),
    "I11 refunds agree": (
        "Pengembalian dana {who} atas {rp} tidak sama di buku kita dan di buku Midtrans.",
        "What was given back of {rp} to {who} differs between our books and Midtrans'.",
    ),
    "nothing is left open": (
        "Pesanan {who} sebesar {rp} menggantung tanpa akhir.",
        "An order of {who} over {rp} hangs without an end.",
    ),
}


def sentence(
    violation: Violation, who: str | None, orders: Sequence[Transaction], language: str
) -> str | None:
    """Say it of this customer; None where the rule has no words or nobody is concerned.

    ``orders`` are those of the same invoice at the gateway, the one it is about among them.
    """
    words = _WORDS.get(violation.rule)
    about = next((one for one in orders if one.order_id == violation.order_id), None)
    if words is None or who is None or about is None:
        return None
    taken = [one for one in orders if one.paid_at is not None or one.state in TAKEN]
    join = " dan lagi " if language == "id" else " and again "
    on = "{rp} pada {day}" if language == "id" else "{rp} on {day}"
    listed = join.join(
        on.format(rp=rupiah(one.amount), day=day(one.paid_at or one.at, language))
        for one in sorted(taken or [about], key=lambda one: one.paid_at or one.at)
    )
    at = about.paid_at or about.at
    text = words[0 if language == "id" else 1]
    return text.format(who=who, rp=rupiah(about.amount), day=day(at, language), list=listed)


def rupiah(amount: int) -> str:
    """``99000`` → ``Rp99.000``."""
    return f"Rp{amount:,}".replace(",", ".")


def day(at: datetime, language: str) -> str:
    """The civil day in Jakarta, such as ``1 Des``."""
    local = at.astimezone(_ZONE)
    names = _MONTHS if language == "id" else _MONTHS_EN
    return f"{local.day} {names[local.month - 1]}"
