"""The official client, driven safely: time-outs, one pool, headers by call, no redirects.

`midtransclient` 1.4.2 passes no time-out, opens a connection a call, follows redirects (turning a
POST into a GET), pastes ids unquoted into paths and prints the server key in a ``repr``. Each is
mended here from outside; nothing of it is patched globally.
"""

from __future__ import annotations

import http.cookiejar
import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import midtransclient
import requests
from midtransclient.config import ApiConfig
from midtransclient.error_midtrans import JSONDecodeError, MidtransAPIError
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NameResolutionError, NewConnectionError

from payments.adapters.midtrans.retry_after import seconds_of

SANDBOX_URL = "https://api.sandbox.midtrans.com"
PRODUCTION_URL = "https://api.midtrans.com"
SNAP_SANDBOX_URL = "https://app.sandbox.midtrans.com/snap/v1"
SNAP_PRODUCTION_URL = "https://app.midtrans.com/snap/v1"

_SAFE_ID = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,49}")
_headers: ContextVar[dict[str, str]] = ContextVar("midtrans_headers")
_timeout: ContextVar[tuple[int, int]] = ContextVar("midtrans_timeout")
# The last answer of the present call, which the official client keeps to itself where it trips.
_heard: ContextVar[requests.Response | None] = ContextVar("midtrans_heard", default=None)


@dataclass(frozen=True, slots=True)
class Raw:
    """What came back: ``kind`` is ``body`` (an answer of theirs), ``not_sent`` or ``unknown``.

    ``retry_after`` is how many seconds they want to be left alone, where they said so.
    """

    kind: str
    code: int = 0
    body: dict[str, Any] = field(default_factory=dict)
    detail: str = ""
    retry_after: int | None = None


class PooledSession(requests.Session):
    """One pool for all merchants of a process; no proxies, cookies, retries or redirects."""

    def __init__(self, pool: int = 32) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self.mount(
                scheme,
                HTTPAdapter(pool_connections=8, pool_maxsize=pool, max_retries=0, pool_block=True),
            )

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """Add the time-out and headers of the present call."""
        kwargs["timeout"] = _timeout.get()
        kwargs["allow_redirects"] = False
        kwargs["headers"] = {**(kwargs.get("headers") or {}), **_headers.get({})}
        response = super().request(method, url, *args, **kwargs)
        _heard.set(response)
        return response


class _Endpoints(ApiConfig):  # type: ignore[misc]
    """The client's settings with its hosts on the instance, so several can live in one process."""

    def __init__(self, base_url: str, snap_url: str, server_key: str) -> None:
        super().__init__(is_production=False, server_key=server_key)
        self.CORE_SANDBOX_BASE_URL = self.CORE_PRODUCTION_BASE_URL = base_url
        self.SNAP_SANDBOX_BASE_URL = self.SNAP_PRODUCTION_BASE_URL = snap_url

    def __repr__(self) -> str:
        return "<Endpoints, keys not shown>"


class MidtransClient:
    """Calls for one merchant; safe for many threads, as nothing is changed after construction."""

    def __init__(
        self,
        base_url: str,
        server_key: str,
        session: requests.Session,
        *,
        snap_url: str | None = None,
        connect_seconds: int,
        read_seconds: int,
    ) -> None:
        self._snap_url = (snap_url or f"{base_url.rstrip('/')}/snap/v1").rstrip("/")
        self._core = midtransclient.CoreApi()
        self._core.api_config = _Endpoints(base_url.rstrip("/"), self._snap_url, server_key)
        self._core.http_client.http_client = session
        self._snap = midtransclient.Snap()
        self._snap.api_config = self._core.api_config
        self._snap.http_client = self._core.http_client
        self._connect = connect_seconds
        self._read = read_seconds

    def __repr__(self) -> str:
        return "<MidtransClient>"

    def charge(self, payload: dict[str, Any], idempotency_key: str) -> Raw:
        """POST /v2/charge."""
        return self._call(lambda: self._core.charge(payload), self._read, idempotency_key)

    def status(self, order_id: str) -> Raw:
        """GET /v2/{id}/status."""
        checked = _checked(order_id)
        return self._call(lambda: self._core.transactions.status(checked), min(self._read, 10))

    def cancel(self, order_id: str, idempotency_key: str) -> Raw:
        """POST /v2/{id}/cancel."""
        checked = _checked(order_id)
        return self._call(
            lambda: self._core.transactions.cancel(checked), self._read, idempotency_key
        )

    def expire(self, order_id: str, idempotency_key: str) -> Raw:
        """POST /v2/{id}/expire."""
        checked = _checked(order_id)
        return self._call(
            lambda: self._core.transactions.expire(checked), self._read, idempotency_key
        )

    def refund(self, order_id: str, payload: dict[str, Any], idempotency_key: str) -> Raw:
        """POST /v2/{id}/refund."""
        checked = _checked(order_id)
        return self._call(
            lambda: self._core.transactions.refund(checked, payload), self._read, idempotency_key
        )

    def capture(self, transaction_id: str, amount: int, idempotency_key: str) -> Raw:
        """POST /v2/capture."""
        payload = {"transaction_id": _checked(transaction_id), "gross_amount": amount}
        return self._call(lambda: self._core.capture(payload), self._read, idempotency_key)

    def approve(self, order_id: str, idempotency_key: str) -> Raw:
        """POST /v2/{id}/approve."""
        checked = _checked(order_id)
        return self._call(
            lambda: self._core.transactions.approve(checked), self._read, idempotency_key
        )

    def deny(self, order_id: str, idempotency_key: str) -> Raw:
        """POST /v2/{id}/deny."""
        checked = _checked(order_id)
        return self._call(
            lambda: self._core.transactions.deny(checked), self._read, idempotency_key
        )

    def open_page(self, payload: dict[str, Any], idempotency_key: str) -> Raw:
        """POST /snap/v1/transactions."""
        return self._call(
            lambda: self._snap.create_transaction(payload), self._read, idempotency_key
        )

    def close_page(self, token: str) -> Raw:
        """POST /snap/v1/transactions/{token}/cancel, which the official client does not know."""
        url = f"{self._snap_url}/transactions/{_checked(token)}/cancel"
        return self._call(lambda: self._other("post", url), min(self._read, 10))

    def link_account(self, payload: dict[str, Any]) -> Raw:
        """POST /v2/pay/account; idempotency keys are not honoured there."""
        return self._call(lambda: self._core.link_payment_account(payload), self._read)

    def account(self, account_id: str) -> Raw:
        """GET /v2/pay/account/{id}."""
        checked = _checked(account_id)
        return self._call(lambda: self._core.get_payment_account(checked), min(self._read, 10))

    def unlink_account(self, account_id: str) -> Raw:
        """POST /v2/pay/account/{id}/unbind."""
        checked = _checked(account_id)
        return self._call(lambda: self._core.unlink_payment_account(checked), self._read)

    def _other(self, method: str, url: str) -> dict[str, Any]:
        """A call the client has no name for, with its own handling of errors."""
        config = self._core.api_config
        answer, _ = self._core.http_client.request(method, config.server_key, url, {}, {}, {})
        found: dict[str, Any] = answer
        return found

    def _call(
        self,
        call: Callable[[], dict[str, Any]],
        read_seconds: int,
        idempotency_key: str | None = None,
    ) -> Raw:
        _timeout.set((self._connect, read_seconds))
        _headers.set({"Idempotency-Key": idempotency_key} if idempotency_key else {})
        _heard.set(None)
        raw = self._classified(call)
        heard = _heard.get()
        if heard is None:
            return raw
        _heard.set(None)
        return replace(raw, retry_after=seconds_of(heard.status_code, heard.headers))

    def _classified(self, call: Callable[[], dict[str, Any]]) -> Raw:
        try:
            return _answer(200, call())
        except MidtransAPIError as error:
            return _answer(error.http_status_code, error.api_response_dict)
        except requests.exceptions.ConnectTimeout:
            return Raw("not_sent", detail="connect timed out")
        except requests.exceptions.ConnectionError as error:
            if _never_left(error):
                return Raw("not_sent", detail="connection refused")
            return Raw("unknown", detail="connection lost")
        except requests.exceptions.Timeout:
            return Raw("unknown", detail="no answer in time")
        except (JSONDecodeError, requests.exceptions.RequestException):
            return Raw("unknown", detail="an answer that is not JSON")
        except (AttributeError, ValueError, TypeError, KeyError):
            # The client trips over lists, nulls and words where it expects an object with a code.
            return Raw("unknown", detail="an answer of an unexpected shape")


def _answer(http_status: int, body: object) -> Raw:
    """The effective code: HTTP's where it is an error, else the body's."""
    if not isinstance(body, dict):
        return Raw("unknown", detail="an answer of an unexpected shape")
    try:
        code = http_status if http_status >= 400 else int(body.get("status_code", http_status))
    except (TypeError, ValueError):
        return Raw("unknown", body=body, detail="a status code that is not a number")
    return Raw("body", code, body)


def _never_left(error: requests.exceptions.ConnectionError) -> bool:
    """Whether the connection was never made: refused, unreachable, or the name not found."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | NameResolutionError)


def _checked(order_id: str) -> str:
    """The client pastes ids into the path as they are; ours never need quoting."""
    if not _SAFE_ID.fullmatch(order_id):
        raise ValueError("not an id that can stand in a path")
    return order_id
