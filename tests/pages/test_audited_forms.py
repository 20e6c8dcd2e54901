"""Every form of every page leaves in the audit who sent it, from where, what was and what is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from builders import make_customer, make_price, make_subscription
from litestar import Litestar
from pages.desk import Desk, hidden
from pages.house import House
from pages.test_staff_changes import bigger, path_of
from pages.test_staff_changes import paid as subscriber
from pages.test_staff_holds import held
from pages.test_staff_matters import matter
from pages.test_staff_money import confirm, of_invoice, paid_by_va
from pages.test_staff_reconciliation import REPORT
from sqlalchemy import select, update

from billing.discounts.service import create_discount
from billing.flows.cards import new_card
from billing.reconciliation.tables import differences
from core import ids
from core.tables import audit, merchants
from payments.service import set_channel
from payments.tables import refunds

# Forms that are walked where the gateway's wallets are.
ELSEWHERE: Final = {"/i/{token}/gopay", "/i/{token}/gopay/pay"}
# Forms of plans and their subscribers' moves that are still to be walked here.
WAITING: Final = {
    f"/staff/{{slug}}/{path}"
    for path in (
        "plans/{plan}/check", "plans/{plan}/apply", "plans/{plan}/move", "plans/{plan}/move/start",
        "moves/{move}/undo",
    )
}  # fmt: skip
# What had nothing before, or nothing that may be told.
_FIRST: Final = re.compile(
    r"\.(create|publish|request|rotate|record|password|sign_in|sign_out|send|upload|offer|give)$"
)
Send = Callable[[], Any]


def forms_of(application: Litestar) -> set[str]:
    """Every path of a page that takes a form, as the router has it."""
    return {
        re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path_format)
        for route in application.routes
        for handler in getattr(route, "route_handlers", ())
        if set(handler.http_methods) & {"POST", "PUT", "PATCH", "DELETE"}
    }


class Forms:
    """How each form is sent so that it is taken; every one about things of its own."""

    def __init__(self, house: House) -> None:
        self.house, self.desk = house, Desk(house)
        self.second = Desk(house, "owner", "dua@larasa.example")
        self.desk.enter()

    def every(self) -> list[tuple[str, Send]]:
        """(path, what sends its form), made ready one by one."""
        return [
            *self._payer(), *self._subscriptions(), *self._pauses(), *self._money(), *self._desk(),
            *self._books(),
        ]  # fmt: skip

    def _open(self) -> str:
        return self.house.link(self.house.subscribe()[2])

    def _post(self, path: str, **data: str) -> Send:
        return lambda: self.house.client.post(path, data=data)

    def _confirm(self, path: str, shown: str, **data: str) -> Send:
        return lambda: confirm(self.desk, path, self.desk.get(shown).text, **data)

    def _payer(self) -> list[tuple[str, Send]]:
        with self.house.work() as unit:
            price = ids.public("price", make_price(unit, 349_000).id)
            set_channel(unit, "qris", enabled=True)
        landing = self.house.client.get("/bayar/larasa").text
        [key] = re.findall(r'name="key" value="([^"]+)"', landing)
        person = {"name": "Rina", "email": "rina@contoh.example", "how": "va", "price": price}
        return [
            ("/i/{token}/va", self._post(f"{self._open()}/va")),
            ("/i/{token}/pay", self._post(f"{self._open()}/pay", channel="qris")),
            ("/i/{token}/card", self._card),
            ("/bayar/{slug}", self._post("/bayar/larasa", key=key, **person)),
        ]

    def _card(self) -> Any:
        with self.house.work() as unit:
            unit.session.execute(update(merchants).values(card_mode="two_click"))
        return self.house.client.post(
            f"{self._open()}/card", data={"card_token": "481111-1114-6c5ef5a7-0f6c-4f3a"}
        )

    def _subscriptions(self) -> list[tuple[str, Send]]:
        _, one = subscriber(self.house)
        change, cancel = path_of(one, "change"), path_of(one, "cancel")
        price = bigger(self.house, 99_000)
        at = "/staff/{slug}/subscriptions/{subscription}"
        return [
            (
                f"{at}/change",
                lambda: self.desk.send(
                    change,
                    self.desk.get(f"{change}?price={price}&mode=at_period_end").text,
                ),
            ),
            (f"{at}/drop-change", lambda: self._send(path_of(one, "drop-change"))),
            (
                f"{at}/cancel",
                lambda: self.desk.send(
                    cancel, self.desk.get(f"{cancel}?when=period_end").text, reason="unused"
                ),
            ),
            (f"{at}/resume", lambda: self._send(path_of(one, "resume"))),
        ]

    def _pauses(self) -> list[tuple[str, Send]]:
        (_, later), (_, now) = subscriber(self.house), subscriber(self.house)
        with self.house.work() as unit:
            price = make_price(unit, 349_000, trial_days=14)
            trying = make_subscription(unit, price=price, customer=make_customer(unit))
        trial = path_of(trying.subscription.id, "trial")
        at = "/staff/{slug}/subscriptions/{subscription}"

        def pause(one: UUID, policy: str) -> Any:
            path = path_of(one, "pause")
            return self.desk.send(
                path, self.desk.get(f"{path}?policy={policy}").text, policy=policy
            )

        def unpause() -> Any:
            assert pause(now, "forfeit").status_code == 303
            path = path_of(now, "unpause")
            return self.desk.send(path, self.desk.get(path).text)

        return [
            (f"{at}/pause", lambda: pause(later, "serve_paid")),
            (f"{at}/undo-pause", lambda: self._send(path_of(later, "undo-pause"))),
            (f"{at}/unpause", unpause),
            (f"{at}/trial", lambda: self.desk.send(trial, self.desk.get(trial).text)),
        ]

    def _send(self, path: str, **data: str) -> Any:
        return self.desk.send(path, self.desk.get().text, **data)

    def _money(self) -> list[tuple[str, Send]]:
        customer, _, refund = paid_by_va(self.house)
        credited, voided, told = (self.house.subscribe()[2] for _ in range(3))
        credit, void, send = (
            of_invoice(invoice, what)
            for invoice, what in ((credited, "credit"), (voided, "void"), (told, "send"))
        )
        with self.house.work() as unit:
            method = ids.public("payment_method", new_card(unit, customer, "walk"))
        _, _, order = held(self.house, "pending", "challenge")

        def complete() -> Any:
            with self.house.work() as unit:
                one = ids.public("refund", unit.session.execute(select(refunds.c.id)).scalar_one())
            page = self.desk.get("/refunds").text
            return confirm(
                self.desk, f"/refunds/{one}/complete", page, proof="TRX-1", bank="BCA",
                account_number="12345678", account_name="Dewi",
            )  # fmt: skip

        with self.house.work() as unit:
            lucky = ids.public("customer", make_customer(unit).id)
        grant = f"/customers/{lucky}/credit"
        credited_with = f"{grant}?amount=50000&reason=Maaf&expires_on=2027-03-31"
        asked = f"{refund}?amount=50000&reason=mistake"
        given = f"{credit}?amount=55500&reason=service_problem&note=Maaf"
        return [
            (
                "/staff/{slug}/customers/{customer}/credit",
                self._confirm(grant, credited_with, expires_on="2027-03-31"),
            ),
            ("/staff/{slug}/payments/{payment}/refund", self._confirm(refund, asked)),
            ("/staff/{slug}/refunds/{refund_id}/{act}", complete),
            ("/staff/{slug}/invoices/{invoice}/credit", self._confirm(credit, given)),
            ("/staff/{slug}/invoices/{invoice}/void", self._confirm(void, void, reason="mistake")),
            ("/staff/{slug}/invoices/{invoice}/send", self._confirm(send, "", what="reminder")),
            ("/staff/{slug}/methods/{method}/end", lambda: self._send(f"/methods/{method}/end")),
            (
                "/staff/{slug}/orders/{order}",
                lambda: self.desk.send(
                    f"/orders/{order}",
                    self.desk.get(f"/orders/{order}?act=approve&reason=dikenal").text,
                    act="approve",
                    reason="dikenal",
                ),
            ),
        ]

    def _desk(self) -> list[tuple[str, Send]]:
        review = matter(self.house)
        with self.house.work() as unit:
            made = create_discount(unit, code="LAMA", name={"id": "Lama"}, basis_points=500)
        stop = f"/discounts/{ids.public('discount', made.id)}/stop"
        discount = {
            "code": "baru", "name": "Baru", "takes": "10", "kind": "percent", "duration": "once",
        }  # fmt: skip
        return [
            (
                "/staff/{slug}/reviews/{review}",
                lambda: self._send(f"/reviews/{review}", decision="done", reason="beres"),
            ),
            ("/staff/{slug}/discounts", lambda: self._send("/discounts", **discount)),
            ("/staff/{slug}/discounts/{discount}/stop", lambda: self._send(stop)),
        ]

    def _books(self) -> list[tuple[str, Send]]:
        dropped: list[str] = []

        def upload() -> Any:
            csrf = hidden(self.desk.get("/reconciliation").text, "csrf")
            answer = self.house.client.post(
                f"{self.desk.root}/reports", data={"csrf": csrf},
                files={"file": ("jan.csv", REPORT, "text/csv")},
            )  # fmt: skip
            dropped.append(str(answer.headers["location"]).removeprefix(self.desk.root))
            return answer

        def assign() -> Any:
            with self.house.work() as unit:
                row = unit.session.execute(select(differences.c.id).limit(1)).scalar_one()
            at = f"/differences/{ids.public('difference', row)}"
            return self._send(f"{at}/assign", assignee=self.second.email)

        return [
            ("/staff/{slug}/reports", upload),
            ("/staff/{slug}/reports/{report}/{act}", lambda: self._send(f"{dropped[0]}/book")),
            ("/staff/{slug}/differences/{difference}/{act}", assign),
            ("/staff/{slug}/sign-out", lambda: self._send("/sign-out")),
            ("/staff/{slug}/sign-in", self.desk.enter),
        ]


def lines(house: House) -> list[Any]:
    with house.work() as unit:
        return list(unit.session.execute(select(audit).order_by(audit.c.at, audit.c.id)))


def test_every_form_leaves_who_from_where_before_and_after(
    house: House, application: Litestar
) -> None:
    forms = Forms(house)
    walked, silent = set(), {}
    for path, send in forms.every():
        seen = {row.id for row in lines(house)}
        answer = send()
        assert answer.status_code == 303, (path, answer.status_code, answer.text[-800:])
        who = "staff" if path.startswith("/staff") else "customer"
        mine = [row for row in lines(house) if row.id not in seen and row.actor_kind == who]
        walked.add(path)
        if not mine:
            silent[path] = [row.action for row in lines(house) if row.id not in seen]
        for row in mine:
            assert row.source == "testclient", (path, row)
            assert row.actor == forms.desk.email or who != "staff", (path, row)
            assert row.after, (path, row)
            assert row.before or _FIRST.search(row.action), (path, row)

    assert silent == {}
    assert walked | ELSEWHERE | WAITING == forms_of(application)
