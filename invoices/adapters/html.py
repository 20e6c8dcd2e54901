"""A document as a page for a phone: one file, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from invoices.document import safe_url
from invoices.document_facts import LogoFacts
from invoices.document_view import DocumentView

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

_LOGO_TYPES = ("image/svg+xml", "image/png", "image/jpeg")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The template environment: everything escaped, a missing value is an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(view: DocumentView, *, pdf_url: str = "", nonce: str = "") -> str:
    """Render the document as one HTML page.

    Args:
        view: what to show.
        pdf_url: address of the same document as PDF; no link without it.
        nonce: the Content-Security-Policy nonce of this answer, put on the style and on the
            small script of the copy button. Without one the page has no script and still works.

    The page needs no more than ``default-src 'none'; img-src data:; style-src 'nonce-…';
    script-src 'nonce-…'``.
    """
    return (
        environment()
        .get_template("page.html")
        .render(
            view=view,
            pdf_url=_link(pdf_url),
            nonce=nonce,
            logo_uri=logo_uri(view.logo),
        )
    )


def logo_uri(logo: LogoFacts | None) -> str:
    """The logo as a ``data:`` address for an ``img``, where no script in it can run."""
    if logo is None or logo.media_type not in _LOGO_TYPES:
        return ""
    return f"data:{logo.media_type};base64,{base64.b64encode(logo.data).decode('ascii')}"


def _link(url: str) -> str:
    """Accept http(s) addresses and paths of this same host."""
    if url.startswith("/") and not url.startswith("//"):
        return url
    return safe_url(url)
