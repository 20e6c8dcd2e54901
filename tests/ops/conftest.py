"""A home for instances that tests start, and one place where histories are proven."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.prove.place import Place, throwaway


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder still to be made, in one that others may enter; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="tagihan-home-"))
    folder.chmod(0o755)
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    """A server for proven histories: one a worker, as starting one takes longer than most lives."""
    with throwaway() as found:
        yield found
