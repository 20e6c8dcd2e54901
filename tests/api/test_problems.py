"""Refusals are problems of RFC 9457, and a bug tells nothing."""

from __future__ import annotations

from typing import Any

import pytest
from api_house import House

from billing import queries


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "route_not_found"),
        ("DELETE", "/customers", 405, "method_not_allowed"),
        ("GET", "/customers/cus_aaaaaaaaaaaaaaaaaaaaaaaaaa", 404, "customer_not_found"),
        ("GET", "/customers/1", 404, "customer_not_found"),
        ("GET", "/customers/sub_aaaaaaaaaaaaaaaaaaaaaaaaaa", 404, "customer_not_found"),
    ],
)
def test_a_refusal_has_the_shape_of_a_problem(
    house: House, method: str, path: str, status: int, code: str
) -> None:
    answer = house.ours.call(method, path)

    problem = answer.json()
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert set(problem) >= {"type", "title", "detail", "instance"}
    assert problem["type"] == f"urn:tagihan:problem:{code}"
    assert problem["instance"].endswith(answer.headers["tagihan-request-id"])


def test_a_bug_tells_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("server key SB-Mid-server-secret")

    monkeypatch.setattr(queries, "get_customer", broken)
    answer = house.ours.call("GET", "/customers/cus_aaaaaaaaaaaaaaaaaaaaaaaaaa")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "SB-Mid" not in answer.text
    assert "Traceback" not in answer.text


def test_a_database_that_is_away_is_said_so(down: House) -> None:
    answer = down.operator.call(
        "GET", "/customers", Tagihan_Merchant="mer_aaaaaaaaaaaaaaaaaaaaaaaaaa"
    )

    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert down.nobody.call("GET", "/health").status_code == 200
    assert down.nobody.call("GET", "/ready").status_code == 503


def test_every_answer_carries_its_headers(house: House) -> None:
    for path in ("/health", "/customers", "/nothing"):
        headers = house.ours.call("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["tagihan-request-id"]


def test_it_is_ready_on_a_migrated_database(house: House) -> None:
    assert house.nobody.get("/ready") == {
        "status": "ready", "database": "ok", "schema": "ok", "workers": "ok", "backlog_seconds": 0,
        "examined": "never", "reason": None,
    }  # fmt: skip
