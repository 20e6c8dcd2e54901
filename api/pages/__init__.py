"""Pages for people: the customer's documents and payment, the merchant's staff."""

from __future__ import annotations

from typing import Any

from litestar import Router

from api.pages import assets, portal
from api.pages.errors import HANDLERS


def routes() -> list[Any]:
    """All pages, to be put into the application beside the API; errors among them are pages too."""
    return [
        Router(
            path="/",
            route_handlers=[
                assets.static_file,
                portal.show,
                portal.status,
                portal.pdf,
                portal.ask_for_va,
            ],
            exception_handlers=HANDLERS,
            include_in_schema=False,
            # They sign people in by themselves, with links and cookies instead of keys.
            opt={"scope": "page"},
        )
    ]
