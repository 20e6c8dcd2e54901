"""The contract of what we pull: cards and linked GoPay."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Final

from ops.certify.bench import AMOUNT, CARDS, PHONE, Bench, Facts, NotTried, facts_of
from ops.certify.case import Case, give_back, with_state
from payments.gateway import Answer, ChargeRequest

LARGE: Final = 150_000  # GoPay's test wallet asks for a PIN from Rp100,000 on


def card_cases() -> list[Case]:
    return [
        Case("card", "charge", "3DS asked for", _card_3ds,
             {"status": "pending", "instructions": "redirect_url"}),
        Case("card", "charge", "confirmed by its holder", _card_confirmed,
             {"status": "paid", "settled": "False", "token kept": "True"}),
        Case("card", "charge", "saved token, without its holder", _card_saved,
             {"status": "paid", "raw.transaction_status": "capture"}),
        Case("card", "charge", "denied by the bank", partial(_card_plain, number=CARDS["deny"]),
             {"status": "failed", "raw.transaction_status": "deny"}),
        Case("card", "charge", "denied by the fraud desk",
             partial(_card_plain, number=CARDS["fraud"]),
             {"status": "failed", "raw.fraud_status": "deny"}),
        Case("card", "charge", "one-time token used twice", _card_used, {"code": "411"}),
        Case("card", "charge", "held", partial(_card_plain, hold=True), {"status": "authorized"}),
        Case("card", "capture", "held", _card_capture, {"status": "paid"}),
        Case("card", "cancel", "held", partial(_card_undo, hold=True),
             {"status": "succeeded", "afterwards": "failed"}),
        Case("card", "cancel", "captured", _card_undo,
             {"status": "succeeded", "afterwards": "failed"}),
        Case("card", "refund", "a part before it settles", _card_refund,
             {"status": "unknown", "code": "412"}),
        Case("card", "review", "nothing to review", _card_review, {"code": "412"}),
    ]  # fmt: skip


def _card_request(bench: Bench, number: str = CARDS["accept"], **change: Any) -> ChargeRequest:
    return bench.request("card", token=bench.card(number), expires_at=None, **change)


def _card_3ds(bench: Bench) -> Facts:
    return facts_of(bench.charge(_card_request(bench, authenticate=True, save_token=True)))


def _confirmed(bench: Bench) -> tuple[str, Answer]:
    request = _card_request(bench, authenticate=True, save_token=True)
    bench.charge(request)
    what = f"confirm the card payment {request.order_id} with 112233"
    bench.act("3ds", what, order_id=request.order_id, result="accept")
    return request.order_id, bench.gateway.status(request.order_id)


def _card_confirmed(bench: Bench) -> Facts:
    _, answer = _confirmed(bench)
    return {**facts_of(answer), "token kept": str(answer.saved_token is not None)}


def _card_saved(bench: Bench) -> Facts:
    _, answer = _confirmed(bench)
    if answer.saved_token is None:
        raise NotTried("the card payment brought no token to be charged again")
    request = bench.request(
        "card", token=answer.saved_token, initiated_by="merchant", expires_at=None
    )
    return facts_of(bench.charge(request))


def _card_plain(bench: Bench, number: str = CARDS["accept"], *, hold: bool = False) -> Facts:
    return facts_of(bench.charge(_card_request(bench, number, authorize_only=hold)))


def _card_used(bench: Bench) -> Facts:
    request = _card_request(bench)
    bench.charge(request)
    return facts_of(bench.charge(replace(request, order_id=bench.request("card").order_id)))


def _captured(bench: Bench, *, hold: bool = False) -> Answer:
    answer = bench.charge(_card_request(bench, authorize_only=hold))
    if answer.status not in ("paid", "authorized") or answer.transaction_id is None:
        raise NotTried(f"no card could be charged without 3DS: {answer.status} {answer.code}")
    return answer


def _card_capture(bench: Bench) -> Facts:
    held = _captured(bench, hold=True)
    at = str(held.transaction_id)
    return facts_of(bench.gateway.capture(at, amount=AMOUNT, idempotency_key=bench.key()))


def _card_undo(bench: Bench, *, hold: bool = False) -> Facts:
    at = str(_captured(bench, hold=hold).order_id)
    facts = facts_of(bench.gateway.cancel(at, idempotency_key=bench.key()))
    return with_state(bench, at, facts)


def _card_refund(bench: Bench) -> Facts:
    at = str(_captured(bench).order_id)
    return facts_of(give_back(bench, at, f"RF-{at}", 10_000))


def _card_review(bench: Bench) -> Facts:
    at = str(_captured(bench).order_id)
    return facts_of(bench.gateway.review(at, accept=True, idempotency_key=bench.key()))


def linked_cases() -> list[Case]:
    here = "gopay_linked"
    return [
        Case(here, "link", "asked", _link, {"status": "pending"}),
        Case(here, "link", "agreed", _link_agreed, {"status": "enabled"}),
        Case(here, "charge", "without a PIN", partial(_wallet, amount=AMOUNT), {"status": "paid"}),
        Case(here, "charge", "PIN needed", partial(_wallet, amount=LARGE), {"status": "pending"}),
        Case(here, "unlink", "linked", _unlink, {"status": "ended"}),
        Case(here, "link", "unknown account", _no_account, {"status": "ended", "code": "404"}),
    ]


def _link(bench: Bench) -> Facts:
    return facts_of(bench.gateway.link_account(phone=PHONE, return_url="https://shop.example/ok"))


def _agreed(bench: Bench) -> str:
    asked = bench.gateway.link_account(phone=PHONE, return_url="https://shop.example/ok")
    if asked.account_id is None:
        raise NotTried(f"GoPay linking is refused: {asked.code} {asked.message or ''}".strip())
    bench.act(
        "pay-accounts", f"link GoPay at {asked.link_url}", account_id=asked.account_id,
        action="link",
    )  # fmt: skip
    return asked.account_id


def _link_agreed(bench: Bench) -> Facts:
    return facts_of(bench.gateway.account(_agreed(bench)))


def _wallet(bench: Bench, amount: int) -> Facts:
    account = _agreed(bench)
    request = bench.request(
        "gopay_linked", account_id=account, amount=amount, initiated_by="merchant", expires_at=None
    )
    return facts_of(bench.charge(request))


def _unlink(bench: Bench) -> Facts:
    return facts_of(bench.gateway.unlink_account(_agreed(bench)))


def _no_account(bench: Bench) -> Facts:
    return facts_of(bench.gateway.account("00000000-0000-4000-8000-000000000000"))
