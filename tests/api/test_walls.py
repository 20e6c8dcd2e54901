"""Every route of the document: its owner gets an answer, another merchant's key gets nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from api_house import Counter, Door, new_key
from api_things import MANDATE, things
from builders import make_merchant
from sqlalchemy import func, select

from api.docs import document
from core.db import metadata

# Routes that are nobody's: no key, or the operator's.
_OPEN = re.compile(r"^(/health|/ready|/gateways/)")
_OPERATOR = {("POST", "/api/v1/merchants"), ("GET", "/api/v1/merchants")}


@dataclass
class Case:
    """One call that its owner may make; ``path`` names the owner's things."""

    method: str
    template: str
    path: str
    body: Any = None


def bodies(owned: dict[str, Any], token: str) -> dict[tuple[str, str], Any]:
    """What each write is sent; a write that is not here is sent ``{}``."""
    reason = {"reason": "test"}
    return {
        ("POST", "/staff"): {"email": "b@awan.example", "name": "B", "role": "support"},
        ("PATCH", "/staff/{staff_id}"): {"role": "finance"},
        ("POST", "/staff/{staff_id}/password"): {"password": "kopi-tubruk-7"},
        ("POST", "/keys"): {"name": "till", "scopes": ["read"]},
        ("POST", "/keys/{key_id}/rotate"): {"overlap_hours": 1},
        ("POST", "/customers"): {"name": "Sari", "email": "sari@contoh.example"},
        ("PATCH", "/customers/{customer_id}"): {"name": "Sari W"},
        ("PATCH", "/merchants/{merchant_id}"): {"payment_terms_days": 14},
        ("POST", "/customers/{customer_id}/payment-methods"): {"card_token": token},
        ("POST", "/payment-methods/{method_id}/mandate"): MANDATE,
        ("POST", "/payment-methods/{method_id}/end"): reason,
        ("POST", "/plans"): {"code": "walls", "name": {"id": "Tembok"}},
        ("PATCH", "/plans/{plan_id}"): {"name": {"id": "Tembok"}},
        ("POST", "/plans/{plan_id}/prices"): {"unit_amount": 1, "interval_unit": "month"},
        ("POST", "/subscriptions"): {"customer": owned["customer_id"], "price": owned["price_id"]},
        ("POST", "/subscriptions/{subscription_id}/change-preview"): {"price": owned["dear_price"]},
        ("POST", "/subscriptions/{subscription_id}/change"): {"quantity": 3},
        ("POST", "/subscriptions/{subscription_id}/cancel-preview"): reason,
        ("POST", "/subscriptions/{subscription_id}/cancel"): reason,
        ("POST", "/one-off-payments"): {
            "customer": owned["customer_id"],
            "lines": [{"description": {"id": "Rahasia"}, "unit_amount": 10_000}],
            "payment": {"virtual_account": True},
        },
        ("POST", "/invoices/{invoice_id}/pay"): {"virtual_account": True},
        ("POST", "/invoices/{invoice_id}/credit-notes"): {"reason": "goodwill", "amount": 1_000},
        ("POST", "/invoices/{invoice_id}/void"): reason,
        ("POST", "/invoices/{invoice_id}/mark-uncollectible"): reason,
        ("POST", "/refunds"): {"payment": owned["payment"], "amount": 1_000},
        ("POST", "/refunds/{refund_id}/complete"): {"proof": "TRX-1"},
        ("POST", "/refunds/{refund_id}/reject"): reason,
        ("POST", "/reviews/{review_id}/resolve"): {"decision": "done", **reason},
        ("POST", "/clock/advance"): {"to": "2026-01-05T02:00:00Z"},
        ("POST", "/clock/jump"): {"to": "2026-01-05T02:00:00Z"},
    }


def all_cases(counter: Counter, owned: dict[str, Any]) -> list[Case]:
    """Every operation of the document, filled in with the owner's things."""
    sent = bodies(owned, counter.world.desk.card_token())
    found = []
    for template, item in document(counter.client.app)["paths"].items():
        for method in item:
            what = (method.upper(), template)
            if _OPEN.match(template) or what in _OPERATOR:
                continue
            path = re.sub(r"\{(\w+)\}", lambda match: str(owned[match.group(1)]), template)
            body = sent.get((what[0], template.removeprefix("/api/v1")))
            found.append(Case(what[0], template, path, body if what[0] != "GET" else None))
    return found


@pytest.fixture
def stranger(counter: Counter) -> Door:
    """A key of another merchant that may do everything there."""
    other = make_merchant(counter.world.engine, slug="tetangga")
    return Door(counter.client, new_key(counter.world.engine, other.merchant_id))


# Refusals that say the thing was found: its state does not allow what the walk asks for.
_STATES = {409, 403}


def test_no_route_shows_or_touches_what_is_anothers(counter: Counter, stranger: Door) -> None:
    owned = things(counter)
    cases = all_cases(counter, owned)
    # Ends come last: an ended thing answers its owner too, but is a poor witness for the others.
    ends = ("/end", "/void", "/cancel", "/revoke", "/disable", "/retire", "/mark-uncollectible")
    cases.sort(key=lambda case: case.template.endswith(ends))
    secrets = {str(value) for value in owned.values()} | {"buyer-7", "Rahasia", "ani@awan.example"}
    walked = 0
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
        assert mine.status_code < 300 or mine.status_code in _STATES, (case, mine.text)
        walked += 1

    assert walked == len(cases) >= 55


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


@pytest.mark.parametrize("scope", ["read", "write", "refund", "admin"])
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
        }.items()
    }  # fmt: skip
    for route in counter.client.app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if handler.opt.get("scope") != scope:
                continue
            template = route.path_format
            path = re.sub(r"\{(\w+)\}", lambda match: nothing[match.group(1)], template)
            for method in handler.http_methods:
                answer = reader.call(method, path, b"{" if method != "GET" else None)
                refused = answer.status_code == 403 and answer.json()["code"] == "scope_missing"
                assert refused == (scope != "read"), (method, template, answer.text)
                assert counter.client.request(method, path).status_code == 401


def named_in(case: Case, owned: dict[str, Any]) -> list[str]:
    """Which of the owner's ids the call itself names."""
    return [str(value) for value in owned.values() if str(value) in f"{case.path} {case.body}"]


def snapshot(counter: Counter) -> list[Any]:
    """How many rows the owner has, and what was written last about them."""
    skipped = {"jobs", "idempotency_keys"}
    with counter.world.work() as unit:
        return [
            (name, unit.session.execute(select(func.count()).select_from(table)).scalar_one())
            for name, table in sorted(metadata.tables.items())
            if name not in skipped and "merchant_id" in table.c
        ]
