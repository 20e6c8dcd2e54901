"""`tagihan erase`: remove an instance that is not wanted any more, or data whose home is gone."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ops import hold, instance
from ops.embedded_place import MARKER, SHARED_ROOT, Place

# What an instance writes into its home; anything else there is somebody's and stays.
_WRITTEN = ("keys.json", "instance.json", "processes.json", "demo.json", "curl", "logs", "mail",
            "simulator", "postgres", "postgres.json", "lock")  # fmt: skip


class EraseError(Exception):
    """Nothing was removed; the message is one clear line."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """Files and folders to remove, and what is said of them before."""

    paths: tuple[Path, ...]
    told: str


def of_home(home: Path) -> Doomed:
    """What an instance wrote into its home, and its data outside where root has put them.

    Raises:
        EraseError: there is no instance, or its database is on a server of somebody's own.
    """
    if not home.is_dir() or instance.is_foreign(home) or not any(home.iterdir()):
        raise EraseError(f"there is no instance in {home}; TAGIHAN_HOME names another folder")
    data = [
        folder for folder in (home / "postgres", outside_of(home)) if folder and folder.exists()
    ]
    if not data and (home / "instance.json").exists():
        raise EraseError(
            f"the data of {home} are on the server of DATABASE_URL: drop the database there, then "
            f"remove the folder; {home / 'keys.json'} opens the secrets in it"
        )
    for folder in data:
        _must_be_still(folder, home)
    paths = {home / name for name in _WRITTEN} | set(data)
    return Doomed(
        tuple(sorted(path for path in paths if path.exists())),
        f"everything of the instance in {home}: database, keys, caught mail, logs",
    )


def of_orphans(root: Path = SHARED_ROOT) -> list[Doomed]:
    """Data that root has put outside of a home which is gone, or has other data by now."""
    found = []
    for marker in sorted(root.glob(f"*/{MARKER}")):
        folder = marker.parent
        home = Path(json.loads(marker.read_text(encoding="utf-8"))["home"])
        if outside_of(home) != folder:
            _must_be_still(folder, home)
            found.append(Doomed((folder,), f"{folder}, data of {home}, which is gone"))
    return found


def outside_of(home: Path) -> Path | None:
    """Where the data of a home are when they are not in it."""
    try:
        text = (home / "postgres.json").read_text(encoding="utf-8")
        return Path(json.loads(text)["folder"])
    except (OSError, ValueError, KeyError):
        return None


def remove(doomed: Doomed, home: Path | None = None) -> None:
    """Remove it, and the home when nothing is left in it."""
    for path in doomed.paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if home is not None and not any(home.iterdir()):
        home.rmdir()


def main(home: Path, *, orphans: bool, agree: Callable[[str], bool]) -> int:
    """Show what would go, ask, and remove it; 1 where nothing was removed."""
    try:
        if orphans:
            found = of_orphans()
            for one in found:
                if agree(one.told):
                    remove(one)
                    print(f"removed {one.told}")
            if not found:
                print(f"nothing in {SHARED_ROOT} has lost its home")
            return 0
        doomed = of_home(home)
        with hold.only_one(home):
            if not agree(doomed.told):
                return 1
            remove(doomed, home)
            print(f"removed {doomed.told}")
    except (EraseError, hold.UpError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _must_be_still(folder: Path, home: Path) -> None:
    if Place(folder, home, Path(), -1, -1).running_server() is not None:
        raise EraseError(f"PostgreSQL still runs on {folder}; stop the instance first")
