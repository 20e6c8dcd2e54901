"""Midtrans' notifications: taken in, stored raw, answered at once.

What we answer decides whether Midtrans tells us again: 200 ends it, 503 brings four more tries,
400 two, 500 only one; others, such as 403, five over about six hours.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import litestar
import msgspec
from litestar import Request, Router
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, RawBody
from msgspec import Meta

from api.errors import MEDIA_TYPE, Problem
from api.source import source_of
from api.strict import parse
from billing.engine import Engine
from billing.flows.ingest import take_in
from billing.flows.people import find_merchant_id
from core.actor import Actor
from core.errors import Forbidden, InvalidRequest, NotFound

NOTIFICATION_BYTES_MAX: Final = 64 * 1024


class Taken(msgspec.Struct):
    """The notification is stored."""

    status: Annotated[
        Literal["stored", "known"], Meta(description="`known`: it was stored before.")
    ]


def _problem(words: str) -> ResponseSpec:
    return ResponseSpec(Problem, description=words, media_type=MEDIA_TYPE, generate_examples=False)


@litestar.post(
    "/midtrans/{merchant_slug:str}",
    scope="public",
    status_code=200,
    sync_to_thread=True,
    request_max_body_size=NOTIFICATION_BYTES_MAX,
    summary="Take in a notification of Midtrans",
    tags=["Gateways"],
    security=[{}],
    responses={
        400: _problem("The body is not a JSON object."),
        403: _problem("The signature is not genuine."),
        404: _problem("There is no such merchant."),
        413: _problem("The body is larger than 64 KiB."),
        429: _problem("More about one order, or without proof, than any gateway sends."),
        503: _problem("The database can not be reached: Midtrans tries again."),
    },
)
def notify(
    merchant_slug: FromPath[str], body: RawBody, request: Request[Any, Any, Any],
    engine: NamedDependency[Engine],
) -> Taken:  # fmt: skip
    """Store what Midtrans says; a worker then asks Midtrans itself what became of the order.

    Fields we do not know are kept. A signature that is not genuine is refused with 403 before
    anything is written: a forger learns nothing by it, and should it be our signature key that is
    wrong, Midtrans' five more tries leave some six hours to correct it; 200 would end them. News of
    linked accounts and of Midtrans' own schedules carries no proof: it is stored, and only what
    Midtrans then answers is believed.
    """
    value = parse(body)
    if not isinstance(value, dict):
        raise InvalidRequest("malformed_json", "a notification is a JSON object")
    merchant_id = find_merchant_id(engine, merchant_slug)
    if merchant_id is None:
        raise NotFound("merchant_not_found", "there is no such merchant")
    source = source_of(request)
    with engine.work(merchant_id, Actor("system", "midtrans", source)) as unit:
        outcome = take_in(
            engine, unit, _plain(value), source=source, raw=body, headers=dict(request.headers)
        )
    if outcome == "refused":
        raise Forbidden("signature_not_genuine", "the signature does not fit this merchant's key")
    return Taken("known" if outcome == "copy" else "stored")


def _plain(value: Any) -> Any:
    """Numbers with a point become their text: JSON in the database has no decimals of ours."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | bool | None) else str(value)


def routes() -> Router:
    """What gateways call."""
    return Router(path="/gateways", route_handlers=[notify])
