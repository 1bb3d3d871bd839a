"""Pictures that an option keeps in Home Assistant's media folder, for some days."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.xiaomi_smart_lock.const import CONF_APP, CONF_KEEP_PICTURES
from tests.lock_driver import LockDriver, idle, until
from tests.pictures import VISITOR, look_often, rang, see, set_up, state, when

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from homeassistant.core import HomeAssistant

    from simulator.camera import Sight

DAY: Final = 86400


@pytest.fixture(autouse=True)
def _short_timeouts(monkeypatch: pytest.MonkeyPatch, driver: LockDriver) -> None:
    look_often(monkeypatch)
    driver.lock.camera.upload_seconds = 0


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return the folder for media, which has something else in it."""
    hass.config.media_dirs = {"local": str(tmp_path)}
    (tmp_path / "holidays.jpg").write_bytes(b"sea")
    return tmp_path


def files(media: Path) -> list[str]:
    """Return what is there, but for what was there before, by its path."""
    found = (path for path in media.rglob("*") if path.is_file() and path.name != "holidays.jpg")
    return sorted(str(path.relative_to(media)) for path in found)


def path_of(driver: LockDriver, sight: Sight, word: str, *, name: str = "Front door") -> str:
    """Return where a picture is expected."""
    taken = datetime.fromtimestamp(sight.created / 1000, dt_util.get_default_time_zone())
    return f"Xiaomi Smart Lock/{name} {driver.lock.did}/{taken:%Y-%m-%d %H.%M.%S} {word}.jpg"


async def until_shown(hass: HomeAssistant, driver: LockDriver, sight: Sight) -> None:
    """Wait until a picture is shown."""
    await until(lambda: state(hass, driver, VISITOR) == when(sight))


async def swept(media: Path, expected: Callable[[], list[str]]) -> None:
    """Wait until only what is expected is there."""
    await until(lambda: files(media) == expected())
    await until(lambda: not [task for task in asyncio.all_tasks() if "clean" in repr(task)])


async def test_they_are_kept(hass: HomeAssistant, driver: LockDriver, media: Path) -> None:
    """By the time on the wall, for what rings and stays, those of before the start too."""
    stay, _face = see(driver, "Stay", ago=1800), see(driver, "FaceUnlock", ago=600)
    entry = await set_up(hass, driver, **{CONF_KEEP_PICTURES: 2})
    bell = rang(driver)
    expected = sorted([path_of(driver, stay, "stay"), path_of(driver, bell, "bell")])
    await until(lambda: files(media) == expected)
    frame = bell.frames["Bell"].store_id
    kept = (media / path_of(driver, bell, "bell")).read_bytes()
    assert kept == driver.lock.camera.picture(bell.file_id, frame)
    await idle()
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert files(media) == expected


async def test_nobody_else_reads_them(hass: HomeAssistant, driver: LockDriver, media: Path) -> None:
    """Another user of the system sees neither who came, nor when."""
    picture = path_of(driver, see(driver, "Bell", ago=60), "bell")
    entry = await set_up(hass, driver, **{CONF_KEEP_PICTURES: 2})
    await until(lambda: files(media) == [picture])
    kept = [media / picture, *(media / picture).parents[:2]]
    assert [f"{path.stat().st_mode & 0o777:o}" for path in kept] == ["600", "700", "700"]
    await hass.config_entries.async_remove(entry.entry_id)


@pytest.mark.parametrize(
    ("options", "place"),
    [({}, "local"), ({CONF_KEEP_PICTURES: 0}, "local"), ({CONF_KEEP_PICTURES: 2}, "mine")],
)
async def test_none_are_kept(
    hass: HomeAssistant, driver: LockDriver, media: Path, options: dict[str, int], place: str
) -> None:
    """Unless the option says so, or where there is no place for them."""
    hass.config.media_dirs = {place: str(media)}
    entry = await set_up(hass, driver, **options)
    await until_shown(hass, driver, rang(driver))
    await idle()
    assert files(media) == []
    await hass.config_entries.async_remove(entry.entry_id)


async def test_until_their_days_are_over(
    hass: HomeAssistant, driver: LockDriver, media: Path
) -> None:
    """Then they go, though nobody rings; nothing else does. What is too old is not even written."""
    see(driver, "Stay", ago=3 * DAY)
    today = see(driver, "Bell", ago=60)
    folder = media / f"Xiaomi Smart Lock/Old name {driver.lock.did}"
    others = media / "Xiaomi Smart Lock/Front door 1"
    ours = {
        days: f"{dt_util.now() - timedelta(days=days):%Y-%m-%d %H.%M.%S} bell.jpg"
        for days in (1, 3)
    }
    theirs = ["2020-01-01 12.00.00 bell.png", "2020-01-01 12.00.00 cat.jpg", "2020-01-01 bell.jpg"]
    theirs += ["9999-99-99 99.99.99 bell.jpg", "a 2020-01-01 12.00.00 bell.jpg"]
    for directory in (folder, others):
        directory.mkdir(parents=True)
        for name in (*ours.values(), *theirs):
            (directory / name).write_bytes(b"")
    kept = {str((others / name).relative_to(media)) for name in (*ours.values(), *theirs)}
    kept |= {str((folder / name).relative_to(media)) for name in theirs}
    entry = await set_up(hass, driver, **{CONF_KEEP_PICTURES: 2})
    yesterday = str((folder / ours[1]).relative_to(media))
    now = path_of(driver, today, "bell")
    await swept(media, lambda: sorted(kept | {yesterday, now}))
    for path in (media / yesterday, media / now):
        path.rename(path.with_name("2026-01-01 12.00.00 bell.jpg"))
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=1, seconds=1))
    await swept(media, lambda: sorted(kept))
    assert not (media / now).parent.exists(), "an empty folder is left behind"
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("way", ["turned off", "unlinked", "removed", "not chosen any more"])
async def test_they_go_at_once(
    hass: HomeAssistant, driver: LockDriver, media: Path, way: str
) -> None:
    """Who no longer wants them to be kept has none left."""
    see(driver, "Bell", ago=60)
    entry = await set_up(hass, driver, **{CONF_KEEP_PICTURES: 2})
    await until(lambda: len(files(media)) == 1)
    if way == "turned off":
        options = {**entry.options, CONF_KEEP_PICTURES: 0}
        hass.config_entries.async_update_entry(entry, options=options)
    elif way == "unlinked":
        data = {key: value for key, value in entry.data.items() if key != CONF_APP}
        hass.config_entries.async_update_entry(entry, data=data)
        await hass.config_entries.async_reload(entry.entry_id)
    elif way == "removed":
        await hass.config_entries.async_remove(entry.entry_id)
    else:
        other = driver.simulation.call(driver.simulator.add_lock, driver.account, "Back door")
        data = {**entry.data, "locks": [other.did]}
        hass.config_entries.async_update_entry(entry, data=data)
        await hass.config_entries.async_reload(entry.entry_id)
    await swept(media, list)
    assert [path.name for path in media.iterdir()] == ["holidays.jpg"]
    if way != "removed":
        await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("../../etc", "_etc"),
        ("前门", "前门"),
        ("a/b\\c:d*e\0f\n", "a_b_c_d_e f"),
        ("门" * 48, "门" * 40),
    ],
    ids=["out", "Chinese", "odd", "long"],
)
async def test_wherever_the_name_leads(
    hass: HomeAssistant, driver: LockDriver, media: Path, name: str, folder: str
) -> None:
    """A lock's name is only a name."""
    driver.lock.name = name
    bell = see(driver, "Bell", ago=60)
    entry = await set_up(hass, driver, **{CONF_KEEP_PICTURES: 1})
    await until(lambda: files(media) == [path_of(driver, bell, "bell", name=folder)])
    await hass.config_entries.async_remove(entry.entry_id)
    assert files(media) == []


async def test_where_nothing_can_be_written(
    hass: HomeAssistant, driver: LockDriver, media: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The picture is shown all the same, and a warning says why it is not kept."""
    (media / "Xiaomi Smart Lock").write_bytes(b"not a folder")
    entry = await set_up(hass, driver, **{CONF_KEEP_PICTURES: 1})
    await until_shown(hass, driver, rang(driver))
    await idle()
    assert "Front door: a picture cannot be kept" in caplog.text
    await hass.config_entries.async_remove(entry.entry_id)


async def test_where_nothing_can_be_removed(
    hass: HomeAssistant,
    driver: LockDriver,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A warning says so, and the entry goes all the same."""
    see(driver, "Bell", ago=60)
    entry = await set_up(hass, driver, **{CONF_KEEP_PICTURES: 1})
    await until(lambda: len(files(media)) == 1)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    assert (await hass.config_entries.async_remove(entry.entry_id))["require_restart"] is False
    assert "cannot be removed: [Errno 13] Permission denied" in caplog.text
