"""Who called, when there are proxies between: what ours wrote counts, what a caller wrote does not."""

from __future__ import annotations

import pytest

from api.source import caller_behind
from core.setting_values import Networks

OURS = Networks("10.0.0.0/8", "fd00::/8", "192.0.2.5/32")


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        # nobody in between
        ("203.0.113.7", [], "203.0.113.7"),
        # a stranger says it came for somebody else
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("203.0.113.7", ["10.0.0.1"], "203.0.113.7"),
        # one proxy, two proxies
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ("192.0.2.5", ["203.0.113.7"], "203.0.113.7"),
        ("192.0.2.6", ["203.0.113.7"], "192.0.2.6"),
        # the caller forged what stands left of it
        ("10.0.0.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["10.9.9.9, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1, 10.0.0.3", "203.0.113.7"], "203.0.113.7"),
        # all the way through proxies of ours
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        # a proxy that wrote nothing, or no address: it is all we know
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7, ' OR 1=1 --"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7, 010.0.0.2"], "10.0.0.1"),
        # ports and brackets, as some proxies write them
        ("10.0.0.1", ["203.0.113.7:51000"], "203.0.113.7"),
        ("10.0.0.1", ["[2001:db8::1]:51000"], "2001:db8::1"),
        ("fd00::1", ["2001:DB8::1"], "2001:db8::1"),
        # an IPv4 proxy seen by a socket of IPv6
        ("::ffff:10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("unknown", ["203.0.113.7"], "unknown"),
    ],
)
def test_the_right_most_stranger_is_the_caller(
    peer: str, forwarded: list[str], caller: str
) -> None:
    assert caller_behind(peer, forwarded, OURS) == caller


def test_a_chain_without_end_is_read_from_its_right_only() -> None:
    assert caller_behind("10.0.0.1", ["203.0.113.7," + "10.0.0.2," * 5000 + "10.0.0.3"], OURS) == (
        "10.0.0.2"
    )
