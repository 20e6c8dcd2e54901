"""The last lines of a run: how many cases of each file passed, differ, have no counterpart."""

from __future__ import annotations

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each file, and under it what differs on purpose or waits."""
    verdicts: dict[str, Counter[str]] = {}
    told: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "vector" and report.when == "call":
                    file, verdict, case, why = str(value).split("|", 3)
                    verdicts.setdefault(file, Counter())[verdict] += 1
                    if verdict == "differs":
                        told[f"  differs: {case}: {why}"] += 1
                    elif verdict == "waiting":
                        told[f"  waiting: {file}: {why}"] += 1
    if not verdicts:
        return
    terminalreporter.section("vectors")
    for line, times in sorted(told.items()):
        terminalreporter.write_line(line if times == 1 else f"{line} ({times})")
    for file, counts in sorted(verdicts.items()):
        terminalreporter.write_line(
            f"{file}: {counts['passed']} passed, {counts['differs']} differ on purpose, "
            f"{counts['not applicable']} not applicable, {counts['waiting']} waiting, "
            f"{counts['failed']} failed"
        )
