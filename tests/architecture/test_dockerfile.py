"""The image by its parts: nothing builds it here, so every line is held against the project."""

from __future__ import annotations

import json
import re
import tomllib

from source_tree import PACKAGES, ROOT, tracked

from core.settings import SETTINGS, Settings
from ops.cli import tagihan

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = [
    line for line in TEXT.replace("\\\n", " ").splitlines() if line and not line.startswith("#")
]


def words_of(instruction: str) -> list[str]:
    """What stands behind an instruction, one line of the file each."""
    return [line.split(None, 1)[1] for line in LINES if line.startswith(f"{instruction} ")]


def copied() -> set[str]:
    """What is copied from the project."""
    lines = [line for line in words_of("COPY") if not line.startswith("--from")]
    return {source for line in lines for source in line.split()[:-1]}


def test_what_is_copied_is_there_and_is_not_kept_out() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    known = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert copied() <= known
    assert copied() == allowed


def test_everything_that_is_shipped_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    setuptools = project["tool"]["setuptools"]
    packages = {name.rstrip("*") for name in setuptools["packages"]["find"]["include"]}
    modules = {f"{name}.py" for name in setuptools["py-modules"]}
    read_at_build = {"pyproject.toml", project["project"]["readme"]}
    read_at_build |= set(setuptools["dynamic"]["dependencies"]["file"])
    assert packages >= set(PACKAGES)
    assert packages | modules | read_at_build | {"requirements.txt", "examples"} == copied()


def test_what_it_starts_is_a_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [entry], [command] = words_of("ENTRYPOINT"), words_of("CMD")
    assert set(json.loads(entry)) <= set(project["project"]["scripts"])
    named = re.search(r"tagihan ((?:\w+ \| )+\w+)", TEXT)
    assert named is not None
    assert {*json.loads(command), *named[1].split(" | ")} <= set(tagihan.commands)


def test_what_it_sets_is_a_setting() -> None:
    [environment] = words_of("ENV")
    given = dict(pair.split("=", 1) for pair in environment.split())
    ours = {name for name in given if name.startswith("TAGIHAN_")}
    assert ours <= {setting.name for setting in SETTINGS}
    assert given["TAGIHAN_HOME"] in words_of("VOLUME")
    assert given["TAGIHAN_BIND"] == "0.0.0.0"
    assert words_of("EXPOSE") == [str(Settings().api_port)]


def test_it_installs_pinned_and_runs_as_nobody_special() -> None:
    installs = [line for line in words_of("RUN") if "pip install" in line]
    assert all("--no-deps" in line for line in installs)
    assert ["--require-hashes" in line for line in installs] == [True, False]
    assert "--no-build-isolation" in installs[1]
    [added] = [line for line in words_of("RUN") if line.startswith("useradd --system")]
    # A home with a shell's files in it would be taken for somebody else's.
    assert "--skel /dev/null" in added
    # Whatever the umask was where the project was cloned, that user reads what root has copied.
    assert any("chmod -R a+rX /app" in line for line in words_of("RUN"))
    assert words_of("USER") == ["tagihan"]


def test_it_runs_on_a_python_that_the_project_takes() -> None:
    versions = {re.match(r"python:(\d+\.\d+)-slim", line) for line in words_of("FROM")}
    assert len({found[1] for found in versions if found}) == 1
    assert None not in versions
