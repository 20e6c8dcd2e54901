"""Seals of the audit trail: a chain of hashes that nobody without the master key can make anew.

The seal at place n holds ``sha256(hash at n-1, sha256(row))`` and a MAC over it. Whoever can write
to the database but does not have the key can break the chain, and is found; he can not mend it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from core.vault import Vault

GENESIS: Final = bytes(32)  # what stands before the first place
FORM: Final = b"tagihan audit row 1\n"  # before the text of a row
_SEAL: Final = b"tagihan audit seal 1\n"
_ANCHOR: Final = b"tagihan audit anchor 1\n"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Seal:
    """The place of one row in its merchant's trail; places count from 1, hashes are 32 bytes."""

    place: int
    row_id: UUID
    digest: bytes
    hash: bytes
    key_id: str
    mac: bytes


@dataclass(frozen=True, slots=True)
class Anchor:
    """What one turn of the sealer added: places ``first`` to ``last``, and the hash at the end."""

    first: int
    last: int
    hash: bytes
    sealed_at: int  # microseconds since 1970
    key_id: str
    mac: bytes


@dataclass(frozen=True, slots=True)
class Run:
    """Seals of places one after the other under one key; each part is joined, in their order."""

    key_id: str
    row_ids: bytes  # 16 bytes each
    digests: bytes  # 32 bytes each, as are those below
    hashes: bytes
    macs: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a trail: how many rows are sealed, and the hash of the last.

    Kept by a person elsewhere, it shows later that nothing up to there was cut off or rewritten.
    """

    count: int = 0
    hash: bytes = GENESIS

    def __str__(self) -> str:
        return f"{self.count}:{self.hash.hex()}"


class SealKeys:
    """One key for each master key: the first makes seals, all of them check."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self.newest = next(iter(self._keys))

    @classmethod
    def of(cls, vault: Vault) -> SealKeys:
        """The keys that belong to a vault's master keys."""
        return cls(vault.subkeys("audit"))

    def __repr__(self) -> str:
        return f"SealKeys({sorted(self._keys)})"

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._keys

    def seal(self, merchant_id: UUID, before: Head, row_id: UUID, row: str) -> Seal:
        """Give a row the place after ``before``."""
        digest = digest_of(row)
        end = link(before.hash, digest)
        place = before.count + 1
        said = _said(merchant_id, place, row_id, digest, end)
        return Seal(place, row_id, digest, end, self.newest, self._mac(self.newest, said))

    def extend(
        self, merchant_id: UUID, before: Head, row_ids: bytes, digests: bytes
    ) -> tuple[Head, bytes, bytes]:
        """Give rows the places after ``before``: their ids and digests are joined, as in a `Run`.

        Returns the new end, and the hashes and the MACs one after the other, 32 bytes each.
        """
        return self._run(self.newest, merchant_id, before, row_ids, digests)

    def follows(self, merchant_id: UUID, before: Head, run: Run) -> Head | None:
        """The end after ``run``, where each of its seals is ours and follows from the last."""
        if run.key_id not in self._keys:
            return None
        end, hashes, macs = self._run(run.key_id, merchant_id, before, run.row_ids, run.digests)
        same = hmac.compare_digest(macs, run.macs) and hashes == run.hashes
        return end if same else None

    def _run(
        self,
        key_id: str,
        merchant_id: UUID,
        before: Head,
        row_ids: bytes,
        digests: bytes,
    ) -> tuple[Head, bytes, bytes]:
        inner, outer = _begun(self._keys[key_id], _SEAL + merchant_id.bytes)
        place, end = before.count, before.hash
        sha256 = hashlib.sha256
        hashes, macs = [], []
        for row_id, digest in zip(_pieces(row_ids, 16), _pieces(digests, 32), strict=True):
            place += 1
            end = sha256(end + digest).digest()
            hashes.append(end)
            said, mac = inner.copy(), outer.copy()
            said.update(place.to_bytes(8, "big", signed=True) + row_id + digest + end)
            mac.update(said.digest())
            macs.append(mac.digest())
        return Head(place, end), b"".join(hashes), b"".join(macs)

    def anchor(self, merchant_id: UUID, first: int, end: Head, sealed_at: datetime) -> Anchor:
        """Say that places ``first`` to the end were sealed now."""
        micros = (sealed_at - _EPOCH) // timedelta(microseconds=1)
        said = _anchored(merchant_id, first, end.count, end.hash, micros)
        mac = self._mac(self.newest, said)
        return Anchor(first, end.count, end.hash, micros, self.newest, mac)

    def made_seal(self, merchant_id: UUID, seal: Seal, *, place: int | None = None) -> bool:
        """Whether we made this seal for its place, or for ``place``."""
        said = _said(merchant_id, place or seal.place, seal.row_id, seal.digest, seal.hash)
        return self._fits(seal.key_id, said, seal.mac)

    def made_anchor(self, merchant_id: UUID, anchor: Anchor) -> bool:
        """Whether we made this anchor."""
        said = _anchored(merchant_id, anchor.first, anchor.last, anchor.hash, anchor.sealed_at)
        return self._fits(anchor.key_id, said, anchor.mac)

    def _fits(self, key_id: str, said: bytes, mac: bytes) -> bool:
        return key_id in self._keys and hmac.compare_digest(self._mac(key_id, said), mac)

    def _mac(self, key_id: str, said: bytes) -> bytes:
        return hmac.digest(self._keys[key_id], said, "sha256")


def _begun(key: bytes, said: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """An HMAC's two hashes (RFC 2104), the inner one with the beginning of what is said.

    Begun once and copied for each seal: a third of the time of an HMAC of its own.
    """
    size = hashlib.sha256().block_size
    key = (key if len(key) <= size else hashlib.sha256(key).digest()).ljust(size, b"\0")
    inner = hashlib.sha256(bytes(one ^ 0x36 for one in key) + said)
    return inner, hashlib.sha256(bytes(one ^ 0x5C for one in key))


def _pieces(joined: bytes, size: int) -> Iterator[bytes]:
    return (joined[at : at + size] for at in range(0, len(joined), size))


def digest_of(row: str) -> bytes:
    """The digest of a row's canonical text."""
    return hashlib.sha256(FORM + row.encode()).digest()


def link(previous: bytes, digest: bytes) -> bytes:
    """The hash at a place, from the hash before it and the digest of the row."""
    return hashlib.sha256(previous + digest).digest()


# Every part has one length, so that no two different statements read the same. Signed, because what
# is checked may be anything that a database can hold.
def _said(merchant_id: UUID, place: int, row_id: UUID, digest: bytes, end: bytes) -> bytes:
    return b"".join((_SEAL, merchant_id.bytes, _number(place), row_id.bytes, digest, end))


def _anchored(merchant_id: UUID, first: int, last: int, end: bytes, micros: int) -> bytes:
    numbers = (_number(first), _number(last), _number(micros))
    return b"".join((_ANCHOR, merchant_id.bytes, *numbers, end))


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)
