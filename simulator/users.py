"""The lock's users and their credentials: its services 4 and 22. No I/O.

Both services have the same actions and events; they differ in what these carry, which is taken
from the specification by name. Service 4 answers with an error code, service 22 reports it
by its event 22.2. Where an action of service 22 has no inputs, the lock chooses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from .model import SPEC

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from custom_components.xiaomi_smart_lock.miot.spec import Address, Value

    from .device import Device

SERVICES: Final = (4, 22)
BLUETOOTH: Final = 1
"""The only operation-method of service 22 (22.6)."""
MEMORY: Final = 100
"""How many credentials the lock can keep."""

PATIENCE_SECONDS: Final = 60
"""How long the lock waits for a finger, a face or a hand."""

type Facts = dict[str, Value]
"""What an action was told and an event tells, by the names of the specification."""


class UserType(IntEnum):
    """user-type (4.2); the last two only say whom to delete."""

    OWNER = 0
    ADMINISTRATOR = 1
    NORMAL = 2
    VISITOR = 3
    ALL = 4
    ALL_NORMAL = 5


class Error(IntEnum):
    """error-code (4.7, 22.3)."""

    SUCCESS = 0
    IN_PROGRESS = 1
    NOT_FOUND = 3
    MEMORY_FULL = 4
    PARAMETER_ERROR = 5
    BUSY = 7
    DUPLICATE_PARAMETER = 8
    DUPLICATE_CREDENTIAL = 9


CREDENTIAL_FAILED: Final = 1
"""credential-state (4.8, 22.8) that ends an enrolment."""

# How often a finger, a face or a hand is asked for, by operation-method (4.3); anything else is
# known at once. Service 22 knows Bluetooth keys only, which are shown once.
_STEPS: Final = {2: 5, 5: 3, 9: 5, 13: 3}
_STEPS_OF_KEY: Final = 1


@dataclass(slots=True)
class Credential:
    """What opens the door: whose, by which operation-method, and its text where it has one."""

    user: int
    method: int
    text: str = ""


@dataclass(slots=True)
class Enrolment:
    """A credential that is being shown to the lock, and for which service."""

    siid: int
    operation_id: int
    credential: Credential
    steps: int
    shown: int
    """When something was shown last, by the lock's clock."""
    step: int = 0


class Users:
    """Who may open the door, and by what."""

    def __init__(self, lock: Device) -> None:
        """Start with the owner alone."""
        self.types: dict[int, int] = {0: UserType.OWNER}
        """The user type of each user id."""
        self.credentials: dict[int, Credential] = {}
        """By operation id."""
        self.enrolment: Enrolment | None = None
        self._lock = lock

    def act(self, address: Address, inputs: Sequence[Value]) -> list[Value]:
        """Do an action with valid inputs; return its outputs in the specification's order."""
        siid, _ = address
        action = SPEC.actions[address]
        facts: Facts = {prop.name: value for prop, value in zip(action.inputs, inputs, strict=True)}
        facts["error-code"] = int(_OPERATIONS[action.name](self, siid, facts))
        facts["current-time"] = self._lock.time
        if address in _REPORTED_BY_EVENT:
            facts.setdefault("operation-method", BLUETOOTH)
            self._report(siid, 2, facts)
        return [facts[prop.name] for prop in action.outputs]

    def show(self, state: int = 0) -> None:
        """Show a finger, a face or a hand once for the running enrolment; 0 is well done."""
        enrolment = self.enrolment
        if enrolment is None:
            return
        enrolment.shown = self._lock.time
        enrolment.step += state == 0
        self._report_step(enrolment, state)
        if state == CREDENTIAL_FAILED:
            self.enrolment = None
        elif enrolment.step == enrolment.steps:
            self._finish(enrolment)

    def tick(self) -> None:
        """Give up an enrolment for which nothing was shown for long."""
        if self.enrolment and self._lock.time >= self.enrolment.shown + PATIENCE_SECONDS:
            self.show(CREDENTIAL_FAILED)

    def add_user(self, siid: int, facts: Facts) -> Error:
        """Add a user, or change one, but not the owner."""
        user = int(facts.setdefault("user-ids", max(self.types) + 1))
        kind = int(facts.setdefault("user-type", int(UserType.NORMAL)))
        owner = self.types.get(user) == UserType.OWNER
        if owner or kind in (UserType.OWNER, UserType.ALL, UserType.ALL_NORMAL):
            return Error.PARAMETER_ERROR
        self.types[user] = kind
        self._report(siid, 4, facts)
        return Error.SUCCESS

    def delete_user(self, siid: int, facts: Facts) -> Error:
        """Delete a user, or all of a kind, with all credentials; the owner stays."""
        user = int(facts.setdefault("user-ids", max(self.types)))
        kind = int(facts.setdefault("user-type", self.types[max(self.types)]))
        doomed = {
            known: of
            for known, of in self.types.items()
            if of != UserType.OWNER
            and (
                kind == UserType.ALL
                or (kind == UserType.ALL_NORMAL and of == UserType.NORMAL)
                or (known, of) == (user, kind)
            )
        }
        for known, of in doomed.items():
            del self.types[known]
            self.credentials = {
                operation_id: credential
                for operation_id, credential in self.credentials.items()
                if credential.user != known
            }
            self._report(siid, 5, {"user-ids": known, "user-type": of})
        return Error.SUCCESS if doomed else Error.NOT_FOUND

    def add_credential(self, siid: int, facts: Facts) -> Error:
        """Begin an enrolment, or keep a credential that needs none."""
        user, operation_id = int(facts["user-ids"]), int(facts["operation-id"])
        method, text = int(facts["operation-method"]), str(facts["credential"])
        faults = {
            Error.BUSY: self.enrolment is not None,
            Error.NOT_FOUND: user not in self.types,
            Error.MEMORY_FULL: len(self.credentials) >= MEMORY,
            Error.DUPLICATE_PARAMETER: operation_id in self.credentials,
            Error.DUPLICATE_CREDENTIAL: text
            and any(text == known.text for known in self.credentials.values()),
        }
        for fault, applies in faults.items():
            if applies:
                return fault
        steps = _STEPS.get(method, 0) if siid == SERVICES[0] else _STEPS_OF_KEY
        enrolment = Enrolment(
            siid, operation_id, Credential(user, method, text), steps, self._lock.time
        )
        if not steps:
            self._finish(enrolment)
            return Error.SUCCESS
        self.enrolment = enrolment
        self._report_step(enrolment, 0)
        return Error.IN_PROGRESS

    def cancel_enrolment(self, siid: int, facts: Facts) -> Error:  # noqa: ARG002
        """Give up the running enrolment."""
        if self.enrolment is None:
            return Error.NOT_FOUND
        self.enrolment = None
        return Error.SUCCESS

    def delete_credential(self, siid: int, facts: Facts) -> Error:
        """Delete a user's credential."""
        operation_id = int(facts["operation-id"])
        credential = self.credentials.get(operation_id)
        if credential is None or credential.user != facts["user-ids"]:
            return Error.NOT_FOUND
        del self.credentials[operation_id]
        facts["operation-method"] = credential.method
        self._report(siid, 7, facts)
        return Error.SUCCESS

    def sync_users(self, siid: int, facts: Facts) -> Error:
        """Compare the users with the app's: tell of all, then that this is all."""
        for user, kind in self.types.items():
            self._report_update(siid, 1, {"user-ids": user, "user-type": kind})
        self._report(siid, 9, facts)
        return Error.SUCCESS

    def sync_credentials(self, siid: int, facts: Facts) -> Error:
        """Compare the credentials with the app's: tell of all, then that this is all."""
        for operation_id, credential in self.credentials.items():
            about: Facts = {
                "user-ids": credential.user,
                "operation-method": credential.method,
                "operation-id": operation_id,
            }
            self._report_update(siid, 2, about)
        self._report(siid, 8, facts)
        return Error.SUCCESS

    def allocate(self, siid: int, facts: Facts) -> Error:
        """Give a credential that was added at the lock to a user."""
        if "operation-id" not in facts:
            self._report(siid, 1, facts)
            return Error.SUCCESS
        user = int(facts["user-ids"])
        credential = self.credentials.get(int(facts["operation-id"]))
        known = credential and credential.method == facts["operation-method"]
        if credential is None or not known or user not in self.types:
            return Error.NOT_FOUND
        credential.user = user
        self._report(siid, 2, {**facts, "error-code": int(Error.SUCCESS)})
        return Error.SUCCESS

    def _finish(self, enrolment: Enrolment) -> None:
        self.enrolment = None
        self.credentials[enrolment.operation_id] = enrolment.credential
        facts: Facts = {
            "user-ids": enrolment.credential.user,
            "operation-id": enrolment.operation_id,
            "operation-method": enrolment.credential.method,
        }
        self._report(enrolment.siid, 6, facts)

    def _report_step(self, enrolment: Enrolment, state: int) -> None:
        facts: Facts = {
            "credential-state": state,
            "credential-step-current": enrolment.step,
            "credential-step-all": enrolment.steps,
        }
        self._report(enrolment.siid, 3, facts)

    def _report_update(self, siid: int, eiid: int, facts: Facts) -> None:
        """Report what there is, but by service 22 only the credentials that it knows."""
        if siid == SERVICES[0] or facts.get("operation-method") in (None, BLUETOOTH):
            self._report(siid, eiid, {**facts, "error-code": int(Error.SUCCESS)})

    def _report(self, siid: int, eiid: int, facts: Facts) -> None:
        known = {**facts, "current-time": self._lock.time}
        arguments = SPEC.events[siid, eiid].arguments
        self._lock.emit((siid, eiid), *(known[argument.name] for argument in arguments))


# What the actions of both services do, by name: their numbers differ.
_OPERATIONS: Final[dict[str, Callable[[Users, int, Facts], Error]]] = {
    "add-lock-user": Users.add_user,
    "delete-lock-user": Users.delete_user,
    "sync-lock-user": Users.sync_users,
    "add-unlock-method": Users.add_credential,
    "cancel-unlock-method": Users.cancel_enrolment,
    "delete-unlock-method": Users.delete_credential,
    "sync-unlock-method": Users.sync_credentials,
    "alloc-lock-user": Users.allocate,
}
_REPORTED_BY_EVENT: Final = frozenset({(22, 4), (22, 6)})
