"""The lock's users and their credentials: its services 4 and 22. No I/O.

Both services have the same actions and events, with different arguments, which are looked up in the
specification by name. Service 4 answers with an error code, service 22 reports it with its
event 22.2. If an action of service 22 has no inputs, the lock chooses the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

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
"""Inputs of an action and arguments of an event, by their names in the specification."""


class UserType(IntEnum):
    """user-type (4.2); the last two only select users to delete."""

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
"""credential-state (4.8, 22.8) that ends an enrollment."""

# How many times a finger, a face or a hand is asked for, by operation-method (4.3); other methods
# need no enrollment. Service 22 has Bluetooth keys only, which are shown once.
_STEPS: Final = {2: 5, 5: 3, 9: 5, 13: 3}
_STEPS_OF_KEY: Final = 1


@dataclass(slots=True)
class Credential:
    """A credential: its user id, its operation-method, and its text, empty if it has none."""

    user: int
    method: int
    text: str = ""


@dataclass(slots=True)
class Enrolment:
    """A running enrollment: a credential that is being shown to the lock, and the service."""

    siid: int
    operation_id: int
    credential: Credential
    steps: int
    shown: int
    """When something was last shown, by the lock's clock in seconds since 1970."""
    step: int = 0


class Users:
    """The users of the lock, and their credentials."""

    def __init__(self, lock: Device) -> None:
        """Start with the owner as the only user."""
        self.types: dict[int, int] = {0: UserType.OWNER}
        """The user type of each user id."""
        self.credentials: dict[int, Credential] = {}
        """The credentials by operation id."""
        self.enrolment: Enrolment | None = None
        self._lock = lock

    def act(self, address: Address, inputs: Sequence[Value]) -> list[Value]:
        """Do an action with valid inputs; return its outputs in the specification's order."""
        siid, _ = address
        action = self._lock.spec.actions[address]
        facts: Facts = {prop.name: value for prop, value in zip(action.inputs, inputs, strict=True)}
        facts["error-code"] = int(_OPERATIONS[action.name](self, siid, facts))
        facts["current-time"] = self._lock.time
        if address in _REPORTED_BY_EVENT:
            facts.setdefault("operation-method", BLUETOOTH)
            self._report(siid, 2, facts)
        return [facts[prop.name] for prop in action.outputs]

    def show(self, state: int = 0) -> None:
        """Show a finger, a face or a hand once for the running enrollment, if there is one.

        ``state`` is the credential-state to report; 0 is success.
        """
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
        """Fail the running enrollment if nothing was shown for PATIENCE_SECONDS."""
        if self.enrolment and self._lock.time >= self.enrolment.shown + PATIENCE_SECONDS:
            self.show(CREDENTIAL_FAILED)

    def add_user(self, siid: int, facts: Facts) -> Error:
        """Add a user, or change a user's type; the owner cannot be added or changed."""
        user = int(facts.setdefault("user-ids", max(self.types) + 1))
        kind = int(facts.setdefault("user-type", int(UserType.NORMAL)))
        owner = self.types.get(user) == UserType.OWNER
        if owner or kind in (UserType.OWNER, UserType.ALL, UserType.ALL_NORMAL):
            return Error.PARAMETER_ERROR
        self.types[user] = kind
        self._report(siid, 4, facts)
        return Error.SUCCESS

    def delete_user(self, siid: int, facts: Facts) -> Error:
        """Delete a user, or all users of a type, with their credentials, but never the owner."""
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
        """Start an enrollment, or store a credential that needs none."""
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
        """Cancel the running enrollment."""
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
        """Report each user and then the end of the list, for a comparison with the app's."""
        for user, kind in self.types.items():
            self._report_update(siid, 1, {"user-ids": user, "user-type": kind})
        self._report(siid, 9, facts)
        return Error.SUCCESS

    def sync_credentials(self, siid: int, facts: Facts) -> Error:
        """Report each credential and then the end of the list, to compare with the app's."""
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
        """Assign a credential that was added at the lock to a user."""
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
        """Report a user or a credential; service 22 reports Bluetooth credentials only."""
        if siid == SERVICES[0] or facts.get("operation-method") in (None, BLUETOOTH):
            self._report(siid, eiid, {**facts, "error-code": int(Error.SUCCESS)})

    def _report(self, siid: int, eiid: int, facts: Facts) -> None:
        known = {**facts, "current-time": self._lock.time}
        arguments = self._lock.spec.events[siid, eiid].arguments
        self._lock.emit((siid, eiid), *(known[argument.name] for argument in arguments))


# The effects of both services' actions, by name since their numbers differ.
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
