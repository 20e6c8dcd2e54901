"""Mails to customers: one wording per kind and language, written once for text and HTML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal, get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.mail import Attachment, OutgoingMail
from invoices import brand
from invoices.adapters.html import TEMPLATES, environment
from invoices.document import safe_url
from invoices.document_facts import SellerFacts
from invoices.document_view import DocumentView
from invoices.wording import language_of, long_date, rupiah

NoticeKind = Literal[
    "invoice_issued",
    "payment_received",
    "payment_failed",
    "payment_reminder",
    "last_warning",
    "subscription_ended",
    "change_undone",
    "upgrade_not_paid",
    "cancel_confirmed",
    "change_confirmed",
    "pause_confirmed",
    "resume_confirmed",
    "trial_moved",
    "trial_ending",
    "renewal_notice",
    "price_changes",
    "price_kept",
    "balance_expiring",
    "credit_note",
    "refund",
    "refund_arrived",
    "refund_kept",
    "card_not_saved",
    "confirm_needed",
]
NOTICE_KINDS: tuple[NoticeKind, ...] = get_args(NoticeKind)

# These speak of a document and cannot be written without one.
WITH_DOCUMENT: frozenset[NoticeKind] = frozenset(
    {
        "invoice_issued",
        "payment_received",
        "payment_failed",
        "payment_reminder",
        "last_warning",
        "credit_note",
        "confirm_needed",
    }
)

# These announce a charge: what, when and how much is the point of them.
WITH_TERMS: frozenset[NoticeKind] = frozenset({"trial_ending", "renewal_notice"})

_FOOTER = {
    "id": (
        "Email ini dikirim oleh {seller}.",
        "Kami tidak pernah meminta PIN, OTP, atau CVV lewat email.",
    ),
    "en": (
        "This mail was sent by {seller}.",
        "We never ask for a PIN, an OTP or a CVV by mail.",
    ),
}


@dataclass(frozen=True, slots=True)
class Links:
    """Signed addresses: ``page`` is the document's, where it is also paid."""

    page: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """What one mail is about.

    ``at`` is the instant of the mail, aware. ``when`` is the civil date the mail turns on: the
    next try, the end of the subscription, the renewal, the day a payment came in. ``amount`` is
    whole rupiah, and so is what the customer's ``balance`` pays of it, and what is ``used`` so far
    where usage is billed in addition. ``reason``, ``method`` and
    ``until``, the last moment to say no, are already worded in the reader's language. A change of
    plan ``starts`` on a civil date, takes the place of ``old_plan`` and has ``charged`` whole
    rupiah at once. So does a pause, or its end; where a pause ``forfeits``, paid days in it are
    lost. ``instead_of`` is a method that was refused before this one paid, which is charged
    ``from_now`` on. ``pdf`` is the document's file; it is attached.
    """

    kind: NoticeKind
    to: str
    customer_name: str
    locale: str
    seller: SellerFacts
    message_id: str
    at: datetime
    view: DocumentView | None = None
    links: Links = Links()
    when: date | None = None
    amount: int | None = None
    plan: str = ""
    method: str = ""
    reason: str = ""
    until: str = ""
    balance: int | None = None
    used: int | None = None
    old_plan: str = ""
    starts: date | None = None
    charged: int | None = None
    instead_of: str = ""
    from_now: bool = False
    forfeits: bool = False
    pdf: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph, a small table or a button of a mail."""

    kind: Literal["text", "facts", "button"]
    text: str = ""
    url: str = ""
    first: bool = False
    rows: tuple[tuple[str, str], ...] = ()


def compose(notice: Notice) -> OutgoingMail:
    """Write the mail: subject, plain text, HTML, the PDF if there is one.

    The same notice always gives the same mail. Replies go to the merchant.

    Raises:
        ValueError: a kind that speaks of a document came without its view, or one that
            announces a charge without plan, date and amount.
    """
    if notice.view is None and notice.kind in WITH_DOCUMENT:
        raise ValueError(f"a mail of kind {notice.kind} needs its document")
    if notice.kind in WITH_TERMS and not (notice.plan and notice.when and notice.amount):
        raise ValueError(f"a mail of kind {notice.kind} needs plan, date and amount")
    language = language_of(notice.locale)
    subject, blocks = _blocks(_fill(notice, language))
    seller = _plain(notice.seller.display_name)
    footer = tuple(line.format(seller=seller) for line in _FOOTER[language])
    accent = brand.accent(notice.seller.brand_color)
    html = (
        environment()
        .get_template("mail/layout.html")
        .render(
            language=language,
            subject=subject,
            seller=seller,
            accent=accent,
            tint=brand.tint(accent),
            blocks=blocks,
            footer=footer,
        )
    )
    headers = {"Auto-Submitted": "auto-generated", "Content-Language": language}
    if notice.seller.email:
        headers["Reply-To"] = notice.seller.email
    return OutgoingMail(
        to=notice.to,
        subject=subject,
        html=html,
        text=_text(blocks, footer),
        message_id=notice.message_id,
        date=notice.at,
        attachments=_attachments(notice),
        headers=headers,
        from_name=seller,
    )


def _fill(notice: Notice, language: str) -> str:
    return (
        _wordings()
        .get_template(f"{notice.kind}.{language}.txt")
        .render(
            view=notice.view,
            seller=notice.seller.display_name,
            name=notice.customer_name,
            links=Links(safe_url(notice.links.page)),
            when=long_date(notice.when, language) if notice.when else "",
            amount="" if notice.amount is None else rupiah(notice.amount),
            plan=notice.plan,
            method=notice.method,
            reason=notice.reason,
            instead_of=notice.instead_of,
            from_now=notice.from_now,
            forfeits=notice.forfeits,
            until=notice.until,
            balance="" if notice.balance is None else rupiah(notice.balance),
            metered=notice.used is not None,
            used=rupiah(notice.used) if notice.used else "",
            old_plan=notice.old_plan,
            starts=long_date(notice.starts, language) if notice.starts else "",
            charged="" if notice.charged is None else rupiah(notice.charged),
            attached=notice.pdf is not None,
        )
    )


@lru_cache(maxsize=1)
def _wordings() -> Environment:
    """Plain text, so nothing is escaped here; every value becomes one harmless line of text."""
    return Environment(  # noqa: S701
        loader=FileSystemLoader(TEMPLATES / "mail"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )


def _plain(value: Any) -> Any:
    """A value may neither begin a new line nor look like a button."""
    return " ".join(value.split()).replace("=>", "→") if isinstance(value, str) else value


def _blocks(filled: str) -> tuple[str, tuple[_Block, ...]]:
    """Read a filled wording: the subject on the first line, then paragraphs between empty lines.

    A line ``- label: text`` is a row of a small table, ``=> label | address`` a button; a button
    without an address is left out.
    """
    subject, _, body = filled.partition("\n")
    blocks: list[_Block] = []
    rows: list[tuple[str, str]] = []
    for line in [*(line.strip() for line in body.splitlines()), ""]:
        if line.startswith("- "):
            label, _, text = line[2:].partition(": ")
            rows.append((label, text))
            continue
        if rows:
            blocks.append(_Block("facts", rows=tuple(rows)))
            rows = []
        if line.startswith("=> "):
            text, _, url = (part.strip() for part in line[3:].rpartition("|"))
            if url:
                first = all(block.kind != "button" for block in blocks)
                blocks.append(_Block("button", text=text, url=url, first=first))
        elif line:
            blocks.append(_Block("text", text=line))
    return subject.strip(), tuple(blocks)


def _text(blocks: tuple[_Block, ...], footer: tuple[str, ...]) -> str:
    parts = []
    for block in blocks:
        if block.kind == "facts":
            parts.append("\n".join(f"{label}: {text}" for label, text in block.rows))
        elif block.kind == "button":
            parts.append(f"{block.text}:\n{block.url}")
        else:
            parts.append(block.text)
    return "\n\n".join([*parts, "-- \n" + "\n".join(footer)]) + "\n"


def _attachments(notice: Notice) -> tuple[Attachment, ...]:
    if notice.pdf is None or notice.view is None:
        return ()
    name = "".join(char if char.isalnum() else "-" for char in notice.view.number)
    return (Attachment(f"{name}.pdf", "application/pdf", notice.pdf),)
