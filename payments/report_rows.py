"""What a line of a settlement report says: its kind by words, and amounts that add up.

Reports differ in what they print: fees with or without PPN, as costs or as negative numbers, with
or without what is left. All of them come to one identity, and a line that does not is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from payments.fees import PPN
from payments.report_cells import UnreadableError

_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "payment": (
        "payment", "settlement", "settled", "capture", "captured", "success", "paid", "charge",
        "sale", "pembayaran", "penjualan", "berhasil", "lunas", "transaksi", "transaction",
        "purchase", "acquiring",
    ),
    "refund": (
        "refund", "partialrefund", "refunded", "pengembalian", "pengembaliandana", "directrefund",
    ),
    "chargeback": ("chargeback", "partialchargeback", "dispute", "sengketa"),
    "payout": (
        "payout", "withdrawal", "withdraw", "penarikan", "penarikandana", "pencairan",
        "pencairandana", "disbursement", "autopayout", "autowithdrawal",
    ),
    "nothing": (
        "pending", "expire", "expired", "deny", "denied", "cancel", "canceled", "cancelled",
        "failure", "failed", "authorize", "authorized", "menunggu", "gagal", "kedaluwarsa",
        "dibatalkan", "batal", "ditolak", "rejected", "queued", "requested", "processing",
        "diproses",
    ),
}  # fmt: skip
_KIND_OF: Final = {word: kind for kind, words in _WORDS.items() for word in words}
# Some reports call the way of paying a type; then the sign says what happened.
_CHANNELS: Final = frozenset(
    (
        "creditcard", "debitcard", "card", "kartukredit", "kartu", "banktransfer", "transferbank",
        "va", "virtualaccount", "bcava", "bniva", "briva", "permatava", "cimbva", "echannel",
        "mandiribill", "gopay", "qris", "shopeepay", "dana", "ovo", "cstore", "indomaret",
        "alfamart", "akulaku", "kredivo",
    )
)  # fmt: skip


def kind_of(type_word: str | None, status: str | None, gross: int) -> str:
    """Say what a line tells: by its type, else by its status, else by its sign.

    Raises:
        UnreadableError: ``kind``, for a word that we do not know; it is never guessed.
    """
    by_type = _known(type_word)
    by_status = _known(status)
    # A payout that was refused or has not left yet moved nothing, as a payment that was denied.
    if by_type in ("payment", "payout") and by_status == "nothing":
        return "nothing"
    if by_type:
        return by_type
    if type_word and _bare(type_word) not in _CHANNELS:
        raise UnreadableError("kind", f"the type {type_word[:40]!r} is not known")
    if by_status:
        # One line an order: what is negative went back, whatever the order's status is called.
        return "refund" if by_status == "payment" and gross < 0 else by_status
    if status:
        raise UnreadableError("kind", f"the status {status[:40]!r} is not known")
    return "refund" if gross < 0 else "payment"


@lru_cache(maxsize=1_024)
def _bare(word: str) -> str:
    return re.sub(r"[^a-z]", "", word.lower())


def _known(word: str | None) -> str | None:
    return _KIND_OF.get(_bare(word)) if word else None


@dataclass(frozen=True, slots=True)
class Amounts:
    """``gross = fee + ppn + net + rounding``; rounding is at most a rupiah either way."""

    gross: int
    fee: int
    ppn: int
    net: int
    rounding: int


def amounts_of(
    kind: str,
    gross: int,
    fee: int | None,
    *,
    ppn: int | None,
    deducted: int | None,
    net: int | None,
) -> Amounts:
    """Bring the amounts of a line to one identity.

    Args:
        fee: without PPN, where the report tells it; ``deducted`` with it.
        ppn: on the fee.

    Raises:
        UnreadableError: ``sums`` where they do not add up, ``amount`` for a payment of nothing.
    """
    if gross == 0 and kind != "payout":
        raise UnreadableError("amount", "the amount is nothing")
    if kind == "payment" and gross < 0:
        raise UnreadableError("sums", "a payment with a negative amount")
    if kind != "payment" and gross > 0:
        # Printed as a positive number in a line that says that it went back or out.
        gross, net = -gross, -net if net is not None and net > 0 else net
    fee, ppn = _parts(gross, fee, ppn, deducted, net)
    if net is None:
        if kind == "payout" and (fee or ppn):
            # Taken out of the amount, or on top of it: only what is left tells.
            raise UnreadableError("sums", "a payout with a fee and without its net amount")
        fee, ppn = _as_costs(gross, fee, ppn)
        return Amounts(gross, fee, ppn, gross - fee - ppn, 0)
    for cost, tax in ((fee, ppn), (-fee, -ppn)):
        rounding = gross - cost - tax - net
        # What is kept of a payment does not make it more.
        if -1 <= rounding <= 1 and not (kind == "payment" and cost + tax < 0 < fee + ppn):
            return Amounts(gross, cost, tax, net, rounding)
    raise UnreadableError("sums", f"{gross} less {fee} and {ppn} is not {net}")


def _parts(
    gross: int, fee: int | None, ppn: int | None, deducted: int | None, net: int | None
) -> tuple[int, int]:
    """Fee and PPN from what is printed; where PPN is not, from what is left."""
    if deducted is not None and fee is None:
        return deducted - (ppn or 0), ppn or 0
    if fee is None:
        return (0 if net is None else gross - net - (ppn or 0)), ppn or 0
    if ppn is not None:
        return fee, ppn
    left = deducted - fee if deducted is not None else (gross - net - fee if net is not None else 0)
    expected = fee * PPN.numerator // PPN.denominator
    return fee, left if abs(left - expected) <= 1 and left else 0


def _as_costs(gross: int, fee: int, ppn: int) -> tuple[int, int]:
    """Costs of a payment that are printed as negative numbers."""
    return (-fee, -ppn) if gross > 0 and fee <= 0 and ppn <= 0 else (fee, ppn)
