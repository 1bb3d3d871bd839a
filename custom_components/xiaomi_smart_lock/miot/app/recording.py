"""Recordings as the cloud describes them: HLS playlists with their parts and keys."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from io import StringIO
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from ..errors import CannotConnectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IV_BYTES: Final = 16
LONGEST_PART: Final = 3600.0  # seconds
PARTS_LIMIT: Final = 500  # parts of a recording
LONGEST_TAG: Final = 8192  # characters
# The lookbehind and the possessive quantifiers prevent backtracking: the time is linear.
_ATTRIBUTE: Final = re.compile(r'(?<![A-Z0-9-])([A-Z0-9-]++)=("[^"]*+"|[^",]*+)')
_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_IV: Final = re.compile(r"0[xX]([0-9a-fA-F]{32})")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a playlist: its URL, and the key URL and initialization vector to decrypt it.

    ``key_url`` is None if the part is not encrypted. ``duration`` is in seconds.
    """

    duration: float
    url: str = field(repr=False)
    key_url: str | None = field(repr=False)
    iv: bytes = field(repr=False)
    number: int = 0
    """The part's media sequence number in the playlist."""
    discontinuity: bool = False
    """Whether the timestamps do not continue those of the part before."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a recording with its key, which is None if the part is not encrypted."""

    duration: float
    url: str = field(repr=False)
    key: bytes | None = field(repr=False)
    iv: bytes = field(repr=False)
    number: int = 0
    discontinuity: bool = False


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording, with its segments to be fetched one by one."""

    segments: tuple[Segment, ...]


def parts(playlist: str, url: str) -> list[Part]:
    """Return the parts of a playlist from a URL.

    Raises CannotConnectError if there are none or too many, or if one has no valid URL or an
    unsupported encryption.
    """
    found = list(islice(_parts(playlist, url), PARTS_LIMIT + 1))
    if not found:
        raise CannotConnectError("the recording has no parts")
    if len(found) > PARTS_LIMIT:
        raise CannotConnectError("the recording has too many parts")
    return found


def _parts(playlist: str, url: str) -> Iterator[Part]:
    number, duration, key, discontinuity = 0, 0.0, {"METHOD": "NONE"}, False
    for line in map(str.strip, StringIO(playlist)):
        tag, _, rest = line.partition(":")
        match tag:
            case "#EXT-X-MEDIA-SEQUENCE" if _NUMBER.fullmatch(rest):
                number = int(rest)
            case "#EXT-X-KEY":
                key = {
                    name: value.strip('"') for name, value in _ATTRIBUTE.findall(rest[:LONGEST_TAG])
                }
            case "#EXT-X-DISCONTINUITY":
                discontinuity = True
            case "#EXTINF":
                seconds = _SECONDS.match(rest)
                duration = min(float(seconds[0]), LONGEST_PART) if seconds else 0.0
            case _ if line and not line.startswith("#"):
                yield Part(
                    duration,
                    _joined(url, line),
                    _key_url(url, key),
                    _iv(key, number),
                    number,
                    discontinuity,
                )
                number, duration, discontinuity = number + 1, 0.0, False


def _key_url(url: str, key: Mapping[str, str]) -> str | None:
    match key:
        case {"METHOD": "NONE"}:
            return None
        case {"METHOD": "AES-128", "URI": uri}:
            return _joined(url, uri)
    raise CannotConnectError("the recording is encrypted in another way")


def _iv(key: Mapping[str, str], number: int) -> bytes:
    given = _IV.fullmatch(key.get("IV", ""))
    return bytes.fromhex(given[1]) if given else number.to_bytes(IV_BYTES)


def _joined(url: str, reference: str) -> str:
    try:
        return urljoin(url, reference)
    except ValueError:
        raise CannotConnectError("the recording has a part without an address") from None
