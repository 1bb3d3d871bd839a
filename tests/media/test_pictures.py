"""Pictures of who is at the door: those that there are, and those that come when somebody rings."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from homeassistant.const import STATE_UNKNOWN, Platform
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.const import CONF_APP, CONF_APP_REQUESTS
from custom_components.xiaomi_smart_lock.media import latest_pictures as pictures
from custom_components.xiaomi_smart_lock.media.latest_pictures import PendingPicture, match
from custom_components.xiaomi_smart_lock.miot.app.client import Seen
from simulator.app_cloud import EVENTS, PICTURE
from tests.hosts import NEARBY
from tests.lock_driver import LockDriver, idle, until
from tests.lock_harness import diagnostics, entry_of, nearby
from tests.pictures import (
    NEVER,
    STAY,
    VISITOR,
    asked,
    assert_shown,
    awaited,
    follow,
    happen,
    look_often,
    rang,
    see,
    set_up,
    state,
    upload,
    when,
)

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.xiaomi_smart_lock.miot.spec import Address

STAYS: Address = (17, 2)


@pytest.fixture(autouse=True)
def _short_timeouts(monkeypatch: pytest.MonkeyPatch, driver: LockDriver) -> None:
    """Have pictures asked for often, and arrive at once unless a test says otherwise."""
    look_often(monkeypatch)
    driver.lock.camera.upload_seconds = 0


async def test_the_bell(
    hass: HomeAssistant,
    driver: LockDriver,
    linked: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """The event fires at once; the picture is shown once it is there, and is the very one."""
    driver.lock.camera.upload_seconds = NEVER
    driver.do("ring")
    await until(lambda: driver.state(hass, Platform.EVENT, "doorbell").state != STATE_UNKNOWN)
    await until(lambda: asked(driver, PICTURE) > 2)
    assert state(hass, driver, VISITOR) == STATE_UNKNOWN
    [sight] = driver.lock.camera.sights
    upload(sight)
    await until(lambda: state(hass, driver, VISITOR) == when(sight))
    await assert_shown(hass, driver, hass_client, VISITOR, (sight, "Bell"))
    assert state(hass, driver, STAY) == STATE_UNKNOWN
    await idle()


async def test_somebody_stays(
    hass: HomeAssistant,
    driver: LockDriver,
    linked: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """It is the last visitor too while nobody has rung, but then who rings is, not who stays."""
    visitors = follow(hass, driver, VISITOR)
    sight = see(driver, "Stay", ago=10)
    happen(driver, STAYS, ago=10)
    await until(lambda: state(hass, driver, STAY) == when(sight))
    assert state(hass, driver, VISITOR) == when(sight)
    await assert_shown(hass, driver, hass_client, VISITOR, (sight, "Stay"))
    # To the camera it is one thing that is seen: what it saw at first, and later the bell.
    driver.do("ring")
    assert driver.lock.camera.sights == [sight]
    await until(lambda: len(visitors) == 2)
    assert when(sight) == visitors[0] < visitors[1] <= dt_util.utcnow().isoformat()
    await assert_shown(hass, driver, hass_client, VISITOR, (sight, "Bell"))
    assert state(hass, driver, STAY) == when(sight)
    driver.do("stay")
    _, again = driver.lock.camera.sights
    await until(lambda: state(hass, driver, STAY) == when(again))
    assert len(visitors) == 2


async def test_the_bell_s_picture_comes_after_a_newer_one(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry
) -> None:
    """Who stayed is shown since nobody had rung; that is newer, and not taken back."""
    visitors = follow(hass, driver, VISITOR)
    driver.lock.camera.upload_seconds = NEVER
    bell = rang(driver, ago=30)
    await until(lambda: awaited(linked, driver))
    driver.lock.camera.upload_seconds = 0
    driver.do("stay")
    stay = driver.lock.camera.sights[-1]
    await until(lambda: visitors == [when(stay)])
    upload(bell)
    await until(lambda: not awaited(linked, driver))
    await idle()
    assert visitors == [when(stay)]


async def test_what_there_is_at_the_start(
    hass: HomeAssistant, driver: LockDriver, hass_client: ClientSessionGenerator
) -> None:
    """One request finds it; only what is shown is fetched, of the budget. Nobody need ring."""
    older, bell = see(driver, "Bell", ago=7200), see(driver, "Bell", ago=3600)
    stay = see(driver, "Stay", ago=90000)
    see(driver, "FaceUnlock", ago=60)
    driver.simulator.cloud.requests.clear()
    entry = await set_up(hass, driver)
    assert state(hass, driver, VISITOR) == when(bell) > when(older)
    assert state(hass, driver, STAY) == when(stay)
    assert (asked(driver, EVENTS), asked(driver, PICTURE)) == (1, 2)
    spent = (await diagnostics(hass, entry))["link"]["within_an_hour"]
    assert (spent["camera"], spent["pictures"]) == (1, 2)
    await assert_shown(hass, driver, hass_client, VISITOR, (bell, "Bell"))
    await assert_shown(hass, driver, hass_client, STAY, (stay, "Stay"))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_what_an_empty_answer_leads_to(
    hass: HomeAssistant, driver: LockDriver, hass_client: ClientSessionGenerator
) -> None:
    """The list goes on after it, at the start and when somebody rings."""
    driver.lock.camera.searched_ms = 10 * 3600 * 1000
    before = see(driver, "Bell", ago=60)
    entry = await set_up(hass, driver)
    assert state(hass, driver, VISITOR) == when(before)
    visitors = follow(hass, driver, VISITOR)
    bell = rang(driver)
    await until(lambda: visitors)
    assert visitors == [when(bell)]
    await hass.config_entries.async_unload(entry.entry_id)


async def test_nobody_rang(hass: HomeAssistant, driver: LockDriver) -> None:
    """Then the newest that has a picture is the last visitor."""
    see(driver, "Stay", ago=3600)
    face = see(driver, "FaceUnlock", ago=60)
    nobody = see(driver, "FaceUnlock")
    nobody.frames.clear()
    entry = await set_up(hass, driver)
    assert state(hass, driver, VISITOR) == when(face)
    await hass.config_entries.async_unload(entry.entry_id)


async def test_somebody_only_stayed(hass: HomeAssistant, driver: LockDriver) -> None:
    """The one picture is fetched once for both."""
    stay = see(driver, "Stay", ago=3600)
    driver.simulator.cloud.requests.clear()
    entry = await set_up(hass, driver)
    assert state(hass, driver, VISITOR) == state(hass, driver, STAY) == when(stay)
    assert asked(driver, PICTURE) == 1
    await hass.config_entries.async_unload(entry.entry_id)


async def test_one_without_its_picture_at_the_start(
    hass: HomeAssistant, driver: LockDriver
) -> None:
    """The one before it is shown, and its own is not waited for any more."""
    bell = see(driver, "Bell", ago=60)
    driver.lock.camera.keeps_pictures = False
    see(driver, "Bell", ago=pictures.PATIENCE + 1)
    entry = await set_up(hass, driver)
    assert state(hass, driver, VISITOR) == when(bell)
    await hass.config_entries.async_unload(entry.entry_id)


async def test_the_budget_is_spent_at_the_start(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked again later, a few times; a ring does not wait for that."""
    monkeypatch.setattr(pictures, "LOOK_AGAIN", (0, 0))
    see(driver, "Bell", ago=3600)
    driver.simulator.cloud.requests.clear()
    entry = await set_up(hass, driver, **{CONF_APP_REQUESTS: 0})
    assert state(hass, driver, VISITOR) == STATE_UNKNOWN
    assert asked(driver, EVENTS) == 0
    driver.do("ring")
    await until(lambda: state(hass, driver, VISITOR) == when(driver.lock.camera.sights[-1]))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_two_rings_in_quick_succession(
    hass: HomeAssistant,
    driver: LockDriver,
    linked: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """Each gets its own picture, by the same requests; what is shown only ever gets newer."""
    await idle()
    visitors = follow(hass, driver, VISITOR)
    driver.lock.camera.upload_seconds = NEVER
    first = rang(driver, ago=7)
    await until(lambda: asked(driver, PICTURE) > 0)
    second = rang(driver)
    await until(lambda: len(awaited(linked, driver)) == 2)
    upload(first)
    await until(lambda: visitors)
    upload(second)
    await until(lambda: len(visitors) == 2)
    assert visitors == [when(first), when(second)]
    await assert_shown(hass, driver, hass_client, VISITOR, (second, "Bell"))
    await idle()


async def test_the_newer_picture_comes_first(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry
) -> None:
    """The older one is not shown any more, and nobody waits on."""
    visitors = follow(hass, driver, VISITOR)
    driver.lock.camera.upload_seconds = NEVER
    first, second = rang(driver, ago=7), rang(driver)
    await until(lambda: len(awaited(linked, driver)) == 2)
    upload(second)
    await until(lambda: visitors == [when(second)])
    upload(first)
    await until(lambda: not awaited(linked, driver))
    await idle()
    assert visitors == [when(second)]


async def test_whoever_rings_like_mad(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry
) -> None:
    """Only the last few rings are waited for."""
    driver.lock.camera.upload_seconds = NEVER
    rings = [rang(driver, ago) for ago in range(21, -1, -3)]
    await until(
        lambda: [event.when for event in awaited(linked, driver)][3:] > [rings[-2].created / 1000]
    )
    assert len(awaited(linked, driver)) == 4
    upload(rings[-1])
    await until(lambda: state(hass, driver, VISITOR) == when(rings[-1]))
    await until(lambda: not awaited(linked, driver))


async def test_a_lock_on_the_local_network(
    hass: HomeAssistant, driver: LockDriver, hass_client: ClientSessionGenerator
) -> None:
    """Its pictures are there too, where it is linked."""
    driver = nearby(driver)
    driver.lock.camera.upload_seconds = 0
    bell = see(driver, "Bell", ago=60)
    entry = entry_of(hass, {**driver.local_data(NEARBY), CONF_APP: driver.app_data()})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await idle()
    assert state(hass, driver, VISITOR) == when(bell)
    await assert_shown(hass, driver, hass_client, VISITOR, (bell, "Bell"))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_where_nothing_is_linked(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Nothing is there, and nothing is asked."""
    driver.simulator.cloud.requests.clear()
    driver.do("ring")
    await until(lambda: driver.state(hass, Platform.EVENT, "doorbell").state != STATE_UNKNOWN)
    entities = er.async_entries_for_config_entry(er.async_get(hass), loaded.entry_id)
    assert not [entity for entity in entities if entity.domain == Platform.IMAGE]
    assert asked(driver, EVENTS) == 0


async def test_only_for_who_is_signed_in(
    hass: HomeAssistant,
    driver: LockDriver,
    linked: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """Nobody else sees who is at the door."""
    driver.do("ring")
    await until(lambda: state(hass, driver, VISITOR) != STATE_UNKNOWN)
    browser = await hass_client_no_auth()
    entity_id = driver.entity_id(hass, Platform.IMAGE, VISITOR)
    answer = await browser.get(f"/api/image_proxy/{entity_id}")
    assert answer.status == HTTPStatus.FORBIDDEN


NOON = 1790000000.0


def ring(when: float, told: float | None = None, kind: str = "Bell") -> PendingPicture:
    """Return a ring at some seconds past noon, and when it was told."""
    return PendingPicture(kind, NOON + when, NOON + (when + 1 if told is None else told), 0, 0)


def seen(when: float, *kinds: str) -> Seen:
    """Return what was seen at some seconds past noon."""
    of = kinds or ("Bell",)
    return Seen(int((NOON + when) * 1000), of, "", dict.fromkeys(of, ""), True, False)


A, B = ring(0), ring(10)
STAYED = ring(0, kind="Stay")
LATE = ring(0, told=200)
A_LATE, B_LATE = ring(0, told=200), ring(199.5, told=200)
MERGED = seen(-12, "Stay", "Bell")


@pytest.mark.parametrize(
    ("events", "sights", "expected"),
    [
        pytest.param([A], [seen(0.5)], {A: 0}, id="its own"),
        pytest.param([A], [], {}, id="none yet"),
        pytest.param([A], [seen(-61)], {}, id="one before it"),
        pytest.param([A], [seen(17)], {}, id="one after it"),
        pytest.param([A], [seen(-40), seen(0.5)], {A: 1}, id="the nearest"),
        pytest.param([A], [seen(0.5), seen(-40)], {A: 0}, id="the nearest, in any order"),
        pytest.param([A, B], [seen(0.5)], {A: 0}, id="the second is not listed yet"),
        pytest.param([A, B], [seen(10.5)], {B: 0}, id="the first never is"),
        pytest.param([A, B], [seen(0.5), seen(10.5)], {A: 0, B: 1}, id="each its own"),
        pytest.param([A], [seen(0.5, "Stay")], {}, id="another kind"),
        pytest.param([A, STAYED], [MERGED], {A: 0, STAYED: 0}, id="both at once"),
        pytest.param([LATE], [seen(0.5)], {LATE: 0}, id="told late"),
        pytest.param([LATE], [seen(199)], {LATE: 0}, id="the lock's clock is behind"),
        pytest.param([LATE], [seen(100)], {}, id="neither then nor now"),
        pytest.param(
            [A_LATE, B_LATE], [seen(0.5), seen(200)], {A_LATE: 0, B_LATE: 1}, id="both told late"
        ),
    ],
)
@pytest.mark.parametrize("ahead", [0, 900, -900])
def test_which_is_of_which(
    events: list[PendingPicture],
    sights: list[Seen],
    expected: dict[PendingPicture, int],
    ahead: float,
) -> None:
    """A ring never gets a picture of another one, however far the cloud's clock is off."""
    shifted = [replace(one, time=one.time + int(ahead * 1000)) for one in sights]
    frames = [(one, kind) for one in shifted for kind in one.frames]
    found = match(events, frames, ahead)
    assert found == {event: shifted[index] for event, index in expected.items()}


@pytest.mark.parametrize(
    ("one", "ahead", "taken"),
    [
        (seen(-12), 0, -12),
        (MERGED, 0, 1),
        (MERGED, 900, 901),
        (seen(5, "Stay", "Bell"), 0, 5),
    ],
)
def test_when_it_was_taken(one: Seen, ahead: float, taken: float) -> None:
    """What joined something that was seen before was seen when it happened."""
    assert A.taken(one, ahead) == NOON + taken
