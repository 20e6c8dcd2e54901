"""What a saved method is: by which channel it is charged, and what has to be allowed for that.

One row a kind. Whoever charges a method asks its row, never its name (ADR 0016).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class MethodKind:
    """One kind of saved method.

    Attributes:
        channel: a key of `payments.channels.CHANNELS`, by which it is charged.
        by_card_mode: the contract on recurring cards says whether it may be charged without its
            holder; else it may where the merchant has its channel switched on.
        linked: its secret is an account at the gateway, which can be asked about and ended there.
        name_id, name_en: how it is called inside a sentence.
    """

    key: str
    channel: str
    by_card_mode: bool
    linked: bool
    name_id: str
    name_en: str

    def words(self, masked: str | None) -> dict[str, str]:
        """How one of them is called, in both languages.

        >>> KINDS["gopay"].words("+62 •••• 3424")["en"]
        'GoPay •••• 3424'
        """
        tail = f" •••• {masked[-4:]}" if masked else ""
        return {"id": f"{self.name_id}{tail}", "en": f"{self.name_en}{tail}"}


_ROWS: Final = (
    MethodKind("card", "card", by_card_mode=True, linked=False, name_id="kartu", name_en="card"),
    MethodKind(
        "gopay", "gopay_linked", by_card_mode=False, linked=True, name_id="GoPay", name_en="GoPay"
    ),
)

KINDS: Final[Mapping[str, MethodKind]] = {row.key: row for row in _ROWS}
# Channels that charge an account which was linked before.
LINKED: Final = frozenset(row.channel for row in _ROWS if row.linked)


def allowed_kinds(card_mode: str, switched_on: Collection[str]) -> frozenset[str]:
    """The kinds that a merchant may charge without the payer.

    Args:
        card_mode: of the merchant's account at the gateway (decision 5).
        switched_on: channels that the merchant has switched on.

    >>> sorted(allowed_kinds("none", {"gopay_linked"}))
    ['gopay']
    """
    return frozenset(
        row.key
        for row in _ROWS
        if (card_mode == "recurring" if row.by_card_mode else row.channel in switched_on)
    )
