"""Two schedulers look at a night's verdict at once: each alarm is told by one of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier
from time import sleep

import pytest
from audited import note
from database import Database, admin
from fakes import FakeMailer

from billing.engine import Engine
from core.mail import OutgoingMail
from core.merchant import Merchant
from ops import nightly, nightly_alarm

pytestmark = pytest.mark.database


@pytest.fixture
def watched(engine: Engine) -> Engine:
    told = replace(engine.settings, doctor_at="03:00", alarm_email="jaga@example.com")
    nightly_alarm._late_told.clear()
    nightly._tried.clear()
    return replace(engine, settings=told, mailer=FakeMailer())


def at(engine: Engine, moment: datetime) -> Engine:
    return replace(engine, real_now=lambda: moment)


def find_something(engine: Engine, merchant: Merchant, database: Database) -> None:
    note(engine, merchant)
    with admin(database.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM audit")


def test_two_schedulers_that_look_at_once_send_one_mail(
    watched: Engine, merchant: Merchant, database: Database
) -> None:
    find_something(watched, merchant, database)
    quiet = replace(watched, settings=replace(watched.settings, alarm_email=None))
    nightly.watch(quiet)
    gate = Barrier(2)

    class Slow(FakeMailer):
        def send(self, mail: OutgoingMail) -> None:
            sleep(0.2)
            super().send(mail)

    slow = replace(watched, mailer=Slow())

    def look(_: int) -> int:
        gate.wait()
        return nightly_alarm.tell(slow)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(look, range(2))) == [0, 1]
    assert len(slow.mailer.sent) == 1  # type: ignore[attr-defined]


def test_two_schedulers_tell_once_that_a_verdict_does_not_come(
    watched: Engine, merchant: Merchant
) -> None:
    nightly.watch(watched)
    later = watched.real_now() + timedelta(hours=37)
    gate = Barrier(2)

    class Slow(FakeMailer):
        def send(self, mail: OutgoingMail) -> None:
            sleep(0.2)
            super().send(mail)

    slow = replace(at(watched, later), mailer=Slow())

    def look(_: int) -> bool:
        gate.wait()
        return nightly_alarm.tell_late(slow)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(look, range(2))) == [False, True]
    nightly_alarm._late_told.clear()  # a scheduler that was started anew
    assert not nightly_alarm.tell_late(at(slow, later + timedelta(minutes=20)))
    assert len(slow.mailer.sent) == 1  # type: ignore[attr-defined]


def test_an_alarm_whose_teller_died_at_it_is_told_by_another(
    watched: Engine, merchant: Merchant, database: Database
) -> None:
    class Killed(BaseException):
        """The process is gone."""

    class Dying(FakeMailer):
        def send(self, mail: OutgoingMail) -> None:
            raise Killed

    find_something(watched, merchant, database)
    with pytest.raises(Killed):
        nightly.watch(replace(watched, mailer=Dying()))

    now = watched.real_now()
    assert nightly_alarm.tell(at(watched, now + timedelta(minutes=5))) == 0
    assert nightly_alarm.tell(at(watched, now + timedelta(minutes=16))) == 1
    assert nightly_alarm.tell(at(watched, now + timedelta(minutes=40))) == 0

    later = now + timedelta(hours=37)
    with pytest.raises(Killed):
        nightly_alarm.tell_late(replace(at(watched, later), mailer=Dying()))
    assert not nightly_alarm.tell_late(at(watched, later + timedelta(minutes=5)))
    assert nightly_alarm.tell_late(at(watched, later + timedelta(minutes=16)))
