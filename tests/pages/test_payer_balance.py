"""What a payer reads of his balance on the page behind his link."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import START, set_clock
from pages.desk import plain
from pages.house import House

from billing.flows.credit import credit_invoice
from billing.flows.granting import grant
from billing.flows.settle import settle
from core import ids
from payments.gateway import Answer


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        (
            "id",
            ("Saldo Anda: Rp21.610",
             "Kredit dari penjual: Selamat datang berlaku sampai 30 Januari 2027 Rp9.000",
             "Uang Anda tidak hangus Rp12.610"),
        ),
        (
            "en",
            ("Your balance: Rp21.610",
             "Credit from the seller: Selamat datang until 30 January 2027 Rp9.000",
             "Your money does not expire Rp12.610"),
        ),
    ],
)  # fmt: skip
def test_a_payer_reads_his_balance_by_its_lots(
    house: House, locale: str, said: tuple[str, ...]
) -> None:
    """Of what he paid Rp12.610 were credited; Rp9.000 were given."""
    customer, _, invoice = house.subscribe(locale=locale)
    path = house.link(invoice)
    nothing = plain(house.client.get(path).text)
    assert said[0].partition(":")[0] not in nothing
    house.bank_gives()
    house.client.post(f"{path}/va")
    [order] = house.orders(invoice)
    paid = Answer("paid", order_id=order.order_id, amount=387_390, paid_at=START)
    settle(house.engine, house.merchant.merchant_id, order.order_id, paid, because="test")
    with house.work() as unit:
        credit_invoice(
            unit, invoice, reason="mistake", source_kind="request", source_id=ids.fresh(),
            gross_amount=12_610,
        )  # fmt: skip
        grant(unit, customer, 9_000, reason="Selamat datang",
              last_day=unit.today + timedelta(days=20))  # fmt: skip
    page = plain(house.client.get(path).text)
    for words in said:
        assert words in page, page
    assert page.index(said[1]) < page.index(said[2])
    # The day after its last the credit pays nothing, and is not shown, booked as ended or not.
    set_clock(house.engine, house.merchant.merchant_id, START + timedelta(days=21))
    ended = plain(house.client.get(path).text)
    assert "Rp9.000" not in ended
    assert said[0].replace("Rp21.610", "Rp12.610") in ended
