"""What can go wrong between us and a lock."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from .values import whole


class MiotError(Exception):
    """Base of all errors of this package."""


class CannotConnectError(MiotError):
    """Nothing answered, or what answered was not the service."""


class NoConnectionError(CannotConnectError):
    """There is no connection to a service or to a lock."""

    def __init__(self, kind: str) -> None:
        """Keep which kind of error says so."""
        self.kind = kind
        super().__init__(kind)


class NoAnswerError(CannotConnectError):
    """Nothing was answered in time."""


class NotSent(StrEnum):
    """Why an action did not leave this machine; the value is the key of its translation."""

    CALLED_OFF = "not_sent_called_off"
    NOT_ALLOWED = "unlocking_not_allowed"
    TOO_LATE = "not_sent_in_time"


class NotSentError(MiotError):
    """An action did not leave this machine, and never will."""

    def __init__(self, why: NotSent) -> None:
        """Keep why."""
        self.why = why
        super().__init__(why)


class AnotherDeviceError(CannotConnectError):
    """Another device answered than the lock that was asked."""


class StatusError(CannotConnectError):
    """A service answered with an HTTP status that is an error."""

    def __init__(self, status: int) -> None:
        """Keep the status."""
        self.status = status
        super().__init__(f"HTTP {status}")


class TooLongError(CannotConnectError):
    """What is sent is longer than what is taken."""

    def __init__(self, limit: int) -> None:
        """Keep how many bytes it may have."""
        self.limit = limit
        super().__init__(f"it is longer than {limit} bytes")


class TooManyRequestsError(CannotConnectError):
    """The service wants to be left alone for a while."""

    def __init__(self, wait: float) -> None:
        """Keep for how many seconds."""
        self.wait = wait
        super().__init__(f"the service wants to be left alone for {wait:.0f} s")


class NotRenewedError(CannotConnectError):
    """A session has ended, and could not be renewed for now."""

    def __init__(self, text: str, *, answered: bool) -> None:
        """Keep whether the account answered, though not with a session."""
        self.answered = answered
        super().__init__(text)


class NotSignedInError(MiotError):
    """The account's tokens, or the device's token, are not accepted."""


class NotConfirmedError(NotSignedInError):
    """The account wants its user to confirm a sign-in before it gives a session."""

    def __init__(self, url: str | None = None) -> None:
        """Keep where the user can do so, where the account says; it is never in the text."""
        self.url = url
        super().__init__("the account wants the sign-in to be confirmed")


class NotAllowedError(MiotError):
    """A service refuses an account whose session works: signing in again does not help."""


class RequestDeferredError(MiotError):
    """As much as is allowed was asked for, or something went wrong a moment ago."""


class BudgetSpentError(RequestDeferredError):
    """As many requests were made within an hour as are allowed."""

    def __init__(self, count: int) -> None:
        """Keep how many requests that are."""
        self.count = count
        super().__init__(f"{count} requests were made within an hour")


class PausedError(RequestDeferredError):
    """A service is left alone for a while."""

    def __init__(self, text: str, wait: float) -> None:
        """Keep for how many seconds."""
        self.wait = wait
        super().__init__(text)


class SignInExpiredError(MiotError):
    """Nobody confirmed a sign-in in time."""


class SignInRefusedError(MiotError):
    """A sign-in was refused or canceled, on the phone or by the service."""

    def __init__(self, code: int) -> None:
        """Keep the service's code."""
        self.code = code
        super().__init__(f"the sign-in was refused ({code})")


class InvalidValueError(MiotError):
    """A value is not one that the specification allows."""


class Reason(StrEnum):
    """The meaning of a result code; the value is the key of its translation."""

    ACTION_FAILED = "action_failed"
    ASLEEP = "asleep"
    INVALID_ID = "invalid_id"
    NOT_AUTHORISED = "not_authorised"
    NOT_NOW = "not_now"
    NOT_READABLE = "not_readable"
    NOT_SUBSCRIBABLE = "not_subscribable"
    NOT_WRITABLE = "not_writable"
    NO_SUCH_DEVICE = "no_such_device"
    NO_SUCH_ITEM = "no_such_item"
    TIMED_OUT = "timed_out"
    UNKNOWN = "unknown_code"
    WRONG_PARAMETER = "wrong_parameter"
    WRONG_RESULT = "wrong_result"
    WRONG_VALUE = "wrong_value"


# Result codes of MIoT services, as public clients of them list them.
REASONS: Final[dict[int, Reason]] = {
    -704010000: Reason.NOT_AUTHORISED,
    -704014006: Reason.NO_SUCH_DEVICE,
    -706014006: Reason.NO_SUCH_DEVICE,
    -704002000: Reason.NOT_READABLE,
    -704030013: Reason.NOT_READABLE,
    -705201013: Reason.NOT_READABLE,
    -706012013: Reason.NOT_READABLE,
    -704030023: Reason.NOT_WRITABLE,
    -705201023: Reason.NOT_WRITABLE,
    -706012023: Reason.NOT_WRITABLE,
    -704030033: Reason.NOT_SUBSCRIBABLE,
    -705201033: Reason.NOT_SUBSCRIBABLE,
    -706012033: Reason.NOT_SUBSCRIBABLE,
    -704040002: Reason.NO_SUCH_ITEM,
    -704040003: Reason.NO_SUCH_ITEM,
    -704040004: Reason.NO_SUCH_ITEM,
    -704040005: Reason.NO_SUCH_ITEM,
    -704042001: Reason.NO_SUCH_DEVICE,
    -704090001: Reason.NO_SUCH_DEVICE,
    -704042011: Reason.ASLEEP,
    -10007: Reason.ASLEEP,
    -704053036: Reason.TIMED_OUT,
    -704083036: Reason.TIMED_OUT,
    -704053100: Reason.NOT_NOW,
    -704220008: Reason.INVALID_ID,
    -704220025: Reason.WRONG_PARAMETER,
    -704220035: Reason.WRONG_PARAMETER,
    -704220043: Reason.WRONG_VALUE,
    -706012043: Reason.WRONG_VALUE,
    -704222034: Reason.WRONG_RESULT,
    -705201015: Reason.ACTION_FAILED,
    -706012015: Reason.ACTION_FAILED,
}


class ResultError(MiotError):
    """The service or the lock answered with a code that is an error."""

    def __init__(self, code: int) -> None:
        """Keep the code and what it means."""
        self.code = code
        self.reason = REASONS.get(code, Reason.UNKNOWN)
        super().__init__(f"{self.reason} ({code})")


def check(raw: object) -> None:
    """Raise unless a result code says done (0) or accepted, not confirmed (1)."""
    if (code := whole(raw)) is None:
        raise CannotConnectError("the answer has no result code")
    if code not in (0, 1):
        raise ResultError(code)
