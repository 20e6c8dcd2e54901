"""The shop's day through the API: sell, change, credit, cancel, show, page through, follow."""

from __future__ import annotations

from typing import Any

import pytest
from api_house import Counter, House
from sqlalchemy import insert

from core import ids
from core.bulk import insert_rows
from core.tables import events
from payments.breaker import OPENS_AT, Operation
from payments.budget import Budget
from payments.tables import gateway_budgets


def subscribed(counter: Counter, amount: int = 150_000, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = counter.door.post(
        "/subscriptions", {"customer": counter.customer(), "price": counter.price(amount), **more}
    )
    return made


def test_a_merchant_is_made_by_the_operator_and_gets_its_first_key(house: House) -> None:
    body = {
        "slug": "larasa", "legal_name": "PT Larasa", "email": "a@larasa.example",
        "address": "Jl. Melati 1", "gateway": "simulator", "server_key": "SB-Mid-server-secret-1",
        "pkp_since": "2024-01-01", "clock_at": "2027-01-10T02:00:00Z",
    }  # fmt: skip
    made = house.operator.call("POST", "/merchants", body, once="m-1")
    again = house.operator.call("POST", "/merchants", body, once="m-1")
    taken = house.operator.call("POST", "/merchants", body, once="m-2")
    other = house.operator.call("POST", "/merchants", {**body, "email": "b@x.example"}, once="m-1")

    assert (made.status_code, made.content) == (201, again.content)
    assert "SB-Mid-server-secret-1" not in made.text
    assert made.json()["has_server_key"] is True
    assert (taken.status_code, taken.json()["code"]) == (409, "slug_taken")
    assert other.json()["code"] == "idempotency_key_reused"

    key = house.client.post(
        "/api/v1/keys",
        json={"name": "first", "scopes": ["admin"]},
        headers={
            "Authorization": house.operator_bearer,
            "Tagihan-Merchant": made.json()["id"],
            "Idempotency-Key": "k",
        },
    ).json()
    door = house.with_key(key["secret"])
    assert door.get("/clock")["at"] == "2027-01-10T02:00:00Z"
    changed = door.patch(f"/merchants/{made.json()['id']}", {"payment_terms_days": 14})
    assert changed["payment_terms_days"] == 14
    own, higher = f"/merchants/{made.json()['id']}", {"refund_approval_above": 2_000_000}
    refused = door.call("PATCH", own, higher, Accept_Language="id")
    assert (refused.status_code, refused.json()["code"]) == (403, "operator_needed")
    assert "Hanya operator" in refused.json()["detail"]
    assert house.operator.patch(own, higher)["refund_approval_above"] == 2_000_000
    assert door.patch(own, {"refund_approval_above": 0})["refund_approval_above"] == 0
    assert {one["slug"] for one in house.operator.get("/merchants")["data"]} >= {"larasa"}


def test_keys_without_an_account_are_refused_when_they_are_entered(counter: Counter) -> None:
    mine = ids.public("merchant", counter.world.merchant_id)
    wrong = {"server_key": "SB-Mid-server-nobody"}
    answer = counter.door.call("PATCH", f"/merchants/{mine}", wrong, Accept_Language="id")

    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["field"]) == ("gateway_refuses_keys", "server_key")
    assert "Gateway tidak mengenal kunci ini" in answer.json()["detail"]
    assert answer.json()["values"] == {"environment": "simulator"}
    assert "SB-Mid-server-nobody" not in answer.text


def test_a_merchant_with_a_real_gateway_lives_in_real_time(house: House) -> None:
    answer = house.operator.call(
        "POST",
        "/merchants",
        {
            "slug": "larasa", "legal_name": "PT Larasa", "email": "a@larasa.example",
            "address": "Jl. Melati 1", "gateway": "production", "server_key": "Mid-server-x",
            "clock_at": "2027-01-10T02:00:00Z",
        },
    )  # fmt: skip

    assert (answer.status_code, answer.json()["code"]) == (422, "clock_needs_simulator")


def test_a_customer_is_found_and_changed_only_as_it_was_read(house: House) -> None:
    door = house.ours
    made = door.post(
        "/customers", {"name": "Sari", "email": "sari@contoh.example", "external_id": "buyer-7"}
    )
    path = f"/customers/{made['id']}"

    changed = door.patch(path, {"company": "CV Sari", "version": 1})
    stale = door.call("PATCH", path, {"company": "CV Budi", "version": 1})

    assert (changed["company"], changed["version"]) == ("CV Sari", 2)
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert door.get("/customers?external_id=buyer-7")["data"] == [changed]
    assert door.get("/customers?email=nobody@contoh.example")["data"] == []
    assert door.get(f"{path}/balance")["balance"] == 0


def test_a_list_is_paged_through_without_gaps(house: House) -> None:
    door = house.ours
    for n in range(7):
        door.post("/customers", {"name": f"C {n}", "email": f"c{n}@contoh.example"})

    seen: list[str] = []
    after = ""
    while True:
        page = door.get(f"/customers?limit=3{after}")
        seen += [one["id"] for one in page["data"]]
        if page["next_after"] is None:
            break
        after = f"&after={page['next_after']}"

    assert len(seen) == len(set(seen)) == 7
    assert door.get("/customers?created_from=2100-01-01T00:00:00Z")["data"] == []


def test_a_plan_is_edited_but_its_prices_never(house: House) -> None:
    door = house.ours
    plan = door.post("/plans", {"code": "pro", "name": {"id": "Pro"}})
    terms = {"unit_amount": 99_000, "interval_unit": "month"}
    first = door.post(f"/plans/{plan['id']}/prices", terms)
    second = door.post(f"/plans/{plan['id']}/prices", {**terms, "unit_amount": 129_000})

    assert [first["version"], second["version"]] == [1, 2]
    assert door.patch(f"/plans/{plan['id']}", {"name": {"id": "Pro+"}})["name"] == {"id": "Pro+"}
    assert door.call("PATCH", f"/prices/{first['id']}", terms).status_code == 405
    retired = door.post(f"/prices/{first['id']}/retire", status=200)
    assert retired["retired_at"] is not None
    listed = door.get(f"/plans/{plan['id']}/prices")["data"]
    assert [one["version"] for one in listed] == [2, 1]


@pytest.mark.parametrize("amount", ['"99000"', "99000.0", "9.9e4", "-1", "true", "null"])
def test_an_amount_is_an_integer_of_rupiah(house: House, amount: str) -> None:
    plan = house.ours.post("/plans", {"code": "pro", "name": {"id": "Pro"}})
    body = f'{{"unit_amount": {amount}, "interval_unit": "month"}}'.encode()

    answer = house.ours.call("POST", f"/plans/{plan['id']}/prices", body)

    assert (answer.status_code, answer.json()["field"]) == (422, "unit_amount")


def test_a_change_does_what_its_preview_said(counter: Counter) -> None:
    made = subscribed(counter)
    path = f"/subscriptions/{made['subscription']['id']}"
    dear = counter.price(450_000)

    preview = counter.door.post(f"{path}/change-preview", {"price": dear}, status=200)
    changed = counter.door.post(f"{path}/change", {"price": dear, "reason": "growth"})

    assert changed["preview"] == preview
    assert (changed["applied"], preview["mode"]) == (True, "prorate")
    invoice = counter.door.get(f"/invoices/{changed['invoice']}")
    assert invoice["invoice"]["total"] == preview["total"]
    assert [line["amount"] for line in invoice["lines"]] == [
        line["amount"] for line in preview["lines"]
    ]

    waits = counter.door.post(f"{path}/change", {"price": counter.price(50_000)})
    assert (waits["applied"], waits["subscription"]["waiting_change"] is None) == (False, False)
    dropped = counter.door.post(f"{path}/drop-change", status=200)
    assert dropped["waiting_change"] is None


def test_a_cancellation_needs_its_reason_and_can_be_undone(counter: Counter) -> None:
    made = subscribed(counter)["subscription"]
    path = f"/subscriptions/{made['id']}"

    assert counter.door.call("POST", f"{path}/cancel", {}).json()["field"] == "reason"
    preview = counter.door.post(f"{path}/cancel-preview", {"reason": "price"}, status=200)
    canceled = counter.door.post(f"{path}/cancel", {"reason": "too dear"}, status=200)
    assert (canceled["status"], canceled["cancel_on"], canceled["cancel_reason"]) == (
        "active", preview["ends_on"], "too dear",
    )  # fmt: skip
    assert counter.door.post(f"{path}/undo-cancel", status=200)["cancel_on"] is None
    ended = counter.door.post(f"{path}/cancel", {"reason": "x", "when": "now"}, status=200)
    assert ended["status"] == "canceled"
    twice = counter.door.call("POST", f"{path}/cancel", {"reason": "x"})
    assert (twice.status_code, twice.json()["code"]) == (409, "already_canceled")


def test_an_invoice_is_shown_explained_and_taken_out(counter: Counter) -> None:
    invoice = subscribed(counter)["invoice"]

    explained = counter.door.get(f"/invoices/{invoice}/explain")
    assert all(line["adds_up"] for line in explained["lines"])
    assert explained["lines"][0]["sentence"]["id"].endswith("Rp150.000")
    page = counter.door.call("GET", f"/invoices/{invoice}/document")
    assert page.headers["content-type"].startswith("text/html")
    assert explained["number"] in page.text
    assert "http" not in page.headers["content-security-policy"]
    pdf = counter.door.call("GET", f"/invoices/{invoice}/pdf")
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")

    number = counter.door.post(f"/invoices/{invoice}/virtual-account")["orders"][-1]["va_number"]
    same = counter.door.post(f"/invoices/{invoice}/virtual-account")["orders"][-1]["va_number"]
    assert number == same
    voided = counter.door.post(f"/invoices/{invoice}/void", {"reason": "mistake"}, status=200)
    assert voided["invoice"]["status"] == "void"
    twice = counter.door.call("POST", f"/invoices/{invoice}/void", {"reason": "mistake"})
    assert twice.status_code == 409
    [listed] = counter.door.get(f"/invoices?status=void&number={explained['number']}")["data"]
    assert listed["id"] == invoice


def test_a_credit_lowers_what_is_due(counter: Counter) -> None:
    invoice = subscribed(counter)["invoice"]
    [line] = counter.door.get(f"/invoices/{invoice}")["lines"]

    note = counter.door.post(
        f"/invoices/{invoice}/credit-notes",
        {"reason": "goodwill", "lines": [{"line": line["id"], "amount": 50_000}]},
    )

    assert (note["total"], note["to_invoice"], note["to_balance"]) == (50_000, 50_000, 0)
    assert counter.door.get(f"/invoices/{invoice}")["invoice"]["due"] == 100_000
    pdf = counter.door.call("GET", f"/credit-notes/{note['id']}/pdf")
    assert pdf.content[:5] == b"%PDF-"
    assert counter.door.get(f"/credit-notes?invoice={invoice}")["data"] == [note]
    assert counter.door.get(f"/invoices/{invoice}")["credit_notes"] == [note]
    off = counter.door.post(
        f"/invoices/{invoice}/mark-uncollectible", {"reason": "gone"}, status=200
    )
    assert off["invoice"]["status"] == "uncollectible"


def test_events_are_followed_by_their_cursor(counter: Counter) -> None:
    start = counter.door.get("/events?limit=100")["next_after"]
    made = subscribed(counter)

    first = counter.door.get(f"/events?after={start}&limit=2")
    rest = counter.door.get(f"/events?after={first['next_after']}&limit=100")
    types = [event["type"] for event in first["data"] + rest["data"]]

    assert len(first["data"]) == 2
    assert {"customer.created", "subscription.created", "invoice.issued"} <= set(types)
    assert counter.door.get(f"/events?after={rest['next_after']}")["data"] == []
    only = counter.door.get("/events?type=subscription.created")["data"]
    assert [event["subject"] for event in only] == [made["subscription"]["id"]]


def test_an_event_written_earlier_but_committed_later_is_not_missed(counter: Counter) -> None:
    """A reader who saw the later place first would go on from there and never see the earlier."""
    start = counter.door.get("/events?limit=100")["next_after"]
    merchant_id = counter.world.merchant_id
    slow_event = {
        "merchant_id": merchant_id, "id": ids.fresh(), "type": "invoice.issued",
        "subject_kind": "merchant", "subject_id": merchant_id, "customer_id": None,
        "occurred_at": counter.world.machine.at, "payload": {},
    }  # fmt: skip
    with counter.world.engine.db.begin(merchant_id) as slow:
        insert_rows(slow, events, [slow_event])  # its place is taken, nobody can see it
        counter.customer()
        seen = counter.door.get(f"/events?after={start}")
        assert (seen["data"], seen["next_after"]) == ([], start)

    then = counter.door.get(f"/events?after={start}")["data"]
    assert [event["type"] for event in then] == ["invoice.issued", "customer.created"]


def test_the_gateway_tells_its_pace_and_what_waits(counter: Counter) -> None:
    found = counter.door.get("/gateway")

    # A test clock's calls are not counted; twenty a second leave 14 in 1.1 for charges.
    assert (found["calls_per_second"], found["gateway_rps"]) == (None, 20)
    assert (found["state"], found["retry_at"], found["charges_waiting"]) == ("closed", None, 0)
    assert found["charges_per_minute"] == 763
    assert found["done_at"]


def test_the_gateway_tells_which_of_its_hosts_does_not_answer(counter: Counter) -> None:
    closed: list[dict[str, Any]] = [
        {"host": "core_api", "state": "closed", "stopped": [], "retry_at": None},
        {"host": "snap", "state": "closed", "stopped": [], "retry_at": None},
    ]
    assert counter.door.get("/gateway")["hosts"] == closed
    with counter.world.work() as unit:
        gone = Budget(20).heard(Operation.PAGE, ["down"] * OPENS_AT, unit.real_now)
        of = unit.derive("gateway_budget", unit.merchant.gateway, unit.merchant.gateway_url or "")
        unit.session.execute(
            insert(gateway_budgets).values(
                merchant_id=unit.merchant_id, id=of, state=gone.to_json(), updated_at=unit.real_now
            )
        )
    found = counter.door.get("/gateway")
    core, snap = found["hosts"]
    assert core == closed[0]
    assert (snap["state"], snap["stopped"]) == ("open", ["page"])
    assert snap["retry_at"]
    assert (found["state"], found["retry_at"]) == ("closed", None), "charges are sent"


def test_the_clock_is_asked_to_advance(counter: Counter) -> None:
    to = "2026-03-05T02:00:00Z"
    counter.door.post("/clock/advance", {"to": to}, status=202)
    busy = counter.door.call("POST", "/clock/advance", {"to": to})
    assert (busy.status_code, busy.json()["code"]) == (409, "clock_advancing")
    back = counter.door.call("POST", "/clock/jump", {"to": "2020-01-01T00:00:00"})
    assert (back.status_code, back.json()["field"]) == (422, "to")


def test_staff_are_kept_by_those_who_may(house: House) -> None:
    person = {"email": "ani@awan.example", "name": "Ani", "role": "owner"}
    ani = house.ours.post("/staff", {**person, "password": "kopi-tubruk-7"})
    weak = house.ours.call("POST", f"/staff/{ani['id']}/password", {"password": "short"})
    last = house.ours.call("POST", f"/staff/{ani['id']}/disable")
    same = house.ours.call("POST", "/staff", person)

    assert "password" not in ani
    assert (weak.status_code, weak.json()["field"]) == (422, "password")
    assert (last.status_code, last.json()["code"]) == (409, "last_owner")
    assert (same.status_code, same.json()["code"]) == (409, "email_taken")
    house.ours.post("/staff", {**person, "email": "budi@awan.example"})
    assert house.ours.post(f"/staff/{ani['id']}/disable", status=200)["disabled_at"]


def test_a_subscription_is_named_anew(counter: Counter) -> None:
    one = subscribed(counter, external_id="order-1")["subscription"]
    other = subscribed(counter, external_id="order-2")["subscription"]
    path, door = f"/subscriptions/{one['id']}", counter.door

    body = {"external_id": "order-3", "metadata": {"desk": "3"}, "version": one["version"]}
    named = door.patch(path, body)
    assert named == {**one, **body, "version": one["version"] + 1}
    assert door.patch(path, {"metadata": {"desk": "3"}}) == named
    assert [row["id"] for row in door.get("/subscriptions?external_id=order-3")["data"]] == [
        one["id"]
    ]
    stale = door.call("PATCH", path, body)
    taken = door.call("PATCH", path, {"external_id": "order-2"})
    plan = door.call("PATCH", path, {"quantity": 2})
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert (taken.status_code, taken.json()["code"]) == (409, "external_id_taken")
    assert (plan.status_code, plan.json()["code"]) == (422, "unknown_field")
    assert door.patch(path, {"external_id": None})["external_id"] is None
    assert door.get(f"/subscriptions/{other['id']}")["subscription"] == other
