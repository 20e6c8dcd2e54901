"""The channel table: one row per way to pay. All that differs between channels stands here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from simulator.answers import RefusalError, invalid
from simulator.channels import card, linked, paylater, qris, transfer, wallets
from simulator.channels.row import DAY, MINUTE, PENDING_ONLY, Channel, Life, Opening, Refunds
from simulator.model import Json, Transaction

_VA = Life(DAY)
_QUARTER = Life(15 * MINUTE, longest=7 * DAY)
_VA_SAID = "Success, Bank Transfer transaction is created"
_STORE_SAID = "Success, cstore transaction is successful"
_REFERENCES = frozenset({"shopeepay_reference_number", "reference_id"})


_LEGACY = (
    *("bca_klikpay", "bca_klikbca", "bri_epay", "cimb_clicks", "danamon_online"),
    *("mandiri_clickpay", "googlepay"),
)


def _va(bank: str, *, snap_only: bool = False) -> Channel:
    permata = bank == "permata"
    return Channel(
        f"{bank}_va",
        "bank_transfer",
        transfer.bank_account(bank),
        "Success, PERMATA VA transaction is successful" if permata else _VA_SAID,
        "number",
        _VA,
        reversible=permata,
        remembers_keys=not permata,
        snap_only=snap_only,
    )


def _legacy(payment_type: str) -> Channel:
    return Channel(
        payment_type,
        payment_type,
        paylater.redirect_page,
        f"Success, {payment_type} transaction is successful",
        "login",
        Life(DAY),
        remembers_keys=payment_type not in ("cimb_clicks", "bca_klikbca"),
        legacy=True,
        brand=payment_type.replace("_", " ").title(),
    )


_ROWS = (
    Channel("credit_card", "credit_card", card.charge, card.SUCCESS, "card", refunds=Refunds(180)),
    *(_va(bank) for bank in ("bca", "bni", "bri", "cimb", "permata")),
    *(_va(bank, snap_only=True) for bank in ("danamon", "bsi", "seabank")),
    Channel(
        "echannel",
        "echannel",
        transfer.bill,
        "OK, Mandiri Bill transaction is successful",
        "number",
        _VA,
        reversible=True,
    ),
    Channel(
        "indomaret",
        "cstore",
        transfer.store,
        _STORE_SAID,
        "number",
        _VA,
        paid=transfer.till_slip,
        reversible=True,
        remembers_keys=False,
        has_fraud_status=False,
        expires_as_202=True,
    ),
    Channel("alfamart", "cstore", transfer.store, _STORE_SAID, "number", _VA),
    Channel(
        "gopay",
        "gopay",
        wallets.gopay,
        "GoPay transaction is created",
        "pin",
        _QUARTER,
        Refunds(45),
        wallets.gopay_paid,
        expires_as_202=True,
        brand="GoPay",
    ),
    Channel(
        "gopay_tokenized",
        "gopay",
        linked.charge,
        "",
        "pin",
        refunds=Refunds(45),
        paid=linked.verified,
        moved=linked.purse,
        expires_as_202=True,
        brand="GoPay",
    ),
    Channel(
        "qris",
        "qris",
        qris.code,
        "QRIS transaction is created",
        "qr",
        _QUARTER,
        Refunds(45),
        qris.scanned,
        expires_as_202=True,
        brand="QRIS",
    ),
    Channel(
        "qris_airpay",
        "qris",
        qris.code,
        "QRIS transaction is created",
        "qr",
        Life(15 * MINUTE, longest=5 * DAY),
        Refunds(365, rests_at_night=True),
        qris.scanned,
        expires_as_202=True,
        brand="QRIS",
    ),
    Channel(
        "shopeepay",
        "shopeepay",
        wallets.shopeepay,
        "ShopeePay transaction is created",
        "login",
        refunds=Refunds(365, whole_only=True, rests_at_night=True),
        paid=qris.airpay_references,
        status_only=_REFERENCES,
        brand="ShopeePay",
    ),
    Channel(
        "dana",
        "dana",
        wallets.dana,
        "DANA transaction is created",
        "pin",
        Life(15 * MINUTE, 15 * MINUTE, DAY),
        Refunds(45),
        only_by_transaction_id=True,
        brand="DANA",
    ),
    Channel(
        "ovo",
        "ovo",
        wallets.ovo,
        "Ovo transaction is created",
        "push",
        Life(timedelta(seconds=65), fixed=True),
        Refunds(7, whole_only=True),
        wallets.ovo_paid,
        wallets.ovo_moved,
        refused_as="17",
        brand="OVO",
    ),
    Channel(
        "akulaku",
        "akulaku",
        paylater.akulaku,
        "Success, Akulaku transaction is created",
        "login",
        refunds=Refunds(180),
        brand="Akulaku",
    ),
    Channel(
        "kredivo",
        "kredivo",
        paylater.kredivo,
        "Success, Kredivo transaction is created",
        "login",
        _VA,
        Refunds(14),
        brand="Kredivo",
    ),
    *map(_legacy, _LEGACY),
)
CHANNELS: dict[str, Channel] = {row.name: row for row in _ROWS}
PAYMENT_TYPES = frozenset(row.payment_type for row in _ROWS)


def _gopay_name(body: Json) -> str:
    told = body.get("gopay") or {}
    if not isinstance(told, dict):
        raise invalid("gopay is not valid")
    tokenized = "account_id" in told or "payment_option_token" in told
    return "gopay_tokenized" if tokenized else "gopay"


_SELECT: dict[str, Callable[[Json], str]] = {
    "bank_transfer": transfer.bank_name,
    "cstore": transfer.store_name,
    "gopay": _gopay_name,
    "qris": qris.acquirer_name,
}


def select(body: Json) -> Channel:
    """The row of a charge request. Raises the 400 when its selector names none."""
    payment_type = str(body.get("payment_type"))
    choose = _SELECT.get(payment_type)
    return CHANNELS[choose(body) if choose else payment_type]


def row_of(tx: Transaction) -> Channel:
    """The row by which a transaction came in."""
    return CHANNELS[tx.channel]


def check_open(row: Channel, disabled: list[str], *, legacy: bool, more_banks: bool) -> None:
    """402 for what this merchant may not use; 400 for banks the Core API does not know."""
    if row.snap_only and not more_banks:
        raise invalid(f"{row.payment_type}.bank is not supported")
    shut = row.payment_type in disabled or row.name in disabled
    if shut or (row.legacy and not legacy):
        raise RefusalError("402", "Payment channel is not activated.")


def earlier_row(tx: Transaction) -> str:
    """The row of a transaction that a journal from before the table holds."""
    if tx.payment_type == "bank_transfer":
        vas = tx.extras.get("va_numbers")
        return f"{vas[0]['bank']}_va" if vas else "permata_va"
    if tx.payment_type == "cstore":
        return str(tx.extras["store"])
    return tx.payment_type


__all__ = [
    "CHANNELS",
    "PAYMENT_TYPES",
    "PENDING_ONLY",
    "Channel",
    "Opening",
    "check_open",
    "earlier_row",
    "row_of",
    "select",
]
