"""The simulator as an ASGI application: routes, keys, faults, and no unhandled error of its own."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

from simulator import control, core_api, pages, wire
from simulator.model import Latency
from simulator.wire import Receive, Reply, Request, Scope, Send, json_reply
from simulator.world import World

OWN_ERROR = {
    "status_code": "500",
    "status_message": "Sorry, Our system is recovering from unexpected issues. Please retry.",
}


class App:
    """Use as `app = create_app(...)`; `app.world` is for tests that live in the same process."""

    def __init__(self, world: World, *, log: bool = False) -> None:
        self.world = world
        self._log = log
        self._background: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._background = asyncio.create_task(self.world.run())
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _stop(self) -> None:
        if self._background is not None:
            self._background.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._background
        await self.world.close()

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request = await wire.read_request(scope, receive)
        except ValueError:
            too_large = {"status_code": "413", "status_message": "The request is too large"}
            await wire.write_reply(json_reply(413, too_large), receive, send)
            return
        if request is None:
            return
        try:
            reply = await self._route(request)
            self.world.store.flush()  # before the answer leaves: a kill loses nothing it promises
        except Exception:  # the last net: a simulator that crashes is no gateway
            traceback.print_exc()
            reply = json_reply(500, OWN_ERROR)
        if self._log:
            path = "/".join(request.segments)
            sys.stderr.write(f"{request.method} /{path} -> {reply.status}\n")
        await wire.write_reply(reply, receive, send)

    async def _route(self, request: Request) -> Reply:
        first = request.segments[0] if request.segments else ""
        api = first in ("v1", "v2") or request.segments[:2] == ("snap", "v1")
        api = api or request.segments[:3] == ("snap", "v3", "users")
        if api and not pages.owns(request):
            return await core_api.handle(self.world, request)
        if first == "_sim":
            return await control.handle(self.world, request)
        if request.method == "HEAD":  # the server keeps the body back
            request.method = "GET"
        return pages.handle(self.world, request)


def create_app(
    state_dir: Path | None = None,
    seed: str = "simulator",
    *,
    server_key: str = "",
    client_key: str = "",
    addresses: Mapping[str, str] | None = None,
    base_url: str = "http://127.0.0.1:8401",
    latency: Latency | None = None,
    log: bool = False,
) -> App:
    """A simulator with one account (more through the control API).

    `addresses` are the account's `notification_url`, `pay_account_url` and `recurring_url`.

    With `state_dir` the book survives a restart. Raises store.StateError when that
    cannot be, or another simulator works there.
    """
    world = World(state_dir, seed, base_url)
    if server_key:
        book = world.add_account(server_key, client_key)
        if latency is not None:
            book.account.latency = latency
            book.save_account()
        for name, url in (addresses or {}).items():
            if url and getattr(book.account, name) != url:
                setattr(book.account, name, url)
                book.save_account()
        world.store.flush()
    return App(world, log=log)
