"""The order in which an invoice is charged by itself, as its page shows it to the customer."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from builders import make_customer, make_method, make_price, make_subscription
from pages.desk import plain
from pages.house import House
from sqlalchemy import update

from billing.flows.methods import set_order
from billing.mandates.service import end_mandate
from payments.tables import payment_methods

HEAD = "Ditagih otomatis dengan urutan ini"


def payer(house: House, count: int, locale: str = "id") -> tuple[UUID, list[UUID], str]:
    """A subscriber with cards ending in 1110, 1111 …; customer, cards, the page of his invoice."""
    with house.work() as unit:
        customer = make_customer(unit, locale=locale)
        cards = [make_method(unit, customer.id) for _ in range(count)]
        for n, card in enumerate(cards):
            change(unit, card, rank=n, masked=f"48111111-111{n}", brand="visa",
                   token_hash=hashlib.sha256(bytes([n])).digest())  # fmt: skip
        made = make_subscription(
            unit, customer=customer, price=make_price(unit), payment_method_id=cards[0]
        )
        assert made.invoice_id is not None
    return customer.id, cards, house.link(made.invoice_id)


def change(unit: Any, card: UUID, **values: Any) -> None:
    unit.session.execute(
        update(payment_methods).where(payment_methods.c.id == card).values(**values)
    )


def page(house: House, path: str) -> str:
    return plain(house.client.get(path).text)


def test_the_page_lists_what_is_charged_next_and_after_it(house: House) -> None:
    _, _, path = payer(house, 3)
    shown = page(house, path)
    assert f"{HEAD} VISA •••• 1110 (berikutnya) VISA •••• 1111 VISA •••• 1112" in shown
    assert "Jumlahnya tetap sama" in shown


def test_the_list_speaks_the_customers_language(house: House) -> None:
    _, _, path = payer(house, 2, locale="en")
    shown = page(house, path)
    assert "Charged automatically in this order VISA •••• 1110 (next) VISA •••• 1111" in shown


def test_the_list_follows_the_customers_order(house: House) -> None:
    customer, cards, path = payer(house, 3)
    with house.work() as unit:
        set_order(unit, customer, [cards[2], cards[1], cards[0]])
    assert "VISA •••• 1112 (berikutnya) VISA •••• 1111 VISA •••• 1110" in page(house, path)


def test_what_may_not_be_charged_has_no_turn_and_one_alone_has_no_order(house: House) -> None:
    _, cards, path = payer(house, 4)
    with house.work() as unit:
        end_mandate(unit, cards[1], because="withdrawn")
        change(unit, cards[3], token_hash=hashlib.sha256(bytes([0])).digest())  # the first again
    assert "VISA •••• 1110 (berikutnya) VISA •••• 1112 Bila satu" in page(house, path)
    with house.work() as unit:
        end_mandate(unit, cards[2], because="withdrawn")
    assert HEAD not in page(house, path)


def test_who_pays_each_invoice_himself_sees_no_order(house: House) -> None:
    customer, _, invoice = house.subscribe()
    with house.work() as unit:
        for n in range(2):
            card = make_method(unit, customer)
            change(unit, card, rank=n, token_hash=hashlib.sha256(bytes([n])).digest())
    assert HEAD not in page(house, house.link(invoice))
