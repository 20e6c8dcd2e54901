"""Random shops behind the API: what is asked for is previewed, done, and compared field by field.

Only HTTP is spoken, but for the clock, the renewal it makes due, and money that comes in. Every
invoice that appears is reckoned again from its explanation alone by `recount`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from api_house import Door, House, new_key
from builders import make_merchant, set_clock, working
from changes import pay
from recount import line_amount, sentence_figure, tax_amounts, tree_amount

from billing.flows.moves import move_due
from billing.flows.renew import renew_due
from core import ids
from core.merchant import Merchant
from invoices.queries import list_invoices

ZONES = (
    "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Africa/Cairo", "America/New_York",
    "Pacific/Auckland", "Asia/Kathmandu",
)  # fmt: skip
FIELDS = ("kind", "description", "amount", "discount", "period_start", "period_end")
Step = Callable[["Shop", str], None]


@dataclass
class Shop:
    """One merchant with a catalogue of its own; ``seen`` counts what was compared."""

    house: House
    merchant: Merchant
    door: Door
    dice: Random
    now: datetime
    prices: dict[str, list[str]] = field(default_factory=dict)
    moves: list[tuple[str, str]] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    subscriptions: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    n: int = 0
    story: list[str] = field(default_factory=list)

    def ask(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """A POST that may be refused, but never fails."""
        answer = self.door.call("POST", path, body)
        assert answer.status_code < 500, (path, body, answer.text)
        self.story.append(f"{self.now} {path} {body} {answer.status_code}")
        return answer.status_code, answer.json()

    def one(self) -> str:
        """Any subscription."""
        return self.dice.choice(self.subscriptions)

    def read(self, subscription: str) -> dict[str, Any]:
        """A subscription as it stands."""
        found: dict[str, Any] = self.door.get(f"/subscriptions/{subscription}")["subscription"]
        return found

    def invoices(self, subscription: str) -> dict[str, dict[str, Any]]:
        """Its invoices by id, newest first."""
        listed = self.door.get(f"/invoices?subscription={subscription}&limit=100")["data"]
        return {one["id"]: one for one in listed}

    def listed(self) -> dict[str, dict[str, Any]]:
        """The newest invoices of the merchant."""
        return {one["id"]: one for one in self.door.get("/invoices?limit=100")["data"]}

    def notes(self, subscription: str) -> dict[str, dict[str, Any]]:
        """Credit notes of its customer by id."""
        who = self.read(subscription)["customer"]
        listed = self.door.get(f"/credit-notes?customer={who}&limit=100")["data"]
        return {one["id"]: one for one in listed}

    def explained(self, invoice: str) -> dict[str, Any]:
        """An invoice whose every figure came out again, from what is told of it alone."""
        told = self.door.get(f"/invoices/{invoice}/explain")
        detail = self.door.get(f"/invoices/{invoice}")
        amounts = []
        for line, row in zip(told["lines"], detail["lines"], strict=True):
            amount = line_amount(line["derivation"])
            assert amount == line["amount"] == row["amount"] == tree_amount(line["steps"]), line
            assert {sentence_figure(line["sentence"][one]) for one in ("id", "en")} == {amount}
            assert line["adds_up"]
            amounts.append(amount)
            self.seen[f"line {line['kind']} {line['derivation']['rule']}"] += 1
        sums = (told["subtotal"], told["tax"]["amount"], told["total"])
        assert sums == tax_amounts(amounts, told["tax"]["terms"])
        assert sum(row["tax"] for row in detail["lines"]) == told["tax"]["amount"]
        detail["sentences"] = [line["sentence"] for line in told["lines"]]
        return detail  # type: ignore[no-any-return]

    def same(self, shown: dict[str, Any], invoice: str) -> None:
        """What was shown is what the invoice says, field by field."""
        stored = self.explained(invoice)
        for name in ("subtotal", "tax", "total"):
            assert stored["invoice"][name] == shown[name], (name, shown, stored)
        self.same_lines(shown["lines"], stored)

    def same_lines(self, lines: list[dict[str, Any]], stored: dict[str, Any]) -> None:
        """The same lines, in the same order, in the same words."""
        assert [{name: one[name] for name in FIELDS} for one in lines] == [
            {name: one[name] for name in FIELDS} for one in stored["lines"]
        ], (lines, stored["lines"])
        assert [one["sentence"] for one in lines] == stored["sentences"]

    def same_credits(self, shown: list[dict[str, Any]], written: list[dict[str, Any]]) -> None:
        """The notes that were shown were written, and no others."""
        names = ("invoice", "net", "tax", "total", "to_invoice", "to_balance")
        told = sorted(tuple(one[name] for name in names) for one in shown)
        assert sorted(tuple(one[name] for name in names) for one in written) == told

    def pay(self, subscription: str) -> None:
        """Its customer pays all that is open."""
        with working(self.house.engine, self.merchant) as unit:
            wanted = ids.parse("subscription", subscription)
            for one in list_invoices(unit, subscription_id=wanted, status="open"):
                if one.due_amount:
                    pay(unit, one.id, one.due_amount)

    def work(self) -> int:
        """Workers do what is due: nothing is previewed while a renewal waits."""
        return renew_due(self.house.engine, self.merchant.merchant_id)

    def goes_on(self, days: int) -> None:
        """Time passes, at most to the next instant at which an invoice is due; all is renewed.

        Every next invoice was shown before, and is compared where it was issued.
        """
        to = self.now + timedelta(days=days, minutes=self.dice.randrange(1440))
        shown = {}
        for one in self.subscriptions:
            told = self.door.get(f"/subscriptions/{one}/next-invoice")["invoice"]
            if told is not None:
                shown[one] = told
                at = datetime.fromisoformat(told["issued_at"])
                to = max(self.now, min(to, at))
        before = self.listed()
        self.now = to
        set_clock(self.house.engine, self.merchant.merchant_id, to)
        self.work()
        assert self.work() == 0, "a second run of the renewal did something"
        after = [row for row in self.listed().values() if row["id"] not in before]
        for one, told in shown.items():
            new = [row for row in after if row["subscription"] == one]
            periods = [row for row in new if row["kind"] == "period"]
            if datetime.fromisoformat(told["issued_at"]) > to:
                assert not periods, (told, periods)
                continue
            assert len(periods) == 1, (self.read(one), told, new)
            [made] = periods
            names = ("due_on", "period_start", "period_end", "collection")
            assert {name: made[name] for name in names} == {name: told[name] for name in names}
            assert (made["paid"], made["due"]) == (told["from_balance"], told["due"])
            self.same(told, made["id"])
            self.seen["next"] += 1


def open_shop(house: House, seed: int) -> Shop:
    """A merchant, its plans by interval, discounts and customers, all by the same dice."""
    dice = Random(seed)
    begins = datetime(2027, dice.randint(1, 12), dice.randint(1, 28), dice.randrange(24),
                      dice.randrange(60), tzinfo=UTC)  # fmt: skip
    merchant = make_merchant(
        house.engine, at=begins, billing_zone=dice.choice(ZONES[:3]),
        issue_lead_days=dice.choice([0, 0, 7]), cancel_day_billed=dice.random() < 0.5,
        pkp_since=dice.choice([None, date(2020, 1, 1), date(2020, 1, 1)]),
    )  # fmt: skip
    door = Door(house.client, new_key(house.engine, merchant.merchant_id))
    shop = Shop(house, merchant, door, dice, begins)
    tax: dict[str, Any] = {"tax_mode": dice.choice(["exclusive", "inclusive"])}
    for interval in ("month", "year"):
        _plans(shop, interval, tax)
    for n in range(3):
        shop.codes.append(f"HEMAT{n}")
        off: dict[str, Any] = (
            {"basis_points": dice.choice([1_000, 3_333, 10_000])} if dice.random() < 0.6
            else {"amount": dice.randint(1, 90_000)}
        )  # fmt: skip
        lasts: dict[str, Any] = dice.choice(
            [{"duration": "once"}, {"duration": "periods", "count": 2},
             {"duration": "months", "count": 3}, {"duration": "forever"}]
        )  # fmt: skip
        door.post("/discounts", {"code": shop.codes[-1], "name": {"id": "x"}, **off, **lasts,
                                 "per_customer": 1})  # fmt: skip
    for _ in range(4):
        _customer(shop)
    return shop


def _plans(shop: Shop, interval: str, tax: dict[str, Any]) -> None:
    dice, door = shop.dice, shop.door
    scale = 12 if interval == "year" else 1
    tiers = {"tiers": [{"up_to": 2, "unit_amount": dice.randint(1, 50_000)},
                       {"up_to": 5, "unit_amount": "33333.5", "flat_amount": 7},
                       {"unit_amount": dice.randint(1, 50_000)}]}  # fmt: skip
    models: list[dict[str, Any]] = [
        {"unit_amount": dice.randint(1, 300_000) * scale},
        {"unit_amount": dice.randint(1, 300_000) * scale, "setup_amount": 25_000},
        {"model": "fixed", "terms": {"amount": dice.randint(0, 99_999)}},
        {"model": "per_unit", "terms": {"unit_amount": f"{dice.randint(0, 9_999)}.125"}},
        {"model": "graduated", "terms": tiers}, {"model": "volume", "terms": tiers},
        {"model": "package", "terms": {"size": 3, "package_amount": 50_001, "free": 1}},
    ]  # fmt: skip
    made = []
    for n, model in enumerate(dice.sample(models, 4)):
        plan = door.post("/plans", {"code": f"{interval}-{n}", "name": {"id": f"P{n}", "en": "Q"}})
        body = {"interval_unit": interval, **tax, **model}
        if dice.random() < 0.5:
            body["usage"] = [_metered(shop)]
        made.append(door.post(f"/plans/{plan['id']}/prices", body)["id"])
        if n == 0:
            body["trial_days"] = 0
            shop.moves.append((made[-1], door.post(f"/plans/{plan['id']}/prices", body)["id"]))
    shop.prices[interval] = made


def _metered(shop: Shop) -> dict[str, Any]:
    shop.n += 1
    dice = shop.dice
    how = dice.choice(["count", "sum", "max", "last", "unique"])
    meter = {"code": f"m{shop.n}", "name": {"id": "m"}, "event_name": "call", "aggregation": how}
    if how != "count":
        meter["field"] = "size"
    made = shop.door.post("/meters", meter)["id"]
    models: list[tuple[str, dict[str, Any]]] = [
        ("per_unit", {"unit_amount": "0.35"}),
        ("graduated", {"tiers": [{"up_to": 10, "unit_amount": 500}, {"unit_amount": "0.5"}]}),
        ("volume", {"tiers": [{"up_to": 10, "unit_amount": 500}, {"unit_amount": 400}]}),
        ("package", {"size": 4, "package_amount": 999, "free": 3}),
        ("percentage", {"rate": "0.015", "fixed_amount": 100, "minimum": 150, "maximum": 900}),
        ("percentage", {"rate": "0.0275", "free_amount": 20}),
    ]
    model, terms = dice.choice(models if how == "sum" else models[:4])
    return {"name": {"id": "panggilan", "en": "calls"}, "meter": made, "model": model,
            "terms": terms, "zero": dice.choice(["omit", "show"])}  # fmt: skip


def _customer(shop: Shop) -> None:
    dice, door = shop.dice, shop.door
    shop.n += 1
    who = door.post(
        "/customers",
        {"name": f"Sari {shop.n}", "email": f"s{shop.n}@contoh.example",
         "billing_zone": dice.choice(ZONES), "locale": dice.choice(["id", "en"])},
    )["id"]  # fmt: skip
    listed = shop.prices[dice.choice(["month", "month", "year"])]
    first, *beside = dice.sample(listed, dice.choice([1, 2, 3]))
    body: dict[str, Any] = {
        "customer": who, "price": first, "quantity": dice.randint(1, 7),
        "trial_days": dice.choice([0, 0, 3, 14]),
        "items": [{"price": one, "quantity": dice.randint(1, 4)} for one in beside],
        "codes": dice.sample(shop.codes, dice.choice([0, 1, 2])),
    }  # fmt: skip
    if dice.random() < 0.4:
        body["billing_day"] = dice.randint(1, 31)
    made = door.post("/subscriptions", body)
    shop.subscriptions.append(made["subscription"]["id"])
    if made["invoice"]:
        shop.explained(made["invoice"])
    shop.work()


def announce(shop: Shop) -> None:
    """Move the subscribers of a price to its next version, previewed; workers tell them."""
    old, new = shop.dice.choice(shop.moves)
    body = {"from_price": old, "to_price": new, "notice_days": shop.dice.choice([0, 10])}
    status, shown = shop.ask("/price-moves/preview", body)
    done, move = shop.ask("/price-moves", body)
    if status != 200 or done != 201:
        assert (done, move["code"]) in ((409, "move_running"), (status, shown.get("code")))
        return
    while move_due(shop.house.engine, shop.merchant.merchant_id):
        pass
    told = shop.door.get(f"/price-moves/{move['id']}/subscriptions?limit=100")["data"]
    names = ("subscription", "excepted", "effective_on", "quantity", "old_total", "new_total")
    members = {one["subscription"]: one for one in told}
    for one in shown["data"]:
        member = members.pop(one["subscription"])
        left_out = one["excepted"] is not None
        for name in names:
            if not (left_out and name == "quantity"):
                assert member[name] == one[name], (name, one, member)
        if left_out:
            continue
        following = shop.door.get(f"/subscriptions/{one['subscription']}/next-invoice")["invoice"]
        used = any(line["kind"] == "usage" for line in following["lines"])
        if following["period_start"] == one["effective_on"] and not used:
            assert following["total"] == one["new_total"]
            shop.seen["move"] += 1
    assert not members
    if shop.dice.random() < 0.3:
        shop.ask(f"/price-moves/{move['id']}/undo", {})
        while move_due(shop.house.engine, shop.merchant.merchant_id):
            pass
