"""Payment methods: saved cards. Their tokens are sealed and never shown."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, Window, page_of
from api.queries import get_row, list_rows
from api.routes import get, post
from api.shapes import ExternalId, In, Instant, Metadata, Out, Words, path_id
from api.v1.orders import CardToken, MandateIn, OrderOut, mandate_of, newest_order
from billing import queries
from billing.engine import Engine
from billing.flows.at_once import press, save_card
from billing.flows.cards import end_method
from billing.service import end_mandate
from core import ids
from core.work import Work
from payments.tables import payment_methods


class CardIn(In):
    """A card to be saved without a payment."""

    card_token: Annotated[
        CardToken,
        Meta(
            description="A one-time token that the payer's browser got from Midtrans; card numbers "
            "never come here."
        ),
    ]
    external_id: ExternalId | None = None
    mandate: MandateIn | None = None


class EndIn(In):
    """Why a method is ended."""

    reason: Words = "requested"


class MethodOut(Out):
    """A saved card."""

    id: str
    customer: str
    external_id: str | None
    kind: str
    state: Annotated[
        str,
        Meta(description="`pending` until the payer confirmed, then `active`; in the end `ended`."),
    ]
    masked: Annotated[str | None, Meta(description="First and last digits.")]
    bank: str | None
    expires_at: Instant | None
    ended_because: str | None
    metadata: Metadata
    created_at: Instant
    check: Annotated[
        OrderOut | None,
        Meta(description="The authorisation that saves it; the payer goes to its `redirect_url`."),
    ]

    @classmethod
    def of(cls, row: Any, check: OrderOut | None = None) -> MethodOut:
        """Shape a row."""
        return cls(
            id=ids.public("payment_method", row.id),
            customer=ids.public("customer", row.customer_id), external_id=row.external_id,
            kind=row.kind, state=row.state, masked=row.masked, bank=row.bank,
            expires_at=row.expires_at, ended_because=row.ended_because, metadata=row.metadata,
            created_at=row.created_at, check=check,
        )  # fmt: skip

    @classmethod
    def read(cls, unit: Work, method_id: Any) -> MethodOut:
        """Read one with its check."""
        row = get_row(unit, payment_methods, method_id, "payment_method")
        return cls.of(row, newest_order(unit, method_id=method_id))


class PaymentMethodsController(Controller):
    """Routes of payment methods."""

    tags = ("Payment methods",)

    @post("/customers/{customer_id:str}/payment-methods", scope="write", summary="Save a card")
    def save_card(
        self, customer_id: FromPath[str], data: JSONBody[CardIn], once: NamedDependency[Once],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> Response[MethodOut]:  # fmt: skip
        """Save a card by a small authorisation that is released at once; nothing is charged.

        Send the payer to `check.redirect_url`.
        """
        customer = path_id("customer", customer_id)
        return once.run(
            lambda unit: save_card(
                engine, unit, customer, data.card_token, key=once.key,
                external_id=data.external_id, mandate=mandate_of(data.mandate),
            ),
            MethodOut.read,
            call=lambda method: press(engine, caller.merchant, method_id=method),
        )  # fmt: skip

    @get("/customers/{customer_id:str}/payment-methods", scope="read", summary="List saved cards")
    def list_payment_methods(
        self, customer_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller], window: NamedDependency[Window],
    ) -> Page[MethodOut]:  # fmt: skip
        """A customer's cards, newest first."""
        customer = path_id("customer", customer_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            queries.get_customer(unit, customer)
            rows = list_rows(unit, payment_methods, window, {"customer_id": customer})
            return page_of(rows, window, MethodOut.of)

    @get("/payment-methods/{method_id:str}", scope="read", summary="Get a saved card")
    def get_payment_method(
        self, method_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> MethodOut:  # fmt: skip
        """One card."""
        wanted = path_id("payment_method", method_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return MethodOut.read(unit, wanted)

    @post(
        "/payment-methods/{method_id:str}/end", scope="write", summary="End a saved card",
        status=200,
    )  # fmt: skip
    def end_payment_method(
        self, method_id: FromPath[str], data: JSONBody[EndIn], once: NamedDependency[Once]
    ) -> Response[MethodOut]:
        """Never charge it again; its token is destroyed and its mandate ends."""
        wanted = path_id("payment_method", method_id)

        def end(unit: Work) -> Any:
            end_method(unit, wanted, data.reason)
            end_mandate(unit, wanted, because=data.reason)
            return wanted

        return once.run(end, MethodOut.read, status=200)
