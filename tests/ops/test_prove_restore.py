"""Proven histories that fall back: to a backup of some hours ago, or to a standby that lacks commits."""

from __future__ import annotations

import pytest

from ops.prove import restore
from ops.prove.checks import Ours, against_the_book
from ops.prove.history import History
from ops.prove.place import Place
from ops.prove.plan import Plan, Told

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(600)]


def lived(place: Place, plan: Plan) -> tuple[History, Told]:
    """A history, with what was found when all of it had been checked."""
    with place.room("prove_falls_back") as room:
        history = History(plan, room)
        told = history.live()
        return history, told


@pytest.mark.parametrize("kind", ["restored", "failed_over"])
def test_a_history_that_falls_back_breaks_no_promise_and_is_decided_by_its_seed(
    place: Place, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(restore, "HISTORY", {kind: 1_000_000})

    history, told = lived(place, Plan("falls back", 0, 2, 5))

    assert told.violations == []
    assert history.loss.kind == kind
    assert history.loss.lost_at is not None
    assert history.loss.is_over()
    assert told.faults[kind] == 1
    assert lived(place, Plan("falls back", 0, 2, 5))[1].digest == told.digest


def test_what_others_hold_is_asked_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "HISTORY", {"restored": 1_000_000})
    found: list[set[str]] = []

    def look_closer(history: History) -> None:
        """Before it is checked: a second mail, a paper's number, and money that nobody knows."""
        loss = history.loss
        history.postman.letters.append(history.postman.letters[0])
        number, owner = next(iter(loss.before.numbers.items()))
        loss.before.numbers[number] = f"not {owner}"
        found.append({one.rule for one in loss.violations()})
        order_id = next(one.order_id for one in history.book.orders.values() if one.paid_at)
        ours = Ours(order_id, "paid", 1, "attempt", "merchant", *[None] * 7)
        history.look.execute("CREATE TEMP VIEW payment_orders AS SELECT * FROM "
            "public.payment_orders WHERE order_id <> '" + order_id + "'")  # fmt: skip
        silent = against_the_book(history.look, history.book, {order_id: ours})
        found.append({one.rule for one in silent})
        history.look.execute("DROP VIEW pg_temp.payment_orders")

    with place.room("prove_asked_for") as room:
        history = History(Plan("falls back", 0, 2, 5), room)
        history.ending = lambda: look_closer(history)
        history.live()

    assert found[0] == {"no second e-mail", "a number is given once"}
    assert "money of the lost time is not silent" in found[1]
