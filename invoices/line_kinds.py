"""Kinds of lines and how each is described in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class LineKind(StrEnum):
    """What a line stands for; the order of the kinds is their order on paper."""

    RECURRING = "recurring"
    STUB = "stub"
    CREDIT = "credit"
    CHARGE = "charge"
    USAGE = "usage"
    SETUP = "setup"
    ONE_OFF = "one_off"
    TOP_UP = "top_up"


_DESCRIPTIONS: Final[Mapping[LineKind, Mapping[str, str]]] = {
    LineKind.RECURRING: {"id": "{name}", "en": "{name}"},
    LineKind.STUB: {"id": "{name} (periode awal)", "en": "{name} (first period)"},
    LineKind.CREDIT: {"id": "Sisa masa {name}, dikembalikan", "en": "Unused time on {name}"},
    LineKind.CHARGE: {"id": "{name} (sisa periode)", "en": "{name} (remaining time)"},
    LineKind.USAGE: {"id": "Pemakaian {name}", "en": "{name}, used"},
    LineKind.SETUP: {"id": "Biaya awal {name}", "en": "{name}, setup fee"},
    LineKind.ONE_OFF: {"id": "{name}", "en": "{name}"},
    LineKind.TOP_UP: {"id": "Isi saldo", "en": "Balance top-up"},
}


def describe(kind: LineKind, name: str | Mapping[str, str]) -> dict[str, str]:
    """Word a line in both languages around the name of what is sold."""
    names = {"id": name, "en": name} if isinstance(name, str) else name
    texts = _DESCRIPTIONS[kind]
    fallback = names.get("id") or next(iter(names.values()))
    return {
        language: texts[language].replace("{name}", names.get(language) or fallback)
        for language in ("id", "en")
    }
