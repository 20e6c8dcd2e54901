"""Every folder says what it owns, and its list of modules is true."""

from __future__ import annotations

import re
from collections import Counter

from readme_modules import lists, written
from source_tree import PACKAGES, ROOT, modules, tracked

OWN_README_FROM = 5  # a folder of fewer modules may be told by the folder above


def test_a_folder_of_some_size_has_a_readme_of_its_own() -> None:
    """A reader who opens a folder finds there what it owns, what it does not, words, invariants."""
    sizes = Counter(module.path.parent for module in modules(*PACKAGES))
    wanted = {folder for folder, size in sizes.items() if size >= OWN_README_FROM}
    wanted |= {ROOT / name for name in ("docs", "examples", "migrations", "tests")}

    assert [str(one.relative_to(ROOT)) for one in sorted(wanted)
            if not (one / "README.md").exists()] == []  # fmt: skip


def test_each_readme_lists_its_modules() -> None:
    """A list by hand is wrong within a week: `make readmes` writes them from the docstrings."""
    stale = [
        str(readme.relative_to(ROOT))
        for readme, wanted in lists().items()
        if written(readme) != wanted
    ]

    assert stale == [], "run `make readmes`"


def test_every_page_of_the_docs_stands_in_their_index() -> None:
    """A page nobody leads to is not read; a link that leads nowhere is worse."""
    folder = ROOT / "docs"
    text = (folder / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([^)#]+\.md)\)", text))
    pages = {
        path.relative_to(folder).as_posix()
        for path in tracked()
        if path.suffix == ".md" and path.is_relative_to(folder) and path.name != "README.md"
    }

    assert linked == pages
