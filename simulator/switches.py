"""Where the sources disagree or are silent: every such point is a switch of the account.

The default is the side the contract says to use; U, X and section numbers are the contract's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Span = Annotated[int, Meta(ge=1, le=1_000_000)]  # minutes or days until something happens
Wait = Annotated[int, Meta(ge=0, le=100_000_000)]  # seconds; 0 is a meaning of its own


class Switches(Struct, kw_only=True):
    """Turn them per account with `POST /_sim/accounts {"switches": {...}}`."""

    # Codes and words.
    errors_as_http: bool = False  # 1.6, U1: 404, 406, 411, 412, 414 as a real HTTP code as well
    expire_webhook: Literal["202", "407"] = "202"  # X6, where no page of the channel says it
    expire_says_is: bool = False  # X7: "is expired" instead of "has expired"
    extra_fields: bool = False  # S16: answers carry a field nobody documented
    max_request_bytes: Annotated[int, Meta(ge=0)] = 0  # U9: a longer body is 413; 0: no limit
    pay_account_signature: Literal["account", "none"] = "account"  # U4: ours, or none at all
    dana_upper_case: bool = False  # 2.6: a sample shows PENDING
    qris_expire_time: bool = False  # 2.1: a sample spells it expire_time

    # Which ways to pay there are.
    legacy_types: bool = False  # 2.1: klikpay and the like open a page instead of 402
    more_banks: bool = False  # U8: Danamon, BSI, SeaBank in the Core API too
    va_customer_limits: bool = True  # 2.1: BCA names of 30, BNI phones with +62 or 0
    akulaku_strict: bool = True  # 2.6: items and customer are needed (a live test says not)
    shopeepay_minutes: Span = 15  # U8: its default expiry
    akulaku_minutes: Span = 1440  # U8

    # Orders and cards.
    reuse_order_after_deny: bool = False  # U7: may an order id serve again after deny or expire
    # "411": the token is dead; "54": the bank says that the card has expired.
    dead_card_answer: Literal["411", "54"] = "411"
    settle_cards: bool = True  # captures settle the next day at 16:00 WIB
    authorize_days: Span = 8  # X8: a hold ends after 8 days, or 7
    void_windows: bool = False  # 3: BNI voids only after capture, Mandiri only before
    card_points: bool = True  # 3: point inquiry for BNI and Mandiri test cards

    # Wallets.
    gopay_pin_from: int = 100_000  # 11: from this amount on the payer's PIN is needed
    gopay_link_minutes: Span = 15  # 4: an unconfirmed link ends then
    gopay_captured_as: Literal["capture", "settlement"] = "capture"  # 3: a hold that is taken
    blocked_wallet: Literal["410", "112"] = "410"  # X14: refused whole, or denied by GoPay
    ovo_confirm_seconds: Wait = 30  # 11: a phone without a role pays by itself; 0: a person must
    ovo_ota: bool = False  # 9.4: travel agents refund for 180 days

    # Subscriptions.
    past_start: Literal["400", "now"] = "400"  # X4: a start_time in the past: refused, or run now
    month_end: Literal["anchor", "previous"] = "anchor"  # U6: 31, 28, 31 or 31, 28, 28
    unique_names: bool = False  # X3: a name used before is refused
    recurring_fallback: bool = False  # 5.5: without an address of its own, the payment address

    # Refunds.
    refund_confirm_seconds: Wait = 300  # until the second message of a refund
    refund_windows: bool = True  # refuse refunds after the channel's window or in its closed hours
    gopay_window: Literal["shortest", "refund_page"] = "shortest"  # X15: 45 days, or 180 and 90
    shopeepay_partial_refund: bool = False  # 9.4: two pages disagree
    card_direct_refund: Literal["listed", "all", "never"] = "listed"  # X10

    # Messages.
    retry_shift: bool = False  # notification retries come earlier than the table
