"""Chasing an unpaid invoice: one case each, one step at a time, decided by the rules alone.

A case is opened by a decline, or at issue where the customer pays by himself. A step that tries
again only says that collecting is due: the attempt is opened, sent and settled like any other.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from billing.engine import Engine
from billing.flows.chase_aside import set_aside
from billing.flows.chase_causes import (
    CHARGED_BACK,
    TAKEN_BACK,
    end_charged_method,
    is_not_the_customers,
)
from billing.flows.chase_end import end_case
from billing.flows.chase_facts import (
    case_draft,
    case_payload,
    facts_of,
    method_words,
    other_method,
)
from billing.queries import get_customer, lock_customers, lock_subscription
from billing.service import after_failed
from core.actor import system
from core.calendars import civil_date
from core.clashes import repeated
from core.work import Mail, Work, queue_mail
from dunning import queries, service
from dunning.cases import Case, End, Notify, Retry
from dunning.policies import DEFAULT_POLICY, Policy
from dunning.queries import DunningCase
from invoices.queries import Invoice, get_invoice
from invoices.tables import invoices
from payments.declines import Decline

_LOG = logging.getLogger("tagihan.dunning")

BATCH: Final = 100

# What the rules call a notice → which mail it is.
MAILS: Final[Mapping[str, str]] = {
    "opened": "dunning.payment_failed",
    "payday": "dunning.payment_failed",
    "reminder": "dunning.reminder",
    "due_soon": "dunning.reminder",
    "overdue": "dunning.reminder",
    "last_warning": "dunning.last_warning",
}


def on_declined(
    unit: Work, invoice_id: UUID, *, decline: Decline, method_id: UUID | None = None
) -> bool:
    """A charge without the payer was refused: open the invoice's case or advance it.

    ``method_id`` is the method that was charged, if one was. Where the customer has given another
    meanwhile, the refusal is not the other's, which is tried at once (R65).

    The caller has locked customer and invoice. A refusal by a line that was down is tried again
    soon and is no refusal yet; one that the merchant has to mend is shown to the merchant.

    Returns:
        Whether it counted as a refusal of this customer.
    """
    # Lazy: what is let go is voided, which ends cases.
    from billing.flows.upgrade_offers import refused

    if refused(unit, invoice_id):
        return False
    invoice = get_invoice(unit, invoice_id)
    if invoice.status != "open" or is_not_the_customers(unit, invoice, decline):
        return False
    if decline.cancel_mandate and method_id is not None:
        end_charged_method(unit, invoice.customer_id, method_id, decline.reason)
    case = queries.open_case(unit, invoice_id, lock=True)
    is_new = case is None
    if case is None:
        earlier = queries.cases_of_invoice(unit, invoice_id)
        case = service.open_failed_case(
            unit, case_draft(invoice), last=earlier[-1] if earlier else None
        )
    case = replace(
        case,
        first_failed_at=case.first_failed_at or unit.now,
        last_attempt_at=unit.now,
        failures=case.failures + 1,
        decline_class=decline.klass.value,
        decline_code=decline.code,
        memory={
            **case.memory,
            "tries_max": decline.tries_max,
            "reason": {"id": decline.reason_id, "en": decline.reason_en},
            **other_method(unit, invoice, method_id),
        },
    )
    service.record_steps(
        unit,
        [
            (
                case.id,
                "failure",
                {"code": decline.code, "class": decline.klass.value, "n": case.failures},
            )
        ],
    )
    facts = _plan(unit, case, invoice)
    _tell_declined(unit, case, invoice, facts, is_new=is_new)
    return True


def on_reversed(unit: Work, invoice_id: UUID, *, charged_back: bool) -> None:
    """The bank took a payment back: the invoice gets a new case, from today.

    After a chargeback nothing is pulled until the customer brings another method; after another
    reversal a saved card is tried by the policy's plan, the first time on the next day.
    """
    invoice = get_invoice(unit, invoice_id)
    if invoice.status != "open":
        return
    case = queries.open_case(unit, invoice_id, lock=True)
    is_new = case is None
    if case is None:
        earlier = queries.cases_of_invoice(unit, invoice_id)
        case = service.open_failed_case(
            unit, case_draft(invoice), last=earlier[-1] if earlier else None, because="reversed"
        )
    today = civil_date(unit.now, invoice.billing_zone)
    due_on = max(today, invoice.due_on or today)
    case = replace(
        case,
        first_failed_at=case.first_failed_at or unit.now,
        last_attempt_at=unit.now,
        decline_class="customer_action" if charged_back else case.decline_class,
        decline_code="chargeback" if charged_back else "reversed",
        memory={
            **case.memory,
            "due_again_on": due_on.isoformat(),
            "reason": CHARGED_BACK if charged_back else TAKEN_BACK,
        },
    )
    facts = _plan(unit, case, invoice)
    _tell_declined(unit, case, invoice, facts, is_new=is_new)


def is_chased(unit: Work, invoice_id: UUID) -> bool:
    """Whether an invoice has an open case, which says when something happens next."""
    return queries.open_case(unit, invoice_id) is not None


def on_paid(unit: Work, invoice_id: UUID) -> None:
    """An invoice was paid: its case ends, whoever paid it and how."""
    case = queries.open_case(unit, invoice_id, lock=True)
    if case is None:
        return
    chased = case.first_failed_at is not None or any(
        key.startswith("overdue") for key in case.notices
    )
    service.close(unit, case, "recovered" if chased else "stopped", "paid")


def on_credited(unit: Work, invoice_id: UUID) -> None:
    """Nothing is due any more because it was credited: the case ends."""
    stop(unit, invoice_id, because="credited")


def stop(unit: Work, invoice_id: UUID, *, because: str) -> None:
    """End the case of an invoice that is not to be chased any more (voided, written off)."""
    case = queries.open_case(unit, invoice_id, lock=True)
    if case is not None:
        service.close(unit, case, "stopped", because)


def on_method_saved(unit: Work, customer_id: UUID) -> None:
    """The customer gave another method: each open case makes one try with it at once."""
    for seen in queries.open_cases_of_customer(unit, customer_id):
        invoice = get_invoice(unit, seen.invoice_id, lock=True)
        case = queries.get_case(unit, seen.id, lock=True)
        if case is None or case.state != "open" or invoice.collection != "automatic":
            continue
        memory = {**case.memory, "method_changed_at": unit.now.isoformat()}
        _plan(unit, replace(case, memory=memory), invoice)


def open_invoice_case(unit: Work, invoice_id: UUID) -> None:
    """Open the case of an open invoice that the customer pays by himself, if it has none."""
    invoice = get_invoice(unit, invoice_id)
    if invoice.status == "open" and invoice.collection == "invoice":
        service.open_invoice_cases(unit, [case_draft(invoice)])


def step_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Take the next step of every case whose turn it is; returns how many were looked at."""
    with engine.work(merchant_id, system("dunning")) as unit:
        due = queries.due_cases(unit, limit)
    return sum(_step_alone(engine, merchant_id, *one) for one in due)


def _step_alone(
    engine: Engine, merchant_id: UUID, case_id: UUID, customer_id: UUID, invoice_id: UUID
) -> bool:
    def step() -> None:
        with engine.work(merchant_id, system("dunning")) as unit:
            _step(unit, case_id, customer_id, invoice_id)

    try:
        repeated(step)
    except OperationalError:
        _LOG.warning("a case is left for the next run: its rows are held by another")
        return False
    except Exception:
        # One case that trips does not hold up the others; it is looked at again tomorrow.
        _LOG.exception("a case was not stepped", extra={"case": str(case_id)})
        with engine.work(merchant_id, system("dunning")) as unit:
            set_aside(unit, case_id)
    return True


def _step(unit: Work, case_id: UUID, customer_id: UUID, invoice_id: UUID) -> None:
    lock_customers(unit, [customer_id])
    subscription_id = get_invoice(unit, invoice_id).subscription_id
    if subscription_id is not None:
        lock_subscription(unit, subscription_id)
    invoice = get_invoice(unit, invoice_id, lock=True)
    case = queries.get_case(unit, case_id, lock=True)
    if case is None or case.state != "open" or case.next_at is None or case.next_at > unit.now:
        return  # another worker was here
    if invoice.status != "open":
        service.close(unit, case, "stopped", invoice.status)
        return
    facts, policy = _facts(unit, case, invoice)
    step = service.plan(unit, case, facts, invoice.billing_zone, policy)
    if step.at > unit.now:
        return
    match step:
        case Retry():
            _retry(unit, case, invoice, step)
        case Notify():
            _notify(unit, case, invoice, facts, step)
        case End():
            end_case(unit, case, invoice, step.action)


def _retry(unit: Work, case: DunningCase, invoice: Invoice, step: Retry) -> None:
    """Say that collecting is due; at most one try, and what was planned before now is past."""
    unit.session.execute(
        update(invoices)
        .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice.id)
        .values(collect_at=unit.now)
    )
    unit.ring("invoice.collect")
    service.record_steps(unit, [(case.id, "retry", {"because": step.because})])
    _plan(unit, replace(case, last_attempt_at=unit.now), invoice)


def _notify(unit: Work, case: DunningCase, invoice: Invoice, facts: Case, step: Notify) -> None:
    if step.kind == "overdue":
        after_failed(unit, invoice.id)
    buyer = get_customer(unit, invoice.customer_id)
    queue_mail(
        unit,
        [
            Mail(
                MAILS[step.kind],
                "invoice",
                invoice.id,
                recipient=buyer.email,
                locale=invoice.locale,
                customer_id=buyer.id,
                payload=_mail_payload(unit, case, invoice, facts, step.kind),
                key=f"{case.id}:{step.key}",
            )
        ],
    )
    service.record_steps(unit, [(case.id, "notice", {"kind": step.kind, "key": step.key})])
    unit.event(
        "dunning.notice",
        "case",
        case.id,
        {**case_payload(case, invoice), "kind": step.kind, "key": step.key},
        customer_id=invoice.customer_id,
    )
    sent = {**case.memory.get("notices", {}), step.key: unit.now.isoformat()}
    _plan(unit, replace(case, memory={**case.memory, "notices": sent}), invoice)


def _mail_payload(
    unit: Work, case: DunningCase, invoice: Invoice, facts: Case, kind: str
) -> dict[str, Any]:
    _, policy = _facts(unit, case, invoice)
    zone = invoice.billing_zone
    if kind == "last_warning":
        return {"when": case.end_on.isoformat(), "zone": zone} if case.end_on else {}
    if kind not in ("opened", "payday"):
        return {}
    told: dict[str, Any] = {"method": method_words(unit, invoice.payment_method_id)}
    if case.memory.get("reason"):
        told["reason"] = case.memory["reason"]
    next_try = service.next_try_at(facts, unit.now, zone, policy)
    if next_try is not None:
        told["when"] = civil_date(next_try, zone).isoformat()
    return told


def _plan(unit: Work, case: DunningCase, invoice: Invoice) -> Case:
    facts, policy = _facts(unit, case, invoice)
    service.plan(unit, case, facts, invoice.billing_zone, policy)
    return facts


def _facts(unit: Work, case: DunningCase, invoice: Invoice) -> tuple[Case, Policy]:
    found = queries.load_policies(unit, [case.policy_id])
    return facts_of(unit, case, invoice), found.get(case.policy_id, DEFAULT_POLICY)


def _tell_declined(
    unit: Work, case: DunningCase, invoice: Invoice, facts: Case, *, is_new: bool
) -> None:
    payload = {
        **case_payload(case, invoice),
        "code": case.decline_code,
        "class": case.decline_class,
    }
    if is_new:
        unit.event("dunning.opened", "case", case.id, payload, customer_id=invoice.customer_id)
    _, policy = _facts(unit, case, invoice)
    next_try = service.next_try_at(facts, unit.now, invoice.billing_zone, policy)
    if next_try is not None:
        unit.event(
            "dunning.retry_scheduled",
            "case",
            case.id,
            {**payload, "retry_at": next_try.isoformat()},
            customer_id=invoice.customer_id,
        )
