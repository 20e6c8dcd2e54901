"""The project's own files as the house rules read them: tracked files, parsed modules, imports."""

from __future__ import annotations

import ast
import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOMAIN = ("plans", "invoices", "payments", "dunning", "usage", "billing")
ENGINE = ("core", *DOMAIN, "api", "ops")
PACKAGES = (*ENGINE, "simulator")
# A file or folder of this name acts; every other module of the domain folders decides.
SHELLS = frozenset(
    {"tables", "queries", "service", "flows", "jobs", "adapters", "reports", "engine"}
)
CORE_RULES = frozenset({"money", "exact", "calendars", "errors", "ids", "events"})


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: where it stands, its text, its tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """``billing/flows/renew.py``."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def parts(self) -> tuple[str, ...]:
        """``("billing", "flows", "renew")``."""
        return self.path.relative_to(ROOT).with_suffix("").parts

    @property
    def is_rule(self) -> bool:
        """Whether it only decides: values in, values out."""
        if self.parts[0] == "core":
            return self.parts[-1] in CORE_RULES
        return self.parts[0] in DOMAIN and not SHELLS.intersection(self.parts)

    def imports(self) -> set[str]:
        """Full names of what it imports, ``from a import b`` as ``a`` and as ``a.b``."""
        names: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        return names


@functools.cache
def tracked() -> tuple[Path, ...]:
    """Every file of the project: what git knows or would add, or, without git, what is there."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode == 0 and done.stdout:
        found = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    else:
        skip = {".venv", ".git", ".tagihan", "demo-output", "__pycache__"}
        found = [path for path in ROOT.rglob("*") if not skip.intersection(path.parts)]
    return tuple(sorted(path for path in found if path.is_file()))


@functools.cache
def _read(path: Path) -> Module:
    """A module, read and parsed once: that takes longer than any rule does."""
    text = path.read_text(encoding="utf-8")
    return Module(path, text, ast.parse(text))


@functools.cache
def modules(*tops: str) -> tuple[Module, ...]:
    """The modules below these folders (or files) of the root; all of them where none is named."""
    wanted = tops or (*PACKAGES, "scheduler.py", "tests", "migrations")
    return tuple(
        _read(path)
        for path in tracked()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in wanted
    )
