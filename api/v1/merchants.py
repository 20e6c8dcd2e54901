"""Merchants: legal entities with their own Midtrans account. Their keys are never shown again."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.shapes import Day, ExternalId, In, Instant, Metadata, MetadataIn, Out, Rupiah, Short, Words
from api.v1.customers import Email, Npwp, Zone
from billing.pay_first import PayPolicy
from core import ids
from core.merchant import Merchant

Gateway = Literal["simulator", "sandbox", "production"]
CardMode = Annotated[
    Literal["recurring", "two_click", "none"],
    Meta(
        description="`recurring`: the Midtrans account may charge saved cards without the payer, "
        "by contract. Without it renewals are invoices with a way to pay."
    ),
]
TaxPoint = Annotated[Literal["on_payment", "on_issue"], Meta(description="When PPN becomes owed.")]
Secret = Annotated[
    str,
    Meta(min_length=1, max_length=200, description="Encrypted at rest and never shown again."),
]
Color = Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$")]
Prefix = Annotated[str, Meta(pattern="^[A-Z0-9-]{1,12}$")]
Pattern = Annotated[
    str, Meta(min_length=1, max_length=60, description="Such as `{prefix}-{year}-{n:06d}`.")
]
Slug = Annotated[
    str,
    Meta(pattern="^[a-z0-9][a-z0-9-]{1,38}$", description="In addresses; never changes."),
]
LeadDays = Annotated[int, Meta(ge=0, le=60)]
TermsDays = Annotated[int, Meta(ge=0, le=180)]
TrialNoticeDays = Annotated[
    int, Meta(ge=0, le=60, description="Days of notice before a trial ends; 0 sends none.")
]
RenewalNoticeDays = Annotated[
    int,
    Meta(
        ge=0,
        le=90,
        description="Days of notice before a period of a year or more is renewed; 0 sends none.",
    ),
]
CreditNoticeDays = Annotated[
    int,
    Meta(
        ge=0,
        le=90,
        description="Days ahead that a customer is told of credit that ends; 0 tells nobody.",
    ),
]
TopUpDays = Annotated[
    int,
    Meta(
        ge=1,
        le=3650,
        description="After so many days topped-up money ends, by your terms; never if left out.",
    ),
]
Rps = Annotated[int, Meta(ge=1, le=1000, description="Requests per second at the gateway.")]
UpgradePolicy = Annotated[
    PayPolicy,
    Meta(description="Whether an upgrade that a saved method pays waits for its payment."),
]
ApprovalDays = Annotated[
    int,
    Meta(
        ge=1,
        le=3650,
        description="Days whose manual refunds to a customer count together for the limit. Only "
        "the operator lowers it.",
    ),
]
Approval = Annotated[
    int,
    Meta(
        ge=0,
        description="Whole rupiah: manual refunds to a customer that pass it need a second person. "
        "Only the operator raises it.",
    ),
]


TestClock = Annotated[
    datetime,
    Meta(
        tz=True,
        description="Gives the merchant a test clock that stands here; `simulator` only.",
    ),
]


class NewMerchantIn(In, kw_only=True):
    """A merchant."""

    slug: Slug
    legal_name: Short
    email: Email
    address: Words
    display_name: Annotated[str, Meta(max_length=200)] = ""
    external_id: ExternalId | None = None
    phone: Annotated[str, Meta(max_length=40)] | None = None
    npwp: Npwp | None = None
    billing_zone: Zone = "Asia/Jakarta"
    locale: Literal["id", "en"] = "id"
    pkp_since: Annotated[date | None, Meta(description="From when the merchant collects PPN.")] = (
        None
    )
    pkp_until: date | None = None
    tax_treatment: Annotated[str, Meta(max_length=40)] = "standard"
    tax_point: TaxPoint = "on_payment"
    brand_color: Color = "#0f5c4d"
    gateway: Annotated[
        Gateway,
        Meta(
            description="The keys are tried there before they are kept: keys that it does not know "
            "are refused (`gateway_refuses_keys`), and where it does not answer a person is told. "
            "With `simulator`, open an account of these keys there first (`POST /_sim/accounts` at "
            "the simulator)."
        ),
    ]
    server_key: Secret
    client_key: Annotated[str, Meta(max_length=200)] | None = None
    signature_key: Annotated[
        Secret | None, Meta(description="Signs notifications; the server key when not said.")
    ] = None
    gateway_merchant_id: Annotated[str, Meta(max_length=60)] | None = None
    card_mode: CardMode = "recurring"
    gateway_rps: Rps = 20
    invoice_prefix: Prefix = "INV"
    credit_note_prefix: Prefix = "NK"
    number_pattern: Pattern = "{prefix}-{year}-{n:06d}"
    issue_lead_days: LeadDays = 7
    payment_terms_days: TermsDays = 7
    trial_notice_days: TrialNoticeDays = 7
    renewal_notice_days: RenewalNoticeDays = 30
    cancel_day_billed: bool = True
    credit_notice_days: CreditNoticeDays = 7
    top_up_days: TopUpDays | None = None
    upgrade_policy: UpgradePolicy = "pay_first"
    refund_approval_above: Approval = 1_000_000
    refund_approval_days: ApprovalDays = 30
    metadata: MetadataIn = msgspec.field(default_factory=dict)
    clock_at: TestClock | None = None


class MerchantPatch(In, kw_only=True):
    """The fields to change; documents already issued keep what they say."""

    legal_name: Short | UnsetType = UNSET
    display_name: Short | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    address: Words | UnsetType = UNSET
    external_id: ExternalId | UnsetType | None = UNSET
    phone: Annotated[str, Meta(max_length=40)] | UnsetType | None = UNSET
    npwp: Npwp | UnsetType | None = UNSET
    billing_zone: Zone | UnsetType = UNSET
    locale: Literal["id", "en"] | UnsetType = UNSET
    pkp_since: date | UnsetType | None = UNSET
    pkp_until: date | UnsetType | None = UNSET
    tax_point: TaxPoint | UnsetType = UNSET
    brand_color: Color | UnsetType = UNSET
    server_key: Secret | UnsetType = UNSET
    signature_key: Secret | UnsetType | None = UNSET
    client_key: Annotated[str, Meta(max_length=200)] | UnsetType | None = UNSET
    card_mode: CardMode | UnsetType = UNSET
    gateway_rps: Rps | UnsetType = UNSET
    invoice_prefix: Prefix | UnsetType = UNSET
    credit_note_prefix: Prefix | UnsetType = UNSET
    number_pattern: Pattern | UnsetType = UNSET
    issue_lead_days: LeadDays | UnsetType = UNSET
    payment_terms_days: TermsDays | UnsetType = UNSET
    trial_notice_days: TrialNoticeDays | UnsetType = UNSET
    renewal_notice_days: RenewalNoticeDays | UnsetType = UNSET
    cancel_day_billed: bool | UnsetType = UNSET
    credit_notice_days: CreditNoticeDays | UnsetType = UNSET
    top_up_days: TopUpDays | UnsetType | None = UNSET
    upgrade_policy: UpgradePolicy | UnsetType = UNSET
    refund_approval_above: Approval | UnsetType = UNSET
    refund_approval_days: ApprovalDays | UnsetType = UNSET
    metadata: MetadataIn | UnsetType = UNSET


class MerchantOut(Out):
    """A merchant, without its keys."""

    id: str
    slug: str
    external_id: str | None
    legal_name: str
    display_name: str
    email: str
    phone: str | None
    address: str
    npwp: str | None
    country: str
    billing_zone: str
    locale: str
    pkp_since: Day | None
    pkp_until: Day | None
    tax_treatment: str
    tax_point: str
    brand_color: str
    gateway: str
    has_server_key: bool
    client_key: str | None
    gateway_merchant_id: str | None
    card_mode: str
    gateway_rps: int
    invoice_prefix: str
    credit_note_prefix: str
    number_pattern: str
    issue_lead_days: int
    payment_terms_days: int
    trial_notice_days: int
    renewal_notice_days: int
    cancel_day_billed: bool
    credit_notice_days: int
    top_up_days: int | None
    upgrade_policy: str
    refund_approval_above: Rupiah
    refund_approval_days: int
    mode: Annotated[
        str, Meta(description="`recovering` after a restored backup: the gateway is asked first.")
    ]
    notification_path: Annotated[
        str,
        Meta(
            description="Tell Midtrans this path behind your public address. Its sender speaks at "
            "most TLS 1.2."
        ),
    ]
    metadata: Metadata
    created_at: Instant

    @classmethod
    def of(cls, merchant: Merchant) -> MerchantOut:
        """Shape a merchant."""
        same = {
            name: getattr(merchant, name)
            for name in cls.__struct_fields__
            if name in Merchant.__slots__
        }
        return cls(
            id=ids.public("merchant", merchant.merchant_id),
            has_server_key=merchant.server_key_sealed is not None,
            notification_path=f"/gateways/midtrans/{merchant.slug}",
            **same,
        )


class MerchantLineOut(Out):
    """A merchant in the operator's list."""

    id: str
    slug: str
    gateway: str
    mode: str
    billing_zone: str
    created_at: Instant

    @classmethod
    def of(cls, row: Any) -> MerchantLineOut:
        """Shape a row."""
        return cls(
            id=ids.public("merchant", row.id), slug=row.slug, gateway=row.gateway, mode=row.mode,
            billing_zone=row.billing_zone, created_at=row.created_at,
        )  # fmt: skip
