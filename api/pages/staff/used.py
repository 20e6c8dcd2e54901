"""What a subscription used and what it costs now, by meter, with what was corrected of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from api.pages.staff.forms import subject
from api.pages.staff.frame import show
from api.pages.staff.labels import LABELS
from api.pages.staff.session import person_of
from api.pages.web import brief, in_language, remember_language
from billing.flows.usage_lines import UsedPart
from billing.flows.usage_so_far import (
    CORRECTIONS_MAX,
    Correction,
    corrections_in,
    used_so_far,
)
from core import ids
from invoices.derivation import arithmetic
from invoices.derivation_prices import decimal
from invoices.wording import rupiah


@get("/staff/{slug:str}/subscriptions/{subscription:str}/usage", sync_to_thread=True)
def usage_page(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str]
) -> Response[Any]:
    """What no invoice holds yet and its price now; what has changed since it was billed."""
    person = person_of(request, slug)
    subscription_id = ids.parse("subscription", subscription)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, held, customer = subject(unit, subscription_id)
        found = used_so_far(unit, held.row)
        corrections = corrections_in(unit, subscription_id, found)
    language, zone = person.language, held.row.billing_zone
    context = {
        "held": held,
        "customer": customer,
        "used": [_part(one, language) for one in found.parts if one.billed is None],
        "late": [_late(one, language) for one in found.parts if one.billed is not None],
        "subtotal": found.subtotal,
        "modes": {one.price.tax_mode for one in found.parts},
        "corrections": [
            # It comes by the machine's time, which says nothing beside a test clock's.
            _correction(one, zone, language, came=setting.clock is None)
            for one in corrections[:CORRECTIONS_MAX]
        ],
        "more": len(corrections) > CORRECTIONS_MAX,
        "most": CORRECTIONS_MAX,
    }
    return remember_language(request, show(person, setting, "usage.html", context))


def _part(used: UsedPart, language: str) -> dict[str, Any]:
    labels = LABELS[language]
    return {
        "what": in_language(used.part.name, language),
        "meter": in_language(used.meter.name, language),
        "code": f"{used.meter.code}, {labels['used_version'].format(n=used.meter.version)}",
        "kind": labels[f"aggregation_{used.meter.aggregation}"],
        "counted": labels["used_counted"].format(
            quantity=decimal(used.quantity), events=decimal(Fraction(used.events))
        ),
        "below_zero": (
            labels["used_below_zero"].format(n=decimal(used.below_zero)) if used.below_zero else ""
        ),
        "start": used.span.start,
        "end": used.span.end,
        "how": arithmetic(used.priced.derivation, language),
        "amount": used.amount,
    }


def _late(used: UsedPart, language: str) -> dict[str, Any]:
    assert used.billed is not None
    told = LABELS[language]["used_was_billed"].format(
        quantity=decimal(Fraction(used.billed.quantity)),
        amount=rupiah(used.billed.amount),
        now=decimal(used.quantity),
        now_amount=rupiah(used.amount),
    )
    return {**_part(used, language), "told": told, "added": used.added}


def _correction(one: Correction, zone: str, language: str, *, came: bool) -> dict[str, str]:
    labels = LABELS[language]
    # What the event that was corrected said and this one does not is told too.
    names = sorted({*one.before, *one.properties})
    moved = [name for name in names if one.before.get(name) != one.properties.get(name)]
    return {
        "key": one.key,
        "name": one.name,
        "what": labels["voided_key" if one.is_void else "corrected_key"].format(key=one.corrects),
        "moved": ""
        if one.is_void
        else ", ".join(
            f"{name}: {_said(one.before.get(name))} → {_said(one.properties.get(name))}"
            for name in moved
        ),
        "when": labels["corrected_came" if came else "corrected_at"].format(
            at=brief(one.at, zone, language), received=brief(one.received_at, zone, language)
        ),
    }


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "–" if value is None else str(value)
