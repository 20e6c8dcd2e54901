"""The contract of the port, every cell of it over real HTTP; and whether a difference is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from altered import Change, Json, altered
from click.testing import CliRunner

from core.settings import Settings
from ops.certify.bench import Bench, Hands
from ops.certify.case import Case
from ops.certify.cases import cases
from ops.certify.cleaning import clean_up
from ops.certify.command import main, simulator, why_not
from ops.certify.open_points import OPEN_POINTS, answered
from ops.certify.report import page
from ops.certify.run import certify
from ops.cli import tagihan
from payments.channels import CHANNELS

# In Jakarta: at night ShopeePay gives nothing back.
NOON = datetime(2026, 1, 5, 5, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with simulator(NOON) as known:
        yield known


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.key.replace(" ", "_"))
def test_the_simulator_keeps_what_the_documentation_promises(bench: Bench, case: Case) -> None:
    [found] = certify(bench, [case])

    assert (found.verdict, found.unmet, found.why) == ("agrees", (), "")


def test_every_channel_and_every_operation_has_cases() -> None:
    listed = {(one.channel, one.operation) for one in cases()}

    assert {channel for channel, _ in listed} == {*CHANNELS, "any"}
    for channel, row in CHANNELS.items():
        assert (channel, "charge") in listed
        if not row.pull and channel != "snap":
            assert {(channel, op) for op in ("status", "expire", "cancel", "refund")} <= listed
    assert {op for channel, op in listed if channel == "card"} == {
        "charge", "status", "capture", "cancel", "review", "refund",
    }  # fmt: skip
    assert {op for channel, op in listed if channel == "gopay_linked"} == {
        "link", "unlink", "charge", "cancel", "refund",
    }  # fmt: skip
    assert {op for channel, op in listed if channel == "snap"} == {
        "charge", "status", "expire", "close",
    }  # fmt: skip


def test_no_cell_is_tried_twice() -> None:
    keys = [one.key for one in cases()]

    assert len(keys) == len(set(keys))


def test_what_only_a_person_can_do_is_not_tried_and_says_so(bench: Bench) -> None:
    alone = Bench(bench.url, bench.server_key, bench.client_key, now=bench.now)
    [paid] = [one for one in cases() if one.key == "bca_va / status / paid"]

    [found] = certify(alone, [paid])

    assert found.verdict == "not tried"
    assert found.why.startswith("a person must pay the bca_va order CERT-")


def test_an_open_point_is_answered_by_trying_or_left_to_midtrans(bench: Bench) -> None:
    told = {point.key: answered(point, bench) for point in OPEN_POINTS}

    assert told["U1"] == "; ".join(
        f"{path}: HTTP 200, body 404" for path in ("status", "cancel", "expire")
    )
    assert told["U5"] == "a status is signed with the server key"
    assert told["U7"] == "after expire: duplicate 406; after deny: duplicate 406"
    assert all(f"{bank}: " in str(told["U8"]) for bank in ("danamon", "bsi", "seabank"))
    assert told["U2"] is None
    assert told["U14"] == "66000 of 99000 captured: it names what was captured"
    assert told["U16"] == "kredivo: pending 201; akulaku: pending 201"
    assert (told["U13"], told["U15"]) == (None, None), "asked of Midtrans"


# Fifteen ways in which a gateway could differ from the simulator, and where that must be seen.


def _told(at: str, **change: Any) -> Change:
    def alter(path: str, status: int, body: Json) -> tuple[int, Json]:
        return (status, {**body, **change}) if at in path else (status, body)

    return alter


def _without(at: str, name: str) -> Change:
    def alter(path: str, status: int, body: Json) -> tuple[int, Json]:
        if at in path:
            body = {key: value for key, value in body.items() if key != name}
        return status, body

    return alter


def _http_of_404(path: str, status: int, body: Json) -> tuple[int, Json]:
    return (404 if body.get("status_code") == "404" else status), body


def _conflict_as_400(path: str, status: int, body: Json) -> tuple[int, Json]:
    return status, {**body, "status_code": "400"} if body.get("status_code") == "406" else body


def _amount_without_decimals(path: str, status: int, body: Json) -> tuple[int, Json]:
    amount = body.get("gross_amount")
    return status, {**body, "gross_amount": amount.partition(".")[0]} if amount else body


def _quiet_refunds(path: str, status: int, body: Json) -> tuple[int, Json]:
    refunds = [
        {name: value for name, value in one.items() if name != "bank_confirmed_at"}
        for one in body.get("refunds") or []
    ]
    return status, {**body, **({"refunds": refunds} if refunds else {})}


def _first_try(path: str, status: int, body: Json) -> tuple[int, Json]:
    if body.get("transaction_status") != "settlement":
        return status, body
    return status, {**body, "transaction_status": "deny", "payment_type": "credit_card"}


PLANTED: list[tuple[str, Change, str]] = [
    ("a number is missing", _without("POST /v2/charge", "va_numbers"), "bca_va / charge / pending"),
    ("another currency", _told("/status", currency="USD"), "bni_va / status / pending"),
    ("amounts lost their decimals", _amount_without_decimals, "bri_va / charge / pending"),
    ("expire answers 200", _told("/expire", status_code="200"), "permata_va / expire / pending"),
    ("cancel is refused", _told("/cancel", status_code="412"), "qris / cancel / pending"),
    ("a time has its zone", _told("POST /v2/charge", expiry_time="2026-11-21T10:00:00+07:00"), "dana / charge / pending"),
    ("an order id taken twice is a 400", _conflict_as_400, "alfamart / charge / same order id again"),
    ("a capture is settled at once", _told("/v2/charge", transaction_status="settlement"), "card / charge / saved token, without its holder"),
    ("a page has no address", _without("/snap/v1/transactions", "redirect_url"), "snap / charge / page opened"),
    ("rates are not told", _without("POST /v2/charge", "installment_term"), "card / charge / in rates"),
    ("a bank's confirmation is kept quiet", _quiet_refunds, "qris / refund / confirmed by the payer's bank"),
    ("a try that was denied hides the one that paid", _first_try, "snap / status / a card denied, then a number paid"),
    ("a status tells of another order", _told("/status", order_id="CERT-OTHER-1"), "bni_va / status / pending"),
    ("a status is signed with another key", _told("/status", signature_key="0" * 128), "bni_va / status / pending"),
    ("a link has no page", _without("/v2/pay/account", "actions"), "gopay_linked / link / asked"),
]  # fmt: skip


# By which fact each is told. Two are left out here that would hide others: what ends as something
# else, and every settlement turned into a denial, never come to what the others change.
SEEN_AS: dict[str, str] = {
    "a number is missing": "va_number",
    "another currency": "currency",
    "amounts lost their decimals": "gross_amount",
    "expire answers 200": "code",
    "cancel is refused": "code",
    "a time has its zone": "expiry_time",
    "an order id taken twice is a 400": "400",
    "a page has no address": "instructions",
    "rates are not told": "installment_term",
    "a bank's confirmation is kept quiet": "arrived is 0",
    "a status tells of another order": "order is ours is no",
    "a status is signed with another key": "signature fits is no",
    "a link has no page": "links",
}
TOGETHER = [row for row in PLANTED if row[0] in SEEN_AS]


@pytest.mark.parametrize(("what", "change", "where"), PLANTED, ids=[row[0] for row in PLANTED])
def test_a_planted_difference_is_reported(
    bench: Bench, what: str, change: Change, where: str
) -> None:
    [case] = [one for one in cases() if one.key == where]
    with altered(bench, change) as other:
        [found] = certify(other, [case], bench)

    assert found.verdict == "differs"
    assert found.differences or found.unmet


def test_all_of_them_at_once_are_all_reported(bench: Bench) -> None:
    """A whole run against one copy with every difference; each is named where it must be seen."""

    def all_at_once(path: str, status: int, body: Json) -> tuple[int, Json]:
        for _, change, _ in TOGETHER:
            status, body = change(path, status, body)
        return status, body

    with altered(bench, all_at_once) as other:
        found = {one.case.key: one for one in certify(other, cases(), bench)}
        lines = "\n".join(page(other.url, list(found.values())))
    assert len(found) == len(cases())
    missed = []
    for what, _, where in TOGETHER:
        told = " ".join((*found[where].unmet, *found[where].differences))
        if found[where].verdict != "differs" or SEEN_AS[what] not in told:
            missed.append((what, told))
    assert (missed, len(TOGETHER) >= 10) == ([], True)
    for words in ("of the order asked about: here no", "signed with the server key: here no"):
        assert words in lines


def test_an_unchanged_copy_differs_in_nothing(bench: Bench) -> None:
    some = [one for one in cases() if one.channel in ("bca_va", "card", "any")]
    with altered(bench, lambda _, status, body: (status, body)) as other:
        found = certify(other, some, bench)

    assert [(one.case.key, one.differences) for one in found if one.verdict != "agrees"] == []


def test_another_http_code_of_a_404_answers_the_open_point_and_harms_nothing(bench: Bench) -> None:
    [case] = [one for one in cases() if one.key == "any / status / unknown order"]
    [point] = [one for one in OPEN_POINTS if one.key == "U1"]
    with altered(bench, _http_of_404) as other:
        [found] = certify(other, [case], bench)
        told = answered(point, other)

    assert found.verdict == "agrees"
    assert "status: HTTP 404, body 404" in str(told)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (Settings(), "Set MIDTRANS_SERVER_KEY"),
        (
            Settings(midtrans_server_key="k", midtrans_client_key="c", midtrans_environment="production"),
            "MIDTRANS_ENVIRONMENT is production",
        ),
    ],
)  # fmt: skip
def test_production_is_refused_before_anything_is_sent(settings: Settings, why: str) -> None:
    assert str(why_not(settings)).startswith(why)
    assert main(settings, sandbox=True, url=None, as_json=False) == 2


@pytest.fixture
def live() -> Iterator[Bench]:
    """A simulator in real time, as what stands at an address does."""
    with simulator() as known:
        yield known


def test_the_command_tries_an_address_and_prints_a_table(
    live: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = live
    few = [one for one in cases() if one.channel == "bca_va"]
    monkeypatch.setattr("ops.certify.command.cases", lambda: few)
    monkeypatch.setenv("MIDTRANS_SERVER_KEY", bench.server_key)
    monkeypatch.setenv("MIDTRANS_CLIENT_KEY", bench.client_key)

    with altered(bench, _told("/expire", status_code="200")) as other:
        same = CliRunner().invoke(tagihan, ["certify", "--url", bench.url])
        differs = CliRunner().invoke(tagihan, ["certify", "--url", other.url])
        listed = CliRunner().invoke(tagihan, ["certify", "--url", bench.url, "--json"])

    assert same.exit_code == 0, same.output
    assert "bca_va             14        0          0" in same.output
    assert differs.exit_code == 1
    assert "other words: expire, pending (bca_va)" in differs.output
    assert "the code: here 200, in the simulator 407" in differs.output
    assert "cleaned up: " in same.stderr
    assert {one["verdict"] for one in json.loads(listed.stdout)["cases"]} == {"agrees"}
    assert bench.server_key not in same.output + differs.output + listed.output


def test_the_report_says_in_plain_words_what_matters_and_what_a_person_would_have_to_do(
    bench: Bench,
) -> None:
    few = [
        one for one in cases()
        if one.channel in ("bca_va", "bni_va") and one.operation in ("charge", "status")
    ]  # fmt: skip
    alone = Bench(bench.url, bench.server_key, bench.client_key, now=bench.now)
    with altered(alone, _without("POST /v2/charge", "va_numbers")) as other:
        other.hands = None
        lines = list(page(other.url, certify(other, few, bench)))

    assert "MATTERS: charge, pending (bca_va, bni_va)" in lines
    assert "    what the payer needs: here nothing, documented bank va_number" in lines
    assert "    4 cases: a person must pay the … order (bca_va, bni_va)" not in lines
    assert "    2 cases: a person must pay the … order (bca_va, bni_va)" in lines


def test_what_was_opened_is_ended_and_what_a_person_does_is_asked_for(bench: Bench) -> None:
    asked: list[str] = []

    def person(what: str) -> bool:
        asked.append(what)
        order_id = what.rsplit(maxsplit=1)[-1]
        Hands(bench.url, bench.server_key).do("pay", order_id=order_id)
        return True

    alone = Bench(bench.url, bench.server_key, bench.client_key, now=bench.now, person=person)
    few = [
        one for one in cases()
        if one.key in ("bca_va / charge / pending", "bca_va / status / paid", "gopay_linked / link / asked")
    ]  # fmt: skip
    found = certify(alone, few)

    assert {one.verdict for one in found} == {"agrees"}
    assert [what.split(" CERT-")[0] for what in asked] == ["pay the bca_va order"]
    opened = list(alone.orders)
    done = clean_up(alone)
    assert (done.orders, done.left) == (1, [])
    assert {alone.gateway.status(at).status for at in opened} == {"failed", "paid"}


def test_a_gateway_that_takes_no_more_calls_is_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("ops.certify.run.time.sleep", waited.append)
    [case] = [one for one in cases() if one.key == "bca_va / charge / pending"]
    left = iter([429, 429])

    def full(path: str, status: int, body: Json) -> tuple[int, Json]:
        code = next(left, None) if "POST /v2/charge" in path else None
        return (code, {"status_code": "429", "status_message": "slow"}) if code else (status, body)

    with altered(bench, full) as other:
        assert certify(other, [case])[0].verdict == "agrees"
    with altered(bench, lambda *_: (429, {"status_code": "429"})) as other:
        [found] = certify(other, [case])
    assert found.why.startswith("the gateway takes no more calls")
    assert waited == [5, 20, 5, 20, 60]
