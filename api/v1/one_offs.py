"""One-off payments: an invoice of its own with an attempt or a virtual account, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.routes import post
from api.shapes import ExternalId, In, MetadataIn, PriceIn, Words
from api.v1.invoices import InvoiceDetailOut, detail_reader
from api.v1.orders import PaymentIn
from billing.engine import Engine
from billing.flows.at_once import pay_now, press
from billing.flows.pay_once import OneOffLine
from core import ids
from core.work import Work


class OneOffLineIn(In):
    """What is sold once."""

    description: Annotated[
        dict[Literal["id", "en"], Words],
        Meta(min_length=1, description='Words by language: `{"id": "Jasa impor data"}`.'),
    ]
    unit_amount: PriceIn
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class OneOffIn(In):
    """An invoice for something sold once, and how it is paid."""

    customer: Annotated[str, Meta(max_length=40, description="`cus_…`")]
    lines: Annotated[list[OneOffLineIn], Meta(min_length=1, max_length=100)]
    payment: PaymentIn
    tax_mode: Annotated[
        Literal["exclusive", "inclusive"],
        Meta(description="Whether PPN comes on top of the amounts or is in them."),
    ] = "exclusive"
    due_on: Annotated[
        date | None, Meta(description="By default the merchant's terms from today.")
    ] = None
    external_id: ExternalId | None = None
    metadata: MetadataIn = msgspec.field(default_factory=dict)


class OneOffController(Controller):
    """Routes of one-off payments."""

    path = "/one-off-payments"
    tags = ("One-off payments",)

    @post("/", scope="write", summary="Take a one-off payment")
    def create_one_off(
        self, data: JSONBody[OneOffIn], once: NamedDependency[Once],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> Response[InvoiceDetailOut]:  # fmt: skip
        """Issue an invoice and begin its payment in this request; there is no charge without one.

        The newest of `orders` is the attempt or the virtual account. A decline is an outcome.
        """
        customer = ids.parse("customer", data.customer, field="customer")
        means = data.payment.means()
        lines = [
            OneOffLine(_words(line.description), line.unit_amount, line.quantity)
            for line in data.lines
        ]

        def begin(unit: Work) -> UUID:
            return pay_now(
                engine, unit, customer, lines, means, key=once.key, tax_mode=data.tax_mode,
                due_on=data.due_on, external_id=data.external_id, metadata=data.metadata,
            )  # fmt: skip

        return once.run(
            begin,
            detail_reader(engine),
            call=lambda invoice: press(engine, caller.merchant, invoice_id=invoice),
        )


def _words(by_language: Mapping[Literal["id", "en"], str]) -> dict[str, str]:
    return {str(language): words for language, words in by_language.items()}
