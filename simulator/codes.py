"""The result codes of the simulated lock and cloud, equal to those of the real ones."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """The result code of a read, a write or an action."""

    DONE = 0
    NOT_AUTHORISED = -704010000
    EVENT_ONLY = -704002000
    NOT_WRITABLE = -704030023
    NO_SUCH_SERVICE = -704040002
    NO_SUCH_PROPERTY = -704040003
    NO_SUCH_ACTION = -704040005
    NO_SUCH_DEVICE = -704042001
    ASLEEP = -704042011
    NOT_NOW = -704053100
    WRONG_PARAMETER_COUNT = -704220025
    WRONG_PARAMETER = -704220035
    WRONG_VALUE = -704220043


class RefusedError(Exception):
    """The lock refuses a request."""

    def __init__(self, code: Code) -> None:
        """Keep the code to answer with."""
        super().__init__(code.name)
        self.code = code
