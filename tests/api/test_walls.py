"""Every route of the document: its owner gets an answer, another merchant's key gets nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from api_bodies import REPORT, bodies
from api_house import Counter, Door, new_key
from api_things import things
from builders import make_merchant
from sqlalchemy import func, select

from api.docs import document
from billing.flows.differences import resolve
from billing.flows.machine_keys import find_key
from billing.flows.refund import request_refund
from core import ids
from core.actor import Actor
from core.db import metadata
from core.tables import audit

# Routes that are nobody's: no key, or the operator's.
_OPEN = re.compile(r"^(/health|/ready|/gateways/)")
PAYEE = {"bank": "BCA", "account_number": "0123456789", "account_name": "Ani"}
_WORDS = {"channel": "qris"}  # in a path, and nobody's own
_OPERATOR = {("POST", "/api/v1/merchants"), ("GET", "/api/v1/merchants")}


@dataclass
class Case:
    """One call that its owner may make; ``path`` names the owner's things."""

    method: str
    template: str
    path: str
    body: Any = None


def all_cases(counter: Counter, owned: dict[str, Any]) -> list[Case]:
    """Every operation of the document, filled in with the owner's things."""
    sent = bodies(owned, counter.world.desk.card_token())
    found = []
    for template, item in document(counter.client.app)["paths"].items():
        for method in item:
            what = (method.upper(), template)
            if _OPEN.match(template) or what in _OPERATOR:
                continue
            path = re.sub(r"\{(\w+)\}", lambda m: str((owned | _WORDS)[m.group(1)]), template)
            body = sent.get((what[0], template.removeprefix("/api/v1")))
            found.append(Case(what[0], template, path, body if what[0] != "GET" else None))
    return found


@pytest.fixture
def stranger(counter: Counter) -> Door:
    """A key of another merchant that may do everything there."""
    other = make_merchant(counter.world.engine, slug="tetangga")
    return Door(counter.client, new_key(counter.world.engine, other.merchant_id))


# Refusals that say the thing was found: its state does not allow what the walk asks for. Whatever
# is not here answers its owner, so that the walk can not rot into a walk along closed doors.
REFUSED = {
    ("POST", "/api/v1/payment-orders/{payment_order_id}/approve"): "order_not_held",
    ("POST", "/api/v1/payment-orders/{payment_order_id}/capture"): "order_not_held",
    ("POST", "/api/v1/payment-orders/{payment_order_id}/deny"): "order_not_held",
    ("POST", "/api/v1/subscriptions/{subscription_id}/undo-pause"): "not_scheduled",
    ("POST", "/api/v1/subscriptions/{subscription_id}/trial-preview"): "not_on_trial",
    ("POST", "/api/v1/subscriptions/{subscription_id}/trial"): "not_on_trial",
    ("POST", "/api/v1/invoices/{invoice_id}/void"): "invoice_not_voidable",
    ("POST", "/api/v1/refunds/{refund_id}/approve"): "second_person_needed",
    ("POST", "/api/v1/refunds/{refund_id}/complete"): "refund_not_awaiting_transfer",
    ("POST", "/api/v1/differences/{difference_id}/approve"): "difference_not_awaiting_approval",
    ("POST", "/api/v1/differences/{difference_id}/decline"): "difference_not_awaiting_approval",
    ("POST", "/api/v1/settlement-files/{file_id}/drop"): "settlement_file_closed",
}

HELD = "/api/v1/payment-orders/{payment_order_id}"
HOLDS, QUESTIONED = "4811 1111 1111 1114", "5510 1111 1111 1115"

# Writes that leave no line of their own in the audit, and why.
UNAUDITED = {
    "/catalogue/plan": "writes nothing",
    "/price-moves/preview": "writes nothing",
    "/subscriptions/{subscription_id}/change-preview": "writes nothing",
    "/subscriptions/{subscription_id}/cancel-preview": "writes nothing",
    "/subscriptions/{subscription_id}/item-change-preview": "writes nothing",
    "/subscriptions/{subscription_id}/pause-preview": "writes nothing",
    "/subscriptions/{subscription_id}/resume-preview": "writes nothing",
    "/subscriptions/{subscription_id}/trial-preview": "writes nothing",
    "/usage-events": "an event is its own record, and is never edited",
    "/usage-events/batch": "an event is its own record, and is never edited",
    "/payment-orders/{payment_order_id}/refresh": "asks the gateway: what it says is its own word",
    "/payment-methods/{method_id}/refresh": "asks the gateway: what it says is its own word",
}
# What had nothing before, or nothing that may be told.
_FIRST = re.compile(r"\.(create|publish|request|rotate|record|password)$")


def in_order(cases: list[Case]) -> list[Case]:
    """Ends come last: an ended thing answers its owner, but is a poor witness for the others.

    What is given back or given away is balance, which pays the open invoice: it comes after that
    one's end.
    """
    last = [
        "/pause", "/resume-preview", "/resume", "/undo-pause", "/advance", "/void", "/revoke", "/disable", "/retire", "/mark-uncollectible", "/reject",
        "/end", "/cancel", "/undo-cancel", "/credits",
    ]  # fmt: skip
    places = {f"/{case.template.rpartition('/')[2]}": 0 for case in cases}
    places |= {end: place for place, end in enumerate(last, 1)}
    return sorted(cases, key=lambda case: places[f"/{case.template.rpartition('/')[2]}"])


def test_no_route_shows_or_touches_what_is_anothers(counter: Counter, stranger: Door) -> None:
    owned = things(counter)
    cases = in_order(all_cases(counter, owned))
    secrets = {str(value) for value in owned.values()} | {"buyer-7", "Rahasia", "ani@awan.example"}
    walked, refused = 0, {}
    for case in cases:
        before = snapshot(counter)
        foreign = stranger.call(case.method, case.path, case.body)
        names = named_in(case, owned)
        if names:
            assert foreign.status_code == 404 or (
                foreign.status_code == 422 and foreign.json()["code"] == "invalid_id"
            ), (case, foreign.text)
        leaked = {secret for secret in secrets if secret in foreign.text} - set(names)
        assert leaked == set(), (case, foreign.text)
        assert snapshot(counter) == before, case

        mine = counter.door.call(case.method, case.path, case.body)
        if mine.status_code >= 300:
            assert mine.status_code in (403, 409), (case, mine.text)
            refused[case.method, case.template] = mine.json()["code"]
        walked += 1

    assert walked == len(cases) >= 60
    assert refused == REFUSED


def test_every_write_leaves_who_from_where_before_and_after(counter: Counter) -> None:
    owned = things(counter)
    holder = find_key(counter.world.engine, counter.door.key or "")
    assert holder is not None
    cases = in_other_states(counter, owned) + in_order(all_cases(counter, owned))
    seen = {row.id for row in lines(counter)}
    done, told = set(), set()
    for case in [case for case in cases if case.method != "GET"]:
        answer = counter.door.call(case.method, case.path, case.body)
        mine = [
            row
            for row in lines(counter)
            if row.id not in seen and row.actor == ids.public("key", holder.id)
        ]
        seen |= {row.id for row in lines(counter)}
        if answer.status_code >= 300:
            assert mine == [], case  # what was refused changed nothing
            continue
        done.add((case.method, case.template))
        for row in mine:
            told.add((case.method, case.template))
            assert (row.actor_kind, row.source) == ("key", "testclient"), case
            assert row.after, (case, row)
            assert row.before or _FIRST.search(row.action), (case, row)

    assert {template.removeprefix("/api/v1") for _, template in done - told} == set(UNAUDITED)
    assert {one for one in REFUSED if not one[1].endswith("-preview")} <= told
    # Each by itself, whatever else its call writes beside it.
    assert {row.action for row in lines(counter)} >= {
        "credit_note.create", "invoice.create", "invoice.charge", "invoice.offer",
        "method.create", "method.end", "clock.advance", "clock.jump", "channel.set",
    }  # fmt: skip


def test_the_walk_finds_most_things_in_a_state_that_answers(counter: Counter) -> None:
    """A wall that answers 409 to everybody proves little: few routes may do that to their owner."""
    owned = things(counter)
    refused = [
        (case.method, case.template, answer.json()["code"])
        for case in all_cases(counter, owned)
        if case.method == "GET"
        and (answer := counter.door.call(case.method, case.path)).status_code != 200
    ]

    assert refused == []


@pytest.mark.parametrize("scope", ["read", "write", "refund", "approve", "admin"])
def test_every_route_wants_the_scope_it_declares(counter: Counter, scope: str) -> None:
    """A key that lacks the scope is refused before anything is looked up or read."""
    key = new_key(counter.world.engine, counter.world.merchant_id, "read")
    reader = Door(counter.client, key)
    nothing = {
        name: f"{prefix}_{'a' * 26}"
        for name, prefix in {
            "merchant_id": "mer", "customer_id": "cus", "price_id": "price", "plan_id": "plan",
            "subscription_id": "sub", "method_id": "pm", "invoice_id": "inv", "payment_id": "pay",
            "refund_id": "re", "note_id": "cn", "review_id": "rev", "staff_id": "staff", "key_id": "key",
            "payment_order_id": "po", "file_id": "stl", "difference_id": "dif",
            "override_id": "own", "meter_id": "mtr", "discount_id": "dc", "grant_id": "dg", "move_id": "mov",
        }.items()
    }  # fmt: skip
    for route in counter.client.app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if handler.opt.get("scope") != scope:
                continue
            template = route.path_format
            path = re.sub(r"\{(\w+)\}", lambda m: (nothing | _WORDS)[m.group(1)], template)
            for method in handler.http_methods:
                answer = reader.call(method, path, b"{" if method != "GET" else None)
                refused = answer.status_code == 403 and answer.json()["code"] == "scope_missing"
                assert refused == (scope != "read"), (method, template, answer.text)
                assert counter.client.request(method, path).status_code == 401


def held(counter: Counter, owned: dict[str, Any], number: str, **more: Any) -> str:
    """An order that a card holds, or that the fraud desk questions."""
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": owned["customer_id"],
            "lines": [{"description": {"id": "Sewa"}, "unit_amount": 50_000}],
            "payment": {"card_token": counter.world.desk.card_token(number), **more},
        },
    )  # fmt: skip
    [order] = made["orders"]
    counter.confirm(order["order_id"])
    return str(order["id"])


def in_other_states(counter: Counter, owned: dict[str, Any]) -> list[Case]:
    """What `REFUSED` refuses, or has nothing to do, about things in a state that allows it."""
    later = {"quantity": 2, "mode": "at_period_end"}
    counter.door.post(f"/subscriptions/{owned['subscription_id']}/change", later)
    lines = [{"description": {"id": "Salah"}, "unit_amount": 7_000}]
    bill = {"customer": owned["customer_id"], "lines": lines, "payment": {"virtual_account": True}}
    wrong = counter.door.post("/one-off-payments", bill)["invoice"]["id"]
    asked = {"payment": owned["payment"], "payee": PAYEE}
    small = counter.door.post("/refunds", {**asked, "amount": 1_000})["id"]
    with counter.world.engine.work(counter.world.merchant_id, Actor("staff", "ani")) as unit:
        large = request_refund(
            unit, ids.parse("payment", owned["payment"]), 2_500_000, reason="mistake", payee=PAYEE
        )
        others = [row["id"] for row in counter.door.get("/differences")["data"][1:]]
        for other in others:
            resolve(unit, ids.parse("difference", other), "booked", "test", account="bank",
                    amount=5_000_000)  # fmt: skip
    begun = {"customer": owned["customer_id"], "price": owned["dear_price"]}
    pausing = counter.door.post("/subscriptions", begun)["subscription"]["id"]
    counter.door.post(f"/subscriptions/{pausing}/pause", {}, status=200)
    trying = counter.door.post("/subscriptions", {**begun, "trial_days": 14})["subscription"]["id"]
    dropped = counter.door.post("/settlement-files", {"name": "b.csv", "content": REPORT})["id"]
    found = {
        "/api/v1/differences/{difference_id}/approve": (others[0], {}),
        "/api/v1/differences/{difference_id}/decline": (others[1], {"reason": "test"}),
        "/api/v1/settlement-files/{file_id}/drop": (dropped, None),
        "/api/v1/invoices/{invoice_id}/void": (wrong, {"reason": "test"}),
        "/api/v1/refunds/{refund_id}/approve": (ids.public("refund", large), None),
        "/api/v1/subscriptions/{subscription_id}/undo-pause": (pausing, None),
        "/api/v1/subscriptions/{subscription_id}/trial-preview": (trying, {"reason": "test"}),
        "/api/v1/subscriptions/{subscription_id}/trial": (trying, {"reason": "test"}),
        "/api/v1/subscriptions/{subscription_id}/drop-change": (owned["subscription_id"], None),
        "/api/v1/refunds/{refund_id}/complete": (small, {"proof": "TRX-2"}),
        f"{HELD}/capture": (held(counter, owned, HOLDS, authorize_only=True), {}),
        f"{HELD}/approve": (held(counter, owned, QUESTIONED), {"reason": "known"}),
        f"{HELD}/deny": (held(counter, owned, QUESTIONED), {"reason": "unknown"}),
    }
    return [
        Case("POST", template, re.sub(r"\{\w+\}", thing, template), body)
        for template, (thing, body) in found.items()
    ]


def named_in(case: Case, owned: dict[str, Any]) -> list[str]:
    """Which of the owner's ids the call itself names."""
    return [str(value) for value in owned.values() if str(value) in f"{case.path} {case.body}"]


def lines(counter: Counter) -> list[Any]:
    """The audit of the owner, whole."""
    with counter.world.work() as unit:
        return list(unit.session.execute(select(audit)))


def snapshot(counter: Counter) -> list[Any]:
    """How many rows the owner has, and what was written last about them."""
    skipped = {"jobs", "idempotency_keys"}
    with counter.world.work() as unit:
        return [
            (name, unit.session.execute(select(func.count()).select_from(table)).scalar_one())
            for name, table in sorted(metadata.tables.items())
            if name not in skipped and "merchant_id" in table.c
        ]
