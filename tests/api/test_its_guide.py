"""docs/start/payments.md: what it says to type works, in its order, over a real wire."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from api_house import new_key, serving
from database import Database
from world import World, make_world

from billing.engine import Engine
from ops.doctor import examine, render
from payments.tables import refunds

pytestmark = pytest.mark.database

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "start" / "payments.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
END = "--- end of a block ---"


@contextmanager
def served(engine: Engine) -> Iterator[str]:
    """The API on a port of this machine; its address."""
    with serving(engine) as client:
        config = uvicorn.Config(
            client.app, host="127.0.0.1", port=0, lifespan="off", log_config=None, access_log=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            until = time.monotonic() + 30
            while not server.started and time.monotonic() < until:
                time.sleep(0.02)
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)


def typed(world: World, blocks: list[str], url: str) -> list[list[str]]:
    """Each block typed into one shell, with a worker at work between them; the lines it printed."""
    key = new_key(world.engine, world.merchant_id, "admin")
    desk = world.desk
    environment = {
        **os.environ, "API": f"{url}/api/v1", "MIDTRANS": desk.url, "KEY": key,
        "SERVER_KEY": desk.server_key, "CLIENT_KEY": desk.client_key,
    }  # fmt: skip
    shell = subprocess.Popen(
        ["sh", "-e"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=environment,
    )  # fmt: skip
    assert shell.stdin is not None
    assert shell.stdout is not None
    said: list[list[str]] = []
    try:
        for block in blocks:
            shell.stdin.write(f"{block}\necho; echo '{END}'\n")
            shell.stdin.flush()
            lines: list[str] = []
            for line in shell.stdout:
                if line.strip() == END:
                    break
                lines.append(line.strip())
            else:
                raise AssertionError((block, lines))
            said.append([line for line in lines if line])
            world.drain()
        shell.stdin.close()
        assert shell.wait(30) == 0
    finally:
        shell.kill()
        shell.stdout.close()
        shell.wait(30)
    return said


def test_what_the_guide_says_to_type_works(database: Database, simulator: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    world = make_world(database, simulator)
    try:
        with served(world.engine) as url:
            said = typed(world, BLOCKS, url)
        world.wait(minutes=10)
        world.drain()
        returned = [row.state for row in world.rows(refunds)]
        report = examine(world.engine.db, world.machine.at)
    finally:
        world.engine.close()
    names = (
        "helpers",
        "choice",
        "push",
        "paid",
        "page",
        "card",
        "gopay",
        "order",
        "hold",
        "refund",
        "end",
    )
    told = dict(zip(names, said, strict=True))
    assert told["push"][0].isdigit(), "a number to pay to"
    assert told["paid"] == ["paid"]
    assert told["page"][0].startswith(world.desk.url)
    assert told["card"][-1] == "active"
    assert told["gopay"][0].startswith("http"), "where its holder agrees"
    assert told["gopay"][1:] == ["linked", "paid"]
    assert told["order"] == ["gopay"]
    assert told["hold"] == ["authorized", "150000"]
    assert told["refund"][0] in ("created", "sent", "succeeded")
    assert told["end"] == ["failed", "void", "ended"]
    assert returned == ["succeeded"]
    assert not report.broken, render(report)


def test_every_route_of_the_guide_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    shown = {
        re.sub(r"\{[^}]*\}", "{}", path) for path in re.findall(r"/api/v1(/[^`\s?]*)", reference)
    }
    named = re.findall(r'^(?:\w+=\$\()?\s*post \S+ "?([^\s"]+)', "\n".join(BLOCKS), re.MULTILINE)
    assert len(named) >= 12
    for path in named:
        first, *rest = path.split("/")
        assert f"/{first}" in {f"/{one.split('/')[1]}" for one in shown}, path
        assert not rest or rest[-1].startswith("$") or any(one.endswith(rest[-1]) for one in shown)
