"""Which cards may pay a one-off, and in how many months, over Midtrans' own wire."""

from __future__ import annotations

from typing import Any

import pytest
from api_house import Counter

from ops.doctor import examine, render
from payments.declines import decline_of_status
from payments.tables import payment_orders, payments

pytestmark = pytest.mark.database

BCA = "4773 7760 5705 1650"
TOTAL = 1_200_000


def ask(counter: Counter, card: str = BCA, **payment: Any) -> Any:
    return counter.door.call(
        "POST",
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Mesin kasir"}, "unit_amount": TOTAL}],
            "payment": {"card_token": counter.world.desk.card_token(card), **payment},
        },
    )


def healthy(counter: Counter) -> None:
    report = examine(counter.world.engine.db, counter.world.machine.at)
    assert not report.broken, render(report)


def test_instalments_change_nothing_of_what_is_owed_or_paid(counter: Counter) -> None:
    made = ask(counter, installment={"months": 6, "bank": "bca"}).json()
    [order] = made["orders"]
    counter.confirm(order["order_id"])
    found = counter.door.get(f"/invoices/{made['invoice']['id']}")
    assert (found["invoice"]["status"], found["invoice"]["total"]) == ("paid", TOTAL)
    [payment] = counter.world.rows(payments)
    assert payment.amount == TOTAL
    [row] = counter.world.rows(payment_orders)
    assert (row.answer["installment_term"], row.answer["bank"]) == ("6", "bca")
    healthy(counter)


@pytest.mark.parametrize("bins", [["4773"], ["47737760"], ["bca"], ["5211", "47"], ["BCA", "bni"]])
def test_a_card_of_the_list_pays(counter: Counter, bins: list[str]) -> None:
    made = ask(counter, allowed_bins=bins).json()
    counter.confirm(made["orders"][0]["order_id"])
    assert counter.door.get(f"/invoices/{made['invoice']['id']}")["invoice"]["status"] == "paid"
    healthy(counter)


def test_another_card_is_refused_before_anybody_is_asked(counter: Counter) -> None:
    answer = ask(counter, allowed_bins=["5211"])
    assert (answer.status_code, answer.json()["code"]) == (422, "card_not_allowed")
    assert counter.world.rows(payment_orders) == []
    assert counter.world.desk.book() == {}


def test_a_card_that_only_the_gateway_can_judge_is_declined_in_words(counter: Counter) -> None:
    """Whose bank it is its digits do not tell us: Midtrans refuses it, and nothing is owed less."""
    made = ask(counter, allowed_bins=["bni"]).json()
    [order] = made["orders"]
    assert (order["state"], order["code"]) == ("failed", "bin")
    assert counter.door.get(f"/invoices/{made['invoice']['id']}")["invoice"]["status"] == "open"
    assert "card" in decline_of_status("bin").reason_en
    again = counter.door.post(
        f"/invoices/{made['invoice']['id']}/pay",
        {"card_token": counter.world.desk.card_token(BCA), "allowed_bins": ["bca"]},
    )
    counter.confirm(again["orders"][-1]["order_id"])
    assert counter.door.get(f"/invoices/{made['invoice']['id']}")["invoice"]["status"] == "paid"
    healthy(counter)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"allowed_bins": ["mybank"]}, "invalid_bins"),
        ({"allowed_bins": ["477377605"]}, "invalid_bins"),
        ({"allowed_bins": ["47 3"]}, "invalid_bins"),
        ({"installment": {"months": 6, "bank": "mybank"}}, "invalid_installment"),
        ({"installment": {"months": 1, "bank": "bca"}}, None),
        ({"installment": {"months": 61, "bank": "bca"}}, None),
    ],
)
def test_terms_that_mean_nothing_are_refused(
    counter: Counter, terms: dict[str, Any], code: str | None
) -> None:
    answer = ask(counter, **terms)
    assert answer.status_code in (400, 422), answer.text
    assert code is None or answer.json()["code"] == code
    assert counter.world.rows(payment_orders) == []


def test_terms_go_with_a_fresh_card_of_a_one_off_only(counter: Counter) -> None:
    months = {"installment": {"months": 3, "bank": "bca"}}
    answers = [
        counter.door.call(
            "POST", "/one-off-payments",
            {
                "customer": counter.customer(),
                "lines": [{"description": {"id": "Mesin kasir"}, "unit_amount": TOTAL}],
                "payment": {"virtual_account": True, **months},
            },
        ),
        counter.door.call(
            "POST", "/subscriptions",
            {
                "customer": counter.customer(), "price": counter.price(150_000),
                "payment": {
                    "card_token": counter.world.desk.card_token(), **months,
                    "mandate": {"text_version": "1", "text": "Setuju.", "source": "10.0.0.7"},
                },
            },
        ),
    ]  # fmt: skip
    assert [one.json()["code"] for one in answers] == ["card_terms_not_possible"] * 2
