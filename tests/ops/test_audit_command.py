"""`tagihan audit`: what the commands answer, and what a restore cuts off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from audited import note
from builders import make_merchant
from click.testing import CliRunner
from database import Database
from fakes import FakeGateway, FakeGateways, FakeMailer, MachineTime
from sqlalchemy import select, text

from billing.engine import Engine
from core.db import connect, make_engine
from core.setting_values import MasterKey
from core.settings import Settings
from core.tables import audit
from core.vault import Vault
from ops import backup, restore
from ops.audit import main_head, main_verify
from ops.audit_walk import WantedHead
from ops.cli import tagihan
from ops.merchant import group
from scheduler import seal

pytestmark = pytest.mark.database
SECRET = bytes(range(32))


@pytest.fixture
def engine(fresh_database: Database) -> Iterator[Engine]:
    settings = Settings(
        database_url=fresh_database.app_url,
        owner_database_url=fresh_database.owner_url,
        role_prefix=fresh_database.role_prefix,
        master_keys=(MasterKey("k", SECRET),),
    )
    made = Engine(
        settings=settings,
        db=connect(fresh_database.app_url, role_prefix=fresh_database.role_prefix, pool_size=2),
        vault=Vault([("k", SECRET)]),
        gateways=FakeGateways(FakeGateway()),
        mailer=FakeMailer(),
        real_now=MachineTime(),
    )
    yield made
    made.close()


def test_verify_answers_by_its_exit_code_and_names_the_row(
    engine: Engine, fresh_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    merchant = make_merchant(engine)
    note(engine, merchant, 3)
    seal(engine)
    assert main_head(engine.settings, merchant.slug) == 0
    head = capsys.readouterr().out.strip()
    assert main_verify(engine.settings, None, [WantedHead(head)]) == 0
    assert "as they were sealed" in capsys.readouterr().out
    assert main_verify(engine.settings, "nobody", []) == 1
    assert main_verify(engine.settings, None, [WantedHead("11" * 32)]) == 1

    admin = make_engine(fresh_database.admin_url, pool_size=1)
    with admin.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        changed = connection.execute(
            text("UPDATE audit SET actor = 'x' WHERE action = 'test.note' RETURNING id")
        ).first()
    admin.dispose()

    capsys.readouterr()
    assert main_verify(engine.settings, merchant.slug, []) == 1
    assert changed is not None
    assert f"changed: row {changed.id}" in capsys.readouterr().out


@pytest.mark.slow
def test_a_restore_says_what_it_cut_off_the_trail_and_the_rest_goes_on(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merchant = make_merchant(engine)
    note(engine, merchant, 2)
    seal(engine)
    file = tmp_path / "tagihan.backup"
    assert engine.settings.owner_database_url
    backup.dump(engine.settings.owner_database_url, file)
    note(engine, merchant, 4)
    seal(engine)
    main_head(engine.settings, None)
    kept = capsys.readouterr().out.strip()
    engine.close()

    assert restore.main(engine.settings, file) == 0
    assert "; 4 sealed rows were cut" in capsys.readouterr().out

    again = replace(
        engine,
        db=connect(
            str(engine.settings.database_url), role_prefix=engine.settings.role_prefix, pool_size=2
        ),
    )
    restored = [who for _, *who in audited(again)]
    assert ["operator", "command line"] in restored
    note(again, merchant, 1)
    seal(again)
    again.close()
    assert main_verify(engine.settings, None, []) == 0
    assert main_verify(engine.settings, None, [WantedHead(kept)]) == 1
    told = capsys.readouterr().out
    assert "a restored backup ends earlier" in told
    assert f"{kept}: a restore at " in told
    assert f"cut this trail, which had ended at {kept.partition(':')[2]}" in told
    later = WantedHead(f"{merchant.slug}:999:{'11' * 32}")  # no restore has cut that
    assert main_verify(engine.settings, None, [later]) == 1
    assert "cut this trail" not in capsys.readouterr().out


ADDED = (
    '{"slug": "kedai", "legal_name": "PT Kedai", "email": "a@kedai.example", '
    '"address": "Jl. Mawar 2", "gateway": "simulator", "server_key": "SB-Mid-server-k"}'
)
# Every command that writes, as it is typed; `{slug}` is a merchant's and `{file}` a file's name.
WRITES = {
    "add": ("{file}", ADDED),
    "set": ("{slug} payment_terms_days=21", ""),
    "key": ("{slug}", ""),
    "staff": ("{slug} ani@kedai.example --name Ani --password kopi-tubruk-7", ""),
    "dunning": ("{slug} {file}", '{"grace_days": 9}'),
    "resume": ("{slug}", ""),
}
READS = {"list", "show"}


@pytest.mark.parametrize("command", sorted(group.commands.keys() - READS))
def test_what_the_command_line_writes_is_in_the_audit(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("ops.merchant.load", lambda **_: None)
    monkeypatch.setattr("ops.merchant.build_engine", lambda _: engine)
    merchant = make_merchant(engine)
    words, content = WRITES[command]
    file = tmp_path / "given.json"
    file.write_text(content, encoding="utf-8")
    before = audited(engine)

    done = CliRunner().invoke(
        group, [command, *words.format(slug=merchant.slug, file=file).split()]
    )

    assert done.exit_code == 0, done.output
    new = [row for row in audited(engine) if row not in before]
    assert new
    assert {(actor_kind, actor) for _, actor_kind, actor in new} == {("operator", "command line")}


def audited(engine: Engine) -> list[tuple[UUID, str, str]]:
    """Every line of every merchant's audit: its id, and who it was."""
    with engine.db.reader() as session:
        rows = session.execute(select(audit.c.id, audit.c.actor_kind, audit.c.actor))
        return [(row.id, row.actor_kind, row.actor) for row in rows]


@pytest.mark.parametrize("given", ["", "abc", "1:2:3:4", "toko:x:" + "00" * 32, "00" * 31])
def test_what_is_no_head_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        WantedHead(given)


def test_the_commands_are_told() -> None:
    told = CliRunner().invoke(tagihan, ["audit", "--help"]).output
    assert "verify" in told
    assert "head" in told
