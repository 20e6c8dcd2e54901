"""What the simulator tells of an order's life, word for word, kept to be told again in any order.

A life is played once on an account of its own; every answer is kept as it came. `replay.Replay`
then gives those very answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from simulated import Desk, open_desk

from ops.certify.bench import AMOUNT, CARDS, PHONE, Bench, Hands
from payments.adapters.midtrans.client import Raw
from payments.adapters.midtrans.payloads import charge_payload, page_payload
from payments.channels import CHANNELS, PUSHES, wire_id
from payments.gateway import ChargeRequest

Body = dict[str, Any]

# At noon in Jakarta: ShopeePay gives nothing back at night.
NOON: Final = datetime(2026, 1, 5, 5, 0, tzinfo=UTC)
PART: Final = 10_000
CHALLENGED: Final = "5510111111111115"
KEYS: Final = ("R-1", "R-2")


@dataclass(frozen=True, slots=True)
class Life:
    """What was told: the answer to the charge, then one status after each thing that happened.

    ``ours`` are the steps that we ask for ourselves (refunds), each with what was asked for.
    ``held``: the card is not charged at once.
    """

    channel: str
    name: str
    charge: Raw
    told: tuple[Body, ...]
    ours: dict[int, tuple[str, Raw]] = field(default_factory=dict)
    merchant_initiated: bool = False
    held: bool = False

    @property
    def key(self) -> str:
        return f"{self.channel}: {self.name}"


class Recorder:
    """Plays one life and keeps what is told."""

    def __init__(self, desk: Desk, channel: str, name: str, **change: Any) -> None:
        self.desk = desk
        hands = Hands(desk.url, desk.server_key)
        self.bench = Bench(desk.url, desk.server_key, desk.client_key, hands=hands, now=NOON)
        desk.control("POST", "clock", to=NOON.isoformat())
        token = change.pop("pan", None)
        if token is not None:
            change["token"] = self.bench.card(token)
        if channel in ("card", "gopay_linked"):
            change.setdefault("expires_at", None)
        if channel == "gopay_linked":
            # Where it asks for a PIN at all.
            desk.control(
                "POST", "accounts", server_key=desk.server_key, client_key=desk.client_key,
                switches={"gopay_pin_from": AMOUNT + (0 if change.pop("pin", False) else 1)},
            )  # fmt: skip
            change["account_id"], change["token"] = self._linked()
        self.request: ChargeRequest = self.bench.request(channel, **change)
        payload = charge_payload(self.request)
        raw = self.bench.client.charge(payload, self.bench.key())
        self.at = wire_id(channel, self.request.order_id, raw.body.get("transaction_id"))
        self.life = Life(
            channel, name, raw, (self.status(),),
            merchant_initiated=self.request.initiated_by == "merchant",
            held=self.request.authorize_only,
        )  # fmt: skip
        self.told: list[Body] = [self.status()]
        self.ours: dict[int, tuple[str, Raw]] = {}

    def _linked(self) -> tuple[str, str]:
        asked = self.bench.gateway.link_account(phone=PHONE, return_url="https://shop.example/ok")
        assert asked.account_id is not None
        self.bench.act("pay-accounts", "", account_id=asked.account_id, action="link")
        [option, *_] = self.bench.gateway.account(asked.account_id).options
        return asked.account_id, option.token

    def status(self) -> Body:
        return self.bench.client.status(self.at).body

    def act(self, path: str, **body: Any) -> Recorder:
        """Something happens on the gateway's side."""
        self.bench.act(path, "", transaction_id=self.transaction_id, **body)
        return self._keep()

    def call(self, what: str) -> Recorder:
        """Somebody cancels, expires, approves or denies it, at the gateway's own pages say."""
        raw = getattr(self.bench.client, what)(self.at, self.bench.key())
        assert raw.body.get("transaction_status"), raw
        return self._keep()

    def capture(self, amount: int) -> Recorder:
        """Somebody takes what a card holds, or a part of it, at the gateway's pages say."""
        raw = self.bench.client.capture(self.transaction_id, amount, self.bench.key())
        assert raw.body.get("transaction_status") == "capture", raw
        return self._keep()

    def clock(self, **later: float) -> Recorder:
        """Time passes."""
        self.desk.control("POST", "clock", to=(NOON + timedelta(**later)).isoformat())
        return self._keep()

    def refund(self, amount: int, *, ours: bool) -> Recorder:
        """Money goes back: by our own call, or by somebody at the gateway's pages."""
        key = KEYS[sum(body.get("refunds") is not None for body in self.told) > 0]
        payload = {"refund_key": key, "amount": amount, "reason": "test"}
        raw = self.bench.client.refund(self.at, payload, self.bench.key())
        assert raw.body.get("refund_key") == key, raw
        if ours:
            self.ours[len(self.told)] = ("refund", raw)
        return self._keep()

    def cancel_ours(self) -> Recorder:
        """We give a captured card back whole."""
        raw = self.bench.client.cancel(self.at, self.bench.key())
        assert raw.body.get("transaction_status") == "cancel", raw
        self.ours[len(self.told)] = ("cancel", raw)
        return self._keep()

    def said(self, **words: Any) -> Recorder:
        """A status that no rule of the simulator's leads to, after the last one."""
        self.told.append({**self.told[-1], **words})
        return self

    def done(self) -> Life:
        return Life(
            self.life.channel, self.life.name, self.life.charge, tuple(self.told), self.ours,
            self.life.merchant_initiated, self.life.held,
        )  # fmt: skip

    @property
    def transaction_id(self) -> str:
        return str(self.told[0]["transaction_id"])

    def _keep(self) -> Recorder:
        self.told.append(self.status())
        return self


class PageRecorder(Recorder):
    """The same for a hosted page: nobody knows its order until something is chosen on it."""

    def __init__(self, desk: Desk, name: str) -> None:
        self.desk = desk
        hands = Hands(desk.url, desk.server_key)
        self.bench = Bench(desk.url, desk.server_key, desk.client_key, hands=hands, now=NOON)
        desk.control("POST", "clock", to=NOON.isoformat())
        request = self.bench.request("snap")
        self.at = request.order_id
        self.life = Life(
            "snap", name, self.bench.client.open_page(page_payload(request), self.bench.key()), ()
        )
        self.told, self.ours = [{}], {}

    def act(self, path: str, **body: Any) -> PageRecorder:
        self.bench.act(path, "", order_id=self.at, **body)
        self._keep()
        return self


def lives(url: str, channel: str) -> list[Life]:
    """Every life of a channel, as the simulator at ``url`` tells it."""

    def begin(channel: str, name: str, **change: Any) -> Recorder:
        return Recorder(open_desk(url), channel, name, **change)

    if channel == "snap":
        return list(_pages(lambda name: PageRecorder(open_desk(url), name)))
    if channel in PUSHES:
        return list(_pushed(channel, begin))
    return list(_cards(begin) if channel == "card" else _linked(begin))


Begin = Callable[..., Recorder]


def _pushed(channel: str, begin: Begin) -> Iterator[Life]:
    row = CHANNELS[channel]
    yield begin(channel, "paid").act("pay").done()
    yield begin(channel, "ran out").call("expire").done()
    yield begin(channel, "withdrawn").call("cancel").done()
    yield begin(channel, "refused").said(transaction_status="deny", status_code="202").done()
    yield begin(channel, "no answer of the provider").act("fail").done()
    late = begin(channel, "paid after its end").call("expire")
    yield late.said(transaction_status="settlement", status_code="200").done()
    if row.reversible:
        yield begin(channel, "taken back by the bank").act("pay").act("reverse").done()
    if row.refund.refundable:
        yield from _refunded(lambda name: begin(channel, name).act("pay"), row.refund.partial)
    if channel == "gopay":
        scanned = begin(channel, "scanned as a QR").act("pay", via="qris", issuer="dana")
        yield scanned.refund(AMOUNT, ours=True).done()


def _refunded(paid: Callable[[str], Recorder], in_parts: bool) -> Iterator[Life]:
    """Each refund is told twice: when it is made and when the payer's bank has confirmed it."""
    whole = paid("given back whole").refund(AMOUNT, ours=True)
    yield whole.clock(days=2).done()
    yield paid("given back by somebody else").refund(AMOUNT, ours=False).clock(days=2).done()
    if in_parts:
        parts = paid("given back in two parts").refund(PART, ours=True)
        yield parts.refund(AMOUNT - PART, ours=True).clock(days=2).done()


def _cards(begin: Begin) -> Iterator[Life]:
    def asked(name: str) -> Recorder:
        return begin("card", name, pan=CARDS["accept"], authenticate=True, save_token=True)

    def pulled(name: str, pan: str = CARDS["accept"]) -> Recorder:
        return begin("card", name, pan=pan, initiated_by="merchant")

    def settled(name: str) -> Recorder:
        return pulled(name).act("settle")

    def held(name: str) -> Recorder:
        return begin("card", name, pan=CARDS["accept"], authorize_only=True)

    yield held("held, taken whole and settled").capture(AMOUNT).act("settle").done()
    yield held("held, taken in part and settled").capture(PART).act("settle").done()
    yield held("held and let go").call("cancel").done()
    yield held("held until it ran out").clock(days=9).done()
    yield asked("confirmed and settled").act("3ds", result="accept").act("settle").done()
    yield asked("not confirmed").act("3ds", result="deny").done()
    yield asked("confirmed by nobody").clock(minutes=11).done()
    yield settled("charged and settled").done()
    yield pulled("refused at once", CARDS["deny"]).done()
    yield pulled("challenged, then approved", CHALLENGED).call("approve").act("settle").done()
    yield pulled("challenged, then denied", CHALLENGED).call("deny").done()
    yield pulled("canceled by us").cancel_ours().done()
    yield pulled("canceled by somebody else").call("cancel").done()
    yield (
        settled("charged back in two parts")
        .act("chargeback", amount=PART)
        .act("chargeback", amount=2 * PART)
        .done()
    )
    yield settled("charged back whole").act("chargeback").done()
    yield (
        settled("charged back in part, then whole")
        .act("chargeback", amount=PART)
        .act("chargeback")
        .done()
    )
    yield from _refunded(settled, in_parts=True)


def _linked(begin: Begin) -> Iterator[Life]:
    here = "gopay_linked"

    def pulled(name: str) -> Recorder:
        return begin(here, name, initiated_by="merchant")

    def asks(name: str) -> Recorder:
        return begin(here, name, initiated_by="merchant", pin=True)

    yield pulled("charged").done()
    yield asks("paid by PIN").act("pay").done()
    yield asks("its PIN given by nobody").clock(minutes=20).done()
    given_back = asks("paid by PIN, given back").act("pay").refund(AMOUNT, ours=True)
    yield given_back.clock(days=2).done()
    yield from _refunded(pulled, in_parts=True)


def _pages(begin: Callable[[str], PageRecorder]) -> Iterator[Life]:
    def card(name: str, number: str) -> PageRecorder:
        chosen = begin(name).act("snap", method="credit_card", card_number=number)
        return chosen.act("3ds", result="accept")

    yield begin("a number chosen and paid").act("snap", method="bca_va").act("pay").done()
    yield card("a card chosen", CARDS["accept"]).act("settle").done()
    tries = card("a card denied, then a QR paid", CARDS["deny"]).act("snap", method="other_qris")
    yield tries.act("pay").done()
