"""What the dunning rules need to know about a case, read from the rows of other rooms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy import exists, func, select

from billing.flows.pulling import live_methods
from core import ids
from core.work import Work
from dunning.cases import Case
from dunning.queries import DunningCase
from dunning.service import CaseDraft
from invoices.queries import Invoice
from payments.method_kinds import KINDS
from payments.tables import payment_methods, payment_orders

_UNDECIDED = ("created", "sent", "unknown", "pending", "review")


def facts_of(unit: Work, case: DunningCase, invoice: Invoice) -> Case:
    """A case as the rules see it, with what is true of its method and attempts at this moment."""
    return Case(
        opened_at=case.opened_at,
        collection=cast(Literal["automatic", "invoice"], invoice.collection),
        first_failed_at=case.first_failed_at,
        last_attempt_at=case.last_attempt_at,
        failures=case.failures,
        due_on=case.due_again_on or invoice.due_on,
        has_method=has_method(unit, invoice.payment_method_id),
        decline_class=case.decline_class,
        tries_max=case.tries_max,
        method_changed_at=case.method_changed_at,
        attempt_open=attempt_open(unit, invoice.id),
        notices=case.notices,
    )


def has_method(unit: Work, method_id: UUID | None) -> bool:
    """Whether a method stands ready that may be charged without the payer."""
    return method_id is not None and bool(live_methods(unit, [method_id]))


def attempt_open(unit: Work, invoice_id: UUID) -> bool:
    """Whether money may be on its way by an attempt of ours."""
    order = payment_orders.c
    return bool(
        unit.session.execute(
            select(
                exists().where(
                    order.merchant_id == unit.merchant_id,
                    order.invoice_id == invoice_id,
                    order.kind == "attempt",
                    order.state.in_(_UNDECIDED),
                )
            )
        ).scalar_one()
    )


def failed_lately(unit: Work, invoice_id: UUID, within: timedelta) -> int:
    """How many attempts came to nothing within a span of business time."""
    order = payment_orders.c
    return int(
        unit.session.execute(
            select(func.count()).where(
                order.merchant_id == unit.merchant_id,
                order.invoice_id == invoice_id,
                order.kind == "attempt",
                order.state == "failed",
                order.closed_at > unit.now - within,
            )
        ).scalar_one()
    )


def method_words(unit: Work, method_id: UUID | None) -> dict[str, str]:
    """How the method is called in a mail, in both languages; empty when there is none."""
    if method_id is None:
        return {}
    found = unit.session.execute(
        select(payment_methods.c.kind, payment_methods.c.masked).where(
            payment_methods.c.merchant_id == unit.merchant_id, payment_methods.c.id == method_id
        )
    ).one()
    return KINDS[found.kind].words(found.masked)


def other_method(unit: Work, invoice: Invoice, method_id: UUID | None) -> dict[str, str]:
    """Remember that another method than the refused one stands ready, as if given just now."""
    if method_id is None or invoice.payment_method_id in (None, method_id):
        return {}
    return {"method_changed_at": (unit.now + timedelta(microseconds=1)).isoformat()}


def case_payload(case: DunningCase, invoice: Invoice) -> dict[str, Any]:
    """What every event about a case says of it."""
    return {
        "case": ids.public("case", case.id),
        "invoice": ids.public("invoice", invoice.id),
        "number": invoice.number,
        "due": invoice.due_amount,
        "failures": case.failures,
    }


def case_draft(invoice: Invoice) -> CaseDraft:
    """What a case is opened from."""
    if invoice.due_on is None:
        raise ValueError(f"invoice {invoice.id} is not issued")
    return CaseDraft(
        invoice.id,
        invoice.customer_id,
        invoice.subscription_id,
        invoice.due_on,
        invoice.billing_zone,
    )
