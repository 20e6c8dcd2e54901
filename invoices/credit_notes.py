"""Credit notes: how much of which line may still be given back, and how an amount is spread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from core.errors import Conflict, InvalidRequest
from core.money import Money, zero
from invoices.tax import TaxTerms, credit_note_tax

_RULE_GIVEN = "line"
_RULE_SPREAD = "spread"


@dataclass(frozen=True, slots=True)
class CreditableLine:
    """A line of an issued document and what became of it since.

    ``amount`` is the line's own (tax inside it where the document's prices hold the tax), and so
    are ``credited`` (by earlier notes) and ``credited_elsewhere`` (by credit lines of later
    invoices, or by notes on the invoices those credit). ``for_others`` is the part of ``credited``
    that was given back in place of lines of later invoices. All but ``amount`` and ``tax`` are
    zero or more.
    """

    line_id: UUID
    amount: Money
    tax: Money
    credited: Money
    tax_credited: Money
    credited_elsewhere: Money
    for_others: Money | None = None

    @property
    def left(self) -> Money:
        """What may still be given back of the line; a credit line has nothing to give back."""
        own = self.credited - (self.for_others or zero(self.amount.currency))
        rest = self.amount - own - self.credited_elsewhere
        return zero(rest.currency) if rest.is_negative else rest


@dataclass(frozen=True, slots=True)
class CreditableDocument:
    """An issued document with the terms its tax was made by.

    ``lines`` are those that charge. ``deducted`` and ``deducted_tax``, zero or more, are what its
    credit lines took off: a document never gives back more than it came to itself.
    """

    lines: tuple[CreditableLine, ...]
    terms: TaxTerms
    currency: str = "IDR"
    deducted: Money | None = None
    deducted_tax: Money | None = None

    @property
    def price(self) -> Money:
        return self._sum(line.amount for line in self.lines) - (
            self.deducted or zero(self.currency)
        )

    @property
    def tax(self) -> Money:
        return self._sum(line.tax for line in self.lines) - (
            self.deducted_tax or zero(self.currency)
        )

    @property
    def credited(self) -> Money:
        return self._sum(line.credited for line in self.lines)

    @property
    def tax_credited(self) -> Money:
        return self._sum(line.tax_credited for line in self.lines)

    @property
    def room(self) -> Money:
        """What the document came to, less what notes gave back of it."""
        return max(self.price - self.credited, zero(self.currency))

    @property
    def left(self) -> Money:
        """What line amounts may still be given back, of all lines together."""
        return min(self.room, self._sum(line.left for line in self.lines))

    def tax_of(self, credited: Money) -> Money:
        """Compute the tax a note over ``credited`` gives back, cumulatively (R54)."""
        return credit_note_tax(
            credited,
            terms=self.terms,
            document_price=self.price,
            document_tax=self.tax,
            credited_before=self.credited,
            tax_credited_before=self.tax_credited,
        )

    def _sum(self, amounts: Iterable[Money]) -> Money:
        return sum(amounts, zero(self.currency))


@dataclass(frozen=True, slots=True)
class CreditedLine:
    """What a note gives back of one line: ``net`` before tax, ``tax``, and ``amount`` as billed."""

    line_id: UUID
    amount: Money
    net: Money
    tax: Money
    derivation: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CreditNoteDraft:
    """A credit note before it has a number; ``total = net + tax``."""

    lines: tuple[CreditedLine, ...]
    net: Money
    tax: Money
    total: Money


def creditable(document: CreditableDocument) -> Money:
    """Say how much, tax included, may still be credited of a document."""
    return _total(document, document.left, document.tax_of(document.left))


def credit_whole(document: CreditableDocument) -> CreditNoteDraft:
    """Give back everything that is left; of an untouched document exactly what was charged.

    Raises:
        InvalidRequest: ``nothing_to_credit``.
    """
    return credit_amount(document, creditable(document))


def credit_amount(document: CreditableDocument, total: Money) -> CreditNoteDraft:
    """Give back an amount, tax included, spread over all lines in proportion to what is left.

    Net and tax always add up to exactly ``total``. Notes that together give back the whole
    document return exactly its tax.

    Raises:
        InvalidRequest: ``nothing_to_credit`` or ``credit_exceeds_document``.
    """
    if not total > zero(total.currency):
        raise InvalidRequest("nothing_to_credit", f"a credit note over {total} is none")
    most = creditable(document)
    if total > most:
        raise InvalidRequest(
            "credit_exceeds_document", f"only {most} of the document can still be credited"
        )
    amount, tax = _inside(document, total, most)
    parts = amount.allocate([line.left.amount for line in document.lines])
    taxes = _spread_tax(tax, document.lines)
    if document.terms.is_inside:
        taxes = _within(taxes, parts)
    rows = [
        (line, part, line_tax)
        for line, part, line_tax in zip(document.lines, parts, taxes, strict=True)
        if not (part.is_zero and line_tax.is_zero)
    ]
    return _draft(document, rows, _RULE_SPREAD, total)


def credit_lines(
    document: CreditableDocument,
    amounts: Mapping[UUID, Money],
    for_others: Mapping[UUID, Money] | None = None,
) -> CreditNoteDraft:
    """Give back given amounts of given lines, in the lines' own terms, and their tax.

    Args:
        amounts: what to give back by line.
        for_others: how much of that is in place of later lines, whose document has too little
            left; the line itself was credited by that document, so its own rest is no limit.

    Raises:
        InvalidRequest: ``unknown_line``, ``credit_exceeds_line`` or ``nothing_to_credit``.
        Conflict: ``credit_exceeds_document``.
    """
    by_id = {line.line_id: line for line in document.lines}
    nothing = zero(document.currency)
    for line_id, amount in amounts.items():
        line = by_id.get(line_id)
        if line is None:
            raise InvalidRequest("unknown_line", f"the document has no line {line_id}")
        if not amount > nothing:
            raise InvalidRequest("nothing_to_credit", f"a credit of {amount} is none")
        if amount - (for_others or {}).get(line_id, nothing) > line.left:
            raise InvalidRequest(
                "credit_exceeds_line", f"only {line.left} of line {line_id} can still be credited"
            )
    credited = sum(amounts.values(), nothing)
    if credited.is_zero:
        raise InvalidRequest("nothing_to_credit", "a credit note needs a line")
    if credited > document.room:
        raise Conflict(
            "credit_exceeds_document", f"only {document.room} can still be credited before tax"
        )
    tax = document.tax_of(credited)
    chosen = [line for line in document.lines if line.line_id in amounts]
    parts = [amounts[line.line_id] for line in chosen]
    taxes = tax.allocate([part.amount for part in parts])
    rows = list(zip(chosen, parts, taxes, strict=True))
    return _draft(document, rows, _RULE_GIVEN, _total(document, credited, tax))


def with_recorded_tax(draft: CreditNoteDraft, tax: Money) -> CreditNoteDraft:
    """Split a note by the tax that the books hold, where that is not the document's.

    What the note comes to stays; only how much of it is tax follows the tax points.
    """
    parts = tax.allocate([(line.net + line.tax).amount for line in draft.lines])
    lines = tuple(
        replace(
            line,
            net=line.net + line.tax - part,
            tax=part,
            derivation={**line.derivation, "recorded_tax": part.amount},
        )
        for line, part in zip(draft.lines, parts, strict=True)
    )
    return CreditNoteDraft(lines, draft.total - tax, tax, draft.total)


def split_by_source(total: Money, due: Money) -> tuple[Money, Money]:
    """Split a credit into what lowers the debt and what becomes the customer's balance.

    A credit on an unpaid invoice never becomes spendable money (R43); what was already paid
    does (R44).

    Returns:
        ``(to_invoice, to_balance)``, adding up to ``total``.
    """
    to_invoice = min(total, due)
    return to_invoice, total - to_invoice


def _inside(document: CreditableDocument, total: Money, most: Money) -> tuple[Money, Money]:
    """Find the line amounts and the tax of a note that comes to ``total``."""
    left = document.left
    if total == most:
        return left, document.tax_of(left)
    if document.terms.is_inside:
        return total, document.tax_of(total)
    # Not every total is some price plus its rounded tax, so the tax is taken from the total,
    # cumulatively as ever, and the price is the rest.
    inside = replace(document.terms, mode="inclusive")
    so_far = document.credited + document.tax_credited + total
    tax = inside.tax_of(so_far) if inside.collected else zero(total.currency)
    tax = min(tax, document.tax) - document.tax_credited
    tax = max(tax, total - left, zero(total.currency))
    return total - tax, tax


def _total(document: CreditableDocument, amount: Money, tax: Money) -> Money:
    return amount if document.terms.is_inside else amount + tax


def _spread_tax(tax: Money, lines: Sequence[CreditableLine]) -> tuple[Money, ...]:
    """Spread a note's tax over the lines by the tax that is left on them.

    A last rupiah of tax may be left where every price is given back: it goes to lines whose tax is
    not, and at last to any.
    """
    if tax.is_zero:
        return tuple(tax for _ in lines)
    rest = [max((line.tax - line.tax_credited).amount, 0) for line in lines]
    left = [line.left.amount for line in lines]
    of_left = [one if more else 0 for one, more in zip(rest, left, strict=True)]
    weights = of_left if tax.amount <= sum(of_left) else left
    if not any(weights):
        weights = rest if any(rest) else [line.amount.amount for line in lines]
    return tax.allocate(weights)


def _within(taxes: Sequence[Money], parts: Sequence[Money]) -> tuple[Money, ...]:
    """Move tax that is more than the part it lies inside to lines with room for it.

    Amount and tax of a note are spread by weights of their own: by what is left of the lines, and
    of their taxes. Of very small lines they may round apart, and a net below zero is none.
    """
    kept = tuple(min(tax, part) for tax, part in zip(taxes, parts, strict=True))
    over = sum((tax - keep for tax, keep in zip(taxes, kept, strict=True)), zero(parts[0].currency))
    if over.is_zero:
        return kept
    # All room together holds all tax, so no share of what is over is more than its own room.
    more = over.allocate([(part - keep).amount for part, keep in zip(parts, kept, strict=True)])
    return tuple(keep + extra for keep, extra in zip(kept, more, strict=True))


def _draft(
    document: CreditableDocument,
    rows: Sequence[tuple[CreditableLine, Money, Money]],
    rule: str,
    total: Money,
) -> CreditNoteDraft:
    nothing = zero(document.currency)
    lines = tuple(
        CreditedLine(
            line_id=line.line_id,
            amount=part,
            net=part - tax if document.terms.is_inside else part,
            tax=tax,
            derivation={
                "rule": "credit_note",
                "by": rule,
                "of": line.amount.amount,
                "left": line.left.amount,
                "amount": part.amount,
                "tax": tax.amount,
                "note_total": total.amount,
            },
        )
        for line, part, tax in rows
    )
    net = sum((line.net for line in lines), nothing)
    tax = sum((line.tax for line in lines), nothing)
    if net + tax != total:
        raise InvalidRequest(
            "credit_does_not_add_up", f"a note over {total} came to {net} and {tax} of tax"
        )
    return CreditNoteDraft(lines, net, tax, total)
