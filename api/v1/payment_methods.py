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
from api.v1.orders import (
    CardToken,
    MandateIn,
    OrderOut,
    mandate_of,
    newest_order,
    required_mandate,
)
from billing import queries
from billing.engine import Engine
from billing.flows.at_once import press, save_card
from billing.flows.cards import end_method
from billing.flows.consents import consent_later
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


class MandateOut(Out):
    """A consent in force. How often and up to what the holder may be charged is in his words."""

    text_version: str
    text: str
    locale: str
    source: Annotated[str, Meta(description="The address it was given from.")]
    amount_rule: str
    cadence: str
    accepted_at: Instant

    @classmethod
    def of(cls, row: Any) -> MandateOut | None:
        """Shape a row, if there is one."""
        if row is None:
            return None
        return cls(
            text_version=row.text_version, text=row.text, locale=row.locale, source=row.source,
            amount_rule=row.amount_rule, cadence=row.cadence, accepted_at=row.accepted_at,
        )  # fmt: skip


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
    mandate: Annotated[
        MandateOut | None,
        Meta(description="Without one the card is never charged by itself."),
    ]
    metadata: Metadata
    created_at: Instant
    check: Annotated[
        OrderOut | None,
        Meta(description="The authorisation that saves it; the payer goes to its `redirect_url`."),
    ]

    @classmethod
    def of(cls, row: Any, mandate: Any = None, check: OrderOut | None = None) -> MethodOut:
        """Shape a row."""
        return cls(
            id=ids.public("payment_method", row.id),
            customer=ids.public("customer", row.customer_id), external_id=row.external_id,
            kind=row.kind, state=row.state, masked=row.masked, bank=row.bank,
            expires_at=row.expires_at, ended_because=row.ended_because, metadata=row.metadata,
            created_at=row.created_at, mandate=MandateOut.of(mandate), check=check,
        )  # fmt: skip

    @classmethod
    def read(cls, unit: Work, method_id: Any) -> MethodOut:
        """Read one with its check."""
        row = get_row(unit, payment_methods, method_id, "payment_method")
        mandate = queries.mandates_in_force(unit, [row.id]).get(row.id)
        return cls.of(row, mandate, newest_order(unit, method_id=method_id))


class PaymentMethodsController(Controller):
    """Routes of payment methods."""

    tags = ("Payment methods",)

    @post("/customers/{customer_id:str}/payment-methods", scope="write", summary="Save a card")
    def save_card(
        self, customer_id: FromPath[str], data: JSONBody[CardIn], once: NamedDependency[Once],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> Response[MethodOut]:  # fmt: skip
        """Save a card by a small authorisation that is released at once; nothing is charged.

        Send the payer to `check.redirect_url`. With `mandate` the customer's automatic
        subscriptions and open invoices go over to it; without, it waits for one.
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
            mandates = queries.mandates_in_force(unit, [row.id for row in rows])
            return page_of(rows, window, lambda row: MethodOut.of(row, mandates.get(row.id)))

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
        "/payment-methods/{method_id:str}/mandate", scope="write", status=200,
        summary="Record the consent to be charged",
    )  # fmt: skip
    def record_mandate(
        self, method_id: FromPath[str], data: JSONBody[MandateIn], once: NamedDependency[Once]
    ) -> Response[MethodOut]:
        """Keep the holder's consent to be charged without being asked; replaces the one before.

        The customer's automatic subscriptions and open invoices go over to this card.
        """
        wanted = path_id("payment_method", method_id)
        return once.run(
            lambda unit: consent_later(unit, wanted, required_mandate(data)),
            MethodOut.read,
            status=200,
        )

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
