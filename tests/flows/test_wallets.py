"""Linked GoPay over the wire: agreed to, ended by either side, whatever is lost on the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from payers import receive
from wallets import (
    PHONE,
    account_id,
    ask_link,
    holder,
    link_url,
    linked,
    switch_on,
    wallet,
)
from world import ME, World

from billing.flows.accounts import ask_now, new_wallet, press_link, step_due
from billing.flows.cards import end_method
from billing.tables import mandates
from core.errors import Conflict, Unavailable
from core.tables import events
from ops.doctor import examine, render
from payments.tables import notifications

pytestmark = pytest.mark.database


@pytest.fixture(autouse=True)
def _whole(world: World) -> Any:
    """Every test ends with books and states that agree."""
    switch_on(world)
    yield
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)


def accounts(world: World) -> dict[str, str]:
    """The accounts that the gateway holds, with their states."""
    return {
        one["account_id"]: one["status"]
        for one in world.desk.control("GET", "pay-accounts")["accounts"]
    }


def news(world: World, account: str, status: str) -> None:
    """A notification about an account, whatever it claims."""
    receive(
        world,
        {
            "account_id": account, "account_status": status, "payment_type": "gopay",
            "status_code": "200", "signature_key": "nobody knows how",
        },
    )  # fmt: skip
    world.drain()


def test_a_wallet_is_pending_until_its_holder_agrees(world: World) -> None:
    method = ask_link(world, world.customer("Sari"))

    row = wallet(world, method)
    assert (row.kind, row.state, row.masked) == ("gopay", "pending", "•••• 3424")
    assert link_url(world, method).startswith(world.desk.url)
    assert account_id(world, method).encode() not in row.token_sealed

    holder(world, account_id(world, method), "link")
    ask_now(world.engine, world.merchant_id, method)
    row = wallet(world, method)
    assert (row.state, link_url(world, method)) == ("active", "")
    assert len(world.rows(events, type="method.saved")) == 1


def test_the_phone_goes_through_and_is_not_kept(world: World) -> None:
    method = linked(world, world.customer("Sari"))
    with world.work() as unit:
        for table in ("payment_methods", "audit", "events", "mandates"):
            found = unit.session.connection().exec_driver_sql(f"SELECT {table}::text FROM {table}")
            assert not [row for row in found.scalars() if PHONE[2:] in row], table
    assert wallet(world, method).state == "active"


def test_lost_news_of_a_link_are_found_out_by_asking(world: World) -> None:
    method = ask_link(world, world.customer("Sari"))
    holder(world, account_id(world, method), "link")

    assert step_due(world.engine, world.merchant_id) == 0, "it is not its turn yet"
    world.wait(seconds=31)
    world.drain()

    assert wallet(world, method).state == "active"


@pytest.mark.parametrize("claim", ["ENABLED", "DISABLED", "EXPIRED"])
def test_news_of_an_account_only_make_us_ask(world: World, claim: str) -> None:
    method = ask_link(world, world.customer("Sari"))
    account = account_id(world, method)

    news(world, account, claim)
    assert wallet(world, method).state == "pending"

    holder(world, account, "link")
    news(world, account, claim + " ")
    assert wallet(world, method).state == "active"


def test_a_lost_answer_is_asked_for_again_and_its_account_runs_out(world: World) -> None:
    customer = world.customer("Sari")
    world.desk.fault("link", "drop_after")
    with world.work() as unit:
        method = new_wallet(unit, customer, "wallet", phone=PHONE)
    again = {"phone": PHONE, "return_url": "https://shop.example/ok"}
    with pytest.raises(Unavailable):
        press_link(world.engine, world.merchant_id, method, **again)
    assert (wallet(world, method).state, wallet(world, method).token_sealed) == ("pending", None)
    [orphan] = accounts(world)

    press_link(world.engine, world.merchant_id, method, **again)
    press_link(world.engine, world.merchant_id, method, **again)  # a replay asks nothing

    assert len(accounts(world)) == 2
    assert account_id(world, method) != orphan
    world.advance(world.clock_at() + timedelta(hours=1))
    assert set(accounts(world).values()) == {"EXPIRED"}
    assert wallet(world, method).ended_because == "not_confirmed"


def test_a_wallet_that_was_never_asked_for_ends(world: World) -> None:
    with world.work() as unit:
        method = new_wallet(unit, world.customer("Sari"), "wallet", phone=PHONE)
    world.wait(minutes=61)
    world.drain()
    row = wallet(world, method)
    assert (row.state, row.ended_because, row.next_at) == ("ended", "not_confirmed", None)


@pytest.mark.parametrize(
    ("phone", "because"),
    [("62123450001", "wallet_blocked"), ("62123450002", "wallet_blocked"), ("6201", "refused")],
)
def test_a_wallet_that_can_not_be_linked_has_ended(world: World, phone: str, because: str) -> None:
    method = ask_link(world, world.customer("Sari"), phone=phone)
    assert (wallet(world, method).state, wallet(world, method).ended_because) == ("ended", because)
    assert world.rows(mandates, ended_at=None) == []


def test_nobody_agrees_in_time(world: World) -> None:
    method = ask_link(world, world.customer("Sari"))
    world.advance(world.clock_at() + timedelta(minutes=20))
    row = wallet(world, method)
    assert (row.state, row.ended_because) == ("ended", "not_confirmed")
    assert (row.token_sealed, row.next_at) == (None, None)
    assert world.rows(mandates, ended_at=None) == []


def test_we_end_a_wallet_and_the_gateway_says_that_it_is_over(world: World) -> None:
    method = linked(world, world.customer("Sari"))
    account = account_id(world, method)
    with world.work() as unit:
        assert end_method(unit, method, "requested")
    assert accounts(world) == {account: "ENABLED"}

    world.drain()

    assert accounts(world) == {account: "DISABLED"}
    row = wallet(world, method)
    assert (row.state, row.token_sealed, row.next_at) == ("ended", None, None)


def test_an_unlinking_that_is_lost_is_done_again(world: World) -> None:
    method = linked(world, world.customer("Sari"))
    world.desk.fault("unbind", "drop_before", times=2)
    with world.work() as unit:
        end_method(unit, method, "requested")
    for _ in range(4):
        world.drain()
        world.wait(hours=1)
    assert set(accounts(world).values()) == {"DISABLED"}
    assert wallet(world, method).token_sealed is None


def test_the_holder_ends_it_in_the_app(world: World) -> None:
    method = linked(world, world.customer("Sari"))
    account = account_id(world, method)
    holder(world, account, "unlink")
    news(world, account, "DISABLED")
    row = wallet(world, method)
    assert (row.state, row.ended_because, row.token_sealed) == ("ended", "unlinked", None)
    assert world.rows(mandates, ended_at=None) == []


def test_an_end_in_the_app_of_which_no_news_came_is_found_within_a_day(world: World) -> None:
    method = linked(world, world.customer("Sari"))
    holder(world, account_id(world, method), "unlink")
    world.drain()
    assert wallet(world, method).state == "active"
    world.wait(hours=25)
    world.drain()
    assert wallet(world, method).ended_because == "unlinked"


def test_what_is_agreed_to_after_we_ended_it_is_unlinked(world: World) -> None:
    method = ask_link(world, world.customer("Sari"))
    account = account_id(world, method)
    with world.work() as unit:
        end_method(unit, method, "requested")
    holder(world, account, "link")
    news(world, account, "ENABLED")
    world.wait(minutes=10)
    world.drain()
    assert accounts(world) == {account: "DISABLED"}
    assert wallet(world, method).state == "ended"


def test_an_account_that_is_none_of_ours_is_left_alone(world: World) -> None:
    with world.work() as unit:
        gateway = world.engine.gateways.of(unit.merchant)
    account = gateway.link_account(phone=PHONE, return_url="https://shop.example").account_id
    assert account is not None
    holder(world, account, "link")
    news(world, account, "ENABLED")
    world.drain()
    assert accounts(world) == {account: "ENABLED"}
    assert world.rows(notifications)[0].outcome == "the account is enabled"


def test_without_the_merchants_word_no_wallet_is_linked(world: World) -> None:
    from payments.service import set_channel

    with world.work() as unit:
        set_channel(unit, "gopay_linked", enabled=False)
    customer = world.customer("Sari")
    with pytest.raises(Conflict, match="switched on"), world.work() as unit:
        new_wallet(unit, customer, "wallet", phone=PHONE)
    assert ME.kind == "system"
