"""The server side of the Mi Home app's cipher: checked requests and encrypted answers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from Crypto.Cipher import AES, ARC4
from Crypto.Util.Padding import pad

if TYPE_CHECKING:
    from collections.abc import Mapping

DROPPED: Final = bytes(1024)
NONCE_BYTES: Final = 12
CLOCKS_APART: Final = 15
"""Minutes by which a client's clock may be off."""


class SignatureError(Exception):
    """A request has a wrong signature, or a nonce that is malformed, reused or too old."""


@dataclass(slots=True)
class Opener:
    """A decoder of requests; accepts each nonce only once."""

    seen: set[str] = field(default_factory=set)

    def open(self, method: str, path: str, given: Mapping[str, str], ssecurity: str) -> Opened:
        """Decrypt and check a request, whose fields are in the order in which they were sent.

        Raises SignatureError if its signature or nonce is invalid.
        """
        fields = dict(given)
        signature, secret = fields.pop("signature", ""), fields.pop("ssecurity", "")
        nonce = fields.pop("_nonce", "")
        self._check_nonce(nonce)
        key = hashlib.sha256(base64.b64decode(ssecurity) + base64.b64decode(nonce)).digest()
        signed = base64.b64encode(key).decode()
        if secret != ssecurity or signature != _signature(method, path, fields, signed):
            raise SignatureError("invalid signature")
        try:
            plain = {name: _rc4(key, base64.b64decode(it)).decode() for name, it in fields.items()}
            digest = plain.pop("rc4_hash__", "")
            if digest != _signature(method, path, plain, signed):
                raise SignatureError("invalid signature")
            payload = json.loads(plain["data"])
            return Opened(payload if isinstance(payload, list) else dict(payload), key)
        except (KeyError, TypeError, ValueError):
            raise SignatureError("invalid signature") from None

    def _check_nonce(self, nonce: str) -> None:
        try:
            raw = base64.b64decode(nonce, validate=True)
        except ValueError:
            raise SignatureError("invalid nonce") from None
        apart = abs(int.from_bytes(raw[8:]) - time.time() / 60)
        if len(raw) != NONCE_BYTES or nonce in self.seen or apart > CLOCKS_APART:
            raise SignatureError("invalid nonce")
        self.seen.add(nonce)


@dataclass(frozen=True, slots=True)
class Opened:
    """A decrypted request, and the key that encrypts its answer."""

    payload: Any
    """An object; a list where several devices can be asked about."""
    key: bytes

    def seal(self, answer: object, *, packed: bool = False) -> bytes:
        """Return an answer encrypted for the sender of the request; ``packed`` adds gzip."""
        plain = json.dumps(answer, separators=(",", ":")).encode()
        return base64.b64encode(_rc4(self.key, gzip.compress(plain) if packed else plain))


def encrypt(plain: bytes, key: bytes, iv: bytes) -> bytes:
    """Return a picture, or a part of a recording, encrypted with AES-CBC."""
    return AES.new(key, AES.MODE_CBC, iv).encrypt(pad(plain, AES.block_size))


def _rc4(key: bytes, data: bytes) -> bytes:
    cipher = ARC4.new(key)
    cipher.encrypt(DROPPED)
    return cipher.encrypt(data)


def _signature(method: str, path: str, fields: Mapping[str, str], signed_nonce: str) -> str:
    parts = [method, path, *(f"{name}={value}" for name, value in fields.items()), signed_nonce]
    return base64.b64encode(hashlib.sha1("&".join(parts).encode()).digest()).decode()  # noqa: S324
