"""What can be done at the door of the demo by clicking, and a lamp to try automations on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from simulator.lock import Lock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from simulator.sibling import Sibling

    from .client import Client
    from .setup import Home

PATH: Final = "try-it"
LAMP: Final = "input_boolean.lamp"
"""Holds whether the lamp is on."""
DAY: Final = "input_boolean.day"
"""Whether the day at the door goes on by itself."""
LONG: Final = 3600
NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "title": {"en": "Try it", "zh-Hans": "试一试"},
    "day": {"en": "The day goes on by itself", "zh-Hans": "自动演示一天"},
    "lamp": {"en": "Hall lamp", "zh-Hans": "玄关灯"},
}
AUTOMATIONS: Final = "automations.yaml"


def _enrol(lock: Lock | Sibling) -> None:
    if not isinstance(lock, Lock):
        raise LookupError(f"{lock.model} has no credentials to add")  # noqa: TRY004
    lock.wake()
    if lock.users.enrolment:
        lock.enrol()


@dataclass(frozen=True, slots=True)
class Control:
    """A button: what it is called in each language, and what it does at the door."""

    key: str
    icon: str
    names: Mapping[str, str]
    act: Callable[[Lock | Sibling], None]

    @property
    def entity_id(self) -> str:
        """The entity in Home Assistant."""
        return f"input_button.{self.key}"

    def press(self, lock: Lock | Sibling) -> bool:
        """Do it; return False if the model has no such thing."""
        try:
            self.act(lock)
        except LookupError:
            return False
        return True


CONTROLS: Final = (
    Control(
        "touch",
        "mdi:gesture-tap",
        {"en": "Touch the lock", "zh-Hans": "触摸门锁"},
        lambda lock: lock.wake(),
    ),
    Control(
        "ring",
        "mdi:doorbell",
        {"en": "Ring the bell", "zh-Hans": "按门铃"},
        lambda lock: lock.ring(),
    ),
    Control(
        "ming",
        "mdi:fingerprint",
        {"en": "Ming comes home", "zh-Hans": "Ming 回家"},
        lambda lock: lock.unlock("fingerprint", operation_id=3),
    ),
    Control(
        "somebody",
        "mdi:account-question",
        {"en": "Somebody unknown comes home", "zh-Hans": "陌生人开锁"},
        lambda lock: lock.unlock("fingerprint", operation_id=9),
    ),
    Control(
        "close",
        "mdi:door-closed-lock",
        {"en": "Close the door", "zh-Hans": "关门"},
        lambda lock: lock.close_door(),
    ),
    Control(
        "show",
        "mdi:hand-back-right",
        {"en": "Show a finger, face or card", "zh-Hans": "出示手指、人脸或卡片"},
        _enrol,
    ),
)


def add_controls(directory: Path, language: str) -> None:
    """Add the buttons, the lamp and the automation editor to Home Assistant's configuration."""
    buttons = {one.key: {"name": one.names[language], "icon": one.icon} for one in CONTROLS}
    day = {"name": NAMES["day"][language], "icon": "mdi:play", "initial": True}
    switch = {"target": {"entity_id": LAMP}}
    lamp = {
        "name": NAMES["lamp"][language],
        "state": f"{{{{ is_state('{LAMP}', 'on') }}}}",
        "turn_on": [{"action": "input_boolean.turn_on", **switch}],
        "turn_off": [{"action": "input_boolean.turn_off", **switch}],
    }
    components = {
        "input_button": buttons,
        "input_boolean": {"day": day, "lamp": {"name": f"({NAMES['lamp'][language]})"}},
        "template": [{"light": [lamp]}],
    }
    (directory / AUTOMATIONS).write_text("[]\n", encoding="utf-8")
    with (directory / "configuration.yaml").open("a", encoding="utf-8") as configuration:
        configuration.write(f"automation: !include {AUTOMATIONS}\n")
        for component, content in components.items():
            configuration.write(f"{component}: {json.dumps(content)}\n")


async def show_controls(client: Client, language: str) -> None:
    """Add a dashboard of what can be done."""
    title = NAMES["title"][language]
    lamps = [entity_id for entity_id in client.states if entity_id.startswith("light.")]
    shown = [*(one.entity_id for one in CONTROLS), *lamps, DAY]
    config: dict[str, Any] = {
        "views": [{"title": title, "cards": [{"type": "entities", "entities": shown}]}]
    }
    await client.command(
        "lovelace/dashboards/create", url_path=PATH, title=title, icon="mdi:gesture-tap"
    )
    await client.command("lovelace/config/save", url_path=PATH, config=config)


async def obey(home: Home, lock: Lock | Sibling, progress: Callable[[str], None]) -> None:
    """Do what is clicked, until cancelled."""
    states = home.client.states

    def pressed() -> dict[str, str]:
        """Return when each button was pressed last."""
        return {one.entity_id: states[one.entity_id].state for one in CONTROLS}

    before = pressed()
    while True:
        await home.client.wait_until(lambda: pressed() != before, LONG)  # noqa: B023
        for control in CONTROLS:
            if states[control.entity_id].state != before[control.entity_id]:
                progress(f"Clicked: {control.names['en']}")
                control.press(lock)
        before = pressed()


async def until_day_goes_on(home: Home) -> None:
    """Wait as long as the day is stopped."""
    while not await home.client.wait_until(lambda: home.client.states[DAY].state == "on", LONG):
        pass
