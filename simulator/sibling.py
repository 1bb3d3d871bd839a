"""A lock of any model: operations at its door by words, sent in the model's numbers. No I/O."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, override

from custom_components.xiaomi_smart_lock.miot.spec import Spec, parse

from . import d100e, published
from .camera import Camera
from .device import Device
from .dialect import PLAIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from custom_components.xiaomi_smart_lock.miot.spec import Address, Value

    from .clock import Clock
    from .dialect import Dialect
    from .facts import Facts
    from .published import Item

GATEWAY: Final = "600000001"
"""The did of the gateway that connects the locks without Wi-Fi. It is in no list."""
LEVEL: Final = 90
"""The level of a new battery."""

# The words that stand for an operation, in the order in which they are looked for.
_LOCKED: Final = ("locked", "locked_automatically", "auto_lock", "closed")
_UNLOCKED: Final = ("unlocked", "open")
_OPEN: Final = ("not_closed", "open_timeout", "open", "ajar")
_AJAR: Final = ("ajar", "not_closed", "open")
_LEFT_OPEN: Final = ("ajar", "left_open")
_BY_HAND: Final = ("manual", "manual_inside", "key/knob", "key", "by_hand")
_BY_ITSELF: Final = ("automatic", *_BY_HAND)
_INSIDE_BUTTON: Final = ("inside_button", *_BY_HAND)
_NO_SIDE: Final = ("unknown", "inside")

_DONE: Final = 0
_REFUSED: Final = 1


@dataclass(frozen=True, kw_only=True)
class Quirks:
    """How a model differs from others beside its numbers."""

    gateway: bool = False
    """Whether a gateway connects it; it is always online then."""
    sleeps: bool = True
    dialect: Dialect = PLAIN
    operation_id: int = 1
    """The operation id of an unlocking of which no other is given."""
    unreported: frozenset[Address] = frozenset()
    """The properties whose changes it never reports."""
    numbers_only: bool = False
    """Whether it sends numbers even where its specification says that they are text."""
    searched_ms: int | None = None
    """The period that one answer of its camera's list covers; None for all that is requested."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model of locks: what is known of it, its specification, and its quirks."""

    facts: Facts
    services: Sequence[Item]
    quirks: Quirks = field(default_factory=Quirks)
    languages: Mapping[str, str] = field(default_factory=lambda: published.LANGUAGES)
    """The field that has a language's texts, by language."""

    @cached_property
    def spec(self) -> Spec:
        """The specification, as the integration's own parser understands it."""
        return parse({"type": self.facts.urn, "services": self.services})


class Sibling(Device):
    """A lock of a model of which only facts are known.

    An operation that the model does not have raises LookupError.
    """

    def __init__(self, clock: Clock, model: Model, *, did: str, name: str, uid: str) -> None:
        """Create a lock. ``uid`` is the user id of the account that owns it."""
        facts = model.facts
        super().__init__(clock, model.spec, did=did, name=name, uid=uid, model=facts.model)
        self.facts = facts
        self.quirks = model.quirks
        self.dialect = self.quirks.dialect
        self.gateway = GATEWAY if self.quirks.gateway else None
        self.sleeps = self.quirks.sleeps and not self.gateway
        if facts.camera:
            self.camera = Camera(clock)
            self.camera.searched_ms = self.quirks.searched_ms
        self.door_state = facts.door
        self.bolted = False
        """Whether the deadbolt is on."""
        self.child_locked = False
        self._state: tuple[str, ...] = _LOCKED
        if facts.door:
            self.values[facts.door] = self._door()
        if facts.lock_state:
            self.values[facts.lock_state] = self._number("lock_state", *_LOCKED, "other")
        for battery in facts.batteries:
            self.values[battery] = LEVEL

    # At the door

    def unlock(
        self,
        method: str = "fingerprint",
        position: str = "outside",
        operation_id: int | None = None,
    ) -> None:
        """Unlock by a method, from a side of the door."""
        self._unlock(("unlocked",), (method,), (position,), operation_id)

    def press_inside_button(self) -> None:
        """Unlock by the button inside, or by what the model has instead."""
        self._unlock(("unlocked",), _INSIDE_BUTTON, ("inside",), 0)

    def _unlock(
        self,
        action: Sequence[str],
        method: Sequence[str],
        position: Sequence[str],
        operation_id: int | None,
    ) -> None:
        # Oldest models have an event for unlocking alone, and no action in it.
        number = self.quirks.operation_id if operation_id is None else operation_id
        if self.camera and "face" in method:
            self.camera.see("FaceUnlock")
        self._operate(action, method, position, number, kind=method)
        self.bolted = False
        self._set_lock(*_UNLOCKED)
        self._set_door("unlocked")

    def deadbolt(self, on: bool) -> None:
        """Turn the deadbolt by hand."""
        self._by_hand("deadbolt_on" if on else "deadbolt_off")
        self.bolted = on
        self._set_door(*_LOCKED)

    def child_lock(self, on: bool) -> None:
        """Switch the child lock by hand."""
        self._by_hand("child_lock_on" if on else "child_lock_off")
        self.child_locked = on
        self._set_door(*self._state)

    def away_mode(self, on: bool) -> None:
        """Switch the away mode by hand."""
        self._by_hand("away_on" if on else "away_off")

    def open_door(self) -> None:
        """Open the door."""
        self._set_door(*_OPEN)

    def close_door(self) -> None:
        """Close the door; it locks by itself. Models report one of both, both, or neither."""
        for action in (("door_closed",), _LOCKED):
            if self._reports(*action):
                self._operate(action, _BY_ITSELF, _NO_SIDE, 0)
        self._set_lock(*_LOCKED, "other")
        self._set_door(*_LOCKED)

    def leave_ajar(self) -> None:
        """Leave the door ajar, until the lock reports an exception if it knows such a one."""
        self._set_door(*_AJAR)
        if self.facts.has("exception", *_LEFT_OPEN):
            self.report(*_LEFT_OPEN)

    def report(self, *exception: str) -> None:
        """Report an exception: the first of the words that the model has."""
        if self.facts.exception is None:
            raise LookupError(f"{self.model} reports no exceptions")
        given = {"exception": self._number("exception", *exception), "id": 0}
        self._emit(self.facts.exception, self.facts.exception_arguments, given)

    def set_battery(self, level: int, battery: int = 0) -> None:
        """Change the level of a battery; the first one, if the model has several."""
        self.set(self.facts.batteries[battery], level)

    def ring(self) -> None:
        """Ring the bell."""
        if not self.facts.bells:
            raise LookupError(f"{self.model} has no bell")
        if self.camera:
            self.camera.see("Bell")
        for bell in self.facts.bells:
            self.emit(bell, self.time)

    # In the model's numbers

    @override
    def _push(self, address: Address, value: Value) -> None:
        if address not in self.quirks.unreported:
            super()._push(address, value)

    def _number(self, kind: str, *words: str) -> int:
        return self.facts.number(kind, *words)

    def _reports(self, *action: str) -> bool:
        """Return whether lock events have an argument that tells an action."""
        arguments = self.facts.arguments
        return any(
            kind in arguments and self.facts.has(kind, *action) for kind in ("action", "type")
        )

    def _by_hand(self, action: str) -> None:
        if not self._reports(action):
            raise LookupError(f"{self.model} has no {action}")
        self._operate((action,), _BY_HAND, ("inside",), 0)

    def _operate(
        self,
        action: Sequence[str],
        method: Sequence[str],
        position: Sequence[str],
        operation_id: int,
        *,
        kind: Sequence[str] | None = None,
    ) -> None:
        """Report a lock event. ``kind`` is what stands in a type, if it is not the action."""
        told = {"action": action, "method": method, "position": position, "type": kind or action}
        given = {
            name: self._number(name, *words)
            for name, words in told.items()
            if name in self.facts.arguments
        }
        self._emit(self.facts.event, self.facts.arguments, {**given, "id": operation_id})

    def _emit(self, event: Address, arguments: Mapping[str, int], given: Mapping[str, int]) -> None:
        known: dict[str, Value] = {"time": self.time, "res": _DONE, "push": 1, **given}
        if not self.quirks.numbers_only:
            known |= {name: str(known[name]) for name in self.facts.texts}
        self.emit(event, *(known[name] for name in arguments))

    def _door(self) -> int:
        """Return the number of the door's state, with what is added for what is locked too."""
        locked_too = {"deadbolt": self.bolted, "child_lock": self.child_locked}
        for name, on in locked_too.items():
            if on and self.facts.has("door_state", f"{name}_on"):
                return self._number("door_state", f"{name}_on")
        added = (self.facts.bits.get(name, 0) for name, on in locked_too.items() if on)
        return self._number("door_state", *self._state) + sum(added)

    def _set_door(self, *state: str) -> None:
        """Change the door's state to the first word that the model has, if it has one."""
        if self.facts.door and self.facts.has("door_state", *state):
            self._state = state
            self.set(self.facts.door, self._door())

    def _set_lock(self, *state: str) -> None:
        if self.facts.lock_state:
            self.set(self.facts.lock_state, self._number("lock_state", *state))


class D100E(Sibling):
    """``xiaomi.lock.d100e``: it is locked and unlocked from afar by a secret for one use."""

    MODEL: Final = d100e.MODEL

    _secret = ""

    @override
    def _perform(self, address: Address, inputs: list[Value]) -> list[Value]:
        match address:
            case d100e.GET_SECRET:
                return [self._fresh_secret(), _DONE, "ok"]
            case d100e.REMOTE_UNLOCK | d100e.REMOTE_LOCK:
                given, self._secret = self._secret, ""
                if not given or inputs != [given]:
                    return [_REFUSED, self._fresh_secret()]
                if address == d100e.REMOTE_UNLOCK:
                    self.unlock("by_app")
                else:
                    self._operate(("locked_by_app",), (), (), 0)
                    self._set_lock("locked")
                return [_DONE, "ok"]
        return super()._perform(address, inputs)

    def _fresh_secret(self) -> str:
        self._secret = secrets.token_hex(8)
        return self._secret
