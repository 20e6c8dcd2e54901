"""Midtrans as our port: requests written in its words, one client for each merchant's keys."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin
from uuid import UUID

import requests

from core.merchant import Merchant
from core.settings import Settings
from core.vault import Vault
from payments.adapters.midtrans.answers import (
    WIB,
    charge_answer,
    refund_answer,
    status_answer,
)
from payments.adapters.midtrans.client import (
    PRODUCTION_URL,
    SANDBOX_URL,
    MidtransClient,
    PooledSession,
)
from payments.gateway import Answer, ChargeRequest, RefundAnswer
from payments.notifications import verify


class MidtransGateway:
    """One merchant's Midtrans."""

    def __init__(self, client: MidtransClient, signature_key: str) -> None:
        self._client = client
        self._signature_key = signature_key

    def __repr__(self) -> str:
        return "<MidtransGateway>"

    def charge(self, request: ChargeRequest, *, idempotency_key: str) -> Answer:
        """POST /v2/charge."""
        return charge_answer(self._client.charge(charge_payload(request), idempotency_key))

    def status(self, order_id: str) -> Answer:
        """GET /v2/{order id}/status."""
        return status_answer(self._client.status(order_id))

    def cancel(self, order_id: str, *, idempotency_key: str) -> RefundAnswer:
        """POST /v2/{order id}/cancel."""
        return refund_answer(self._client.cancel(order_id, idempotency_key), canceling=True)

    def expire(self, order_id: str, *, idempotency_key: str) -> RefundAnswer:
        """POST /v2/{order id}/expire."""
        return refund_answer(self._client.expire(order_id, idempotency_key), canceling=True)

    def refund(
        self, order_id: str, *, refund_key: str, amount: int, reason: str, idempotency_key: str
    ) -> RefundAnswer:
        """POST /v2/{order id}/refund."""
        payload = {"refund_key": refund_key, "amount": amount, "reason": reason[:255]}
        return refund_answer(self._client.refund(order_id, payload, idempotency_key))

    def verify_notification(self, body: dict[str, Any]) -> bool:
        """Check ``signature_key`` in constant time."""
        return verify(body, self._signature_key)

    def set_time(self, to: datetime) -> datetime | None:  # noqa: ARG002
        """A real gateway has its own clock."""
        return None

    def next_due(self) -> datetime | None:
        """A real gateway tells us by itself."""
        return None


class SimulatedGateway(MidtransGateway):
    """The simulator: the same wire format, and a clock that a test merchant's clock drags along."""

    def __init__(self, client: MidtransClient, server_key: str, base_url: str) -> None:
        super().__init__(client, server_key)
        self._server_key = server_key
        self._base_url = base_url
        self._http = requests.Session()
        self._http.trust_env = False

    def set_time(self, to: datetime) -> datetime | None:
        """Move its clock; it does all that is due on the way and delivers its notifications."""
        self._control("POST", "/_sim/clock", {"to": to.astimezone(UTC).isoformat()})
        return self.next_due()

    def next_due(self) -> datetime | None:
        """When it does something by itself next."""
        due = self._control("GET", "/_sim/next").get("next")
        return datetime.fromisoformat(due).astimezone(UTC) if due else None

    def _control(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        response = self._http.request(
            method,
            urljoin(self._base_url, path),
            json=body,
            headers={"X-Sim-Server-Key": self._server_key},
            timeout=(5, 120),
        )
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


class MidtransGateways:
    """Builds and keeps the gateway of each merchant; rebuilt when its keys or address change."""

    def __init__(self, settings: Settings, vault: Vault) -> None:
        self._settings = settings
        self._vault = vault
        self._session = PooledSession()
        self._known: dict[UUID, tuple[object, MidtransGateway]] = {}
        self._lock = threading.Lock()

    def of(self, merchant: Merchant) -> MidtransGateway:
        """The gateway with this merchant's own keys and address.

        Raises:
            Unavailable: its keys can not be opened.
        """
        mark = (
            merchant.gateway,
            merchant.gateway_url,
            merchant.server_key_sealed,
            merchant.signature_key_sealed,
        )
        with self._lock:
            known = self._known.get(merchant.merchant_id)
            if known is None or known[0] != mark:
                known = (mark, self._build(merchant))
                self._known[merchant.merchant_id] = known
            return known[1]

    def _build(self, merchant: Merchant) -> MidtransGateway:
        if merchant.server_key_sealed is None:
            raise ValueError(f"merchant {merchant.slug} has no server key")
        server_key = self._open(merchant, merchant.server_key_sealed, "server_key")
        signing = (
            self._open(merchant, merchant.signature_key_sealed, "signature_key")
            if merchant.signature_key_sealed is not None
            else server_key
        )
        base_url = {
            "sandbox": SANDBOX_URL,
            "production": PRODUCTION_URL,
            "simulator": merchant.gateway_url or self._settings.simulator_url,
        }[merchant.gateway]
        client = MidtransClient(
            base_url,
            server_key,
            self._session,
            connect_seconds=self._settings.gateway_connect_seconds,
            read_seconds=self._settings.gateway_read_seconds,
        )
        if merchant.gateway == "simulator":
            return SimulatedGateway(client, server_key, base_url)
        return MidtransGateway(client, signing)

    def _open(self, merchant: Merchant, sealed: bytes, what: str) -> str:
        return self._vault.open(sealed, f"{merchant.merchant_id}:{what}").decode()


def charge_payload(request: ChargeRequest) -> dict[str, Any]:
    """The body of POST /v2/charge; one item for the whole invoice, so that the sum rule holds.

    Raises:
        ValueError: a channel this adapter does not speak.
    """
    payload: dict[str, Any] = {
        "transaction_details": {"order_id": request.order_id, "gross_amount": request.amount},
        "item_details": [
            {"id": "1", "price": request.amount, "quantity": 1, "name": request.item_name[:50]}
        ],
        "customer_details": {
            "first_name": request.customer_name[:30],
            "email": request.customer_email,
        },
    }
    if request.channel == "card":
        card: dict[str, Any] = {"token_id": request.token}
        if request.initiated_by == "merchant":
            card["initiated_by"] = "merchant"
        if request.authenticate:
            card["authentication"] = True
        if request.save_token:
            card["save_token_id"] = True
        if request.authorize_only:
            card["type"] = "authorize"
        return {"payment_type": "credit_card", **payload, "credit_card": card}
    if request.channel == "bca_va":
        transfer = {"bank": "bca"}
        if request.va_number:
            transfer["va_number"] = request.va_number
        payload = {"payment_type": "bank_transfer", **payload, "bank_transfer": transfer}
        if request.expires_at and request.ordered_at:
            minutes = int((request.expires_at - request.ordered_at).total_seconds() // 60)
            payload["custom_expiry"] = {
                "order_time": request.ordered_at.astimezone(WIB).strftime("%Y-%m-%d %H:%M:%S %z"),
                "expiry_duration": max(1, min(minutes, 180 * 24 * 60)),
                "unit": "minute",
            }
        return payload
    raise ValueError(f"this adapter does not speak {request.channel}")
