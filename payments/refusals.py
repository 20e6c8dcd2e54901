"""Why the gateway refused an order: one look-up for the books, the API and the customer's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from payments.channels import CHANNELS
from payments.declines import Decline, decline, decline_of_status, scheme_of

# Whose codes a channel's refusals carry. Of any other it is what the payer paid with: on a hosted
# page he chooses.
_SPEAKS: Final = {"card": "credit_card", "gopay_linked": "gopay", "ovo": "ovo"}
# The gateway's own words for an end that somebody refused; ``expire`` and ``cancel`` are not.
REFUSING: Final = frozenset({"deny", "failure"})


def refusal(
    code: str | None, channel: str, *, payment_type: str | None = None, scheme: str | None = None
) -> Decline:
    """Understand the code that was kept of an order.

    Args:
        code: what the channel answered, or where it said nothing the gateway's status code.
        channel: a key of `CHANNELS`.
        payment_type: Midtrans' word, of what was chosen on a hosted page.

    Returns:
        Never fails; see `payments.declines.decline`.

    >>> refusal("26", "ovo").reason, refusal("202", "gopay").reason
    ('bank_down', 'denied')
    """
    found = decline(code, _SPEAKS.get(channel, payment_type or channel), scheme=scheme)
    # Of a wallet that was scanned or opened 202 is the gateway's number; of a linked one its limit.
    if found.known and (found.code != "202" or channel == "gopay_linked"):
        return found
    bare = decline_of_status(code or "")
    return bare if bare.known else found


def told_of(
    code: str | None,
    channel: str,
    *,
    transaction_status: str | None = None,
    payment_type: str | None = None,
    fraud: str | None = None,
    masked: str | None = None,
) -> Decline:
    """Understand an end by all that the gateway said of it."""
    if fraud == "deny":
        return decline_of_status("fraud")
    if transaction_status == "expire" and CHANNELS[channel].pull:
        # What the bank said to a hold that nobody captured is not why it ended.
        return decline_of_status("407")
    return refusal(code, channel, payment_type=payment_type, scheme=scheme_of(masked))


def refusal_of(order: Any) -> Decline | None:
    """Why an order failed; None where nobody refused it: paid, open, run out or taken back.

    Args:
        order: a row of `payment_orders`, whole. Its code is already ours where the bank's yes is
            not the reason: ``fraud``, ``407``.
    """
    if order.state != "failed" or order.decline_class is None:
        return None
    said: Mapping[str, Any] = order.answer if isinstance(order.answer, Mapping) else {}
    return refusal(
        order.code,
        order.channel,
        payment_type=str(said.get("payment_type") or "") or None,
        scheme=scheme_of(str(said.get("masked_card") or "")),
    )
