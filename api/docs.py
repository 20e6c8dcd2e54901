"""The documentation of the API: OpenAPI 3.1, and a page that needs no other host."""

from __future__ import annotations

import copy
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import litestar
import msgspec
from litestar import Litestar, Request, Response, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, Contact, SecurityScheme, Tag
from litestar.params import FromPath

from api.examples import EXAMPLES
from api.idempotency import HEADER as IDEMPOTENCY_HEADER
from api.scopes import OPEN
from core.errors import NotFound

OPENAPI_PATH: Final = "/api/v1"
# Structs whose names end so are bodies of requests: they refuse what they do not name.
_CLOSED: Final = ("In", "Patch")
_PAGE_REFERENCE: Final = "#/components/schemas/Page_"
_KEY_SCHEMA: Final = {"type": "string", "minLength": 1, "maxLength": 255}

_DESCRIPTION: Final = """
Subscription billing for Indonesian businesses that collect through Midtrans.

**Money** is an integer of whole rupiah (`99000` is Rp99.000); there are no sen, and strings or
numbers with a point are refused. **Dates** are civil dates where the customer is, **instants** are
ISO 8601 with an offset, **periods** run from their start up to, but without, their end.

**Keys**: send `Authorization: Bearer tgh_…`. What a key may do is said by its scopes: `read`,
`write`, `refund`, `approve`, `admin` (`write`, `refund` and `approve` bring `read`, `admin` brings
all but `approve`). The operator of the installation sends the operator key, and names a merchant
by id or slug in the header `Tagihan-Merchant` where a route is about one merchant.

**Repeating**: every POST that creates or charges needs an `Idempotency-Key`. After a time-out send
the same request with the same key: it has one effect and gives the first answer. While the first
is at work a repetition may be told `in_progress` (409): try again.

**Refusals** are RFC 9457 problems; `code` is stable, `field` is the path of the offending value,
`detail` is for people: in Indonesian for a request with `Accept-Language: id`.

**Lists** are newest first; `limit` and `after` page through them.

**Outcomes of charges** are values, not errors: a declined card answers 201 with the attempt's
state `failed`, a charge whose outcome is not known yet says `unknown` and is asked after until it
is known. Follow `GET /api/v1/events`.
"""

TAGS: Final = (
    ("Merchants", "Legal entities with their own Midtrans account; made by the operator."),
    ("Staff", "People who work at a merchant."),
    ("Keys", "Keys of machines: hashed, rotated with an overlap, revoked."),
    ("Customers", "Who pays."),
    ("Payment methods", "Ways to pay, saved cards and linked wallets."),
    ("Plans", "What is sold, at prices that are never edited."),
    ("Discounts", "What makes prices smaller: codes, their limits, and who has them."),
    ("Subscriptions", "Agreements that renew."),
    ("Invoices", "Legal documents: issued ones never change."),
    ("One-off payments", "An invoice with an attempt or a virtual account, in one call."),
    ("Payments", "Money that was taken."),
    ("Refunds", "Money going back: with a credit note, or of what settled no invoice."),
    ("Credit notes", "What was given back of an invoice."),
    ("Dunning", "When an unpaid invoice is tried again, what is said, and when it ends."),
    ("Reviews", "What no rule decides alone: a person looks, and answers."),
    ("Reconciliation", "The gateway's reports, and where its book and ours differ."),
    ("Usage", "What was used: meters, events that are counted once, and their price so far."),
    ("Events", "What happened, in order."),
    ("Test clock", "A merchant's own time, for tests."),
    ("Gateways", "What Midtrans tells us."),
    ("Health", "Whether this process lives and can serve."),
)

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tagihan API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This page needs JavaScript. The document itself: <a href="/api/v1/openapi.json">
openapi.json</a></noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START: Final = """window.ui = SwaggerUIBundle({
  url: "/api/v1/openapi.json",
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
});
"""
_FILES: Final = {
    "swagger-ui.css": ("stylesheets", "text/css"),
    "swagger-ui-bundle.js": ("javascripts", "text/javascript"),
}
_HEADERS: Final = {
    # Swagger UI writes style attributes; scripts and everything else come from here alone.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
_KEPT: Final = {"Cache-Control": "public, max-age=3600"}


def openapi_config(version: str) -> OpenAPIConfig:
    """How the OpenAPI document is made."""
    bearer = SecurityScheme(
        type="http",
        scheme="bearer",
        description="A merchant's key (`tgh_…`), or the operator's key.",
    )
    return OpenAPIConfig(
        title="Tagihan",
        version=version,
        description=_DESCRIPTION.strip(),
        contact=Contact(name="Tagihan"),
        tags=[Tag(name=name, description=words) for name, words in TAGS],
        components=Components(security_schemes={"key": bearer}),
        security=[{"key": []}],
        use_handler_docstrings=True,
        create_examples=False,
        operation_id_creator=_operation_id,
        openapi_router=Router(
            path="/docs/source", route_handlers=[], opt={"scope": "public"}, include_in_schema=False
        ),
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
    )


def document(app: Litestar) -> dict[str, Any]:
    """The OpenAPI document, with what the generator can not know."""
    made: dict[str, Any] = copy.deepcopy(app.openapi_schema.to_schema())
    schemas = made["components"]["schemas"]
    for name in [name for name in schemas if name.startswith("Page_")]:
        # A page of customers is called so, and not by where its parts are in our folders.
        schemas[_page_name(name)] = schemas.pop(name)
    for name, schema in schemas.items():
        if name in EXAMPLES:
            schema["examples"] = [EXAMPLES[name]]
        if name.endswith(_CLOSED) and schema.get("type") == "object":
            schema["additionalProperties"] = False
    # By address and method: a page for people may be named like an operation of the API.
    scopes = {
        (route.path_format, method.lower()): str(handler.opt.get("scope"))
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in getattr(handler, "http_methods", ())
    }
    for path, item in made["paths"].items():
        for method, operation in item.items():
            scope = scopes[path, method]
            operation["x-scope"] = scope
            if scope in OPEN:
                operation.setdefault("security", [])
            else:
                operation["description"] += f"\n\nScope: `{scope}`."
            for parameter in operation.get("parameters", ()):
                parameter.pop("deprecated", None)
                if parameter["name"] == IDEMPOTENCY_HEADER:
                    parameter |= {"required": True, "schema": _KEY_SCHEMA}
    named: dict[str, Any] = _tidied(made)
    return named


def _tidied(value: Any) -> Any:
    """Limits of integers are integers, references use the short names of pages."""
    if isinstance(value, dict):
        return {key: _tidied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_tidied(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.startswith(_PAGE_REFERENCE):
        return "#/components/schemas/" + _page_name(value.rpartition("/")[2])
    return value


def _page_name(name: str) -> str:
    """``Page_api.v1.customers.CustomerOut_`` becomes ``CustomerPage``."""
    return name.rpartition(".")[2].removesuffix("_").removesuffix("Out") + "Page"


@litestar.get(
    f"{OPENAPI_PATH}/openapi.json", scope="public", include_in_schema=False, sync_to_thread=False
)
def openapi_json(request: Request[Any, Any, Any]) -> Response[Any]:
    """The document that the page and generators of clients read."""
    state = request.app.state
    if "openapi_document" not in state:
        state["openapi_document"] = msgspec.json.encode(document(request.app))
    return Response(state["openapi_document"], media_type="application/json")


@litestar.get("/", scope="public", include_in_schema=False, sync_to_thread=False)
def docs_page() -> Response[Any]:
    """The page that people read."""
    return Response(_PAGE, media_type="text/html", headers=_HEADERS)


@litestar.get("/{name:str}", scope="public", include_in_schema=False, sync_to_thread=True)
def docs_file(name: FromPath[str]) -> Response[Any]:
    """The page's own script, or one of Swagger UI's files."""
    if name == "start.js":
        return Response(_START, media_type="text/javascript", headers=_KEPT)
    if name not in _FILES:
        raise NotFound("route_not_found", "there is no such file")
    return Response(_file(name), media_type=_FILES[name][1], headers=_KEPT)


@lru_cache(maxsize=4)
def _file(name: str) -> bytes:
    """Read a file of the wheel without importing it: its package is a plug-in of MkDocs."""
    spec = importlib.util.find_spec("mkdocs_swagger_ui_tag")
    if spec is None or not spec.submodule_search_locations:
        raise NotFound("route_not_found", "Swagger UI is not installed")
    root = Path(spec.submodule_search_locations[0]) / "swagger-ui"
    return (root / _FILES[name][0] / name).read_bytes()


def _operation_id(handler: HTTPRouteHandler, _method: Any, _path: Any) -> str:
    return handler.handler_name


def routes() -> Router:
    """The documentation at ``/docs``, and the document beside the API."""
    return Router(
        path="/",
        route_handlers=[
            Router(path="/docs", route_handlers=[docs_page, docs_file]),
            openapi_json,
        ],
    )
