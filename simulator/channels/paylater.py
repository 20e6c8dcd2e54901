"""Credit on a page of the provider: Akulaku, Kredivo; and the old redirect channels."""

from __future__ import annotations

from datetime import timedelta

from simulator.answers import invalid
from simulator.channels.row import DAY, MINUTE, Opening
from simulator.validation import read_expiry


def akulaku(opening: Opening) -> None:
    """Wants to know what is bought and by whom, unless the account's switch says otherwise."""
    body, switches = opening.body, opening.book.account.switches
    items = body.get("item_details") or []
    problems = []
    if switches.akulaku_strict:
        if not items:
            problems.append("item_details is required")
        if not body.get("customer_details"):
            problems.append("customer_details is required")
    ids = [str(item.get("id") or "") for item in items]
    if items and (not all(ids) or len(set(ids)) < len(ids)):
        problems.append("item_details.id must be unique")
    if problems:
        raise invalid(*problems)
    default = switches.akulaku_minutes * MINUTE
    opening.tx.expires_at = read_expiry(
        body, opening.now, default, timedelta(seconds=20), max(180 * DAY, default)
    )
    redirect_page(opening)


def kredivo(opening: Opening) -> None:
    """Takes sellers and an address; what is given must have its shape."""
    sellers = opening.body.get("seller_details")
    if sellers is not None and (
        not isinstance(sellers, list) or not all(isinstance(seller, dict) for seller in sellers)
    ):
        raise invalid("seller_details is not valid")
    redirect_page(opening)


def redirect_page(opening: Opening) -> None:
    """The payer's browser is sent to the provider."""
    opening.tx.extras["redirect_url"] = opening.page(f"app/{opening.tx.transaction_id}")
