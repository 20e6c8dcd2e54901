"""The document is true and the page needs no other host."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from api_house import House

from api.examples import EXAMPLES
from api.reference import page
from api.strict import decode


@pytest.fixture
def document(house: House) -> dict[str, Any]:
    found: dict[str, Any] = house.nobody.get("/api/v1/openapi.json")
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "patch", "put", "delete")
    ]


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    for name in re.findall(r"#/components/schemas/([^'\"]+)", str(document)):
        assert name in schemas


def test_every_operation_has_its_words(document: dict[str, Any]) -> None:
    found = operations(document)
    names = [operation["operationId"] for _, _, operation in found]

    assert len(set(names)) == len(names)
    for method, path, operation in found:
        assert operation.get("summary"), (method, path)
        assert operation.get("description"), (method, path)
        assert operation.get("tags"), (method, path)


def test_every_amount_says_what_it_counts(document: dict[str, Any]) -> None:
    """Whoever reads one field only must still learn that it is whole rupiah."""
    money = re.compile(
        r"(^|_)(amount|subtotal|tax|total|paid|credited|due|balance|net|refunded|to_invoice"
        r"|to_balance|refund_approval_above)$"
    )
    silent = [
        f"{schema}.{field}"
        for schema, shape in document["components"]["schemas"].items()
        for field, told in shape.get("properties", {}).items()
        if money.search(field)
        and (told.get("type") == "integer" or "integer" in str(told.get("oneOf")))
        and "rupiah" not in str(told)
    ]

    assert silent == []


def test_bodies_are_closed(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        if "requestBody" not in operation or path.startswith("/gateways"):
            continue
        content = operation["requestBody"]["content"]["application/json"]["schema"]
        name = content["$ref"].rpartition("/")[2]
        assert document["components"]["schemas"][name]["additionalProperties"] is False, (
            method,
            path,
        )


def test_every_write_by_post_needs_a_key_but_previews_usage_and_the_clock(
    document: dict[str, Any],
) -> None:
    free = {path for method, path, operation in operations(document)
            if method == "POST" and not any(
                one["name"] == "Idempotency-Key" and one["required"]
                for one in operation.get("parameters", ()))}  # fmt: skip

    assert free == {
        "/api/v1/catalogue/plan",
        "/api/v1/price-moves/preview",
        "/gateways/midtrans/{merchant_slug}",
        "/api/v1/subscriptions/{subscription_id}/change-preview",
        "/api/v1/subscriptions/{subscription_id}/cancel-preview",
        "/api/v1/subscriptions/{subscription_id}/item-change-preview",
        "/api/v1/subscriptions/{subscription_id}/pause-preview",
        "/api/v1/subscriptions/{subscription_id}/resume-preview",
        "/api/v1/subscriptions/{subscription_id}/trial-preview",
        # Each event has a key of its own.
        "/api/v1/usage-events",
        "/api/v1/usage-events/batch",
        "/api/v1/clock/advance",
        "/api/v1/clock/jump",
    }


def test_problems_are_documented(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        if path.startswith("/api/v1"):
            assert {"401", "403", "422"} <= set(operation["responses"]), (method, path)


def test_only_health_is_open_and_every_scope_is_the_one_that_is_asked_for(
    house: House, document: dict[str, Any]
) -> None:
    """A generator of clients sends no key where the document asks for none."""
    asked = {
        (method, route.path_format): handler.opt.get("scope")
        for route in house.client.app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in handler.http_methods
    }
    found = operations(document)

    assert {path for _, path, one in found if one.get("security") == []} == {"/health", "/ready"}
    # Midtrans sends no key: its proof is a signature in the body.
    assert {path for _, path, one in found if one.get("security") == [{}]} == {
        "/gateways/midtrans/{merchant_slug}"
    }
    for method, path, operation in found:
        assert operation["x-scope"] == asked[method, path], (method, path)
        if operation["x-scope"] not in ("public", "page"):
            assert "security" not in operation, (method, path)
            assert f"Scope: `{operation['x-scope']}`." in operation["description"]


def test_the_page_loads_nothing_from_elsewhere(house: House) -> None:
    page = house.nobody.call("GET", "/docs")
    assert page.status_code == 200
    assert re.findall(r"(?:src|href)=\"(https?:|//)", page.text) == []
    assert "http" not in page.headers["content-security-policy"].replace("https:", "http:")
    for path in ("/docs/start.js", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"):
        answer = house.nobody.call("GET", path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"].startswith("public")
    assert house.nobody.call("GET", "/docs/swagger.html").status_code == 404


def test_every_example_is_one_that_would_be_read(house: House) -> None:
    wanted = {
        handler.parsed_data_field.annotation.__name__: handler.parsed_data_field.annotation
        for route in house.client.app.routes
        for handler in getattr(route, "route_handlers", ())
        if handler.opt.get("scope") not in ("public", "page") and handler.parsed_data_field
    }

    assert set(EXAMPLES) <= set(wanted)
    for name, example in EXAMPLES.items():
        decode(json.dumps(example).encode(), wanted[name])


def test_no_schema_is_named_after_our_folders(document: dict[str, Any]) -> None:
    names = document["components"]["schemas"]

    assert {"CustomerPage", "InvoicePage", "MethodPage"} <= set(names)
    assert [name for name in names if not name.isalnum()] == []


def test_the_reference_lists_the_routes_as_they_are(document: dict[str, Any]) -> None:
    """Run `python -m api.reference > docs/reference/api.md` when this fails."""
    written = Path(__file__).resolve().parents[2] / "docs" / "reference" / "api.md"

    assert written.read_text(encoding="utf-8") == page(document)
