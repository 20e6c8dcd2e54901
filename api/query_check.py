"""Addresses are as strict as bodies: a filter that is mistyped must not show everything."""

from __future__ import annotations

from typing import Any, Final

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api.docs import document
from core.errors import InvalidRequest, NotFound

_KNOWN: Final = "tagihan_query_names"


def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse names that the route does not document, a name that comes twice, and what no database
    can hold; a page with such an address does not exist.

    Raises:
        InvalidRequest: ``unknown_parameter``, ``parameter_twice``, ``invalid_query``.
        NotFound: ``not_found``, for a page.
    """
    template = str(connection.scope.get("path_template") or "")
    is_api = template.startswith("/api/v1/")
    for name, value in _values(connection):
        if not _may_stand(name) or not _may_stand(value):
            if not is_api:
                raise NotFound("not_found", "there is no such page")
            shown = name if _may_stand(name) else repr(name)[:60]
            raise InvalidRequest(
                "invalid_query", "it holds a character that is not allowed", field=shown
            )
    if not connection.scope["query_string"] or not is_api:
        return
    known = _names(connection.app).get((str(connection.scope.get("method")), template))
    if known is None:
        return
    for name, values in connection.query_params.dict().items():
        if name not in known:
            raise InvalidRequest(
                "unknown_parameter", f"{name[:60]!r} is not known here", field=name[:60]
            )
        if len(values) > 1:
            raise InvalidRequest("parameter_twice", f"{name} is given twice", field=name)


def _values(connection: ASGIConnection[Any, Any, Any, Any]) -> list[tuple[str, str]]:
    """Every value of the address, of its path and of its query, with its name."""
    path = [(name, str(value)) for name, value in connection.path_params.items()]
    query = connection.query_params.multi_items() if connection.scope["query_string"] else []
    return [*path, *((name, str(value)) for name, value in query)]


def _may_stand(text: str) -> bool:
    return all(
        (character >= " " or character in "\n\t") and not "\ud800" <= character <= "\udfff"
        for character in text
    )


def _names(app: Litestar) -> dict[tuple[str, str], frozenset[str]]:
    found: dict[tuple[str, str], frozenset[str]] | None = app.state.get(_KNOWN)
    if found is None:
        found = {
            (method.upper(), path): frozenset(
                parameter["name"]
                for parameter in operation.get("parameters", ())
                if parameter["in"] == "query"
            )
            for path, item in document(app)["paths"].items()
            for method, operation in item.items()
        }
        app.state[_KNOWN] = found
    return found
