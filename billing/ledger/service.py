"""Writes of the books: any number of journals in two statements, each fact posted once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Date, Text, Uuid, bindparam, select, text

from billing.ledger.chart import Account
from billing.ledger.journal import Journal, JournalKind, Posting
from billing.ledger.tables import journals as journals_table
from billing.ledger.tables import postings
from core.bulk import insert_rows
from core.db import UtcDateTime
from core.money import Money
from core.work import Work


class Subject(NamedTuple):
    """What a journal is about."""

    kind: str
    id: UUID


_PAYMENTS = frozenset({JournalKind.PAYMENT_CAPTURED, JournalKind.PAYMENT_REVERSED})
_INVOICES = frozenset(
    {
        JournalKind.INVOICE_ISSUED,
        JournalKind.INVOICE_VOIDED,
        JournalKind.TAX_BECAME_DUE,
        JournalKind.TAX_POINT_REVERSED,
        JournalKind.BALANCE_USED,
        JournalKind.WRITTEN_OFF,
        JournalKind.WRITE_OFF_REVERSED,
        JournalKind.TAX_WITHHELD,
    }
)


# One statement for all journals; it answers which of them were not there before.
_INSERT = text(
    """
    INSERT INTO journals
        (merchant_id, id, kind, key, occurred_at, occurred_on, subject_kind, subject_id)
    SELECT :merchant_id, v.id, v.kind, v.key, :occurred_at, v.occurred_on, v.subject_kind,
           v.subject_id
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:keys AS text[]),
        CAST(:days AS date[]), CAST(:subject_kinds AS text[]), CAST(:subject_ids AS uuid[])
    ) AS v(id, kind, key, occurred_on, subject_kind, subject_id)
    ON CONFLICT (merchant_id, kind, key) DO NOTHING
    RETURNING id
    """
).bindparams(
    bindparam("merchant_id", type_=Uuid()),
    bindparam("occurred_at", type_=UtcDateTime()),
    bindparam("ids", type_=ARRAY(Uuid())),
    bindparam("kinds", type_=ARRAY(Text())),
    bindparam("keys", type_=ARRAY(Text())),
    bindparam("days", type_=ARRAY(Date())),
    bindparam("subject_kinds", type_=ARRAY(Text())),
    bindparam("subject_ids", type_=ARRAY(Uuid())),
)


def post(
    unit: Work,
    journals: Sequence[Journal],
    subject: Subject | Sequence[Subject] | None = None,
) -> list[UUID]:
    """Post journals, set-based; a fact that is posted already is left as it is.

    All postings go in by one statement, which the database refuses when a journal of it does not
    sum to zero. Journals over nothing are not stored.

    Args:
        journals: of any kinds; ``(kind, key)`` names the fact.
        subject: what all of them are about, or one for each; by default read from their keys.

    Returns:
        The ids of the journals that are new.
    """
    if subject is None:
        subjects = [subject_of(unit, journal) for journal in journals]
    elif isinstance(subject, Subject):
        subjects = [subject] * len(journals)
    else:
        subjects = list(subject)
    told = [
        (unit.derive("journal", journal.kind.value, journal.key), journal, about)
        for journal, about in zip(journals, subjects, strict=True)
        if not journal.is_empty
    ]
    if not told:
        return []
    new = unit.session.execute(
        _INSERT,
        {
            "merchant_id": unit.merchant_id,
            "occurred_at": unit.now,
            "ids": [journal_id for journal_id, _, _ in told],
            "kinds": [journal.kind.value for _, journal, _ in told],
            "keys": [journal.key for _, journal, _ in told],
            "days": [journal.occurred_on for _, journal, _ in told],
            "subject_kinds": [about.kind for _, _, about in told],
            "subject_ids": [about.id for _, _, about in told],
        },
    ).scalars()
    written = set(new)
    insert_rows(
        unit.session,
        postings,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("posting", journal_id, position),
                "journal_id": journal_id,
                "position": position,
                "account": posting.account.value,
                "amount": posting.amount.amount,
                "currency": posting.amount.currency,
                "customer_id": posting.customer_id,
            }
            for journal_id, journal, _ in told
            if journal_id in written
            for position, posting in enumerate(journal.postings, 1)
        ],
    )
    return [journal_id for journal_id, _, _ in told if journal_id in written]


def subject_of(unit: Work, journal: Journal) -> Subject:
    """Read from a journal's key what it is about.

    Invoices and credit notes are named by their id, with more behind a colon where one has several
    journals of a kind; payments by their order id.

    Raises:
        ValueError: a refund, whose key towards the gateway does not lead to its id.
    """
    head = journal.key.partition(":")[0]
    if journal.kind in _INVOICES:
        return Subject("invoice", UUID(head))
    if journal.kind is JournalKind.CREDIT_NOTE_ISSUED:
        return Subject("credit_note", UUID(head))
    if journal.kind in _PAYMENTS:
        return Subject("payment", unit.derive("payment", journal.key))
    if journal.kind is JournalKind.REFUND_PAID:
        raise ValueError(f"say which refund the journal {journal.key} is about")
    return Subject("journal", unit.derive("journal", journal.kind.value, journal.key))


def posted(unit: Work, kind: JournalKind, key: str) -> Journal | None:
    """Read a journal back as it was posted, to make its opposite; ``None`` when there is none."""
    rows = unit.session.execute(
        select(
            journals_table.c.occurred_on,
            postings.c.account,
            postings.c.amount,
            postings.c.currency,
            postings.c.customer_id,
        )
        .join(
            postings,
            (postings.c.merchant_id == journals_table.c.merchant_id)
            & (postings.c.journal_id == journals_table.c.id),
        )
        .where(
            journals_table.c.merchant_id == unit.merchant_id,
            journals_table.c.kind == kind.value,
            journals_table.c.key == key,
        )
        .order_by(postings.c.position)
    ).all()
    if not rows:
        return None
    return Journal(
        kind,
        key,
        rows[0].occurred_on,
        tuple(
            Posting(Account(row.account), Money(row.amount, row.currency), row.customer_id)
            for row in rows
        ),
    )
