"""Midtrans as our port: requests written in its words, one client for each merchant's keys."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin
from uuid import UUID

import requests

from core.merchant import Merchant
from core.settings import Settings
from core.vault import Vault
from payments.adapters.midtrans.answers import (
    account_answer,
    charge_answer,
    page_answer,
    refund_answer,
    status_answer,
)
from payments.adapters.midtrans.client import (
    PRODUCTION_URL,
    SANDBOX_URL,
    SNAP_PRODUCTION_URL,
    SNAP_SANDBOX_URL,
    MidtransClient,
    PooledSession,
)
from payments.adapters.midtrans.payloads import charge_payload, page_payload
from payments.channels import CHANNELS
from payments.gateway import AccountAnswer, Answer, ChargeRequest, RefundAnswer
from payments.notifications import verify

# Codes of our own where no transaction came to be: the wallet was unlinked, its purse is off.
ACCOUNT_ENDED = "account_ended"
OPTION_OFF = "156"


class MidtransGateway:
    """One merchant's Midtrans."""

    def __init__(self, client: MidtransClient, signature_key: str) -> None:
        self._client = client
        self._signature_key = signature_key

    def __repr__(self) -> str:
        return "<MidtransGateway>"

    def charge(self, request: ChargeRequest, *, idempotency_key: str) -> Answer:
        """POST /v2/charge; a hosted page is opened by Snap instead.

        A linked wallet is read first, because its charge token changes: what can not be read is
        ``not_sent``, for nothing was asked for yet.
        """
        if request.channel == "snap":
            raw = self._client.open_page(page_payload(request), idempotency_key)
            return page_answer(raw, request)
        if CHANNELS[request.channel].by_account:
            ready = self._with_wallet_token(request)
            if isinstance(ready, Answer):
                return ready
            raw = self._client.charge(charge_payload(ready), idempotency_key)
            if raw.code == 410:  # our keys were good a moment ago: it is the wallet that is not
                return _no_wallet("410", "the wallet is blocked")
            return charge_answer(raw)
        return charge_answer(self._client.charge(charge_payload(request), idempotency_key))

    def _with_wallet_token(self, request: ChargeRequest) -> ChargeRequest | Answer:
        if request.account_id is None:
            return _no_wallet(ACCOUNT_ENDED, "there is no linked wallet")
        found = self.account(request.account_id)
        if found.status in ("unknown", "not_sent", "refused"):
            told = found.retry_after
            return Answer("not_sent", code=found.code, message=found.message, retry_after=told)
        if found.code == "404":
            # No proof that it is over: the questions about the account say so, should they go on.
            return Answer("refused", code="404", message=found.message)
        if found.status != "enabled":
            return _no_wallet(ACCOUNT_ENDED, "the wallet is not linked any more")
        for option in found.options:
            if option.name == request.wallet_option and option.active:
                return replace(request, token=option.token)
        return _no_wallet(OPTION_OFF, "this purse of the wallet is switched off")

    def capture(self, order_id: str, *, amount: int, idempotency_key: str) -> Answer:
        """POST /v2/capture; a refusal by the bank leaves the hold as it is."""
        return charge_answer(self._client.capture(order_id, amount, idempotency_key))

    def review(self, order_id: str, *, accept: bool, idempotency_key: str) -> Answer:
        """POST /v2/{order id}/approve or /deny; the outcome is what the status then says."""
        call = self._client.approve if accept else self._client.deny
        return charge_answer(call(order_id, idempotency_key))

    def close_page(self, token: str) -> bool:
        """POST /snap/v1/transactions/{token}/cancel."""
        raw = self._client.close_page(token)
        return raw.kind == "body" and raw.code < 300

    def link_account(self, *, phone: str, return_url: str) -> AccountAnswer:
        """POST /v2/pay/account for GoPay."""
        country, national = (phone[:2], phone[2:]) if phone.startswith("62") else ("62", phone)
        partner = {
            "phone_number": national.lstrip("0"),
            "country_code": country,
            "redirect_url": return_url,
        }
        payload = {"payment_type": "gopay", "gopay_partner": partner}
        return account_answer(self._client.link_account(payload))

    def account(self, account_id: str) -> AccountAnswer:
        """GET /v2/pay/account/{id}."""
        return account_answer(self._client.account(account_id))

    def unlink_account(self, account_id: str) -> AccountAnswer:
        """POST /v2/pay/account/{id}/unbind."""
        return account_answer(self._client.unlink_account(account_id))

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


def _no_wallet(code: str, why: str) -> Answer:
    """No transaction came to be; ``payment_type`` says whose codes these are."""
    return Answer("failed", code=code, message=why, payment_type="gopay")


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
        snap_url = {
            "sandbox": SNAP_SANDBOX_URL,
            "production": SNAP_PRODUCTION_URL,
            "simulator": None,
        }[merchant.gateway]
        client = MidtransClient(
            base_url,
            server_key,
            self._session,
            snap_url=snap_url,
            connect_seconds=self._settings.gateway_connect_seconds,
            read_seconds=self._settings.gateway_read_seconds,
        )
        if merchant.gateway == "simulator":
            return SimulatedGateway(client, server_key, base_url)
        return MidtransGateway(client, signing)

    def _open(self, merchant: Merchant, sealed: bytes, what: str) -> str:
        return self._vault.open(sealed, f"{merchant.merchant_id}:{what}").decode()
