"""How a way to pay looks on a page: a short mark, a colour, and the group it is listed in. Pure."""

from __future__ import annotations

from itertools import groupby

from simulator.checkout import Method

# Channel or Snap method -> (mark, colour). White on each colour is readable (4.5 : 1 and more).
_MARKS: dict[str, tuple[str, str]] = {
    "credit_card": ("CARD", "#14213d"),
    "gopay": ("GP", "#00728f"),
    "qris": ("QR", "#14213d"),
    "shopeepay": ("SP", "#c9340f"),
    "dana": ("DANA", "#0a68b8"),
    "ovo": ("OVO", "#4c2a86"),
    "bca_va": ("BCA", "#0b5cab"),
    "bni_va": ("BNI", "#b0500b"),
    "bri_va": ("BRI", "#0a4f9e"),
    "permata_va": ("PMT", "#0a7a43"),
    "cimb_va": ("CIMB", "#a3141d"),
    "danamon_va": ("DNM", "#a34c0a"),
    "bsi_va": ("BSI", "#0b716b"),
    "seabank_va": ("SEA", "#b93d0b"),
    "other_va": ("VA", "#5c6784"),
    "echannel": ("MDR", "#1d3f7a"),
    "indomaret": ("IDM", "#0b5cab"),
    "alfamart": ("ALF", "#b3261e"),
    "akulaku": ("AKU", "#c0102c"),
    "kredivo": ("KRD", "#0a66ad"),
}
_SAME = {"gopay_tokenized": "gopay", "qris_airpay": "qris", "other_qris": "qris"}
_OTHER = ("WEB", "#5c6784")
_GROUPS = {
    "credit_card": "group_card",
    **dict.fromkeys(("gopay", "other_qris", "shopeepay", "dana"), "group_wallet"),
    **dict.fromkeys(("indomaret", "alfamart"), "group_store"),
    **dict.fromkeys(("akulaku", "kredivo"), "group_later"),
}


def mark(name: str) -> tuple[str, str]:
    """The mark of a channel or method and its colour."""
    return _MARKS.get(_SAME.get(name, name), _OTHER)


def _group_of(method: Method) -> str:
    if method.channel.endswith("_va") or method.name == "echannel":
        return "group_va"
    return _GROUPS.get(method.name, "group_bank")


def groups(methods: list[Method]) -> list[tuple[str, list[Method]]]:
    """The offered ways under the word of their group, in the order they have."""
    return [(name, list(listed)) for name, listed in groupby(methods, _group_of)]
