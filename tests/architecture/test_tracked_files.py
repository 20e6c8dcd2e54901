"""What must stand in no file of the project, and what every pinned requirement must have."""

from __future__ import annotations

import re

import pytest
from source_tree import PACKAGES, ROOT, tracked

# Spelled in pieces, so that this file does not name what it forbids.
ADDRESSES = re.compile(
    "|".join(
        [
            "pypi" + r"\.org",
            "python" + r"hosted\.org",
            "npm" + r"js\.(?:org|com)",
            "--(?:extra-)?index" + "-url",
            r"index" + r"-url\s*=",
            r"\bdocker" + r"\.io/",
            r"\bghcr" + r"\.io/",
        ]
    )
)
MACHINE = re.compile(r"(?<![\w.$}>])/(?:work|farm|root|home/[a-z]\w*)/" + r"\w")
TEXT = {
    ".py", ".toml", ".txt", ".in", ".md", ".html", ".css", ".js", ".sql", ".json", ".yaml", ".yml",
    ".mako", ".typ", ".svg", ".cfg", ".ini", ".sh", ".csv", "",
}  # fmt: skip

# What stands at the root of the project; a newcomer is added here on purpose.
AT_THE_ROOT = {
    *PACKAGES, "docs", "examples", "migrations", "tests", "scheduler.py", "README.md", "CHANGELOG.md",
    "CONTRIBUTING.md", "Dockerfile", "Makefile", "pyproject.toml", "requirements.in",
    "requirements.txt", "requirements-dev.in", "requirements-dev.txt", ".ci", ".dockerignore",
    ".gitignore",
}  # fmt: skip


def offences(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in tracked():
        if path.suffix not in TEXT:
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number} {line.strip()[:80]}")
    return found


def test_no_file_names_a_registry() -> None:
    """Whoever installs chooses the mirror; an address in a file would take the choice away."""
    assert offences(ADDRESSES) == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    """It would work there and nowhere else."""
    assert offences(MACHINE) == []


def test_at_the_root_stands_only_what_is_known() -> None:
    """A note that somebody wrote while working was tracked once; nothing else would have seen it."""
    ignored = {one.rstrip("/") for one in (ROOT / ".gitignore").read_text("utf-8").split()}
    there = {path.relative_to(ROOT).parts[0] for path in tracked()} - ignored

    assert there - AT_THE_ROOT == set()
    assert AT_THE_ROOT - there == set()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    """Without them a registry could hand out other bytes under the same version."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    loose = [
        line.split()[0]
        for line in text.splitlines()
        if line.strip()
        and not line.startswith("#")
        and not re.search(r"==\S+ .*--hash=sha256:", line)
    ]

    assert loose == []


def test_the_image_holds_every_part() -> None:
    """The image is rarely built; what it copies by name must stay true without that."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {
        name
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()

    assert {*PACKAGES, "scheduler.py", "migrations", "requirements.txt"} - copied == set()
    assert {name for name in copied if not (ROOT / name).exists()} == set()
    assert {name for name in copied if f"!{name}" not in let_in} == set()
    assert any(line.startswith("USER ") and line != "USER root" for line in lines)


def test_tests_run_on_the_versions_that_are_shipped() -> None:
    """A test on another version of a library proves nothing about ours."""
    pins = []
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text(encoding="utf-8")
        pins.append(set(re.findall(r"^[\w.\[\]-]+==\S+", text, re.MULTILINE)))
    shipped, tested = pins

    assert shipped - tested == set()
