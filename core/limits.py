"""How often something may be tried: the policy, told apart by what is tried and who is counted."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

DAY: Final = timedelta(days=1)
WAIT_SECONDS_MAX: Final = 300
_IPV6_SUBSCRIBER: Final = 64


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of free tries within a window that begins with the first.

    Attributes:
        most: free tries; 0 switches the limit off.
        grows: what comes after the free tries. True: each further one doubles the wait, up to five
            minutes. False: nothing until the window has passed.
        meaning: for the reference.
    """

    most: int
    meaning: str
    grows: bool = False
    window: timedelta = DAY


# Far above what one payer does in a day: a mistyped number, a second card, a family behind one
# address. Testing stolen cards or guessing passwords needs hundreds.
LIMITS: Final[Mapping[str, Limit]] = MappingProxyType(
    {
        "sign_in_account": Limit(4, "wrong passwords for one member of staff", grows=True),
        "sign_in_address": Limit(20, "wrong passwords from one address", grows=True),
        "card_invoice": Limit(10, "new cards tried for one invoice"),
        "card_customer": Limit(15, "new cards tried for one customer"),
        "card_address": Limit(60, "new cards tried from one address"),
        "offer_invoice": Limit(30, "numbers to pay to asked for with one link"),
        "offer_address": Limit(300, "numbers to pay to asked for from one address"),
        "sign_up_address": Limit(100, "sign-ups on a test merchant's page from one address"),
        "notification_order": Limit(200, "genuine notifications about one order"),
        "notification_address": Limit(200, "notifications without a proof from one address"),
        "notification_unproven": Limit(1000, "notifications without a proof"),
    }
)


def most_of(overrides: Mapping[str, int], name: str) -> Limit:
    """The limit of this name, with an installation's own number where it has one."""
    limit = LIMITS[name]
    most = overrides.get(name, limit.most)
    return Limit(most, limit.meaning, limit.grows, limit.window)


def network_of(address: str) -> str | None:
    """Whom an address stands for; None when it is no address.

    One subscriber owns a whole /64 of IPv6 and could come from another address each time.
    """
    try:
        found = ipaddress.ip_address(address.strip())
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        wide = ipaddress.IPv6Network((int(found), _IPV6_SUBSCRIBER), strict=False)
        return str(wide)
    return str(found)


def is_public(address: str) -> bool:
    """Whether this is an address of the open network."""
    try:
        return ipaddress.ip_address(address.strip()).is_global
    except ValueError:
        return False
