"""The properties, reports and sleep of a lock, and remote access to it. No I/O."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import time
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from custom_components.xiaomi_smart_lock.miot.errors import InvalidValueError
from custom_components.xiaomi_smart_lock.miot.spec import Access

from . import factory
from .codes import Code, RefusedError
from .dialect import PLAIN
from .door import DOOR_STATE
from .validation import validate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from custom_components.xiaomi_smart_lock.miot.spec import Address, Property, Spec, Value

    from .camera import Camera
    from .clock import Clock

QUIET_SECONDS: Final = 120
"""How long the lock stays awake after its last use."""

# The pushed string (5.11 to 5.18) that reports the history of an event, or of the door state.
HISTORY: Final[dict[Address, Address]] = {
    (7, 1006): (5, 11),
    (2, 1007): (5, 12),
    DOOR_STATE: (5, 13),
    (4, 5): (5, 14),
    (22, 5): (5, 14),
    (4, 4): (5, 15),
    (22, 4): (5, 15),
    (4, 6): (5, 16),
    (22, 6): (5, 16),
    (4, 7): (5, 17),
    (22, 7): (5, 17),
    (2, 1020): (5, 18),
}


class Past(NamedTuple):
    """A past event or property: its time by the device's clock, its address and its values.

    ``told`` is the time by the cloud's clock. Both times are in seconds since 1970.
    """

    time: int
    source: Address
    values: list[Value]
    told: int


type Listener = Callable[[str, dict[str, Any]], None]
"""Takes the topic and the payload of a report."""


PID_WIFI: Final = 0
"""The kind of a device that connects to the cloud by itself."""
PID_BLUETOOTH: Final = 6
"""The kind of a device that a gateway connects to the cloud."""


def within(period: str, moment: time) -> bool:
    """Return whether a time of day is in a period ``HH:MM:SS-HH:MM:SS``, also over midnight."""
    start, end = map(time.fromisoformat, period.split("-"))
    return start <= moment < end if start <= end else moment >= start or moment < end


class Device:
    """A lock of any model: what its specification alone says, and its reports to listeners."""

    camera: Camera | None = None
    """The camera at the door; None if the model has none."""
    gateway: str | None = None
    """The did of the gateway that connects the lock; None if it connects by itself."""
    sleeps = True
    """Whether the lock falls asleep, and is offline then. Behind a gateway, none does."""
    door_state: Address | None = None
    """The property whose past values the cloud keeps."""

    def __init__(
        self, clock: Clock, spec: Spec, *, did: str, name: str, uid: str, model: str
    ) -> None:
        """Create a lock; it is awake, as after its installation.

        ``uid`` is the user id of the account that owns it.
        """
        self.spec = spec
        self.clock = clock
        self.did = did
        self.name = name
        self.uid = uid
        self.model = model
        self.urn = spec.urn
        self.firmware = "2.1.4_0009"
        self.token = factory.token(did)
        self.mac = factory.mac(did)
        self.host: str | None = None
        """The address on the local network; None if it is not reachable there."""
        self.values: dict[Address, Value] = factory.values(spec)
        self.updated: dict[Address, int] = dict.fromkeys(self.values, int(clock.now()))
        self.listeners: list[Listener] = []
        self.dialect = PLAIN
        """The shapes in which the lock and its cloud send values and messages."""
        self.awake = True
        self.clock_offset = 0
        self.time_zone = 8.0
        self.history: list[Past] = []
        """All events, and all values of the door state."""
        self.kept_by_app: dict[str, object] = {}
        """What the app's plug-in keeps about the lock in the cloud, by name of a property."""
        self.installed = self._used = clock.now()
        self._message_ids = count(secrets.randbelow(10**9))
        self._event_ids = count(1)

    @property
    def time(self) -> int:
        """The device's own time, in seconds since 1970."""
        return int(self.clock.now()) + self.clock_offset

    @property
    def pid(self) -> int:
        """How the lock connects to the cloud, as a number of the cloud's."""
        return PID_BLUETOOTH if self.gateway else PID_WIFI

    # Asleep and awake

    @property
    def falls_asleep_at(self) -> float:
        """When the lock falls asleep if it is not used, in seconds since 1970."""
        return self._used + QUIET_SECONDS if self.sleeps else float("inf")

    def wake(self) -> None:
        """Wake the lock, or keep it awake for longer."""
        self._used = self.clock.now()
        if not self.awake:
            self.awake = True
            self._publish_state("online")
            self._report_wifi()

    def sleep(self) -> None:
        """Fall asleep now, if the lock ever does."""
        if self.awake and self.sleeps:
            self._report_wifi(asleep=True)
            self.awake = False
            self._publish_state("offline")

    def _report_wifi(self, *, asleep: bool = False) -> None:
        """Report whether the lock sleeps, if it has a property for that."""

    def tick(self) -> None:
        """Fall asleep if the lock has not been used for QUIET_SECONDS."""
        if self.clock.now() >= self.falls_asleep_at:
            self.sleep()

    # Reporting

    def emit(self, address: Address, *arguments: Value) -> None:
        """Report an event with its arguments, in the specification's order."""
        self.wake()
        expected = self.spec.events[address].arguments
        self._remember(address, list(arguments))
        items = [
            {"piid": argument.address[1], "value": value}
            for argument, value in zip(expected, arguments, strict=True)
        ]
        siid, eiid = address
        self._publish(
            f"up/event_occured/{siid}/{eiid}",
            {
                "id": next(self._message_ids),
                "method": "event_occured",
                "params": {
                    "did": self.did,
                    "siid": siid,
                    "eiid": eiid,
                    "tid": next(self._event_ids),
                    "arguments": items,
                },
            },
        )

    def set(self, address: Address, value: Value) -> None:
        """Change a property at the lock and report it."""
        self.wake()
        self._push(address, value)
        if address == self.door_state:
            self._remember(address, [value])

    def _push(self, address: Address, value: Value) -> None:
        self._store(address, value)
        siid, piid = address
        params = {"did": self.did, "siid": siid, "piid": piid, "value": value}
        self._publish(f"up/properties_changed/{siid}/{piid}", {"params": params})

    def _store(self, address: Address, value: Value) -> None:
        self.values[address] = value
        self.updated[address] = int(self.clock.now())

    def _publish_state(self, event: str) -> None:
        self._publish(
            f"state/{event}",
            {
                "device_id": self.did,
                "device_name": self.name,
                "event": event,
                "model": self.model,
                "timestamp": int(self.clock.now() * 1000),
                "uid": self.uid,
            },
        )

    def _publish(self, topic: str, payload: dict[str, Any]) -> None:
        for listener in self.listeners:
            listener(f"device/{self.did}/{topic}", payload)

    def _remember(self, source: Address, values: list[Value]) -> None:
        self.history.append(Past(self.time, source, values, int(self.clock.now())))

    # Remote access

    def read(self, address: Address) -> tuple[Code, object]:
        """Return the result code and the cloud's copy of a property, even while the lock sleeps.

        The value is None unless the code is DONE.
        """
        try:
            if Access.READ not in self._property(address).access:
                return Code.EVENT_ONLY, None
        except RefusedError as refused:
            return refused.code, None
        return Code.DONE, self.dialect.spell(self.values[address])

    def write(self, address: Address, raw: object) -> Code:
        """Change a property; return the result code."""
        try:
            self._write(address, raw)
        except RefusedError as refused:
            return refused.code
        return Code.DONE

    def act(self, address: Address, raw: Sequence[object]) -> tuple[Code, list[Value]]:
        """Do an action; return the result code and the outputs.

        Inputs and outputs are in the specification's order.
        """
        try:
            return Code.DONE, self._act(address, raw)
        except RefusedError as refused:
            return refused.code, []

    def _validated(self, prop: Property, raw: object) -> Value:
        """Return a value to write if it is valid; raises InvalidValueError if it is not."""
        return validate(prop, raw)

    def _perform(self, address: Address, inputs: list[Value]) -> list[Value]:  # noqa: ARG002
        """Do an action that is right; return its outputs."""
        return [factory.first(prop) for prop in self.spec.actions[address].outputs]

    def _missing(self, siid: int, code: Code) -> RefusedError:
        known = any(service.address[0] == siid for service in self.spec.services)
        return RefusedError(code if known else Code.NO_SUCH_SERVICE)

    def _property(self, address: Address) -> Property:
        if prop := self.spec.properties.get(address):
            return prop
        raise self._missing(address[0], Code.NO_SUCH_PROPERTY)

    def _write(self, address: Address, raw: object) -> None:
        prop = self._property(address)
        if Access.WRITE not in prop.access:
            raise RefusedError(Code.NOT_WRITABLE)
        try:
            value = self._validated(prop, raw)
        except InvalidValueError:
            raise RefusedError(Code.WRONG_VALUE) from None
        self._need_awake()
        self.set(address, value)

    def _act(self, address: Address, raw: Sequence[object]) -> list[Value]:
        action = self.spec.actions.get(address)
        if action is None:
            raise self._missing(address[0], Code.NO_SUCH_ACTION)
        if len(raw) != len(action.inputs):
            raise RefusedError(Code.WRONG_PARAMETER_COUNT)
        try:
            inputs = list(map(self._validated, action.inputs, raw))
        except InvalidValueError:
            raise RefusedError(Code.WRONG_PARAMETER) from None
        self._need_awake()
        return self._perform(address, inputs)

    def _need_awake(self) -> None:
        if not self.awake:
            raise RefusedError(Code.ASLEEP)
        self.wake()
