"""Documents as answers: a page that loads nothing from elsewhere, a file with a name."""

from __future__ import annotations

import re
import secrets
from typing import Any

from litestar import Response

from billing.flows.documents import Document
from invoices.adapters.html import render_page


def page_answer(document: Document) -> Response[Any]:
    """The page, rendered with no transaction open."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src 'nonce-{nonce}'; frame-ancestors 'none'"
    )
    return Response(
        render_page(document.view, nonce=nonce),
        media_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": policy},
    )


def pdf_answer(document: Document) -> Response[Any]:
    """The file, rendered with no transaction open."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", document.view.number) or "document"
    return Response(
        document.pdf(),
        media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}.pdf"'},
    )
