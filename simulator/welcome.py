"""The first screen: where things are, which keys, what to try. Pure."""

from __future__ import annotations

from pathlib import Path

from simulator.clock import iso
from simulator.model import Account

_REAL_TIME = "runs with real time"


def screen(base: str, account: Account, state: Path | None, accounts: int = 1) -> str:
    """What a person needs who has never seen a simulator like this."""
    rows = [
        ("Server Key", account.server_key),
        ("Client Key", account.client_key),
        ("Core API", f"{base}  for https://api.sandbox.midtrans.com"),
        ("Snap", f"{base}/snap/v1  for https://app.sandbox.midtrans.com/snap/v1"),
        ("Snap script", f"{base}/snap/snap.js"),
        ("Pages", f"{base}/  pay what waits, see each notification"),
        ("Control", f"{base}/_sim  time, trouble, and the book"),
        ("Notifications", _addresses(account)),
        ("Book", f"kept in {state}" if state else "in memory, gone when this ends (--state DIR)"),
        ("Clock", _clock(account)),
    ]
    if accounts > 1:
        rows.append(("Accounts", f"{accounts} in this book; GET {base}/_sim/accounts lists them"))
    width = max(len(name) for name, _ in rows)
    lines = ["", "A Midtrans on this machine. Nobody is charged; no money moves.", ""]
    lines += [f"  {name:<{width}}  {value}" for name, value in rows]
    return "\n".join([*lines, "", *_try_it(base, account), ""])


def _addresses(account: Account) -> str:
    given = {
        "payments": account.notification_url,
        "GoPay links": account.pay_account_url,
        "subscriptions": account.recurring_url,
    }
    told = [f"{what} {url}" for what, url in given.items() if url]
    return ", ".join(told) or "nobody is told yet (--webhook-url URL)"


def _clock(account: Account) -> str:
    if account.clock_mode == "fixed":
        return f"stands at {iso(account.clock_at)}"
    return _REAL_TIME if account.clock_mode == "real" else "runs, at a time of its own"


def _try_it(base: str, account: Account) -> list[str]:
    return [
        "Try it: a bill, which you then pay on the pages.",
        "",
        f"  curl -u {account.server_key}: {base}/v2/charge \\",
        "    -H 'Content-Type: application/json' -d '{",
        '      "payment_type": "bank_transfer", "bank_transfer": {"bank": "bca"},',
        '      "transaction_details": {"order_id": "order-1", "gross_amount": 10000}}\'',
        "",
        "  Card    4811 1111 1111 1114 pays, 4911 1111 1111 1113 is declined; any year to come,",
        "          CVV 123, 3DS code 112233",
        "  GoPay   phone +62 8215023424, code 987654, PIN 112233",
        f"  A day   curl {base}/_sim/clock -d '{{\"days\": 1}}'",
        "",
        "Ctrl-C ends it.",
    ]
