"""Signing in at the staff pages: who gets in, who waits, what a form must carry."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from builders import make_merchant
from httpx import URL
from litestar import Litestar
from litestar.testing import TestClient
from pages.desk import PASSWORD, Desk, hidden, plain
from pages.house import House
from sqlalchemy import select, update

from api.pages import routes
from api.pages.staff import sign_in as form_page
from core.tables import audit, staff


def test_the_right_password_opens_the_pages(house: House) -> None:
    desk = Desk(house)
    answer = desk.enter()
    assert (answer.status_code, answer.headers["location"]) == (303, desk.root)
    cookie = next(
        c for c in answer.headers.get_list("set-cookie") if c.startswith("tagihan_staff=")
    )
    for wanted in ("HttpOnly", "SameSite=lax", "Path=/staff/larasa"):
        assert wanted in cookie
    assert PASSWORD not in answer.text
    assert desk.get().status_code == 200


def test_nobody_reads_a_page_without_signing_in(house: House) -> None:
    customer, subscription, invoice = house.subscribe()
    from core import ids

    for path in (
        "",
        f"/customers/{ids.public('customer', customer)}",
        f"/invoices/{ids.public('invoice', invoice)}",
        f"/invoices/{ids.public('invoice', invoice)}/pdf",
        f"/subscriptions/{ids.public('subscription', subscription)}/change",
        f"/subscriptions/{ids.public('subscription', subscription)}/cancel",
    ):
        answer = house.client.get(f"/staff/larasa{path}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/staff/larasa/sign-in")


@pytest.mark.parametrize(
    "who", ["owner@larasa.example", "nobody@larasa.example", "", "' OR 1=1 --"]
)
def test_a_wrong_answer_never_says_what_was_wrong(house: House, who: str) -> None:
    desk = Desk(house)
    answer = desk.enter("wrong password 123", email=who)
    assert answer.status_code == 401
    assert "E-mail atau kata sandi salah." in answer.text
    assert "tagihan_staff=" not in str(answer.headers.get_list("set-cookie"))


def test_somebody_who_left_does_not_get_in(house: House) -> None:
    desk = Desk(house)
    desk.enter()
    with house.work() as unit:
        unit.session.execute(update(staff).values(disabled_at=unit.real_now))
    assert desk.get().status_code == 303
    assert desk.enter().status_code == 401


def test_guessing_gets_slower_even_with_the_right_password(house: House) -> None:
    desk = Desk(house)
    for _ in range(5):
        assert desk.enter("guess").status_code == 401
    answer = desk.enter()
    assert answer.status_code == 429
    assert "2 detik" in answer.text
    house.machine.passes(seconds=3)
    assert desk.enter().status_code == 303


def test_a_form_without_its_token_signs_nobody_in(house: House) -> None:
    desk = Desk(house)
    assert desk.enter(csrf="").status_code == 403
    assert desk.enter(csrf="0" * 40).status_code == 403
    house.client.cookies.clear()
    answer = house.client.post(
        f"{desk.root}/sign-in", data={"email": desk.email, "password": PASSWORD, "csrf": "x"}
    )
    assert answer.status_code == 403


def test_signing_out_ends_the_session_for_good(house: House) -> None:
    desk = Desk(house)
    desk.enter()
    token = house.client.cookies["tagihan_staff"]
    page = desk.get().text
    assert house.client.post(f"{desk.root}/sign-out", data={"csrf": "x"}).status_code == 403
    assert desk.send("/sign-out", page).status_code == 303
    house.client.cookies.set("tagihan_staff", token, path=desk.root)
    assert desk.get().status_code == 303


def test_a_session_ends_by_itself(house: House) -> None:
    desk = Desk(house)
    desk.enter()
    house.machine.passes(hours=12, seconds=1)
    assert desk.get().status_code == 303


def test_a_session_is_good_for_one_merchant(house: House) -> None:
    Desk(house).enter()
    make_merchant(house.engine, slug="lain")
    token = house.client.cookies["tagihan_staff"]
    answer = house.client.get("/staff/lain", headers={"Cookie": f"tagihan_staff={token}"})
    assert answer.headers["location"] == "/staff/lain/sign-in"


def test_a_merchant_that_is_not_there_has_a_page_too(house: House) -> None:
    for path in ("/staff/tidak-ada", "/staff/tidak-ada/sign-in"):
        answer = house.client.get(path)
        assert answer.status_code == 404
        assert "Halaman ini tidak ada" in answer.text


def test_signing_in_is_in_the_audit(house: House) -> None:
    Desk(house).enter()
    with house.work() as unit:
        found = unit.session.execute(
            select(audit.c.actor, audit.c.source).where(audit.c.action == "staff.sign_in")
        ).all()
    assert found == [("owner@larasa.example", "testclient")]


def test_the_form_speaks_english_when_asked(house: House) -> None:
    answer = house.client.get("/staff/larasa/sign-in?lang=en")
    assert "Sign in to the staff pages" in plain(answer.text)
    assert "Sign in to the staff pages" in plain(house.client.get("/staff/larasa/sign-in").text)


def test_guessing_is_counted_over_all_processes(house: House) -> None:
    """A second process of the same installation knows what the first one counted."""
    desk = Desk(house)
    for _ in range(5):
        desk.enter("guess")
    app = Litestar(routes())
    app.state["engine"] = house.engine
    with TestClient(app) as client:
        client.follow_redirects = False
        other = House(house.engine, house.merchant, house.gateway, house.machine, client)
        form = client.get(f"{desk.root}/sign-in").text
        fields = {"csrf": hidden(form, "csrf"), "email": desk.email, "password": PASSWORD}
        answer = other.client.post(f"{desk.root}/sign-in", data=fields)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")


@pytest.mark.parametrize("who", ["owner@larasa.example", "nobody@larasa.example"])
def test_waiting_tells_nothing_about_who_works_here(house: House, who: str) -> None:
    desk = Desk(house)
    answers = [desk.enter("guess", email=who) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    told = [re.sub(r'value="[^"]*"|nonce="[^"]*"', "", answer.text) for answer in answers]
    assert len(set(told[:5])) == 1
    assert answers[5].headers["retry-after"] == "2"


def test_one_address_that_guesses_many_accounts_waits_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_page, "source_of", lambda request: "203.0.113.7")
    desk = Desk(house)
    for n in range(21):
        assert desk.enter("guess", email=f"somebody{n}@larasa.example").status_code == 401
    assert desk.enter().status_code == 429


def test_a_good_password_makes_nobody_wait(house: House) -> None:
    desk = Desk(house)
    for _ in range(30):
        assert desk.enter().status_code == 303
        house.client.cookies.clear()


def test_cookies_stay_on_an_encrypted_line_where_there_is_one(house: House) -> None:
    settings = replace(house.engine.settings, public_url="https://tagihan.example")
    house.client.app.state["engine"] = replace(house.engine, settings=settings)
    house.client.base_url = URL("https://tagihan.example")
    answer = house.client.get("/staff/larasa/sign-in?lang=en")
    cookies = answer.headers.get_list("set-cookie")
    assert [cookie.split("=")[0] for cookie in cookies] == ["tagihan_form", "tagihan_lang"]
    assert all("Secure" in cookie and "HttpOnly" in cookie for cookie in cookies)
