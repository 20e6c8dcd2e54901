"""The page ``docs/reference/api.md``, written from the OpenAPI document."""

from __future__ import annotations

import sys
from typing import Any

from api.app import create_app
from api.docs import TAGS, document
from api.problem_words import FAMILIES, WORDS
from core.settings import Settings

_HEAD = """# The API

Written by `python -m api.reference`; a test compares it. The whole of it, with shapes and examples,
is at `/docs` of a running instance and as OpenAPI 3.1 at `/api/v1/openapi.json`.

Amounts are integers of whole rupiah. Send `Authorization: Bearer tgh_…`. The operator sends the
operator key and names a merchant in the header `Tagihan-Merchant`. Scopes: `write`, `refund` and
`approve` bring `read`, `admin` brings all but `approve`. Every POST marked ● needs an
`Idempotency-Key`: the same key and request have one effect and one answer. Refusals are RFC 9457
problems: `code` is stable, `field` is the path of the offending value.

"""
_REFUSALS = """## Refusals
`code` never changes its meaning. `title` and `detail` are for people: in Indonesian for a request
with `Accept-Language: id`, else in English.

| code | what it means, and what to do |
|---|---|
"""


def page(made: dict[str, Any]) -> str:
    """The page for a document."""
    rows: dict[str, list[str]] = {name: [] for name, _ in TAGS}
    for path, item in made["paths"].items():
        for method, operation in item.items():
            once = any(p["name"] == "Idempotency-Key" for p in operation.get("parameters", ()))
            rows[operation["tags"][0]].append(
                f"| `{method.upper()} {path}`{' ●' if once else ''} | `{operation['x-scope']}` "
                f"| {operation['summary']} |"
            )
    text = _HEAD
    for name, words in TAGS:
        table = "\n".join(sorted(rows[name]))
        text += (
            f"## {name}\n{words}\n\n| route | scope | what it does |\n|---|---|---|\n{table}\n\n"
        )
    return text + _refusals()


def _refusals() -> str:
    """Every code with what it means, families last."""
    rows = [f"| `{code}` | {words[0]} |" for code, words in sorted(WORDS.items())]
    rows += [f"| `{family}` | {words[0]} |" for family, words in FAMILIES.items()]
    return _REFUSALS + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(document(create_app(Settings()))))
