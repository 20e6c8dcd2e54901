"""A year in the lives of ten customers, act by act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from ops.demo_story.callers import Json, wait_for
from ops.demo_story.stage import Stage, jakarta, people_of_the_examples

BEGAN = jakarta("2027-01-05 09:00")
ENDED = jakarta("2028-01-05 12:00")
# A card of its own for each, so that what the bank says of one says nothing of another.
CARDS = {
    "dewi": "4811111111111114",
    "siti": "5211111111111117",
    "agus": "5264221038874659",
    "made": "4617006959746656",
    "ratna": "4365026335737199",
    "linda": "4773776057051650",
    "fajar": "4201910000000009",
}
_CONSENT = "Saya setuju kartu ini ditagih otomatis sesuai tagihan langganan, sampai saya berhenti."
_MONTHS = [f"2027-{month:02}" for month in range(1, 13)]

Act = Callable[[], None]


@dataclass
class Script:
    """The story; each customer's part is written down as acts at instants, then played in order."""

    stage: Stage
    acts: list[tuple[datetime, str, Act]] = field(default_factory=list)
    customers: dict[str, str] = field(default_factory=dict)
    subscriptions: dict[str, str] = field(default_factory=dict)

    def play(self, end: datetime = ENDED) -> None:
        """Live through all acts and on to the end of the year, or to an earlier ``end``."""
        for at, _, act in sorted(self.acts, key=lambda one: one[:2]):
            if at < end:
                self.stage.until(at)
                act()
        self.stage.until(end)
        self.stage.tell_rest()

    def write(self) -> None:
        """Write everybody's part."""
        for name, at in (
            ("dewi", "2027-01-05 10:00"), ("siti", "2027-01-05 10:10"),
            ("agus", "2027-01-05 10:20"), ("ratna", "2027-01-10 11:00"),
            ("linda", "2027-01-15 14:00"), ("fajar", "2027-01-31 16:00"),
        ):  # fmt: skip
            self._at(at, f"{name} signs up", partial(self._by_card, name))
        for name, at in (
            ("budi", "2027-01-05 11:00"), ("yohanes", "2027-01-12 09:30"),
            ("maria", "2027-01-20 08:00"),
        ):  # fmt: skip
            self._at(at, f"{name} signs up", partial(self._by_account, name))
        self._at("2027-01-05 13:00", "made begins a trial", self._made)
        self._banks()
        self._payers()
        self._changes()
        self._at("2027-04-28 18:00", "zz the scheduler goes dark", self._dark)

    def _at(self, at: str, what: str, act: Act) -> None:
        self.acts.append((jakarta(at), what, act))

    def _banks(self) -> None:
        """What banks say of two cards, told to the simulator before the year begins."""
        people = self.stage.people
        # No funds when her card is charged on 5 March, and again until payday.
        people.card_behaves(
            CARDS["siti"], "51", jakarta("2027-03-01 00:00"), jakarta("2027-03-25 00:00")
        )
        people.card_behaves(CARDS["agus"], "54", jakarta("2027-04-01 00:00"))

    def _payers(self) -> None:
        """Those who pay by virtual account, each in his own time."""
        for month in _MONTHS[1:]:
            late = month == "2027-06"  # his office was closed
            self._at(
                f"{month}-{'17' if late else '03'} 19:30", "budi pays", lambda: self._pays("budi")
            )
            if month <= "2027-08":
                self._at(f"{month}-10 12:15", "yohanes pays", lambda: self._pays("yohanes"))
            if month != "2027-05":  # in June she pays for both
                self._at(f"{month}-16 10:05", "maria pays", lambda: self._pays("maria"))

    def _changes(self) -> None:
        self._at("2027-02-25 15:00", "ratna upgrades", lambda: self._change("ratna", "tumbuh"))
        self._at("2027-06-20 15:00", "ratna downgrades", lambda: self._change("ratna", "rintis"))
        self._at("2027-08-20 10:00", "yohanes cancels", self._yohanes_cancels)
        self._at("2027-03-15 13:00", "linda is refunded", self._refund)

    def _customer(self, name: str) -> str:
        person = people_of_the_examples()[name]
        fields = (
            "external_id", "name", "company", "email", "phone", "address", "npwp", "locale",
            "billing_zone",
        )  # fmt: skip
        made = self.stage.api.post(
            "/customers", {key: person[key] for key in fields if person.get(key)}
        )
        self.customers[name] = made["id"]
        return str(made["id"])

    def _price(self, name: str) -> str:
        person = people_of_the_examples()[name]
        return self.stage.prices[person["plan"], person["interval"]]

    def _by_card(self, name: str) -> None:
        """Subscribe with a card: its holder passes 3DS, the card is saved for the renewals."""
        token = self.stage.people.card_token(CARDS[name])
        made = self.stage.api.post(
            "/subscriptions",
            {
                "customer": self._customer(name), "price": self._price(name), "external_id": name,
                "payment": {"card_token": token, "mandate": _mandate()},
            },
        )  # fmt: skip
        self.subscriptions[name] = made["subscription"]["id"]
        self.stage.people.confirm(made["payment"]["order_id"])
        self._becomes(name, "active")

    def _by_account(self, name: str) -> None:
        """Subscribe and pay the first invoice by the virtual account it comes with."""
        made = self.stage.api.post(
            "/subscriptions",
            {
                "customer": self._customer(name), "price": self._price(name), "external_id": name,
                "payment": {"virtual_account": True},
            },
        )  # fmt: skip
        self.subscriptions[name] = made["subscription"]["id"]
        self.stage.people.pay(made["payment"]["order_id"])
        wait_for(f"{name}'s payment", lambda: self.stage.is_paid(made["invoice"]))

    def _made(self) -> None:
        """A yearly plan with a trial: the card is saved by a hold that is released, uncharged."""
        api, people = self.stage.api, self.stage.people
        customer = self._customer("made")
        method = api.post(
            f"/customers/{customer}/payment-methods",
            {"card_token": people.card_token(CARDS["made"]), "mandate": _mandate()},
        )
        people.confirm(method["check"]["order_id"])
        wait_for(
            "the saved card",
            lambda: api.get(f"/payment-methods/{method['id']}")["state"] == "active",
        )
        made = api.post(
            "/subscriptions",
            {
                "customer": customer, "price": self._price("made"), "external_id": "made",
                "payment": {"payment_method": method["id"]},
            },
        )  # fmt: skip
        self.subscriptions["made"] = made["subscription"]["id"]

    def _pays(self, name: str) -> None:
        """Pay every open invoice by its virtual account."""
        stage = self.stage
        for invoice in stage.invoices(self.customers[name], status="open"):
            for order in stage.orders(invoice["id"]):
                if order["kind"] == "instrument" and order["state"] == "pending":
                    stage.people.pay(order["order_id"])
                    wait_for(f"{name}'s payment", partial(stage.is_paid, invoice["id"]))

    def _change(self, name: str, plan: str) -> None:
        self.stage.api.post(
            f"/subscriptions/{self.subscriptions[name]}/change",
            {"price": self.stage.prices[plan, "month"]},
        )

    def _yohanes_cancels(self) -> None:
        self.stage.api.post(
            f"/subscriptions/{self.subscriptions['yohanes']}/cancel",
            {"when": "period_end", "reason": "Kedai tutup"},
        )

    def _refund(self) -> None:
        """Part of a charge of this morning: it waits until the card is settled."""
        payment = self.stage.api.get("/payments", customer=self.customers["linda"])["data"][0]
        self.stage.api.post(
            "/refunds",
            {"payment": payment["id"], "amount": 200_000, "reason": "service_outage"},
        )

    def _dark(self) -> None:
        """The scheduler's process is really stopped for four days over a month's end."""
        stage = self.stage
        stage.running.stop_scheduler()
        stage.say("             --- penjadwal mati (scheduler stopped) ---")
        stage.skip(jakarta("2027-05-02 07:00"))
        stage.running.start_scheduler()
        stage.say("             --- penjadwal hidup lagi (scheduler back) ---")

    def _becomes(self, name: str, status: str) -> None:
        path = f"/subscriptions/{self.subscriptions[name]}"
        wait_for(
            f"{name} to be {status}",
            lambda: self.stage.api.get(path)["subscription"]["status"] == status,
        )


def story(stage: Stage) -> Script:
    """The whole year, written and ready to be played."""
    script = Script(stage)
    script.write()
    return script


def _mandate() -> Json:
    return {
        "text_version": "2027-01", "text": _CONSENT, "source": "127.0.0.1", "locale": "id",
    }  # fmt: skip
