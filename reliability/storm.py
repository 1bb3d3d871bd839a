"""What all storms need: their pace, a user who writes settings, and what is wrong afterwards."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import TYPE_CHECKING, Final

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.exceptions import HomeAssistantError

from custom_components.xiaomi_smart_lock.const import DOMAIN
from custom_components.xiaomi_smart_lock.select import SELECTS
from custom_components.xiaomi_smart_lock.switch import SWITCHES
from simulator.door import AWAY_MODE
from simulator.model import S1

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from random import Random

    from custom_components.xiaomi_smart_lock.miot.spec import Property
    from simulator.lock import Lock

    from .expectations import Expectations
    from .home import Home

WRITES_A_MINUTE: Final = 200
STORM: Final = 30.0  # seconds
CALM_WITHIN: Final = 60.0  # seconds
CANCELLED: Final = "CancelledError: Home Assistant final writes shutdown stage"

SETTINGS: Final[dict[tuple[str, str], Property]] = {
    (platform, description.key): prop
    for platform, descriptions in (("select", SELECTS), ("switch", SWITCHES))
    for description in descriptions
    # Lock actions change the away mode too.
    if (prop := description.prop(S1)) and prop.address != AWAY_MODE
}


class Exceptions(logging.Handler):
    """A log handler that keeps the integration's exceptions; none is expected."""

    def __init__(self) -> None:
        """Start without exceptions."""
        super().__init__(logging.WARNING)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record if it has an exception of the integration.

        Home Assistant cancels a set-up that still runs when it stops, and logs where that was.
        """
        text = logging.Formatter().format(record)
        if "Traceback" in text and DOMAIN in text and CANCELLED not in text:
            self.seen.append(text)


def set_by_hand(expectations: Expectations, lock: Lock, chance: Random) -> None:
    """Change a setting at the lock itself."""
    prop = chance.choice(list(SETTINGS.values()))
    value = chance.choice([named.value for named in prop.values] or [False, True])
    expectations.set_by_hand(lock.did, prop.address, value)
    lock.set(prop.address, value)


async def write(
    home: Home,
    expectations: Expectations,
    lock: Lock,
    chance: Random,
    running: Callable[[], bool],
) -> None:
    """Change a setting in Home Assistant, as soon as that runs and its entity is available."""
    platform, key = chance.choice(list(SETTINGS))
    prop = SETTINGS[platform, key]
    if platform == "select":
        option = chance.choice(prop.options)
        value, call = prop.value_of(option), ("select_option", {"option": option})
    else:
        value = chance.random() < 0.5
        call = ("turn_on" if value else "turn_off", {})
    while not running() or home.state(lock, platform, key) in (None, STATE_UNAVAILABLE):
        await asyncio.sleep(0.05)
    asked = expectations.asked(lock.did, prop.address, value)
    service, data = call
    hass = home.hass
    try:
        await home.call(lock, platform, service, key, **data)
    except HomeAssistantError:
        asked.refused = True
    # What is set after the last save, while Home Assistant stops, is not kept.
    asked.refused |= not hass.is_running or home.hass is not hass


def wrong_values(home: Home, expectations: Expectations, lock: Lock) -> Iterable[str]:
    """Yield each value in which Home Assistant, a lock and the user's writes differ."""
    coordinator = home.coordinator(lock)
    for address in S1.readable:
        has, shown = lock.values[address], coordinator.data.shown(address)
        if has != shown:
            yield f"{lock.did} {address} is {has!r}, shown as {shown!r}"
        asked = expectations.may_have(lock.did, address)
        if asked and has not in asked and address not in coordinator.data.undelivered:
            yield f"{lock.did} {address} is {has!r}, asked for was {asked!r}"
    for (platform, key), prop in SETTINGS.items():
        value = lock.values[prop.address]
        on_or_off = "on" if value else "off"
        expected = prop.key_of(value) if platform == "select" else on_or_off
        if (state := home.state(lock, platform, key)) != expected:
            yield f"{lock.did} {platform} {key} is {state}, the lock has {expected}"


async def paced(
    seconds: float,
    number: int,
    act: Callable[[], Coroutine[None, None, None]],
    group: asyncio.TaskGroup,
) -> None:
    """Start an act some times, evenly over some seconds, without waiting for earlier ones."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    for n in range(number):
        await asyncio.sleep(started + n * seconds / number - loop.time())
        group.create_task(act())


async def until(condition: Callable[[], bool], deadline: float) -> None:
    """Wait until a condition is true, or until a deadline."""
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.1)


def say(text: str) -> None:
    """Tell who waits how far it is."""
    print(text, file=sys.stderr, flush=True)
