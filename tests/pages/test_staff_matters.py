"""The red box of the staff page: what a person should look at, and the answer to it."""

from __future__ import annotations

import pytest
from pages.desk import Desk, plain
from pages.house import House

from billing.flows import decide
from billing.flows.reviews import open_review
from core import ids
from payments.tables import reviews


def matter(house: House) -> str:
    """One open matter."""
    with house.work() as unit:
        subject = unit.derive("payment", "one")
        open_review(unit, "refund_unknown", "payment", subject, {"amount": "50000.00"})
        return ids.public("review", unit.derive("review", "refund_unknown", subject))


def test_open_matters_stand_in_a_red_box_until_they_are_answered(house: House) -> None:
    desk = Desk(house)
    desk.enter()
    assert "Perlu dilihat" not in desk.get().text
    review = matter(house)
    page = desk.get()
    words = plain(page.text)
    assert "Perlu dilihat orang (1)" in words
    assert "Buat nota kreditnya" in words
    assert "amount: 50000.00" in words
    assert "A person should look" in plain(desk.get("?lang=en").text)

    desk.send(f"/reviews/{review}", page.text, decision="done", reason="")
    assert "(1)" in plain(desk.get().text), "without a reason nothing is closed"
    answer = desk.send(f"/reviews/{review}", page.text, decision="done", reason="nota dibuat")
    assert "Perlu dilihat" not in answer.text
    with house.work() as unit:
        row = unit.session.execute(reviews.select()).one()
    assert (row.resolution, row.closed_by) == ("done: nota dibuat", "staff:owner@larasa.example")


def test_the_part_a_bank_took_back_is_read_as_people_write_rupiah_or_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    booked: list[int] = []
    monkeypatch.setattr(decide, "book_part", lambda unit, payment, amount: booked.append(amount))
    desk = Desk(house)
    desk.enter()
    with house.work() as unit:
        subject = unit.derive("payment", "one")
        open_review(unit, "chargeback_part", "payment", subject, {"booked": False})
        at = f"/reviews/{ids.public('review', unit.derive('review', 'chargeback_part', subject))}"
    page, said = desk.get(), {"decision": "charged_back", "reason": "mutasi bank"}
    for typed in ("40000.00", "40.000,00", "40000.000", "4e4", "-40000", ""):
        onto = desk.send(at, page.text, **said, amount=typed).headers["location"]
        shown = desk.get(onto.removeprefix(desk.root)).text
        assert "tulis jumlah dalam rupiah bulat" in plain(shown), typed
    assert booked == []
    assert 'role="alert"' not in desk.get("?refused=%3Cb%3E").text
    desk.send(at, page.text, **said, amount="Rp 40.000")
    assert booked == [40_000]
    assert "Perlu dilihat" not in desk.get().text


def test_support_sees_the_box_and_may_not_answer(house: House) -> None:
    desk = Desk(house, "support")
    desk.enter()
    review = matter(house)
    page = desk.get()
    assert "Perlu dilihat" in page.text
    assert "reviews/" not in page.text
    assert (
        desk.send(f"/reviews/{review}", page.text, decision="done", reason="x").status_code == 403
    )
