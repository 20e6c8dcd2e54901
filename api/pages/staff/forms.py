"""What changing and cancelling share: the subject of a form, its fingerprint, the way back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.enums import RequestEncodingType
from litestar.params import Body

from api.pages.staff import reads
from api.pages.staff.frame import Setting, setting_of
from api.pages.staff.problems import StaleError
from api.pages.staff.session import SignedIn
from api.pages.web import see_other
from billing import queries
from billing.records import Customer
from core import ids
from core.errors import Conflict, Forbidden, InvalidRequest
from core.work import Work

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]


def subject(unit: Work, subscription_id: UUID) -> tuple[Setting, reads.Held, Customer]:
    """Read what a form is about."""
    row = queries.get_subscription(unit, subscription_id)
    [held] = reads.held_by(unit, [row])
    return setting_of(unit), held, queries.get_customer(unit, row.customer_id)


def undo(
    person: SignedIn, subscription: str, done: str, act: Callable[[Work, UUID], object]
) -> Response[Any]:
    """Take back what waits for a period's end; nothing to take back is no error."""
    subscription_id = ids.parse("subscription", subscription)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        customer = queries.get_subscription(unit, subscription_id).customer_id
    try:
        with person.engine.work(person.merchant_id, person.actor) as unit:
            act(unit, subscription_id)
    except Conflict:
        done = "done_nothing"
    return back(person, customer, done)


def require(allowed: bool) -> None:
    """Refuse what a role may not do.

    Raises:
        Forbidden: ``no_right``.
    """
    if not allowed:
        raise Forbidden("no_right", "this role may not do this")


def require_same(form: dict[str, str], now: str) -> None:
    """Refuse to do other than what was shown.

    Raises:
        StaleError: the figures have moved.
    """
    if form.get("print") != now:
        raise StaleError


def day_in(form: dict[str, str], name: str, code: str) -> date | None:
    """Read the day of a field; an empty one is none.

    Raises:
        InvalidRequest: ``code``.
    """
    said = form.get(name, "").strip()
    try:
        return date.fromisoformat(said) if said else None
    except ValueError:
        raise InvalidRequest(code, "a date", field=name) from None


def fingerprint(*parts: object) -> str:
    """A short text that is equal only if all parts are."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:24]


def back(person: SignedIn, customer_id: UUID, done: str) -> Response[Any]:
    """On to the customer's page, which says what was done."""
    return see_other(f"{person.root}/customers/{ids.public('customer', customer_id)}?done={done}")
