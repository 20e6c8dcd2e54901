"""`tagihan erase`: an instance goes whole, in its home and outside; nothing of anybody else's."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from ops import erase
from ops.demo_story.instance import sweep
from ops.embedded_place import MARKER


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that was lived in: its data inside, and somebody's letter."""
    home = tmp_path / "home"
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "mail").mkdir()
    for name in ("keys.json", "instance.json", "lock"):
        (home / name).write_text("{}", encoding="utf-8")
    return home


def outside(root: Path, home: Path, *, name: str) -> Path:
    """Data of a home as root puts them elsewhere."""
    folder = root / name
    (folder / "data").mkdir(parents=True)
    (folder / MARKER).write_text(json.dumps({"home": str(home)}), encoding="utf-8")
    return folder


def test_an_instance_is_removed_whole(home: Path, tmp_path: Path) -> None:
    data = outside(tmp_path / "shared", home, name="a1")
    (home / "postgres.json").write_text(json.dumps({"folder": str(data)}), encoding="utf-8")
    asked: list[str] = []

    def refuse(told: str) -> bool:
        asked.append(told)
        return False

    assert erase.main(home, orphans=False, agree=refuse) == 1
    assert data.exists()
    assert str(home) in asked[0]
    assert (home / "keys.json").exists()

    assert erase.main(home, orphans=False, agree=lambda _: True) == 0
    assert not home.exists()
    assert not data.exists()


def test_what_is_not_ours_stays(home: Path) -> None:
    (home / "letter").write_text("dear diary", encoding="utf-8")

    assert erase.main(home, orphans=False, agree=lambda _: True) == 0

    assert [one.name for one in home.iterdir()] == ["letter"]
    with pytest.raises(erase.EraseError, match="there is no instance in"):
        erase.of_home(home)


def test_a_running_instance_is_left_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert erase.main(home, orphans=False, agree=lambda _: True) == 1

    assert "already runs in" in capsys.readouterr().err
    assert (home / "keys.json").exists()


def test_keys_of_a_database_elsewhere_are_not_removed(home: Path) -> None:
    (home / "postgres" / "data").rmdir()
    (home / "postgres").rmdir()

    with pytest.raises(erase.EraseError, match=r"on the server of DATABASE_URL.*keys\.json"):
        erase.of_home(home)


def test_data_without_a_home_are_found(home: Path, tmp_path: Path) -> None:
    root = tmp_path / "shared"
    kept = outside(root, home, name="kept")
    (home / "postgres.json").write_text(json.dumps({"folder": str(kept)}), encoding="utf-8")
    lost = outside(root, tmp_path / "gone", name="lost")
    replaced = outside(root, home, name="replaced")
    (root / "somebody-elses").mkdir()

    found = erase.of_orphans(root)

    assert [one.paths for one in found] == [(lost,), (replaced,)]
    for one in found:
        erase.remove(one)
    assert sorted(one.name for one in root.iterdir()) == ["kept", "somebody-elses"]


def test_a_demo_that_was_killed_is_swept_up_and_a_running_one_is_not(tmp_path: Path) -> None:
    root = tmp_path / "shared"
    for name in ("killed", "running", "strange"):
        (tmp_path / f"tagihan-demo-{name}" / "home").mkdir(parents=True)
    killed = tmp_path / "tagihan-demo-killed"
    (killed / "lock").touch()
    data = outside(root, killed / "home", name="a1")
    (killed / "home" / "postgres.json").write_text(json.dumps({"folder": str(data)}))

    with (tmp_path / "tagihan-demo-running" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sweep(tmp_path)

    left = sorted(one.name for one in tmp_path.iterdir())
    assert left == ["shared", "tagihan-demo-running", "tagihan-demo-strange"]
    assert not data.exists()
