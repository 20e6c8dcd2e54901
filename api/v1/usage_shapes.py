"""Shapes of usage: meters, metered parts of prices, events and their verdicts, usage so far."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from api.shapes import Day, In, Instant, Out, Words
from api.v1.price_terms import Exact, TermsIn, TermsOut
from billing.flows.metered_prices import NewPart
from billing.flows.usage_events import EVENTS_MAX, Sent, Verdict
from billing.flows.usage_lines import UsedPart
from core import ids
from core.exact import written
from invoices.derivation import arithmetic
from invoices.wording import LANGUAGES
from usage.queries import MeterRow, UsagePrice

Named = Annotated[
    str, Meta(min_length=1, max_length=100, description="Letters, digits, `.`, `_`, `:`, `/`, `-`.")
]
Value = Annotated[str, Meta(max_length=200)] | int | bool
Texts = Annotated[
    dict[Literal["id", "en"], Words], Meta(min_length=1, description="Words by language.")
]
Key = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=r"^[\x21-\x7e]+$",
        description="Yours, one for each event: the same key counts once, for ever.",
    ),
]


class FilterIn(In):
    """A property of the event and the values that pass."""

    property: Named
    in_: Annotated[list[Value], Meta(min_length=1, max_length=100)] = msgspec.field(name="in")


class NewMeterIn(In):
    """A meter, or the next version of the one that has this code."""

    code: Annotated[str, Meta(min_length=1, max_length=64, description="a-z, 0-9, `_` and `-`.")]
    name: Texts
    event_name: Named
    aggregation: Annotated[
        Literal["count", "sum", "max", "last", "unique", "weighted_sum"],
        Meta(
            description="`count` of events; of a `field` the `sum`, `max`, `last` or `unique` "
            "values, or `weighted_sum`: the mean over the period of a level that each event "
            "changes by its value."
        ),
    ]
    field: Annotated[
        Named | None, Meta(description="The property that holds the value; not of `count`.")
    ] = None
    filters: Annotated[
        list[FilterIn], Meta(max_length=10, description="An event must pass all of them.")
    ] = msgspec.field(default_factory=list)
    late: Annotated[
        Literal["next_invoice", "refuse"],
        Meta(description="What becomes of events of a period that is billed."),
    ] = "next_invoice"
    late_days: Annotated[
        int, Meta(ge=1, le=366, description="Events older than so many days are refused.")
    ] = 35


class MeterOut(Out):
    """An immutable version of a meter."""

    id: str
    code: str
    version: int
    name: dict[str, str]
    event_name: str
    aggregation: str
    field: str | None
    filters: list[dict[str, Any]]
    late: str
    late_days: int
    created_at: Instant
    retired_at: Instant | None

    @classmethod
    def of(cls, row: MeterRow) -> MeterOut:
        """Shape a row."""
        return cls(
            id=ids.public("meter", row.id), code=row.code, version=row.version, name=row.name,
            event_name=row.event_name, aggregation=row.aggregation, field=row.field,
            filters=row.filters, late=row.late, late_days=row.late_days,
            created_at=row.created_at, retired_at=row.retired_at,
        )  # fmt: skip


class UsageTermsIn(TermsIn):
    """What the model needs, and nothing else; of a percentage too."""

    rate: Annotated[Exact | None, Meta(description='Of `percentage`: `"0.015"` is 1.5%.')] = None
    fixed_amount: Annotated[Exact | None, Meta(description="In rupiah, for each event.")] = None
    free_amount: Annotated[Exact | None, Meta(description="In rupiah: so much costs nothing.")] = (
        None
    )
    minimum: Annotated[Exact | None, Meta(description="In rupiah, at least for each event.")] = None
    maximum: Annotated[Exact | None, Meta(description="In rupiah, at most for each event.")] = None


class UsagePartIn(In):
    """What a meter counts, at a price of its own, billed when the period is over."""

    name: Texts
    meter: Annotated[str, Meta(max_length=40, description="`mtr_…`.")]
    model: Literal["per_unit", "graduated", "volume", "package", "percentage"]
    terms: UsageTermsIn
    zero: Annotated[
        Literal["omit", "show"], Meta(description="Whether nothing that costs nothing is a line.")
    ] = "omit"

    def part(self, place: int) -> NewPart:
        """As the flow takes it."""
        return NewPart(
            name={str(one): text for one, text in self.name.items()},
            model=self.model, terms=self.terms.given(), zero=self.zero,
            meter_id=ids.parse("meter", self.meter, field=f"usage[{place}].meter"),
        )  # fmt: skip


class UsagePartOut(Out):
    """A metered part of a price."""

    name: dict[str, str]
    meter: str
    model: str
    terms: TermsOut
    zero: str

    @classmethod
    def of(cls, row: UsagePrice) -> UsagePartOut:
        """Shape a row."""
        return cls(
            name=row.name, meter=ids.public("meter", row.meter_id), model=row.model,
            terms=row.model_terms, zero=row.zero,
        )  # fmt: skip


class UsageEventIn(In):
    """Something that was used."""

    key: Key
    subscription: Annotated[str, Meta(max_length=40, description="`sub_…`.")]
    name: Named
    at: Annotated[
        datetime, Meta(tz=True, description="When it happened, ISO 8601 with its offset.")
    ]
    properties: Annotated[
        dict[Named, Annotated[str, Meta(max_length=500)] | int | bool],
        Meta(
            max_length=20,
            description='Texts, whole numbers, true or false; other numbers as text: `"0.5"`.',
        ),
    ] = msgspec.field(default_factory=dict)
    corrects: Annotated[
        Key | None, Meta(description="The key of the event that this one takes the place of.")
    ] = None
    void: Annotated[
        bool, Meta(description="With `corrects`: that event is taken away and none stands for it.")
    ] = False

    def sent(self) -> Sent:
        """As the flow takes it."""
        return Sent(
            self.key, self.subscription, self.name, self.at, self.properties, self.corrects,
            self.void,
        )  # fmt: skip


class UsageBatchIn(In):
    """Up to 1,000 events; each is judged by itself."""

    events: Annotated[list[UsageEventIn], Meta(min_length=1, max_length=EVENTS_MAX)]


class VerdictOut(Out):
    """What became of an event."""

    key: str
    state: Annotated[
        str, Meta(description="`accepted`, `duplicate` (kept before, counted once) or `refused`.")
    ]
    late: Annotated[bool, Meta(description="Its period is billed: the next invoice corrects it.")]
    code: Annotated[str | None, Meta(description="Why it was refused.")]
    detail: str | None

    @classmethod
    def of(cls, verdict: Verdict) -> VerdictOut:
        """Shape a verdict."""
        why = verdict.refusal
        return cls(
            key=verdict.key, state=verdict.state, late=verdict.late,
            code=why.code if why else None, detail=why.message if why else None,
        )  # fmt: skip


class BatchOut(Out):
    """What became of a batch: durable when this is read."""

    accepted: int
    duplicate: int
    refused: int
    events: Annotated[list[VerdictOut], Meta(description="In the order they were sent.")]


class UsedOut(Out):
    """What one metered part comes to, by the code that bills it."""

    name: dict[str, str]
    meter: str
    meter_code: str
    meter_version: int
    period_start: Day
    period_end: Annotated[Day, Meta(description="Exclusive.")]
    events: int
    quantity: Annotated[str, Meta(description="Exact, as text.")]
    amount: Annotated[int, Meta(description="Whole rupiah for all of it, as `tax_mode` says.")]
    billed: Annotated[int, Meta(description="Whole rupiah of it that is billed already.")]
    tax_mode: str
    arithmetic: dict[str, str]

    @classmethod
    def of(cls, used: UsedPart) -> UsedOut:
        """Shape a part."""
        return cls(
            name=used.part.name, meter=ids.public("meter", used.meter.id),
            meter_code=used.meter.code, meter_version=used.meter.version,
            period_start=used.span.start, period_end=used.span.end, events=used.events,
            quantity=written(used.quantity), amount=used.amount,
            billed=used.billed.amount if used.billed else 0, tax_mode=used.price.tax_mode,
            arithmetic={one: arithmetic(used.priced.derivation, one) for one in LANGUAGES},
        )  # fmt: skip


class UsageOut(Out):
    """Usage that no invoice holds yet, and what was billed and has changed since."""

    subscription: str
    through: Annotated[Day, Meta(description="Exclusive.")]
    parts: list[UsedOut]
    subtotal: Annotated[
        int, Meta(description="Whole rupiah that are to be billed of it, as `tax_mode` says.")
    ]
