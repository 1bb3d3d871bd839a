"""Events as rows of JSON: thousands of them are kept in memory and on the disk. No I/O."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from ..miot.errors import InvalidValueError
from .lock_event import LockEvent
from .serialization import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..miot.spec import Property, Value
    from ..model.lock_model import LockModel

type Row = bytes
"""An event as a JSON array: its time, its address, and its arguments in the specification's order.

An unknown argument is null, those at the end are left out. A row takes a third of the memory that
its values would.
"""


def row_of(lock_event: LockEvent) -> Row:
    """Return the row of an event, without its secrets."""
    secret, known = lock_event.model.secret, lock_event.arguments
    values = [
        None if argument.address in secret else known.get(argument.address[1])
        for argument in lock_event.event.arguments
    ]
    while values and values[-1] is None:
        values.pop()
    row = orjson.dumps([lock_event.when, *lock_event.event.address, *values])
    return b"".join((row, b""))  # a copy: orjson's own takes a kilobyte


def event_of(model: LockModel, row: Row) -> LockEvent:
    """Return the event of a row of ours."""
    when, siid, eiid, *values = orjson.loads(row)
    event = model.spec.events[siid, eiid]
    given = zip(event.arguments, values, strict=False)
    known = {argument.address[1]: value for argument, value in given if value is not None}
    return LockEvent(model, event, known, when)


def events_in(model: LockModel, stored: object) -> Iterator[LockEvent]:
    """Yield the events of stored rows, without arguments that the specification no longer allows.

    Invalid rows are skipped one by one. There may be a thousand with the same few values.
    """
    understood = lru_cache(maxsize=None, typed=True)(_understood)
    for row in stored if isinstance(stored, list) else []:
        try:
            when, siid, eiid, *values = row
            event = model.spec.events[siid, eiid]
            arguments = {
                argument.address[1]: known
                for argument, value in zip(event.arguments, values, strict=False)
                if value is not None and (known := understood(argument, value)) is not None
            }
            lock_event = LockEvent(model, event, arguments, number(when))
        except (LookupError, OverflowError, TypeError, ValueError):
            continue
        yield lock_event


def _understood(argument: Property, value: object) -> Value | None:
    """Return a value that an argument may have, None for another one."""
    try:
        return argument.reported(value)
    except InvalidValueError:
        return None


def rows_in(model: LockModel, lines: Iterable[object]) -> list[tuple[float, Row]]:
    """Return the time and the row of each event that lines of a log have kept, in order of time.

    A line is an object with ``events``, and with ``replaced`` for those that its events replace.
    """
    kept: dict[Row, float] = {}
    for line in lines:
        if isinstance(line, dict):
            for one in events_in(model, line.get("replaced")):
                kept.pop(row_of(one), None)
            kept.update((row_of(one), one.when) for one in events_in(model, line.get("events")))
    return sorted((when, row) for row, when in kept.items())
