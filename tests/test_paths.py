"""What comes from outside and becomes part of a path or an address leads nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.components.media_source import Unresolvable, async_resolve_media
from homeassistant.setup import async_setup_component

from custom_components.xiaomi_smart_lock.const import CONF_LOCKS, DOMAIN
from custom_components.xiaomi_smart_lock.media import views
from custom_components.xiaomi_smart_lock.media.picture_archive import async_forget_pictures
from custom_components.xiaomi_smart_lock.store import async_journal_store, async_store
from simulator.faults import changed

from .flow import labels, signed_in
from .lock_harness import Storage, entry_of

if TYPE_CHECKING:
    from pathlib import Path

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from .lock_driver import LockDriver

HALF = "\ud83d"


@pytest.mark.parametrize(
    "did",
    ["../../secrets", "..", ".", "a/b", "a\\b", "a b", "a\x00", "é", HALF, "a..b", "1" * 65, "", 0],
)
async def test_did_that_is_none(hass: HomeAssistant, driver: LockDriver, did: object) -> None:
    """A device by such a name is not there, and nothing is written under it."""

    def renamed(answer: Any) -> Any:
        answer["result"]["list"].insert(0, answer["result"]["list"][0] | {"did": did})
        return answer

    driver.simulator.cloud.disturb_next(changed(renamed), "device_list_page", times=2)
    result = await signed_in(hass, driver)
    assert list(labels(result)) == [driver.lock.did]


@pytest.mark.parametrize("did", ["../../x", "a/b", ""])
async def test_did_that_was_kept(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, did: str
) -> None:
    """One that is in an entry's data nonetheless leads to no file."""
    entry = entry_of(hass, driver.account_data() | {CONF_LOCKS: [did]})
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert not [key for key in hass_storage if key.startswith(f"{DOMAIN}.")]


@pytest.mark.parametrize("did", ["../../x", "..", "a/b", "a\x00", "*"])
async def test_paths_are_made_of_ids_alone(hass: HomeAssistant, tmp_path: Path, did: str) -> None:
    """Whoever makes a path looks again, whatever was let in."""
    hass.config.media_dirs = {"local": str(tmp_path)}
    for make in (async_store, async_journal_store):
        with pytest.raises(ValueError, match="elsewhere"):
            make(hass, did)
    with pytest.raises(ValueError, match="elsewhere"):
        views.path(did, 1, views.PICTURE)
    with pytest.raises(ValueError, match="elsewhere"):
        await async_forget_pictures(hass, did)


@pytest.mark.parametrize("did", ["..", "%2e%2e", "..%2f..", "a%2fb", "a%00", "%d8%00"])
async def test_addresses_of_views(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, linked: MockConfigEntry, did: str
) -> None:
    """There is nothing at other addresses than those of locks."""
    browser = await hass_client()
    for name in (views.PICTURE, views.PLAYLIST, views.CLIP, "0.ts"):
        answer = await browser.get(f"/api/{DOMAIN}/{did}/1/{name}")
        assert answer.status in (400, 404)  # Home Assistant itself refuses some of them.


@pytest.mark.parametrize("identifier", ["..", "../1", "../../1/clip", "a%2fb/1", "\x00/1"])
async def test_media_identifiers(
    hass: HomeAssistant, linked: MockConfigEntry, identifier: str
) -> None:
    """Nothing is played that is no lock's."""
    assert await async_setup_component(hass, "media_source", {})
    with pytest.raises(Unresolvable):
        await async_resolve_media(hass, f"media-source://{DOMAIN}/{identifier}", None)
