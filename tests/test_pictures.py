"""Pictures of who is at the door: those that there are, and those that come when somebody rings."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from homeassistant.const import STATE_UNKNOWN, Platform

from custom_components.xiaomi_smart_lock import pictures

from .actor import Actor, caught_up, until

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from simulator.camera import Sight

VISITOR = "last_visitor"
STAY = "last_stay"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, actor: Actor) -> None:
    """Have pictures arrive soon, and be asked for often."""
    monkeypatch.setattr(pictures, "INTERVAL", 0.02)
    actor.lock.camera.upload_seconds = 0.1


def when(sight: Sight) -> str:
    """Return the state of an image of what the camera saw."""
    return datetime.fromtimestamp(sight.created / 1000, UTC).isoformat()


def jpeg(actor: Actor, sight: Sight, kind: str) -> bytes | None:
    """Return the picture of what the camera saw."""
    return actor.lock.camera.picture(sight.file_id, sight.frames[kind].store_id)


def state(hass: HomeAssistant, actor: Actor, key: str) -> str:
    """Return when the picture was taken that is shown."""
    return actor.state(hass, Platform.IMAGE, key).state


async def shown(
    hass: HomeAssistant, actor: Actor, client: ClientSessionGenerator, key: str
) -> bytes:
    """Return the bytes that a browser gets."""
    browser = await client()
    answer = await browser.get(f"/api/image_proxy/{actor.entity_id(hass, Platform.IMAGE, key)}")
    assert answer.status == HTTPStatus.OK
    assert answer.content_type == "image/jpeg"
    return await answer.read()


async def test_the_bell(
    hass: HomeAssistant,
    actor: Actor,
    linked: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """The event fires at once; the picture is shown when it is there, and is the very one."""
    assert state(hass, actor, VISITOR) == STATE_UNKNOWN
    actor.lock.camera.upload_seconds = float("inf")
    actor.do("ring")
    await until(lambda: actor.state(hass, Platform.EVENT, "doorbell").state != STATE_UNKNOWN)
    assert state(hass, actor, VISITOR) == STATE_UNKNOWN
    [sight] = actor.lock.camera.sights
    actor.lock.camera.sights.clear()
    actor.lock.camera.upload_seconds = 0
    actor.do("ring")
    [sight] = actor.lock.camera.sights
    await until(lambda: state(hass, actor, VISITOR) == when(sight))
    assert await shown(hass, actor, hass_client, VISITOR) == jpeg(actor, sight, "Bell")
    assert state(hass, actor, STAY) == STATE_UNKNOWN
