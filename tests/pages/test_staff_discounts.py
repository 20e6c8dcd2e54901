"""Discounts at the staff page: made, listed, stopped, refused in words, by who may."""

from __future__ import annotations

import pytest
from builders import make_price, make_subscription
from pages.desk import Desk, plain
from pages.house import House

from billing.discounts.queries import find_by_code
from billing.discounts.service import create_discount
from billing.flows.change_items import change_item
from billing.flows.item_quote import ItemWish
from billing.flows.item_rows import load_extras
from core import ids

FORM = {
    "code": "hemat20", "name": "Hemat 20%", "takes": "12,5", "kind": "percent",
    "duration": "periods", "count": "3", "max_redemptions": "1.000", "per_customer": "",
}  # fmt: skip


@pytest.fixture
def desk(house: House) -> Desk:
    made = Desk(house)
    made.enter()
    return made


def test_a_discount_is_made_listed_and_stopped(house: House, desk: Desk) -> None:
    page = desk.get("/discounts")
    assert "Belum ada diskon." in plain(page.text)
    assert "/discounts" in desk.get().text
    answer = desk.send("/discounts", page.text, **FORM)
    assert answer.status_code == 303
    with house.work() as unit:
        found = find_by_code(unit, "HEMAT20")
    assert found is not None
    assert (found.basis_points, found.count, found.max_redemptions) == (1_250, 3, 1_000)
    assert found.created_by == desk.email
    page = desk.get("/discounts?done=done_discount")
    told = plain(page.text)
    for words in ("Diskon dibuat.", "HEMAT20", "12,5%", "beberapa periode (3)", "0 dari 1.000"):
        assert words in told

    path = f"/discounts/{ids.public('discount', found.id)}/stop"
    assert desk.send(path, page.text).status_code == 303
    assert "dihentikan" in plain(desk.get("/discounts").text)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"takes": "banyak"}, "periksa kode"),
        ({"kind": "amount", "takes": "Rp 0"}, "periksa kode"),
        ({"takes": "150"}, "periksa kode"),
        ({"count": ""}, "periksa kode"),
        ({"code": "x y"}, "periksa kode"),
        ({"per_customer": "1.001"}, "per pelanggan sampai 1.000"),
        ({"per_customer": "0"}, "per pelanggan sampai 1.000"),
        ({"max_redemptions": "1.000.001"}, "dari 1 sampai 1.000.000"),
        ({"name": ""}, "tulis namanya"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    house: House, desk: Desk, changed: dict[str, str], words: str
) -> None:
    answer = desk.send("/discounts", desk.get("/discounts").text, **{**FORM, **changed})
    assert answer.status_code == 409
    assert words in plain(answer.text).lower()
    assert f'value="{changed.get("code", "hemat20")}"' in answer.text
    with house.work() as unit:
        assert find_by_code(unit, "HEMAT20") is None


def test_a_customer_s_page_shows_items_and_codes(house: House, desk: Desk) -> None:
    with house.work() as unit:
        create_discount(unit, code="HEMAT", name={"id": "Hemat"}, basis_points=1_000)
        beside = [(make_price(unit, 45_000).id, 2), (make_price(unit, 20_000).id, 1)]
        made = make_subscription(unit, items=beside, codes=["HEMAT"])
        [_, other] = load_extras(unit, [made.subscription.id])[made.subscription.id]
        change_item(unit, made.subscription.id, ItemWish(extra_id=other.item.extra_id, quantity=0))
    told = plain(
        desk.get(f"/customers/{ids.public('customer', made.subscription.customer_id)}").text
    )
    for words in ("+ Paket Pro × 2: Rp90.000", "+ Paket Pro: Rp20.000", "sampai", "− HEMAT"):
        assert words in told, told


def test_who_may_not_change_prices_sees_the_list_alone(house: House) -> None:
    desk = Desk(house, role="support")
    desk.enter()
    page = desk.get("/discounts")
    assert page.status_code == 200
    assert "Buat diskon" not in page.text
    assert desk.send("/discounts", page.text, **FORM).status_code == 403
