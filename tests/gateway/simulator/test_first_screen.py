"""What a developer sees who starts the simulator for the first time, and what it leads to."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

Desk = Any
ROOT = Path(__file__).resolve().parents[3]


def started(*command: str, **environ: str) -> tuple[str, str]:
    """Where it listens, and all that it says until it is stopped."""
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environ},
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        url = first.split()[-1]
        book = httpx.get(f"{url}/_sim/book").json()
        process.send_signal(signal.SIGINT)
        said = first + process.stdout.read()
        assert process.wait(10) == 0
    assert book["transactions"] == []
    return url, said


def test_the_first_screen_names_keys_addresses_and_what_to_try() -> None:
    hook = "http://127.0.0.1:9/hook"
    url, said = started("simulator", "--port", "0", "--server-key", "K-1", "--recurring-url", hook)
    assert said.startswith(f"simulator ready at {url}\n")
    for words in (
        "K-1",
        "SB-Mid-client-simulator",
        f"{url}/snap/v1",
        f"{url}/snap/snap.js",
        f"{url}/_sim",
        f"subscriptions {hook}",
        "in memory",
        "4811 1111 1111 1114",
        "112233",
        "Ctrl-C ends it.",
    ):
        assert words in said
    assert max(map(len, said.splitlines())) <= 100


def test_it_can_be_told_to_be_quiet(tmp_path: Path) -> None:
    url, said = started("simulator", "--port", "0", "--quiet", "--state", str(tmp_path))
    assert said == f"simulator ready at {url}\n"


def test_the_bill_on_the_first_screen_can_be_pasted_and_paid(
    start_server: Callable[..., Any],
) -> None:
    shell, curl = shutil.which("sh"), shutil.which("curl")
    if shell is None or curl is None:
        pytest.skip("no curl here")
    server = start_server("--seed", "screen")
    lines: list[str] = []
    for line in server.process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    found = re.search(r"  (curl -u .*?\}\}')\n", "".join(lines), re.DOTALL)
    assert found is not None
    answer = subprocess.run([shell, "-c", found[1]], capture_output=True, timeout=20, check=True)
    made = json.loads(answer.stdout)
    assert (made["status_code"], made["order_id"]) == ("201", "order-1")
    assert "order-1" in httpx.get(server.url).text
    day = re.search(r"A day   (curl .*)", "".join(lines))
    assert day is not None
    answer = subprocess.run([shell, "-c", day[1]], capture_output=True, timeout=20, check=True)
    assert json.loads(answer.stdout)["happened"] == 1  # nobody paid: it has expired
    server.stop()


@pytest.mark.parametrize("option", ["--server-key", "--client-key"])
def test_a_key_with_white_space_is_refused(option: str) -> None:
    command = [sys.executable, "-m", "simulator", "--port", "0", option, "a b"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=ROOT)  # noqa: PLW1510
    assert (done.returncode, "no white space" in done.stderr) == (2, True)


def test_time_is_sent_forward_by_a_span(desk: Desk) -> None:
    assert desk.sim("POST", "clock", days=1, hours=2)["now"] == "2026-01-06T05:00:00Z"
    assert desk.sim("POST", "clock", weeks=1)["now"] == "2026-01-13T05:00:00Z"
    for body in ({"days": -1}, {"hours": "x"}, {"days": 1e12}, {"weeks": 1e9}):
        assert desk.try_sim("POST", "clock", **body).status_code == 400, body


def test_the_control_api_lists_what_it_understands(desk: Desk) -> None:
    listed = desk.http.get("/_sim").json()["instructions"]
    assert f"POST {desk.url}/_sim/pay" in listed
    readme = (ROOT / "simulator" / "README.md").read_text()
    for line in listed:
        method, address = line.split()
        name = address.split("/_sim/")[1]
        assert re.search(rf"(GET|POST|DELETE)`?,? `?.*\b{name}\b", readme), (method, name)


# --- `tagihan simulator`: the one of this home without options, one of your own with them ---------


def test_with_options_it_is_one_of_your_own_and_forgets(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _, said = started("ops.cli", "simulator", "--port=0", TAGIHAN_HOME=str(home))
    assert "in memory" in said
    assert not (home / "simulator").exists()


def test_what_is_given_overrules_what_is_usual(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    url, said = started(
        "ops.cli", "simulator", "--port=0", f"--state={kept}", TAGIHAN_SIMULATOR_PORT="1"
    )
    assert f"kept in {kept}" in said
    assert not url.endswith(":1")


def test_without_options_it_is_the_one_of_this_home(tmp_path: Path) -> None:
    _, said = started(
        "ops.cli", "simulator", TAGIHAN_HOME=str(tmp_path), TAGIHAN_SIMULATOR_PORT="18493"
    )
    assert f"kept in {tmp_path / 'simulator'}" in said
