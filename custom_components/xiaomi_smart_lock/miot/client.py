"""What any connection to a lock can do, and what it hears."""

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
    """The answer to reading one property: its result code, and a value that nobody checked yet."""

    code: int
    value: object = None
    updated: float | None = None
    """When the lock reported the value, in Unix seconds, where the service says so."""


@dataclass(frozen=True, slots=True)
class PropertyChanged:
    """The lock reported a value of a property; not checked yet."""

    address: Address
    value: object


@dataclass(frozen=True, slots=True)
class EventOccurred:
    """The lock reported an event; its arguments are as they came."""

    address: Address
    arguments: object
    tid: int | None = None
    """The lock's number of the report, where it gives one."""


@dataclass(frozen=True, slots=True)
class OnlineChanged:
    """The cloud says that the lock woke up or went to sleep."""

    online: bool


type Message = PropertyChanged | EventOccurred | OnlineChanged


def address_of(item: Mapping[Any, Any], iid: str) -> Address | None:
    """Return the address that JSON has as ``siid`` and, say, ``piid``; true is no number."""
    siid, number = whole(item.get("siid")), whole(item.get(iid))
    return None if siid is None or number is None else (siid, number)


class Client(ABC):
    """A connection over which locks are read, written and made to act.

    All methods raise CannotConnectError where nothing answers, NotSignedInError where tokens are
    refused, and ResultError where the service or the lock answers with an error.
    """

    @abstractmethod
    async def read(self, did: str, addresses: Collection[Address]) -> dict[Address, Reading]:
        """Return what is known of properties; those that got no answer are missing."""

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
        """Have an action done, once and never again by itself.

        Raises NotSentError where it cannot be sent while the attempt may leave.
        Returns a value for each output, in the specification's order and not checked yet; None for
        one that the answer lacks.
        """
