"""Who calls: the operator, a merchant's key, a member of staff; and whether the route lets them."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from litestar import Litestar, Request
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from sqlalchemy import select

from api.frame import mark_start
from api.scopes import OPEN, STAFF_SCOPES, allows, expand
from api.source import source_of
from billing.engine import Engine
from billing.flows import machine_keys, people
from core import ids
from core.actor import Actor
from core.errors import Forbidden, InvalidRequest, NotFound, Unauthenticated
from core.tables import merchants

MERCHANT_HEADER: Final = "Tagihan-Merchant"
_SLUG: Final = re.compile("[a-z0-9][a-z0-9-]{1,38}")
_OPERATOR: Final = expand(["admin"]) | {"operator"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the door.

    Attributes:
        merchant_id: whose data; None for the operator who did not name a merchant.
        actor: what is noted beside every write; its source is the caller's address.
        scopes: all that is allowed, expanded.
    """

    merchant_id: UUID | None
    actor: Actor
    scopes: frozenset[str]

    @property
    def merchant(self) -> UUID:
        """The merchant this call is about.

        Raises:
            Forbidden: ``merchant_needed``, for an operator who named none.
        """
        if self.merchant_id is None:
            raise Forbidden(
                "merchant_needed", f"say for which merchant in the header {MERCHANT_HEADER}"
            )
        return self.merchant_id


def engine_of(app: Litestar) -> Engine:
    """The wired parts of this process."""
    return cast(Engine, app.state["engine"])


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Find out who calls and whether the route's scope allows it, before the body is read."""
    mark_start(connection.scope)
    needed = str(handler.opt["scope"])
    if needed in OPEN:
        return
    caller = await sync_to_thread(
        authenticate,
        engine_of(connection.app),
        connection.headers.get("authorization", ""),
        connection.headers.get(MERCHANT_HEADER.lower()),
        source_of(connection),
    )
    connection.scope["state"]["caller"] = caller
    if not allows(caller.scopes, needed):
        raise Forbidden("scope_missing", f"this needs a key with the scope {needed!r}")
    if needed != "operator" and not handler.opt.get("any_merchant"):
        _ = caller.merchant


def authenticate(engine: Engine, authorization: str, merchant: str | None, source: str) -> Caller:
    """Read the header ``Authorization: Bearer …``.

    Raises:
        Unauthenticated: ``no_credentials`` or ``invalid_credentials``.
        NotFound: ``merchant_not_found``, when another merchant is named than the key's.
        InvalidRequest: ``invalid_merchant``, for what is neither an id nor a slug.
    """
    scheme, _, secret = authorization.partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret:
        raise Unauthenticated("no_credentials", "send Authorization: Bearer and your key")
    operator = engine.settings.operator_key
    if operator and hmac.compare_digest(secret.encode(), operator.encode()):
        named = _named(engine, merchant) if merchant else None
        return Caller(named, Actor("operator", "operator", source), _OPERATOR)
    key = machine_keys.find_key(engine, secret)
    if key is None:
        raise Unauthenticated("invalid_credentials", "this key is not known, ended or was revoked")
    if merchant and _named(engine, merchant) != key.merchant_id:
        raise NotFound("merchant_not_found", "there is no such merchant")
    actor = Actor("key", ids.public("key", key.id), source)
    return Caller(key.merchant_id, actor, expand(key.scopes))


def find_staff_session(engine: Engine, cookie: str, *, source: str = "local") -> Caller | None:
    """Who is signed in at the pages; None when nobody is."""
    person = people.find_session(engine, cookie)
    if person is None:
        return None
    return Caller(
        person.merchant_id, Actor("staff", person.email, source), STAFF_SCOPES[person.role]
    )


def sign_in(engine: Engine, slug: str, email: str, password: str, *, source: str = "local") -> str:
    """Open a session for a member of staff; the answer belongs into a cookie.

    Raises:
        Unauthenticated: ``sign_in_refused``.
    """
    return people.sign_in(engine, slug, email, password, source=source)


def require_scopes(app: Litestar) -> None:
    """Refuse to start when a route does not say who may call it.

    Raises:
        RuntimeError: naming the routes.
    """
    silent = sorted(
        {
            f"{'/'.join(sorted(handler.http_methods))} {route.path}"
            for route in app.routes
            for handler in getattr(route, "route_handlers", ())
            if isinstance(handler, HTTPRouteHandler)
            and "scope" not in handler.opt
            and handler.http_methods != {"OPTIONS"}
        }
    )
    if silent:
        raise RuntimeError(f"routes without a scope: {', '.join(silent)}")


def provide_engine(request: Request[Any, Any, Any]) -> Engine:
    """The engine, for handlers that ask for it."""
    return engine_of(request.app)


def provide_caller(request: Request[Any, Any, Any]) -> Caller:
    """The caller found by `guard`, for handlers that ask for it."""
    return cast(Caller, request.scope["state"]["caller"])


def _named(engine: Engine, text: str) -> UUID:
    """The merchant that the header names, by id or by slug."""
    text, known = text.strip(), merchants.c
    if text.startswith(f"{ids.PREFIXES['merchant']}_"):
        which = known.merchant_id == ids.parse("merchant", text, field=MERCHANT_HEADER)
    elif _SLUG.fullmatch(text):
        which = known.slug == text
    else:
        raise InvalidRequest(
            "invalid_merchant",
            "name the merchant by its id (mer_…) or by its slug, such as kopi-senja",
            field=MERCHANT_HEADER,
        )
    with engine.db.lookup() as session:
        found = session.execute(select(known.merchant_id).where(which)).scalar_one_or_none()
    if found is None:
        raise NotFound("merchant_not_found", "there is no such merchant")
    return cast(UUID, found)
