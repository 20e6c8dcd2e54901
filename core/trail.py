"""Walking along a sealed audit trail, place by place, and naming whatever does not fit.

Flat: a walk remembers the end of the chain and nothing else, however long the trail is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from core.seals import Anchor, Head, Run, Seal, SealKeys, digest_of, link

# How far around its place a seal is looked for, to tell that it was moved.
_NEAR: Final = 1_000
# Searching costs; after so many, a moved seal is only called one that is not ours.
_SEARCHES_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """What does not fit: ``kind`` is changed, deleted, inserted, moved, cut, forged or unproven."""

    kind: str
    what: str


class Walk:
    """One merchant's trail: give it all seals by place, then all anchors, then end it."""

    def __init__(self, merchant_id: UUID, keys: SealKeys) -> None:
        self.merchant_id = merchant_id
        self.keys = keys
        self.head = Head()
        self._whole = True  # whether the place before this one was as it should be
        self._unproven: set[str] = set()
        self._unproven_count = 0
        self._strange: list[tuple[int, int, str]] = []  # places under keys that are not given
        self._anchored = Head()
        self._searches = 0

    def pass_by(self, run: Run) -> bool:
        """Take seals whose rows are as they were; False, and nothing taken, unless all fit."""
        end = self.keys.follows(self.merchant_id, self.head, run)
        if end is None:
            return False
        self.head, self._whole = end, True
        # What we made now covers, through the chain, what came before it.
        self._unproven, self._unproven_count = set(), 0
        return True

    def seal(self, seal: Seal, line: str | None) -> Iterator[Fault]:
        """Take the next seal, and the canonical text of its row; None where there is no row."""
        whole = True
        for fault in self._faults(seal, line):
            whole = False
            yield fault
        self._whole = whole
        self.head = Head(seal.place, seal.hash)

    def _faults(self, seal: Seal, line: str | None) -> Iterator[Fault]:
        name = f"row {seal.row_id} at place {seal.place}"
        expected = self.head.count + 1
        joined = seal.place == expected
        if seal.place > expected:
            until = f" to {seal.place - 1}" if seal.place - 1 > expected else ""
            yield Fault("deleted", f"the seals at places {expected}{until} were deleted")
        elif not joined:
            yield Fault("inserted", f"{name}: the place was taken already")
        if line is None:
            yield Fault("deleted", f"{name} was deleted")
        elif digest_of(line) != seal.digest:
            yield Fault("changed", f"{name} was changed after it was sealed")
        follows = link(self.head.hash, seal.digest) == seal.hash
        if seal.key_id not in self.keys:
            self._unproven.add(seal.key_id)
            self._unproven_count += 1
            self._note_strange(seal)
            if joined and self._whole and not follows:
                yield Fault("forged", f"the seal of {name} does not follow from the one before it")
        elif not self.keys.made_seal(self.merchant_id, seal):
            yield self._not_ours(seal, name)
        else:
            if joined and self._whole and not follows:
                yield Fault("forged", f"the seal of {name} does not follow from the one before it")
            # What we made now covers, through the chain, what came before it.
            self._unproven, self._unproven_count = set(), 0

    def _note_strange(self, seal: Seal) -> None:
        if self._strange:
            first, last, key_id = self._strange[-1]
            if (last + 1, key_id) == (seal.place, seal.key_id):
                self._strange[-1] = first, seal.place, key_id
                return
        self._strange.append((seal.place, seal.place, seal.key_id))

    def _not_ours(self, seal: Seal, name: str) -> Fault:
        if self._searches < _SEARCHES_MAX:
            self._searches += 1
            for place in range(max(1, seal.place - _NEAR), seal.place + _NEAR):
                if self.keys.made_seal(self.merchant_id, seal, place=place):
                    return Fault("moved", f"{name} was moved: its seal is for place {place}")
        return Fault("forged", f"the seal of {name} was not made with our key")

    def anchor(self, anchor: Anchor, found: bytes | None) -> Iterator[Fault]:
        """Take the next anchor, and the hash that stands at its last place, if any."""
        name = f"the anchor of places {anchor.first} to {anchor.last}"
        if anchor.first != self._anchored.count + 1:
            gone = f"{self._anchored.count + 1} to {anchor.first - 1}"
            yield Fault("deleted", f"the anchors of places {gone} are not there")
        if anchor.key_id in self.keys and not self.keys.made_anchor(self.merchant_id, anchor):
            yield Fault("forged", f"{name} was not made with our key")
        elif found is not None and found != anchor.hash:
            yield Fault("forged", f"{name} knows another hash than the trail has there")
        elif anchor.key_id in self.keys:
            # A turn of the sealer has one key.
            for first, last, key_id in self._strange:
                if first <= anchor.last and last >= anchor.first:
                    place = max(first, anchor.first)
                    told = f"the seal at place {place} names the key {key_id}"
                    yield Fault("forged", f"{told}, it was made with {anchor.key_id}")
        self._anchored = Head(anchor.last, anchor.hash)

    def end(self) -> Iterator[Fault]:
        """Say what is only seen at the end: what was cut off, and what nothing proves."""
        if self._anchored.count > self.head.count:
            yield Fault(
                "cut",
                f"the trail is cut off after place {self.head.count}: "
                f"{self._anchored.count} rows were sealed once",
            )
        elif self._anchored.count < self.head.count:
            since = self._anchored.count + 1
            yield Fault("deleted", f"the anchors of the places from {since} on were deleted")
        if self._unproven_count:
            named = ", ".join(sorted(self._unproven))
            yield Fault(
                "unproven",
                f"the last {self._unproven_count} seals were made under keys that are not in "
                f"TAGIHAN_MASTER_KEY ({named})",
            )
