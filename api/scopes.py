"""Who may do what: the scopes of keys and of staff, and the rule that every route names one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, Literal

# public: no caller. page: a page of ours that has its own sign-in. operator: the installation's
# operator only. The other five are given to keys.
Scope = Literal["public", "page", "operator", "read", "write", "refund", "approve", "admin"]

KEY_SCOPES: Final = ("read", "write", "refund", "approve", "admin")
OPEN: Final = frozenset({"public", "page"})

# What a scope brings with it. ``admin`` manages staff, keys and the merchant, and may do the rest
# but ``approve``: agreeing to somebody else's refund is given on purpose.
_BRINGS: Final[dict[str, frozenset[str]]] = {
    "read": frozenset({"read"}),
    "write": frozenset({"read", "write"}),
    "refund": frozenset({"read", "refund"}),
    "approve": frozenset({"read", "approve"}),
    "admin": frozenset({"read", "write", "refund", "admin"}),
}

# What a member of staff may do, by role.
STAFF_SCOPES: Final[dict[str, frozenset[str]]] = {
    "owner": _BRINGS["admin"] | _BRINGS["approve"],
    "billing": _BRINGS["write"] | _BRINGS["refund"],
    "finance": _BRINGS["refund"] | _BRINGS["approve"],
    "support": _BRINGS["write"],
    "read_only": _BRINGS["read"],
}


def expand(scopes: Iterable[str]) -> frozenset[str]:
    """All that these scopes allow."""
    return frozenset().union(*(_BRINGS.get(scope, frozenset()) for scope in scopes))


def allows(held: Collection[str], needed: str) -> bool:
    """Whether ``held`` (already expanded) suffices for a route's scope."""
    return needed in held
