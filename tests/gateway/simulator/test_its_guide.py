"""docs/start/simulator.md: what it says to type works, as it stands and in its order."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator import cards
from simulator.chaos import known_kind

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "start" / "simulator.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
ADDRESS = "http://127.0.0.1:8500"


def run(kind: str, block: str, url: str) -> str:
    """The block in a process of its own, against this simulator; what it prints."""
    text = block.replace(ADDRESS, url)
    command = [sys.executable, "-c", text]
    if kind == "sh":
        command = ["sh", "-ec", re.sub(r"^curl", "curl -fsS", text, flags=re.MULTILINE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT)  # noqa: PLW1510
    assert done.returncode == 0, (block, done.stdout, done.stderr)
    return done.stdout


def test_what_the_guide_says_to_type_works(start_server: Callable[..., Any]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    keys = ("--server-key", "SB-Mid-server-toko", "--client-key", "SB-Mid-client-toko")
    server = start_server(*keys, "--webhook-url", "http://127.0.0.1:9/")
    said = [run(kind, block, server.url) for kind, block in BLOCKS if kind in ("sh", "python")]
    assert len(said) == 9
    headers = {"X-Sim-Server-Key": "SB-Mid-server-toko"}
    known = httpx.get(f"{server.url}/_sim/book", headers=headers).json()["transactions"]
    assert [(one["order_id"], one["status"]) for one in known] == [
        ("order-1", "settlement"),
        ("order-2", "settlement"),
    ]
    fresh = httpx.get(f"{server.url}/_sim/clock", params={"server_key": "SB-test-1"}).json()
    assert (fresh["mode"], fresh["now"]) == ("fixed", "2026-01-05T03:00:00Z")
    server.stop()


def test_the_command_of_the_guide_is_understood(start_server: Callable[..., Any]) -> None:
    command = next(block for kind, block in BLOCKS if kind == "console")
    options = command.replace("\\\n", " ").split()[2:]
    options[options.index("--port") + 1] = "0"
    assert "--webhook-url" in options
    start_server(*options).stop()


def test_every_trouble_and_test_card_of_the_guide_exists() -> None:
    trouble = GUIDE[GUIDE.index("| what your shop meets") : GUIDE.index("Then ask the book")]
    kinds = set(re.findall(r"`([a-z0-9_]+)`", trouble)) - {"code", "51", "54"}
    assert {kind for kind in kinds if not known_kind(kind)} == set()
    numbers = [
        number.replace(" ", "") for number in re.findall(r"\b\d{4} \d{4} \d{4} \d{4}\b", GUIDE)
    ]
    assert [number for number in numbers if number not in cards.BEHAVIOURS] == []
    assert len(numbers) >= 6
