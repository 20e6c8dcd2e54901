"""Payment methods: saved cards and linked wallets. Their tokens are sealed and never shown."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, Window, page_of
from api.queries import get_row, list_rows, rows_of
from api.routes import get, patch, post
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
from billing.flows.accounts import ask_now, link_of
from billing.flows.at_once import press, save_card
from billing.flows.cards import end_method
from billing.flows.consents import consent_later
from billing.flows.methods import set_order
from core import ids
from core.work import Work
from payments.accounts import account_of
from payments.queries import methods_in_order
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


class OrderIn(In):
    """The order in which a customer wants his methods charged."""

    payment_methods: Annotated[
        list[Annotated[str, Meta(max_length=40)]],
        Meta(
            min_length=1, max_length=100,
            description="The first is charged first. Those not named stay behind, as they stood.",
        ),
    ]  # fmt: skip


class LinkOut(Out):
    """Where the holder of a wallet agrees, for some minutes."""

    url: str
    app_url: Annotated[str, Meta(description="Opens GoPay's app.")]


class MethodOut(Out):
    """A saved card or a linked wallet."""

    id: str
    customer: str
    external_id: str | None
    kind: Annotated[str, Meta(description="`card` or `gopay`.")]
    state: Annotated[
        str,
        Meta(description="`pending` until the payer confirmed, then `active`; in the end `ended`."),
    ]
    rank: Annotated[
        int,
        Meta(
            description="Its place in the customer's order: the smallest first, and of equals the "
            "one saved first. What it is charged for says so itself (`payment_method`); after a "
            "refusal that only the holder can mend, the others are tried in this order."
        ),
    ]
    masked: Annotated[
        str | None, Meta(description="First and last digits; of a wallet's phone the last.")
    ]
    bank: str | None
    expires_at: Instant | None
    ended_because: str | None
    mandate: Annotated[
        MandateOut | None,
        Meta(description="Without one it is never charged by itself."),
    ]
    metadata: Metadata
    created_at: Instant
    check: Annotated[
        OrderOut | None,
        Meta(
            description="The authorisation that saves a card; the payer goes to its `redirect_url`."
        ),
    ]
    link: Annotated[
        LinkOut | None,
        Meta(description="Of a `pending` wallet, when it is read alone."),
    ]
    account: Annotated[
        str | None,
        Meta(
            description="Of a wallet, how it stands at GoPay: `waiting` for its holder, `linked`, "
            "`unlinking` or `gone`."
        ),
    ]

    @classmethod
    def of(
        cls, row: Any, mandate: Any = None, check: OrderOut | None = None,
        link: LinkOut | None = None,
    ) -> MethodOut:  # fmt: skip
        """Shape a row."""
        return cls(
            id=ids.public("payment_method", row.id),
            customer=ids.public("customer", row.customer_id), external_id=row.external_id,
            kind=row.kind, state=row.state, rank=row.rank, masked=row.masked, bank=row.bank,
            expires_at=row.expires_at, ended_because=row.ended_because, metadata=row.metadata,
            created_at=row.created_at, mandate=MandateOut.of(mandate), check=check,
            link=link, account=account_of(row.kind, row.state, watched=row.next_at is not None),
        )  # fmt: skip

    @classmethod
    def read(cls, unit: Work, method_id: Any, engine: Engine | None = None) -> MethodOut:
        """Read one with its check; with the engine, also where a wallet's holder agrees."""
        row = get_row(unit, payment_methods, method_id, "payment_method")
        mandate = queries.mandates_in_force(unit, [row.id]).get(row.id)
        at = link_of(engine, unit, row.id) if engine is not None else None
        link = LinkOut(url=at.url, app_url=at.app_url) if at is not None else None
        return cls.of(row, mandate, newest_order(unit, method_id=method_id), link)


class MethodsOut(Out):
    """A customer's methods that have not ended, in his order."""

    data: list[MethodOut]


def _in_order(unit: Work, customer_id: UUID) -> MethodsOut:
    rows = rows_of(unit, payment_methods, "customer_id", customer_id, by="rank")
    mandates = queries.mandates_in_force(unit, [row.id for row in rows])
    places = {row.id: place for place, row in enumerate(methods_in_order(unit, customer_id))}
    standing = sorted((row for row in rows if row.id in places), key=lambda row: places[row.id])
    return MethodsOut(data=[MethodOut.of(row, mandates.get(row.id)) for row in standing])


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

    @get(
        "/customers/{customer_id:str}/payment-methods", scope="read",
        summary="List saved cards and linked wallets",
    )  # fmt: skip
    def list_payment_methods(
        self, customer_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller], window: NamedDependency[Window],
    ) -> Page[MethodOut]:  # fmt: skip
        """All a customer has had, newest first; `GET .../order` shows those that can be charged."""
        customer = path_id("customer", customer_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            queries.get_customer(unit, customer)
            rows = list_rows(unit, payment_methods, window, {"customer_id": customer})
            mandates = queries.mandates_in_force(unit, [row.id for row in rows])
            return page_of(rows, window, lambda row: MethodOut.of(row, mandates.get(row.id)))

    @get(
        "/customers/{customer_id:str}/payment-methods/order", scope="read",
        summary="Get the order of a customer's methods",
    )  # fmt: skip
    def get_order(
        self, customer_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> MethodsOut:  # fmt: skip
        """The methods that have not ended, in the order in which they are charged.

        Without an order of the customer's own: the one that took over last, then as they were
        saved.
        """
        wanted = path_id("customer", customer_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            queries.get_customer(unit, wanted)
            return _in_order(unit, wanted)

    @patch(
        "/customers/{customer_id:str}/payment-methods/order", scope="write",
        summary="Set the order of a customer's methods",
    )  # fmt: skip
    def set_order(
        self, customer_id: FromPath[str], data: JSONBody[OrderIn],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> MethodsOut:  # fmt: skip
        """Automatic subscriptions and open invoices go over to the first that may be charged.

        Nothing is charged by this. When a charge is refused and only its holder can mend that, the
        next of these is tried at once, each a single time.
        """
        wanted = path_id("customer", customer_id)
        methods = [
            ids.parse("payment_method", one, field="payment_methods")
            for one in data.payment_methods
        ]
        with engine.work(caller.merchant, caller.actor) as unit:
            set_order(unit, wanted, methods)
            return _in_order(unit, wanted)

    @get(
        "/payment-methods/{method_id:str}", scope="read",
        summary="Get a saved card or linked wallet",
    )  # fmt: skip
    def get_payment_method(
        self, method_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> MethodOut:  # fmt: skip
        """One card or wallet."""
        wanted = path_id("payment_method", method_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return MethodOut.read(unit, wanted, engine)

    @post(
        "/payment-methods/{method_id:str}/mandate", scope="write", status=200,
        summary="Record the consent to be charged",
    )  # fmt: skip
    def record_mandate(
        self, method_id: FromPath[str], data: JSONBody[MandateIn], once: NamedDependency[Once]
    ) -> Response[MethodOut]:
        """Keep the holder's consent to be charged without being asked; replaces the one before.

        The customer's automatic subscriptions and open invoices go over to this method.
        """
        wanted = path_id("payment_method", method_id)
        return once.run(
            lambda unit: consent_later(unit, wanted, required_mandate(data)),
            MethodOut.read,
            status=200,
        )

    @post(
        "/payment-methods/{method_id:str}/end", scope="write", summary="End a payment method",
        status=200,
    )  # fmt: skip
    def end_payment_method(
        self, method_id: FromPath[str], data: JSONBody[EndIn], once: NamedDependency[Once],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> Response[MethodOut]:  # fmt: skip
        """Never charge it again; its token is destroyed and its mandate ends.

        A wallet is unlinked at GoPay: `account` is `gone` once GoPay says so, which is asked until
        it does.
        """
        wanted = path_id("payment_method", method_id)

        def end(unit: Work) -> Any:
            end_method(unit, wanted, data.reason)
            return wanted

        return once.run(
            end,
            MethodOut.read,
            call=lambda method: ask_now(engine, caller.merchant, method),
            status=200,
        )
