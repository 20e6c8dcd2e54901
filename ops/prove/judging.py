"""Who watches a history and judges it at its end; what it finds is told as `Violation`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ops.prove import checks, manners, promises
from ops.prove.checks import Violation
from ops.prove.digest import digest_of
from ops.prove.news import Letter
from ops.prove.plan import Told

if TYPE_CHECKING:
    from ops.prove.history import History

# So many notifications of a life of years come once more at its end.
REPLAYED: Final = 100


def saw_a_charge(history: History, order_id: str, amount: int) -> None:
    """What is looked at whenever a charge leaves us.

    I4: a committed row says that it is being sent. I2: nothing else can be paid for its invoice.
    """
    for other in manners.beside(history.look, order_id):
        why = f"{other} can be paid too"
        history.violations.append(
            Violation("I2 one way to pay at a time", f"order {order_id}", why, order_id)
        )
    row = history.look.execute(
        "SELECT amount, sends FROM payment_orders WHERE order_id = %s", [order_id]
    ).fetchone()
    if row is None or row[0] != amount or row[1] < 1:
        history.violations.append(
            Violation("I4 written ahead", f"order {order_id}", f"row says {row}", order_id)
        )
    history.violations += promises.more_than_due(history.look, order_id)


def judge(history: History) -> None:
    """Every check there is, once all is quiet."""
    look, now, found = history.look, history.stage.now, history.violations
    found += history.errors.found
    found += checks.by_the_doctor(history.engine.db, now)
    found += checks.against_the_book(look, history.book, history.loss.before.orders)
    found += history.loss.violations()
    found += checks.left_open(look, now)
    found += manners.unmannerly(look, now)
    found += promises.broken(look)
    found += history.postman.twice
    found += manners.once_each(look, history.deeds.asked)
    found += [
        Violation("no request breaks a guard", name, why) for name, why in history.deeds.broke
    ]
    before = checks.money_of(look)
    _tell_all_again(history)
    found += checks.unmoved(before, checks.money_of(look))


def _tell_all_again(history: History) -> None:
    """Every notification there ever was comes once more, in any order (I8); of years some do."""
    told = history.post.sent[:]
    history.world.shuffle(told)
    if history.calm:
        del told[REPLAYED:]
    letters = [Letter(history.stage.now, n, body) for n, body in enumerate(told)]
    history.take_again(letters)


def told_of(history: History) -> Told:
    """What came of it, in figures."""
    look, faults, stage = history.look, history.faults, history.stage
    row = look.execute("SELECT count(*) FROM invoices").fetchone()
    told = Told(history.plan, digest_of(look), history.cut)
    told.trace, told.violations = stage.trace.hexdigest(), history.violations
    told.faults, told.pairs = faults.counts, faults.pairs
    told.sites, told.killed_at = faults.sites, faults.killed_at
    told.struck_in = faults.struck_in
    told.deeds = Counter(history.deeds.done)
    told.charges, told.calls = history.wire.charges, history.wire.calls
    told.steps, told.waits = stage.steps, stage.waits
    told.deadlocks, told.invoices = stage.deadlocks, row[0] if row else 0
    days = look.execute(
        "SELECT coalesce(sum(greatest(0, coalesce(ended_on, %s::date) - created_at::date)), 0)"
        " FROM subscriptions",
        [stage.now],
    ).fetchone()
    told.subscription_days = int(days[0]) if days else 0
    return told
