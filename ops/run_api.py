"""The API process: one HTTP server on the configured port."""

from __future__ import annotations

import logging

import psycopg
import uvicorn

from api.app import create_app
from core.settings import Settings
from ops.database_check import explain, is_passing

LOG = logging.getLogger("tagihan.api")

# Requests under way get this long to finish when the process is told to stop.
_GRACEFUL_SECONDS = 8
# More than Midtrans or a busy page of ours opens at once; beyond it callers wait in the backlog.
_CONNECTIONS_MAX = 1000


def main(settings: Settings) -> None:
    """Serve until told to stop; a database that is only away is answered 503 meanwhile."""
    try:
        psycopg.connect(settings.database_url or "", connect_timeout=5).close()
    except psycopg.OperationalError as error:
        if not is_passing(error):
            raise
        LOG.critical(explain(error, settings.database_url))
    uvicorn.run(
        create_app(settings),
        host=settings.bind,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        # Who stands behind a proxy is found out by api.source, which trusts nobody unasked.
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
        limit_concurrency=_CONNECTIONS_MAX,
    )
