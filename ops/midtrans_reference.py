"""The page ``docs/reference/midtrans.md``, written from the tables that the program runs by."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from ops.certify.case import Case
from ops.certify.cases import cases
from ops.certify.open_points import OPEN_POINTS
from payments.adapters.midtrans.answers import charge_answer, order_answer, refund_answer
from payments.adapters.midtrans.client import Raw
from payments.channels import CHANNELS, Channel, Expiry
from payments.declines import CARD_CODES, OVO_CODES, STATUS_CODES, WALLET_CODES, Decline
from payments.fees import fee_of, fee_row
from payments.limits import limit_of, settles
from payments.notifications import NotificationKind

EXAMPLE: Final = 100_000
_DAY: Final = date(2026, 11, 21)
_UNPRICED: Final = {"snap": "that of what is chosen"}

_HEAD = """# Midtrans

Written by `python -m ops.midtrans_reference` from the tables that the program runs by; a test
compares it. Sources stand in the modules named beside each table.
"""

_FAST = """## How fast

`make benchmark` measures the simulator beside a bare ASGI echo, and the adapter beside the official
client with one pooled session (`python -m ops.adapter_benchmark`, `--json` for a program): charges
and questions a second in rounds that take turns, by the clock and by processor time. The adapter
is to keep at least 0.8 of the client's rate, by the clock or by processor time: the clock alone
says too much about what else the machine does.
"""

# What we do on each word of our port; the words are `payments.gateway.Status`.
_DOING: Final[Mapping[str, str]] = {
    "paid": "book the money, settle the invoice, mail the receipt",
    "pending": "wait; ask again, later and later, and when its time is up",
    "failed": "nothing was taken: chase by the decline's class",
    "unknown": "ask for the status until it is known; send nothing",
    "not_sent": "send again later, under the same order id",
    "refused": "send again later; 401 and 410 go to a person",
    "duplicate": "ask for the status of that order",
    "not_found": "no proof; the same order again only after a quarantine, and only a saved token",
    "reversed": "take the payment back: the invoice is owed again",
    "authorized": "capture, or release by a cancel",
}
_DOING_REFUND: Final[Mapping[str, str]] = {
    "succeeded": "book it",
    "failed": "tell a person; give the balance back",
    "unknown": "ask for the status; never a second refund",
    "not_sent": "send again under the same key",
    "refused": "send again under the same key",
    "retry": "send again under the same key, for seven days",
}
_WORDS: Final = (
    ("capture", "accept"), ("capture", "challenge"), ("capture", "deny"), ("settlement", ""),
    ("pending", ""), ("authorize", ""), ("deny", ""), ("cancel", ""), ("expire", ""),
    ("failure", ""), ("refund", ""), ("partial_refund", ""), ("chargeback", ""),
    ("partial_chargeback", ""), ("a word nobody knows", ""),
)  # fmt: skip
_CODES: Final = (
    *(200, 201, 202, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414),
    *(429, 500, 501, 502, 503, 504, 505),
)
_KINDS: Final[Mapping[NotificationKind, str]] = {
    NotificationKind.PAYMENT: "signed: stored, then the order's status is asked and believed",
    NotificationKind.PAY_ACCOUNT: "no proof: stored, then the account is asked about; refused "
    "where Midtrans does not know it",
    NotificationKind.RECURRING_CHARGE: "no proof: stored, then its transaction is asked about; a "
    "charge of a schedule that is not ours goes to a person",
    NotificationKind.RECURRING_CREATED: "no proof: stored for a person; our own scheduler charges",
    NotificationKind.BI_SNAP: "another protocol: stored for a person (ADR 0017)",
    NotificationKind.UNKNOWN: "signed: the order's status is asked; else stored for a person",
}


def page() -> str:
    """The whole page."""
    parts = [
        _HEAD, _channels(), _amounts(), _refunds(), _operations(), _statuses(), _codes(),
        _declines("Card refusals", CARD_CODES), _declines("GoPay refusals", WALLET_CODES),
        _declines("OVO refusals", OVO_CODES),
        _declines("Refusals told by a status code", STATUS_CODES), _notifications(), _open(), _FAST,
    ]  # fmt: skip
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(cell or '-' for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _channels() -> str:
    rows = (
        (
            f"`{key}`", row.name_en, "we pull" if row.pull else "the payer pays",
            _expiry(row.expiry), ", ".join(row.shows), ", ".join(sorted(row.needs)), _quirks(row),
        )
        for key, row in CHANNELS.items()
    )  # fmt: skip
    head = ("channel", "name", "how", "waits (from .. to)", "the payer gets", "needs", "mind")
    return (
        "## Channels\n\n`payments/channels.py`. The adapter and the simulator speak all of them. "
        "An invoice is collected by a saved card or a linked GoPay account, or by any the payer "
        "pushes that the merchant has switched on (`POST /payment-channels/{channel}`).\n\n"
        f"{_table(head, rows)}"
    )


def _expiry(expiry: Expiry | None) -> str:
    if expiry is None:
        return ""
    if expiry.fixed:
        return f"{_span(expiry.default)}, fixed"
    return f"{_span(expiry.default)} ({_span(expiry.least)} .. {_span(expiry.most)})"


def _span(span: timedelta) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if span.total_seconds() % size == 0:
            return f"{int(span.total_seconds()) // size} {unit}"
    return f"{int(span.total_seconds())} s"


def _quirks(row: Channel) -> str:
    told = {
        "the bank may reverse it": row.reversible,
        "asked about by Midtrans' own id": row.by_transaction_id,
        "captured a day before it settles": row.captured_first,
        "no Idempotency-Key": not row.retries_by_key,
    }
    return "; ".join(words for words, holds in told.items() if holds)


def _amounts() -> str:
    rows = []
    for key in CHANNELS:
        limit, price = limit_of(key, _DAY), fee_row(key, _DAY)
        fee = fee_of(EXAMPLE, price) if price else None
        rows.append(
            (
                f"`{key}`", _rupiah(limit.least), _rupiah(limit.most, "no limit"),
                _rupiah(limit.some_payers_most), _price(price.fixed, price.rate, price.ppn)
                if price else _UNPRICED.get(key, "by contract"),
                _rupiah(fee.deducted) if fee else "",
                "" if price is None else price.source,
            )
        )  # fmt: skip
    head = ("channel", "least", "most", "some payers", "fee", f"of {_rupiah(EXAMPLE)}", "source")
    return (
        "## Amounts and fees\n\n`payments/limits.py`, `payments/fees.py`. Dated, and a merchant's "
        "own row wins. A fee is never added to a bill. *Some payers*: a wallet that is not "
        f"verified, cash in a shop.\n\n{_table(head, rows)}"
    )


def _rupiah(amount: int | None, none: str = "") -> str:
    return none if amount is None else f"Rp{amount:,}".replace(",", ".")


def _price(fixed: int, rate: Fraction, ppn: str) -> str:
    whole, tenths = divmod(int(rate * 1000), 10)
    percent = f"{whole}.{tenths}" if tenths else str(whole)
    parts = [f"{percent}%"] if rate else []
    parts += [_rupiah(fixed)] if fixed else []
    return f"{' + '.join(parts)}, PPN {'on top' if ppn == 'added' else 'inside'}"


def _refunds() -> str:
    rows = (
        (
            f"`{key}`",
            "by Midtrans" if row.refund.refundable else "by hand, with a second person",
            "yes" if row.refund.partial else "no, only whole" if row.refund.refundable else "",
            f"{row.refund.window_days} days" if row.refund.window_days else "",
            {"next_day": "the next day, 16:00 WIB", "at_once": "with the payment"}[settles(key)],
        )
        for key, row in CHANNELS.items()
        if key != "snap"
    )
    head = ("channel", "money back", "in part", "within", "settles")
    return (
        "## Refunds and settlement\n\n`payments/channels.py`, the narrowest reading where pages "
        f"differ. A captured card can only be cancelled whole.\n\n{_table(head, rows)}"
    )


def _operations() -> str:
    """One row for channels that are alike in an operation: what works, and what is refused how."""
    cells: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases():
        cells[case.channel, case.operation].append(case)
    alike: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (channel, operation), found in cells.items():
        works = "; ".join(_cell(one) for one in found if not _is_refused(one))
        refused = "; ".join(_cell(one) for one in found if _is_refused(one))
        alike[operation, works, refused].append(channel)
    rows = (
        (operation, ", ".join(f"`{one}`" for one in channels), works, refused)
        for (operation, works, refused), channels in sorted(alike.items(), key=_by_operation)
    )
    head = ("operation", "channels", "works: what happens → our word", "refused, or ends unpaid")
    return (
        "## Channel by operation\n\n"
        f"{len(cases())} cases of `tagihan certify`, each tried over HTTP by "
        "`tests/gateway/contract`. *unknown* means that the order is asked about before anything "
        f"else is done.\n\n{_table(head, rows)}"
    )


def _by_operation(row: tuple[tuple[str, str, str], list[str]]) -> tuple[str, str]:
    return row[0][0], row[1][0]


# Words of the port that say no, or not now, or that nothing was taken.
_NO: Final = frozenset({"failed", "unknown", "refused", "duplicate", "retry", "not_found", "False"})


def _words(case: Case) -> tuple[str, ...]:
    """What must come of a case, in the port's words."""
    # Of an end that was asked for, what counts is how the order stands afterwards.
    for name in ("status", "afterwards", "closed"):
        wanted = case.expect.get(name)
        if wanted is not None:
            return (wanted,) if isinstance(wanted, str) else tuple(wanted)
    return ("refused",) if _BAD & {str(one) for one in case.expect.values()} else ("told",)


def _is_refused(case: Case) -> bool:
    return _words(case)[0] in {*_NO, "refused"} or case.expect.get("code") == "404"


def _cell(case: Case) -> str:
    word = " or ".join(_SAID.get(one, one).replace("_", " ") for one in _words(case))
    code = case.expect.get("code")
    return f"{case.outcome} → {word}{f' ({code})' if isinstance(code, str) else ''}"


_BAD: Final = frozenset({"400", "404"})
_SAID: Final[Mapping[str, str]] = {"True": "closed", "False": "not closed"}


def _statuses() -> str:
    rows = []
    for word, fraud in _WORDS:
        body = {"transaction_status": word, **({"fraud_status": fraud} if fraud else {})}
        status = order_answer(body).status
        rows.append((f"`{word}`" if " " not in word else word, fraud, status, _DOING[status]))
    head = ("`transaction_status`", "`fraud_status`", "our word", "what we do")
    return (
        f"## What an order's status means\n\n`answers.py` of the adapter.\n\n{_table(head, rows)}"
    )


def _codes() -> str:
    rows = []
    for code in _CODES:
        raw = Raw("body", code, {"status_code": str(code)})
        charge, refund = charge_answer(raw).status, refund_answer(raw).status
        rows.append(
            (
                str(code), charge, _DOING[charge], refund, _DOING_REFUND[refund],
            )
        )  # fmt: skip
    head = ("code", "to a charge", "what we do", "to a refund", "what we do")
    note = (
        "The code is HTTP's where that is an error, else the body's. Where a `transaction_status` "
        "is told, that is read instead. A time-out, a lost connection and anything unreadable are "
        "`unknown`; a connection that was never made is `not_sent`."
    )
    return f"## What a code means where no transaction is told\n\n{note}\n\n{_table(head, rows)}"


def _declines(title: str, table: Mapping[str, Decline]) -> str:
    rows = (
        (
            code, one.klass.replace("_", " "), one.reason_en, one.reason_id,
            "none" if not one.may_retry else "by the policy" if one.tries_max is None
            else str(one.tries_max),
            "; ".join(
                words for words, holds in {
                    "the mandate ends": one.cancel_mandate,
                    "the status is asked first": one.ask_first,
                    "attests that nothing exists": one.attests,
                }.items() if holds
            ),
        )
        for code, one in sorted(table.items())
    )  # fmt: skip
    head = ("code", "class", "English", "Indonesian", "further tries", "also")
    return f"## {title}\n\n`payments/declines.py`.\n\n{_table(head, rows)}"


def _notifications() -> str:
    rows = ((f"`{kind}`", _KINDS[kind]) for kind in NotificationKind)
    table = _table(("kind", "what we do"), rows)
    note = (
        "Stored as they come, with the headers that a signature may cover and, sealed, the bytes. "
        "A signature that does not fit is refused before anything is written."
    )
    return f"## Notifications\n\n`payments/notifications.py`. {note}\n\n{table}"


def _open() -> str:
    rows = ((one.key, one.question, one.default) for one in OPEN_POINTS)
    return (
        "## What the documentation leaves open\n\n"
        "`tagihan certify --sandbox` answers some of them.\n\n"
        + _table(("", "question", "until it is answered"), rows)
    )


if __name__ == "__main__":
    sys.stdout.write(page())
