"""The nightly examination: once a night, kept, told where something is found, missed when late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from audited import PLACE, keys_of, note
from builders import make_merchant, make_subscription, working
from database import Database, admin
from fakes import FakeMailer
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from api.health import _examined
from api.pages.staff.health import examined
from billing.engine import Engine
from core.mail import MailUnavailable
from core.merchant import Merchant
from core.sealing import seal_waiting
from core.tables import verdicts
from ops import nightly, nightly_alarm
from payments.tables import reviews

pytestmark = pytest.mark.database


@pytest.fixture
def watched(engine: Engine) -> Engine:
    told = replace(engine.settings, doctor_at="03:00", alarm_email="jaga@example.com")
    nightly_alarm._late_told.clear()
    nightly._tried.clear()
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
    assert not nightly_alarm.tell_late(watched)

    assert nightly_alarm.tell_late(at(watched, later))
    assert not nightly_alarm.tell_late(at(watched, later + timedelta(minutes=5)))
    assert nightly_alarm.tell_late(at(watched, later + timedelta(days=1)))

    assert "no verdict of the doctor for 36 hours" in caplog.text
    assert len(watched.mailer.sent) == 2  # type: ignore[attr-defined]


def test_the_alarm_of_a_missing_verdict_that_could_not_be_sent_is_sent_later(
    watched: Engine, merchant: Merchant
) -> None:
    nightly.watch(watched)
    later = watched.real_now() + timedelta(hours=37)
    watched.mailer.script.append(MailUnavailable("mail_unavailable", "asleep"))  # type: ignore[attr-defined]

    assert not nightly_alarm.tell_late(at(watched, later))
    assert nightly_alarm.tell_late(at(watched, later + timedelta(minutes=30)))
    assert not nightly_alarm.tell_late(at(watched, later + timedelta(minutes=60)))

    assert len(watched.mailer.sent) == 1  # type: ignore[attr-defined]


def test_the_alarm_rings_though_the_examination_itself_fails_every_night(
    watched: Engine, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed_out(*_: object, **__: object) -> None:
        raise TimeoutError("a rule took too long")

    nightly.watch(watched)
    assert kept(watched, merchant) == [True]
    monkeypatch.setattr(nightly, "examine", timed_out)

    for hours in (24, 40):
        with pytest.raises(TimeoutError):
            nightly.watch(at(watched, watched.real_now() + timedelta(hours=hours)))

    [mail] = watched.mailer.sent  # type: ignore[attr-defined]
    assert "no nightly examination" in mail.subject


@pytest.fixture
def pair(watched: Engine) -> tuple[Merchant, Merchant]:
    """Two merchants; the second is the one that something happens to."""
    return make_merchant(watched, slug="aman"), make_merchant(watched, slug="rusak")


def broken_at(monkeypatch: pytest.MonkeyPatch, slug: str) -> None:
    """The verdict of one merchant can not be kept."""
    keep = nightly._keep

    def refuse(engine: Engine, merchant_id: UUID, its: str, *rest: Any) -> int:
        if its == slug:
            raise TimeoutError("somebody holds its rows")
        return keep(engine, merchant_id, its, *rest)

    monkeypatch.setattr(nightly, "_keep", refuse)


def test_a_merchant_that_can_not_be_examined_keeps_no_other_from_its_night(
    watched: Engine, pair: tuple[Merchant, Merchant], monkeypatch: pytest.MonkeyPatch
) -> None:
    safe, hurt = pair
    after = make_merchant(watched, slug="sesudah")
    assert nightly.watch(watched) == 3
    now = watched.real_now() + timedelta(days=1)
    with monkeypatch.context() as patch:
        broken_at(patch, hurt.slug)
        assert nightly.watch(at(watched, now)) == 2
    assert [len(kept(watched, one)) for one in (safe, hurt, after)] == [2, 1, 2]

    assert nightly.watch(at(watched, now + timedelta(minutes=5))) == 0
    assert nightly.watch(at(watched, now + nightly.AGAIN)) == 1
    assert kept(watched, hurt) == [True, True]


def test_a_night_that_died_half_way_is_made_up_for_by_the_next_process(
    watched: Engine, pair: tuple[Merchant, Merchant], monkeypatch: pytest.MonkeyPatch
) -> None:
    safe, hurt = pair

    class Killed(BaseException):
        """The process is gone."""

    def die(*_: object) -> int:
        raise Killed

    nightly.watch(watched)
    tomorrow = at(watched, watched.real_now() + timedelta(days=1))
    with monkeypatch.context() as patch:
        keep = nightly._keep
        patch.setattr(nightly, "_keep", lambda *a: die() if a[2] == hurt.slug else keep(*a))
        with pytest.raises(Killed):
            nightly.watch(tomorrow)
    nightly._tried.clear()  # another process knows nothing of it

    assert nightly.watch(tomorrow) == 1
    assert kept(watched, safe) == kept(watched, hurt) == [True, True]


def test_one_merchant_without_a_night_for_36_hours_is_an_alarm_though_the_others_have_theirs(
    watched: Engine, pair: tuple[Merchant, Merchant], monkeypatch: pytest.MonkeyPatch
) -> None:
    nightly.watch(watched)
    assert _examined(watched) == "clean"
    broken_at(monkeypatch, pair[1].slug)
    for day in (1, 2):
        nightly.watch(at(watched, watched.real_now() + timedelta(days=day)))

    assert kept(watched, pair[0]) == [True, True, True]
    [mail] = watched.mailer.sent  # type: ignore[attr-defined]
    assert "no nightly examination" in mail.subject
    assert pair[1].slug in mail.text
    assert pair[0].slug not in mail.text
    assert _examined(at(watched, watched.real_now() + timedelta(days=2))) == "late"


def test_who_comes_in_the_day_waits_for_the_next_night(watched: Engine, merchant: Merchant) -> None:
    nightly.watch(watched)
    new = make_merchant(watched, slug="baru", at=None)

    assert nightly.watch(watched) == 0
    assert nightly.watch(at(watched, watched.real_now() + timedelta(days=1))) == 2
    assert kept(watched, new) == [True]


def test_a_verdict_is_never_edited(watched: Engine, merchant: Merchant) -> None:
    nightly.watch(watched)
    with (
        pytest.raises(DBAPIError, match="permission denied"),
        watched.db.begin(merchant.merchant_id) as session,
    ):
        session.execute(text("UPDATE verdicts SET clean = NOT clean"))
