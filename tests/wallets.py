"""Customers who pay by a linked GoPay: links agreed to and ended by the simulator's control side."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from builders import CONSENT
from sqlalchemy import Row
from world import World, subscribe

from billing.flows.accounts import ask_now, link_of, new_wallet, press_link
from billing.flows.consents import consent
from payments.service import set_channel
from payments.tables import payment_methods

PHONE = "628215023424"
BACK = "https://shop.example/ok"


def switch_on(world: World) -> None:
    """The merchant's account has tokenized GoPay."""
    with world.work() as unit:
        set_channel(unit, "gopay_linked", enabled=True)


def ask_link(world: World, customer: UUID, *, phone: str = PHONE, key: str = "wallet") -> UUID:
    """A wallet with its holder's consent, asked for at the gateway."""
    with world.work() as unit:
        method = new_wallet(unit, customer, f"{key}-{customer}", phone=phone)
        consent(unit, customer, method, CONSENT)
    press_link(world.engine, world.merchant_id, method, phone=phone, return_url=BACK)
    return method


def account_id(world: World, method_id: UUID) -> str:
    """The id under which the gateway knows a wallet."""
    row = wallet(world, method_id)
    context = f"{world.merchant_id}:{method_id}:token"
    return world.engine.vault.open(row.token_sealed, context).decode()


def holder(world: World, account: str, action: str) -> None:
    """The owner of the phone links or unlinks in the GoPay app."""
    world.desk.control("POST", "pay-accounts", account_id=account, action=action)


def linked(world: World, customer: UUID, **how: Any) -> UUID:
    """A wallet that its holder agreed to, and that we have heard of."""
    method = ask_link(world, customer, **how)
    holder(world, account_id(world, method), "link")
    ask_now(world.engine, world.merchant_id, method)
    return method


def subscriber(world: World, name: str, amount: int = 99_000) -> tuple[UUID, UUID, UUID]:
    """A customer with a linked wallet who subscribes; customer, method, subscription."""
    customer = world.customer(name)
    method = linked(world, customer)
    price = world.plan(f"plan-{name.lower()}", amount)
    with world.work() as unit:
        made = subscribe(
            unit, customer_id=customer, price_id=price, collection="automatic",
            payment_method_id=method,
        )  # fmt: skip
    return customer, method, made.subscription.id


def wallet(world: World, method_id: UUID) -> Row[Any]:
    """A method as it stands."""
    [row] = world.rows(payment_methods, id=method_id)
    return row


def link_url(world: World, method_id: UUID) -> str:
    """Where its holder agrees, empty when that is decided."""
    with world.work() as unit:
        found = link_of(world.engine, unit, method_id)
    return found.url if found else ""
