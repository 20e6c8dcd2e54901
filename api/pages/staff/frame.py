"""What every staff page carries: whose it is, who looks, in which language, at what time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from litestar import Response
from sqlalchemy import select

from api.pages.staff.labels import LABELS
from api.pages.staff.session import SignedIn
from api.pages.staff.words import CHANNELS, REASONS, ROLES, STATUSES, TONES
from api.pages.web import brand_of, in_language, page
from core import ids
from core.merchant import Merchant
from core.tables import clocks
from core.work import Work
from plans.queries import Price


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a page is shown: read inside the transaction, used after it."""

    merchant: Merchant
    now: datetime
    clock: datetime | None


def setting_of(unit: Work) -> Setting:
    """Read the merchant and what time it is there."""
    clock = unit.session.execute(
        select(clocks.c.at).where(clocks.c.merchant_id == unit.merchant_id)
    ).scalar_one_or_none()
    return Setting(unit.merchant, unit.now, clock)


def show(
    person: SignedIn,
    setting: Setting,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    search: str = "",
) -> Response[str]:
    """Answer one staff page."""
    language = person.language
    merchant = setting.merchant
    return page(
        f"staff/{template}",
        {
            "person": person,
            "language": language,
            "t": LABELS[language],
            "statuses": STATUSES[language],
            "tones": TONES,
            "channels": CHANNELS[language],
            "reasons": REASONS[language],
            "role": ROLES[language][person.role],
            "brand": brand_of(merchant),
            "zone": merchant.billing_zone,
            "today": merchant.today(setting.now),
            "clock": setting.clock,
            "search": search,
            "public": ids.public,
            "last_day": lambda end: end - timedelta(days=1),
            "plan_name": lambda price: plan_name(price, language),
            "in_language": lambda value: in_language(value, language),
            **context,
        },
        status=status,
    )


def plan_name(price: Price | None, language: str) -> str:
    """The name of what a price is of."""
    return "–" if price is None else in_language(price.plan_name, language)
