"""docs/guides/usage.md: what it says to type works, and prints what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from api_house import House

pytestmark = pytest.mark.database

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "usage.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


def test_what_the_guide_says_to_type_works(house: House) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    config = uvicorn.Config(
        house.ours.client.app, host="127.0.0.1", port=0, lifespan="off", log_config=None,
        access_log=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + 30
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        key = house.ours.key or ""
        done = subprocess.run(
            ["sh", "-e"], input="\n".join(BLOCKS), capture_output=True, text=True, timeout=60,
            env={**os.environ, "API": f"http://127.0.0.1:{port}/api/v1", "KEY": key}, check=False,
        )  # fmt: skip
    finally:
        server.should_exit = True
        thread.join(30)
    assert (done.returncode, done.stderr) == (0, "")
    meter, *said = done.stdout.split("\n")[:-1]
    assert meter.startswith("mtr_")
    assert said == [
        "unknown_event_name", "2", "10 × Rp0 + 3,5 × Rp2,5 = Rp8,75, rounded Rp9", "9",
        "accepted", "21.5",
    ]  # fmt: skip


def test_a_client_that_loses_answers_counts_nothing_twice() -> None:
    """The guide's own loop, against a server whose answers are lost twice."""
    [code] = re.findall(r"^```python\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    exec(code, names)
    tries: list[list[str]] = []

    def send(batch: list[str]) -> dict[str, list[dict[str, str]]]:
        tries.append(batch)
        if len(tries) < 3:
            raise TimeoutError("no answer")
        return {"events": [{"key": "a", "state": "duplicate"}, {"key": "b", "state": "refused"}]}

    deliver = names["deliver"]
    assert callable(deliver)
    assert deliver(["a", "b"], send, lambda: None) == [{"key": "b", "state": "refused"}]
    assert tries == [["a", "b"]] * 3
