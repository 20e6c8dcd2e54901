"""The page ``docs/reference/api.md``, written from the OpenAPI document."""

from __future__ import annotations

import sys
from typing import Any

from api.app import create_app
from api.docs import TAGS, document
from core.settings import Settings

_HEAD = """# The API

Written by `python -m api.reference`; a test compares it. The whole of it, with shapes and examples,
is at `/docs` of a running instance and as OpenAPI 3.1 at `/api/v1/openapi.json`.

Amounts are integers of whole rupiah. Send `Authorization: Bearer tgh_…`. The operator sends the
operator key and names a merchant in the header `Tagihan-Merchant`. Scopes: `write` and `refund`
bring `read`, `admin` brings all. Every POST marked ● needs an `Idempotency-Key`: the same key and
request have one effect and one answer. Refusals are RFC 9457 problems: `code` is stable, `field` is
the path of the offending value.

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
    return text.rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(document(create_app(Settings()))))
