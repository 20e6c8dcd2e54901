"""What a file would do and what is wrong with it, in Indonesian and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from billing.catalogue.reading import Problem

_PROBLEMS: Final[Mapping[str, tuple[str, str]]] = {
    "too_long": ("berkas lebih dari {most} huruf", "the file has more than {most} characters"),
    "no_yaml": ("ini bukan YAML: {why}", "this is no YAML: {why}"),
    "anchor": ("jangkar dan alias tidak dipakai di sini", "anchors and aliases are not used here"),
    "too_deep": ("bersarang terlalu dalam", "nested too deep"),
    "no_key": ("kunci harus teks", "a key is a text"),
    "twice": ("kunci ini ditulis dua kali", "this key stands here twice"),
    "no_table": ("di sini harus ada kunci dan nilai", "keys and values are wanted here"),
    "no_list": ("di sini harus ada daftar", "a list is wanted here"),
    "no_text": ("di sini harus ada teks, 1 sampai 500 huruf", "a text of 1 to 500 characters"),
    "no_whole": (
        "di sini harus ada bilangan bulat, tanpa titik dan tanpa kutip, misalnya 150000",
        "a whole number without a point and without quotes, such as 150000",
    ),
    "no_number": (
        "di sini harus ada bilangan, misalnya 8000 atau 0.5",
        "a number is wanted here, such as 8000 or 0.5",
    ),
    "no_flag": ("tulis true atau false", "write true or false"),
    "no_words": ("tulis kata untuk id, en, atau keduanya", "words for id, en or both"),
    "no_instant": (
        "tulis saat dengan zonanya, misalnya 2026-11-01T00:00:00+07:00",
        "an instant with its offset, such as 2026-11-01T00:00:00+07:00",
    ),
    "no_choice": ("pilih salah satu: {allowed}", "one of: {allowed}"),
    "no_filter": ("saringan punya property dan in", "a filter has a property and in"),
    "no_window": ("diskon berakhir setelah mulai", "a discount ends after it begins"),
    "unknown_key": (
        "kunci ini tidak dikenal; yang dikenal: {known}",
        "this key is not known; known are: {known}",
    ),
    "missing": ("ini harus diisi", "this is needed"),
    "version": ("versi berkas yang dikenal: {known}", "known versions of files: {known}"),
    "not_taken": ("nilai ini tidak mungkin: {why}", "this value is not possible: {why}"),
    "id_taken": (
        "id ini milik paket {other}",
        "this id names the plan {other}",
    ),
    "version_id_taken": (
        "id ini milik versi harga yang lain: versi baru perlu id baru, atau tanpa id",
        "this id names another version of a price: a new version needs another id, or none",
    ),
    "plan_retired": (
        "paket ini sudah tidak dijual: tulis state: active untuk menjualnya lagi",
        "this plan is not sold any more: write state: active to sell it again",
    ),
    "retired_anew": (
        "meter yang isinya berubah tidak bisa sekaligus ditutup",
        "a meter that is changed can not be retired at once",
    ),
    "discount_edited": (
        "diskon tidak pernah diubah: hentikan yang ini dan buat yang lain dengan kode lain",
        "a discount is never edited: stop this one and make another with another code",
    ),
    "no_plan": ("tidak ada paket {plan}", "there is no plan {plan}"),
    "no_meter": ("tidak ada meter {meter}", "there is no meter {meter}"),
    "no_version": ("versi meter ini 1 sampai {newest}", "its versions are 1 to {newest}"),
    "meter_retired": ("meter {meter} sudah ditutup", "the meter {meter} is retired"),
    "meter_no_sum": (
        "persentase perlu meter yang menjumlah (sum); {meter} bukan itu",
        "a percentage needs a meter that adds up (sum), which {meter} does not",
    ),
}  # fmt: skip

_STEPS: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("create", "meter"): ("meter baru {code}", "new meter {code}"),
    ("publish", "meter"): (
        "versi baru meter {code} (setelah versi {version}; menghitung mulai sekarang)",
        "new version of meter {code} (after version {version}; counts from now on)",
    ),
    ("retire", "meter"): ("tutup meter {code}", "retire meter {code}"),
    ("create", "plan"): ("paket baru {code}", "new plan {code}"),
    ("edit", "plan"): ("ubah paket {code}", "edit plan {code}"),
    ("publish", "price"): ("harga baru {code}", "new price of {code}"),
    ("retire", "price"): (
        "tidak dijual lagi: {code} versi {version}",
        "not sold any more: {code} version {version}",
    ),
    ("create", "discount"): ("diskon baru {code}", "new discount {code}"),
    ("stop", "discount"): ("hentikan diskon {code}", "stop discount {code}"),
}
_REPLACED = (
    "versi baru harga {code} menggantikan versi {version}",
    "new version of {code} in place of version {version}",
)
_KEEP = (
    "{n} langganan tetap memakai versi {version}",
    "{n} subscriptions keep version {version}",
)
_OWN = (
    "{n} pelanggan punya harga sendiri untuk versi {version}: yang sudah dipakai tetap, {then}",
    "{n} customers have their own price for version {version}: what they have stays, {then}",
)
_OWN_THEN: Final[Mapping[str, tuple[str, str]]] = {
    "publish": (
        "yang diminta mulai sekarang memakai harga umum, kecuali Anda beri harga sendiri yang baru",
        "what they ask for from now on has everybody's price, unless you give them a new one",
    ),
    "retire": ("tidak bisa diminta lagi", "it can not be asked for any more"),
}
_GIVEN = ("yang sudah memakainya tetap memakainya", "who has it keeps it")
_NONE = ("tidak ada", "none")


def problem_text(problem: Problem, language: str) -> str:
    """Say what is wrong, with the line and the key."""
    words = _PROBLEMS[problem.what][0 if language == "id" else 1].format(**problem.given)
    where = f"baris {problem.line}" if language == "id" else f"line {problem.line}"
    return f"{where}, {problem.key}: {words}" if problem.key else f"{where}: {words}"


def step_text(step: Any, language: str) -> tuple[str, tuple[str, ...]]:
    """Say what a step does: a line, and lines under it."""
    at = 0 if language == "id" else 1
    title = _STEPS[step.act, step.kind][at]
    if step.act == "publish" and step.kind == "price" and step.version:
        title = _REPLACED[at]
    under = []
    for name in sorted({*step.content, *(step.before or {})}, key=_place):
        old, new = (step.before or {}).get(name), step.content.get(name)
        if old == new or new in ({}, []) or (step.before is None and new in (None, False)):
            continue
        if step.act in ("retire", "stop"):
            continue
        told = f"{_value(old, at)} → {_value(new, at)}" if step.before else _value(new, at)
        under.append(f"{name}: {told}")
    if step.kind == "price" and step.version:
        under.append(_KEEP[at].format(n=step.keepers, version=step.version))
        if step.own_prices:
            then = _OWN_THEN[step.act][at]
            under.append(_OWN[at].format(n=step.own_prices, version=step.version, then=then))
    if step.act == "stop":
        under.append(_GIVEN[at])
    return title.format(code=step.code, version=step.version), tuple(under)


_FIRST: Final = (
    "name", "interval_unit", "interval_count", "model", "unit_amount", "terms", "component",
)  # fmt: skip


def _place(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def _value(value: Any, at: int) -> str:
    if value is None or value in ({}, []):
        return _NONE[at]
    if isinstance(value, dict):
        if set(value) <= {"id", "en"}:
            return " / ".join(value[one] for one in ("id", "en") if one in value)
        return ", ".join(f"{name} {_value(one, at)}" for name, one in value.items())
    if isinstance(value, list):
        return "; ".join(_value(one, at) for one in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}".replace(",", ".") if isinstance(value, int) else str(value)
