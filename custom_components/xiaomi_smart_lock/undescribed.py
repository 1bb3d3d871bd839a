"""Items of a specification that no description of an entity names.

They are what newer firmware adds to a supported lock, and all that is known of others.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from homeassistant.const import (
    DEGREE,
    LIGHT_LUX,
    PERCENTAGE,
    Platform,
    UnitOfElectricPotential,
    UnitOfPressure,
    UnitOfTemperature,
    UnitOfTime,
)

from .miot.spec import FORMATS, Access, Event, Property
from .model.lock_model import is_secret, says_duress
from .model.roles import Role
from .model.tables import Ability, Support

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .miot.spec import Item, Service
    from .model.lock_model import LockModel

    type Undescribed = Mapping[Platform, list[UndescribedItem]]

MOST: Final = 200
"""The most entities of a lock for such items."""

KEY: Final = re.compile(r"(property|event)_\d+_\d+")
"""The keys of entities for such items."""

# Whatever may move the bolt is only shown: a lock is not unlocked by a switch that nobody checked.
_MOVES_THE_BOLT: Final = re.compile(
    r"open|unlatch|unlock|(^|-)lock(ed|ing)?(-(control|on|state|status|switch))?$"
)

UNITS: Final[Mapping[str, str]] = {
    "arcdegrees": DEGREE,
    "celsius": UnitOfTemperature.CELSIUS,
    "days": UnitOfTime.DAYS,
    "hours": UnitOfTime.HOURS,
    "kelvin": UnitOfTemperature.KELVIN,
    "lux": LIGHT_LUX,
    "minutes": UnitOfTime.MINUTES,
    "mv": UnitOfElectricPotential.MILLIVOLT,
    "pascal": UnitOfPressure.PA,
    "percentage": PERCENTAGE,
    "seconds": UnitOfTime.SECONDS,
    "volt": UnitOfElectricPotential.VOLT,
}
"""Home Assistant's units by MIoT's."""


@dataclass(frozen=True, slots=True)
class UndescribedItem:
    """A property or an event, and how its entity is named and added."""

    item: Property | Event
    of_service: Service | None
    """The service to name beside the item, None if the item's name is enough."""
    has_address: bool
    """Whether the address is named, too, since the service is not enough."""
    is_enabled: bool
    """Whether its entity is enabled by default."""

    @property
    def name(self) -> str:
        """The item by its address, as ``LockModel`` finds it."""
        return str(self.item)

    @property
    def key(self) -> str:
        """The key of the entity."""
        kind = "event" if isinstance(self.item, Event) else "property"
        return "{}_{}_{}".format(kind, *self.item.address)


def undescribed(model: LockModel, described: Iterable[Property | Event]) -> Undescribed:
    """Return a model's properties and events that are not described, by the platform that has them.

    Left out are secrets, what speaks of duress, parts of messages that are shown as something else,
    and what is more than MOST.
    """
    # A property and an event may have the same address.
    properties, events = model.spec.properties, model.spec.events
    known = {
        *described,
        *map(model.item, Role),
        *(events[address] for address in model.same_events),
        *(properties[address] for address in (*model.secret, *model.past)),
    }
    everything: Iterator[tuple[Service, Property | Event]] = (
        (service, item)
        for service in model.spec.services
        if not says_duress(service)
        for items in (service.properties, service.events)
        for item in items
    )
    items = [
        (service, item, platform)
        for service, item in everything
        if item not in known and (platform := platform_of(model, item))
    ][:MOST]
    times = Counter(
        name for service, item, _ in items for name in (*_called(item), *_called(item, service))
    )
    found: dict[Platform, list[UndescribedItem]] = defaultdict(list)
    for service, item, platform in items:
        found[platform].append(
            UndescribedItem(
                item,
                service if any(times[name] > 1 for name in _called(item)) else None,
                any(times[name] > 1 for name in _called(item, service)),
                model.support is not Support.SUPPORTED and not _is_setting(item),
            )
        )
    return found


def _called(*items: Item) -> Iterator[tuple[str, ...]]:
    """Return what items are called together, in each language."""
    yield "en", *(one.description for one in items)
    yield "zh", *(one.description_zh or one.description for one in items)


def _is_setting(item: Property | Event) -> bool:
    return isinstance(item, Property) and Access.WRITE in item.access


def platform_of(model: LockModel, item: Property | Event) -> Platform | None:
    """Return the platform that shows an item, by format, access and values; None if none does."""
    if isinstance(item, Event):
        return None if says_duress(item) else Platform.EVENT
    if item.format not in FORMATS:
        return None
    is_bool = item.format == "bool"
    if _may_set(model, item):
        fits = {
            Platform.SWITCH: is_bool,
            Platform.SELECT: item.values,
            Platform.NUMBER: item.range,
            Platform.TEXT: item.format == "string",
        }
        if platform := next((one for one, applies in fits.items() if applies), None):
            return platform
    if item.access & {Access.READ, Access.NOTIFY}:
        return Platform.BINARY_SENSOR if is_bool else Platform.SENSOR
    return None


def _may_set(model: LockModel, prop: Property) -> bool:
    """Return whether a property can be set: of a supported lock, and if it cannot move the bolt."""
    is_known = model.support is Support.SUPPORTED and model.can(Ability.SETTINGS)
    moves = _MOVES_THE_BOLT.search(prop.name)
    return is_known and not moves and {Access.READ, Access.WRITE} <= prop.access


def is_shown(argument: Property) -> bool:
    """Return whether an argument of an event is shown: it is no secret."""
    return not is_secret(argument)
