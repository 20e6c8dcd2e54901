"""Version 1 of the API: one file for each resource, shapes on top, routes below."""

from __future__ import annotations

from litestar import Router

from api.v1.customers import CustomersController


def routes() -> Router:
    """Everything under ``/api/v1``."""
    return Router(path="/api/v1", route_handlers=[CustomersController])
