"""An event that happened at a lock. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ..miot.values import whole
from ..model.tables import Ability
from .credential import Credential, masked
from .device_clock import says_something
from .serialization import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..miot.spec import Address, Event, Property, Value
    from ..model.lock_model import LockModel

# Arguments that distinguish two events of the same second
_IDENTIFYING: Final = (
    "lock-action",
    "abnormal-condition",
    "user-ids",
    "operation-id",
    "error-code",
    "credential-state",
    "credential-step-current",
    "credential-step-all",
)
_ALIKE: Final = " ".join("-1" for _ in _IDENTIFYING)
LONGEST_PART: Final = 40
"""Characters of an argument that are compared; many are kept."""
_TIMES: Final = ("current-time", "last-history-time")


def _identifying(value: Value | None) -> str:
    """Return a value for comparison; -1 for None."""
    if value is None:
        return "-1"
    return value if isinstance(value, str) and whole(value) is None else str(int(value))


@dataclass
class LockEvent:
    """An event that happened, with the arguments that were understood, by piid.

    A number that is not in its value list is kept as it came.
    """

    model: LockModel = field(repr=False)
    event: Event
    arguments: Mapping[int, Value]
    when: float
    """When it happened by our clock, in Unix seconds; until that is known, when it arrived."""
    tid: int | None = field(default=None, compare=False)
    """The lock's number of the report, None if it came without one."""
    is_answer: bool = field(default=False, compare=False)
    """Whether this is the answer to an action, whose time is exact: that of our request."""

    @property
    def known_arguments(self) -> list[tuple[Property, Value]]:
        """The arguments and their values, in the specification's order."""
        return [
            (argument, value)
            for argument in self.event.arguments
            if (value := self.arguments.get(argument.address[1])) is not None
        ]

    @cached_property
    def words(self) -> Mapping[str, str]:
        """The keys of the arguments' values, by the arguments' names; without those of no key."""
        return {
            argument.name: key
            for argument, value in self.known_arguments
            if argument.values and (key := argument.key_of(value)) is not None
        }

    def argument(self, name: str) -> Property:
        """Return the argument with a name in the specification."""
        return next(argument for argument in self.event.arguments if argument.name == name)

    def get(self, name: str) -> Value | None:
        """Return an argument's value by its name, None if it is not known."""
        piid = self.event.piids.get(name)
        return None if piid is None else self.arguments.get(piid)

    def word(self, name: str) -> str | None:
        """Return the key of an argument's value, None if there is no value or no key for it."""
        return self.words.get(name)

    def listed(self, name: str) -> int | None:
        """Return an argument's value by its name, None if it is not in the value list."""
        value = self.get(name)
        return int(value) if value is not None and name in self.words else None

    @cached_property
    def time(self) -> int | None:
        """When it happened by the lock's clock, in Unix seconds; None if it does not say."""
        for name in _TIMES:
            if (time := whole(self.get(name))) is not None:
                return time
        return None

    @cached_property
    def credential(self) -> Credential | None:
        """The credential that operated the lock, None if there was none.

        None also for a model whose tables do not say that its ids are those of credentials.
        """
        if not self.model.can(Ability.PEOPLE):
            return None
        method, operation_id = whole(self.get("operation-method")), whole(self.get("operation-id"))
        return Credential(method, operation_id) if method and operation_id else None

    @property
    def managed_credential(self) -> Credential | None:
        """The credential that was enrolled, assigned or deleted; without a method, a phone's."""
        if (operation_id := whole(self.get("operation-id"))) is None:
            return None
        method = whole(self.get("operation-method"))
        return Credential(method or self.model.phone, operation_id)

    @property
    def masked(self) -> LockEvent:
        """The event for display, with the credential's method masked for any kind of event."""
        method = self.get("operation-method")
        if method is None or method not in self.model.masks:
            return self
        piid = self.event.piids["operation-method"]
        shown = masked(self.model, int(method))
        return replace(self, arguments={**self.arguments, piid: shown})

    @cached_property
    def kind(self) -> Address:
        """The event's address; the same one for an event that two services report."""
        return self.model.kind_of(self.event.address)

    @property
    def reported_twice(self) -> bool:
        """Whether two services may report the event."""
        return self.kind in self.model.reported_twice

    @cached_property
    def usable_time(self) -> int | None:
        """When it happened by the lock's clock, in Unix seconds; None if that is implausible."""
        usable = self.time is not None and says_something(self.time, self.when)
        return self.time if usable else None

    @cached_property
    def identity_suffix(self) -> str:
        """The values that distinguish it from other events of its kind at the same second.

        Of an event without arguments of the known names, those are all but times and secrets.
        """
        if self.event.piids.keys().isdisjoint(_IDENTIFYING):
            others = (
                f"{argument.address[1]}={value}"[:LONGEST_PART]
                for argument, value in self.known_arguments
                if argument.name not in _TIMES and argument.address not in self.model.secret
            )
            return " ".join(others) or _ALIKE
        return " ".join(map(_identifying, map(self.get, _IDENTIFYING)))

    def as_list(self) -> list[Any]:
        """Return the event as JSON data, without secrets that nothing shows."""
        kept = [
            (argument.address[1], value)
            for argument, value in self.known_arguments
            if argument.address not in self.model.not_stored
        ]
        return [*self.event.address, kept, self.when]

    @classmethod
    def from_list(cls, model: LockModel, stored: list[Any]) -> LockEvent | None:
        """Return a stored event, without arguments that the specification no longer allows.

        None if the specification has no such event. Raises OverflowError, TypeError or ValueError
        if the data was not written by us.
        """
        siid, eiid, arguments, when = stored
        if (event := model.spec.events.get((siid, eiid))) is None:
            return None
        items = [{"piid": piid, "value": value} for piid, value in arguments]
        known, _ = event.understand(items)
        return cls(model, event, known, number(when))
