"""One effect and one answer for each key: twins, other bodies, crashes on either side of a call."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from api_house import Counter, House

from api.idempotency import Once
from billing.flows import at_once
from billing.flows.charge import lease, send_one
from core.tables import idempotency_keys
from invoices.tables import invoices
from payments.order_ids import idempotency_key
from payments.tables import payment_orders

SARI = {"name": "Sari", "email": "sari@contoh.example"}


def test_a_repetition_gets_the_same_bytes(house: House) -> None:
    first = house.ours.call("POST", "/customers", SARI, once="k-1")
    again = house.ours.call("POST", "/customers", SARI, once="k-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(house.ours.get("/customers")["data"]) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/customers", {**SARI, "name": "Sari W"}, id="another-body"),
        pytest.param("/plans", {"code": "pro", "name": {"id": "Pro"}}, id="another-address"),
    ],
)
def test_a_key_is_not_used_for_another_request(house: House, path: str, body: Any) -> None:
    house.ours.call("POST", "/customers", SARI, once="k-1")

    answer = house.ours.call("POST", path, body, once="k-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("key", "code"), [("", "invalid_idempotency_key"), ("a b", "invalid_idempotency_key")]
)
def test_a_key_is_a_word(house: House, key: str, code: str) -> None:
    answer = house.ours.call("POST", "/customers", SARI, Idempotency_Key=key)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_key_is_needed(house: House) -> None:
    answer = house.client.post(
        "/api/v1/customers", json=SARI, headers={"Authorization": f"Bearer {house.keys[0]}"}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_missing")


def test_two_merchants_may_choose_the_same_key(house: House) -> None:
    ours = house.ours.post("/customers", SARI, once="k-1")
    theirs = house.theirs.post("/customers", {**SARI, "name": "Budi"}, once="k-1")

    assert ours["id"] != theirs["id"]


def test_a_refused_request_leaves_its_key_free(house: House) -> None:
    wrong = house.ours.call("POST", "/customers", {**SARI, "npwp": "1"}, once="k-1")
    right = house.ours.call("POST", "/customers", SARI, once="k-1")

    assert (wrong.status_code, right.status_code) == (422, 201)


def test_a_secret_is_shown_once(house: House) -> None:
    body = {"name": "shop", "scopes": ["read"]}
    made = house.ours.call("POST", "/keys", body, once="k-1")
    again = house.ours.call("POST", "/keys", body, once="k-1")

    secret = made.json()["secret"]
    assert secret.startswith("tgh_")
    assert (again.status_code, again.json()["code"]) == (409, "answer_not_stored")
    with house.engine.db.begin(house.merchants[0].merchant_id) as session:
        kept = session.execute(idempotency_keys.select()).all()
    assert secret not in str(kept)


def test_twenty_at_once_have_one_effect_and_one_answer(house: House) -> None:
    def ask(_: int) -> tuple[int, bytes]:
        answer = house.ours.call("POST", "/customers", SARI, once="k-1")
        return answer.status_code, answer.content

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(ask, range(20)))

    assert len(answers) == 1
    assert {status for status, _ in answers} == {201}
    assert len(house.ours.get("/customers")["data"]) == 1


def one_off(counter: Counter, customer: str) -> dict[str, Any]:
    return {
        "customer": customer,
        "lines": [{"description": {"id": "Impor data"}, "unit_amount": 250_000}],
        "payment": {"card_token": counter.world.desk.card_token()},
    }


def test_twenty_charges_at_once_are_one(counter: Counter) -> None:
    body = one_off(counter, counter.customer())

    def ask(_: int) -> tuple[int, bytes]:
        answer = counter.door.call("POST", "/one-off-payments", body, once="k-1")
        return answer.status_code, answer.content

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(ask, range(20)))

    assert len(answers) == 1, answers
    assert len(counter.world.desk.book()) == 1
    assert len(counter.world.rows(invoices)) == 1


@pytest.mark.parametrize("moment", ["before the call", "after the gateway accepted"])
def test_a_crash_is_resumed_and_charges_once(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    body = one_off(counter, counter.customer())
    genuine: Callable[..., None] = send_one

    def dies(*args: Any, **more: Any) -> None:
        if moment == "after the gateway accepted":
            gateway_only(counter, *args)
        raise RuntimeError("killed")

    monkeypatch.setattr(at_once, "send_one", dies)
    crashed = counter.door.call("POST", "/one-off-payments", body, once="k-1")
    assert crashed.status_code == 500
    taken = len(counter.world.desk.book())
    assert taken == (1 if moment == "after the gateway accepted" else 0)

    monkeypatch.setattr(at_once, "send_one", genuine)
    again = counter.door.call("POST", "/one-off-payments", body, once="k-1")

    assert again.status_code == 201, again.text
    assert len(counter.world.desk.book()) == 1
    [order] = counter.world.rows(payment_orders)
    [shown] = again.json()["orders"]
    assert shown["order_id"] == order.order_id
    third = counter.door.call("POST", "/one-off-payments", body, once="k-1")
    assert third.content == again.content


def test_a_killed_process_keeps_its_twins_waiting_until_its_lease_ends(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL writes nothing on its way out: the key stays locked, and the order in doubt."""
    body = one_off(counter, counter.customer())

    def dies(*args: Any, **more: Any) -> None:
        gateway_only(counter, *args)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(at_once, "send_one", dies)
        patch.setattr(Once, "_release", lambda _self: None)
        assert counter.door.call("POST", "/one-off-payments", body, once="k-1").status_code == 500
    counter.client.app.state["idempotency_wait_seconds"] = 0

    early = counter.door.call("POST", "/one-off-payments", body, once="k-1")
    assert (early.status_code, early.json()["code"]) == (409, "in_progress")
    assert early.headers["retry-after"]

    counter.world.wait(minutes=2)
    late = counter.door.call("POST", "/one-off-payments", body, once="k-1")
    assert late.status_code == 201
    assert len(counter.world.desk.book()) == 1


def test_a_request_overtaken_by_its_twin_gives_the_twins_answer(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process stood still for longer than its lease: a twin went on and was answered."""
    body, twins = one_off(counter, counter.customer()), []
    genuine: Callable[..., None] = send_one

    def stands_still(*args: Any, **more: Any) -> None:
        genuine(*args, **more)
        monkeypatch.setattr(at_once, "send_one", genuine)
        counter.world.wait(minutes=2)
        twins.append(counter.door.call("POST", "/one-off-payments", body, once="k-1"))
        [order] = twins[0].json()["orders"]
        counter.world.desk.confirm(order["order_id"])
        counter.door.call("POST", f"/payment-orders/{order['id']}/refresh", {}, once="k-2")

    monkeypatch.setattr(at_once, "send_one", stands_still)
    first = counter.door.call("POST", "/one-off-payments", body, once="k-1")

    [twin] = twins
    assert (twin.status_code, first.status_code) == (201, 201)
    assert first.content == twin.content
    assert first.headers["idempotency-replayed"] == "true"
    assert [order.state for order in counter.world.rows(payment_orders)] == ["paid"]


def gateway_only(counter: Counter, *args: Any) -> None:
    """Lease and call as the flow does, and die before the answer is settled."""
    engine, merchant_id, order = args
    taken = lease(engine, merchant_id, limit=1, only=order)
    [leased] = taken.leased
    taken.gateway.charge(
        leased.request, idempotency_key=idempotency_key(leased.order_id, "charge", leased.send)
    )
