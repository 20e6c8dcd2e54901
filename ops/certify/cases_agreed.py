"""The contract of linked GoPay and of the hosted page: a payer agrees first, or chooses there."""

from __future__ import annotations

from functools import partial
from typing import Final

from ops.certify.bench import AMOUNT, PHONE, Bench, Facts, NotTried, facts_of
from ops.certify.case import Case, give_back, with_state
from payments.gateway import ChargeRequest

LINKED: Final = "gopay_linked"
LARGE: Final = 150_000  # GoPay's test wallet asks for a PIN from Rp100,000 on
PART: Final = 10_000
# Midtrans' published test telephones, without the country code.
POOR: Final = "628242014881"
UNREGISTERED: Final = "62123450001"
BLOCKED: Final = "62123450002"
_BACK: Final = "https://shop.example/ok"


def linked_cases() -> list[Case]:
    return [*_links(), *_wallet_charges(), *_wallet_ends()]


def _links() -> list[Case]:
    return [
        Case(LINKED, "link", "asked", _link, {"status": "pending", "links": "web app"}),
        Case(LINKED, "link", "agreed", _link_agreed, {"status": "enabled"}),
        Case(LINKED, "link", "not agreed in time", _link_over, {"status": "ended"}),
        Case(LINKED, "link", "a telephone without GoPay", partial(_link, phone=UNREGISTERED),
             {"status": "refused", "code": "105"}),
        Case(LINKED, "link", "a blocked wallet", partial(_link, phone=BLOCKED),
             {"status": "refused", "code": "112"}),
        Case(LINKED, "link", "no telephone number", partial(_link, phone="62abc"),
             {"status": "refused", "code": "400"}),
        Case(LINKED, "link", "unknown account", _no_account, {"status": "ended", "code": "404"}),
        Case(LINKED, "unlink", "linked", _unlink, {"status": "ended"}),
        Case(LINKED, "unlink", "not agreed yet", _unlink_early,
             {"status": "refused", "code": "412"}),
        Case(LINKED, "unlink", "unknown account", _unlink_unknown,
             {"status": "ended", "code": "404"}),
        Case(LINKED, "link", "ended by its owner in the app", _ended_there, {"status": "ended"}),
    ]  # fmt: skip


def _wallet_charges() -> list[Case]:
    return [
        Case(LINKED, "charge", "without a PIN", partial(_wallet, amount=AMOUNT),
             {"status": "paid", "settled": "True"}),
        Case(LINKED, "charge", "PIN needed", partial(_wallet, amount=LARGE),
             {"status": "pending", "instructions": "app_url redirect_url"}),
        Case(LINKED, "charge", "PIN given", partial(_pin, path="pay", what="give the PIN"),
             {"status": "paid"}),
        Case(LINKED, "charge", "PIN refused", partial(_pin, path="refuse", what="refuse the PIN"),
             {"status": "failed"}),
        Case(LINKED, "charge", "PIN given by nobody in time", _pin_over,
             {"status": "failed", "raw.transaction_status": "expire"}),
        Case(LINKED, "charge", "not enough money", partial(_wallet, amount=AMOUNT, phone=POOR),
             {"status": "failed", "code": "201"}),
        Case(LINKED, "charge", "no longer linked", _wallet_gone, {"status": "failed"}),
        Case(LINKED, "charge", "same order id again", _wallet_again,
             {"status": "duplicate", "code": "406"}),
    ]  # fmt: skip


def _wallet_ends() -> list[Case]:
    return [
        Case(LINKED, "cancel", "PIN needed", _wallet_cancel,
             {"status": "succeeded", "afterwards": "failed"}),
        Case(LINKED, "refund", "whole", partial(_wallet_back, amount=AMOUNT),
             {"status": "succeeded", "raw.transaction_status": "refund"}),
        Case(LINKED, "refund", "a part", partial(_wallet_back, amount=PART),
             {"status": "succeeded", "raw.transaction_status": "partial_refund"}),
    ]  # fmt: skip


def _link(bench: Bench, phone: str = PHONE) -> Facts:
    return facts_of(bench.link(phone, _BACK))


def _asked(bench: Bench, phone: str = PHONE) -> str:
    asked = bench.link(phone, _BACK)
    if asked.account_id is None:
        raise NotTried(f"GoPay linking is refused: {asked.code} {asked.message or ''}".strip())
    return asked.account_id


def _agreed(bench: Bench, phone: str = PHONE) -> str:
    account = _asked(bench, phone)
    what = "agree to link GoPay on the page that the answer names"
    bench.act("pay-accounts", what, account_id=account, action="link")
    return account


def _link_agreed(bench: Bench) -> Facts:
    return facts_of(bench.gateway.account(_agreed(bench)))


def _link_over(bench: Bench) -> Facts:
    own = bench.aside("leave a link that GoPay offered alone")
    account = _asked(own)
    own.wait(days=2)
    return facts_of(own.gateway.account(account))


def _ended_there(bench: Bench) -> Facts:
    account = _agreed(bench)
    bench.act("pay-accounts", "end the link in the app", account_id=account, action="unlink")
    return facts_of(bench.gateway.account(account))


def _request(bench: Bench, amount: int, phone: str = PHONE) -> ChargeRequest:
    return bench.request(
        LINKED, account_id=_agreed(bench, phone), amount=amount, initiated_by="merchant",
        expires_at=None,
    )  # fmt: skip


def _wallet(bench: Bench, amount: int, phone: str = PHONE) -> Facts:
    return facts_of(bench.charge(_request(bench, amount, phone)))


def _pin(bench: Bench, path: str, what: str) -> Facts:
    request = _request(bench, LARGE)
    bench.charge(request)
    bench.act(path, f"{what} for {request.order_id}", order_id=request.order_id)
    return facts_of(bench.gateway.status(request.order_id))


def _pin_over(bench: Bench) -> Facts:
    own = bench.aside("leave a GoPay PIN page alone")
    request = _request(own, LARGE)
    own.charge(request)
    own.wait(minutes=20)
    return facts_of(own.gateway.status(request.order_id))


def _wallet_gone(bench: Bench) -> Facts:
    request = _request(bench, AMOUNT)
    bench.gateway.unlink_account(str(request.account_id))
    return facts_of(bench.charge(request))


def _wallet_again(bench: Bench) -> Facts:
    request = _request(bench, AMOUNT)
    bench.charge(request)
    return facts_of(bench.charge(request))


def _wallet_cancel(bench: Bench) -> Facts:
    request = _request(bench, LARGE)
    bench.charge(request)
    facts = facts_of(bench.gateway.cancel(request.order_id, idempotency_key=bench.key()))
    return with_state(bench, request.order_id, facts)


def _wallet_back(bench: Bench, amount: int) -> Facts:
    request = _request(bench, AMOUNT)
    bench.charge(request)
    return facts_of(give_back(bench, request.order_id, f"RF-{request.order_id}", amount))


def _unlink(bench: Bench) -> Facts:
    return facts_of(bench.gateway.unlink_account(_agreed(bench)))


def _unlink_early(bench: Bench) -> Facts:
    return facts_of(bench.gateway.unlink_account(_asked(bench)))


_NOBODY: Final = "00000000-0000-4000-8000-000000000000"


def _no_account(bench: Bench) -> Facts:
    return facts_of(bench.gateway.account(_NOBODY))


def _unlink_unknown(bench: Bench) -> Facts:
    return facts_of(bench.gateway.unlink_account(_NOBODY))


# The hosted page


def page_cases() -> list[Case]:
    shown = "redirect_url snap_token"
    return [
        Case("snap", "charge", "page opened", _page, {"status": "pending", "instructions": shown}),
        Case("snap", "charge", "opened again, nothing chosen", _page_again, {"status": "pending"}),
        Case("snap", "charge", "opened again, something chosen", _page_taken,
             {"status": "duplicate", "code": "406"}),
        Case("snap", "charge", "amount of zero", _page_zero, {"status": "failed", "code": "400"}),
        Case("snap", "charge", "wrong key", _page_stranger, {"status": "refused", "code": "401"}),
        Case("snap", "status", "nothing chosen yet", _page_status, {"status": "not_found"}),
        Case("snap", "status", "a number chosen", _page_chosen,
             {"status": "pending", "channel": "bca_va"}),
        Case("snap", "status", "paid", _page_paid, {"status": "paid", "channel": "bca_va"}),
        Case("snap", "status", "a card denied, then a number paid", _page_tries,
             {"status": "paid", "channel": "bca_va"}),
        Case("snap", "status", "a card denied", _page_denied, {"status": "failed"}),
        Case("snap", "expire", "a number chosen", _page_expire,
             {"status": "succeeded", "afterwards": "failed"}),
        Case("snap", "close", "nothing chosen yet", _page_close, {"closed": "True"}),
        Case("snap", "close", "something chosen", _page_close_late, {"closed": "False"}),
        Case("snap", "close", "unknown page", _page_unknown, {"closed": "False"}),
    ]  # fmt: skip


def _opened(bench: Bench) -> tuple[ChargeRequest, str]:
    request = bench.request("snap")
    token = bench.charge(request).instructions.get("snap_token")
    if token is None:
        raise NotTried("no page could be opened")
    return request, token


def _choose(bench: Bench, request: ChargeRequest, method: str, **how: str) -> None:
    what = f"choose {method} on the page of {request.order_id}"
    bench.act("snap", what, order_id=request.order_id, method=method, **how)


def _page(bench: Bench) -> Facts:
    return facts_of(bench.charge(bench.request("snap")))


def _page_again(bench: Bench) -> Facts:
    request, _ = _opened(bench)
    return facts_of(bench.charge(request))


def _page_taken(bench: Bench) -> Facts:
    request, _ = _opened(bench)
    _choose(bench, request, "bca_va")
    return facts_of(bench.charge(request))


def _page_zero(bench: Bench) -> Facts:
    return facts_of(bench.charge(bench.request("snap", amount=0)))


def _page_stranger(bench: Bench) -> Facts:
    return facts_of(bench.stranger().charge(bench.request("snap"), idempotency_key=bench.key()))


def _page_status(bench: Bench) -> Facts:
    request, _ = _opened(bench)
    return facts_of(bench.gateway.status(request.order_id))


def _read(bench: Bench, request: ChargeRequest) -> Facts:
    answer = bench.gateway.status(request.order_id)
    return {**facts_of(answer), "channel": str(answer.channel)}


def _page_chosen(bench: Bench) -> Facts:
    request, _ = _opened(bench)
    _choose(bench, request, "bca_va")
    return _read(bench, request)


def _page_paid(bench: Bench) -> Facts:
    request, _ = _opened(bench)
    _choose(bench, request, "bca_va")
    bench.act("pay", f"pay {request.order_id}", order_id=request.order_id)
    return _read(bench, request)


def _page_denied(bench: Bench) -> Facts:
    request, _ = _opened(bench)
    _choose(bench, request, "credit_card", card_number="4911111111111113")
    bench.act("3ds", f"confirm the card of {request.order_id}", order_id=request.order_id)
    return _read(bench, request)


def _page_tries(bench: Bench) -> Facts:
    request, _ = _opened(bench)
    _choose(bench, request, "credit_card", card_number="4911111111111113")
    bench.act("3ds", f"confirm the card of {request.order_id}", order_id=request.order_id)
    _choose(bench, request, "bca_va")
    bench.act("pay", f"pay {request.order_id}", order_id=request.order_id)
    return _read(bench, request)


def _page_expire(bench: Bench) -> Facts:
    request, _ = _opened(bench)
    _choose(bench, request, "bca_va")
    at = request.order_id
    facts = facts_of(bench.gateway.expire(at, idempotency_key=bench.key()))
    return with_state(bench, at, facts)


def _page_close(bench: Bench) -> Facts:
    _, token = _opened(bench)
    return {"closed": str(bench.gateway.close_page(token))}


def _page_close_late(bench: Bench) -> Facts:
    request, token = _opened(bench)
    _choose(bench, request, "bca_va")
    return {"closed": str(bench.gateway.close_page(token))}


def _page_unknown(bench: Bench) -> Facts:
    return {"closed": str(bench.gateway.close_page(_NOBODY))}
