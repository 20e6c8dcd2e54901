"""The contract of cards: with 3DS and without, held, taken in rates, challenged, and given back."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Final

from ops.certify.bench import AMOUNT, CARDS, Bench, Facts, NotTried, facts_of
from ops.certify.case import Case, give_back, with_state
from payments.gateway import Answer, ChargeRequest

PART: Final = 10_000
RATES: Final = 3
# An answer of a card that is not paid: what the bank or the desk said is in the raw body.
_DENIED: Final = {"status": "failed", "raw.transaction_status": "deny"}


def card_cases() -> list[Case]:
    return [*_charges(), *_holds(), *_desk(), *_given_back(), *_taken_back()]


def _charges() -> list[Case]:
    in_rates = partial(_card_plain, number=CARDS["bni"], installment_months=RATES)
    return [
        Case("card", "charge", "3DS asked for", _card_3ds,
             {"status": "pending", "instructions": "redirect_url"}),
        Case("card", "charge", "confirmed by its holder", _card_confirmed,
             {"status": "paid", "settled": "False", "token kept": "True"}),
        Case("card", "charge", "not confirmed by its holder", _card_not_confirmed, _DENIED),
        Case("card", "charge", "confirmed by nobody in time", _card_left,
             {"status": "failed", "raw.transaction_status": "expire"}),
        Case("card", "charge", "saved token, without its holder", _card_saved,
             {"status": "paid", "raw.transaction_status": "capture"}),
        Case("card", "charge", "saved token and its code, two clicks", _card_two_clicks,
             {"status": "paid", "raw.transaction_status": "capture"}),
        Case("card", "charge", "denied by the bank", partial(_card_plain, number=CARDS["deny"]),
             _DENIED),
        Case("card", "charge", "not enough money", partial(_card_plain, number=CARDS["no money"]),
             {**_DENIED, "code": "51"}),
        Case("card", "charge", "denied by the fraud desk",
             partial(_card_plain, number=CARDS["fraud"]),
             {"status": "failed", "raw.fraud_status": "deny"}),
        Case("card", "charge", "one-time token used twice", _card_used,
             {"status": "failed", "code": "411"}),
        Case("card", "charge", "unknown token", _card_unknown, {"status": "failed", "code": "411"}),
        Case("card", "charge", "same key again", _card_twin,
             {"status": "paid", "one transaction": "True"}),
        Case("card", "charge", "in rates", partial(in_rates, acquirer="bni"),
             {"status": "paid", "raw.installment_term": "digits"}),
        Case("card", "charge", "in rates without a bank",
             in_rates, {"status": "failed", "code": "400"}),
        Case("card", "charge", "one of the cards that may pay",
             partial(_card_plain, bins=(CARDS["accept"][:6],)), {"status": "paid"}),
        Case("card", "charge", "none of the cards that may pay",
             partial(_card_plain, bins=(CARDS["bni"][:6],)), {"status": "failed"}),
        Case("card", "status", "settled the next day", _card_settled,
             {"status": "paid", "settled": "True"}),
    ]  # fmt: skip


def _holds() -> list[Case]:
    return [
        Case("card", "charge", "held", partial(_card_plain, hold=True), {"status": "authorized"}),
        Case("card", "capture", "held", partial(_card_capture, amount=AMOUNT), {"status": "paid"}),
        Case("card", "capture", "a part of what is held", partial(_card_capture, amount=PART),
             {"status": "paid", "amount": (str(AMOUNT), str(PART))}),
        Case("card", "capture", "more than is held", partial(_card_capture, amount=AMOUNT + 1),
             {"status": "failed"}),
        Case("card", "capture", "captured already", _card_capture_again,
             {"status": "unknown", "code": "412"}),
        Case("card", "cancel", "held", partial(_card_undo, hold=True),
             {"status": "succeeded", "afterwards": "failed"}),
        Case("card", "cancel", "captured", _card_undo,
             {"status": "succeeded", "afterwards": "failed"}),
        Case("card", "cancel", "settled", _card_undo_settled,
             {"status": "unknown", "code": "412", "afterwards": "paid"}),
        Case("card", "status", "held until the hold is over", _card_hold_over,
             {"status": "failed"}),
    ]  # fmt: skip


def _desk() -> list[Case]:
    return [
        Case("card", "charge", "challenged by the fraud desk",
             partial(_card_plain, number=CARDS["challenge"]),
             {"status": "pending", "raw.fraud_status": "challenge"}),
        Case("card", "review", "challenged, approved", partial(_card_judged, accept=True),
             {"afterwards": "paid"}),
        Case("card", "review", "challenged, denied", partial(_card_judged, accept=False),
             {"afterwards": "failed"}),
        Case("card", "review", "nothing to review", _card_review,
             {"status": "unknown", "code": "412"}),
    ]  # fmt: skip


def _given_back() -> list[Case]:
    return [
        Case("card", "refund", "a part before it settles", _card_refund,
             {"status": "unknown", "code": "412"}),
        Case("card", "refund", "whole, settled", partial(_card_back, amounts=(AMOUNT,)),
             {"status": "succeeded", "raw.transaction_status": "refund"}),
        Case("card", "refund", "a part, settled", partial(_card_back, amounts=(PART,)),
             {"status": "succeeded", "raw.transaction_status": "partial_refund"}),
        Case("card", "refund", "the rest after a part",
             partial(_card_back, amounts=(PART, AMOUNT - PART)),
             {"status": "succeeded", "raw.transaction_status": "refund"}),
        Case("card", "refund", "more than is left", partial(_card_back, amounts=(PART, AMOUNT)),
             {"status": "retry", "code": "414"}),
        Case("card", "refund", "same key again", _card_back_twice,
             {"status": "unknown", "code": "406"}),
        Case("card", "refund", "confirmed by the holder's bank", _card_arrived,
             {"status": "paid", "arrived before": "0", "arrived": "1"}),
    ]  # fmt: skip


def _taken_back() -> list[Case]:
    return [
        Case(
            "card",
            "status",
            "charged back",
            partial(_card_charged_back, amount=None),
            {"status": "reversed"},
        ),
        Case(
            "card",
            "status",
            "charged back in part",
            partial(_card_charged_back, amount=PART),
            {"status": "paid", "charged back": str(PART)},
        ),
    ]


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


def _card_plain(
    bench: Bench, number: str = CARDS["accept"], *, hold: bool = False, **change: Any
) -> Facts:
    return facts_of(bench.charge(_card_request(bench, number, authorize_only=hold, **change)))


def _card_not_confirmed(bench: Bench) -> Facts:
    request = _card_request(bench, authenticate=True)
    bench.charge(request)
    what = f"refuse the card payment {request.order_id} on its 3DS page"
    bench.act("3ds", what, order_id=request.order_id, result="deny")
    return facts_of(bench.gateway.status(request.order_id))


def _card_left(bench: Bench) -> Facts:
    own = bench.aside("leave a 3DS page alone")
    request = _card_request(own, authenticate=True)
    own.charge(request)
    own.wait(minutes=15)
    return facts_of(own.gateway.status(request.order_id))


def _card_two_clicks(bench: Bench) -> Facts:
    _, answer = _confirmed(bench)
    if answer.saved_token is None:
        raise NotTried("the card payment brought no token to be charged again")
    return facts_of(
        bench.charge(
            bench.request("card", token=bench.second_click(answer.saved_token), expires_at=None)
        )
    )


def _card_unknown(bench: Bench) -> Facts:
    nobodys = "48111111-1114-00000000-0000-4000-8000-000000000000"
    return facts_of(bench.charge(bench.request("card", token=nobodys, expires_at=None)))


def _card_twin(bench: Bench) -> Facts:
    request, key = _card_request(bench), bench.key()
    first = bench.charge(request, key)
    second = bench.charge(request, key)
    same = first.transaction_id == second.transaction_id
    return {**facts_of(second), "one transaction": str(same)}


def _card_settled(bench: Bench) -> Facts:
    own = bench.aside("wait until a card settles, the next day at 16:00 WIB")
    at = str(_captured(own).order_id)
    own.wait(days=2)
    return facts_of(own.gateway.status(at))


def _settled(bench: Bench) -> str:
    at = str(_captured(bench).order_id)
    bench.act("settle", f"wait until {at} settles and give it back then", order_id=at)
    return at


def _card_undo_settled(bench: Bench) -> Facts:
    at = _settled(bench)
    facts = facts_of(bench.gateway.cancel(at, idempotency_key=bench.key()))
    return with_state(bench, at, facts)


def _card_hold_over(bench: Bench) -> Facts:
    own = bench.aside("leave a held card alone for nine days")
    at = str(_captured(own, hold=True).order_id)
    own.wait(days=9)
    return facts_of(own.gateway.status(at))


def _card_judged(bench: Bench, *, accept: bool) -> Facts:
    answer = bench.charge(_card_request(bench, CARDS["challenge"]))
    if answer.fraud != "challenge":
        raise NotTried(f"no card of this gateway's is challenged: {answer.status}")
    at = str(answer.order_id)
    facts = facts_of(bench.gateway.review(at, accept=accept, idempotency_key=bench.key()))
    return with_state(bench, at, facts)


def _card_back(bench: Bench, amounts: tuple[int, ...]) -> Facts:
    at, facts = _settled(bench), Facts()
    for n, amount in enumerate(amounts):
        facts = facts_of(give_back(bench, at, f"RF-{at}-{n}", amount))
    return facts


def _card_back_twice(bench: Bench) -> Facts:
    at = _settled(bench)
    give_back(bench, at, f"RF-{at}", AMOUNT)
    return facts_of(give_back(bench, at, f"RF-{at}", AMOUNT))


def _card_arrived(bench: Bench) -> Facts:
    own = bench.aside("wait until a card's refund has arrived")
    at = _settled(own)
    give_back(own, at, f"RF-{at}", AMOUNT)
    before = own.gateway.status(at)
    own.wait(days=20)
    answer = own.gateway.status(at)
    told = {"arrived before": str(len(before.arrivals)), "arrived": str(len(answer.arrivals))}
    return {**facts_of(answer), **told}


def _card_charged_back(bench: Bench, amount: int | None) -> Facts:
    at = _settled(bench)
    some = {} if amount is None else {"amount": amount}
    bench.act("chargeback", f"wait until a bank takes {at} back", order_id=at, **some)
    answer = bench.gateway.status(at)
    return {**facts_of(answer), "charged back": str(answer.charged_back)}


def _card_used(bench: Bench) -> Facts:
    request = _card_request(bench)
    bench.charge(request)
    return facts_of(bench.charge(replace(request, order_id=bench.request("card").order_id)))


def _captured(bench: Bench, *, hold: bool = False) -> Answer:
    answer = bench.charge(_card_request(bench, authorize_only=hold))
    if answer.status not in ("paid", "authorized") or answer.transaction_id is None:
        raise NotTried(f"no card could be charged without 3DS: {answer.status} {answer.code}")
    return answer


def _card_capture(bench: Bench, amount: int) -> Facts:
    at = str(_captured(bench, hold=True).transaction_id)
    return facts_of(bench.gateway.capture(at, amount=amount, idempotency_key=bench.key()))


def _card_capture_again(bench: Bench) -> Facts:
    at = str(_captured(bench).transaction_id)
    return facts_of(bench.gateway.capture(at, amount=AMOUNT, idempotency_key=bench.key()))


def _card_undo(bench: Bench, *, hold: bool = False) -> Facts:
    at = str(_captured(bench, hold=hold).order_id)
    facts = facts_of(bench.gateway.cancel(at, idempotency_key=bench.key()))
    return with_state(bench, at, facts)


def _card_refund(bench: Bench) -> Facts:
    at = str(_captured(bench).order_id)
    return facts_of(give_back(bench, at, f"RF-{at}", PART))


def _card_review(bench: Bench) -> Facts:
    at = str(_captured(bench).order_id)
    return facts_of(bench.gateway.review(at, accept=True, idempotency_key=bench.key()))
