"""The interface of all connections to a lock, and the messages that they receive."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .values import whole

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .attempt import Attempt
    from .spec import Action, Address, Value


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer to reading one property: its result code and the unchecked value."""

    code: int
    value: object = None
    updated: float | None = None
    """Time of the lock's report in Unix seconds, None if the service does not give it."""


@dataclass(frozen=True, slots=True)
class PropertyChanged:
    """A lock's report of a property's value, unchecked."""

    address: Address
    value: object


@dataclass(frozen=True, slots=True)
class EventOccurred:
    """A lock's report of an event, with its arguments as received."""

    address: Address
    arguments: object
    tid: int | None = None
    """The lock's number of the report, None if it gives none."""


@dataclass(frozen=True, slots=True)
class OnlineChanged:
    """The cloud's report that the lock woke up or fell asleep."""

    online: bool


type Message = PropertyChanged | EventOccurred | OnlineChanged


def address_of(item: Mapping[Any, Any], iid: str) -> Address | None:
    """Return the address in an item's ``siid`` and the key ``iid``, e.g. ``piid``.

    None if either is missing or no integer; a boolean does not count as one.
    """
    siid, number = whole(item.get("siid")), whole(item.get(iid))
    return None if siid is None or number is None else (siid, number)


class Client(ABC):
    """A connection to read, write and control locks.

    All methods raise CannotConnectError if nothing answers, NotSignedInError if tokens are
    refused, and ResultError if the service or the lock answers with an error.
    """

    @abstractmethod
    async def read(self, did: str, addresses: Collection[Address]) -> dict[Address, Reading]:
        """Return the readings of properties; those without an answer are missing."""

    @abstractmethod
    async def write(self, did: str, address: Address, value: Value) -> None:
        """Set a property."""

    @abstractmethod
    async def act(
        self,
        did: str,
        action: Action,
        inputs: Sequence[Value] = (),
        attempt: Attempt | None = None,
    ) -> list[object]:
        """Perform an action once; it is never repeated automatically.

        Returns the unchecked value of each output in the specification's order; None for an output
        that the answer lacks. Raises NotSentError if the attempt does not permit sending anymore.
        """
