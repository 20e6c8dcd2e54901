"""What all pages share: templates, answers with their headers, who asks, in which language."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response
from litestar.response import Redirect
from sqlalchemy import select

from api.pages.staff.words import per
from api.source import source_of
from billing.engine import Engine
from core.actor import Actor
from core.errors import NotFound
from core.tables import merchants
from invoices import brand
from invoices.adapters import html as document_html
from invoices.adapters.html import logo_uri
from invoices.document_facts import LogoFacts
from invoices.wording import (
    clock_time,
    long_date,
    long_moment,
    number,
    period_text,
    rupiah,
    short_date,
)

HERE = Path(__file__).resolve().parent
Asked = Request[Any, Any, Any]

LANGUAGE_COOKIE = "tagihan_lang"
_YEAR_SECONDS = 31_536_000


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The template environment: everything escaped, a missing value is an error."""
    made = Environment(
        loader=ChoiceLoader(
            [
                FileSystemLoader([HERE / "templates", HERE / "static"]),
                FileSystemLoader(document_html.TEMPLATES),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "rupiah": rupiah,
        "number": number,
        "long_date": long_date,
        "short_date": short_date,
        "moment": moment,
        "brief": brief,
    }
    made.globals |= {"period_text": period_text, "asset": asset, "per": per}
    return made


def moment(instant: datetime, zone: str, language: str = "id") -> str:
    """Write an instant where its reader is."""
    return long_moment(instant, zone, language)


def brief(instant: datetime, zone: str, language: str = "id") -> str:
    """Write an instant where there is little room: ``20 Nov 2026 10.00``."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{short_date(local.date(), language)} {clock_time(local, language).rpartition(' ')[0]}"


@lru_cache(maxsize=32)
def asset(name: str) -> str:
    """The address of one of our own static files; it changes when the file does."""
    digest = hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()[:12]
    return f"/assets/{digest}/{name}"


def page(
    template: str,
    context: dict[str, Any],
    *,
    status: int = 200,
    form_action: str = "",
    pictures: str = "",
    scripts: str = "",
) -> Response[str]:
    """Answer an HTML page that can load and send nothing but what is ours.

    Args:
        form_action: an origin beside our own to which a form may lead.
        pictures: origins beside our own that pictures may come from.
        scripts: an origin whose scripts may run here and be talked to: Midtrans', for a CVV.
    """
    nonce = secrets.token_urlsafe(16)
    body = environment().get_template(template).render(nonce=nonce, **context)
    targets = f"'self' {form_action}".strip()
    images = f"'self' data: {pictures}".strip()
    theirs = f" {scripts}" if scripts else ""
    policy = (
        f"default-src 'none'; img-src {images}; connect-src 'self'{theirs}; base-uri 'none'; "
        f"style-src 'self' 'nonce-{nonce}'; script-src 'self' 'nonce-{nonce}'{theirs}; "
        f"form-action {targets}; frame-ancestors 'none'"
    )
    return Response(
        body,
        status_code=status,
        media_type="text/html",
        headers={"Content-Security-Policy": policy, **private_headers()},
    )


def private_headers() -> dict[str, str]:
    """Headers of answers that hold personal data."""
    return {
        "Cache-Control": "private, no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
        "X-Frame-Options": "DENY",
    }


def see_other(path: str) -> Redirect:
    """After a form was taken: on to a page that may be loaded again."""
    return Redirect(path, status_code=303, headers=private_headers())


def engine_of(request: Asked) -> Engine:
    """The wired parts of this process."""
    return cast(Engine, request.app.state["engine"])


def is_encrypted(engine: Engine) -> bool:
    """Whether people reach us by https: a cookie then never travels in the open."""
    return engine.settings.public_url.startswith("https://")


def visitor(request: Asked, name: str = "link") -> Actor:
    """A customer who came with a link."""
    return Actor("customer", name, source_of(request))


def language_from(request: Asked, fallback: str = "id") -> str:
    """The language asked for in the address, else the one chosen before, else ``fallback``."""
    asked = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE) or fallback
    return asked if asked in ("id", "en") else "id"


def remember_language(request: Asked, response: Response[Any]) -> Response[Any]:
    """Keep the language that was asked for in the address."""
    if request.query_params.get("lang") in ("id", "en"):
        response.set_cookie(
            LANGUAGE_COOKIE,
            language_from(request),
            max_age=_YEAR_SECONDS,
            httponly=True,
            samesite="lax",
            secure=is_encrypted(engine_of(request)),
        )
    return response


def merchant_by_slug(engine: Engine, slug: str) -> UUID:
    """Find a merchant by the name in its addresses.

    Raises:
        NotFound: ``merchant_not_found``.
    """
    with engine.db.lookup() as session:
        found = session.execute(
            select(merchants.c.merchant_id).where(merchants.c.slug == slug)
        ).scalar_one_or_none()
    if found is None:
        raise NotFound("merchant_not_found", "there is no such merchant")
    return cast(UUID, found)


def brand_of(merchant: Any) -> dict[str, str]:
    """What a page needs to look like the merchant's own: name, colours, logo."""
    accent = brand.accent(merchant.brand_color)
    logo = None
    if merchant.logo is not None and merchant.logo_media_type is not None:
        logo = LogoFacts(merchant.logo_media_type, merchant.logo)
    return {
        "name": merchant.display_name,
        "accent": accent,
        "tint": brand.tint(accent),
        "logo": logo_uri(logo),
    }


def in_language(value: dict[str, str] | str | None, language: str) -> str:
    """Read a text that is stored by language."""
    if isinstance(value, dict):
        return value.get(language) or value.get("id") or next(iter(value.values()), "")
    return value or ""


def clean(text: str, most: int) -> str:
    """What a person typed, without control characters and with an end."""
    return "".join(sign for sign in text if sign.isprintable()).strip()[:most]
