"""Query strings are as strict as bodies: a filter that is mistyped must not show everything."""

from __future__ import annotations

from typing import Any, Final

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api.docs import document
from api.strict import check_text
from core.errors import InvalidRequest

_KNOWN: Final = "tagihan_query_names"


def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Refuse names that the route does not document, and a name that comes twice.

    Raises:
        InvalidRequest: ``unknown_parameter``, ``parameter_twice``, ``invalid_text``.
    """
    template = str(connection.scope.get("path_template") or "")
    if not connection.scope["query_string"] or not template.startswith("/api/v1/"):
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
        check_text(str(values[0]), name)


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
