"""Which column of a settlement report is what: header names in English and Indonesian.

Midtrans publishes no fixed header, and its dashboards have had several; so a column is known by any
of its names, whatever the case, the spaces and the unit behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a column tells."""

    ORDER_ID = "order_id"
    TRANSACTION_ID = "transaction_id"
    REFERENCE = "reference"
    KIND = "kind"
    STATUS = "status"
    CHANNEL = "channel"
    CURRENCY = "currency"
    GROSS = "gross"
    FEE = "fee"
    PPN = "ppn"
    DEDUCTED = "deducted"
    NET = "net"
    SETTLED = "settled"
    HAPPENED = "happened"


# The first name found wins; of fees there may be several columns, which are added up.
ALIASES: Final[Mapping[Role, tuple[str, ...]]] = {
    Role.ORDER_ID: (
        "order id", "id order", "id pesanan", "nomor pesanan", "no pesanan", "merchant order id",
        "nomor order", "no order", "order number", "order no", "order",
    ),
    Role.TRANSACTION_ID: (
        "transaction id", "id transaksi", "nomor transaksi", "no transaksi", "trx id",
        "midtrans transaction id", "transaction number",
    ),
    Role.REFERENCE: (
        "refund key", "refund id", "payout id", "id payout", "id pencairan", "withdrawal id",
        "id penarikan", "reference", "reference id", "reference no", "referensi",
        "nomor referensi", "no referensi", "cross reference",
    ),
    Role.KIND: (
        "transaction type", "jenis transaksi", "tipe transaksi", "activity", "aktivitas",
        "entry type", "type", "jenis", "tipe",
    ),
    Role.STATUS: (
        "transaction status", "status transaksi", "payment status", "status pembayaran", "status",
    ),
    Role.CHANNEL: (
        "payment type", "payment method", "metode pembayaran", "tipe pembayaran",
        "jenis pembayaran", "payment channel", "channel", "metode", "saluran",
    ),
    Role.CURRENCY: ("currency", "mata uang", "curr"),
    Role.GROSS: (
        "gross amount", "gross", "transaction amount", "nilai transaksi", "jumlah transaksi",
        "jumlah kotor", "jumlah bruto", "bruto", "nominal transaksi", "nominal", "amount",
        "jumlah", "nilai",
    ),
    Role.FEE: (
        "fee", "fee amount", "transaction fee", "biaya transaksi", "biaya", "mdr", "mdr amount",
        "mdr fee", "biaya mdr", "midtrans fee", "biaya midtrans", "biaya layanan", "service fee",
        "admin fee", "biaya admin", "biaya administrasi",
    ),
    Role.PPN: (
        "ppn", "vat", "tax", "pajak", "ppn fee", "fee ppn", "fee vat", "vat on fee", "ppn on fee",
        "ppn biaya", "ppn atas biaya", "pajak biaya", "fee tax", "tax amount", "tax on fee",
        "vat amount",
    ),
    Role.DEDUCTED: (
        "total fee", "total fees", "total biaya", "fee incl ppn", "fee including ppn",
        "fee incl vat", "fee including vat", "biaya termasuk ppn", "total deduction",
        "total potongan", "potongan", "deduction",
    ),
    Role.NET: (
        "net amount", "nett amount", "net", "nett", "netto", "jumlah bersih", "jumlah neto",
        "nilai bersih", "bersih", "payable", "payable nett", "payable amount",
        "settlement amount", "jumlah diterima", "diterima", "jumlah dibayarkan",
    ),
    Role.SETTLED: (
        "settlement time", "settlement date", "settled at", "settled on", "settlement",
        "waktu settlement", "tanggal settlement", "waktu penyelesaian", "tanggal penyelesaian",
        "tanggal pencairan", "payout date",
    ),
    Role.HAPPENED: (
        "transaction time", "transaction date", "waktu transaksi", "tanggal transaksi", "tanggal",
        "date", "date time", "time", "waktu", "created at",
    ),
}  # fmt: skip

_ROLE_OF: Final = {
    "".join(name.split()): (role, rank)
    for role, names in ALIASES.items()
    for rank, name in enumerate(names)
}
_UNIT: Final = re.compile(r"[(\[](?:idr|rp\.?|rupiah|wib|gmt ?\+ ?0?7|utc ?\+ ?0?7)[)\]]\s*$")
_NOISE: Final = re.compile(r"[^a-z0-9]+")


def role_of(header: str) -> tuple[Role, int] | None:
    """What a header cell names, and how well: the smaller number is the better name."""
    text = _UNIT.sub("", header.strip().lower())
    name = _NOISE.sub("", text)
    return _ROLE_OF.get(name) or _ROLE_OF.get(re.sub(r"(?:idr|rp)$", "", name))


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each role stands; ``fees`` are added up. ``headers`` as they are in the file."""

    places: Mapping[Role, int]
    fees: tuple[int, ...]
    headers: tuple[str, ...]
    unknown: tuple[str, ...] = field(default=())

    @property
    def missing(self) -> tuple[str, ...]:
        """What a report can not do without, in words of a header; empty where all is there."""
        wanted = []
        if not {Role.ORDER_ID, Role.TRANSACTION_ID} & self.places.keys():
            wanted.append("Order ID")
        if Role.GROSS not in self.places:
            wanted.append("Gross Amount")
        if not {Role.SETTLED, Role.HAPPENED} & self.places.keys():
            wanted.append("Settlement Time")
        return tuple(wanted)

    @property
    def known(self) -> int:
        """How many columns are understood."""
        return len(self.places) + len(self.fees)


def columns_of(cells: Sequence[str]) -> Columns:
    """Understand a header line, as far as it is one."""
    best: dict[Role, tuple[int, int]] = {}
    fees: list[int] = []
    unknown: list[str] = []
    for place, cell in enumerate(cells):
        found = role_of(cell)
        if found is None:
            unknown.append(cell.strip())
        elif found[0] is Role.FEE:
            fees.append(place)
        elif found[0] not in best or found[1] < best[found[0]][0]:
            best[found[0]] = (found[1], place)
    return Columns(
        {role: place for role, (_, place) in best.items()},
        tuple(fees),
        tuple(cell.strip() for cell in cells),
        tuple(name for name in unknown if name),
    )
