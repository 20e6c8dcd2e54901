"""A gateway on the bench: the adapter as shipped, its wire underneath, and the payer's hands."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import requests

from core.clock import utc_now
from ops.certify.listening import Heard, ListeningClient
from payments.adapters.midtrans.client import MidtransClient, PooledSession
from payments.adapters.midtrans.gateways import MidtransGateway
from payments.channels import CHANNELS, wire_id
from payments.gateway import AccountAnswer, Answer, ChargeRequest, RefundAnswer

Facts = dict[str, str]

AMOUNT: Final = 99_000
# Midtrans' published test cards and phones; nobody's money is behind them.
CARDS: Final = {
    "accept": "4811111111111114",
    "deny": "4911111111111113",
    "fraud": "4611111111111116",
    "challenge": "5510111111111115",
    "no money": "4472429869996670",
    "bni": "4105058689481467",
}
PHONE: Final = "628215023424"

# Words whose value matters; of all others only the form does.
_LITERAL: Final = frozenset(
    {
        "status_code", "transaction_status", "fraud_status", "payment_type", "currency",
        "channel_response_code", "account_status", "store", "bank", "gross_amount",
        "refund_amount",
    }
)  # fmt: skip
_FORMS: Final = (
    ("time", re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")),
    ("amount", re.compile(r"\d+\.00")),
    ("digits", re.compile(r"\d+")),
    ("uuid", re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")),
    ("address", re.compile(r"[a-z][a-z0-9+.-]*://.+")),
)


class NotTried(Exception):  # noqa: N818 - no error: it says what a person would have to do
    """What a case needs and this gateway does not offer to a program."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What a payer does, done through the control side of a simulator."""

    url: str
    server_key: str = field(repr=False)

    def do(self, path: str, **body: Any) -> None:
        """One act, such as ``pay`` with an ``order_id``."""
        answer = requests.post(
            f"{self.url}/_sim/{path}",
            json=body,
            headers={"X-Sim-Server-Key": self.server_key},
            timeout=(3, 30),
        )
        answer.raise_for_status()


@dataclass(slots=True)
class Bench:
    """One gateway under test."""

    url: str
    server_key: str = field(repr=False)
    client_key: str = field(repr=False)
    snap_url: str | None = None
    hands: Hands | None = None
    run: str = field(default_factory=lambda: secrets.token_hex(5).upper())
    client: MidtransClient = field(init=False, repr=False)
    gateway: MidtransGateway = field(init=False, repr=False)
    now: datetime = field(default_factory=utc_now)
    # Who does by hand what no program can, told what it is; says whether it was done.
    person: Callable[[str], bool] | None = field(default=None, repr=False)
    # What was opened and may still be open: orders by the gateway's name for them, pages, links.
    orders: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    # How long each call to charge took, in milliseconds.
    waits: list[int] = field(default_factory=list)
    # What statuses said beside what the adapter reads of them; shared with accounts of its own.
    heard: Heard = field(default_factory=Heard, repr=False)
    _n: int = 0

    def __post_init__(self) -> None:
        self.client = self._client(self.server_key)
        self.gateway = MidtransGateway(self.client, self.server_key)

    def _client(self, server_key: str) -> MidtransClient:
        return ListeningClient(
            self.heard, self.url, server_key, PooledSession(),
            snap_url=self.snap_url, connect_seconds=3, read_seconds=30,
        )  # fmt: skip

    def stranger(self) -> MidtransGateway:
        """The same gateway called with a key it does not know."""
        key = "SB-Mid-server-nobody-knows-this"
        return MidtransGateway(self._client(key), key)

    def aside(self, what: str) -> Bench:
        """An account of its own at this simulator, whose clock stands and can be moved.

        Raises:
            NotTried: this is no simulator; ``what`` says what a person would have to do.
        """
        if self.hands is None:
            raise NotTried(f"a person must {what}")
        mark = secrets.token_hex(8)
        key, client_key = f"SB-Mid-server-{mark}", f"SB-Mid-client-{mark}"
        hands = Hands(self.hands.url, key)
        hands.do("accounts", server_key=key, client_key=client_key)
        made = Bench(
            self.url, key, client_key, snap_url=self.snap_url, hands=hands, now=self.now,
            heard=self.heard,
        )  # fmt: skip
        made.wait()
        return made

    def wait(self, **span: float) -> None:
        """Let time pass on an account of its own (`aside`)."""
        self.now += timedelta(**span)
        self.act("clock", "wait", to=self.now.isoformat())

    def call(self, method: str, path: str, **query: str) -> Facts:
        """A call that the adapter has no use for, as the wire has it."""
        told = requests.request(
            method, f"{self.url}{path}", params=query, auth=(self.server_key, ""), timeout=(3, 30)
        )
        facts = {"http": str(told.status_code)}
        try:
            body = told.json()
        except ValueError:
            return {**facts, "body": "not JSON"}
        if isinstance(body, dict):
            facts |= {f"raw.{name}": form_of(name, value) for name, value in body.items()}
        return facts

    def act(self, path: str, what: str, **body: Any) -> None:
        """Let the payer do something.

        Raises:
            NotTried: nobody is there; ``what`` says what a person would do.
        """
        if self.hands is not None:
            self.hands.do(path, **body)
        elif self.person is None or not self.person(what):
            raise NotTried(f"a person must {what}")

    def key(self) -> str:
        """A fresh idempotency key."""
        return secrets.token_hex(16)

    def request(self, channel: str, **change: Any) -> ChargeRequest:
        """A charge of Rp99,000 under an order id of its own."""
        self._n += 1
        made = ChargeRequest(
            order_id=f"CERT-{self.run}-{self._n}",
            channel=channel,
            amount=AMOUNT,
            currency="IDR",
            initiated_by="customer",
            customer_name="Sari Wulandari",
            customer_email="sari@example.com",
            item_name="Certification",
            phone=PHONE if "phone" in CHANNELS[channel].needs else None,
            ordered_at=self.now,
            expires_at=self.now + timedelta(hours=2),
        )
        return replace(made, **change)

    def charge(self, request: ChargeRequest, key: str | None = None) -> Answer:
        """Ask for it once."""
        started = time.monotonic()
        answer = self.gateway.charge(request, idempotency_key=key or self.key())
        self.waits.append(int((time.monotonic() - started) * 1000))
        at = wire_id(request.channel, request.order_id, answer.transaction_id)
        self.heard.names[at] = request.order_id
        page = answer.instructions.get("snap_token")
        if page is not None:
            self.pages.append(page)
        elif answer.status in ("pending", "authorized", "paid"):
            self.orders.append(at)
        return answer

    def link(self, phone: str, return_url: str) -> AccountAnswer:
        """Ask a customer to link GoPay."""
        answer = self.gateway.link_account(phone=phone, return_url=return_url)
        if answer.account_id is not None:
            self.links.append(answer.account_id)
        return answer

    def opened(self, channel: str, **change: Any) -> tuple[ChargeRequest, str]:
        """An order that waits for its payer, and the id the gateway knows it by."""
        request = self.request(channel, **change)
        answer = self.charge(request)
        if answer.status != "pending":
            told = f"{answer.code or '-'} {answer.message or ''}".strip()
            raise NotTried(f"no {channel} order could be opened: {answer.status} {told}")
        return request, wire_id(channel, request.order_id, answer.transaction_id)

    def paid(self, channel: str) -> tuple[ChargeRequest, str]:
        """An order that its payer has paid."""
        request, at = self.opened(channel)
        self.act("pay", f"pay the {channel} order {request.order_id}", order_id=request.order_id)
        return request, at

    def card(self, number: str = CARDS["accept"]) -> str:
        """A one-time token of a test card, as a browser gets it."""
        year = str(self.now.year + 3)
        return self._token(card_number=number, card_exp_month="12", card_exp_year=year)

    def second_click(self, saved_token: str) -> str:
        """A one-time token of a saved card whose holder has typed its code again."""
        return self._token(token_id=saved_token)

    def _token(self, **card: str) -> str:
        told = requests.get(
            f"{self.url}/v2/token",
            params={"client_key": self.client_key, "card_cvv": "123", **card},
            timeout=(3, 30),
        ).json()
        token = told.get("token_id") if isinstance(told, dict) else None
        if not token:
            raise NotTried(f"the gateway gave no card token: {told}")
        return str(token)


def facts_of(answer: Answer | RefundAnswer | AccountAnswer) -> Facts:
    """What two gateways must agree in: our reading of an answer, and the form of theirs."""
    facts: Facts = {"status": answer.status}
    if answer.code is not None:
        facts["code"] = answer.code
    if isinstance(answer, Answer):
        facts["amount"] = str(answer.amount)
        shown = sorted(name for name, value in answer.instructions.items() if value)
        facts["instructions"] = " ".join(shown) or "none"
        facts["settled"] = str(answer.settled)
    if isinstance(answer, AccountAnswer):
        facts["links"] = " ".join(
            name for name, at in (("web", answer.link_url), ("app", answer.app_url)) if at
        )
        facts["purses"] = " ".join(sorted(option.name for option in answer.options))
    else:
        facts |= {f"raw.{name}": form_of(name, value) for name, value in answer.raw.items()}
    return facts


def form_of(name: str, value: object) -> str:
    """The form of one field's value, or the value itself where it is a word of the contract."""
    if name in _LITERAL:
        return str(value)
    if isinstance(value, str):
        return next((form for form, like in _FORMS if like.fullmatch(value)), "text")
    return {dict: "object", list: "list", bool: "yes or no", int: "number"}.get(
        type(value), type(value).__name__
    )
