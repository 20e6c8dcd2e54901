"""Which files of a run took longest: seconds of their tests, with what was set up for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

SHOWN: Final = 10
# A run that is over sooner needs nobody to look.
WORTH_TELLING: Final = 30.0


def lines(stats: Mapping[str, Iterable[Any]]) -> list[str]:
    """The longest files, and what part of all that is; nothing of a short run."""
    spent: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    for reports in stats.values():
        for report in reports:
            if hasattr(report, "duration") and hasattr(report, "nodeid"):
                file = report.nodeid.partition("::")[0]
                spent[file] += report.duration
                tests[file] += report.when == "call"
    whole = sum(spent.values())
    if whole < WORTH_TELLING:
        return []
    shown = spent.most_common(SHOWN)
    return [
        f"longest files: {sum(part for _, part in shown):.0f} s of {whole:.0f} s in {len(spent)}",
        *(f"{seconds:7.1f} s {tests[file]:5d} tests  {file}" for file, seconds in shown),
    ]
