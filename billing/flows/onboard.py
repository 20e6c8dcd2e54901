"""A merchant comes aboard: its row, its random namespace, its sealed keys, its dunning policy."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from billing.engine import Engine
from billing.flows.second_person import require_operator_to_loosen
from billing.flows.try_keys import WHERE, keys_unproven, try_keys
from billing.pay_first import PAY_POLICIES
from billing.tables import subscriptions
from core import ids
from core.actor import Actor
from core.bulk import insert_rows
from core.calendars import zone_of
from core.errors import Conflict, InvalidRequest
from core.merchant import Merchant, load_merchant
from core.npwp import tidy_npwp
from core.tables import clocks, merchants
from core.vault import Vault
from core.work import Work
from dunning.service import ensure_policy
from invoices.numbering import validate_pattern
from invoices.tax_tables import TREATMENTS

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{1,38}")
# What may be changed later. The namespace and the slug never are: order ids and links hang on them.
EDITABLE = frozenset(
    {
        "external_id", "legal_name", "display_name", "email", "phone", "address", "npwp",
        "billing_zone", "locale", "pkp_since", "pkp_until", "tax_treatment", "tax_point",
        "brand_color", "logo", "logo_media_type", "gateway", "gateway_url", "server_key",
        "signature_key", "client_key", "gateway_merchant_id", "card_mode", "gateway_rps",
        "invoice_prefix", "credit_note_prefix", "number_pattern", "issue_lead_days",
        "payment_terms_days", "trial_notice_days", "renewal_notice_days", "cancel_day_billed",
        "credit_notice_days", "top_up_days",
        "upgrade_policy",
        "refund_approval_above", "refund_approval_days", "mode", "metadata",
    }
)  # fmt: skip
_SECRETS = ("server_key", "signature_key")
# Subscriptions hold a copy of these: the instant of a notice is worked out from it, row by row.
_COPIED = ("trial_notice_days", "renewal_notice_days")


@dataclass(frozen=True, slots=True)
class MerchantDraft:
    """What has to be said about a merchant; money in whole rupiah, zones by IANA name.

    ``server_key`` and ``signature_key`` are sealed before they are stored and shown to nobody.
    """

    slug: str
    legal_name: str
    email: str
    address: str
    display_name: str = ""
    external_id: str | None = None
    phone: str | None = None
    npwp: str | None = None
    country: str = "ID"
    billing_zone: str = "Asia/Jakarta"
    locale: str = "id"
    pkp_since: date | None = None
    pkp_until: date | None = None
    tax_treatment: str = "standard"
    tax_point: str = "on_payment"
    brand_color: str = "#0f5c4d"
    logo: bytes | None = None
    logo_media_type: str | None = None
    gateway: str = "simulator"
    gateway_url: str | None = None
    server_key: str | None = field(default=None, repr=False)
    signature_key: str | None = field(default=None, repr=False)
    client_key: str | None = None
    gateway_merchant_id: str | None = None
    card_mode: str = "recurring"
    gateway_rps: int = 20
    invoice_prefix: str = "INV"
    credit_note_prefix: str = "NK"
    number_pattern: str = "{prefix}-{year}-{n:06d}"
    issue_lead_days: int = 7
    payment_terms_days: int = 7
    trial_notice_days: int = 7
    renewal_notice_days: int = 30
    cancel_day_billed: bool = True
    credit_notice_days: int = 7
    top_up_days: int | None = None
    upgrade_policy: str = "pay_first"
    refund_approval_above: int = 1_000_000
    refund_approval_days: int = 30
    metadata: Mapping[str, Any] = field(default_factory=dict)


def create_merchant(
    engine: Engine,
    draft: MerchantDraft,
    actor: Actor,
    *,
    namespace: bytes | None = None,
    clock_at: datetime | None = None,
) -> Merchant:
    """Create a merchant, in one transaction of its own, once the gateway knows its keys.

    Where the gateway does not answer the merchant is made all the same, and a person is told.

    Args:
        namespace: 16 bytes, only for an instance that is thrown away: all ids and order ids are
            derived from it, so two merchants of one Midtrans account must never share it.
        clock_at: business time of a test merchant; without it the merchant lives in real time.

    Raises:
        InvalidRequest: naming the field that is wrong; ``gateway_refuses_keys``.
        Conflict: ``slug_taken`` or ``namespace_taken``.
    """
    _check(asdict(draft))
    if _SLUG.fullmatch(draft.slug) is None:
        raise InvalidRequest("invalid_slug", "A slug is 2 to 39 of a-z, 0-9 and '-'.", field="slug")
    minted = namespace or secrets.token_bytes(16)
    merchant_id = ids.derive(minted, "merchant")
    real_now = engine.real_now()
    row = _columns(engine.vault, merchant_id, asdict(draft))
    row |= {
        "merchant_id": merchant_id,
        "display_name": draft.display_name or draft.legal_name,
        "namespace": minted,
        "created_at": clock_at or real_now,
    }
    _refuse_taken_slug(engine, draft.slug)
    proven = draft.server_key is None or try_keys(
        engine, Merchant(mode="running", **row), ("server_key",)
    )
    try:
        with engine.db.begin(merchant_id) as session:
            insert_rows(session, merchants, [row])
            if clock_at is not None:
                insert_rows(session, clocks, [{"merchant_id": merchant_id, "at": clock_at}])
            merchant = load_merchant(session)
            unit = Work(
                session, merchant, clock_at or real_now, real_now, actor, clock_at is not None
            )
            ensure_policy(unit)
            unit.audit("merchant.create", "merchant", merchant_id, after=_shown(asdict(draft)))
            if not proven:
                keys_unproven(unit, draft.gateway)
            unit.flush()
    except IntegrityError as error:
        if "uq_merchants_slug" in str(error):
            raise Conflict("slug_taken", f"{draft.slug!r} is taken.", field="slug") from error
        if namespace is not None:
            raise Conflict("namespace_taken", "A merchant has this namespace.") from error
        raise
    return merchant


def update_merchant(
    engine: Engine, merchant_id: UUID, fields: Mapping[str, Any], actor: Actor
) -> Merchant:
    """Change what may be changed of a merchant; documents already issued keep their snapshot.

    Where the keys or the gateway change, the gateway is asked first, as in `create_merchant`.

    Raises:
        NotFound: ``merchant_not_found``.
        InvalidRequest: ``not_editable``, ``gateway_refuses_keys`` or naming the field that is
            wrong.
        Forbidden: ``operator_needed``, to loosen the limit of refunds by one person.
    """
    for name in sorted(set(fields) - EDITABLE):
        raise InvalidRequest("not_editable", f"{name!r} can not be changed.", field=name)
    proven = _still_known(engine, merchant_id, fields)
    with engine.work(merchant_id, actor) as unit:
        before = {
            name: None if name in _SECRETS else getattr(unit.merchant, name) for name in fields
        }
        _check({"pkp_since": unit.merchant.pkp_since, **fields})
        require_operator_to_loosen(unit, fields)
        unit.session.execute(
            update(merchants)
            .where(merchants.c.merchant_id == merchant_id)
            .values(**_columns(engine.vault, merchant_id, fields))
        )
        if copied := {name: fields[name] for name in _COPIED if name in fields}:
            unit.session.execute(
                update(subscriptions)
                .where(
                    subscriptions.c.merchant_id == merchant_id,
                    subscriptions.c.status != "canceled",
                )
                .values(**copied)
            )
        unit.audit(
            "merchant.update",
            "merchant",
            merchant_id,
            before=_shown(before),
            after=_shown(fields),
        )
        changed = load_merchant(unit.session)
        if not proven:
            keys_unproven(unit, changed.gateway)
        return changed


def _still_known(engine: Engine, merchant_id: UUID, fields: Mapping[str, Any]) -> bool:
    """Whether the gateway knows the merchant's keys as they will be; nothing to ask is True."""
    if not any(name in fields for name in WHERE):
        return True
    _check({name: fields[name] for name in WHERE if name in fields})
    with engine.db.begin(merchant_id) as session:
        merchant = load_merchant(session)
    columns = _columns(engine.vault, merchant_id, fields)
    merchant = replace(
        merchant, **{name: value for name, value in columns.items() if hasattr(merchant, name)}
    )
    return merchant.server_key_sealed is None or try_keys(engine, merchant, fields)


def _refuse_taken_slug(engine: Engine, slug: str) -> None:
    with engine.db.lookup() as session:
        taken = session.execute(
            select(merchants.c.merchant_id).where(merchants.c.slug == slug)
        ).first()
    if taken is not None:
        raise Conflict("slug_taken", f"{slug!r} is taken.", field="slug")


def _columns(vault: Vault, merchant_id: UUID, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Turn given fields into columns: the NPWP tidied, the two keys sealed for this merchant."""
    columns = {name: value for name, value in fields.items() if name not in _SECRETS}
    if columns.get("npwp"):
        columns["npwp"] = tidy_npwp(columns["npwp"])
    for name in _SECRETS:
        if name in fields:
            secret = fields[name]
            columns[f"{name}_sealed"] = (
                vault.seal(secret.encode(), f"{merchant_id}:{name}") if secret else None
            )
    return columns


def _check(fields: Mapping[str, Any]) -> None:
    choices = {
        "gateway": ("simulator", "sandbox", "production"),
        "card_mode": ("recurring", "two_click", "none"),
        "mode": ("running", "recovering"),
        "locale": ("id", "en"),
        "tax_point": ("on_payment", "on_issue"),
        "tax_treatment": tuple(sorted(TREATMENTS)),
        "upgrade_policy": PAY_POLICIES,
    }
    for name, allowed in choices.items():
        if name in fields and fields[name] not in allowed:
            raise InvalidRequest(
                f"invalid_{name}", f"{name} is one of {', '.join(allowed)}.", field=name
            )
    for name, low, high in (
        ("issue_lead_days", 0, 60),
        ("payment_terms_days", 0, 180),
        ("trial_notice_days", 0, 60),
        ("renewal_notice_days", 0, 90),
        ("credit_notice_days", 0, 90),
        ("top_up_days", 1, 3650),
        ("refund_approval_days", 1, 3650),
    ):
        if fields.get(name) is not None and not low <= fields[name] <= high:
            raise InvalidRequest(f"invalid_{name}", f"{name} is {low} to {high}.", field=name)
    for name in ("legal_name", "email", "address"):
        if name in fields and not str(fields[name] or "").strip():
            raise InvalidRequest(f"invalid_{name}", f"{name} is needed.", field=name)
    if fields.get("npwp"):
        tidy_npwp(fields["npwp"])
    if "billing_zone" in fields:
        zone_of(fields["billing_zone"], "billing_zone")
    if "number_pattern" in fields:
        validate_pattern(fields["number_pattern"])
    if fields.get("pkp_until") is not None and fields.get("pkp_since") is None:
        raise InvalidRequest("invalid_pkp_until", "pkp_until needs pkp_since.", field="pkp_until")


def _shown(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what may be read in an audit: no secrets, no pictures."""
    shown: dict[str, Any] = {}
    for name, value in fields.items():
        if name in _SECRETS:
            shown[name] = "changed" if value else None
        elif isinstance(value, bytes):
            shown[name] = f"{len(value)} bytes"
        else:
            shown[name] = value.isoformat() if isinstance(value, date) else value
    return shown
