"""The HTTP application: routes, dependencies, errors and documentation put together."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from litestar import Litestar, Router
from litestar.di import Provide

from api import auth, docs, frame, heads, health, pages, query_check
from api.errors import on_error
from api.gateways import midtrans
from api.idempotency import provide_once
from api.pagination import provide_window
from api.strict import BODY_BYTES_MAX, StrictRequest
from api.v1 import routes as v1_routes
from billing.engine import Engine, build_engine
from core.settings import Settings

# Flows are synchronous and wait for the gateway; each request under way holds one thread.
_THREADS: Final = 64


def create_app(settings: Settings, engine: Engine | None = None) -> Litestar:
    """Build the application.

    Args:
        settings: of this process.
        engine: already wired, for tests; it is then the caller's to close.

    Raises:
        RuntimeError: a route does not say who may call it.
    """
    app = Litestar(
        route_handlers=[
            health.routes(),
            docs.routes(),
            midtrans.routes(),
            v1_routes(),
            Router(path="/", route_handlers=pages.routes(), opt={"scope": "page"}),
        ],
        lifespan=[_lifespan(settings, engine)],
        guards=[auth.guard, query_check.guard],
        dependencies={
            "engine": Provide(auth.provide_engine, sync_to_thread=False),
            "caller": Provide(auth.provide_caller, sync_to_thread=False),
            "once": Provide(provide_once),
            "window": Provide(provide_window, sync_to_thread=False),
        },
        exception_handlers={Exception: on_error},
        before_send=[frame.before_send],
        request_class=StrictRequest,
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=docs.openapi_config(_version()),
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = heads.answering(app.asgi_handler)
    auth.require_scopes(app)
    return app


def _lifespan(
    settings: Settings, engine: Engine | None
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def live(app: Litestar) -> AsyncIterator[None]:
        threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="request")
        asyncio.get_running_loop().set_default_executor(threads)
        mine = engine or build_engine(settings)
        app.state["engine"] = mine
        try:
            yield
        finally:
            if engine is None:
                mine.close()

    return live


def _version() -> str:
    try:
        return importlib.metadata.version("tagihan")
    except importlib.metadata.PackageNotFoundError:
        return "0"
