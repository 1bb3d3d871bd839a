"""What the camera saw, in the media browser: listed, shown and played, for who is signed in."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.util import dt as dt_util

from simulator import camera, recording

from .recordings import saw, sit_down

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .actor import Actor
    from .recordings import Viewer


@pytest.fixture
async def viewer(
    hass: HomeAssistant, linked: MockConfigEntry, hass_ws_client: Any, hass_client: Any
) -> Viewer:
    """Return who sits before the media browser of who is linked."""
    return await sit_down(hass, hass_ws_client, hass_client)


def local(*when: int) -> datetime:
    """Return a local time of Home Assistant."""
    return datetime(*when, tzinfo=dt_util.get_default_time_zone())  # type: ignore[misc,arg-type]


async def test_from_the_lock_to_the_recording(
    hass: HomeAssistant, actor: Actor, viewer: Viewer
) -> None:
    """The lock is opened, then the day, and the bell of that day is played."""
    saw(actor, local(2026, 11, 22, 21, 40), "Stay")
    bell = saw(actor, local(2026, 11, 23, 8, 12), "Stay", "Bell")
    (lock,) = (await viewer.browse())["children"]
    assert lock["title"] == "Front door"
    first, second = (await viewer.browse(lock["media_content_id"]))["children"]
    assert (first["title"], second["title"]) == ("2026-11-23", "2026-11-22")
    (stay,) = (await viewer.browse(second["media_content_id"]))["children"]
    assert stay["title"] == "21:40 someone stays"
    (thing,) = (await viewer.browse(first["media_content_id"]))["children"]
    assert thing["title"] == "08:12 someone stays · bell"
    assert thing["can_play"]
    picture = await viewer.http.get(thing["thumbnail"])
    assert picture.content_type == "image/jpeg"
    assert await picture.read() == camera.draw(actor.lock.camera.label(bell), "Bell")

    played = await viewer.resolve(thing["media_content_id"])
    assert played["mime_type"] == "application/x-mpegURL"
    parts = [await viewer.get(path) for path in await viewer.segments(played["url"])]
    assert {part.content_type for part in parts} == {"video/mp2t"}
    assert [await part.read() for part in parts] == recording.parts(actor.lock.camera.label(bell))
