"""Xiaomi accounts, and the homes and rooms of their locks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from .device import Device


@dataclass(frozen=True, slots=True)
class Owner:
    """Another person, whose lock or home is shared with an account."""

    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """The home and room of a lock, as an account sees them.

    ``home`` is None for a lock that is shared alone and not with its home, ``room`` for a lock in
    no room. ``owner`` is None for the account's own lock.
    """

    lock: Device
    home: str | None
    room: str | None
    owner: Owner | None


@dataclass(eq=False, kw_only=True, slots=True)
class Account:
    """An account. Its own ``home`` exists even without a lock in it; None if it has no home."""

    user_id: str
    name: str
    password: str = "made-up password"  # noqa: S105
    home: str | None = "Home"
    region: str | None = None
    """The only region whose services have the account's devices; None for any."""
    places: list[Place] = field(default_factory=list)

    @property
    def locks(self) -> dict[str, Device]:
        """The account's locks, own and shared, by did."""
        return {place.lock.did: place.lock for place in self.places}

    @property
    def homes(self) -> dict[tuple[str, str], Owner | None]:
        """The owner of each home by user id and home name, own homes first; None for those."""
        own = {(self.user_id, self.home): None} if self.home is not None else {}
        others = {
            (place.owner.user_id if place.owner else self.user_id, place.home): place.owner
            for place in self.places
            if place.home is not None
        }
        return {**own, **others}


def identifier(*names: str) -> str:
    """Return a number as text that identifies a home or room, the same in each run."""
    return str(crc32("/".join(names).encode(errors="surrogatepass")))
