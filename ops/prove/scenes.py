"""Short lives of one scene each: few people, what they do one after the other, and the weather.

A usual life meets by chance what these bring about: a number paid while its invoice is voided, an
answer lost while money comes back, a bank that says no twice. What each person does when, which
plan he has and what strikes is drawn; only what follows upon what is written here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from billing.flows.change_plan import change
from billing.flows.credit import credit_invoice
from billing.flows.make_room import make_room
from billing.flows.refund import request_refund
from core.errors import EngineError
from core.work import Work
from invoices.tables import invoices
from ops.prove import turns
from payments.tables import payments

if TYPE_CHECKING:
    from uuid import UUID

    from ops.prove.people import Deeds, Person
    from ops.prove.plan import Plan

_WEEKS: Final = ("mingguan", "langganan")
_ALL: Final = ("mingguan", "langganan", "harian", "hemat")


@dataclass(frozen=True, slots=True)
class Scene:
    """What follows upon what.

    ``script``: at least and at most so many hours after the step before, one of what is named
    (by ``|``) is done; what is joined by ``+`` is done at once, by one after the other.
    ``weather``: how often in a million a kind of fault strikes, where it is not the usual 0.
    ``cards``: of a hundred people so many pay by card. ``settings``: of the merchant.
    """

    script: tuple[tuple[float, float, str], ...]
    plans: tuple[str, ...]
    days: int
    cards: int = 60
    begins: tuple[int, int] | None = None
    weather: tuple[tuple[str, int], ...] = ()
    settings: tuple[tuple[str, int], ...] = ()


SCENES: Final[dict[str, Scene]] = {
    "second thoughts": Scene(
        (
            (2, 4, "pays"), (10, 30, "later"), (0.1, 20, "upgrade|quantity|wait"),
            (0.1, 20, "later|upgrade|drop_change+later"), (40, 90, "later|change_later"),
            (0.1, 20, "upgrade|quantity|wait|wait"),
        ), _ALL, 10, begins=(1, 29),
    ),
    "stays after all": Scene(
        (
            (2, 4, "pays"), (92, 150, "cancel_later"), (0, 20, "stay|stay|cancel_now"),
            (2, 30, "pays"), (20, 40, "cancel_later+stay|upgrade"), (60, 80, "pays"),
        ), _WEEKS, 17,
    ),
    "leaves an upgrade unpaid": Scene(
        (
            (2, 4, "pays"), (10, 40, "upgrade|quantity"), (0.1, 5, "cancel_now|void|cancel_later"),
            (0.1, 8, "cancel_now|stay+cancel_now"), (4, 8, "pays|by_transfer"),
        ), ("hemat", "pro", "langganan"), 4, cards=25, weather=(("declined", 700_000),),
        settings=(("cancel_day_billed", False),),
    ),
    "refused again": Scene(
        (
            (2, 4, "pays"), (24, 60, "quantity|upgrade"), (24, 60, "pays|new_card"),
            (24, 60, "quantity"),
        ), ("harian", *_WEEKS), 12, cards=100,
        weather=(("declined", 800_000), ("mail_refused_for_now", 50_000), ("mail_slow", 500_000)),
    ),
    "taken back by the bank": Scene(
        (
            (2, 4, "pays"), (171, 185, "pays"), (54, 60, "take_back"), (2, 60, "pays"),
        ), _WEEKS, 14, cards=100, weather=(("declined", 600_000),),
    ),
    "nobody answers": Scene(
        (
            (2, 4, "pays"), (54, 60, "take_back"), (1, 9, "one_off"), (1, 4, "pays"),
            (4, 20, "give_part|quantity"), (30, 60, "take_back"),
        ), ("langganan",), 6, cards=80,
        weather=(("status_timeout", 350_000), ("status_error", 150_000), ("news_twice", 200_000)),
    ),
    "written and not sent": Scene(
        (
            (2, 4, "pays"), (20, 30, "upgrade+credit_unsent|quantity+credit_unsent"),
            (2, 9, "quantity+credit_unsent|pays"), (20, 30, "upgrade+credit_unsent"),
        ), ("hemat", "pro"), 4, cards=100,
    ),
    "answers get lost": Scene(
        (
            (2, 4, "pays"), (20, 40, "quantity|upgrade|one_off"), (0.1, 9, "pays|new_card"),
            (9, 30, "quantity|pays"), (9, 30, "pays"),
        ), ("harian", "harian", "langganan"), 4, cards=85,
        weather=(
            ("on_process", 120_000), ("timeout_after", 150_000), ("late_effect", 150_000),
            ("wrong_answer", 80_000), ("pause_before_call", 50_000), ("pause_after_call", 50_000),
            ("kill_before_call", 40_000), ("kill_after_effect", 40_000), ("declined", 100_000),
            ("status_lag", 200_000), ("status_stale", 200_000), ("news_amended", 150_000),
            ("news_forged", 150_000), ("news_replayed", 100_000), ("news_late", 100_000),
        ),
    ),
    "a number gives way": Scene(
        (
            (1, 3, "credit|other_channel|new_number"), (0, 1, "pay_by_card"),
            (0, 2, "card_instead"), (0, 3, "other_channel+card_instead|pays"),
            (9, 20, "one_off+credit"), (0, 1, "card_instead|pay_number"),
        ), ("hemat", "langganan"), 4, cards=20,
        weather=(("end_timeout_before", 450_000), ("end_error", 250_000)),
    ),
    "a balance meets a charge": Scene(
        (
            (2, 4, "pays"), (20, 30, "upgrade|quantity|one_off"),
            (0, 0.1, "pay_by_card+credit_paid"), (0, 2, "one_off+pay_by_card+credit_whole"),
            (1, 5, "pays"), (20, 30, "one_off+pay_by_card+credit_paid"),
        ), ("hemat", "langganan"), 4, cards=100,
        weather=(("timeout_after", 300_000), ("timeout_before", 100_000),
                 ("status_timeout", 400_000)),
    ),
    "loose money": Scene(
        (
            (2, 4, "pays"), (5, 10, "one_off"), (1, 3, "other_channel|pay_number+void"),
            (0.2, 1, "pay_number+void|pay_number+credit"), (1, 3, "give_rest"),
            (2, 9, "by_transfer"), (1, 3, "give_rest|one_off"), (2, 5, "by_transfer"),
        ), ("hemat", "pro"), 4, cards=30,
        weather=(("refund_refused", 400_000), ("end_timeout_after", 250_000)),
    ),
    "a part and the rest": Scene(
        (
            (1, 2, "pays"), (0.5, 8, "give_part"), (0, 5, "give_rest|give_part"),
            (26, 40, "quantity+pays|wait"), (1, 5, "give_part|give_rest|wait|wait"),
            (0, 5, "give_rest|wait"),
        ), ("hemat", "langganan"), 4, cards=90,
        weather=(("news_lost", 750_000), ("refund_refused", 50_000)),
    ),
    "the lights are out": Scene(
        (
            (2, 4, "pays"), (24, 50, "quantity|change_later"), (24, 50, "pays"),
        ), ("harian", "harian", "langganan"), 8, begins=(12, 28), weather=(("dark", 150_000),),
    ),
    "given up and paid": Scene(
        (
            (2, 4, "pays"), (5, 9, "one_off"), (1, 5, "pay_number+write_off|write_off+pay_number"),
            (1, 20, "write_off+pay_number|pays"), (5, 9, "one_off+write_off"),
            (2, 40, "pay_number"),
        ), ("hemat", "langganan"), 4, cards=20,
    ),
    "nobody tells": Scene(
        (
            (2, 30, "pays"), (5, 30, "one_off"), (0.2, 1, "other_channel|credit|pays"),
            (1, 20, "pays"), (5, 9, "quantity|one_off"), (1, 9, "pays"),
        ), ("hemat", "langganan"), 4, cards=20,
        weather=(("news_lost", 800_000), ("status_stale", 200_000)),
    ),
    "out of a balance": Scene(
        (
            (2, 4, "pays"), (3, 9, "one_off"), (0, 3, "one_off"), (0, 3, "credit_paid"),
            (0, 3, "credit_whole|credit_whole+pay_number"), (1, 9, "pay_number|give_rest"),
            (3, 9, "one_off"), (1, 3, "credit_whole"), (0, 5, "credit_paid"),
        ), ("pro", "langganan"), 4, cards=25, weather=(("mail_slow", 400_000),),
    ),
}  # fmt: skip
PEOPLE: Final = 3


def lived_in(name: str, plan: Plan) -> Plan:
    """A plan as this scene has it, with no more people and days than it had."""
    scene = SCENES[name]
    return replace(
        plan,
        subscriptions=min(PEOPLE, plan.subscriptions),
        days=min(scene.days, plan.days),
        off=plan.off | {"restored", "failed_over"},
        begins=scene.begins,
        plans=scene.plans,
        settings=scene.settings,
        scene=name,
    )


def enter(
    scene: Scene, dice: random.Random, person: Person, prices: list[UUID], start: datetime
) -> Iterator[tuple[datetime, str]]:
    """Decide who somebody is; when he does what. Many sign up at the same minute as others."""
    person.price_id, person.by_card = dice.choice(prices), dice.randrange(100) < scene.cards
    at = start + timedelta(minutes=dice.choice((1, 1, 1, 30, 7 * 60)))
    yield at, "sign_up"
    for soonest, latest, names in scene.script:
        at += timedelta(seconds=dice.randint(int(soonest * 3600), int(latest * 3600)))
        yield at, dice.choice(names.split("|"))


def deeds(
    who: Deeds, person: Person, key: str, usual: dict[str, Callable[[], Any]]
) -> dict[str, Callable[[], Any]]:
    """What may be done in a scene, with all of `ops.prove.turns`."""
    from ops.prove.people import CUSTOMER, STAFF

    dice, customer, book = who.dice, person.customer_id, who.book
    luck, share, subscription = dice.random(), dice.randint(2, 4), person.subscription_id
    price, amount = dice.choice(who.prices), dice.randint(1, 3)
    assert customer is not None
    assert subscription is not None
    assert book is not None

    def mine() -> set[str]:
        return {order.order_id for order in who.orders(customer)}

    def pays() -> None:
        if not turns.pay_one(book, mine(), luck):
            usual["pay_by_card"]()

    def take_back() -> None:
        taken = [one for one in book.orders.values() if one.kind == "card" and not one.refunds]
        held = [one for one in taken if one.state == "settlement" and one.order_id in mine()]
        if held:
            book.take_back(max(held, key=lambda one: one.at).order_id)

    def give(part: bool) -> None:
        taken = who.rows(payments, customer_id=customer)
        if taken:
            one = max(taken, key=lambda row: (row.status == "captured", row.created_at))
            amount = max(1, one.amount // share) if part else None
            who.asked_for("refund", f"{key}-{part}")
            who.in_work(
                lambda unit: request_refund(unit, one.id, amount, key=f"{key}-{part}"), STAFF
            )

    def credit_whole() -> None:
        paid = who.rows(invoices, customer_id=customer, status="paid")
        if paid:
            most = max(paid, key=lambda row: row.total_amount)
            who.in_work(
                lambda unit: credit_invoice(
                    unit, most.id, reason="mistake", source_kind="request",
                    source_id=unit.derive("credit", key),
                ), STAFF,
            )  # fmt: skip

    def later() -> None:
        who.in_work(
            lambda unit: change(
                unit, subscription, price_id=price, quantity=amount, mode="at_period_end"
            )
        )

    def leave_unsent() -> tuple[UUID, int] | None:
        """The charge is written, and who wrote it dies before it is sent."""
        one = who.first_open(customer)
        if one is None:
            return None
        method = one.payment_method_id
        who.in_work(lambda unit: who.written(unit, one.id, method, f"tok-{key}"))
        return one.id, one.due_amount

    def credit_unsent() -> None:
        if (left := leave_unsent()) is None:
            return
        invoice_id, due = left

        def write(unit: Work) -> None:
            credit_invoice(
                unit, invoice_id, reason="mistake", gross_amount=max(1, due // share),
                source_kind="request", source_id=unit.derive("credit", key),
            )  # fmt: skip

        who.in_work(write, STAFF)

    def card_instead() -> None:
        if (one := who.first_open(customer)) is not None:
            make_room(who.engine, who.merchant_id, CUSTOMER, one.id)
            usual["pay_by_card"]()

    return usual | {
        "pays": pays, "take_back": take_back, "credit_unsent": credit_unsent,
        "card_instead": card_instead, "credit_whole": credit_whole, "later": later,
        "wait": lambda: None, "give_part": partial(give, True),
        "give_rest": partial(give, False),
    }  # fmt: skip


def named(may: dict[str, Callable[[], Any]], name: str) -> Callable[[], Any]:
    """What is joined by ``+``, one after the other; a refusal of one does not keep the next."""
    steps = name.split("+")
    if len(steps) == 1:
        return may[name]

    def run() -> None:
        for n, step in enumerate(steps):
            try:
                may[step]()
            except EngineError:
                if n == len(steps) - 1:
                    raise

    return run
