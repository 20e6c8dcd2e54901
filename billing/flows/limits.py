"""Counting tries: of passwords, cards, numbers to pay to, notifications. See `core.limits`."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from billing.engine import Engine
from core.counters import Try, forget, give_back, take, try_of
from core.limits import is_public, most_of, network_of
from core.work import Work


def count(engine: Engine, unit: Work, subjects: Mapping[str, str | UUID]) -> None:
    """Count tries in the caller's transaction: what is rolled back was not tried.

    For what waits for nobody. Where a password is checked or a gateway called, use `count_now`.

    Args:
        subjects: limit → who is counted; an empty text is nobody.

    Raises:
        TooMany: ``too_many_tries``.
    """
    _take(engine, unit.session, subjects)


def count_now(engine: Engine, merchant_id: UUID, subjects: Mapping[str, str | UUID]) -> None:
    """Count tries in a transaction of its own, before they are made; as `count` otherwise."""
    with engine.db.begin(merchant_id) as session:
        _take(engine, session, subjects)


def passed(engine: Engine, merchant_id: UUID, *, account: str, address: str) -> None:
    """A sign-in was genuine: its account begins anew, its address is given back this one try.

    Not all of them: who has one good password must not use it to go on guessing others.
    """
    with engine.db.begin(merchant_id) as session:
        # In the order of ids, as `take` does: two sign-ins never wait for each other.
        account_try = _try(engine, "sign_in_account", account)
        address_try = _try(engine, "sign_in_address", _who("sign_in_address", address))
        for one in sorted((account_try, address_try), key=lambda one: one.id):
            if one is account_try:
                forget(session, one)
            else:
                give_back(session, one, engine.real_now())


def count_card(
    engine: Engine,
    unit: Work,
    customer_id: UUID,
    *,
    invoice_id: UUID | None = None,
    payer_address: str = "",
) -> None:
    """Count a new card that is about to be tried; called first, before any row is locked.

    A payer on our page comes from their own address. Through the API a server calls for all of its
    payers, so only a public address that it names counts: behind a private one may be everybody.

    Raises:
        TooMany: ``too_many_tries``.
    """
    named = payer_address if is_public(payer_address) else ""
    address = unit.actor.source if unit.actor.kind == "customer" else named
    subjects: dict[str, str | UUID] = {"card_customer": customer_id, "card_address": address}
    if invoice_id is not None:
        subjects["card_invoice"] = invoice_id
    count(engine, unit, subjects)


def _take(engine: Engine, session: Session, subjects: Mapping[str, str | UUID]) -> None:
    tries = [
        _try(engine, kind, who)
        for kind, subject in subjects.items()
        if (who := _who(kind, str(subject)))
    ]
    take(session, tries, engine.real_now())


def _try(engine: Engine, kind: str, who: str) -> Try:
    limit = most_of(engine.settings.limits, kind)
    return try_of(engine.vault.subkey("limits"), kind, limit, who)


def _who(kind: str, subject: str) -> str:
    """An address counts as its subscriber's network; another text as itself."""
    return network_of(subject) or "" if kind.endswith("_address") else subject
