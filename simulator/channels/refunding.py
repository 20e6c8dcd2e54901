"""Which money may still go back, by channel, acquirer and hour. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from simulator.channels import row_of
from simulator.clock import WIB
from simulator.model import Transaction
from simulator.switches import Switches

_NIGHT = (time(23, 50), time(6))
_ONE_WAY_ISSUERS = frozenset({"bca", "bni", "bri"})
_DIRECT_BANKS = frozenset({"bca", "maybank", "bri"})


def days(tx: Transaction, switches: Switches) -> int:
    """How many days after the transaction a refund is taken; 0 when never."""
    row = row_of(tx)
    if row.refunds is None:
        return 0
    off_us = tx.extras.get("transaction_type") == "off-us"
    if row.name in ("gopay", "qris") and off_us:
        return 7
    if row.name == "gopay_tokenized" and switches.gopay_window == "refund_page":
        return 90 if tx.extras.get("payment_option_type") == "GOPAY_COINS" else 180
    if row.name == "ovo" and switches.ovo_ota:
        return 180
    return row.refunds.days


def allowed(tx: Transaction, now: datetime, switches: Switches, *, direct: bool) -> bool:
    """May any refund of this payment be asked for now? Amounts are another question."""
    row = row_of(tx)
    if row.refunds is None or (direct and not _direct(tx, switches)):
        return False
    off_us = tx.extras.get("transaction_type") == "off-us"
    issuer = str(tx.extras.get("issuer", "")).lower()
    if row.name == "qris_airpay" and off_us and issuer in _ONE_WAY_ISSUERS:
        return False
    if not switches.refund_windows:
        return True
    if row.refunds.rests_at_night and at_night(now):
        return False
    return now <= tx.created_at + timedelta(days=days(tx, switches))


def at_night(now: datetime) -> bool:
    """Between 23:50 and 06:00 WIB ShopeePay's and Airpay's refunds rest."""
    clock = now.astimezone(WIB).time()
    return clock >= _NIGHT[0] or clock < _NIGHT[1]


def whole_only(tx: Transaction, switches: Switches) -> bool:
    """Is nothing but the full amount taken?"""
    row = row_of(tx)
    if row.name == "shopeepay" and switches.shopeepay_partial_refund:
        return False
    return row.refunds is not None and row.refunds.whole_only


def _direct(tx: Transaction, switches: Switches) -> bool:
    """Direct refunds of cards work with some acquirers only; wallets have them all."""
    if tx.payment_type != "credit_card" or switches.card_direct_refund == "all":
        return True
    if switches.card_direct_refund == "never":
        return False
    bank, channel = tx.extras.get("bank"), tx.extras.get("channel")
    return bank in _DIRECT_BANKS or (bank == "bni" and channel == "cybersource")
