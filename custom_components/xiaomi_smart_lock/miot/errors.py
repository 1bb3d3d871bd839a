"""What can go wrong between us and a lock."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class MiotError(Exception):
    """Base of all errors of this package."""


class CannotConnectError(MiotError):
    """Nothing answered, or what answered was not the service."""


class TooManyRequestsError(CannotConnectError):
    """The service wants to be left alone for a while."""

    def __init__(self, wait: float) -> None:
        """Keep for how many seconds."""
        self.wait = wait
        super().__init__(f"the service wants to be left alone for {wait:.0f} s")


class NotSignedInError(MiotError):
    """The account's tokens, or the device's token, are not accepted."""


class SignInExpiredError(MiotError):
    """Nobody confirmed a sign-in in time."""


class SignInRefusedError(MiotError):
    """A sign-in was refused or cancelled, on the phone or by the service."""

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


def check(code: object) -> None:
    """Raise unless a result code says done (0) or accepted, not confirmed (1)."""
    if type(code) is not int:
        raise CannotConnectError("the answer has no result code")
    if code not in (0, 1):
        raise ResultError(code)
