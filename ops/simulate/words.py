"""Words of a simulation, (Indonesian, English), and its tables."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from invoices.wording import month_name, number, rupiah
from ops.simulate.figures import Changed, Figures, Month

WORDS: Final = {
    "title": ("Simulasi {months} bulan", "{months} months simulated"),
    "a": ("sekarang", "now"),
    "b": ("pembanding", "compared"),
    "month": ("bulan", "month"),
    "started": ("mulai", "started"),
    "churned": ("berhenti", "cancelled"),
    "lost": ("putus tagih", "lost to dunning"),
    "running": ("berjalan", "running"),
    "mrr": ("MRR", "MRR"),
    "billed": ("ditagih", "billed"),
    "revenue": ("pendapatan", "revenue"),
    "recovered": ("diselamatkan", "recovered"),
    "written_off": ("dihapus", "written off"),
    "collected": ("uang masuk", "collected"),
    "tries": ("gagal debit", "failed charges"),
    "sum": ("jumlah", "sum"),
    "difference": ("selisih", "difference"),
    "customers": (
        "{n} dari {all} pelanggan berubah; yang terbesar:",
        "{n} of {all} customers change; the largest:",
    ),
    "net": (
        "Pendapatan dan MRR sebelum pajak; MRR pada akhir bulan, dari yang aktif atau menunggak.",
        "Revenue and MRR before tax; MRR on a month's last day, of who is active or late.",
    ),
    "progress": ("{n} pelanggan", "{n} customers"),
    "no_change": ("Tidak ada pelanggan yang berubah.", "No customer changes."),
}
SHOWN: Final = (
    "started",
    "churned",
    "lost",
    "running",
    "mrr",
    "revenue",
    "recovered",
    "written_off",
)
COUNTS: Final = ("started", "churned", "lost", "running", "tries")
STANDING: Final = ("running", "mrr")
"""Figures of a moment: their sum says nothing, the last one does."""


def say(key: str, language: str, **given: object) -> str:
    """One phrase."""
    return WORDS[key][0 if language == "id" else 1].format(**given)


def table(figures: Figures, language: str) -> str:
    """The months as a table for people, sums below."""
    head = [say("month", language), *(say(name, language) for name in SHOWN)]
    rows = [
        [f"{month_name(one.first, language)[:3]} {one.first.year}", *(_cell(one, n) for n in SHOWN)]
        for one in figures.months
    ]
    sums = [say("sum", language)]
    for name in SHOWN:
        last = getattr(figures.months[-1], name)
        total = last if name in STANDING else figures.total(name)
        sums.append(_shown(name, total))
    return _aligned([head, *rows, sums])


def comparison(one: Figures, other: Figures, changed: Sequence[Changed], language: str) -> str:
    """Both beside each other, their difference, and the customers that change most."""
    head = ["", say("a", language), say("b", language), say("difference", language)]
    rows = []
    for name in (*SHOWN, "collected", "tries"):
        before, after = (
            getattr(run.months[-1], name) if name in STANDING else run.total(name)
            for run in (one, other)
        )
        rows.append(
            [
                say(name, language),
                *(_shown(name, value) for value in (before, after, after - before)),
            ]
        )
    moved = [each for each in changed if each.change or each.ended_before != each.ended_after]
    told = [_aligned([head, *rows]), ""]
    if not moved:
        return "\n".join([*told, say("no_change", language)])
    told.append(say("customers", language, n=number(len(moved)), all=number(len(changed))))
    lines = [
        [each.id, each.plan, rupiah(each.before), rupiah(each.after), rupiah(each.change)]
        for each in moved[:10]
    ]
    return "\n".join([*told, _aligned(lines)])


def months_csv(runs: Sequence[tuple[str, Figures]]) -> str:
    """The months of all runs for a spreadsheet."""
    names = [one.name for one in fields(Month)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["run", *names])
    for name, figures in runs:
        for month in figures.months:
            writer.writerow([name, *(getattr(month, one) for one in names)])
    return out.getvalue()


def customers_csv(changed: Sequence[Changed]) -> str:
    """Each customer's change for a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "plan", "before", "after", "change", "ended_before", "ended_after"])
    for one in changed:
        ends = (one.ended_before or "", one.ended_after or "")
        writer.writerow([one.id, one.plan, one.before, one.after, one.change, *ends])
    return out.getvalue()


def as_json(
    runs: Sequence[tuple[str, Figures]], changed: Sequence[Changed], asked: dict[str, Any]
) -> str:
    """All of it for machines."""
    told = {
        "asked": asked,
        "runs": {
            name: {
                "months": [
                    {**asdict(month), "first": month.first.isoformat()} for month in run.months
                ],
                "customers": len(run.customers),
            }
            for name, run in runs
        },
        "changed": [{**asdict(one), "change": one.change} for one in changed],
    }
    return json.dumps(told, ensure_ascii=False, indent=1)


def _cell(month: Month, name: str) -> str:
    return _shown(name, getattr(month, name))


def _shown(name: str, value: int) -> str:
    return number(value) if name in COUNTS else rupiah(value)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
