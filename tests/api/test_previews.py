"""Preview equals result, over HTTP: random lives in which everything is shown before it is done.

`PREVIEWS=5000 pytest tests/api/test_previews.py` lives through as many changes as that; FULL=1
through four thousand. PREVIEWS_FROM names the first seed: others are other lives.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

import full
import pytest
from api_house import House
from fakes import MachineTime
from metered import WATCHED
from previewed import Shop, announce, open_shop

from ops.doctor import examine, render

ACTIONS_A_LIFE: Final = 40
FIRST: Final = int(os.environ.get("PREVIEWS_FROM", "0"))
LIVES: Final = max(1, int(os.environ.get("PREVIEWS", full.of(4_000, 160))) // ACTIONS_A_LIFE)


def change(shop: Shop, one: str) -> None:
    """Another price, quantity or both, in any mode."""
    dice = shop.dice
    every = [price for listed in shop.prices.values() for price in listed]
    body: dict[str, Any] = {"quantity": dice.randint(1, 7)}
    if dice.random() < 0.7:
        body["price"] = dice.choice(every)
    if dice.random() < 0.8:
        body["mode"] = dice.choice(["prorate", "prorate", "at_period_end", "restart", "switch"])
    _change(shop, one, "change", body)


def change_item(shop: Shop, one: str) -> None:
    """Add an item, change its price or quantity, or remove it."""
    dice, row = shop.dice, shop.read(one)
    body: dict[str, Any] = {"quantity": dice.randint(1, 5)}
    if row["items"] and dice.random() < 0.7:
        body["item"] = dice.choice(row["items"])["id"]
        body["quantity"] = dice.randint(0, 5)
    if "item" not in body or (body["quantity"] and dice.random() < 0.3):
        body["price"] = dice.choice(shop.prices[row["interval_unit"]])
    if dice.random() < 0.7:
        body["mode"] = dice.choice(["prorate", "prorate", "at_period_end"])
    _change(shop, one, "item-change", body)


def _change(shop: Shop, one: str, what: str, body: dict[str, Any]) -> None:
    path = f"/subscriptions/{one}/{what}"
    invoices, notes = shop.invoices(one), shop.notes(one)
    status, shown = shop.ask(f"{path}-preview", body)
    done, made = shop.ask(path, body)
    if status != 200:
        assert (done, made["code"]) == (status, shown["code"])
        return
    assert done == 201, (body, shown, made)
    assert made["preview"] == shown
    new = {i: row for i, row in shop.invoices(one).items() if i not in invoices}
    written = [note for n, note in shop.notes(one).items() if n not in notes]
    shop.same_credits(shown["credits"], written)
    assert sorted(made["credit_notes"]) == sorted(note["id"] for note in written)
    used = [shop.explained(i) for i in new if i != made["invoice"]]
    _same_usage(shown.get("usage", []), used)
    if made["invoice"] is None:
        assert shown["total"] <= 0
    else:
        shop.same(shown, made["invoice"])
        shop.seen[f"{what} billed"] += 1
    shop.seen[f"{what} {shown['mode']}"] += 1


def cancel(shop: Shop, one: str) -> None:
    """Now or with the period; some think better of it."""
    body = {"when": "now" if shop.dice.random() < 0.3 else "period_end", "reason": "x"}
    made = _end(shop, one, "cancel", body)
    if made is None:
        return
    shown, row = made
    assert row["ended_on" if row["status"] == "canceled" else "cancel_on"] == shown["ends_on"]
    if row["status"] != "canceled" and shop.dice.random() < 0.7:
        shop.door.post(f"/subscriptions/{one}/undo-cancel", status=200)


def pause(shop: Shop, one: str) -> None:
    """For a while or until somebody says so; what is paid for is served, given back or lost."""
    dice = shop.dice
    body: dict[str, Any] = {
        "policy": dice.choice(["serve_paid", "give_back", "forfeit"]),
        "keep_anchor": dice.random() < 0.5,
    }
    if dice.random() < 0.5:
        on = date.fromisoformat(shop.read(one)["current_end"]) + timedelta(dice.randint(-9, 40))
        body["resume_on"] = on.isoformat()
    made = _end(shop, one, "pause", body)
    if made is not None:
        shown, row = made
        assert (row["pause_on"], row["resume_on"]) == (shown["pause_on"], shown["resume_on"])


def _end(
    shop: Shop, one: str, what: str, body: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    invoices, notes = shop.invoices(one), shop.notes(one)
    path = f"/subscriptions/{one}/{what}"
    looked = {name: value for name, value in body.items() if name != "keep_anchor"}
    status, shown = shop.ask(f"{path}-preview", looked)
    done, row = shop.ask(path, body)
    if status != 200:
        assert (done, row["code"]) == (status, shown["code"])
        return None
    assert done == 200, (body, shown, row)
    after = shop.invoices(one)
    voided = {i for i, was in invoices.items() if was["status"] != after[i]["status"] == "void"}
    assert voided == set(shown["voids"])
    written = [note for n, note in shop.notes(one).items() if n not in notes]
    shop.same_credits(shown["credits"], [n for n in written if n["source_kind"] != "usage"])
    used = [shop.explained(i) for i in after if i not in invoices]
    _same_usage(shown["usage"], used)
    shop.seen[f"{what} {body.get('when') or body.get('policy')}"] += 1
    return shown, row


def _same_usage(shown: list[dict[str, Any]], used: list[dict[str, Any]]) -> None:
    """What was used is on invoices of its own, one for each way of holding tax."""
    told = sorted(
        (line["period_start"], line["amount"], line["description"]["id"], line["kind"])
        for invoice in used
        for line in invoice["lines"]
    )
    names = ("period_start", "amount")
    assert told == sorted(
        (*(line[name] for name in names), line["description"]["id"], line["kind"]) for line in shown
    )


def resume(shop: Shop, one: str) -> None:
    """Today; what is billed for it was shown."""
    _begin(shop, one, "resume", {"keep_anchor": shop.dice.random() < 0.5})


def move_trial(shop: Shop, one: str) -> None:
    """End a trial today, or later than now."""
    body = {}
    if shop.dice.random() < 0.6:
        on = shop.now.date() + timedelta(shop.dice.randint(1, 30))
        body["ends_on"] = on.isoformat()
    _begin(shop, one, "trial", body)


def _begin(shop: Shop, one: str, what: str, body: dict[str, Any]) -> None:
    invoices = shop.invoices(one)
    path = f"/subscriptions/{one}/{what}"
    status, shown = shop.ask(f"{path}-preview", body)
    done, row = shop.ask(path, body)
    if status != 200:
        assert (done, row["code"]) == (status, shown["code"])
        return
    assert done == 200, (body, shown, row)
    new = [i for i, made in shop.invoices(one).items() if i not in invoices]
    periods = [i for i in new if shop.explained(i)["invoice"]["kind"] == "period"]
    if row["status"] == "trialing":
        following = shop.door.get(f"/subscriptions/{one}/next-invoice")["invoice"]
        if not periods:
            assert {name: following[name] for name in ("period_start", "lines", "total")} == {
                name: shown[name] for name in ("period_start", "lines", "total")
            }
    elif shown["lines"]:
        assert periods, (shown, row)
    for invoice in periods:
        shop.same(shown, invoice)
    assert row["status"] == "trialing" or (row["current_start"], row["current_end"]) == (
        shown["period_start"], shown["period_end"],
    )  # fmt: skip
    shop.seen[what] += 1


def use(shop: Shop, one: str) -> None:
    """Something is used, or corrected by a credit of hand."""
    for _ in range(shop.dice.randint(1, 4)):
        shop.n += 1
        event = {"key": f"e{shop.n}", "subscription": one, "name": "call",
                 "at": shop.now.isoformat(), "properties": {"size": shop.dice.randint(0, 40)}}  # fmt: skip
        shop.ask("/usage-events", event)


def give_code(shop: Shop, one: str) -> None:
    """A code in mid-life, which may be refused."""
    shop.ask(f"/subscriptions/{one}/discounts", {"code": shop.dice.choice(shop.codes)})


def credit(shop: Shop, one: str) -> None:
    """A part of an invoice is given back by hand: later credits find less."""
    left = [i for i, row in shop.invoices(one).items() if row["status"] in ("open", "paid")]
    if left:
        body = {"reason": "goodwill", "amount": shop.dice.randint(1, 30_000)}
        shop.ask(f"/invoices/{shop.dice.choice(left)}/credit-notes", body)


def void(shop: Shop, one: str) -> None:
    """An open invoice is taken out; that of a change takes the change back."""
    left = [i for i, row in shop.invoices(one).items() if row["status"] == "open"]
    if left:
        shop.ask(f"/invoices/{shop.dice.choice(left)}/void", {"reason": "mistake"})


def drop(shop: Shop, one: str) -> None:
    """What waits is forgotten."""
    shop.ask(f"/subscriptions/{one}/drop-change", {})


STEPS: Final[tuple[tuple[Callable[[Shop, str], None], int], ...]] = (
    (change, 8), (change_item, 6), (cancel, 2), (pause, 3), (resume, 3), (move_trial, 2),
    (use, 4), (give_code, 1), (credit, 1), (void, 1), (drop, 1), (Shop.pay, 6),
)  # fmt: skip


def live(house: House, seed: int) -> Shop:
    """One shop and its four customers, through so many actions."""
    shop = open_shop(house, seed)
    steps, weights = zip(*STEPS, strict=True)
    for n in range(ACTIONS_A_LIFE):
        [step] = shop.dice.choices(steps, weights)
        try:
            step(shop, shop.one())
            shop.work()
            if n % 13 == 7:
                announce(shop)
            if shop.dice.random() < 0.6:
                shop.goes_on(shop.dice.choice([0, 0, 1, 5, 12, 40]))
        except AssertionError as wrong:
            wrong.add_note(f"seed {seed}, action {n}: {step.__name__}, at {shop.now}")
            wrong.add_note("\n".join(shop.story[-30:]))
            raise
    for one in shop.subscriptions:
        for invoice in shop.invoices(one):
            shop.explained(invoice)
    return shop


@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(FIRST, FIRST + LIVES))
def test_what_is_shown_is_what_is_done_and_every_line_explains_itself(
    house: House, seed: int
) -> None:
    shop = live(house, seed)
    report = examine(house.engine.db, MachineTime().at)
    broken = WATCHED & {result.name for result in report.broken}
    assert not broken, "\n".join((render(report), *shop.story))
