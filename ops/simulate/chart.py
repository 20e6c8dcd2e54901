"""The chart: MRR by month of one run or two, and under it who came, left and was lost.

Written by hand as SVG, with no script and nothing from outside; a number stands on every axis, and
two runs differ by the pattern of the line as well as by colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from invoices.wording import month_name, number, rupiah
from ops.simulate.figures import Figures
from ops.simulate.words import say

WIDTH: Final = 960
HEIGHT: Final = 600
_LEFT, _RIGHT = 96, 24
_TOP, _MIDDLE = 104, 380
_FLOOR, _BOTTOM = 420, 540
INK, SOFT, LINE = "#1f2a2e", "#5b6b70", "#e3e9e8"
FIRST, SECOND, LOST, LEFT = "#0f5c4d", "#c2571a", "#b3261e", "#8a9a9e"
_STYLE: Final = (
    "text{font-family:'Source Sans 3','Source Sans Pro','Helvetica Neue',Arial,sans-serif;"
    f"fill:{INK}}}.soft{{fill:{SOFT};font-size:13px}}.axis{{fill:{SOFT};font-size:12px}}"
    ".title{font-size:22px;font-weight:600}.name{font-size:14px;font-weight:600}"
)


def chart(runs: Sequence[tuple[str, Figures]], language: str) -> str:
    """Draw one run, or two over each other; the bars below are those of the last."""
    months = len(runs[0][1].months)
    title = escape(say("title", language, months=months))
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{title}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="42" class="title">{title}</text>',
        f'<text x="{_LEFT}" y="64" class="soft">{escape(say("net", language))}</text>',
        *_lines(runs, language),
        *_bars(runs[-1][1], language),
        *_months(runs[0][1], language),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _lines(runs: Sequence[tuple[str, Figures]], language: str) -> list[str]:
    values = [[month.mrr for month in run.months] for _, run in runs]
    step = _step(max(max(one) for one in values) or 1)
    top = step * (max(max(one) for one in values) // step + 1)
    parts = []
    for n in range(top // step + 1):
        y = _MIDDLE - (_MIDDLE - _TOP) * n * step // top
        parts.append(_rule(y))
        parts.append(_label(_LEFT - 10, y + 4, _short(n * step, language)))
    ends: list[int] = []
    for n, (mine, color, dash) in enumerate(
        zip(values, (FIRST, SECOND), ("", ' stroke-dasharray="7 4"'), strict=False)
    ):
        points = [
            (_x(k, len(mine)), _MIDDLE - (_MIDDLE - _TOP) * value // top)
            for k, value in enumerate(mine)
        ]
        path = " ".join(f"{x},{y}" for x, y in points)
        if n == 0:
            under = f"{points[0][0]},{_MIDDLE} {path} {points[-1][0]},{_MIDDLE}"
            parts.append(f'<polygon points="{under}" fill="{color}" fill-opacity="0.08"/>')
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2.5" '
            f'stroke-linejoin="round" stroke-linecap="round"{dash}/>'
        )
        x, y = points[-1]
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{color}"/>')
        ends.append(y)
        name = escape(f"MRR · {runs[n][0]} · {rupiah(mine[-1])}")
        at = _LEFT + n * 400
        parts.append(
            f'<line x1="{at}" y1="84" x2="{at + 28}" y2="84" stroke="{color}" '
            f'stroke-width="2.5"{dash}/>'
        )
        parts.append(f'<text x="{at + 36}" y="89" class="name">{name}</text>')
    return parts


def _bars(figures: Figures, language: str) -> list[str]:
    """Who started above the line; who cancelled and who was lost to dunning below it."""
    months = figures.months
    # The portfolio that was there at the beginning started in the first month: it is no sign-up.
    started = [0 if n == 0 else one.started for n, one in enumerate(months)]
    most = max([1, *started, *(one.churned + one.lost for one in months)])
    zero = (_FLOOR + _BOTTOM) // 2
    half = (_BOTTOM - _FLOOR) // 2
    wide = max(3, (WIDTH - _LEFT - _RIGHT) // len(months) * 6 // 10)
    parts = [_rule(zero), _label(_LEFT - 10, _FLOOR + 8, f"+{number(most)}")]
    parts.append(_label(_LEFT - 10, _BOTTOM, f"−{number(most)}"))
    for n, one in enumerate(months):
        x = _x(n, len(months)) - wide // 2
        up, down, gone = (half * value // most for value in (started[n], one.churned, one.lost))
        parts.append(_rect(x, zero - up, wide, up, FIRST))
        parts.append(_rect(x, zero, wide, down, LEFT))
        parts.append(_rect(x, zero + down, wide, gone, LOST))
    legend = (("started", FIRST), ("churned", LEFT), ("lost", LOST))
    for n, (name, color) in enumerate(legend):
        at = _LEFT + n * 190
        total = number(sum(started) if name == "started" else figures.total(name))
        parts.append(_rect(at, HEIGHT - 25, 12, 12, color))
        told = escape(f"{say(name, language)} {total}")
        parts.append(f'<text x="{at + 20}" y="{HEIGHT - 14}" class="soft">{told}</text>')
    return parts


def _months(figures: Figures, language: str) -> list[str]:
    every = max(1, -(-len(figures.months) // 12))
    parts = []
    for n, one in enumerate(figures.months):
        if n % every == 0:
            name = month_name(one.first, language)[:3]
            year = f" {one.first.year % 100:02d}"
            x = _x(n, len(figures.months))
            parts.append(
                f'<text x="{x}" y="{_MIDDLE + 22}" class="axis" text-anchor="middle">'
                f"{escape(name + year)}</text>"
            )
    return parts


def _x(n: int, of: int) -> int:
    room = WIDTH - _LEFT - _RIGHT
    return _LEFT + room * (2 * n + 1) // (2 * of)


def _step(most: int) -> int:
    """A round distance of grid lines, four to eight of them: 1, 2 or 5 times a power of ten."""
    size = 1
    while True:
        for times in (1, 2, 5):
            if most <= times * size * 6:
                return times * size
        size *= 10


def _short(amount: int, language: str) -> str:
    """An amount for an axis: ``Rp250 jt``, ``Rp1,5 M`` (miliar); in English mn and bn."""
    for size, words in ((10**9, (" M", " bn")), (10**6, (" jt", " mn")), (1_000, (" rb", "k"))):
        if amount >= size:
            whole, tenth = divmod(amount * 10 // size, 10)
            comma = "," if language == "id" else "."
            digits = f"{number(whole)}{comma}{tenth}" if tenth else number(whole)
            return f"Rp{digits}{words[0 if language == 'id' else 1]}"
    return rupiah(amount)


def _rule(y: int) -> str:
    return f'<line x1="{_LEFT}" y1="{y}" x2="{WIDTH - _RIGHT}" y2="{y}" stroke="{LINE}"/>'


def _label(x: int, y: int, told: str) -> str:
    return f'<text x="{x}" y="{y}" class="axis" text-anchor="end">{escape(told)}</text>'


def _rect(x: int, y: int, width: int, height: int, color: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="1.5" fill="{color}"/>'
