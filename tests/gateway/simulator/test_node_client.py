"""The official Node client drives the simulator: nothing of it is changed but the addresses.

It is fetched by npm into a folder that is thrown away; without node, or without a registry that
has the package, the test is skipped and says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

Desk = Any
VERSION = "1.4.3"
_SCRIPT = Path(__file__).with_name("node_client.js")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `require("midtrans-client")` works."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("node and npm are not on this machine")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true}')
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(
            [*command, f"midtrans-client@{VERSION}"],
            cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not answer in two minutes")
    if done.returncode:
        pytest.skip(f"npm cannot fetch midtrans-client: {done.stderr.strip()[-200:]}")
    return folder


def test_the_official_node_client_is_served(desk: Desk, client: Path) -> None:
    node = shutil.which("node")
    assert node
    settings = {"url": desk.url, "serverKey": desk.server_key, "clientKey": desk.client_key}
    local = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    done = subprocess.run(
        [node, str(_SCRIPT), str(client), json.dumps(settings)],
        cwd=client, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, **local},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    steps = json.loads(done.stdout.splitlines()[-1])
    assert steps == {
        "snap token": 36,
        "snap redirect": True,
        "snap 400": 400,
        "snap 401": 401,
        "card token": "200",
        "charge": "capture",
        "status": "capture",
        "status 404": "404",
        "charge 400": 400,
        "used token": "411",
        "va": "pending",
        "cancel": "cancel",
        "expire": "expire",
        "point inquiry refused": "402",
        "register": "200",
        "link": "PENDING",
        "account": "PENDING",
        "unlink refused": "412",
        "subscription": "active",
        "subscription read": "active",
        "subscription off": "Subscription is updated.",
        "subscription on": "Subscription is updated.",
        "subscription changed": "Subscription is updated.",
        "subscription 404": 404,
        "notification": "settlement",
        "refund": "partial_refund",
    }
