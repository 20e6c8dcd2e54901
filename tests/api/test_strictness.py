"""What a body may be: one table of what is refused, with the code and the place."""

from __future__ import annotations

import json

import pytest
from api_house import House

GOOD = {"name": "Sari", "email": "sari@contoh.example"}


def with_(**more: object) -> bytes:
    return json.dumps({**GOOD, **more}).encode()


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        pytest.param(b'{"name": "Sari", "name": "Budi", "email": "a@b.example"}', 400, "duplicate_key", "name", id="a-key-twice"),
        pytest.param(b'{"name": "Sari",', 400, "malformed_json", None, id="cut-off"),
        pytest.param(b"\xff\xfe", 400, "malformed_json", None, id="not-utf-8"),
        pytest.param(b"", 400, "missing_body", None, id="empty"),
        pytest.param(b"[" * 5000, 400, "malformed_json", None, id="a-tower-of-brackets"),
        pytest.param(b'{"name": NaN, "email": "a@b.example"}', 400, "malformed_json", None, id="nan"),
        pytest.param(with_(name="a\0b"), 400, "invalid_text", "name", id="nul"),
        pytest.param(b'{"name": "\\ud800", "email": "a@b.example"}', 400, "invalid_text", "name", id="half-a-character"),
        pytest.param(b"[]", 422, "invalid_value", None, id="a-list"),
        pytest.param(b"null", 422, "invalid_value", None, id="null"),
        pytest.param(b"{}", 422, "missing_field", "name", id="nothing-in-it"),
        pytest.param(with_(nick="S"), 422, "unknown_field", "nick", id="unknown-key"),
        pytest.param(with_(name=7), 422, "invalid_value", "name", id="number-for-text"),
        pytest.param(with_(name=""), 422, "invalid_value", "name", id="too-short"),
        pytest.param(with_(locale="fr"), 422, "invalid_value", "locale", id="not-in-the-list"),
        pytest.param(with_(metadata={"a": 1}), 422, "invalid_value", "metadata.a", id="number-in-metadata"),
        pytest.param(with_(metadata={"b": "c", "": "d"}), 422, "invalid_value", "metadata.", id="empty-key-in-metadata"),
        pytest.param(with_(metadata={"k" * 41: "d"}), 422, "invalid_value", "metadata." + "k" * 41, id="long-key-in-metadata"),
        pytest.param(with_(npwp="123"), 422, "invalid_npwp", "npwp", id="npwp-too-short"),
        pytest.param(with_(billing_zone="Mars/Olympus"), 422, "unknown_zone", "billing_zone", id="no-such-zone"),
    ],
)  # fmt: skip
def test_a_body_that_means_two_things_is_refused(
    house: House, body: bytes, status: int, code: str | None, field: str | None
) -> None:
    answer = house.ours.call("POST", "/customers", body)

    assert answer.status_code == status, answer.text
    if code is not None:
        assert (answer.json()["code"], answer.json().get("field")) == (code, field)


def test_a_body_of_another_type_is_refused(house: House) -> None:
    answer = house.ours.call("POST", "/customers", with_(), Content_Type="text/plain")

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_body_that_is_too_large_is_refused(house: House) -> None:
    answer = house.ours.call("POST", "/customers", with_(name="x" * 300_000))

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "after=xx",
        "after=%00",
        "created_from=2026-01-01T00:00:00",
        "created_before=0001-01-01T00:00:00%2B14:00",
        "created_before=9999-12-31T23:59:59-14:00",
    ],
)
def test_a_query_that_can_not_be_meant_is_refused(house: House, query: str) -> None:
    answer = house.ours.call("GET", f"/customers?{query}")

    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    "query",
    [
        "amount=0",
        "amount=-1",
        "amount=99999999999999999999999",
        "country=id",
        "country=IDN",
        "country=",
    ],
)
def test_an_amount_and_a_country_that_are_none_are_refused(house: House, query: str) -> None:
    answer = house.ours.call("GET", f"/payment-methods?{query}")

    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["field"] == query.partition("=")[0]


def test_every_bound_of_an_address_that_the_document_names_is_kept(house: House) -> None:
    """One below the least and one above the most, of every parameter of every list."""
    asked = []
    for path, item in house.client.get("/api/v1/openapi.json").json()["paths"].items():
        for parameter in item.get("get", {}).get("parameters", ()):
            schema = parameter.get("schema", {})
            for one in schema.get("oneOf") or schema.get("anyOf") or [schema]:
                if parameter["in"] != "query" or "{" in path or path.endswith("/merchants"):
                    continue  # the operator's alone
                for bound, step in (("minimum", -1), ("maximum", 1)):
                    if bound in one:
                        asked.append((path, parameter["name"], one[bound] + step))
    for path, name, value in asked:
        answer = house.ours.call("GET", f"{path.removeprefix('/api/v1')}?{name}={value}")
        assert answer.status_code in (400, 422), (path, answer.text)
        assert answer.json()["field"] == name
    assert len(asked) > 10


def test_a_card_number_is_no_token(house: House) -> None:
    customer = house.ours.post("/customers", GOOD)["id"]

    answer = house.ours.call(
        "POST", f"/customers/{customer}/payment-methods", {"card_token": "4811 1111 1111 1114"}
    )

    assert (answer.status_code, answer.json()["field"]) == (422, "card_token")
    assert "4811" not in answer.text


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/customers?email=%00", "email"),
        ("/customers?external_id=a%00b", "external_id"),
        ("/invoices?number=%00", "number"),
        ("/plans?code=%00", "code"),
        ("/payments?order_id=%00", "order_id"),
        ("/events?type=%00", "type"),
        ("/invoices/%00", "invoice_id"),
    ],
)
def test_an_address_with_a_character_no_database_holds_is_refused(
    house: House, path: str, field: str
) -> None:
    answer = house.ours.call("GET", path)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query"), answer.text
    assert answer.json()["field"] == field


@pytest.mark.parametrize("path", ["/bayar/%00", "/staff/%00/sign-in", "/gateways/midtrans/%00"])
def test_a_page_with_such_an_address_does_not_exist(house: House, path: str) -> None:
    method = "POST" if path.startswith("/gateways") else "GET"

    assert house.client.request(method, path, content=b"{}").status_code == 404


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/subscriptions", "status"),
        ("/invoices", "status"),
        ("/payments", "status"),
        ("/refunds", "state"),
        ("/plans", "state"),
    ],
)
def test_a_state_that_does_not_exist_is_refused(house: House, path: str, name: str) -> None:
    answer = house.ours.call("GET", f"{path}?{name}=nope")

    assert (answer.status_code, answer.json().get("field")) == (422, name), answer.text
