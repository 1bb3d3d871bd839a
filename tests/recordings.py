"""A user of Home Assistant's media browser, and the camera's recordings."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.media_source import DOMAIN as MEDIA_SOURCE
from homeassistant.setup import async_setup_component

from custom_components.xiaomi_smart_lock.const import DOMAIN
from demo import recording
from simulator.camera import Frame, Sight
from simulator.recording import packets

if TYPE_CHECKING:
    from datetime import datetime

    from aiohttp.test_utils import TestClient
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import (
        ClientSessionGenerator,
        MockHAClientWebSocket,
        WebSocketGenerator,
    )

    from .lock_driver import LockDriver

SOURCE: Final = f"media-source://{DOMAIN}"
EVENTS: Final = "/common/app/get/eventlist"
RECORDING: Final = "/common/app/m3u8"
SHORTCUTS: Final = 6
"""How many folders of a lock are before its days."""
DOWNLOAD: Final = ("Download", "下载")
PICTURE: Final = "/miot/camera/app/v1/img"


def saw(driver: LockDriver, when: datetime, *kinds: str, recorded: bool = True) -> Sight:
    """Add a sight to the camera, in order of time."""

    def add() -> Sight:
        moment = when.timestamp()
        sight = Sight(
            created=int(moment * 1000),
            file_id=str(secrets.randbelow(10**18)),
            video_id=f"CAMERA_VIDEO_{secrets.token_urlsafe(18)}" if recorded else "",
        )
        for kind in kinds:
            store_id = f"CAMERA_IMG_{secrets.token_urlsafe(18)}"
            sight.frames[kind] = Frame(store_id, moment, moment)
        driver.lock.camera.sights.append(sight)
        return sight

    sight: Sight = driver.simulation.call(add)
    return sight


class Viewer:
    """A client that browses and plays media as a signed-in user's browser does."""

    def __init__(
        self,
        websocket: MockHAClientWebSocket,
        signed_in: TestClient[Any, Any],
        anybody: TestClient[Any, Any],
    ) -> None:
        """Prepare with a WebSocket and HTTP clients, with and without a sign-in."""
        self._websocket = websocket
        self.http = signed_in
        self.anybody = anybody

    async def leave(self) -> None:
        """Close the WebSocket."""
        await self._websocket.close()

    async def _ask(self, what: str, media_content_id: str, **more: Any) -> dict[str, Any]:
        await self._websocket.send_json_auto_id(
            {"type": f"media_source/{what}", "media_content_id": media_content_id, **more}
        )
        answer: dict[str, Any] = await self._websocket.receive_json()
        return answer

    async def browse(self, media_content_id: str = SOURCE) -> dict[str, Any]:
        """Return the content of a folder."""
        answer = await self._ask("browse_media", media_content_id)
        assert answer["success"], answer
        result: dict[str, Any] = answer["result"]
        return result

    async def titles(self, media_content_id: str = SOURCE) -> list[str]:
        """Return the titles in a folder, except the folder of downloads."""
        titles = [child["title"] for child in (await self.browse(media_content_id))["children"]]
        return [title for title in titles if title not in DOWNLOAD]

    async def days(self, media_content_id: str) -> list[str]:
        """Return the days in a lock's folder after its shortcuts, and where it goes on."""
        children = (await self.browse(media_content_id))["children"]
        found = []
        for child in children if "/before/" in media_content_id else children[SHORTCUTS:]:
            place = child["media_content_id"].partition(f"{SOURCE}/")[2].split("/")
            found.append(child["title"] if "before" in place else place[1])
        return found

    async def search(self, query: str, place: str = SOURCE, **more: Any) -> list[dict[str, Any]]:
        """Return what is found in a folder."""
        answer = await self._ask("search_media", place, search_query=query, **more)
        assert answer["success"], answer
        found: list[dict[str, Any]] = answer["result"]["result"]
        return found

    async def resolve(self, media_content_id: str) -> dict[str, Any]:
        """Resolve a media item for playback."""
        answer = await self._ask("resolve_media", media_content_id)
        assert answer["success"], answer
        result: dict[str, Any] = answer["result"]
        return result

    async def refused(self, what: str, media_content_id: str, **more: Any) -> str:
        """Return the error message of a refused request."""
        answer = await self._ask(what, media_content_id, **more)
        assert not answer["success"], answer
        message: str = answer["error"]["message"]
        return message

    async def shown(self, title: str, media_content_id: str) -> dict[str, Any]:
        """Return the item with a title in a folder."""
        children = (await self.browse(media_content_id))["children"]
        found: dict[str, Any] = next(child for child in children if child["title"] == title)
        return found

    async def text(self, path: str) -> str:
        """Return the text at a path, requested without a token."""
        response = await self.anybody.get(path)
        assert response.status == 200, await response.text()
        return await response.text()

    async def segments(self, playlist: str) -> list[str]:
        """Return the paths of a playlist's segments, of its first variant if there are several."""
        text = await self.text(playlist)
        paths = [line for line in text.splitlines() if line and not line.startswith("#")]
        return await self.segments(paths[0]) if "#EXT-X-STREAM-INF" in text else paths

    async def contents(self, playlist: str) -> list[list[bytes]]:
        """Return the video and audio packets of each segment, as a player gets them."""

        async def get(path: str) -> bytes:
            response = await self.anybody.get(path)
            assert response.status == 200, await response.text()
            return await response.read()

        return [packets(part) for part in await recording.parts(get, playlist)]


def contents(driver: LockDriver, sight: Sight, codec: str = "H265") -> list[list[bytes]]:
    """Return the video and audio packets of each segment, as the camera has them."""
    return [packets(part) for part in driver.lock.camera.recording(sight, codec)]


async def sit_down(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> Viewer:
    """Return a viewer at the media browser."""
    assert await async_setup_component(hass, MEDIA_SOURCE, {})
    await hass.async_block_till_done()
    return Viewer(await hass_ws_client(hass), await hass_client(), await hass_client_no_auth())
