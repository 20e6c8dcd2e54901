"""A customer's balance: the lots it is made of, credit given, and topping it up."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.routes import get, post
from api.shapes import Day, ExternalId, In, Instant, MetadataIn, Out, Rupiah, path_id
from api.v1.invoices import InvoiceDetailOut, detail_reader
from billing import queries
from billing.credits.lots import Lot
from billing.credits.queries import every_lot
from billing.engine import Engine
from billing.flows import granting, top_up
from core import ids
from core.work import Work

LOTS_MAX = 200


class CreditIn(In):
    """Credit that is given: it pays what is billed and is never paid out."""

    amount: Annotated[int, Meta(ge=1, le=granting.AMOUNT_MAX, description="Whole rupiah.")]
    reason: Annotated[str, Meta(min_length=1, max_length=granting.REASON_MAX)]
    expires_on: Annotated[
        Day | None, Meta(description="The last day it can be used on, where you are.")
    ] = None


class LotOut(Out):
    """A part of a balance as it came. What ends soonest is used first, then what is oldest."""

    id: str
    kind: Annotated[str, Meta(description="`money` is the customer's own, `promotional` given.")]
    amount: Rupiah
    left: Annotated[int, Meta(description="Whole rupiah that nothing has used yet.")]
    at: Instant
    expires_on: Annotated[Day | None, Meta(description="The last day it can be used on.")]
    reason: str | None
    is_usable: bool

    @classmethod
    def of(cls, unit: Work, lot: Lot) -> LotOut:
        """Shape a lot."""
        return cls(
            id=ids.public("lot", lot.id), kind=lot.kind, amount=lot.amount, left=lot.left,
            at=lot.at, expires_on=granting.last_day_of(unit, lot), reason=lot.reason,
            is_usable=lot.is_usable(unit.now),
        )  # fmt: skip


class LotsOut(Out):
    """The newest 200 lots of a balance, newest first."""

    data: list[LotOut]


class TopUpIn(In):
    """How much the customer wants to add to his balance."""

    amount: Annotated[int, Meta(ge=top_up.MINIMUM, le=top_up.MAXIMUM, description="Whole rupiah.")]
    external_id: ExternalId | None = None
    metadata: MetadataIn = msgspec.field(default_factory=dict)


class CreditsController(Controller):
    """Routes of balances by their lots."""

    path = "/customers/{customer_id:str}"
    tags = ("Customers",)

    @get("/balance/lots", scope="read", summary="List the lots of a customer's balance")
    def list_lots(
        self, customer_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> LotsOut:  # fmt: skip
        """What came onto the balance, what is left of it, and until when it can be used."""
        wanted = path_id("customer", customer_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            queries.get_customer(unit, wanted)
            lots = every_lot(unit, wanted, LOTS_MAX)
            return LotsOut(data=[LotOut.of(unit, lot) for lot in lots])

    @post("/credits", scope="write", summary="Give a customer credit")
    def give_credit(
        self, customer_id: FromPath[str], data: JSONBody[CreditIn], once: NamedDependency[Once]
    ) -> Response[LotOut]:
        """What is open is paid with it at once, oldest first; what is left waits for invoices."""
        wanted = path_id("customer", customer_id)

        def begin(unit: Work) -> UUID:
            return granting.grant(
                unit, wanted, data.amount, reason=data.reason, last_day=data.expires_on,
                key=once.key,
            )  # fmt: skip

        return once.run(
            begin, lambda unit, lot: LotOut.of(unit, granting.get_lot(unit, wanted, lot))
        )

    @post("/top-ups", scope="write", summary="Let a customer top his balance up")
    def ask_top_up(
        self, customer_id: FromPath[str], data: JSONBody[TopUpIn], once: NamedDependency[Once],
        engine: NamedDependency[Engine],
    ) -> Response[InvoiceDetailOut]:  # fmt: skip
        """Write an invoice that sells nothing: send the payer to its `page_url`.

        The balance rises when its payment is booked. Unpaid, it lapses after seven days.
        """
        wanted = path_id("customer", customer_id)

        def begin(unit: Work) -> UUID:
            return top_up.ask(
                unit, wanted, data.amount, key=once.key, external_id=data.external_id,
                metadata=data.metadata,
            ).id  # fmt: skip

        return once.run(begin, detail_reader(engine))
