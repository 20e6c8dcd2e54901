"""A gateway in memory that tells recorded lives again, about orders of ours, at any moment of them."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field

from fakes import FakeGateway
from told import Body, Life

from payments.adapters.midtrans.answers import (
    charge_answer,
    page_answer,
    refund_answer,
    status_answer,
)
from payments.adapters.midtrans.client import Raw
from payments.channels import CHANNELS
from payments.gateway import Answer, ChargeRequest, RefundAnswer


@dataclass(slots=True)
class Order:
    """One order of ours and where in its life it is."""

    life: Life
    step: int = 0
    keys: dict[str, str] = field(default_factory=dict)


class Replay(FakeGateway):
    """The gateway whose every word was the simulator's."""

    def __init__(self) -> None:
        super().__init__()
        self.next_life: Life | None = None
        self.told: dict[str, Order] = {}
        self.by_transaction: dict[str, str] = {}
        self.asked = 0

    def charge(self, request: ChargeRequest, *, idempotency_key: str) -> Answer:
        assert self.next_life is not None
        self.told[request.order_id] = Order(self.next_life)
        raw = self.next_life.charge
        if self.next_life.channel == "snap":
            return page_answer(raw, request)
        return charge_answer(Raw(raw.kind, raw.code, self._ours(request.order_id, raw.body)))

    def status(self, order_id: str) -> Answer:
        self.asked += 1
        at = self.by_transaction.get(order_id, order_id)
        if at not in self.told:
            return Answer("not_found", order_id=order_id, code="404")
        if at == order_id and CHANNELS[self.told[at].life.channel].by_transaction_id:
            return Answer("not_found", order_id=order_id, code="404")
        body = self.body(at)
        return status_answer(Raw("body", 200 if body else 404, body))

    def refund(
        self, order_id: str, *, refund_key: str, amount: int, reason: str, idempotency_key: str
    ) -> RefundAnswer:
        return self._asked_for("refund", order_id, refund_key)

    def cancel(self, order_id: str, *, idempotency_key: str) -> RefundAnswer:
        return self._asked_for("cancel", order_id, "")

    def _asked_for(self, what: str, name: str, key: str) -> RefundAnswer:
        at = self.by_transaction.get(name, name)
        order = self.told[at]
        wanted, raw = order.life.ours[order.step + 1]
        assert wanted == what
        if key:
            order.keys[raw.body["refund_key"]] = key
        order.step += 1
        body = self._ours(at, raw.body)
        return refund_answer(Raw(raw.kind, raw.code, body), canceling=what == "cancel")

    def body(self, order_id: str, step: int | None = None) -> Body:
        """What is told of an order at a step of its life, by status and by notification alike;
        nothing while nobody has chosen anything on its page.
        """
        order = self.told[order_id]
        told = order.life.told[order.step if step is None else step]
        return self._ours(order_id, told) if told else {}

    def _ours(self, order_id: str, body: Body) -> Body:
        """The same words about an order of ours."""
        order = self.told[order_id]
        names = {"order_id": order_id}
        if "transaction_id" in body:
            ours = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{order_id} {body['transaction_id']}"))
            self.by_transaction[ours] = order_id
            names["transaction_id"] = ours
        text = json.dumps({**body, **names})
        for theirs, key in order.keys.items():
            text = text.replace(json.dumps(theirs), json.dumps(key))
        told: Body = json.loads(text)
        return told
