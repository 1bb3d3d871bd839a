"""The simulated lock: operations at its door, remote properties and actions. No I/O."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, override

from custom_components.xiaomi_smart_lock.miot.errors import InvalidValueError
from custom_components.xiaomi_smart_lock.miot.spec import Access

from . import factory
from .camera import Camera
from .codes import Code, RefusedError
from .device import DO_NOT_DISTURB_PERIOD, HISTORY, Device
from .door import CONSEQUENCES, DOOR_STATE, Action, Door, Method, Position
from .model import SPEC
from .users import SERVICES as USER_SERVICES
from .users import Users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from custom_components.xiaomi_smart_lock.miot.spec import Address, Property, Value

    from .clock import Clock

_SERVICES: Final = frozenset(service.address[0] for service in SPEC.services)
_MANAGEMENT: Final = 4
"""The service for lock user management; some firmwares do not have it."""

AJAR_EXCEPTION: Final = 24
"""abnormal-condition (2.4): the door was left ajar."""

_PERIOD: Final = re.compile(r"([01]\d|2[0-3])(:[0-5]\d){2}-([01]\d|2[0-3])(:[0-5]\d){2}")


def validate(prop: Property, raw: object) -> Value:
    """Return a value if it is valid; as strict as a device, which also checks the range's step.

    Raises InvalidValueError if it is not.
    """
    if isinstance(raw, str) != (prop.format == "string"):
        raise InvalidValueError(f"{prop}: a {type(raw).__name__} is no {prop.format}")
    if isinstance(raw, float) and prop.format != "float":
        raise InvalidValueError(f"{prop}: a float is no {prop.format}")
    value = prop.validate(raw)
    if prop.range and (float(value) - prop.range[0]) % prop.range[2]:
        raise InvalidValueError(f"{prop}: {value} is between two steps")
    if prop.address == DO_NOT_DISTURB_PERIOD and not _PERIOD.fullmatch(str(value)):
        raise InvalidValueError(f"{prop}: {value} is no period")
    return value


def _missing(siid: int, code: Code) -> RefusedError:
    return RefusedError(code if siid in _SERVICES else Code.NO_SUCH_SERVICE)


def _property(address: Address) -> Property:
    if prop := SPEC.properties.get(address):
        return prop
    raise _missing(address[0], Code.NO_SUCH_PROPERTY)


class Lock(Device):
    """A Xiaomi Smart Door Lock 4 Pro, operated at its door and through its cloud."""

    def __init__(self, clock: Clock, *, did: str, name: str, uid: str) -> None:
        """Create a lock. ``uid`` is the user id of the account that owns it."""
        super().__init__(clock, did=did, name=name, uid=uid)
        self.users = Users(self)
        self.accepts_remote_unlock = False
        self.accepts_service_4 = True
        self.kept_by_app: dict[str, object] = {}
        """What the app's plug-in keeps about the lock in the cloud, by name of a property."""
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

    # At the door

    def operate(self, action: int, *, method: int, position: int, operation_id: int = 0) -> None:
        """Report a lock event (2.1020), and the properties that a known lock action changes."""
        self.emit((2, 1020), position, method, action, operation_id, self.time)
        for address, value in CONSEQUENCES.get(action, {}).items():
            self.set(address, value)

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

    def read(self, address: Address) -> tuple[Code, object]:
        """Return the result code and the cloud's copy of a property, even while the lock sleeps.

        The value is None unless the code is DONE.
        """
        try:
            if Access.READ not in _property(address).access:
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

    def _write(self, address: Address, raw: object) -> None:
        prop = _property(address)
        if Access.WRITE not in prop.access:
            raise RefusedError(Code.NOT_WRITABLE)
        try:
            value = validate(prop, raw)
        except InvalidValueError:
            raise RefusedError(Code.WRONG_VALUE) from None
        self._need_awake()
        self.set(address, value)

    def _act(self, address: Address, raw: Sequence[object]) -> list[Value]:
        siid, _ = address
        action = SPEC.actions.get(address)
        if action is None or (siid == _MANAGEMENT and not self.accepts_service_4):
            raise _missing(siid, Code.NO_SUCH_ACTION)
        if len(raw) != len(action.inputs):
            raise RefusedError(Code.WRONG_PARAMETER_COUNT)
        try:
            inputs = list(map(validate, action.inputs, raw))
        except InvalidValueError:
            raise RefusedError(Code.WRONG_PARAMETER) from None
        self._need_awake()
        if siid in USER_SERVICES:
            return self.users.act(address, inputs)
        _ACTIONS[address](self, *inputs)
        return []

    def _need_awake(self) -> None:
        if not self.awake:
            raise RefusedError(Code.ASLEEP)
        self.wake()

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
