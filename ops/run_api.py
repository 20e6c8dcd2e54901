"""The API process: one HTTP server on the configured port."""

from __future__ import annotations

import uvicorn

from api.app import create_app
from core.settings import Settings

# Requests under way get this long to finish when the process is told to stop.
_GRACEFUL_SECONDS = 8
# More than Midtrans or a busy page of ours opens at once; beyond it callers wait in the backlog.
_CONNECTIONS_MAX = 1000


def main(settings: Settings) -> None:
    """Serve until told to stop."""
    uvicorn.run(
        create_app(settings),
        host=settings.bind,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
        limit_concurrency=_CONNECTIONS_MAX,
    )
