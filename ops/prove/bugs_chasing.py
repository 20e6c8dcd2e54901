"""Known mistakes of collecting and chasing: what stays open, who is charged, when, how often."""

from __future__ import annotations

from typing import Any, Final

from ops.prove.planting import Bug, Life, edit, swap

OWING: Final = Life(
    3, 6, 2, hours=14, deeds=(("new_number", 4), ("pay_by_card", 6), ("void", 2), ("one_off", 3))
)
DECLINED: Final = Life(
    4, 8, 3, deeds=(("pay_by_card", 1), ("stay", 1)), plans=("mingguan", "harian")
)

_PAID_IS_NOT_HEARD: Final = edit("billing.flows.chase:on_paid", {
    "    if case is None:": "    if True:",
})  # fmt: skip


def _nothing(*_: Any, **__: Any) -> int:
    return 0


BUGS: Final[dict[str, Bug]] = {
    "number-open-beside-a-charge": Bug(
        "a number to pay to stays open while the card is charged",
        "lago#5708, lago#5547",
        ("I2 one way to pay at a time",),
        (
            edit("billing.flows.collect:_collect_locked", {
                'elif "instrument" in kinds:': "elif False:",
            }),
            edit("billing.flows.orders:open_attempt", {"    if standing:": "    if False:"}),
        ),
        life=OWING,
    ),
    "number-open-on-a-paid-invoice": Bug(
        "a number to pay to stays open when a balance pays its invoice",
        "midtrans-php#116; lago#5547",
        ("nothing to pay is left on a closed invoice",),
        (edit("billing.flows.use_balance:_pay", {
            "    withdraw(unit, invoice.id)\n    if state": "    if state",
        }),),
        life=Life(histories=8, scene="out of a balance"),
    ),
    "charged-though-closed": Bug(
        "what waits to be sent is sent though its invoice was paid or voided meanwhile",
        "polar#6542",
        ("doctor:closed-invoices-are-left-alone", "I2"),
        (edit("billing.flows.charge_rows:is_moot", {
            "    if row.abandoning or": "    if not row.abandoning:\n        return False\n"
            "    row = row._replace(abandoning=False) if hasattr(row, '_replace') else row\n    if",
        }),),
        life=OWING,
    ),
    "late-payment-dropped": Bug(
        "money that comes for a void or written-off invoice is booked nowhere",
        "killbill#1015; own",
        ("I2 money is booked", "I5", "doctor:paid-order-has-payment"),
        (edit("billing.flows.settle:react", {
            "case AttemptState.PAID if invoice is not None:":
            'case AttemptState.PAID if invoice is not None and invoice.status == "open":',
        }),),
        life=Life(histories=8, scene="given up and paid"),
    ),
    "late-failure-forgotten": Bug(
        "a refusal that is only found out later does not start the retries",
        "killbill#1832",
        ("doctor:unpaid-is-watched",),
        (edit("billing.flows.book:_failed", {
            "    elif is_pull:": '    elif is_pull and order.state != "sent":\n        pass\n'
            '    elif is_pull and order.state == "unknown":',
        }),),
        life=DECLINED,
    ),
    "never-collected-again": Bug(
        "after a number ran out nobody asks for the money any more",
        "django-subscription-midtrans; openmeter#2240",
        ("doctor:unpaid-is-watched", "nothing is left open", "doctor:collecting-goes-on"),
        (swap("billing.flows.book", "_collect_again", _nothing),),
        life=OWING,
    ),
    "charged-every-tick": Bug(
        "a charge that was declined is made again at once, and again",
        "django-subscription-midtrans: every hour",
        ("dunning keeps to its plan", "the world comes to rest"),
        (edit("dunning.policy:_next_try", {
            "waiting = [at for at in planned_tries(case, zone, policy) if at > last]":
            "waiting = [last]",
            "last + timedelta(hours=policy.gap_hours)": "last + timedelta(hours=1)",
        }),),
        life=Life(histories=8, scene="refused again"),
    ),
    "hard-decline-retried": Bug(
        "a card that the bank refuses for good is charged again",
        "polar#10811; own",
        ("a hard refusal is the last",),
        (
            edit("dunning.policy:_may_pull", {"if case.decline_class in _STOPPING:": "if False:"}),
            edit("billing.flows.chase:on_declined", {
                "if decline.cancel_mandate and": "if False and",
            }),
        ),
        life=DECLINED,
        pair=True,
    ),
    "charged-at-night": Bug(
        "a retry that was late is made at any hour",
        "own; Bank Indonesia's hours for collecting",
        ("dunning keeps to its hours",),
        (edit("dunning.policy:_next_try", {
            "at = by_day(max(earliest, now), zone, policy)": "at = max(earliest, now)",
        }),),
        life=DECLINED,
    ),
    "paid-is-chased": Bug(
        "the case of an invoice that was paid goes on",
        "polar#11905, polar#9084",
        ("doctor:case-has-next-step",),
        (_PAID_IS_NOT_HEARD,),
        life=OWING,
    ),
    "closed-is-collected": Bug(
        "dunning asks for an invoice that was paid or voided (the database refuses it)",
        "polar#6542, polar#7168",
        ("no flow fails", "no request breaks a guard", "doctor:case-has-next-step"),
        (
            _PAID_IS_NOT_HEARD,
            edit("billing.flows.chase:_step", {
                '    if invoice.status != "open":': "    if False:",
            }),
        ),
        life=DECLINED,
        pair=True,
    ),
    "notice-sent-twice": Bug(
        "who was told is told again at every look (the mail's key hides the first of it)",
        "polar#9084, polar#7157",
        ("nobody is told twice", "the world comes to rest"),
        (edit("billing.flows.chase:_notify", {
            '{**case.memory.get("notices", {}), step.key: unit.now.isoformat()}': "{}",
        }),),
        life=OWING,
    ),
    "past-due-for-ever": Bug(
        "who paid what was overdue stays behind",
        "polar; boxbilling",
        ("who pays is served",),
        (edit("billing.service:after_paid", {
            "move_subscription(unit, subscription, SubscriptionEvent.PAYMENT_RECOVERED)": "None",
        }),),
        life=DECLINED,
    ),
}  # fmt: skip
