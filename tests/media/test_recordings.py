"""What the camera saw, in the media browser: listed, shown and played, for who is signed in."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import AsyncMock

import av
import pytest
from homeassistant.components.http.auth import async_sign_path
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.translation import async_load_integrations
from homeassistant.requirements import RequirementsNotFound
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.xiaomi_smart_lock import media_source
from custom_components.xiaomi_smart_lock.account.app_session import Service
from custom_components.xiaomi_smart_lock.const import CONF_APP, CONF_LOCKS, DOMAIN
from custom_components.xiaomi_smart_lock.media import (
    recordings,
    remuxing,
    views,
)
from simulator import camera, faults, recording
from tests.hosts import NEARBY
from tests.lock_driver import LockDriver, until
from tests.lock_harness import app_session, lock_of, nearby, runtime_of
from tests.recordings import DOWNLOAD, EVENTS, PICTURE, RECORDING, SOURCE, contents, saw, sit_down

if TYPE_CHECKING:
    from collections.abc import Callable

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from simulator.camera import Sight
    from tests.recordings import Viewer

DAY: Final = (2026, 11, 23)
NAMES: Final = (views.PICTURE, views.PLAYLIST, views.VIDEO, views.CLIP, "0.ts", "0.mp4", "0.m4s")
LINK_FIRST: Final = (
    "No lock is linked to the Mi Home app. "
    "Link it on the integration's page to see its pictures and recordings"
)
NO_PYAV: Final = (
    "The recording is MP4, and PyAV, which prepares it for browsers, cannot be installed. "
    "Home Assistant's log says why"
)
NOTHING_SEEN: Final = (
    "There is nothing like that, or not anymore. Go back, and choose from what is listed"
)


@pytest.fixture
async def viewer(
    hass: HomeAssistant,
    driver: LockDriver,
    linked: MockConfigEntry,
    hass_ws_client: Any,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> Viewer:
    """Return who sits before the media browser of who is linked."""
    viewer = await sit_down(hass, hass_ws_client, hass_client, hass_client_no_auth)
    await until(lambda: not any(task.get_name() == "pictures" for task in asyncio.all_tasks()))
    driver.simulator.cloud.requests.clear()
    return viewer


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Return a local time of Home Assistant."""
    return datetime(year, month, day, hour, minute, tzinfo=dt_util.get_default_time_zone())


def of(driver: LockDriver, *parts: object) -> str:
    """Return what a folder of the lock is known by, or what is in it."""
    return "/".join(map(str, (SOURCE, driver.lock.did, *parts)))


def bell(driver: LockDriver) -> Sight:
    """Have somebody have rung."""
    return saw(driver, local(*DAY, 8, 12), "Bell")


def asked(driver: LockDriver, path: str = EVENTS) -> int:
    """Return how often the cloud was asked."""
    return [path for path, _ in driver.simulator.cloud.requests].count(path)


class Crowd:
    """Counts how many requests there are at a time."""

    def __init__(self, expected: int) -> None:
        """Count from here."""
        self.most = 0
        self._here = 0
        self._expected = expected

    async def delay(self, request: Any, handler: Any) -> Any:
        """Answer when as many are here as are expected, and late, so that more could come."""
        self._here += 1
        self.most = max(self.most, self._here)
        await until(lambda: self.most >= self._expected)
        await asyncio.sleep(0.05)
        self._here -= 1
        return await handler(request)


# Listed


async def test_from_the_lock_to_the_recording(driver: LockDriver, viewer: Viewer) -> None:
    """The lock is opened, then the day, and the bell of that day is played."""
    saw(driver, local(2026, 11, 22, 21, 40), "Stay")
    sight = saw(driver, local(*DAY, 8, 12), "Stay", "Bell")
    (lock,) = (await viewer.browse())["children"]
    assert lock["title"] == "Front door"
    *_, first, second = (await viewer.browse(lock["media_content_id"]))["children"]
    assert await viewer.days(lock["media_content_id"]) == ["2026-11-23", "2026-11-22"]
    assert await viewer.titles(second["media_content_id"]) == ["21:40 someone stays"]
    thing, clips = (await viewer.browse(first["media_content_id"]))["children"]
    assert (thing["title"], clips["title"]) == ("08:12 someone stays · bell", "Download")
    assert thing["media_class"] == "video"
    assert thing["can_play"]
    picture = await viewer.http.get(thing["thumbnail"])
    assert picture.content_type == "image/jpeg"
    assert await picture.read() == camera.draw(driver.lock.camera.label(sight), "Bell")

    played = await viewer.resolve(thing["media_content_id"])
    assert played["mime_type"] == "application/x-mpegURL"
    assert await viewer.contents(played["url"]) == contents(driver, sight)


async def test_a_lock_is_called_as_its_user_calls_it(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, viewer: Viewer
) -> None:
    """A device that was renamed is listed by its new name."""
    devices = dr.async_get(hass)
    (device,) = dr.async_entries_for_config_entry(devices, linked.entry_id)
    devices.async_update_device(device.id, name_by_user="Back door")
    assert await viewer.titles() == ["Back door"]
    assert (await viewer.browse(of(driver)))["title"] == "Back door"


@pytest.mark.parametrize(
    ("kind", "english", "chinese"),
    [
        ("Bell", "bell", "有人按门铃"),
        ("Stay", "someone stays", "有人在门前长时间停留"),
        ("FaceUnlock", "face unlock", "人脸开锁"),
        ("PeriodicPasswordUnlock", "periodic password unlock", "周期性密码开锁"),
        ("NFCUnlock", "NFC unlock", "NFC开锁"),
        # Duress has one place, and it is not this.
        ("DuressFingerprintUnlock", "fingerprint unlock", "指纹开锁"),
        ("HijackFingerprintUnlock", "fingerprint unlock", "指纹开锁"),
        ("hijackfingerprintunlock", "fingerprint unlock", "指纹开锁"),
        ("StressFaceUnlock", "face unlock", "人脸开锁"),
        ("AlarmPasswordUnlock", "password unlock", "密码开锁"),
        ("CoercionUnlock", "fingerprint unlock", "指纹开锁"),
        ("胁迫指纹开锁", "fingerprint unlock", "指纹开锁"),
        ("Cat", "Cat", "Cat"),
    ],
)
async def test_words(
    hass: HomeAssistant, driver: LockDriver, viewer: Viewer, kind: str, english: str, chinese: str
) -> None:
    """What was seen is said in Home Assistant's language, and otherwise in its own word."""
    saw(driver, local(*DAY, 8, 12), kind)
    assert await viewer.titles(of(driver, "2026-11-23")) == [f"08:12 {english}"]
    await hass.config.async_update(language="zh-Hans")
    await async_load_integrations(hass, {DOMAIN})
    assert await viewer.titles(of(driver, "2026-11-23")) == [f"08:12 {chinese}"]


@pytest.mark.parametrize("kind", ["DuressFingerprintUnlock", "HijackUnlock"])
async def test_duress_of_a_lock_that_does_not_say_what_hides_it(
    hass: HomeAssistant,
    driver: LockDriver,
    linked: MockConfigEntry,
    viewer: Viewer,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """It is unlocking, and no more is said."""
    monkeypatch.setattr(lock_of(linked, driver).model, "masks", {})
    saw(driver, local(*DAY, 8, 12), kind)
    assert await viewer.titles(of(driver, "2026-11-23")) == ["08:12 unlock"]
    assert len(await viewer.titles(of(driver, "unlock"))) == 1
    await hass.config.async_update(language="zh-Hans")
    await async_load_integrations(hass, {DOMAIN})
    assert await viewer.titles(of(driver, "2026-11-23")) == ["08:12 开锁"]


async def test_days_are_local(hass: HomeAssistant, driver: LockDriver, viewer: Viewer) -> None:
    """A day begins and ends at midnight where Home Assistant is, also when clocks are set back."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    for moment in (
        "2026-10-24T21:59:59.999+00:00",
        "2026-10-24T22:00:00+00:00",
        "2026-10-25T22:59:59.999+00:00",
        "2026-10-25T23:00:00+00:00",
    ):
        saw(driver, datetime.fromisoformat(moment), "Bell")
    assert await viewer.days(of(driver)) == ["2026-10-26", "2026-10-25", "2026-10-24"]
    assert await viewer.titles(of(driver, "2026-10-26")) == ["00:00 bell"]
    assert await viewer.titles(of(driver, "2026-10-25")) == ["23:59 bell", "00:00 bell"]
    assert await viewer.titles(of(driver, "2026-10-24")) == ["23:59 bell"]


def english(day: datetime) -> str:
    """Return a day as it is called in English, with the year where it is another."""
    this_year = day.year == dt_util.now().year
    return f"{day:%A, %B} {day.day}" if this_year else f"{day:%B} {day.day}, {day.year}"


def chinese(day: datetime) -> str:
    """Return a day as it is called in Chinese, with the year where it is another."""
    if day.year != dt_util.now().year:
        return f"{day.year} 年 {day.month} 月 {day.day} 日"
    return f"{day.month} 月 {day.day} 日 星期{'一二三四五六日'[day.weekday()]}"


@pytest.mark.parametrize(
    ("language", "called", "first", "bell"),
    [
        (
            "en",
            english,
            ["Today", "Yesterday", "Latest", "Doorbell", "Someone stayed", "Unlocked"],
            "bell",
        ),
        (
            "zh-Hans",
            chinese,
            ["今天", "昨天", "最新", "按门铃", "停留", "开锁"],
            "有人按门铃",
        ),
    ],
    ids=["en", "zh"],
)
async def test_what_most_look_for_is_first(
    hass: HomeAssistant,
    driver: LockDriver,
    viewer: Viewer,
    language: str,
    called: Callable[[datetime], str],
    first: list[str],
    bell: str,
) -> None:
    """The last two days and each kind have a folder, then come the other days in words."""
    await hass.config.async_update(language=language)
    await async_load_integrations(hass, {DOMAIN})
    today = dt_util.start_of_local_day()
    yesterday, before, long_ago = (
        dt_util.start_of_local_day(today.date() - timedelta(days=days)) for days in (1, 2, 400)
    )
    saw(driver, long_ago, "FingerprintUnlock")
    saw(driver, before, "Bell")
    saw(driver, yesterday, "Stay")
    saw(driver, today, "Bell", "Stay")
    folders = (await viewer.browse(of(driver)))["children"]
    titles = [folder["title"] for folder in folders]
    assert titles == [*first, called(before), called(long_ago)]
    inside = [await viewer.titles(folder["media_content_id"]) for folder in folders]
    assert [len(titles) for titles in inside] == [1, 1, 4, 2, 2, 1, 1, 1]
    assert inside[0][0].startswith(f"00:00 {bell} · ")
    assert inside[3][0] == f"{first[0]} 00:00 {bell}"
    assert inside[3][1] == f"{called(before)} 00:00 {bell}"
    assert (await viewer.browse(folders[0]["media_content_id"]))["title"] == first[0]


async def test_a_kind_goes_on(driver: LockDriver, viewer: Viewer) -> None:
    """What is not on the first pages is found on the following ones, also where none is first."""
    noon = local(*DAY, 12)
    for kind, number in (("Bell", 3), ("Stay", 120)):
        for minute in range(number):
            saw(driver, noon + timedelta(minutes=minute, hours=4 * (kind == "Stay")), kind)
    folder = of(driver, "bell")
    assert await viewer.titles(folder) == ["earlier…"]
    assert asked(driver) == 5
    following = await viewer.shown("earlier…", folder)
    rings = await viewer.titles(following["media_content_id"])
    assert [title.rpartition(" bell")[0][-5:] for title in rings] == ["12:02", "12:01", "12:00"]
    latest = await viewer.titles(of(driver, "latest"))
    assert len(latest) == 20 + 1


SEARCHES: Final[tuple[tuple[str, str, list[str]], ...]] = (
    ("BELL", "", ["08:12 bell", "07:00 someone stays · bell"]),
    ("fingerprint", "/{did}", ["10:00 fingerprint unlock", "09:00 fingerprint unlock"]),
    ("", "/{did}/unlock", ["10:00 fingerprint unlock", "09:00 fingerprint unlock"]),
    ("coercion", "/{did}", []),
    ("november 22", "/{did}", ["07:00 someone stays · bell"]),
    ("bell", "/{did}/2026-11-22", ["07:00 someone stays · bell"]),
    ("", "/{did}/bell", ["08:12 bell", "07:00 bell"]),
    ("bell", "/1", []),
    ("cat", "", []),
)


async def test_search(driver: LockDriver, viewer: Viewer) -> None:
    """What was seen is found by what it is called, in all locks, in one or on a day of one."""
    saw(driver, local(2026, 11, 22, 7), "Stay", "Bell")
    saw(driver, local(*DAY, 8, 12), "Bell", recorded=False)
    saw(driver, local(*DAY, 9), "DuressFingerprintUnlock")
    saw(driver, local(*DAY, 10), "CoercionUnlock", "FingerprintUnlock")
    browsed = await viewer.browse(of(driver))
    assert browsed.get("can_search", False) == media_source.SEARCHES
    for query, place, found in SEARCHES if media_source.SEARCHES else ():
        where = SOURCE + place.format(did=driver.lock.did)
        results = await viewer.search(query, where)
        assert [re.sub(r"^.*(?=\d\d:\d\d)", "", one["title"]) for one in results] == found
        videos = await viewer.search(query, where, media_filter_classes=["video"])
        assert videos == [one for one in results if one["media_class"] == "video"]


async def test_a_search_that_cannot_be_done(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, viewer: Viewer
) -> None:
    """It says why: the cloud is out of reach, or nobody is linked any more."""
    if not media_source.SEARCHES:
        return
    bell(driver)
    driver.simulator.cloud.refuse_next(503, EVENTS)
    said = await viewer.refused("search_media", SOURCE, search_query="bell")
    assert "Xiaomi's cloud gave nothing that can be shown: it answered with an error" in said
    assert await hass.config_entries.async_unload(linked.entry_id)
    assert await viewer.refused("search_media", SOURCE, search_query="bell") == LINK_FIRST


async def test_all_days_are_listed_page_by_page(driver: LockDriver, viewer: Viewer) -> None:
    """A busy lock's days are listed some at a time, with as many requests, and none is left out."""
    noon = local(*DAY, 12)
    days = [noon - timedelta(days=back) for back in range(12)]
    for day in reversed(days):
        for minute in range(25):
            saw(driver, day + timedelta(minutes=minute), "Stay")
    listed = await viewer.days(of(driver))
    assert listed == [*(str(day.date()) for day in days[:5]), "earlier…"]
    assert asked(driver) == 5
    following = await viewer.shown("earlier…", of(driver))
    listed = await viewer.days(following["media_content_id"])
    assert listed == [*(str(day.date()) for day in days[5:10]), "earlier…"]
    following = await viewer.shown("earlier…", following["media_content_id"])
    listed = await viewer.days(following["media_content_id"])
    assert listed == [str(day.date()) for day in days[10:]]


async def test_a_quiet_lock_is_listed_with_one_request(driver: LockDriver, viewer: Viewer) -> None:
    """What fits on a page is asked for once, however many days there are."""
    for back in reversed(range(15)):
        saw(driver, local(*DAY, 12) - timedelta(days=10 * back), "Bell")
    assert len(await viewer.days(of(driver))) == 15
    assert asked(driver) == 1


async def test_lists_that_are_cut_short(driver: LockDriver, viewer: Viewer) -> None:
    """However little an answer holds, all days are listed, and all of each day."""
    driver.lock.camera.longest_page = 7
    noon = local(*DAY, 12)
    for back in reversed(range(3)):
        for minute in range(30):
            saw(driver, noon - timedelta(days=back) + timedelta(minutes=minute), "Stay")
    assert await viewer.days(of(driver)) == ["2026-11-23", "2026-11-22", "2026-11-21"]
    titles: list[str] = []
    folder = of(driver, "2026-11-21")
    while folder:
        children = (await viewer.browse(folder))["children"]
        titles += [child["title"] for child in children]
        folder = children[-1]["media_content_id"] if titles[-1] == "earlier…" else ""
    assert set(titles) - {"earlier…", *DOWNLOAD} == {
        f"12:{minute:02} someone stays" for minute in range(30)
    }


async def test_answers_with_nothing_in_them_that_go_on(driver: LockDriver, viewer: Viewer) -> None:
    """They are followed, as far as the last one, which repeats from where it goes on."""
    driver.lock.camera.searched_ms = 5 * 3600 * 1000
    driver.simulator.cloud.app.nothing_is_null = True
    try:
        sight = saw(driver, local(*DAY, 1), "Bell")
        assert await viewer.titles(of(driver, "2026-11-23")) == ["01:00 bell"]
        assert await viewer.titles(of(driver, "2026-11-22")) == []
        assert asked(driver) == 6 + 6
        assert (await viewer.resolve(of(driver, sight.created)))["url"]
    finally:
        driver.simulator.cloud.app.nothing_is_null = False


async def test_a_long_day_is_listed_page_by_page(driver: LockDriver, viewer: Viewer) -> None:
    """All that was seen on a day is listed once, some at a time."""
    midnight = local(*DAY)
    saw(driver, midnight - timedelta(minutes=1), "Bell")
    minutes = [midnight + timedelta(minutes=5 * number) for number in range(130)]
    for minute in minutes:
        saw(driver, minute, "Stay")
    expected = [f"{minute:%H:%M} someone stays" for minute in reversed(minutes)]
    first = await viewer.titles(of(driver, "2026-11-23"))
    assert first.pop() == "earlier…"
    earlier = await viewer.shown("earlier…", of(driver, "2026-11-23"))
    second = await viewer.titles(earlier["media_content_id"])
    listed = first + second
    assert list(dict.fromkeys(listed)) == expected
    # The last of one list may be the first of the next.
    assert len(listed) <= len(expected) + 1


async def test_going_back_and_forth_asks_once(
    frozen: FrozenDateTimeFactory, driver: LockDriver, viewer: Viewer
) -> None:
    """What was just listed is not asked for again; what came since is found a minute later."""
    bell(driver)
    frozen.move_to(dt_util.utcnow().replace(second=0))
    for _ in range(3):
        frozen.tick(15)
        assert await viewer.days(of(driver)) == ["2026-11-23"]
        assert await viewer.titles(of(driver, "2026-11-23")) == ["08:12 bell"]
    assert asked(driver) == 2
    saw(driver, local(2026, 11, 24, 9), "Stay")
    assert await viewer.days(of(driver)) == ["2026-11-23"]
    frozen.tick(60)
    assert await viewer.days(of(driver)) == ["2026-11-24", "2026-11-23"]


async def test_nothing_is_kept_for_long(
    frozen: FrozenDateTimeFactory, driver: LockDriver, viewer: Viewer
) -> None:
    """After ten minutes all is asked for again."""
    thing = of(driver, bell(driver).created)
    for _ in range(2):
        await viewer.resolve(thing)
    # H.264 was refused, and is not asked for again.
    assert (asked(driver), asked(driver, RECORDING)) == (1, 2)
    frozen.tick(600)
    await viewer.resolve(thing)
    assert (asked(driver), asked(driver, RECORDING)) == (2, 3)


async def test_what_plays_needs_no_list(
    frozen: FrozenDateTimeFactory, driver: LockDriver, viewer: Viewer
) -> None:
    """Playing goes on when the list that it was chosen from is forgotten."""
    sight = bell(driver)
    await viewer.browse(of(driver, "2026-11-23"))
    frozen.tick(590)
    played = await viewer.resolve(of(driver, sight.created))
    frozen.tick(20)
    for path in await viewer.segments(played["url"]):
        assert (await viewer.anybody.get(path)).status == 200
    assert asked(driver) == 1


async def test_who_looks_at_many_things_asks_once(
    driver: LockDriver, linked: MockConfigEntry, viewer: Viewer
) -> None:
    """What is looked for all at once, as thumbnails are, is found by one request for a page."""
    things = [saw(driver, local(*DAY, hour), "Bell").created for hour in range(20)]
    paths = [views.path(driver.lock.did, moment, views.PICTURE) for moment in reversed(things)]
    pictures = await asyncio.gather(*map(viewer.http.get, paths))
    assert {picture.status for picture in pictures} == {200}
    assert (asked(driver), asked(driver, PICTURE)) == (1, 20)


async def test_not_much_is_kept(
    driver: LockDriver, linked: MockConfigEntry, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pictures that were looked at last take a bounded room, and so few recordings."""
    things = [saw(driver, local(*DAY, hour), "Bell").created for hour in range(8)]
    here = runtime_of(linked).recordings
    assert here
    room = 3.5 * len(camera.draw("2026-11-23 08:12:00", "Bell"))
    monkeypatch.setattr(here._pictures, "_most", room)
    for moment in things:
        await here.picture(driver.lock.did, moment)
        await here.recording(driver.lock.did, moment)
    kept_pictures = [moment for (_, moment), _ in here._pictures.newest_first()]
    assert kept_pictures == things[:-4:-1]
    kept_recordings = [moment for (_, moment), _ in here._recordings.newest_first()]
    assert kept_recordings == things[:-5:-1]


async def test_a_lock_nearby_is_listed_too(
    hass: HomeAssistant, driver: LockDriver, viewer: Viewer
) -> None:
    """A lock on the local network that is linked is beside those of the account."""
    other = nearby(driver)
    data = {**other.local_data(NEARBY), CONF_APP: other.app_data()}
    entry = MockConfigEntry(domain=DOMAIN, title="Back door", data=data)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    moment = bell(other).created
    assert await viewer.titles() == ["Back door", "Front door"]
    assert await viewer.titles(of(other, "2026-11-23")) == ["08:12 bell"]
    for lock, status in ((other.lock, 200), (driver.lock, 404)):
        picture = await viewer.http.get(views.path(lock.did, moment, views.PICTURE))
        assert picture.status == status
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_two_locks_of_an_account(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, viewer: Viewer
) -> None:
    """What one lock saw is not taken for what the other one saw in the same moment."""
    simulation = driver.simulation
    second = simulation.call(simulation.simulator.add_lock, driver.account, "Back door")
    other = LockDriver(simulation, driver.account, second)
    data = {**linked.data, CONF_LOCKS: [driver.lock.did, second.did]}
    hass.config_entries.async_update_entry(linked, data=data)
    assert await hass.config_entries.async_reload(linked.entry_id)
    sight = bell(other)
    saw(driver, local(*DAY, 8, 12), "Stay")
    assert await viewer.titles() == ["Back door", "Front door"]
    assert await viewer.titles(of(other, "2026-11-23")) == ["08:12 bell"]
    assert await viewer.titles(of(driver, "2026-11-23")) == ["08:12 someone stays"]
    for lock, kind in ((second, "Bell"), (driver.lock, "Stay")):
        picture = await viewer.http.get(views.path(lock.did, sight.created, views.PICTURE))
        assert await picture.read() == camera.draw(lock.camera.label(sight), kind)


# Shown


async def test_a_picture_alone_is_an_image(driver: LockDriver, viewer: Viewer) -> None:
    """Where there is no recording the picture is shown."""
    sight = saw(driver, local(*DAY, 8, 12), "Stay", recorded=False)
    thing = await viewer.shown("08:12 someone stays", of(driver, "2026-11-23"))
    assert (thing["media_class"], thing["can_play"]) == ("image", True)
    played = await viewer.resolve(thing["media_content_id"])
    assert played["mime_type"] == "image/jpeg"
    picture = await viewer.anybody.get(played["url"])
    assert await picture.read() == camera.draw(driver.lock.camera.label(sight), "Stay")


async def test_nothing_to_see_is_not_played(driver: LockDriver, viewer: Viewer) -> None:
    """What has neither a recording nor a picture is listed, and that is all."""
    sight = saw(driver, local(*DAY, 8, 12), recorded=False)
    (thing,) = (await viewer.browse(of(driver, "2026-11-23")))["children"]
    assert (thing["can_play"], thing["thumbnail"]) == (False, None)
    words = await viewer.refused("resolve_media", of(driver, sight.created))
    assert words == NOTHING_SEEN


async def test_the_playlist_tells_how_long_and_where(driver: LockDriver, viewer: Viewer) -> None:
    """A player learns how long each segment is, to seek, and no address but ours."""
    played = await viewer.resolve(of(driver, bell(driver).created))
    lines = (await viewer.text(played["url"])).splitlines()
    [video] = [line for line in lines if line.startswith(f"/api/{DOMAIN}/")]
    response = await viewer.anybody.get(video)
    assert response.content_type == "application/vnd.apple.mpegurl"
    assert response.headers["Cache-Control"] == "no-store"
    lines = (await response.text()).splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[-1] == "#EXT-X-ENDLIST"
    assert lines.count(f"#EXTINF:{recording.PART_SECONDS:.3f},") == recording.PARTS
    assert f"#EXT-X-TARGETDURATION:{recording.PART_SECONDS}" in lines
    assert not [line for line in lines if line.startswith("#EXT-X-KEY")]
    paths = [line for line in lines if not line.startswith("#")]
    assert all(path.startswith(f"/api/{DOMAIN}/{driver.lock.did}/") for path in paths)


# MP4


async def test_parts_that_are_mp4(driver: LockDriver, viewer: Viewer) -> None:
    """Each part describes itself, and its times begin anew: a player is told so before each."""
    driver.lock.camera.codecs = ("H264",)
    sight = bell(driver)
    played = await viewer.resolve(of(driver, sight.created))
    lines = (await viewer.text(played["url"])).splitlines()
    tags = [line.partition(":")[0] for line in lines if line.startswith("#EXT")]
    part = ["#EXT-X-DISCONTINUITY", "#EXT-X-MAP", "#EXTINF"]
    assert tags[5:] == [*part[1:], *part, *part, "#EXT-X-ENDLIST"]
    assert lines[1] == "#EXT-X-VERSION:7"
    assert await viewer.contents(played["url"]) == contents(driver, sight, "H264")
    for path in await viewer.segments(played["url"]):
        media = await viewer.anybody.get(path)
        assert media.content_type == "video/iso.segment"
        assert (await media.read())[4:8] == b"moof"


async def test_parts_that_are_mpeg_ts(driver: LockDriver, viewer: Viewer) -> None:
    """They are passed on as they are."""
    driver.lock.camera.container = "ts"
    sight = bell(driver)
    played = await viewer.resolve(of(driver, sight.created))
    text = await viewer.text(played["url"])
    assert "#EXT-X-VERSION:3" in text
    assert "#EXT-X-MAP" not in text
    assert "#EXT-X-DISCONTINUITY" not in text
    segments = [await viewer.anybody.get(path) for path in await viewer.segments(played["url"])]
    assert {segment.content_type for segment in segments} == {"video/mp2t"}
    expected = driver.lock.camera.recording(sight, "H265")
    assert [await segment.read() for segment in segments] == expected
    described = await viewer.http.get(views.path(driver.lock.did, sight.created, "0.mp4"))
    assert described.status == 404


async def test_discontinuities_and_sequence_are_kept(driver: LockDriver, viewer: Viewer) -> None:
    """What the service says of a recording's parts reaches the player, in MPEG-TS too."""
    driver.lock.camera.container = "ts"
    driver.lock.camera.codecs = ("H264",)

    def change(body: bytes) -> bytes:
        lines = body.decode().replace("MEDIA-SEQUENCE:0", "MEDIA-SEQUENCE:7").splitlines()
        last = max(number for number, line in enumerate(lines) if line.startswith("#EXTINF"))
        lines.insert(last, "#EXT-X-DISCONTINUITY")
        return "\n".join(lines).encode()

    driver.simulator.cloud.disturb_next(faults.spoilt(change), RECORDING)
    played = await viewer.resolve(of(driver, bell(driver).created))
    lines = (await viewer.text(played["url"])).splitlines()
    assert "#EXT-X-MEDIA-SEQUENCE:7" in lines
    assert [line.startswith("#EXTINF") for line in lines].count(True) == 3
    assert lines.index("#EXT-X-DISCONTINUITY") == len(lines) - 4
    assert lines.count("#EXT-X-DISCONTINUITY") == 1


async def test_parts_that_are_fragmented_already(
    driver: LockDriver, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are passed on as they are, in two pieces."""
    camera = driver.lock.camera
    sight = bell(driver)
    [part, *_] = camera.recording(sight, "H264")
    ready = remuxing.fragment(part).whole
    monkeypatch.setattr(camera, "codecs", ("H264",))
    monkeypatch.setattr(camera, "recording", lambda *_: [ready])
    played = await viewer.resolve(of(driver, sight.created))
    [media] = await viewer.segments(played["url"])
    described = views.path(driver.lock.did, sight.created, "0.mp4")
    pieces = [
        await (await viewer.http.get(path)).read() for path in (described, media.partition("?")[0])
    ]
    assert b"".join(pieces) == ready


@pytest.mark.parametrize("codec", ["H264", "H265"])
async def test_what_a_browser_may_not_be_able_to_play(
    driver: LockDriver, viewer: Viewer, codec: str
) -> None:
    """Of H.265 there is a choice: the recording, and words for browsers that leave it out."""
    driver.lock.camera.codecs = (codec,)
    played = await viewer.resolve(of(driver, bell(driver).created))
    lines = (await viewer.text(played["url"])).splitlines()
    choice = [line for line in lines if line.startswith("#EXT-X-STREAM-INF")]
    if codec == "H264":
        assert not choice
        return
    recording_of, words_of = choice
    # The main profile, as whoever draws it has it
    assert re.search(r'CODECS="hvc1\.1\.6\.L\d+(\.[0-9A-F]{1,2})*,mp4a\.40\.2"', recording_of)
    assert 'CODECS="avc1.42C01F"' in words_of
    [_, words] = [line for line in lines if line.startswith("/")]
    text = await viewer.text(words)
    [(length, start)] = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)", text)
    file = await viewer.anybody.get(words.replace("m3u8", "mp4"))
    assert len(await file.read()) == int(length) + int(start)


async def test_a_player_that_begins_again_and_again(driver: LockDriver, viewer: Viewer) -> None:
    """The cloud is asked for each part once."""
    played = await viewer.resolve(of(driver, bell(driver).created))
    for _ in range(3):
        await viewer.contents(played["url"])
    paths = [path for path, _ in driver.simulator.cloud.requests if "/file." in path]
    assert len(paths) == len(set(paths)) == recording.PARTS


async def test_without_pyav(
    driver: LockDriver, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Home Assistant cannot install it that is said in words; MPEG-TS plays all the same."""
    missing = AsyncMock(side_effect=RequirementsNotFound("stream", ["av==0"]))
    monkeypatch.setattr(recordings, "async_get_integration_with_requirements", missing)
    assert await viewer.refused("resolve_media", of(driver, bell(driver).created)) == NO_PYAV
    driver.lock.camera.container = "ts"
    sight = saw(driver, local(*DAY, 9), "Bell")
    played = await viewer.resolve(of(driver, sight.created))
    assert await viewer.contents(played["url"]) == contents(driver, sight)
    assert await viewer.refused("resolve_media", of(driver, sight.created, "clip")) == NO_PYAV


# Downloaded


@pytest.mark.parametrize("container", ["mp4", "ts"])
async def test_a_recording_is_downloaded(
    driver: LockDriver, viewer: Viewer, container: str
) -> None:
    """The files of a day are in a folder of it: each the whole recording, with a name."""
    driver.lock.camera.container = container
    sight = bell(driver)
    saw(driver, local(*DAY, 9), "Stay", recorded=False)
    folder = await viewer.shown("Download", of(driver, "2026-11-23"))
    assert folder["can_expand"]
    [thing] = (await viewer.browse(folder["media_content_id"]))["children"]
    assert (thing["title"], thing["media_class"]) == ("08:12 bell", "video")
    played = await viewer.resolve(thing["media_content_id"])
    assert played["mime_type"] == "video/mp4"
    response = await viewer.anybody.get(played["url"])
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="front_door_2026-11-23_08-12-00.mp4"'
    )
    assert response.headers["Cache-Control"] == "no-store"
    clip = await response.read()
    if container == "mp4":
        found = [packet for part in contents(driver, sight) for packet in part]
        assert sorted(recording.packets(clip)) == sorted(found)
    with av.open(BytesIO(clip), "r") as source:
        seconds = recording.PARTS * recording.PART_SECONDS
        assert [stream.codec_context.name for stream in source.streams] == ["hevc", "aac"]
        assert source.streams.video[0].codec_context.codec_tag == "hvc1"
        assert (source.duration or 0) / av.time_base == pytest.approx(seconds, abs=0.5)
        frames = list(source.decode(video=0))
        assert len(frames) == seconds * recording.FRAMES_A_SECOND
        times = [frame.time for frame in frames]
        assert times == sorted(times)


async def test_a_day_without_recordings_has_no_downloads(
    driver: LockDriver, viewer: Viewer
) -> None:
    """There is no folder for them."""
    saw(driver, local(*DAY, 8, 12), "Stay", recorded=False)
    [thing] = (await viewer.browse(of(driver, "2026-11-23")))["children"]
    assert thing["title"] == "08:12 someone stays"
    other = of(driver, thing["media_content_id"].rpartition("/")[2], "clip")
    assert await viewer.refused("resolve_media", other) == NOTHING_SEEN


async def test_the_downloads_of_a_long_day(driver: LockDriver, viewer: Viewer) -> None:
    """They are listed page by page as well, from where the list was opened."""
    for minute in range(130):
        saw(driver, local(*DAY) + timedelta(minutes=5 * minute), "Stay")
    for place in (
        of(driver, "2026-11-23"),
        (await viewer.shown("earlier…", of(driver, "2026-11-23")))["media_content_id"],
    ):
        expected = await viewer.titles(place)
        folder = await viewer.shown("Download", place)
        assert await viewer.titles(folder["media_content_id"]) == expected


@pytest.mark.parametrize(
    ("asked_for", "status", "given"),
    [
        ("bytes=0-1", 206, slice(0, 2)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-10", 206, slice(-10, None)),
        ("bytes=999999999-", 416, slice(0, 0)),
        ("bytes=9-1", 416, slice(0, 0)),
        ("lines=1-2", 416, slice(0, 0)),
    ],
)
async def test_a_range_of_a_download(
    driver: LockDriver, viewer: Viewer, asked_for: str, status: int, given: slice
) -> None:
    """Safari plays only what it can have in pieces."""
    played = await viewer.resolve(of(driver, bell(driver).created, "clip"))
    whole = await (await viewer.anybody.get(played["url"])).read()
    response = await viewer.anybody.get(played["url"], headers={"Range": asked_for})
    assert response.status == status
    start, end, _ = given.indices(len(whole))
    if status == 206:
        assert await response.read() == whole[given]
        assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(whole)}"
    else:
        assert response.headers["Content-Range"] == f"bytes */{len(whole)}"


async def test_a_recording_that_is_too_long_to_download(
    driver: LockDriver, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not put together in memory, and that is said; it plays all the same."""
    monkeypatch.setattr(recordings, "CLIP_LIMIT", 9000)
    thing = bell(driver).created
    words = await viewer.refused("resolve_media", of(driver, thing, "clip"))
    assert "it is longer than 9000 bytes" in words
    await viewer.contents((await viewer.resolve(of(driver, thing)))["url"])


async def test_of_the_budget_are_lists_alone(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, viewer: Viewer
) -> None:
    """Who may list nothing more can still play what is listed."""
    sight = bell(driver)
    await viewer.browse(of(driver, "2026-11-23"))
    link = app_session(linked)
    budget = link.as_dict()["within_an_hour"]["camera"]
    link._allowances[Service.CAMERA]._budget = budget
    picture = await viewer.http.get(views.path(driver.lock.did, sight.created, views.PICTURE))
    assert picture.status == 200
    played = await viewer.resolve(of(driver, sight.created))
    for path in await viewer.segments(played["url"]):
        assert (await viewer.anybody.get(path)).status == 200
    words = await viewer.refused("browse_media", of(driver))
    assert words == (
        f"Xiaomi's cloud is not to be asked just now: {budget} requests were made within "
        "an hour. Try again later"
    )


async def test_few_are_fetched_at_once(driver: LockDriver, viewer: Viewer) -> None:
    """However many browsers there are, the memory holds few segments and pictures on their way."""
    things = [saw(driver, local(*DAY, hour), "Bell").created for hour in range(10)]
    playlists = [(await viewer.resolve(of(driver, thing)))["url"] for thing in things[:2]]
    # But for the first, which was fetched to see what it is
    segments = [path for url in playlists for path in (await viewer.segments(url))[1:]] * 2
    pictures = [views.path(driver.lock.did, moment, views.PICTURE) for moment in things]
    await viewer.browse(of(driver, "2026-11-23"))
    for client, paths, part, most in (
        (viewer.anybody, segments, "/file.mp4", 2),
        (viewer.http, pictures, PICTURE, 4),
    ):
        crowd = Crowd(most)
        driver.simulator.cloud.disturb_next(crowd.delay, part, len(paths))
        responses = await asyncio.gather(*map(client.get, paths))
        assert {response.status for response in responses} == {200}
        assert crowd.most == most


# Refused


async def test_who_is_not_linked_is_told_so(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    driver: LockDriver,
    hass_ws_client: Any,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """Without a link there is nothing to list, to play or to fetch, and nothing is asked."""
    moment = bell(driver).created
    viewer = await sit_down(hass, hass_ws_client, hass_client, hass_client_no_auth)
    driver.simulator.cloud.requests.clear()
    for place in (SOURCE, of(driver), of(driver, "2026-11-23")):
        assert await viewer.refused("browse_media", place) == LINK_FIRST
    assert await viewer.refused("resolve_media", of(driver, moment)) == NOTHING_SEEN
    for name in NAMES:
        response = await viewer.http.get(views.path(driver.lock.did, moment, name))
        assert response.status == 404
    assert asked(driver) == 0


@pytest.mark.parametrize(
    "identifier",
    [
        "{did}/",
        "{did}/2026-02-30",
        "{did}/yesterday",
        "{did}/9999-12-31",
        "{did}/0001-01-01",
        "{did}/before",
        "{did}/before/now",
        "{did}/before/-1",
        "{did}/before/1/1",
        "{did}/before/{many}",
        "{did}/bells",
        "{did}/bell/clips",
        "{did}/latest/before/now",
        "{did}/2026-11-23/before/now",
        "{did}/2026-11-23/after/1",
        "{did}/2026-11-23/clip",
        "{did}/2026-11-23/clips/clips",
        "{did}/2026-11-23/clips/before/now",
        "{did}/clips",
        "{did}/../{did}",
        "{did}/1764000000000",
        "1",
        "1/2026-11-23",
        "..",
        "http:",
    ],
)
async def test_identifiers_that_nobody_listed_are_refused(
    driver: LockDriver, viewer: Viewer, identifier: str
) -> None:
    """What is not of the form of what is listed is not listed, and the cloud is not asked."""
    place = identifier.format(did=driver.lock.did, many="9" * 5000)
    assert await viewer.refused("browse_media", f"{SOURCE}/{place}") == NOTHING_SEEN
    assert asked(driver) == 0


@pytest.mark.parametrize(
    "identifier",
    [
        "{did}",
        "{did}/",
        "{did}/2026-11-23",
        "{did}/1/2",
        "{did}/1/clip/clip",
        "{did}/1/clips",
        "1/1",
        "{did}/{many}",
        "{did}/\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
async def test_what_nobody_listed_is_not_played(
    driver: LockDriver, viewer: Viewer, identifier: str
) -> None:
    """What is no moment of a lock is not played, and the cloud is not asked."""
    place = identifier.format(did=driver.lock.did, many="9" * 5000)
    assert await viewer.refused("resolve_media", f"{SOURCE}/{place}") == NOTHING_SEEN
    assert asked(driver) == 0


async def test_a_moment_at_which_nothing_was_seen(driver: LockDriver, viewer: Viewer) -> None:
    """A moment that is none of the lock's is looked up, and refused."""
    moment = bell(driver).created + 1
    assert await viewer.refused("resolve_media", of(driver, moment)) == NOTHING_SEEN
    for name in NAMES:
        response = await viewer.http.get(views.path(driver.lock.did, moment, name))
        assert response.status == 404


@pytest.mark.parametrize(
    "path",
    [
        "{did}/{moment}/0.ts",
        "{did}/{moment}/3.m4s",
        "{did}/{moment}/3.mp4",
        "{did}/{moment}/0.webm",
        "{did}/{moment}/other.m3u8",
        "{did}/{moment}/99.ts",
        "{did}/{moment}/-1.ts",
        "{did}/{moment}/999999.ts",
        "{did}/{moment}/\N{ARABIC-INDIC DIGIT ZERO}.ts",
        "{did}/{moment}/..%2f..%2fpicture.jpg",
        "{did}/{moment}x/picture.jpg",
        "{did}/1%2f1/picture.jpg",
        "{did}%2f{moment}/picture.jpg",
        "1/{moment}/picture.jpg",
        "..%2f{did}/{moment}/picture.jpg",
        "http:%2f%2fexample.com/{moment}/picture.jpg",
        "{did}/9999999999999999/picture.jpg",
    ],
)
async def test_other_paths_lead_nowhere(driver: LockDriver, viewer: Viewer, path: str) -> None:
    """A path that is no lock's, or that holds something else, is not found."""
    filled = path.format(did=driver.lock.did, moment=bell(driver).created)
    response = await viewer.http.get(f"/api/{DOMAIN}/{filled}")
    # Home Assistant itself turns away who climbs.
    assert response.status == (400 if "..%2f" in path else 404)


async def test_nobody_else_gets_anything(
    hass: HomeAssistant, driver: LockDriver, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a signature, with that of something else or an expired one, all is refused."""
    did, moment, other = driver.lock.did, bell(driver).created, saw(driver, local(*DAY, 9), "Bell")
    driver.lock.camera.codecs = ("H264",)
    played = await viewer.resolve(of(driver, moment))
    first, second, _ = await viewer.segments(played["url"])
    (_, signature), (path, _) = first.split("?"), second.split("?")
    unsigned = [views.path(did, moment, name) for name in NAMES]
    of_another = [
        f"{path}?{signature}",
        f"{views.path(did, other.created, '0.m4s')}?{signature}",
        f"{views.path('1', moment, '0.m4s')}?{signature}",
        f"{views.path(did, moment, '0.mp4')}?{signature}",
        f"{views.path(did, moment, views.CLIP)}?{signature}",
        f"{views.path(did, moment, views.PICTURE)}?{played['url'].partition('?')[2]}",
    ]
    monkeypatch.setattr(views, "SIGNED_FOR", timedelta(seconds=-1))
    expired = await viewer.segments(played["url"])
    for path in (*unsigned, *of_another, *expired, first[:-1]):
        assert (await viewer.anybody.get(path)).status == 401, path
    assert (await viewer.anybody.post(first)).status in (401, 405)
    assert (await viewer.anybody.get(first)).status == 200


async def test_who_is_signed_out_gets_nothing_more(
    hass: HomeAssistant, driver: LockDriver, viewer: Viewer, hass_admin_user: Any
) -> None:
    """Segments are signed in the name of who plays: they end with that session."""
    played = await viewer.resolve(of(driver, bell(driver).created))
    first, *_ = await viewer.segments(played["url"])
    await viewer.leave()
    for token in list(hass_admin_user.refresh_tokens.values()):
        hass.auth.async_remove_refresh_token(token)
    for path in (played["url"], first):
        assert (await viewer.anybody.get(path)).status == 401


@pytest.mark.parametrize("unlink", [True, False])
async def test_after_unlinking_or_unloading_nothing_is_served(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, viewer: Viewer, unlink: bool
) -> None:
    """What could be played before is not there any more, whatever is kept or signed."""
    moment = bell(driver).created
    played = await viewer.resolve(of(driver, moment))
    first, *_ = await viewer.segments(played["url"])
    picture = views.path(driver.lock.did, moment, views.PICTURE)
    assert (await viewer.http.get(picture)).status == 200
    assert await hass.config_entries.async_unload(linked.entry_id)
    if unlink:
        data = {key: value for key, value in linked.data.items() if key != CONF_APP}
        hass.config_entries.async_update_entry(linked, data=data)
        assert await hass.config_entries.async_setup(linked.entry_id)
    for path in (played["url"], first):
        assert (await viewer.anybody.get(path)).status == 404
    assert (await viewer.http.get(picture)).status == 404
    assert await viewer.refused("browse_media", of(driver)) == LINK_FIRST


async def test_a_lock_of_an_entry_that_is_not_linked(
    hass: HomeAssistant, driver: LockDriver, viewer: Viewer
) -> None:
    """The link of one entry is not for the lock of another."""
    other = nearby(driver)
    entry = MockConfigEntry(domain=DOMAIN, title="Back door", data=other.local_data(NEARBY))
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    moment = bell(other).created
    assert await viewer.titles() == ["Front door"]
    assert await viewer.refused("browse_media", of(other)) == NOTHING_SEEN
    path = async_sign_path(
        hass, views.path(other.lock.did, moment, views.PICTURE), views.SIGNED_FOR
    )
    assert (await viewer.anybody.get(path)).status == 404
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_nothing_of_the_cloud_leaves(
    driver: LockDriver, linked: MockConfigEntry, viewer: Viewer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither tokens, keys nor addresses of the cloud are sent to the browser, or logged."""
    caplog.set_level("DEBUG")
    sight = bell(driver)
    sent = [str(await viewer.browse(of(driver, "2026-11-23")))]
    played = await viewer.resolve(of(driver, sight.created))
    sent.append(str(played))
    response = await viewer.anybody.get(played["url"])
    sent += [await response.text(), str(response.headers)]
    for path in await viewer.segments(played["url"]):
        sent.append(str((await viewer.anybody.get(path)).headers))
    clip = await viewer.resolve(of(driver, sight.created, "clip"))
    sent.append(str((await viewer.anybody.get(clip["url"])).headers))
    driver.simulator.cloud.disturb_next(faults.cut_within, "/hls/")
    later = saw(driver, local(*DAY, 9), "Bell")
    sent.append(await viewer.refused("resolve_media", of(driver, later.created)))
    app = linked.data[CONF_APP]
    secrets = [
        *(app[name] for name in ("service_token", "pass_token", "ssecurity", "cuser_id")),
        driver.simulator.cloud.url,
        "/hls/",
        sight.file_id,
        sight.video_id,
        *(frame.store_id for frame in sight.frames.values()),
    ]
    ours = [record for record in caplog.records if record.threadName != "simulator"]
    logged = [caplog.handler.format(record) for record in ours]
    for secret in secrets:
        assert not [line for line in (*sent, *logged) if secret in line], secret
