"""Opening and changing accounts through the control API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec

from simulator import control_book
from simulator.book import Book
from simulator.model import Json
from simulator.switches import Switches
from simulator.world import World

Handler = Callable[[World, Book, Json], Awaitable[Json]]


class WrongError(Exception):
    """The instruction cannot be followed: an HTTP status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def add_account(world: World, body: Json) -> Json:
    """Open the account of this server key, or change it. Raises WrongError."""
    server_key = str(body.get("server_key", ""))
    client_key = str(body.get("client_key", ""))
    if not server_key or any(char.isspace() for char in server_key + client_key):
        raise WrongError(400, "server_key is required; keys hold no white space")
    if server_key.startswith("Mid-server-"):
        raise WrongError(400, "this looks like a production key: it does not belong in a simulator")
    other = world.by_client.get(client_key)
    if client_key and other is not None and other.account.server_key != server_key:
        raise WrongError(409, "this client_key belongs to another account")
    book = world.add_account(
        server_key, client_key, name=str(body.get("name", "")), seed=str(body.get("seed", ""))
    )
    configure(book, body)
    return control_book.account(book)


def configure(book: Book, body: Json) -> None:
    """Apply the settings that are given; the rest stays."""
    account = book.account
    account.name = str(body.get("name") or account.name)
    account.notification_url = str(body.get("notification_url", account.notification_url) or "")
    account.pay_account_url = str(body.get("pay_account_url", account.pay_account_url) or "")
    account.recurring_url = str(body.get("recurring_url", account.recurring_url) or "")
    for name in ("recurring_mid", "b2b"):
        value = body.get(name, getattr(account, name))
        if not isinstance(value, bool):
            raise WrongError(400, f"{name} is true or false")
        setattr(account, name, value)
    balance = body.get("refund_balance", account.refund_balance)
    account.refund_balance = msgspec.convert(balance, int | None)
    disabled = body.get("disabled_types", account.disabled_types)
    account.disabled_types = msgspec.convert(disabled, list[str])
    lanes = body.get("delivery_concurrency", account.delivery_concurrency)
    account.delivery_concurrency = msgspec.convert(lanes, Annotated[int, msgspec.Meta(ge=0, le=64)])
    switches = {**msgspec.to_builtins(account.switches), **(body.get("switches") or {})}
    unknown = set(switches) - {info.name for info in msgspec.structs.fields(Switches)}
    if unknown:
        raise WrongError(400, f"unknown switches: {', '.join(sorted(unknown))}")
    account.switches = msgspec.convert(switches, Switches)
    book.save_account()
