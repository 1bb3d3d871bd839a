"""Errors of the connections to locks and to Xiaomi's services."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from .values import whole


class MiotError(Exception):
    """Base of all errors of this package."""


class CannotConnectError(MiotError):
    """No answer, or no usable answer, from a service or a lock."""


class NoConnectionError(CannotConnectError):
    """No connection to a service or to a lock."""

    def __init__(self, kind: str) -> None:
        """Store the kind of the underlying error: its class name, with errno if it has one."""
        self.kind = kind
        super().__init__(kind)


class NoAnswerError(CannotConnectError):
    """No answer before the time-out."""


class SilentError(NoAnswerError):
    """A lock on the local network answers nothing at all: it is asleep or out of reach."""


class NotSent(StrEnum):
    """Why an action was not sent; the value is the translation key."""

    CALLED_OFF = "not_sent_called_off"
    NOT_ALLOWED = "unlocking_not_allowed"
    TOO_LATE = "not_sent_in_time"


class NotSentError(MiotError):
    """An action was not sent, and will not be sent later."""

    def __init__(self, why: NotSent) -> None:
        """Store the reason."""
        self.why = why
        super().__init__(why)


class AnotherDeviceError(CannotConnectError):
    """Another device than the requested lock answered."""


class StatusError(CannotConnectError):
    """A service answered with an HTTP error status."""

    def __init__(self, status: int) -> None:
        """Store the HTTP status."""
        self.status = status
        super().__init__(f"HTTP {status}")


class TooLongError(CannotConnectError):
    """Data from a service is longer than the limit."""

    def __init__(self, limit: int) -> None:
        """Store the limit in bytes."""
        self.limit = limit
        super().__init__(f"it is longer than {limit} bytes")


class TooManyRequestsError(CannotConnectError):
    """The service accepts no requests for a while (HTTP 429)."""

    def __init__(self, wait: float) -> None:
        """Store how many seconds to wait."""
        self.wait = wait
        super().__init__(f"the service wants to be left alone for {wait:.0f} s")


class NotRenewedError(CannotConnectError):
    """A session has expired and could not be renewed for now."""

    def __init__(self, text: str, *, answered: bool) -> None:
        """Store whether the account answered, although without a session."""
        self.answered = answered
        super().__init__(text)


class NotSignedInError(MiotError):
    """The account's tokens or the device's token are refused."""


class NotConfirmedError(NotSignedInError):
    """The user must confirm a sign-in before the account grants a session."""

    def __init__(self, url: str | None = None) -> None:
        """Store the URL of the confirmation, None if unknown; the error text never contains it."""
        self.url = url
        super().__init__("the account wants the sign-in to be confirmed")


class NotAllowedError(MiotError):
    """A service refuses an account whose session works; signing in again does not help."""


class RequestDeferredError(MiotError):
    """A request is deferred: the request limit is reached, or an error just occurred."""


class BudgetSpentError(RequestDeferredError):
    """The limit of requests per hour is reached."""

    def __init__(self, count: int) -> None:
        """Store the limit of requests per hour."""
        self.count = count
        super().__init__(f"{count} requests were made within an hour")


class PausedError(RequestDeferredError):
    """Requests to a service are paused for a while."""

    def __init__(self, text: str, wait: float) -> None:
        """Store how many seconds to wait."""
        self.wait = wait
        super().__init__(text)


class SignInExpiredError(MiotError):
    """A sign-in was not confirmed before its expiry."""


class SignInRefusedError(MiotError):
    """A sign-in was refused or canceled, on the phone or by the service."""

    def __init__(self, code: int) -> None:
        """Store the service's code."""
        self.code = code
        super().__init__(f"the sign-in was refused ({code})")


class InvalidValueError(MiotError):
    """The specification does not allow a value."""


class Reason(StrEnum):
    """The meaning of a result code; the value is the translation key."""

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


# Source: the result codes of MIoT services that public clients list.
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
    """The service or the lock answered with an error code."""

    def __init__(self, code: int) -> None:
        """Store the code and its meaning."""
        self.code = code
        self.reason = REASONS.get(code, Reason.UNKNOWN)
        super().__init__(f"{self.reason} ({code})")


def check(raw: object) -> None:
    """Raise an error unless a result code means done (0) or accepted but not confirmed (1).

    Raises CannotConnectError if there is no code, ResultError for any other code.
    """
    if (code := whole(raw)) is None:
        raise CannotConnectError("the answer has no result code")
    if code not in (0, 1):
        raise ResultError(code)
