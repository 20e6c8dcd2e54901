"""A merchant's colour made safe to read: white text on it, and it on white, at 4.5 to 1."""

from __future__ import annotations

import re

HOUSE_COLOR = "#0f5c55"

_HEX = re.compile(r"#[0-9a-fA-F]{6}")

# Highest relative luminance (x 10 000 x 255^2) that keeps 4.5 : 1 against white, which is
# (1 + 0.05) / 4.5 - 0.05 = 0.183. Squares stand in for the sRGB curve: they are the brighter of
# the two, so the result is on the safe side, and stay whole numbers.
_DARK_ENOUGH = 1830 * 255 * 255


def accent(color: str) -> str:
    """Return ``color`` as ``#rrggbb``, darkened in steps until it is readable on white.

    Anything that is not a six-digit hex colour becomes the house colour.
    """
    if not _HEX.fullmatch(color):
        return HOUSE_COLOR
    channels = _channels(color)
    while _luminance(channels) > _DARK_ENOUGH:
        channels = [channel * 95 // 100 for channel in channels]
    return _hex(channels)


def tint(color: str) -> str:
    """Return the pale background that goes with an accent: 7 parts of it in 100 of white."""
    return _hex([(channel * 7 + 255 * 93) // 100 for channel in _channels(color)])


def _luminance(channels: list[int]) -> int:
    red, green, blue = channels
    return 2126 * red * red + 7152 * green * green + 722 * blue * blue


def _channels(color: str) -> list[int]:
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]


def _hex(channels: list[int]) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in channels)
