"""The descriptions of all entities of a lock, by platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant.const import Platform

from .binary_sensor import BINARY_SENSORS
from .button import BUTTONS
from .calendar import DIARIES
from .event import EVENTS, HOLDERS, UNLOCKING
from .image import IMAGES
from .lock import LOCKS
from .number import NUMBERS
from .select import SELECTS
from .sensor import SENSORS
from .switch import SWITCHES
from .text import TEXTS
from .time import TIMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .coordinator import LockCoordinator
    from .entity import LockEntityDescription
    from .miot.spec import Event, Property
    from .model.lock_model import LockModel
    from .undescribed import Undescribed

DESCRIPTIONS: Final[dict[Platform, Sequence[LockEntityDescription]]] = {
    Platform.BINARY_SENSOR: BINARY_SENSORS,
    Platform.BUTTON: BUTTONS,
    Platform.CALENDAR: DIARIES,
    Platform.EVENT: (*EVENTS, UNLOCKING, *HOLDERS.values()),
    Platform.IMAGE: IMAGES,
    Platform.LOCK: LOCKS,
    Platform.NUMBER: NUMBERS,
    Platform.SELECT: SELECTS,
    Platform.SENSOR: SENSORS,
    Platform.SWITCH: SWITCHES,
    Platform.TEXT: TEXTS,
    Platform.TIME: TIMES,
}


# The platforms of what a user sets
_OF_SETTINGS: Final = (
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SWITCH,
    Platform.TEXT,
    Platform.TIME,
)


def has_settings(lock: LockCoordinator, more: Undescribed) -> bool:
    """Return whether a lock has something to set, in a description or in what has none."""
    return any(
        more.get(platform) or any(one.supported(lock) for one in DESCRIPTIONS[platform])
        for platform in _OF_SETTINGS
    )


def described(model: LockModel) -> Iterator[Property | Event]:
    """Yield the items of a model that some entity shows."""
    for descriptions in DESCRIPTIONS.values():
        for description in descriptions:
            if description.ability is None or model.can(description.ability):
                yield from description.shows(model)
