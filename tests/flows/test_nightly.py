"""The nightly examination: once a night, kept, told where something is found, missed when late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from audited import PLACE, keys_of, note
from builders import make_merchant, make_subscription, working
from database import Database, admin
from fakes import FakeMailer
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from api.pages.staff.health import examined
from billing.engine import Engine
from core.mail import MailUnavailable
from core.merchant import Merchant
from core.sealing import seal_waiting
from core.tables import verdicts
from ops import nightly
from payments.tables import reviews

pytestmark = pytest.mark.database


@pytest.fixture
def watched(engine: Engine) -> Engine:
    told = replace(engine.settings, doctor_at="03:00", alarm_email="jaga@example.com")
    nightly._late_told.clear()
    return replace(engine, settings=told, mailer=FakeMailer())


def at(engine: Engine, moment: datetime) -> Engine:
    return replace(engine, real_now=lambda: moment)


def kept(engine: Engine, merchant: Merchant) -> list[bool]:
    with engine.db.begin(merchant.merchant_id) as session:
        listed = session.execute(select(verdicts.c.clean).order_by(verdicts.c.night))
        return list(listed.scalars())


def test_a_night_is_examined_once_and_its_verdict_kept(watched: Engine, merchant: Merchant) -> None:
    with working(watched, merchant) as unit:
        make_subscription(unit)
    now = watched.real_now()

    assert nightly.watch(watched) == 1
    assert nightly.watch(watched) == 0
    assert nightly.watch(at(watched, now + timedelta(days=1))) == 1

    assert kept(watched, merchant) == [True, True]
    assert watched.mailer.sent == []  # type: ignore[attr-defined]
    with working(watched, merchant) as unit:
        assert "clean" in (examined(unit, "en") or "")
        assert "bersih" in (examined(unit, "id") or "")
    assert f"{merchant.slug}: clean" in nightly.last(watched.db)


@pytest.mark.parametrize(
    ("planned", "now", "night"),
    [
        # 03:00 WIB is 20:00 UTC of the day before.
        ("03:00", datetime(2027, 3, 1, 19, 59, tzinfo=UTC), datetime(2027, 2, 28, 20, tzinfo=UTC)),
        ("03:00", datetime(2027, 3, 1, 20, 0, tzinfo=UTC), datetime(2027, 3, 1, 20, tzinfo=UTC)),
        (
            "23:30",
            datetime(2027, 3, 1, 0, 0, tzinfo=UTC),
            datetime(2027, 2, 28, 16, 30, tzinfo=UTC),
        ),
        ("off", datetime(2027, 3, 1, tzinfo=UTC), None),
    ],
)
def test_the_night_is_the_last_planned_time(
    planned: str, now: datetime, night: datetime | None
) -> None:
    assert nightly.night_of(planned, now) == night


def test_it_can_be_switched_off(watched: Engine, merchant: Merchant) -> None:
    off = replace(watched, settings=replace(watched.settings, doctor_at="off"))
    assert nightly.watch(at(off, off.real_now() + timedelta(days=9))) == 0
    assert kept(watched, merchant) == []


def test_what_is_found_is_told_every_day_as_long_as_it_lasts(
    watched: Engine, merchant: Merchant, database: Database
) -> None:
    other = make_merchant(watched)
    with working(watched, merchant) as unit:
        make_subscription(unit)
    note(watched, merchant, 6)
    seal_waiting(watched.db, keys_of(watched), watched.real_now())
    with admin(database.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE number_series SET last_number = last_number + 1 WHERE kind = 'invoice'"
        )
        row = PLACE.format(m=merchant.merchant_id, n=5)
        connection.execute(f"UPDATE audit SET actor = 'nobody' WHERE id = {row}")
    now = watched.real_now()

    for day in range(2):
        nightly.watch(at(watched, now + timedelta(days=day)))
        nightly.watch(at(watched, now + timedelta(days=day, hours=1)))

    assert kept(watched, merchant) == [False, False]
    assert kept(watched, other) == [True, True]
    first, second = watched.mailer.sent  # type: ignore[attr-defined]
    assert first.to == "jaga@example.com"
    assert "numbers-without-gaps (1, baru / new)" in first.text
    assert "was changed after it was sealed" in first.text
    assert "numbers-without-gaps (1, masih / still)" in second.text
    assert other.slug not in first.text
    with working(watched, merchant) as unit:
        [matter] = unit.session.execute(select(reviews)).all()
        assert matter.kind == "doctor_broken"
        assert matter.detail["rules"] == ["numbers-without-gaps"]
        assert "2 findings" in (examined(unit, "en") or "")
    assert "rules broken" in nightly.last(watched.db)


def test_a_mail_that_could_not_be_sent_is_sent_later(
    watched: Engine, merchant: Merchant, database: Database
) -> None:
    note(watched, merchant)
    with admin(database.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM audit")
    watched.mailer.script.append(MailUnavailable("mail_unavailable", "asleep"))  # type: ignore[attr-defined]

    nightly.watch(watched)
    assert watched.mailer.sent == []  # type: ignore[attr-defined]
    nightly.watch(watched)

    assert len(watched.mailer.sent) == 1  # type: ignore[attr-defined]


def test_a_verdict_that_does_not_come_is_an_alarm_once_a_day(
    watched: Engine, merchant: Merchant, caplog: pytest.LogCaptureFixture
) -> None:
    nightly.watch(watched)
    later = watched.real_now() + timedelta(hours=37)
    assert not nightly.tell_late(watched)

    assert nightly.tell_late(at(watched, later))
    assert not nightly.tell_late(at(watched, later + timedelta(minutes=5)))
    assert nightly.tell_late(at(watched, later + timedelta(days=1)))

    assert "no verdict of the doctor for 36 hours" in caplog.text
    assert len(watched.mailer.sent) == 2  # type: ignore[attr-defined]


def test_the_alarm_rings_though_the_examination_itself_fails_every_night(
    watched: Engine, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed_out(*_: object) -> None:
        raise TimeoutError("a rule took too long")

    nightly.watch(watched)
    assert kept(watched, merchant) == [True]
    monkeypatch.setattr(nightly, "examine", timed_out)

    for hours in (24, 40):
        with pytest.raises(TimeoutError):
            nightly.watch(at(watched, watched.real_now() + timedelta(hours=hours)))

    [mail] = watched.mailer.sent  # type: ignore[attr-defined]
    assert "no nightly examination" in mail.subject


def test_a_verdict_is_never_edited(watched: Engine, merchant: Merchant) -> None:
    nightly.watch(watched)
    with (
        pytest.raises(DBAPIError, match="permission denied"),
        watched.db.begin(merchant.merchant_id) as session,
    ):
        session.execute(text("UPDATE verdicts SET clean = NOT clean"))
