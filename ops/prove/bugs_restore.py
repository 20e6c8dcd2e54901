"""Known mistakes of restoring: what others hold is made or given again, or never asked about."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from billing.flows import orders, recover_sweep
from billing.flows import recover as asking
from core import ids
from ops import recover
from ops.prove import restore
from ops.prove.planting import Bug, Life, swap
from payments import order_ids

FALLS_BACK: Final = Life(
    4, 6, trouble=1, histories=4, plans=("harian",),
    deeds=(("refund", 6), ("one_off", 4), ("pay_by_card", 3)),
)  # fmt: skip
# By a name that no history leaves out.
_ALWAYS: Final = {"an older backup": 1_000_000}


def _falls_back(stack: ExitStack) -> None:
    """In each of its histories an older backup comes back."""
    stack.enter_context(patch.object(restore, "HISTORY", _ALWAYS))


def _order_ids_at_random(stack: ExitStack) -> None:
    real: Callable[..., str] = order_ids.order_id

    def drawn(namespace: bytes, owner: str, *more: Any) -> str:
        return real(namespace, f"{owner}:{ids.fresh()}", *more)

    for module in (orders, asking):
        stack.enter_context(patch.object(module, "derive_order_id", drawn))


def _not_recovering(stack: ExitStack) -> None:
    stack.enter_context(patch.object(recover, "begin", lambda *_, **__: []))
    stack.enter_context(patch.object(restore, "sweep", lambda *_: recover_sweep.Swept()))


def _payments_forgotten(stack: ExitStack) -> None:
    real = recover_sweep._pages

    def pages(engine: Any, merchant_id: Any, query: Any) -> Any:
        return iter(()) if query is recover_sweep._payments else real(engine, merchant_id, query)

    stack.enter_context(patch.object(recover_sweep, "_pages", pages))


def _mail_goes_out(stack: ExitStack) -> None:
    real = recover.begin

    def begin(connection: Any, *more: Any, **named: Any) -> Any:
        begun = real(connection, *more, **named)
        connection.execute(
            "CREATE FUNCTION goes_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "NEW.state := 'queued'; NEW.next_at := now(); RETURN NEW; END $$; "
            "CREATE TRIGGER goes_out BEFORE INSERT ON messages FOR EACH ROW "
            "WHEN (NEW.state = 'held') EXECUTE FUNCTION goes_out()"
        )
        return begun

    stack.enter_context(patch.object(recover, "begin", begin))


BUGS: Final[dict[str, Bug]] = {
    "not-recovering": Bug(
        "after a restore everything simply goes on: nobody asks before sending, nothing is held",
        "Lago, Kill Bill: no such mode is documented",
        ("no second e-mail", "a number is given once", "I2", "I9", "I11", "money of the lost"),
        (_falls_back, _not_recovering),
        life=FALLS_BACK,
    ),
    "order-ids-at-random": Bug(
        "order ids are drawn: after a restore no charge meets the one that was made",
        "django-subscription-midtrans; the prototype with random ids: 837 of 4,800 charged twice",
        ("I2 never charged twice", "doctor:order-ids-derived"),
        (_falls_back, _order_ids_at_random),
        life=FALLS_BACK,
    ),
    "numbers-of-papers-given-again": Bug(
        "the counter goes on where the backup has it, and another invoice gets a paper's number",
        "every engine whose counter is in the database it restores",
        ("a number is given once",),
        (_falls_back, swap("ops.recover", "_leave_out", lambda *_: {})),
        life=FALLS_BACK,
    ),
    "mail-of-the-lost-time-again": Bug(
        "what was mailed in the lost time is mailed again as it is made again",
        "every engine with an outbox in the database it restores",
        ("no second e-mail",),
        (_falls_back, _mail_goes_out),
        life=FALLS_BACK,
    ),
    "refunds-of-the-lost-time-forgotten": Bug(
        "payments are not asked about after a restore: nobody tells of their refunds again",
        "own",
        ("I11", "I5"),
        (_falls_back, _payments_forgotten),
        life=replace(FALLS_BACK, deeds=(("refund", 20), ("one_off", 2))),
    ),
}
