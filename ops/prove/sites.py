"""Where in the engine we are: the line that asks, such as ``billing/flows/settle.py:152``."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

from ops.prove.census import CARRIERS

_ROOT: Final = Path(__file__).resolve().parents[2]
_OTHERS: Final = (*CARRIERS, "payments/adapters/", "invoices/adapters/", ".venv")
# By a code's identity, and the code itself so that it stays: to hash one takes long.
_names: dict[int, tuple[CodeType, dict[int, str | None]]] = {}


def here(whose: str) -> str:
    """The line of the flow that leads here; ``whose`` (its process) where a request asks itself."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code, line = frame.f_code, frame.f_lineno
        known = _names.get(id(code))
        if known is None:
            known = _names[id(code)] = (code, {})
        names = known[1]
        if line not in names:
            names[line] = _place(frame)
        name = names[line]
        if name is not None:
            return name
        frame = frame.f_back
    return whose.replace(" ", "-")


def _place(frame: FrameType) -> str | None:
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(_ROOT):
        return None
    name = path.relative_to(_ROOT).as_posix()
    return None if name.startswith(_OTHERS) else f"{name}:{frame.f_lineno}"
