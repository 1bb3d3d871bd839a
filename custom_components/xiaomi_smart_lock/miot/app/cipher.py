"""Encryption of the Mi Home app's requests, and decryption of its answers and pictures.

Importing micloud is slow, and so are these functions: call them in worker threads.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..errors import CannotConnectError
from ..http import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_ANSWER: Final = 4 * 1024 * 1024  # bytes, decompressed
BLOCK: Final = 16  # bytes
_GZIP: Final = b"\x1f\x8b"
_JPEG_START: Final = b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"
_MARKER: Final = b"\xff"
_SCAN: Final = b"\xda"


@dataclass(frozen=True, slots=True)
class Sealed:
    """The encrypted fields of a request, and the key to decrypt the answer."""

    fields: dict[str, str]
    signed_nonce: str


def seal(method: str, path: str, payload: object, ssecurity: str) -> Sealed:
    """Sign and encrypt the payload of a request; its path is without the leading ``/app``."""
    from micloud import miutils  # noqa: PLC0415

    nonce = miutils.gen_nonce()
    key: str = miutils.signed_nonce(ssecurity, nonce)
    plain = {"data": json.dumps(payload, separators=(",", ":"))}
    plain["rc4_hash__"] = signature(method, path, plain, key)
    fields: dict[str, str] = {
        name: miutils.encrypt_rc4(key, value) for name, value in plain.items()
    }
    fields["signature"] = signature(method, path, fields, key)
    return Sealed({**fields, "ssecurity": ssecurity, "_nonce": nonce}, key)


def signature(method: str, path: str, fields: Mapping[str, str], key: str) -> str:
    """Return the signature that protects fields from changes in transit.

    micloud's own function supports only the paths of the service's first host.
    """
    parts = [method, path, *(f"{name}={value}" for name, value in fields.items()), key]
    digest = hashlib.sha1("&".join(parts).encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def unseal(body: bytes, signed_nonce: str) -> dict[str, Any]:
    """Return the JSON object of an answer, which may be unencrypted if it is a refusal.

    Raises CannotConnectError if it cannot be decrypted, decompressed or parsed.
    """
    from micloud import miutils  # noqa: PLC0415

    if body.lstrip().startswith(b"{"):
        return parse(body)
    try:
        plain: bytes = miutils.decrypt_rc4(signed_nonce, body)
    except ValueError:
        raise CannotConnectError("the answer cannot be decrypted") from None
    return parse(_unpacked(plain) if plain.startswith(_GZIP) else plain)


def _unpacked(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacking.decompress(packed, LONGEST_ANSWER)
    except zlib.error:
        raise CannotConnectError("the answer cannot be unpacked") from None
    if not unpacking.eof:
        raise CannotConnectError("the answer is not whole, or too long")
    return plain


def picture(body: bytes, ssecurity: str, iv: bytes) -> bytes | None:
    """Decrypt a body and return the JPEG in it, None if it is no JPEG or an incomplete one.

    The padding of the last block was never observed: drop any bytes after the JPEG's end there.
    """
    if not body or len(body) % BLOCK:
        return None
    plain = _decrypted(body, base64.b64decode(ssecurity), iv)
    end = _jpeg_end(plain) if plain.startswith(_JPEG_START) else None
    return plain[:end] if end and len(plain) - end <= BLOCK else None


def _jpeg_end(data: bytes) -> int | None:
    """Return where a JPEG ends, None if it is incomplete.

    The segments before the scan may have another JPEG in them, with an end of its own (T.81, B.1).
    """
    at = 2  # after the start of the image
    while data[at : at + 1] == _MARKER:
        if data[at + 1 : at + 2] == _MARKER:  # any number of them may stand before a marker
            at += 1
            continue
        segment = data[at + 1 : at + 2]
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
        if segment == _SCAN:
            end = data.find(_JPEG_END, at)
            return end + len(_JPEG_END) if end > 0 else None
    return None


def segment(body: bytes, key: bytes, iv: bytes) -> bytes:
    """Decrypt a segment of a recording as RFC 8216 specifies; raises CannotConnectError."""
    if body and len(body) % BLOCK == 0:
        plain = _decrypted(body, key, iv)
        filling = plain[-1]
        if 1 <= filling <= BLOCK and plain.endswith(bytes([filling]) * filling):
            return plain[:-filling]
    raise CannotConnectError("a part of the recording cannot be decrypted")


def _decrypted(body: bytes, key: bytes, iv: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415

    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return decryptor.update(body) + decryptor.finalize()
