"""`tagihan demo`: a year in the lives of ten customers on a throw-away instance, checked.

The same processes as in production over real HTTP; only the clock is a test clock and Midtrans is
the simulator. Diary, numbers, amounts and the bytes of every document are the same every time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from ops.demo_story.callers import StoryError
from ops.demo_story.checks import Verdict, judge
from ops.demo_story.instance import Running, throw_away
from ops.demo_story.sabotage import plant
from ops.demo_story.script import BEGAN, story
from ops.demo_story.stage import ZONE, Stage, set_the_stage
from ops.doctor import Report, render
from ops.embedded import EmbeddedError


def main(*, output: Path, sabotage: str | None = None) -> int:
    """Live the year and judge it: 0 when all holds, 1 when something does not, named."""
    began = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGHUP):  # by default they would skip the cleaning up
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        with throw_away() as running:
            _say(f"instance ready after {time.monotonic() - began:.1f} s")
            stage, verdicts, report = _live(running, sabotage)
            documents = write_documents(stage, output)
            if running.instance.problems:  # the instance is thrown away, its last words are not
                logs = running.instance.settings.home / "logs"
                shutil.copytree(logs, output / "logs", dirs_exist_ok=True)
            stage.api.close()
            stage.people.close()
    except (StoryError, RuntimeError, EmbeddedError, psycopg.Error) as error:
        print(f"the demo could not be played: {error}", file=sys.stderr)
        return 1
    _write_summary(output, verdicts, documents)
    _say("")
    if report.broken:
        _say(render(report))
        _say("")
    for verdict in verdicts:
        _say(f"{'ok    ' if verdict.holds else 'BROKEN'}  {verdict.name}: {verdict.figures}")
    _say(f"{len(documents)} documents and the diary are in {output}/")
    _say(f"{time.monotonic() - began:.0f} s")
    broken = [f"not so: {verdict.name}" for verdict in verdicts if not verdict.holds]
    broken += [result.name for result in report.broken]
    if broken:
        print(f"BROKEN: {'; '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def _live(running: Running, sabotage: str | None) -> tuple[Stage, list[Verdict], Report]:
    stage = set_the_stage(running, _say, BEGAN)
    story(stage).play()
    if sabotage is not None:
        _say(f"sabotage: {sabotage}")
        plant(stage, sabotage)
    verdicts, report = judge(stage)
    if running.instance.problems:
        verdicts.append(Verdict("no process failed", False, running.instance.problems[0]))
    return stage, verdicts, report


def write_documents(stage: Stage, output: Path) -> dict[str, str]:
    """Write the diary in both languages and every document; their SHA-256 by file name."""
    output.mkdir(parents=True, exist_ok=True)
    for old in (*output.glob("*.pdf"), *output.glob("diary.*.txt")):
        old.unlink()
    found: dict[str, str] = {}

    def keep(name: str, content: bytes) -> None:
        (output / name).write_bytes(content)
        found[name] = hashlib.sha256(content).hexdigest()

    for language in ("id", "en"):
        lines = [entry.line(language, ZONE) for entry in stage.entries]
        keep(f"diary.{language}.txt", ("\n".join(lines) + "\n").encode())
    for path, number, document in _documents(stage):
        keep(f"{number.replace('/', '-')}.pdf", stage.api.pdf(f"{path}/{document}/pdf"))
    return found


def _documents(stage: Stage) -> list[tuple[str, str, str]]:
    listed = [
        ("/invoices", one["number"], one["id"])
        for one in stage.api.every("/invoices")
        if one["number"]
    ]
    listed += [
        ("/credit-notes", one["number"], one["id"]) for one in stage.api.every("/credit-notes")
    ]
    return sorted(listed)


def _write_summary(output: Path, verdicts: Sequence[Verdict], documents: dict[str, str]) -> None:
    whole = hashlib.sha256("".join(sorted(documents.values())).encode()).hexdigest()
    summary: dict[str, Any] = {
        "digest": whole,
        "verdicts": [
            {"name": one.name, "holds": one.holds, "figures": one.figures} for one in verdicts
        ],
        "documents": dict(sorted(documents.items())),
    }
    (output / "summary.json").write_text(
        json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )


def _say(line: str) -> None:
    print(line, flush=True)
