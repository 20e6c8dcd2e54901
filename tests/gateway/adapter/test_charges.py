"""The adapter against the simulator: the official client over real HTTP, answers as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from simulated import Desk, open_desk, running_simulator

from payments.adapters.midtrans.client import MidtransClient, PooledSession
from payments.adapters.midtrans.gateways import SimulatedGateway
from payments.gateway import ChargeRequest

VA = ChargeRequest(
    order_id="ADAPTER-VA-1",
    channel="bca_va",
    amount=109_890,
    currency="IDR",
    initiated_by="customer",
    customer_name="Sari Wulandari",
    customer_email="sari@example.com",
    item_name="Kasirku INV-2026-000001",
)
CARD = replace(VA, order_id="ADAPTER-CARD-1", channel="card", authenticate=True, save_token=True)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_simulator() as address:
        yield address


@pytest.fixture
def desk(url: str) -> Desk:
    return open_desk(url)


def gateway_of(desk: Desk, *, read_seconds: int = 10) -> SimulatedGateway:
    client = MidtransClient(
        desk.url, desk.server_key, PooledSession(), connect_seconds=1, read_seconds=read_seconds
    )
    return SimulatedGateway(client, desk.server_key, desk.url)


def saved_token(desk: Desk, number: str = "4811 1111 1111 1114") -> str:
    """Save a card by a first payment with 3DS."""
    gateway = gateway_of(desk)
    request = replace(CARD, order_id="FIRST", token=desk.card_token(number))
    gateway.charge(request, idempotency_key="first")
    desk.confirm("FIRST")
    token = gateway.status("FIRST").saved_token
    assert token is not None
    return token


def test_a_virtual_account_is_pending_and_tells_its_number(desk: Desk) -> None:
    answer = gateway_of(desk).charge(VA, idempotency_key="k1")

    assert (answer.status, answer.amount, answer.order_id) == ("pending", 109_890, VA.order_id)
    assert answer.instructions["bank"] == "bca"
    assert answer.instructions["va_number"].isdigit()
    assert answer.expires_at is not None


def test_a_paid_virtual_account_is_settled(desk: Desk) -> None:
    gateway = gateway_of(desk)
    gateway.charge(VA, idempotency_key="k1")
    desk.pay(order_id=VA.order_id)

    answer = gateway.status(VA.order_id)

    assert (answer.status, answer.settled, answer.amount) == ("paid", True, 109_890)


def test_a_first_card_payment_needs_3ds_and_then_gives_a_token(desk: Desk) -> None:
    gateway = gateway_of(desk)
    asked = gateway.charge(replace(CARD, token=desk.card_token()), idempotency_key="k1")
    assert (asked.status, "redirect_url" in asked.instructions) == ("pending", True)

    desk.confirm(CARD.order_id)
    answer = gateway.status(CARD.order_id)

    assert (answer.status, answer.settled) == ("paid", False)
    assert answer.saved_token is not None
    assert answer.masked is not None
    assert "saved_token_id" not in answer.raw, "a token is never kept in a stored answer"


def test_a_renewal_with_a_saved_token_is_captured_at_once(desk: Desk) -> None:
    request = replace(
        CARD, order_id="RENEWAL-1", token=saved_token(desk), initiated_by="merchant",
        authenticate=False, save_token=False,
    )  # fmt: skip
    answer = gateway_of(desk).charge(request, idempotency_key="k2")

    assert (answer.status, answer.transaction_status) == ("paid", "capture")


@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        ("51", "failed", "51"),
        ("54", "failed", "54"),
        ("05", "failed", "05"),
        ("411", "failed", "411"),
        ("402", "failed", "402"),
        ("challenge", "pending", None),
    ],
)
def test_what_a_bank_says_becomes_a_value(
    desk: Desk, behaviour: str, status: str, code: str | None
) -> None:
    token = saved_token(desk)
    desk.control("POST", "cards", saved_token_id=token, behaviour=behaviour)
    request = replace(
        CARD, order_id="R-1", token=token, initiated_by="merchant", authenticate=False
    )

    answer = gateway_of(desk).charge(request, idempotency_key="k3")

    assert answer.status == status
    if code is not None:
        assert answer.code == code


@pytest.mark.parametrize(
    ("fault", "status", "happened"),
    [
        #  what goes wrong          what we say   is it in their book?
        ("drop_before", "unknown", False),
        ("drop_after", "unknown", True),
        ("500_before", "unknown", False),
        ("503_after", "unknown", True),
        ("html_502", "unknown", False),
        ("html_502_after", "unknown", True),
        ("not_json", "unknown", None),
        ("json_list", "unknown", None),
        ("empty", "unknown", None),
        ("429", "refused", False),
    ],
)
def test_doubt_is_never_a_failure(
    desk: Desk, fault: str, status: str, happened: bool | None
) -> None:
    desk.fault("charge", fault)

    answer = gateway_of(desk).charge(VA, idempotency_key="k1")

    assert answer.status == status
    if happened is not None:
        assert (VA.order_id in desk.book()) is happened


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after"])
def test_no_answer_in_time_is_unknown(desk: Desk, fault: str) -> None:
    desk.fault("charge", fault, seconds=3)

    answer = gateway_of(desk, read_seconds=1).charge(VA, idempotency_key="k1")

    assert answer.status == "unknown"


def test_a_refused_connection_is_proven_not_sent() -> None:
    nowhere = Desk("http://127.0.0.1:9", "SB-Mid-server-x", "SB-Mid-client-x")

    assert gateway_of(nowhere).charge(VA, idempotency_key="k").status == "not_sent"
    assert gateway_of(nowhere).status("X-1").status == "unknown"


def test_a_second_charge_under_one_order_id_is_a_duplicate(desk: Desk) -> None:
    gateway = gateway_of(desk)
    gateway.charge(VA, idempotency_key="k1")

    assert gateway.charge(VA, idempotency_key="k2").status == "duplicate"


def test_the_same_key_replays_the_first_answer(desk: Desk) -> None:
    gateway = gateway_of(desk)
    first = gateway.charge(VA, idempotency_key="k1")

    assert gateway.charge(VA, idempotency_key="k1") == first


def test_an_unknown_order_is_not_found_and_a_wrong_key_is_no_proof(desk: Desk) -> None:
    assert gateway_of(desk).status("NOBODY-1").status == "not_found"
    stranger = replace(desk, server_key="SB-Mid-server-stranger")
    assert gateway_of(stranger).status("NOBODY-1").status == "unknown"
    assert gateway_of(stranger).charge(VA, idempotency_key="k").status == "refused"


def test_an_id_that_could_leave_its_path_is_refused_here(desk: Desk) -> None:
    for bad in ("a/b", "a?x=1", "../evil", "", ".", "a#b", "x" * 51):
        with pytest.raises(ValueError, match="path"):
            gateway_of(desk).status(bad)


def test_refunds_follow_the_rules_of_the_gateway(desk: Desk) -> None:
    gateway = gateway_of(desk)
    token = saved_token(desk)
    request = replace(
        CARD, order_id="R-2", token=token, initiated_by="merchant", authenticate=False
    )
    gateway.charge(request, idempotency_key="k4")

    def refund(key: str, amount: int) -> str:
        return gateway.refund(
            "R-2", refund_key=key, amount=amount, reason="uji", idempotency_key=f"i-{key}-{amount}"
        ).status

    # Captured and not settled: only a cancel of the whole is possible.
    assert refund("RF-1", 50_000) == "unknown"
    desk.control("POST", "settle", order_id="R-2")
    assert refund("RF-1", 50_000) == "succeeded"
    # The same key again, under another idempotency key: the status has to be asked.
    assert refund("RF-1", 50_001) == "unknown"
    assert refund("RF-2", 1_000_000) == "retry"
    answer = gateway.status("R-2")
    assert (answer.status, answer.refunded_amount) == ("paid", 50_000)
    assert [r["refund_key"] for r in answer.refunds] == ["RF-1"]


def test_a_captured_card_is_cancelled_whole(desk: Desk) -> None:
    gateway = gateway_of(desk)
    token = saved_token(desk)
    request = replace(
        CARD, order_id="R-3", token=token, initiated_by="merchant", authenticate=False
    )
    gateway.charge(request, idempotency_key="k5")

    assert gateway.cancel("R-3", idempotency_key="c1").status == "succeeded"
    answer = gateway.status("R-3")
    assert (answer.status, answer.transaction_status) == ("failed", "cancel")


def test_secrets_are_in_no_repr(desk: Desk) -> None:
    gateway = gateway_of(desk)
    request = replace(CARD, token="481111-SECRET-1114")

    for shown in (repr(gateway), repr(gateway._client), repr(request)):
        assert desk.server_key not in shown
        assert "SECRET" not in shown


def test_a_signature_is_checked_and_says_nothing_of_the_status(desk: Desk) -> None:
    gateway = gateway_of(desk)
    gateway.charge(VA, idempotency_key="k1")
    basic = httpx.BasicAuth(desk.server_key, "")
    body = httpx.get(f"{desk.url}/v2/{VA.order_id}/status", auth=basic).json()

    assert gateway.verify_notification(body)
    assert gateway.verify_notification({**body, "transaction_status": "settlement"})
    assert not gateway.verify_notification({**body, "gross_amount": "1.00"})


def test_many_threads_keep_their_own_keys(desk: Desk) -> None:
    from concurrent.futures import ThreadPoolExecutor

    gateway = gateway_of(desk)
    requests = [replace(VA, order_id=f"MANY-{n}") for n in range(60)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda r: gateway.charge(r, idempotency_key=f"key-{r.order_id}"), requests)
        )

    assert [a.order_id for a in answers] == [r.order_id for r in requests]
    assert {a.status for a in answers} == {"pending"}
