"""The properties, reports and sleep of a lock. No I/O."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from . import factory
from .dialect import PLAIN
from .door import DOOR_STATE
from .model import MODEL, SPEC

if TYPE_CHECKING:
    from custom_components.xiaomi_smart_lock.miot.spec import Address, Value

    from .clock import Clock

QUIET_SECONDS: Final = 120
"""How long the lock stays awake after its last use."""

WIFI: Final = (18, 12)
DO_NOT_DISTURB: Final = (20, 1)
DO_NOT_DISTURB_PERIOD: Final = (20, 2)
DO_NOT_DISTURB_ACTIVE: Final = (20, 3)

WIFI_ONLINE: Final = 1
WIFI_SLEEP: Final = 2

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


def within(period: str, moment: time) -> bool:
    """Return whether a time of day is in a period ``HH:MM:SS-HH:MM:SS``, also over midnight."""
    start, end = map(time.fromisoformat, period.split("-"))
    return start <= moment < end if start <= end else moment >= start or moment < end


class Device:
    """A lock's properties, its clock and sleep, and its reports to listeners."""

    def __init__(self, clock: Clock, *, did: str, name: str, uid: str) -> None:
        """Create a lock; it is awake, as after its installation.

        ``uid`` is the user id of the account that owns it.
        """
        self.clock = clock
        self.did = did
        self.name = name
        self.uid = uid
        self.model = MODEL
        self.urn = SPEC.urn
        self.firmware = "2.1.4_0009"
        self.token = factory.token(did)
        self.mac = factory.mac(did)
        self.host: str | None = None
        """The address on the local network; None if it is not reachable there."""
        self.values: dict[Address, Value] = factory.values()
        self.updated: dict[Address, int] = dict.fromkeys(self.values, int(clock.now()))
        self.listeners: list[Listener] = []
        self.dialect = PLAIN
        """The shapes in which the lock and its cloud send values and messages."""
        self.awake = True
        self.clock_offset = 0
        self.time_zone = 8.0
        self.history: list[Past] = []
        """All events, and all values of the door state."""
        self.installed = self._used = clock.now()
        self._message_ids = count(secrets.randbelow(10**9))
        self._event_ids = count(1)

    @property
    def time(self) -> int:
        """The device's own time, in seconds since 1970."""
        return int(self.clock.now()) + self.clock_offset

    # Asleep and awake

    @property
    def falls_asleep_at(self) -> float:
        """When the lock falls asleep if it is not used, in seconds since 1970."""
        return self._used + QUIET_SECONDS

    def wake(self) -> None:
        """Wake the lock, or keep it awake for longer."""
        self._used = self.clock.now()
        if not self.awake:
            self.awake = True
            self._publish_state("online")
            self._push(WIFI, WIFI_ONLINE)

    def sleep(self) -> None:
        """Fall asleep now."""
        if self.awake:
            self._push(WIFI, WIFI_SLEEP)
            self.awake = False
            self._publish_state("offline")

    def tick(self) -> None:
        """Fall asleep if the lock has not been used for QUIET_SECONDS."""
        if self.clock.now() >= self.falls_asleep_at:
            self.sleep()

    # Reporting

    def emit(self, address: Address, *arguments: Value) -> None:
        """Report an event with its arguments, in the specification's order."""
        self.wake()
        expected = SPEC.events[address].arguments
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
        if address == DOOR_STATE:
            self._remember(address, [value])
        if address in (DO_NOT_DISTURB, DO_NOT_DISTURB_PERIOD):
            self._push(DO_NOT_DISTURB_ACTIVE, self._do_not_disturb_active())

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

    def _do_not_disturb_active(self) -> bool:
        local = datetime.fromtimestamp(self.time, UTC) + timedelta(hours=self.time_zone)
        period = str(self.values[DO_NOT_DISTURB_PERIOD])
        return bool(self.values[DO_NOT_DISTURB]) and within(period, local.time())
