"""Web pages, a stub until the templates are in place."""

from __future__ import annotations

from simulator.wire import Reply, Request, html_reply
from simulator.world import World


def owns(request: Request) -> bool:
    return request.segments[:2] == ("v2", "3ds") or request.segments[-1:] == ("qr-code",)


def handle(world: World, request: Request) -> Reply:
    return html_reply("", 404)
