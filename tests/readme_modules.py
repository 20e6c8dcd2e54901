"""The list of modules in each README, written from the first line of each module.

Run as a program (`make readmes`) it writes the lists anew; a test compares them.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from source_tree import PACKAGES, ROOT, Module, modules

HEAD = "## Modules\n\n<!-- written by `make readmes` from the first line of each module -->\n"


def readme_of(module: Module) -> Path:
    """The README of the module's folder, or of the nearest folder above that has one.

    Raises:
        LookupError: not even the folder at the root has one.
    """
    for folder in module.path.parents:
        if folder == ROOT:
            break
        if (folder / "README.md").exists():
            return folder / "README.md"
    raise LookupError(f"no README says what {module.name} is for")


def lists() -> Mapping[Path, str]:
    """For each README the list it should end in."""
    found: dict[Path, list[Module]] = defaultdict(list)
    for module in modules(*PACKAGES, "tests"):
        # Tests are told by their names; of their folders only what they share needs telling.
        if module.path.name not in {"__init__.py", "__main__.py", "conftest.py"} and (
            not module.path.name.startswith("test_")
        ):
            found[readme_of(module)].append(module)
    return {readme: _list(readme.parent, several) for readme, several in found.items()}


def written(readme: Path) -> str:
    """The list a README ends in now; empty where it has none."""
    text = readme.read_text(encoding="utf-8")
    return text[text.index(HEAD) :] if HEAD in text else ""


def _list(folder: Path, several: list[Module]) -> str:
    rows = ["| module | what it is |", "|---|---|"]
    for module in sorted(several, key=lambda one: (len(one.parts), one.name)):
        first = (ast.get_docstring(module.tree) or "").partition("\n")[0].replace("|", "\\|")
        rows.append(f"| `{module.path.relative_to(folder).as_posix()}` | {first} |")
    return HEAD + "\n".join(rows) + "\n"


def main() -> None:
    """Write every list anew, at the end of its README."""
    for readme, wanted in lists().items():
        text = readme.read_text(encoding="utf-8")
        kept = text.partition(HEAD)[0].rstrip("\n")
        readme.write_text(f"{kept}\n\n{wanted}", encoding="utf-8")


if __name__ == "__main__":
    main()
