"""The adapter's benchmark runs, compares like with like, and tells what it found."""

from __future__ import annotations

import json

import pytest

from ops import adapter_benchmark
from ops.adapter_benchmark import Figure, main, measure, table


def test_every_figure_stands_beside_its_floor_from_the_same_run() -> None:
    figures = measure(rounds=1, calls=12)

    assert [(one.operation, one.threads) for one in figures] == [
        ("charge", 1), ("status", 1), ("charge", 8), ("status", 8),
    ]  # fmt: skip
    for one in figures:
        assert min(one.adapter, one.floor, one.ratio, one.adapter_cpu, one.floor_cpu) > 0
    assert len(table(figures).splitlines()) == 5


@pytest.mark.parametrize(
    ("ratio", "ratio_cpu", "code"),
    [(0.81, 0.9, 0), (0.81, 0.7, 0), (0.79, 0.81, 0), (0.79, 0.79, 1)],
)
def test_below_the_target_by_both_measures_the_command_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ratio: float,
    ratio_cpu: float, code: int,
) -> None:  # fmt: skip
    figure = Figure("charge", 1, 900.0, 1000.0, ratio, 1500.0, 1600.0, ratio_cpu)
    monkeypatch.setattr(adapter_benchmark, "measure", lambda rounds, calls: [figure])

    assert main(["--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert (told["met"], told["figures"][0]["ratio"]) == (code == 0, ratio)
    main([])
    assert "by the clock or by processor time" in capsys.readouterr().out
