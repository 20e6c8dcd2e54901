"""A home for instances that tests start: reachable for the user PostgreSQL runs as for root."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder still to be made, in one that others may enter; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="tagihan-home-"))
    folder.chmod(0o755)
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)
