"""Rows of one statement travel as arrays of text: whatever is in them comes out as it went in."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from core.bulk import array_of


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([], "{}"),
        ([7, 7, 7], '{"7","7","7"}'),
        ([1, -2, None], '{"1","-2",NULL}'),
        (["NULL", "", " a,b{} "], '{"NULL",""," a,b{} "}'),
        (['say "x"', "c:\\dir", "\\N", '\\"'], '{"say \\"x\\"","c:\\\\dir","\\\\N","\\\\\\""}'),
        ([date(2026, 1, 2), UUID(int=0)], '{"2026-01-02","00000000-0000-0000-0000-000000000000"}'),
    ],
)
def test_an_array_is_written_as_postgresql_reads_it(values: list[object], written: str) -> None:
    assert array_of(values) == written
