"""Seals made in runs are those that are made one by one, whatever the key."""

from __future__ import annotations

from uuid import UUID

import pytest

from core.seals import Head, Run, Seal, SealKeys, digest_of

MERCHANT = UUID(int=7)
ROWS = [(UUID(int=n), digest_of(f"row {n}")) for n in range(1, 6)]


@pytest.mark.parametrize("length", [16, 32, 64, 65, 200])
def test_a_run_of_seals_is_each_of_its_seals(length: int) -> None:
    keys = SealKeys({"k": bytes(range(length))})
    row_ids = b"".join(one.bytes for one, _ in ROWS)
    digests = b"".join(digest for _, digest in ROWS)

    end, hashes, macs = keys.extend(MERCHANT, Head(), row_ids, digests)

    for n, (row_id, digest) in enumerate(ROWS):
        part = slice(32 * n, 32 * n + 32)
        seal = Seal(n + 1, row_id, digest, hashes[part], "k", macs[part])
        assert keys.made_seal(MERCHANT, seal)
        assert not keys.made_seal(MERCHANT, seal, place=n + 2)
        assert not keys.made_seal(UUID(int=8), seal)
    assert end == Head(len(ROWS), hashes[-32:])
    assert keys.follows(MERCHANT, Head(), Run("k", row_ids, digests, hashes, macs)) == end
    for name in ("row_ids", "digests", "hashes", "macs"):
        parts = {"row_ids": row_ids, "digests": digests, "hashes": hashes, "macs": macs}
        parts[name] = parts[name][:-1] + b"\xff"
        assert keys.follows(MERCHANT, Head(), Run("k", **parts)) is None
