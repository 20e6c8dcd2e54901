"""The revision that this program's migrations lead to, and those it knows."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from alembic.script import ScriptDirectory

_FOLDER = Path(__file__).resolve().parent.parent / "migrations"


@lru_cache(maxsize=1)
def head() -> str:
    """The newest revision: where a migrated database stands."""
    found = ScriptDirectory(str(_FOLDER)).get_current_head()
    if found is None:
        raise RuntimeError("there are no migrations beside the program")
    return found


@lru_cache(maxsize=1)
def known() -> frozenset[str]:
    """Every revision on the way to `head`."""
    return frozenset(step.revision for step in ScriptDirectory(str(_FOLDER)).walk_revisions())
