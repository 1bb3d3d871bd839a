"""Listing and playing what the camera saw while the cloud, the network and the user interfere."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.const import CONF_APP
from custom_components.xiaomi_smart_lock.media import views
from simulator import camera, faults
from tests.lock_driver import until
from tests.recordings import EVENTS, PICTURE, RECORDING, SOURCE, contents, saw, sit_down

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from simulator.camera import Sight
    from simulator.faults import Fault
    from tests.lock_driver import LockDriver
    from tests.recordings import Viewer

KEY: Final = "/key"
SEGMENT: Final = "/file.mp4"
FAILED: Final = "Xiaomi's cloud gave nothing that can be shown: {}. Try again later"
HAS_NOTHING: Final = "Xiaomi's cloud does not have it: {}. It may not be there yet, or not anymore"
NOT_NOW: Final = "Xiaomi's cloud is not to be asked just now: {}. Try again later"
RENEW: Final = "The link to the Mi Home app has ended. Renew it on the integration's page"
TOO_LONG: Final = "it is longer than 16777216 bytes"
UNUSABLE: Final = "its answer cannot be used"


@pytest.fixture(autouse=True)
def _nothing_to_complain_of(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """See that nothing is logged as an error: no exception, that is."""
    yield
    records = [record for phase in ("setup", "call") for record in caplog.get_records(phase)]
    bad = [record for record in records if record.levelname in ("ERROR", "CRITICAL")]
    assert not [record.getMessage() for record in bad if record.threadName != "simulator"]


@pytest.fixture
async def viewer(
    hass: HomeAssistant,
    linked: MockConfigEntry,
    hass_ws_client: Any,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> Viewer:
    """Return who sits before the media browser of who is linked."""
    return await sit_down(hass, hass_ws_client, hass_client, hass_client_no_auth)


@pytest.fixture
def bell(driver: LockDriver) -> Sight:
    """Have somebody have rung an hour ago."""
    return saw(driver, dt_util.now() - timedelta(hours=1), "Bell")


def of(driver: LockDriver, *parts: object) -> str:
    """Return what a folder of the lock is known by, or what is in it."""
    return "/".join(map(str, (SOURCE, driver.lock.did, *parts)))


def answered(text: str) -> Fault:
    """Answer with a text instead."""
    return faults.spoilt(lambda _: text.encode())


async def plays(driver: LockDriver, viewer: Viewer, sight: Sight) -> bool:
    """Say whether a recording plays from its beginning to its end."""
    played = await viewer.resolve(of(driver, sight.created))
    return await viewer.contents(played["url"]) == contents(driver, sight)


@pytest.mark.parametrize(
    ("path", "fault", "words"),
    [
        (RECORDING, faults.status(500), FAILED.format("it answered with an error (HTTP 500)")),
        (RECORDING, faults.cut_within, FAILED.format("no connection (ClientPayloadError)")),
        (RECORDING, answered("#EXTM3U\n"), FAILED.format(UNUSABLE)),
        (RECORDING, answered("<html>"), None),
        (
            RECORDING,
            answered('{"code":-6}'),
            HAS_NOTHING.format("it answered with an error (code -6)"),
        ),
        (
            RECORDING,
            faults.spoilt(lambda body: body.replace(b"AES-128", b"SAMPLE-AES")),
            FAILED.format(UNUSABLE),
        ),
        (
            RECORDING,
            faults.spoilt(lambda body: body.replace(b'URI="https:', b'URI="file:')),
            FAILED.format(UNUSABLE),
        ),
        (KEY, faults.status(404), FAILED.format("it answered with an error (HTTP 404)")),
        (KEY, faults.status(401), FAILED.format(UNUSABLE)),
        (KEY, answered("short"), FAILED.format(UNUSABLE)),
        (KEY, answered("x" * 17), FAILED.format("it is longer than 16 bytes")),
    ],
)
async def test_a_recording_that_cannot_be_had(
    driver: LockDriver, viewer: Viewer, bell: Sight, path: str, fault: Fault, words: str | None
) -> None:
    """It is said what happened, and the next attempt plays."""
    # In whatever codec it is asked for
    driver.simulator.cloud.disturb_next(fault, path, 2)
    said = await viewer.refused("resolve_media", of(driver, bell.created))
    assert said == words if words else said.startswith("Xiaomi's cloud gave nothing")
    driver.simulator.cloud.calm()
    assert await plays(driver, viewer, bell)


async def test_an_address_of_our_own_network_is_not_followed(
    driver: LockDriver, viewer: Viewer, bell: Sight
) -> None:
    """A playlist that leads into the house leads nowhere."""
    inside = answered("#EXTM3U\n#EXTINF:2,\nhttps://192.168.1.1/secret.ts\n")
    driver.simulator.cloud.disturb_next(inside, RECORDING)
    said = await viewer.refused("resolve_media", of(driver, bell.created))
    assert said == FAILED.format(UNUSABLE)


# What a part is to be, and is not
NO_VIDEO: Final = [
    b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    b"\0\0\0\x08ftyp\0\0\0\x01moov" + b"\xff" * 8,
    b"\0\0\0\x08ftyp" * 1000,
    b"\0\0\0\x08ftyp\0\0\0\x08moov\0\0\0\x08mdat",
    b"ID3\4",
    b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/\n",
    b"\xff\xd8\xff\xe0",
]


@pytest.mark.parametrize(
    ("path", "fault", "words"),
    [
        (SEGMENT, faults.status(403), "it answered with an error (HTTP 403)"),
        (SEGMENT, faults.cut_within, "no connection (ClientPayloadError)"),
        (SEGMENT, faults.spoilt(lambda body: body[:-5]), UNUSABLE),
        (SEGMENT, faults.spoilt(lambda body: body[:-16]), UNUSABLE),
        (SEGMENT, faults.spoilt(lambda _: b""), UNUSABLE),
        (SEGMENT, faults.spoilt(lambda _: bytes(2**24 + 1)), TOO_LONG),
        (KEY, answered("another key, 16 b"[:16]), UNUSABLE),
    ],
)
async def test_a_segment_that_cannot_be_had(
    driver: LockDriver, viewer: Viewer, bell: Sight, path: str, fault: Fault, words: str
) -> None:
    """A segment that is cut, or whose key is another's, is refused; the next attempt plays."""
    driver.simulator.cloud.disturb_next(fault, path)
    said = await viewer.refused("resolve_media", of(driver, bell.created))
    assert said == FAILED.format(words)
    assert await plays(driver, viewer, bell)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.status(403), "it answered with an error (HTTP 403)"),
        (faults.spoilt(lambda body: body[:-5]), UNUSABLE),
    ],
)
async def test_a_segment_that_cannot_be_had_in_the_middle(
    driver: LockDriver, viewer: Viewer, bell: Sight, fault: Fault, words: str
) -> None:
    """A player that asks again for the same address gets it."""
    played = await viewer.resolve(of(driver, bell.created))
    _, second, _ = await viewer.segments(played["url"])
    driver.simulator.cloud.disturb_next(fault, SEGMENT)
    response = await viewer.anybody.get(second)
    assert (response.status, await response.text()) == (502, FAILED.format(words))
    assert (await viewer.anybody.get(second)).status == 200


@pytest.mark.parametrize("container", ["mp4", "ts"])
async def test_what_opens_to_something_else_is_no_video(
    driver: LockDriver, viewer: Viewer, bell: Sight, container: str
) -> None:
    """What is neither MP4 nor MPEG-TS is not handed to a browser."""
    driver.lock.camera.container = container
    plain = faults.spoilt(lambda body: body.replace(b"METHOD=AES-128", b"METHOD=NONE"))
    driver.simulator.cloud.disturb_next(plain, RECORDING, 2)
    said = await viewer.refused("resolve_media", of(driver, bell.created))
    assert said == FAILED.format(UNUSABLE)


@pytest.mark.parametrize("kind", ["", "/clip"])
@pytest.mark.parametrize("part", NO_VIDEO)
async def test_parts_that_are_no_video(
    driver: LockDriver,
    viewer: Viewer,
    bell: Sight,
    part: bytes,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever else a part is, and wherever it breaks off, is refused in words."""
    monkeypatch.setattr(driver.lock.camera, "recording", lambda *_: [part])
    said = await viewer.refused("resolve_media", of(driver, bell.created) + kind)
    assert said == FAILED.format(UNUSABLE)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
async def test_parts_that_break_off(
    driver: LockDriver, viewer: Viewer, bell: Sight, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part whose end is missing is refused."""
    camera = driver.lock.camera
    whole = camera.recording(bell, "H265")[0]
    monkeypatch.setattr(camera, "recording", lambda *_: [whole[: int(len(whole) * share)]])
    said = await viewer.refused("resolve_media", of(driver, bell.created))
    assert said == FAILED.format(UNUSABLE)


async def test_a_session_that_expires_between_two_pages(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, viewer: Viewer
) -> None:
    """It is renewed, and nothing is left out."""
    midnight = dt_util.start_of_local_day() - timedelta(days=1)
    for minute in range(45):
        saw(driver, midnight + timedelta(minutes=minute), "Stay")

    async def expire(request: Any, handler: Any) -> Any:
        response = await handler(request)
        driver.simulator.cloud.app_accounts.expire_service_tokens()
        return response

    before = linked.data[CONF_APP]["service_token"]
    driver.simulator.cloud.disturb_next(expire, EVENTS)
    assert len(await viewer.titles(of(driver, midnight.date()))) == 45
    assert linked.data[CONF_APP]["service_token"] != before


async def test_a_session_that_expires_while_playing(
    driver: LockDriver, viewer: Viewer, bell: Sight
) -> None:
    """Between playlist and segment no session is needed; it is renewed where one is."""
    played = await viewer.resolve(of(driver, bell.created))
    segments = await viewer.segments(played["url"])
    driver.simulation.call(driver.simulator.cloud.app_accounts.expire_service_tokens)
    for path in segments:
        assert (await viewer.anybody.get(path)).status == 200
    played = await viewer.resolve(of(driver, saw(driver, dt_util.now(), "Stay").created))
    _, second, _ = await viewer.segments(played["url"])
    driver.simulator.cloud.disturb_next(faults.status(403), SEGMENT)
    assert (await viewer.anybody.get(second)).status == 502
    assert (await viewer.anybody.get(second)).status == 200


async def test_a_session_that_ends(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, viewer: Viewer, bell: Sight
) -> None:
    """The user is told to link again, wherever it is noticed, and nothing more is asked."""
    played = await viewer.resolve(of(driver, bell.created))
    _, second, _ = await viewer.segments(played["url"])
    app_accounts = driver.simulator.cloud.app_accounts
    driver.simulation.call(app_accounts.revoke, driver.account)
    assert await viewer.refused("browse_media", of(driver)) == RENEW
    driver.simulator.cloud.requests.clear()
    assert await viewer.refused("browse_media", of(driver)) == RENEW
    picture = await viewer.http.get(views.path(driver.lock.did, bell.created, views.PICTURE))
    assert (picture.status, await picture.text()) == (502, RENEW)
    assert (await viewer.anybody.get(second)).status == 502
    assert not driver.simulator.cloud.requests
    assert len(list(linked.async_get_active_flows(hass, {"reauth"}))) == 1


@pytest.mark.parametrize("fault", [faults.status(429, Retry_After="120"), faults.status(503)])
async def test_a_cloud_that_wants_to_be_left_alone(
    driver: LockDriver, viewer: Viewer, bell: Sight, fault: Fault
) -> None:
    """After an error nothing is listed for a while, but for what was listed before."""
    day = dt_util.as_local(dt_util.utc_from_timestamp(bell.created / 1000)).date()
    assert len(await viewer.titles(of(driver, day))) == 1
    driver.simulator.cloud.disturb_next(fault, EVENTS)
    await viewer.refused("browse_media", of(driver))
    driver.simulator.cloud.requests.clear()
    said = await viewer.refused("browse_media", of(driver))
    assert said.startswith(NOT_NOW.partition("{}")[0])
    assert len(await viewer.titles(of(driver, day))) == 1
    assert not driver.simulator.cloud.requests


async def test_what_is_listed_plays_after_an_error(
    driver: LockDriver, viewer: Viewer, bell: Sight
) -> None:
    """An outage that is over does not keep anybody from playing what they see."""
    day = dt_util.as_local(dt_util.utc_from_timestamp(bell.created / 1000)).date()
    assert len(await viewer.titles(of(driver, day))) == 1
    driver.simulator.cloud.refuse_next(503, EVENTS)
    await viewer.refused("browse_media", of(driver))
    assert await plays(driver, viewer, bell)


@pytest.mark.parametrize("hours", [-20, 20])
async def test_an_account_whose_clock_is_off(
    driver: LockDriver, viewer: Viewer, hours: int
) -> None:
    """What the cloud says is of tomorrow or yesterday is listed there, and plays."""
    sight = saw(driver, dt_util.now() + timedelta(hours=hours), "Bell")
    when = dt_util.as_local(dt_util.utc_from_timestamp(sight.created / 1000))
    assert str(when.date()) in str(await viewer.browse(of(driver)))
    assert await viewer.titles(of(driver, when.date())) == [f"{when:%H:%M} bell"]
    assert await plays(driver, viewer, sight)


@pytest.mark.parametrize("moment", [10**14, 10**18, 2**80, -1, None, "now", 1.5, True])
async def test_moments_that_cannot_be(
    driver: LockDriver,
    viewer: Viewer,
    bell: Sight,
    moment: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of what the cloud lists with a time that was not asked for, nothing is shown."""
    listed = driver.lock.camera.listed

    def list_too(begin: int, end: int, limit: int) -> dict[str, Any]:
        said = listed(begin, end, limit)
        units = said["thirdPartPlayUnits"]
        wrong = [{**units[0], "createTime": moment}] if units else []
        return {**said, "thirdPartPlayUnits": [*wrong, *units]}

    monkeypatch.setattr(driver.lock.camera, "listed", list_too)
    assert await viewer.days(of(driver)) == []  # It was today, for which there is a folder always.
    assert len(await viewer.titles(of(driver, "latest"))) == 1


async def test_a_picture_that_comes_late(driver: LockDriver, viewer: Viewer) -> None:
    """Until it can be fetched there is none; what was missing is not kept."""
    driver.lock.camera.upload_seconds = 3600
    driver.do("ring")
    (sight,) = driver.lock.camera.sights
    path = views.path(driver.lock.did, sight.created, views.PICTURE)
    early = await viewer.http.get(path)
    assert (early.status, await early.text()) == (
        404,
        HAS_NOTHING.format("it answered with an error (code -6)"),
    )
    frame = sight.frames["Bell"]
    sight.frames["Bell"] = camera.Frame(frame.store_id, frame.taken, frame.taken)
    assert (await viewer.http.get(path)).status == 200


@pytest.mark.parametrize(
    "fault",
    [
        faults.spoilt(lambda body: body[: len(body) // 32 * 16]),
        faults.spoilt(lambda _: b"\0" * 32),
        faults.spoilt(lambda _: b"\0" * 20 * 1024 * 1024),
        faults.cut_within,
    ],
)
async def test_a_picture_that_is_none(
    driver: LockDriver, viewer: Viewer, bell: Sight, fault: Fault
) -> None:
    """What is not whole, no JPEG or too large is not shown, and not kept."""
    path = views.path(driver.lock.did, bell.created, views.PICTURE)
    driver.simulator.cloud.disturb_next(fault, PICTURE)
    assert (await viewer.http.get(path)).status == 502
    assert (await viewer.http.get(path)).status == 200


async def test_unlinking_while_playing(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, viewer: Viewer, bell: Sight
) -> None:
    """A segment that is on its way does not hold unlinking up; the next one is refused."""
    played = await viewer.resolve(of(driver, bell.created))
    _, second, third = await viewer.segments(played["url"])
    driver.simulator.cloud.disturb_next(faults.silence, SEGMENT)
    driver.simulator.cloud.requests.clear()
    waiting = asyncio.create_task(viewer.anybody.get(second))
    await until(lambda: any(SEGMENT in path for path, _ in driver.simulator.cloud.requests))
    data = {key: value for key, value in linked.data.items() if key != CONF_APP}
    hass.config_entries.async_update_entry(linked, data=data)
    assert await hass.config_entries.async_reload(linked.entry_id)
    assert (await viewer.anybody.get(third)).status == 404
    waiting.cancel()
    await asyncio.wait([waiting])
