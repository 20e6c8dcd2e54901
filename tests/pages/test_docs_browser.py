"""The API's documentation in a real browser that can reach no other host."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

from pages.test_browser import served

from api.app import create_app
from api.docs import document
from billing.engine import Engine
from core.settings import Settings


def requests_of(net_log: Path, origin: str) -> set[str]:
    """Every address that pages of this origin asked for, whether anybody answered or not.

    What the browser asks for by itself (updates of its parts) has no page behind it.
    """
    written = json.loads(net_log.read_text(encoding="utf-8"))
    starts = written["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    found = [one["params"] for one in written["events"]
             if one["type"] == starts and "url" in one.get("params", {})]  # fmt: skip
    return {one["url"] for one in found
            if one.get("initiator") == origin or one["url"].startswith(origin)}  # fmt: skip


def look(chromium: str, address: str, folder: Path) -> tuple[str, str, Path]:
    """Open an address with every other host refused: its document, what was logged, the net log."""
    done = subprocess.run(
        [
            chromium, "--headless=new", "--no-sandbox", "--disable-gpu",
            "--disable-background-networking", "--disable-component-update",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--enable-logging=stderr", f"--log-net-log={folder / 'net.json'}",
            f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=12000", "--dump-dom",
            address,
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout, done.stderr, folder / "net.json"


def test_the_documentation_is_whole_without_any_other_host(chromium: str, tmp_path: Path) -> None:
    # The documentation asks the engine for nothing but its settings.
    settings = Settings()
    app = create_app(settings, cast(Engine, SimpleNamespace(settings=settings)))
    operation: dict[str, Any] = document(app)["paths"]["/api/v1/subscriptions"]["post"]
    place = f"#/{operation['tags'][0]}/{operation['operationId']}"
    with served(app) as url:
        shown, logged, net_log = look(chromium, f"{url}/docs{place}", tmp_path)

    text = shown.partition('<div id="swagger-ui">')[2]
    assert operation["summary"] in text
    assert "Whole rupiah" in text or "whole rupiah" in text
    assert "Failed to load API definition" not in text
    asked = requests_of(net_log, url)
    assert {urlsplit(one).path for one in asked} == {
        "/docs", "/docs/start.js", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js",
        "/api/v1/openapi.json",
    }  # fmt: skip
    assert {one for one in asked if not one.startswith((url, "data:"))} == set()
    assert [line for line in logged.splitlines() if "CONSOLE" in line and "violates" in line] == []
