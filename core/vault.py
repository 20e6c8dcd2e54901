"""Secrets at rest: sealed with AES-256-GCM under a named key, opened only where they are used."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import Unavailable


class Vault:
    """Seals and opens small secrets; several keys may open, the first one seals.

    A sealed value is ``len(key id) | key id | 12-byte nonce | ciphertext``; ``context`` (what it
    is, whose it is) is authenticated with it: a sealed value moved to another row does not open.
    """

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        if not keys:
            raise ValueError("a vault needs at least one key (TAGIHAN_MASTER_KEY)")
        self._keys = {key_id: AESGCM(key) for key_id, key in keys}
        self._first = keys[0][0]
        self._root = keys[-1][1]
        self._secrets = dict(keys)

    def __repr__(self) -> str:
        return f"Vault(keys={sorted(self._keys)})"

    def seal(self, secret: bytes, context: str) -> bytes:
        """Seal ``secret`` under the first key."""
        key_id = self._first.encode()
        nonce = secrets.token_bytes(12)
        body = self._keys[self._first].encrypt(nonce, secret, context.encode())
        return bytes([len(key_id)]) + key_id + nonce + body

    def open(self, sealed: bytes, context: str) -> bytes:
        """Open what `seal` made.

        Raises:
            Unavailable: ``secret_unreadable``, when its key is missing or it was tampered with.
        """
        length = sealed[0]
        key_id = sealed[1 : 1 + length].decode(errors="replace")
        rest = sealed[1 + length :]
        if key_id not in self._keys:
            raise Unavailable(
                "secret_unreadable", f"sealed under key {key_id!r}: add it to TAGIHAN_MASTER_KEY"
            )
        try:
            return self._keys[key_id].decrypt(rest[:12], rest[12:], context.encode())
        except InvalidTag as error:
            raise Unavailable("secret_unreadable", "a sealed secret does not open") from error

    def subkey(self, purpose: str) -> bytes:
        """A key for another purpose, such as signing links; stays when a new first key is added."""
        return hmac.new(self._root, f"tagihan:{purpose}".encode(), hashlib.sha256).digest()

    def subkeys(self, purpose: str) -> dict[str, bytes]:
        """A key for another purpose under each master key, by its id; the newest first."""
        said = f"tagihan:{purpose}:by-id".encode()
        return {
            key_id: hmac.new(secret, said, hashlib.sha256).digest()
            for key_id, secret in self._secrets.items()
        }
