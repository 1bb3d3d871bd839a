"""The simulated lock: operations at its door, remote properties and actions. No I/O."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, override

from custom_components.xiaomi_smart_lock.miot.errors import InvalidValueError

from . import factory
from .camera import Camera
from .codes import Code, RefusedError
from .device import HISTORY, Device, within
from .door import CONSEQUENCES, DOOR_STATE, Action, Door, Method, Position
from .facts import FACTS
from .model import MODEL, SPEC
from .users import SERVICES as USER_SERVICES
from .users import Users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from custom_components.xiaomi_smart_lock.miot.spec import Address, Property, Spec, Value

    from .clock import Clock

_FACTS: Final = FACTS[MODEL]
_MANAGEMENT: Final = 4
"""The service for lock user management; some firmwares do not have it."""

AJAR_EXCEPTION: Final = 24
"""abnormal-condition (2.4): the door was left ajar."""

WIFI: Final = (18, 12)
DO_NOT_DISTURB: Final = (20, 1)
DO_NOT_DISTURB_PERIOD: Final = (20, 2)
DO_NOT_DISTURB_ACTIVE: Final = (20, 3)

WIFI_ONLINE: Final = 1
WIFI_SLEEP: Final = 2

_PERIOD: Final = re.compile(r"([01]\d|2[0-3])(:[0-5]\d){2}-([01]\d|2[0-3])(:[0-5]\d){2}")


class Lock(Device):
    """A Xiaomi Smart Door Lock 4 Pro, operated at its door and through its cloud."""

    camera: Camera
    door_state = DOOR_STATE

    def __init__(
        self,
        clock: Clock,
        spec: Spec = SPEC,
        *,
        did: str,
        name: str,
        uid: str,
        model: str = MODEL,
    ) -> None:
        """Create a lock. ``uid`` is the user id of the account that owns it."""
        super().__init__(clock, spec, did=did, name=name, uid=uid, model=model)
        self.values = factory.values_of_s1(spec)
        self.updated = dict.fromkeys(self.values, int(clock.now()))
        self.users = Users(self)
        self.accepts_remote_unlock = False
        self.accepts_service_4 = True
        self.recordings: list[int] = []
        self.camera = Camera(clock)

    @override
    def sleep(self) -> None:
        """Fall asleep, and cancel a running enrollment."""
        self.users.enrolment = None
        super().sleep()

    @override
    def tick(self) -> None:
        """Fail an enrollment that timed out, and fall asleep if the lock has not been used."""
        self.users.tick()
        super().tick()

    @override
    def _report_wifi(self, *, asleep: bool = False) -> None:
        self._push(WIFI, WIFI_SLEEP if asleep else WIFI_ONLINE)

    @override
    def set(self, address: Address, value: Value) -> None:
        """Change a property at the lock and report it."""
        super().set(address, value)
        if address in (DO_NOT_DISTURB, DO_NOT_DISTURB_PERIOD):
            self._push(DO_NOT_DISTURB_ACTIVE, self._do_not_disturb_active())

    # At the door

    def operate(self, action: int, *, method: int, position: int, operation_id: int = 0) -> None:
        """Report a lock event (2.1020), and the properties that a known lock action changes."""
        self.emit((2, 1020), position, method, action, operation_id, self.time)
        for address, value in CONSEQUENCES.get(action, {}).items():
            self.set(address, value)

    def unlock(
        self, method: str = "fingerprint", position: str = "outside", operation_id: int = 1
    ) -> None:
        """Unlock by a method, from a side of the door, as words of ``facts``."""
        if method == "face":
            self.camera.see("FaceUnlock")
        self.operate(
            Action.UNLOCKED,
            method=_FACTS.number("method", method),
            position=_FACTS.number("position", position),
            operation_id=operation_id,
        )

    def press_inside_button(self) -> None:
        """Unlock by the button inside."""
        self.unlock("inside_button", "inside", 0)

    def report(self, *exception: str) -> None:
        """Report an exception: the first of the words of ``facts`` that the model has."""
        self.exception(_FACTS.number("exception", *exception))

    def fingerprint(self, operation_id: int, position: int = Position.OUTSIDE) -> None:
        """Unlock with a fingerprint."""
        self.operate(
            Action.UNLOCKED,
            method=Method.FINGERPRINT,
            position=position,
            operation_id=operation_id,
        )

    def face(self, operation_id: int) -> None:
        """Unlock by face recognition."""
        self.camera.see("FaceUnlock")
        self.operate(
            Action.UNLOCKED,
            method=Method.FACE,
            position=Position.OUTSIDE,
            operation_id=operation_id,
        )

    def password(self, operation_id: int) -> None:
        """Unlock with a password."""
        self.operate(
            Action.UNLOCKED,
            method=Method.PASSWORD,
            position=Position.OUTSIDE,
            operation_id=operation_id,
        )

    def one_time_password(self, operation_id: int) -> None:
        """Unlock with a guest's one-time password."""
        self.operate(
            Action.UNLOCKED,
            method=Method.ONE_TIME_PASSWORD,
            position=Position.OUTSIDE,
            operation_id=operation_id,
        )

    def open_door(self) -> None:
        """Open the door."""
        self.set(DOOR_STATE, Door.NOT_CLOSED)

    def close_door(self) -> None:
        """Close the door; it locks by itself."""
        self.operate(Action.DOOR_CLOSED, method=Method.AUTOMATIC, position=Position.UNKNOWN)

    def leave_ajar(self) -> None:
        """Leave the door ajar until the lock reports an exception."""
        self.set(DOOR_STATE, Door.AJAR)
        self.exception(AJAR_EXCEPTION)

    def deadbolt(self, on: bool) -> None:
        """Turn the deadbolt by hand."""
        self._by_hand(Action.DEADBOLT_ON if on else Action.DEADBOLT_OFF)

    def child_lock(self, on: bool) -> None:
        """Switch the child lock by hand."""
        self._by_hand(Action.CHILD_LOCK_ON if on else Action.CHILD_LOCK_OFF)

    def away_mode(self, on: bool) -> None:
        """Switch the away mode by hand."""
        self._by_hand(Action.AWAY_MODE_ON if on else Action.AWAY_MODE_OFF)

    def _by_hand(self, action: Action) -> None:
        self.operate(action, method=Method.MANUAL, position=Position.INSIDE)

    def ring(self) -> None:
        """Ring the bell. Both services with a doorbell event (7 and 21) report it."""
        now = self.time
        self.camera.see("Bell")
        self.emit((7, 1006), now)
        self.emit((21, 1), now)

    def stay(self) -> None:
        """Stay in front of the door until the camera reports it (17.2)."""
        self.camera.see("Stay")
        self.emit((17, 2), self.time)

    def wechat_unauthorised(self) -> None:
        """Report that WeChat is not authorized for calls (17.3)."""
        self.emit((17, 3), self.time)

    def exception(self, code: int) -> None:
        """Report an exception (2.1007)."""
        self.emit((2, 1007), code, self.time)

    def set_battery(self, level: int, *, dry_cells: bool = False, push: bool = True) -> None:
        """Change the level of the lithium battery or the dry cells.

        ``push`` says whether the change is pushed. The real lock does not push each change.
        """
        address = (6, 1003) if dry_cells else (13, 1)
        if push:
            self.set(address, level)
        else:
            self._store(address, level)

    def enrol(self, state: int = 0) -> None:
        """Show a finger, a face or a hand once for a running enrollment.

        ``state`` is the credential-state (4.8, 22.8) to report; 0 is success.
        """
        self.users.show(state)

    def set_charging(self, state: int) -> None:
        """Change the lithium battery's charging state (13.2)."""
        self.set((13, 2), state)

    def push_versions(self) -> None:
        """Report the versions of the lock's parts."""
        self._repeat(factory.VERSIONS)

    def push_settings(self) -> None:
        """Report the settings of service 2, which cannot be read."""
        self._repeat(factory.SETTINGS)

    def _repeat(self, addresses: Iterable[Address]) -> None:
        for address in addresses:
            self.set(address, self.values[address])

    def report_history(self, since: int = 0) -> None:
        """Push the history since a device time: a JSON list of [time, values…] for each property.

        Event 5.1 follows, with the time of the newest item.
        """
        recent = [past for past in self.history if past.time >= since and past.source in HISTORY]
        for kind in sorted(set(HISTORY.values())):
            rows = [[past.time, *past.values] for past in recent if HISTORY[past.source] == kind]
            self.set(kind, json.dumps(rows))
        self.emit((5, 1), max((past.time for past in recent), default=since))

    # Remote access

    @override
    def _validated(self, prop: Property, raw: object) -> Value:
        value = super()._validated(prop, raw)
        if prop.address == DO_NOT_DISTURB_PERIOD and not _PERIOD.fullmatch(str(value)):
            raise InvalidValueError(f"{prop}: {value} is no period")
        return value

    @override
    def _act(self, address: Address, raw: Sequence[object]) -> list[Value]:
        siid, _ = address
        if siid == _MANAGEMENT and not self.accepts_service_4:
            raise self._missing(siid, Code.NO_SUCH_ACTION)
        return super()._act(address, raw)

    @override
    def _perform(self, address: Address, inputs: list[Value]) -> list[Value]:
        if address[0] in USER_SERVICES:
            return self.users.act(address, inputs)
        if address not in _ACTIONS:  # Newer firmware has more.
            return super()._perform(address, inputs)
        _ACTIONS[address](self, *inputs)
        return []

    def _do_not_disturb_active(self) -> bool:
        local = datetime.fromtimestamp(self.time, UTC) + timedelta(hours=self.time_zone)
        period = str(self.values[DO_NOT_DISTURB_PERIOD])
        return bool(self.values[DO_NOT_DISTURB]) and within(period, local.time())

    def _unlock(self) -> None:
        if not self.accepts_remote_unlock:
            raise RefusedError(Code.NOT_NOW)
        self.operate(Action.UNLOCKED, method=Method.REMOTE, position=Position.UNKNOWN)

    def _correct_time(self, zone: float, now: int) -> None:
        self.time_zone = zone
        drift = now - int(self.clock.now())
        # The time is sent in whole seconds: a correct one may be one second off on arrival.
        self.clock_offset = 0 if abs(drift) <= 1 else drift

    def _record(self) -> None:
        self.recordings.append(self.time)


# The effect of each action on a lock that is awake. Users does those of services 4 and 22.
_ACTIONS: Final[dict[Address, Callable[..., None]]] = {
    (2, 1): Lock._unlock,  # noqa: SLF001
    (2, 2): Lock.wake,
    (5, 1): Lock.report_history,
    (9, 1): Lock._correct_time,  # noqa: SLF001
    (17, 3): Lock.wake,
    (17, 4): Lock._record,  # noqa: SLF001
}
