"""Events as rows of JSON: thousands of them are kept in memory and on the disk. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from ..miot.errors import InvalidValueError
from .lock_event import LockEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    """Yield the events of stored rows; invalid ones are skipped one by one."""
    for row in stored if isinstance(stored, list) else []:
        try:
            when, siid, eiid, *values = row
            piids = (one.address[1] for one in model.spec.events[siid, eiid].arguments)
            arguments = zip(piids, values, strict=False)
            lock_event = LockEvent.from_list(model, [siid, eiid, arguments, when])
        except (InvalidValueError, LookupError, OverflowError, TypeError, ValueError):
            continue
        if lock_event:
            yield lock_event


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
