"""Plans at the staff pages: edited, published, subscribers moved and let go, refused in words."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from builders import make_customer, make_price, make_subscription
from pages.desk import Desk, plain
from pages.house import House

from billing.flows.moves import move_due
from billing.flows.overrides import make_override
from billing.moves.queries import list_moves
from core import ids
from plans.queries import Price, prices_of


@pytest.fixture
def desk(house: House) -> Desk:
    made = Desk(house)
    made.enter()
    return made


@pytest.fixture
def price(house: House) -> Price:
    with house.work() as unit:
        made = make_price(unit, 150_000)
        make_subscription(unit, price=made)
    return made


def area(page: str, name: str) -> str:
    """What stands in a text area; a browser leaves out its first line break."""
    found = re.search(rf'<textarea[^>]* name="{name}"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL)
    assert found is not None
    return unescape(found[1])


def confirmed(desk: Desk, path: str, shown: Any) -> Any:
    return desk.send(
        f"{path}/apply", shown.text, file=area(shown.text, "file"), steps=area(shown.text, "steps")
    )


def published(house: House, desk: Desk, price: Price) -> Price:
    path = f"/plans/{ids.public('plan', price.plan_id)}"
    page = desk.get(path)
    wanted = {"price": ids.public("price", price.id), "amount": "175.000"}
    shown = desk.send(f"{path}/check", page.text, **wanted)
    assert "versi baru harga" in plain(shown.text)
    assert "unit_amount: 150.000 → 175.000" in plain(shown.text)
    assert "1 langganan tetap memakai versi 1" in plain(shown.text)
    assert confirmed(desk, path, shown).status_code == 303
    with house.work() as unit:
        newest = prices_of(unit, price.plan_id)[0]
    assert (newest.version, newest.unit_amount) == (2, 175_000)
    return newest


def test_a_new_version_is_shown_before_it_is_published(
    house: House, desk: Desk, price: Price
) -> None:
    assert "/plans" in desk.get().text
    assert price.plan_code in plain(desk.get("/plans").text)
    published(house, desk, price)
    path = f"/plans/{ids.public('plan', price.plan_id)}"
    told = plain(desk.get(f"{path}?done=done_catalogue").text)
    assert "Perubahan paket disimpan." in told
    assert "tidak dijual lagi" in told
    assert "harga khusus pelanggan" not in told
    with house.work() as unit:
        who = make_customer(unit).id
        [newest, _] = prices_of(unit, price.plan_id)
        make_override(unit, who, newest.id, name="Mitra", unit_amount=160_000)
    assert "harga khusus pelanggan" in plain(desk.get(path).text)

    page = desk.get(path)
    text = area(page.text, "file")
    assert "unit_amount: 175000" in text
    named = desk.send(f"{path}/check", page.text, file=text.replace("Paket Pro", "Paket Pertama"))
    assert "ubah paket" in plain(named.text)
    stale = text.replace("175000", "180000")
    again = desk.send(f"{path}/check", page.text, file=stale)
    assert confirmed(desk, path, named).status_code == 303
    refused = confirmed(desk, path, again)
    assert refused.status_code == 409
    assert "Katalog berubah sejak halaman ini dibuka" in plain(refused.text)
    wrong = desk.send(f"{path}/check", page.text, file=text.replace("month", "moon"))
    assert wrong.status_code == 409
    assert "interval_unit: pilih salah satu: day, week, month, year" in plain(wrong.text)
    assert "moon" in area(wrong.text, "file")


def test_subscribers_are_moved_after_a_look_and_let_go(
    house: House, desk: Desk, price: Price
) -> None:
    new = published(house, desk, price)
    path = f"/plans/{ids.public('plan', price.plan_id)}"
    wish = {
        "from_price": ids.public("price", price.id), "to_price": ids.public("price", new.id),
        "not_before": "", "notice_days": "14",
    }  # fmt: skip
    page = desk.get(path)
    shown = desk.send(f"{path}/move", page.text, **wish)
    for words in ("Menyangkut 1 langganan", "Rp166.500 menjadi Rp194.250", "Budi"):
        assert words in plain(shown.text)
    answers = [desk.send(f"{path}/move/start", shown.text, **wish) for _ in range(2)]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    where = answers[0].headers["location"].removeprefix(desk.root)
    assert "belum dikerjakan 1" in plain(desk.get(where).text)
    while move_due(house.engine, house.merchant.merchant_id):
        pass
    told = desk.get(where)
    assert "menunggu perpanjangan 1" in plain(told.text)
    assert desk.send(f"{where}/undo", told.text).status_code == 303
    while move_due(house.engine, house.merchant.merchant_id):
        pass
    assert "dibatalkan" in plain(desk.get(where).text)

    alike = {**wish, "to_price": wish["from_price"]}
    refused = desk.send(f"{path}/move", page.text, **alike)
    assert refused.status_code == 409
    assert "pilih dua versi paket ini" in plain(refused.text)
    odd = desk.send(f"{path}/move", page.text, **{**wish, "notice_days": "400"})
    assert "0 sampai 365" in plain(odd.text)


def test_who_may_not_change_plans_sees_them_and_changes_nothing(house: House, price: Price) -> None:
    support = Desk(house, role="support")
    support.enter()
    path = f"/plans/{ids.public('plan', price.plan_id)}"
    page = support.get(path)
    assert page.status_code == 200
    assert "<textarea" not in page.text
    for act in ("check", "apply", "move", "move/start"):
        assert support.send(f"{path}/{act}", page.text).status_code == 403
    with house.work() as unit:
        assert list_moves(unit) == []
