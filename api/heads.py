"""HEAD: what GET would answer, without the body, at every address that GET knows."""

from __future__ import annotations

import copy

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send


def answering(inner: ASGIApp) -> ASGIApp:
    """Give HEAD to the route of GET and keep the answer's body back."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await inner(scope, receive, send)
            return
        # A copy: the server looks into its own scope to see that no body is to come.
        asked = copy.copy(scope)
        asked["method"] = "GET"

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["path_template"] = asked.get("path_template") or ""  # for the log
            elif message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await inner(asked, receive, send_head)

    return app
