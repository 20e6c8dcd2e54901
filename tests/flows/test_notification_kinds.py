"""News that no signature proves: each kind has its path, and only the gateway's answer is believed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from payers import status_body, va_customer
from sqlalchemy import update
from world import World

from billing.flows.ingest import FORGED, ingest_due, take_in
from core.errors import TooMany
from core.tables import merchants
from ops.doctor import examine, render
from payments.tables import notifications, payment_orders, payments, reviews

pytestmark = pytest.mark.database

PHONE = "628215023424"
NOBODY = "7d0c1a52-0000-4000-8000-000000000000"


def hear(world: World, body: dict[str, Any], *, source: str = "203.0.113.9", **headers: str) -> str:
    with world.work() as unit:
        return take_in(
            world.engine, unit, body, source=source, raw=json.dumps(body).encode(), headers=headers
        )


def the_one(world: World) -> Any:
    [row] = world.rows(notifications)
    return row


def linked(world: World) -> str:
    """A GoPay account that its owner linked."""
    with world.work() as unit:
        gateway = world.engine.gateways.of(unit.merchant)
    asked = gateway.link_account(phone=PHONE, return_url="https://shop.example/ok")
    world.desk.control("POST", "pay-accounts", account_id=asked.account_id, action="link")
    assert asked.account_id is not None
    return asked.account_id


def about_account(account_id: str, status: str = "ENABLED") -> dict[str, Any]:
    return {
        "account_id": account_id, "account_status": status, "payment_type": "gopay",
        "status_code": "200", "signature_key": "f" * 128,
        "status_message": "Midtrans account_linked notification",
    }  # fmt: skip


def about_schedule(transaction_id: str) -> dict[str, Any]:
    return {
        "event_name": "subscription.charge",
        "transaction": {"transaction_status": "capture", "transaction_id": transaction_id},
        "subscription": {"id": NOBODY, "name": "SUB-77", "token": "48111111kR-secret-1114"},
    }


def charged_elsewhere(world: World) -> dict[str, Any]:
    """A transaction on the merchant's account that we have not made."""
    answer = httpx.post(
        f"{world.desk.url}/v2/charge",
        auth=(world.desk.server_key, ""),
        json={
            "payment_type": "bank_transfer", "bank_transfer": {"bank": "bca"},
            "transaction_details": {"order_id": "SUB-77-0001", "gross_amount": 55_000},
        },
    )  # fmt: skip
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize(("claim", "truth"), [("ENABLED", "enabled"), ("DISABLED", "enabled")])
def test_of_a_linked_account_only_what_the_gateway_says_is_believed(
    world: World, claim: str, truth: str
) -> None:
    account_id = linked(world)

    assert hear(world, about_account(account_id, claim)) == "new"
    ingest_due(world.engine, world.merchant_id)

    row = the_one(world)
    assert (row.kind, row.state, row.signature_ok) == ("pay_account", "done", False)
    assert row.outcome == f"the account is {truth}"


def test_an_account_that_the_gateway_does_not_know_is_a_forgery(world: World) -> None:
    hear(world, about_account(NOBODY))
    ingest_due(world.engine, world.merchant_id)

    row = the_one(world)
    assert (row.state, row.outcome) == ("refused", FORGED)


def test_a_charge_of_a_schedule_that_is_not_ours_goes_to_a_person(world: World) -> None:
    made = charged_elsewhere(world)

    hear(world, about_schedule(made["transaction_id"]))
    ingest_due(world.engine, world.merchant_id)

    [review] = world.rows(reviews)
    assert (review.kind, review.detail) == (
        "unknown_order", {"order_id": "SUB-77-0001", "amount": 55_000},
    )  # fmt: skip
    assert the_one(world).state == "done"
    assert world.rows(payments) == []


def test_a_schedule_that_speaks_of_our_order_settles_it_by_the_gateways_word(world: World) -> None:
    order = world.order_of(va_customer(world))
    world.desk.pay(order_id=order.order_id)
    transaction_id = status_body(world, order.order_id)["transaction_id"]

    hear(world, about_schedule(transaction_id))
    ingest_due(world.engine, world.merchant_id)

    assert world.rows(payment_orders, id=order.id)[0].state == "paid"
    assert len(world.rows(payments)) == 1
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)


def test_a_transaction_nobody_knows_is_asked_about_a_few_times_and_then_a_forgery(
    world: World,
) -> None:
    hear(world, about_schedule(NOBODY))
    for _ in range(6):
        ingest_due(world.engine, world.merchant_id)
        world.wait(minutes=5)

    row = the_one(world)
    assert (row.state, row.outcome, row.tries) == ("refused", FORGED, 4)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"schedule": {"interval": 1}, "name": "SUB-77", "status": "active"}, "recurring_created"),
        ({"originalReferenceNo": "A1", "latestTransactionStatus": "00"}, "bi_snap"),
        ({"something": "new"}, "unknown"),
        (about_account("../../v2/charge"), "pay_account"),  # nothing that can be asked about
    ],
)
def test_what_can_not_be_asked_about_is_kept_for_a_person(
    world: World, body: dict[str, Any], kind: str
) -> None:
    hear(world, body)
    ingest_due(world.engine, world.merchant_id)

    row = the_one(world)
    assert (row.kind, row.state) == (kind, "done")
    assert row.outcome == f"kind {kind}, nothing proves it: kept for a person"


def test_the_bytes_and_a_few_headers_are_kept_and_no_token_lies_open(world: World) -> None:
    body = about_schedule(NOBODY)
    headers = {
        "X-Signature": "abc", "X-Timestamp": "2026-01-05T10:00:00+07:00",
        "Authorization": "Basic c2VjcmV0", "Cookie": "a=b",
    }  # fmt: skip
    hear(world, body, **headers)

    row = the_one(world)
    assert row.headers == {"x-signature": "abc", "x-timestamp": headers["X-Timestamp"]}
    assert "secret" not in json.dumps(row.body)
    assert b"secret" not in row.raw_sealed
    context = f"{world.merchant_id}:{row.dedupe_key.hex()}:notification"
    assert json.loads(world.engine.vault.open(row.raw_sealed, context)) == body


def test_a_signature_that_does_not_fit_and_another_merchants_news_are_refused(
    world: World,
) -> None:
    with world.work() as unit:
        unit.session.execute(
            update(merchants)
            .where(merchants.c.merchant_id == world.merchant_id)
            .values(gateway_merchant_id="G100")
        )

    assert hear(world, {"order_id": "A-1", "signature_key": "0" * 128}) == "refused"
    assert hear(world, {**about_account(NOBODY), "merchant_id": "G200"}) == "refused"
    assert hear(world, {**about_account(NOBODY), "merchant_id": "G100"}) == "new"


def test_one_address_fills_no_table_with_what_nothing_proves(world: World) -> None:
    for n in range(200):
        hear(world, {"n": n})

    with pytest.raises(TooMany):
        hear(world, {"n": 200})
    assert hear(world, {"n": 201}, source="198.51.100.7") == "new"
    order = world.order_of(va_customer(world))
    assert hear(world, status_body(world, order.order_id)) == "new", "genuine news goes through"
