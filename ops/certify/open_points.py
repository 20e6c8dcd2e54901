"""What the documentation leaves open: our default, and what a gateway itself answers when tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import requests

from ops.certify.bench import CARDS, Bench, NotTried
from payments.adapters.midtrans.answers import WIB
from payments.adapters.midtrans.payloads import charge_payload
from payments.notifications import verify


@dataclass(frozen=True, slots=True)
class Open:
    """A point the documentation leaves open: our default, and how it is answered."""

    key: str
    question: str
    default: str


# Those of the contract's open points that no program can answer are asked of Midtrans.
OPEN_POINTS: Sequence[Open] = (
    Open("U1", "HTTP code of errors told in the body", "read by the effective code"),
    Open("U2", "numeric rate limits, 429 by HTTP or in the body", "gateway_rps, both are read"),
    Open("U3", "how long an answer may take", "30 s for a charge, 10 s for a status"),
    Open("U4", "proof of pay-account and recurring notifications", "only a question is believed"),
    Open("U5", "a signing key of its own", "a setting of the merchant, by default the server key"),
    Open("U6", "month ends and past starts of schedules that Midtrans runs", "our own scheduler"),
    Open("U7", "an order id used again after deny or expire", "never used again"),
    Open(
        "U8",
        "default expiry of ShopeePay and Akulaku; virtual accounts of Danamon, BSI and SeaBank",
        "our wish is always sent; the three banks are not offered",
    ),
    Open("U9", "largest body", "one short item for the whole invoice"),
    Open("U10", "pending to authorize or capture after 3DS", "both are accepted"),
    Open("U11", "limits of retries by the card schemes", "at most four attempts a cycle"),
    Open("U12", "body of a 202 while a twin runs", "unknown, and asked about"),
    Open(
        "U13",
        "whether a card that a hosted page keeps under `user_id` comes back as `saved_token_id`",
        "kept where the token comes; where none does the payment stands, the method ends as "
        "`not_saved` and the next invoice is paid on a page again",
    ),
    Open(
        "U14",
        "`gross_amount` of a status after a part of a hold was captured",
        "what was captured is booked at once; were it what was held, the order is parked and a "
        "person decides (`answer_differs`)",
    ),
    Open(
        "U15",
        "whether `callback_url` of a linked GoPay charge must lie on a registered domain",
        "the invoice's page is named; a charge that is refused for it (400) took nothing, and a "
        "person is told (`gateway_setup`)",
    ),
    Open(
        "U16",
        "whether Kredivo or Akulaku refuse an order without an item's category and address, a "
        "shipping address or the sellers",
        "one item, the customer's name and mail are sent, which is what a bill knows; try it "
        "before you switch either on",
    ),
)


def answered(point: Open, bench: Bench) -> str | None:
    """What this gateway answers to an open point; None where no call can find out."""
    try:
        find_out = _WAYS.get(point.key)
        return None if find_out is None else find_out(bench)
    except (NotTried, requests.RequestException, ValueError) as told:
        return f"not found out: {told}"


def _http_of_unknown(bench: Bench) -> str:
    at = bench.request("card").order_id
    told = []
    for method, path in (("GET", "status"), ("POST", "cancel"), ("POST", "expire")):
        answer = requests.request(
            method, f"{bench.url}/v2/{at}/{path}", auth=(bench.server_key, ""),
            json={} if method == "POST" else None, timeout=(3, 30),
        )  # fmt: skip
        body = answer.json()
        code = body.get("status_code", "-") if isinstance(body, dict) else "-"
        told.append(f"{path}: HTTP {answer.status_code}, body {code}")
    return "; ".join(told)


def _used_again(bench: Bench) -> str:
    request, at = bench.opened("bca_va")
    bench.gateway.expire(at, idempotency_key=bench.key())
    again = bench.charge(request)
    told = f"after expire: {again.status} {again.code or '-'}"
    denied = bench.request("card", token=bench.card(CARDS["deny"]), expires_at=None)
    if bench.charge(denied).status != "failed":
        return f"{told}; after deny: the test card was not denied"
    again = bench.charge(replace(denied, token=bench.card()))
    return f"{told}; after deny: {again.status} {again.code or '-'}"


def _signed_with(bench: Bench) -> str:
    """Whether the server key reckons the signature of a status; notifications carry the same."""
    _, at = bench.opened("bca_va")
    body = bench.client.status(at).body
    if body.get("signature_key") is None:
        return "a status carries no signature"
    if verify(body, bench.server_key):
        return "a status is signed with the server key"
    return "a status is not signed with the server key: set the merchant's signing key"


def _without_wish(bench: Bench) -> str:
    told = []
    for channel in ("shopeepay", "akulaku"):
        answer = bench.charge(bench.request(channel, expires_at=None))
        span = answer.expires_at - bench.now if answer.expires_at else None
        minutes = "not told" if span is None else f"{round(span.total_seconds() / 60)} minutes"
        told.append(f"{channel}: {minutes}")
    for bank in ("danamon", "bsi", "seabank"):
        request = bench.request("bca_va")
        payload = {**charge_payload(request), "bank_transfer": {"bank": bank}}
        raw = bench.client.charge(payload, bench.key())
        if raw.code < 300 and raw.kind == "body":
            bench.orders.append(request.order_id)
        told.append(f"{bank}: {raw.code or raw.detail}")
    return "; ".join(told)


def _without_sellers(bench: Bench) -> str:
    told = []
    for channel in ("kredivo", "akulaku"):
        answer = bench.charge(bench.request(channel))
        told.append(f"{channel}: {answer.status} {answer.code or '-'}")
    return "; ".join(told)


def _waits(bench: Bench) -> str | None:
    if not bench.waits:
        return None
    slowest, usual = max(bench.waits), sorted(bench.waits)[len(bench.waits) // 2]
    return f"of {len(bench.waits)} charges half took up to {usual} ms, the slowest {slowest} ms"


def _past_start(bench: Bench) -> str:
    """A schedule that should have begun yesterday; it has no real card, and is ended at once."""
    begin = (bench.now - timedelta(days=1)).astimezone(WIB)
    answer = requests.post(
        f"{bench.url}/v1/subscriptions", auth=(bench.server_key, ""), timeout=(3, 30),
        json={
            "name": f"CERT-{bench.run}", "amount": "10000", "currency": "IDR",
            "payment_type": "credit_card", "token": "dummy",
            "schedule": {"interval": 1, "interval_unit": "month", "max_interval": 1,
                         "start_time": begin.strftime("%Y-%m-%d %H:%M:%S %z")},
        },
    )  # fmt: skip
    body = answer.json()
    at = body.get("id") if isinstance(body, dict) else None
    if answer.status_code < 300 and at:
        end = f"{bench.url}/v1/subscriptions/{at}/cancel"
        requests.post(end, auth=(bench.server_key, ""), json={}, timeout=(3, 30))
    said = "taken" if answer.status_code < 300 else "refused"
    return f"a start in the past is {said}: HTTP {answer.status_code}; month ends: ask Midtrans"


def _large(bench: Bench) -> str:
    """How large a body is taken: an order whose metadata grows, on a channel that holds nothing."""
    told = []
    for kilobytes in (15, 17, 33):
        request = bench.request("bca_va")
        payload = {**charge_payload(request), "metadata": {"filler": "x" * (kilobytes * 1024)}}
        raw = bench.client.charge(payload, bench.key())
        if raw.code < 300 and raw.kind == "body":
            bench.orders.append(request.order_id)
        told.append(f"{kilobytes} kB: {raw.code or raw.detail}")
    return ", ".join(told)


def _confirmed(bench: Bench) -> str:
    answer = bench.charge(
        bench.request("card", token=bench.card(), authenticate=True, expires_at=None)
    )
    at = str(answer.order_id)
    bench.act("3ds", f"confirm the card payment {at} with 112233", order_id=at, result="accept")
    return f"pending becomes {bench.gateway.status(at).transaction_status}"


def _twins(bench: Bench) -> str:
    """Two calls with one key at the same time."""
    request, key = bench.request("bca_va"), bench.key()
    payload = charge_payload(request)
    with ThreadPoolExecutor(2) as pool:
        raws = list(pool.map(lambda _: bench.client.charge(payload, key), range(2)))
    bench.orders.append(request.order_id)
    bodies = {True: "with", False: "without"}
    seen = {f"{raw.code} {bodies['transaction_id' in raw.body]} a transaction" for raw in raws}
    return "; ".join(sorted(seen))


def _captured_part(bench: Bench) -> str:
    """What a status names after two thirds of a hold were taken."""
    request = bench.request("card", token=bench.card(), authorize_only=True, expires_at=None)
    held = bench.charge(request)
    if held.status != "authorized" or held.transaction_id is None:
        raise NotTried(f"no card could be held without 3DS: {held.status} {held.code}")
    part = request.amount * 2 // 3
    bench.gateway.capture(held.transaction_id, amount=part, idempotency_key=bench.key())
    told = bench.gateway.status(request.order_id).amount
    names = {part: "what was captured", request.amount: "what was held"}
    return f"{part} of {request.amount} captured: it names {names.get(told or 0, told)}"


_WAYS: Final[Mapping[str, Callable[[Bench], str | None]]] = {
    "U1": _http_of_unknown,
    "U3": _waits,
    "U5": _signed_with,
    "U6": _past_start,
    "U7": _used_again,
    "U8": _without_wish,
    "U9": _large,
    "U10": _confirmed,
    "U12": _twins,
    "U14": _captured_part,
    "U16": _without_sellers,
}
