"""Where a call comes from: the peer, or what our own proxies say about it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Any, Final

from litestar.connection import ASGIConnection

from core.setting_values import Networks

UNKNOWN: Final = "unknown"
# Nobody has more proxies in a row; what lies further left is somebody's invention.
_HOPS_MAX: Final = 20
_PORT: Final = re.compile(r"\[([^\]]+)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+):\d{1,5}")


def source_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The caller's address, for the audit and for limits; ``unknown`` where there is none."""
    peer = connection.client.host if connection.client else UNKNOWN
    trusted = connection.app.state["engine"].settings.trusted_proxies
    if not trusted:
        return peer
    return caller_behind(peer, connection.headers.getall("x-forwarded-for", []), trusted)


def caller_behind(peer: str, forwarded: Sequence[str], trusted: Networks) -> str:
    """The right-most address that none of our proxies has.

    Each proxy adds on the right whom it heard from, so only what stands to the right of the first
    stranger was written by ours; all else may be forged. Where a proxy of ours wrote no address,
    that proxy is all we know.

    Args:
        peer: who opened the connection.
        forwarded: the values of ``X-Forwarded-For``, a header each, in their order.
        trusted: the networks of our proxies.
    """
    known = peer
    hops = [hop for header in forwarded for hop in header.split(",")]
    for hop in reversed(hops[-_HOPS_MAX:]):
        if known not in trusted:
            return known
        address = _address(hop)
        if address is None:
            return known
        known = address
    return known


def _address(hop: str) -> str | None:
    text = hop.strip()
    if with_port := _PORT.fullmatch(text):
        text = with_port.group(1) or with_port.group(2)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
