"""Schedules of the simulator's own, as tests ask for them and read what came of them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
Desk = Any


def schedule_request(token: str = "dummy", **more: Any) -> Json:
    schedule = {"interval": 1, "interval_unit": "month", **more.pop("schedule", {})}
    return {
        "name": "SUB-77",
        "amount": "100000",
        "currency": "IDR",
        "payment_type": "credit_card",
        "token": token,
        "schedule": schedule,
        **more,
    }


def create_schedule(desk: Desk, token: str = "dummy", **more: Any) -> str:
    answer = desk.http.post("/v1/subscriptions", json=schedule_request(token, **more))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def schedule_shown(desk: Desk, ident: str) -> Json:
    answer: Json = desk.core.get_subscription(ident)
    return answer


def charges(desk: Desk) -> list[tuple[str, str]]:
    """When each try was made and what came of it, by the book."""
    book = desk.sim("GET", "book", order_id="SUB-77")["transactions"]
    return sorted((entry["created_at"], entry["status"]) for entry in book)


def dates(desk: Desk) -> list[str]:
    return [at[:10] for at, _ in charges(desk)]
