"""The official Python client's own tests, as its wheel installs them, against the simulator.

Nothing in them is changed but the addresses, and all 61 pass.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pytest
from simulated import running_simulator

HOSTS = (
    "https://api.sandbox.midtrans.com",
    "https://app.sandbox.midtrans.com",
    "https://api.midtrans.com",
    "https://app.midtrans.com",
)

_CONFTEST = """
from midtransclient.config import ApiConfig

ApiConfig.CORE_SANDBOX_BASE_URL = ApiConfig.CORE_PRODUCTION_BASE_URL = {url!r}
ApiConfig.SNAP_SANDBOX_BASE_URL = ApiConfig.SNAP_PRODUCTION_BASE_URL = {url!r} + "/snap/v1"
"""


def installed_tests() -> Path:
    """Where the client's wheel put its tests."""
    files = importlib.metadata.files("midtransclient") or []
    for file in files:
        if str(file) == "tests/test_core_api.py":
            return Path(str(file.locate())).parent
    pytest.fail("the wheel of midtransclient has no tests any more: look for them anew")


def keys(folder: Path) -> tuple[str, str]:
    """The sandbox keys that the client's tests use, read from them."""
    found: dict[str, str] = {}
    exec((folder / "config.py").read_text(), found)
    return found["USED_SERVER_KEY"], found["USED_CLIENT_KEY"]


def test_the_official_clients_own_tests_pass(tmp_path: Path) -> None:
    source = installed_tests()
    server_key, client_key = keys(source)
    with running_simulator() as url:
        opened = httpx.post(
            f"{url}/_sim/accounts",
            json={"server_key": server_key, "client_key": client_key, "name": "client's tests"},
        )
        assert opened.status_code < 300, opened.text
        copied = tmp_path / "tests"
        shutil.copytree(source, copied, ignore=shutil.ignore_patterns("__pycache__"))
        for path in copied.glob("*.py"):
            text = path.read_text()
            for host in HOSTS:
                text = text.replace(host, url)
            path.write_text(text)
        (copied / "conftest.py").write_text(_CONFTEST.format(url=url))
        report = tmp_path / "report.xml"
        done = subprocess.run(
            [
                sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly",
                "-c", os.devnull, f"--rootdir={tmp_path}", f"--junitxml={report}", str(copied),
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    cases = ET.parse(report).getroot().iter("testcase")
    outcome = {
        case.attrib["name"]: "failed"
        if case.find("failure") is not None or case.find("error") is not None
        else "passed"
        for case in cases
    }
    failed = {name for name, word in outcome.items() if word == "failed"}
    assert len(outcome) == 61, done.stdout[-2000:]
    assert not failed, f"{sorted(failed)}\n{done.stdout[-3000:]}"
