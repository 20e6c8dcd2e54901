"""The pictures of `docs/explain/proration.md`: periods cut by a change, with the engine's figures.

`python -m ops.pictures` writes them; a test compares them with what the engine says today.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

from billing.beginnings import FixedDay, beginning_of, stub_charge
from billing.change_lines import ChangeLine
from billing.other_changes import quote_pause
from billing.plan_changes import BilledLine, Offer, quote_cancel, quote_change
from core.calendars import Anchor, Interval, Period, period_containing
from core.money import Money, zero
from invoices.derivation import arithmetic
from invoices.wording import MONTHS_SHORT, rupiah
from plans.catalogue import PriceVersion

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "explain" / "pictures"

Look = Literal["served", "back", "charge", "faint"]
_WIDTH, _LEFT, _RIGHT = 800, 20, 780
_TOP, _BAR, _LANE = 62, 26, 58
_LETTER: Final = 7.6
"""What a letter takes of the width, at most, at the size the pictures have."""
_FILL: Final = {"served": "#d3dae3", "back": "url(#back)", "charge": "#2e7d6b", "faint": "#eef1f5"}
_INK: Final = {"served": "#3d4a5c", "back": "#9a3412", "charge": "#1d5c4e", "faint": "#5b6776"}
_MONTH, _YEAR = Interval("month"), Interval("year")
_ON_CHANGE, _BEFORE = UUID(int=1), UUID(int=0)


_HEAD: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
    'aria-labelledby="t d" font-family="system-ui, sans-serif" font-size="14">'
)
_HATCHED: Final = (
    '<defs><pattern id="back" width="7" height="7" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="7" height="7" fill="#fdeee3"/>'
    '<line x1="0" y1="0" x2="0" y2="7" stroke="#c2570c" stroke-width="3"/></pattern></defs>'
)


@dataclass(frozen=True, slots=True)
class Bar:
    """Days ``[start, end)`` with a sentence below; ``back`` is hatched: it is given back."""

    start: date
    end: date
    look: Look
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Bars below a line of time with its dates; ``cut`` is marked through all of them."""

    name: str
    title: str
    dates: Sequence[date]
    cuts: Sequence[date]
    bars: Sequence[Bar]


def pictures() -> list[Picture]:
    """All pictures, with the figures of today's engine."""
    return [make() for make in _PICTURES]


def draw(picture: Picture) -> str:
    """Write a picture as SVG that stands by itself: no script, no font of elsewhere."""
    first, last = min(picture.dates), max(picture.dates)
    height = _TOP + _LANE * len(picture.bars) + 4

    def x(day: date) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * (day - first).days / (last - first).days, 1)

    parts = [
        _HEAD.format(width=_WIDTH, height=height),
        f'<title id="t">{escape(picture.title)}</title>',
        f'<desc id="d">{escape("; ".join(bar.text for bar in picture.bars))}</desc>',
        _HATCHED,
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<line x1="{_LEFT}" y1="40" x2="{_RIGHT}" y2="40" stroke="#3d4a5c"/>',
    ]
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    parts += [
        f'<line x1="{x(day)}" y1="40" x2="{x(day)}" y2="43" stroke="#9aa6b5"/>' for day in days
    ]
    parts += [
        f'<line x1="{x(day)}" y1="33" x2="{x(day)}" y2="47" stroke="#3d4a5c" stroke-width="2"/>'
        f'<text x="{x(day)}" y="24" text-anchor="{_anchor(x(day))}" fill="#1f2937">'
        f"{_day(day)}</text>"
        for day in picture.dates
    ]
    words = []
    for row, bar in enumerate(picture.bars):
        y, left = _TOP + _LANE * row, x(bar.start)
        parts.append(
            f'<rect x="{left}" y="{y}" width="{round(x(bar.end) - left, 1)}" height="{_BAR}" '
            f'rx="3" fill="{_FILL[bar.look]}" stroke="{_INK[bar.look]}"/>'
        )
        fits = left + _LETTER * len(bar.text) <= _RIGHT
        at, anchor = (left, "start") if fits else (_RIGHT, "end")
        words.append(
            f'<text x="{at}" y="{y + _BAR + 18}" text-anchor="{anchor}" fill="{_INK[bar.look]}" '
            f'stroke="#ffffff" stroke-width="5" paint-order="stroke">{escape(bar.text)}</text>'
        )
    parts += [
        f'<line x1="{x(day)}" y1="47" x2="{x(day)}" y2="{height}" stroke="#111827" '
        f'stroke-dasharray="5 4"/>'
        for day in picture.cuts
    ]
    parts += words
    return "\n".join((*parts, "</svg>", ""))


def write(folder: Path = FOLDER) -> list[Path]:
    """Write all pictures; returns their files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for picture in pictures():
        path = folder / f"{picture.name}.svg"
        path.write_text(draw(picture), encoding="utf-8")
        written.append(path)
    return written


def _upgrade() -> Picture:
    start, on, end = date(2026, 11, 15), date(2026, 11, 25), date(2026, 12, 15)
    lines = _changed(_offer(150_000), _offer(300_000), on, _billed(150_000, start, end), start)
    return Picture(
        "upgrade", "An upgrade ten days into a period", (start, on, end), (on,),
        [Bar(start, end, "served", "Billed on 15 Nov: Rp150.000"), *map(_bar, lines)],
    )  # fmt: skip


def _second_change() -> Picture:
    start, on, then = date(2026, 12, 10), date(2026, 12, 21), date(2026, 12, 27)
    end = date(2027, 1, 10)
    first = _changed(_offer(99_000), _offer(249_000), on, _billed(99_000, start, end), start)
    made = BilledLine(_ON_CHANGE, first[-1].amount, first[-1].period, zero())
    second = _changed(_offer(249_000), _offer(199_000), then, made, start)
    return Picture(
        "second-change", "A second change credits the line of the first",
        (start, on, then, end), (on, then), [*map(_bar, first), *map(_bar, second)],
    )  # fmt: skip


def _interval() -> Picture:
    start, on, end = date(2026, 12, 5), date(2026, 12, 20), date(2027, 1, 5)
    line = _billed(100_000, start, end)
    credit, charge = _changed(_offer(100_000), _offer(1_000_000, _YEAR), on, line, start)
    until = f"{_day(charge.period.end)} {charge.period.end.year}"
    text = f"Charged whole, to {until}: {rupiah(charge.amount.amount)}"
    shown = Bar(on, end + timedelta(days=15), "charge", text)
    return Picture(
        "interval", "From a month to a year", (start, on, end, end + timedelta(days=15)), (on,),
        [Bar(start, end, "served", "Billed on 5 Dec: Rp100.000"), _bar(credit), shown],
    )  # fmt: skip


def _fixed_day() -> Picture:
    begun = beginning_of(date(2027, 2, 14), _MONTH, fixed=FixedDay(31))
    assert begun.stub is not None
    whole, part = begun.stub.whole, begun.stub.period
    charge = stub_charge(Money(310_000), begun.stub)
    following = period_containing(begun.anchor, _MONTH, part.end)
    before = f"The whole period it is a part of: {whole.days} days"
    text = _share(310_000, charge.numerator, charge.denominator)
    return Picture(
        "fixed-day", "A first period in front of a fixed day",
        (whole.start, part.start, part.end, following.end), (part.start,),
        [
            Bar(whole.start, whole.end, "faint", before),
            Bar(part.start, part.end, "charge", f"First invoice: {text}"),
            Bar(following.start, following.end, "charge", "Then whole periods: Rp310.000"),
        ],
    )  # fmt: skip


def _end() -> Picture:
    start, on, end = date(2026, 12, 10), date(2026, 12, 21), date(2027, 1, 10)
    line = _billed(99_000, start, end)
    quote = quote_cancel(lines=[line], period=line.period, on=on, mode="immediate", bill_day=True)
    bars = [
        Bar(start, quote.end_on, "served", "Served, the day of the request included"),
        *map(_bar, quote.credits),
    ]
    return Picture("end", "An end at once", (start, quote.end_on, end), (quote.end_on,), bars)


def _pause() -> Picture:
    start, on, end = date(2026, 12, 10), date(2026, 12, 21), date(2027, 1, 10)
    line, back = _billed(99_000, start, end), date(2027, 1, 20)
    quote = quote_pause(
        lines=[line], period=line.period, billed_through=end, on=on, mode="now", gives_back=True
    )
    again = period_containing(Anchor.at(back), _MONTH, back)
    bars = [
        Bar(start, quote.pause_on, "served", "Served, and billed on 10 Dec: Rp99.000"),
        *map(_bar, quote.credits),
        Bar(back, again.end, "charge", "Served again, a whole period from that day: Rp99.000"),
    ]
    return Picture(
        "pause", "A pause that gives the time back",
        (start, quote.pause_on, end, back, again.end), (quote.pause_on, back), bars,
    )  # fmt: skip


_PICTURES: Final[Sequence[Callable[[], Picture]]] = (
    _upgrade, _second_change, _interval, _fixed_day, _end, _pause,
)  # fmt: skip


def _offer(price: int, interval: Interval = _MONTH) -> Offer:
    return Offer(PriceVersion(f"p{price}", 1, "IDR", price, interval), 1)


def _billed(net: int, start: date, end: date) -> BilledLine:
    return BilledLine(_BEFORE, Money(net), Period(start, end), zero())


def _changed(
    old: Offer, new: Offer, on: date, line: BilledLine, start: date
) -> tuple[ChangeLine, ...]:
    anchor = Anchor.at(start)
    period = period_containing(anchor, old.price.interval, on)
    quote = quote_change(
        old=old, new=new, lines=[line], anchor=anchor, period=period, billed_through=period.end,
        on=on, mode="prorate",
    )  # fmt: skip
    return (*quote.credits, *quote.charges)


def _bar(line: ChangeLine) -> Bar:
    text = _share(line.base.amount, line.days, line.of_days, credit=line.kind == "credit")
    word, look = ("Credited", "back") if line.kind == "credit" else ("Charged", "charge")
    return Bar(line.period.start, line.period.end, look, f"{word}: {text}")  # type: ignore[arg-type]


def _share(base: int, days: int, of_days: int, *, credit: bool = False) -> str:
    rule = "credit" if credit else "share"
    derivation = {"rule": rule, "of": base, "numerator": days, "denominator": of_days}
    return arithmetic(derivation, "en")


def _day(day: date) -> str:
    return f"{day.day} {MONTHS_SHORT['en'][day.month - 1]}"


def _anchor(x: float) -> str:
    return "start" if x <= _LEFT else "end" if x >= _RIGHT else "middle"


if __name__ == "__main__":
    for one in write():
        print(one.name)
