"""Every way money can come in, one row each: what rules and flows may ask of a channel.

No module asks for a channel by name what it could ask of its row (ADR 0016). Times and refund
windows: Midtrans documentation, 2026; where its pages differ, the narrower reading stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final


class Group(StrEnum):
    """What a payer would call it."""

    CARD = "card"
    WALLET = "wallet"
    BANK = "bank"
    QR = "qr"
    STORE = "store"
    PAYLATER = "paylater"
    HOSTED = "hosted"


@dataclass(frozen=True, slots=True)
class Expiry:
    """How long the gateway waits for the payer: by default, at least and at most.

    ``fixed``: the gateway takes no wish of ours.
    """

    default: timedelta
    least: timedelta
    most: timedelta
    fixed: bool = False

    def clamp(self, wanted: timedelta) -> timedelta:
        """The nearest time the gateway accepts to the one that is wanted."""
        return self.default if self.fixed else max(self.least, min(wanted, self.most))


@dataclass(frozen=True, slots=True)
class RefundRules:
    """What a channel can give back: not at all, only whole, and within how many days."""

    refundable: bool
    partial: bool = False
    window_days: int | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to pay.

    Attributes:
        pull: we can charge it without the payer being there; else the payer pushes.
        shows: what the payer is given, keys of an order's ``instructions``.
        reversible: the bank may take a settled payment back within minutes.
        by_transaction_id: the gateway answers for its own id only, not for our order id.
        captured_first: paid before it settles; until then it can only be cancelled whole.
        needs: what must be known of the customer before it can be asked for.
        retries_by_key: the gateway honours an Idempotency-Key for it.
        by_account: it charges an account that its holder linked; a merchant switches it on.
    """

    key: str
    group: Group
    name_id: str
    name_en: str
    expiry: Expiry | None
    refund: RefundRules
    shows: tuple[str, ...] = ()
    pull: bool = False
    reversible: bool = False
    by_transaction_id: bool = False
    captured_first: bool = False
    needs: frozenset[str] = frozenset()
    retries_by_key: bool = True
    by_account: bool = False

    @property
    def is_hosted(self) -> bool:
        """Whether it is a page of the gateway's: unknown until something is chosen, then of as many
        tries as the payer makes (`payments.hosted`).
        """
        return self.group is Group.HOSTED

    def name(self, language: str) -> str:
        """What people call it."""
        return self.name_en if language == "en" else self.name_id


_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)

_BANK: Final = Expiry(_DAY, 20 * _SECOND, 180 * _DAY)
_QUICK: Final = Expiry(15 * _MINUTE, 20 * _SECOND, 7 * _DAY)
# The default is not documented; its maximum is, so we always say what we want.
_SHOPEEPAY: Final = Expiry(15 * _MINUTE, 20 * _SECOND, 5 * _DAY)
_DANA: Final = Expiry(15 * _MINUTE, 15 * _MINUTE, _DAY)
_OVO: Final = Expiry(65 * _SECOND, 65 * _SECOND, 65 * _SECOND, fixed=True)
_CARD_3DS: Final = Expiry(10 * _MINUTE, 10 * _MINUTE, 10 * _MINUTE, fixed=True)

_NEVER: Final = RefundRules(refundable=False)

_ROWS: Final = (
    Channel(
        "card", Group.CARD, "Kartu", "Card", _CARD_3DS,
        RefundRules(refundable=True, partial=True, window_days=180),
        ("redirect_url",), pull=True, captured_first=True,
    ),
    Channel(
        "gopay_linked", Group.WALLET, "GoPay (akun terhubung)", "GoPay (linked account)",
        Expiry(15 * _MINUTE, 15 * _MINUTE, 15 * _MINUTE, fixed=True),
        RefundRules(refundable=True, partial=True, window_days=45),
        ("redirect_url", "app_url"), pull=True, by_account=True,
    ),
    Channel(
        "bca_va", Group.BANK, "BCA Virtual Account", "BCA virtual account", _BANK, _NEVER,
        ("bank", "va_number"),
    ),
    Channel(
        "bni_va", Group.BANK, "BNI Virtual Account", "BNI virtual account", _BANK, _NEVER,
        ("bank", "va_number"),
    ),
    Channel(
        "bri_va", Group.BANK, "BRI Virtual Account", "BRI virtual account", _BANK, _NEVER,
        ("bank", "va_number"),
    ),
    Channel(
        "permata_va", Group.BANK, "Permata Virtual Account", "Permata virtual account", _BANK,
        _NEVER, ("bank", "va_number"), reversible=True, retries_by_key=False,
    ),
    Channel(
        "cimb_va", Group.BANK, "CIMB Niaga Virtual Account", "CIMB Niaga virtual account", _BANK,
        _NEVER, ("bank", "va_number"),
    ),
    Channel(
        "mandiri_bill", Group.BANK, "Mandiri Bill Payment", "Mandiri bill payment", _BANK, _NEVER,
        ("bank", "biller_code", "bill_key"), reversible=True,
    ),
    Channel(
        "gopay", Group.WALLET, "GoPay", "GoPay", _QUICK,
        RefundRules(refundable=True, partial=True, window_days=45), ("qr_url", "app_url"),
    ),
    Channel(
        "qris", Group.QR, "QRIS", "QRIS", _QUICK,
        RefundRules(refundable=True, partial=True, window_days=7), ("qr_string", "qr_url"),
    ),
    Channel(
        "shopeepay", Group.WALLET, "ShopeePay", "ShopeePay", _SHOPEEPAY,
        RefundRules(refundable=True, partial=False, window_days=365), ("app_url",),
    ),
    Channel(
        "dana", Group.WALLET, "DANA", "DANA", _DANA,
        RefundRules(refundable=True, partial=True, window_days=45), ("app_url",),
        by_transaction_id=True,
    ),
    Channel(
        "ovo", Group.WALLET, "OVO", "OVO", _OVO,
        RefundRules(refundable=True, partial=False, window_days=7), ("phone",),
        needs=frozenset({"phone"}),
    ),
    Channel(
        "indomaret", Group.STORE, "Indomaret", "Indomaret", _BANK, _NEVER,
        ("store", "payment_code"), reversible=True, retries_by_key=False,
    ),
    Channel(
        "alfamart", Group.STORE, "Alfamart", "Alfamart", _BANK, _NEVER,
        ("store", "payment_code"),
    ),
    Channel(
        "akulaku", Group.PAYLATER, "Akulaku PayLater", "Akulaku PayLater", _BANK,
        RefundRules(refundable=True, partial=True, window_days=180), ("redirect_url",),
        needs=frozenset({"phone"}),
    ),
    Channel(
        "kredivo", Group.PAYLATER, "Kredivo", "Kredivo", _BANK,
        RefundRules(refundable=True, partial=True, window_days=14), ("redirect_url",),
        needs=frozenset({"phone"}),
    ),
    Channel(
        # What the payer chooses on the hosted page has its own rules; until then, the narrowest. It
        # can be ended only before a choice, so it is open no longer than a choice takes.
        "snap", Group.HOSTED, "Halaman pembayaran Midtrans", "Midtrans payment page",
        Expiry(_HOUR, 5 * _MINUTE, 7 * _DAY), _NEVER, ("redirect_url", "snap_token"),
    ),
)  # fmt: skip

CHANNELS: Final[Mapping[str, Channel]] = {row.key: row for row in _ROWS}
PULLS: Final = frozenset(row.key for row in _ROWS if row.pull)
PUSHES: Final = frozenset(row.key for row in _ROWS if not row.pull)
HOSTED: Final = frozenset(row.key for row in _ROWS if row.is_hosted)
# What a merchant switches on and off; cards go by a contract of their own.
SWITCHED: Final = PUSHES | {row.key for row in _ROWS if row.by_account}
# What can be written on an invoice: a number or code that waits for weeks, and needs no page.
STANDING: Final = frozenset(row.key for row in _ROWS if row.group in (Group.BANK, Group.STORE))

# What the gateway calls them, where one word of theirs is one channel of ours.
_BY_PAYMENT_TYPE: Final[Mapping[str, str]] = {
    "credit_card": "card",
    "echannel": "mandiri_bill",
    "gopay": "gopay",
    "qris": "qris",
    "shopeepay": "shopeepay",
    "airpay_shopee": "shopeepay",
    "dana": "dana",
    "ovo": "ovo",
    "akulaku": "akulaku",
    "kredivo": "kredivo",
}


def channel_of(payment_type: str, bank_or_store: str | None = None) -> str | None:
    """Which channel of ours the gateway's words mean; None where no row fits.

    ``bank_transfer`` needs its bank and ``cstore`` its store. A GoPay order that was scanned as a
    QR comes back as ``qris``: what was paid is believed, the order is found by its ids.

    >>> channel_of("bank_transfer", "BNI")
    'bni_va'
    >>> channel_of("cstore", "indomaret")
    'indomaret'
    """
    detail = (bank_or_store or "").lower()
    if payment_type in ("bank_transfer", "cstore"):
        key = f"{detail}_va" if payment_type == "bank_transfer" else detail
        return key if key in CHANNELS else None
    return _BY_PAYMENT_TYPE.get(payment_type)


def pulled_by(channel: str | None) -> str:
    """By which of our channels a charge was pulled that the gateway tells of in its own words.

    What it calls GoPay was, when we charged it, a linked account.

    >>> pulled_by("gopay"), pulled_by(None)
    ('gopay_linked', 'card')
    """
    if channel in PULLS:
        return str(channel)
    group = CHANNELS[channel].group if channel is not None else Group.CARD
    return next((row.key for row in _ROWS if row.pull and row.group is group), "card")


def may_send_again(channel: str, initiated_by: str) -> bool:
    """Whether an order that the gateway never got may be sent once more, long afterwards.

    A pull of a saved card or linked wallet, and a number that waits for weeks: yes. Where the payer
    was present (a fresh card, a wallet, a QR) the moment has gone and it is offered anew.

    Source: decision 9.
    """
    row = CHANNELS[channel]
    if row.pull:
        return initiated_by == "merchant"
    return channel in STANDING


def wire_id(channel: str, order_id: str, transaction_id: str | None) -> str:
    """By which id the gateway is asked about an order, or told to end or refund it.

    Ours wherever it works: it was committed before the first send. DANA answers only for its own.

    >>> wire_id("dana", "ORDER-1", "A120-ID")
    'A120-ID'
    >>> wire_id("bca_va", "ORDER-1", "0f5c")
    'ORDER-1'
    """
    row = CHANNELS.get(channel)
    if row is not None and row.by_transaction_id and transaction_id:
        return transaction_id
    return order_id
