"""Customers: who pays, and what we hold of their money."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, Meta, UnsetType

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, Window, page_of
from api.queries import list_rows
from api.routes import get, patch, post
from api.shapes import (
    ExternalId,
    In,
    Instant,
    Metadata,
    MetadataIn,
    Out,
    Rupiah,
    Short,
    Words,
    given,
    path_id,
)
from billing import queries, service
from billing.credits.queries import spendable_balance
from billing.engine import Engine
from billing.tables import customers
from core import ids
from core.errors import Conflict

Email = Annotated[str, Meta(min_length=3, max_length=254, extra_json_schema={"format": "email"})]
Npwp = Annotated[
    str, Meta(max_length=25, description="15 or 16 digits; dots and dashes are dropped.")
]
Preferred = Annotated[
    str,
    Meta(
        max_length=32,
        description="The number this customer wants on invoices, such as `bri_va`: before the "
        "merchant's own order, as long as the merchant offers it and it works.",
    ),
]
Zone = Annotated[
    str,
    Meta(max_length=64, description="IANA name; decides on which date periods begin."),
]


class CustomerIn(In):
    """A new customer; language and zone are the merchant's where they are not said."""

    name: Short
    email: Email
    company: Short | None = None
    phone: Annotated[str, Meta(max_length=40)] | None = None
    address: Words | None = None
    npwp: Npwp | None = None
    locale: Literal["id", "en"] | None = None
    billing_zone: Zone | None = None
    preferred_channel: Preferred | None = None
    external_id: ExternalId | None = None
    metadata: MetadataIn = msgspec.field(default_factory=dict)


class CustomerPatch(In):
    """The fields to change; invoices already issued keep what they say."""

    name: Short | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    company: Short | UnsetType | None = UNSET
    phone: Annotated[str, Meta(max_length=40)] | UnsetType | None = UNSET
    address: Words | UnsetType | None = UNSET
    npwp: Npwp | UnsetType | None = UNSET
    locale: Literal["id", "en"] | UnsetType = UNSET
    billing_zone: Zone | UnsetType = UNSET
    preferred_channel: Preferred | UnsetType | None = UNSET
    external_id: ExternalId | UnsetType | None = UNSET
    metadata: MetadataIn | UnsetType = UNSET
    version: Annotated[
        int | UnsetType,
        Meta(description="The version you read: refused (`version_conflict`) when it changed."),
    ] = UNSET


class CustomerOut(Out):
    """A customer."""

    id: str
    external_id: str | None
    name: str
    email: str
    company: str | None
    phone: str | None
    address: str | None
    npwp: str | None
    locale: str
    billing_zone: str
    preferred_channel: str | None
    metadata: Metadata
    version: int
    created_at: Instant

    @classmethod
    def of(cls, row: Any) -> CustomerOut:
        """Shape a row."""
        return cls(
            id=ids.public("customer", row.id), external_id=row.external_id, name=row.name,
            email=row.email, company=row.company, phone=row.phone, address=row.address,
            npwp=row.npwp, locale=row.locale, billing_zone=row.billing_zone,
            preferred_channel=row.preferred_channel,
            metadata=row.metadata, version=row.version, created_at=row.created_at,
        )  # fmt: skip


class BalanceOut(Out):
    """What we hold of a customer's money; applied to the next invoices."""

    customer: str
    balance: Rupiah
    spendable: Annotated[
        int, Meta(description="Whole rupiah that pay now: the balance without what has ended.")
    ]
    currency: str = "IDR"


class CustomersController(Controller):
    """Routes of customers."""

    path = "/customers"
    tags = ("Customers",)

    @post("/", scope="write", summary="Create a customer")
    def create_customer(
        self, data: JSONBody[CustomerIn], once: NamedDependency[Once]
    ) -> Response[CustomerOut]:
        """Create a customer; nothing is sent to anybody."""
        return once.run(
            lambda unit: service.create_customer(unit, key=once.key, **given(data)).id,
            lambda unit, customer: CustomerOut.of(queries.get_customer(unit, customer)),
        )

    @get("/", scope="read", summary="List customers")
    def list_customers(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window], external_id: FromQuery[str | None] = None,
        email: FromQuery[str | None] = None,
    ) -> Page[CustomerOut]:  # fmt: skip
        """Newest first."""
        filters = {"external_id": external_id, "email": email}
        with engine.work(caller.merchant, caller.actor) as unit:
            return page_of(list_rows(unit, customers, window, filters), window, CustomerOut.of)

    @get("/{customer_id:str}", scope="read", summary="Get a customer")
    def get_customer(
        self, customer_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> CustomerOut:  # fmt: skip
        """One customer."""
        wanted = path_id("customer", customer_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return CustomerOut.of(queries.get_customer(unit, wanted))

    @patch("/{customer_id:str}", scope="write", summary="Change a customer")
    def change_customer(
        self, customer_id: FromPath[str], data: JSONBody[CustomerPatch],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> CustomerOut:  # fmt: skip
        """Change what is sent; the rest stays."""
        wanted, fields = path_id("customer", customer_id), given(data)
        expected = fields.pop("version", None)
        with engine.work(caller.merchant, caller.actor) as unit:
            queries.lock_customers(unit, [wanted])
            require_version(expected, queries.get_customer(unit, wanted).version)
            return CustomerOut.of(service.update_customer(unit, wanted, fields))

    @get("/{customer_id:str}/balance", scope="read", summary="Get a customer's balance")
    def get_balance(
        self, customer_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> BalanceOut:  # fmt: skip
        """What was paid too much or credited, and not used yet."""
        wanted = path_id("customer", customer_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            queries.get_customer(unit, wanted)
            return BalanceOut(
                customer=customer_id, balance=queries.balance(unit, wanted),
                spendable=spendable_balance(unit, wanted),
            )  # fmt: skip


def require_version(expected: int | None, found: int) -> None:
    """Refuse a change of something that changed since it was read.

    Raises:
        Conflict: ``version_conflict``.
    """
    if expected is not None and expected != found:
        raise Conflict("version_conflict", f"it is at version {found} now", field="version")
