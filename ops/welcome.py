"""The one screen that `tagihan up` ends in: whose business it is, where to look, what to type."""

from __future__ import annotations

import os
import shlex
import time
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text

from billing.drafts import NO_CHANGE
from billing.engine import Engine, build_engine
from billing.queries import find_customer, find_subscription
from billing.reports.mrr import Mrr, mrr
from core import ids
from core.calendars import civil_date
from core.merchant import Merchant
from core.settings import Settings
from core.tables import clocks
from core.work import Work
from invoices.wording import long_moment, rupiah
from ops.embedded_place import write_private
from ops.first_customers import FIRST_TRY, GUEST
from ops.first_kept import ME, Kept
from ops.first_merchant import ensure
from plans.queries import find_plan, list_plans, prices_of

_DRAIN_SECONDS = 20.0
_IDLE_SECONDS = 5.0
_LEFT = text(
    """
    SELECT (SELECT count(*) FROM payment_orders
            WHERE merchant_id = :m AND state IN ('created', 'sent', 'unknown'))
        + (SELECT count(*) FROM notifications WHERE merchant_id = :m AND state = 'new')
        + (SELECT count(*) FROM messages
            WHERE merchant_id = :m AND state IN ('queued', 'sending'))
    """
)
_EVERY = {"day": "day", "week": "week", "month": "month", "year": "year"}


@dataclass(frozen=True, slots=True)
class _Guest:
    """Who is subscribed by hand: public ids of customer, price and the invoice that comes of it."""

    name: str
    customer: str
    price: str
    invoice: str


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the screen shows of the merchant."""

    merchant: Merchant
    plans: list[tuple[str, list[str]]]
    revenue: Mrr
    clock: str
    guest: _Guest | None


def screen(settings: Settings) -> str:
    """Prepare the first merchant and describe everything on one screen.

    Whatever goes wrong becomes a line of the screen: the supervisor must not stop because of it.
    """
    try:
        engine = build_engine(settings)
    except ValueError as error:
        return _without(settings, str(error))
    try:
        merchant_id, kept = ensure(engine, settings)
        _wait_until_drained(engine, merchant_id)
        return "\n".join(_lines(settings, kept, _facts(engine, merchant_id)))
    except Exception as error:  # the screen is a courtesy, the service is what counts
        return _without(settings, f"{type(error).__name__}: {error}")
    finally:
        engine.close()


def _wait_until_drained(engine: Engine, merchant_id: UUID) -> None:
    """Wait, within bounds, for workers to finish what the first customers gave them.

    Without any worker nothing gets less: then the screen does not wait for long.
    """
    began = moved = time.monotonic()
    least: int | None = None
    while (now := time.monotonic()) < began + _DRAIN_SECONDS and now < moved + _IDLE_SECONDS:
        with engine.work(merchant_id, ME) as unit:
            left = int(unit.session.execute(_LEFT, {"m": merchant_id}).scalar_one())
        if left == 0:
            return
        if least is None or left < least:
            least, moved = left, now
        time.sleep(0.1)


def _lines(settings: Settings, kept: Kept, facts: _Facts) -> list[str]:
    merchant, url = facts.merchant, settings.public_url.rstrip("/")
    simulated = merchant.gateway == "simulator"
    title = f"{merchant.display_name} ({merchant.legal_name})"
    lines = ["Tagihan is running. Ctrl-C stops it; what it holds stays.", "", f"  {title}"]
    lines.append(
        f"  MRR {rupiah(facts.revenue.amount)} from {facts.revenue.subscriptions} subscriptions"
    )
    if facts.clock:
        lines.append(f"  Test clock at {facts.clock}")
    lines.append("")
    width = max((len(name) for name, _ in facts.plans), default=0)
    lines += [f"  {name:<{width}}   {'   '.join(prices)}" for name, prices in facts.plans]
    lines.append("")
    if simulated:
        lines.append(f"  Pay as a customer   {url}/bayar/{kept.slug}")
    lines += [
        f"  API documentation   {url}/docs",
        f"  Staff page          {url}/staff/{kept.slug}/sign-in",
        f"                      {kept.staff_email}   {kept.staff_password}",
    ]
    if settings.mail_host == "127.0.0.1" and settings.mail_port == settings.smtp_port:
        lines.append(f"  Mailbox             {settings.mailbox_url}")
    if simulated:
        lines.append(f"  Midtrans simulator  {settings.simulator_url}")
    lines.append("")
    if not simulated:
        return lines + _real(settings, kept)
    return lines + (_commands(settings, kept, facts.guest) if facts.guest else [])


def _commands(settings: Settings, kept: Kept, guest: _Guest) -> list[str]:
    """Three commands that may be pasted as they are, one after the other."""
    config = _curl_config(settings, kept)
    api = f"{settings.public_url.rstrip('/')}/api/v1"
    # Broken where a shell goes on reading: fit for a terminal of 80 columns, and still one paste.
    body = (
        f'{{"customer": "{guest.customer}",\n'
        f'  "price": "{guest.price}",\n'
        '  "payment": {"virtual_account": true}}'
    )
    pretty = "| python3 -m json.tool"
    return [
        "Paste into another terminal, one after the other:",
        f"subscribe {guest.name}, show the invoice, explain its amount.",
        "",
        f"curl -sK {config} -H 'Idempotency-Key: {FIRST_TRY}' \\",
        f"  {api}/subscriptions -d \\",
        f"  {shlex.quote(body)} {pretty}",
        "",
        f"curl -sK {config} \\",
        f"  {api}/invoices/{guest.invoice} \\",
        f"  {pretty}",
        "",
        f".venv/bin/tagihan explain {guest.invoice}",
        "",
        "Let time pass        .venv/bin/tagihan clock advance 40d",
        "Check the books      .venv/bin/tagihan doctor",
    ]


def _curl_config(settings: Settings, kept: Kept) -> str:
    """Write curl's options with the key into the home, so that no key stands on the screen."""
    path = settings.home / "curl"
    lines = [
        f'header = "Authorization: Bearer {kept.api_key}"',
        'header = "Content-Type: application/json"',
    ]
    write_private(path, "\n".join(lines) + "\n")
    near = os.path.relpath(path)
    return shlex.quote(str(path) if near.startswith("..") else near)


def _real(settings: Settings, kept: Kept) -> list[str]:
    url = settings.public_url.rstrip("/")
    return [
        f"Midtrans is real here ({settings.midtrans_environment}): nobody was charged, and nobody",
        "is until you subscribe somebody. Next:",
        "",
        "  1. Give Midtrans the notification address, reachable from outside over TLS 1.2:",
        f"     {url}/gateways/midtrans/{kept.slug}",
        "  2. Put your own company in place of the example:",
        f"     .venv/bin/tagihan merchant set {kept.slug} ...",
        f"  3. The API key is in {settings.home / 'demo.json'}; see {url}/docs.",
    ]


def _facts(engine: Engine, merchant_id: UUID) -> _Facts:
    with engine.work(merchant_id, ME) as unit:
        merchant = unit.merchant
        at = unit.session.execute(
            select(clocks.c.at).where(clocks.c.merchant_id == merchant_id)
        ).scalar_one_or_none()
        clock = "" if at is None else long_moment(at, merchant.billing_zone, "en")
        guest = _guest(unit) if merchant.gateway == "simulator" else None
        return _Facts(merchant, _plans(unit), mrr(unit), clock, guest)


def _guest(unit: Work) -> _Guest | None:
    """Ids are derived, so the invoice is known before it is there."""
    customer = find_customer(unit, external_id=GUEST)
    plan = find_plan(unit, code="tumbuh")
    if customer is None or plan is None:
        return None
    price = next(one for one in prices_of(unit, plan.id) if one.interval_unit == "month")
    subscription_id = unit.derive("subscription", FIRST_TRY)
    known = find_subscription(unit, subscription_id=subscription_id)
    start = known.started_on if known else civil_date(unit.now, customer.billing_zone)
    invoice_id = unit.derive("invoice", subscription_id, "period", start, NO_CHANGE)
    return _Guest(
        customer.name,
        ids.public("customer", customer.id),
        ids.public("price", price.id),
        ids.public("invoice", invoice_id),
    )


def _plans(unit: Work) -> list[tuple[str, list[str]]]:
    found = []
    for plan in list_plans(unit, state="active"):
        sold = [price for price in prices_of(unit, plan.id) if price.is_sold]
        sold.sort(key=lambda price: price.unit_amount)
        texts = [f"{rupiah(one.unit_amount)} a {_EVERY[one.interval_unit]}" for one in sold[:3]]
        if sold:
            found.append((sold[0].unit_amount, plan.name.get("en") or plan.code, texts))
    return [(name, texts) for _, name, texts in sorted(found)]


def _without(settings: Settings, problem: str) -> str:
    return (
        f"Tagihan is running at {settings.public_url}. Ctrl-C stops it; what it holds stays.\n"
        f"The example merchant could not be prepared: {problem}\n"
        f"API documentation: {settings.public_url.rstrip('/')}/docs"
    )
