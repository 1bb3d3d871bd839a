"""What the session of the Mi Home app is made of is found nowhere that others look."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.data_entry_flow import FlowResultType

from custom_components.xiaomi_smart_lock.account.app_session import Service
from custom_components.xiaomi_smart_lock.const import CONF_APP
from custom_components.xiaomi_smart_lock.media import views
from simulator import app_cloud, faults, recording

from .lock_driver import LockDriver, until
from .lock_harness import app_session, lock_of
from .pictures import look_often
from .recordings import EVENTS, PICTURE, RECORDING, SOURCE, sit_down

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from .leak_detector import LeakDetector

SECRET: Final = ("ssecurity", "service_token", "pass_token", "cuser_id", "device_id")

pytestmark = pytest.mark.usefixtures("everything_logged")


def session(entry: ConfigEntry[Any]) -> set[str]:
    """Return what nobody is to see of an entry's session."""
    return {entry.data[CONF_APP][name] for name in SECRET}


async def test_pictures(
    hass: HomeAssistant,
    driver: LockDriver,
    linked: ConfigEntry[Any],
    leak_detector: LeakDetector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a picture is asked for with, and by whom, while all goes wrong and at last well."""
    look_often(monkeypatch)
    driver.lock.camera.upload_seconds = 0
    cloud = driver.simulator.cloud
    those = session(linked)
    for path in (app_cloud.EVENTS, app_cloud.PICTURE):
        for fault in (faults.cut, faults.status(500), faults.spoilt(lambda _: b"{}")):
            cloud.disturb_next(fault, path)
    cloud.app_accounts.expire_service_tokens()
    driver.do("ring")
    await until(lambda: driver.state(hass, "image", "last_visitor").state != "unknown")
    those |= session(linked)
    await leak_detector.look_around(linked)
    cloud.app_accounts.revoke(driver.account)
    driver.lock.clock_offset = 3  # Rings within a second or two are one.
    driver.do("ring")
    await until(hass.config_entries.flow.async_progress)
    await leak_detector.look_around(linked)
    for sight in driver.lock.camera.sights:
        those |= {sight.file_id, sight.frames["Bell"].store_id}
    leak_detector.assert_never_heard(those)


async def test_linking(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    issued: list[str],
    leak_detector: LeakDetector,
    quick_browser: None,
) -> None:
    """Who scans the code, refuses, is somebody else, or meets a service that is down."""
    configure = hass.config_entries.flow.async_configure
    cloud = driver.simulator.cloud
    accounts = cloud.app_accounts
    another = driver.simulation.call(driver.simulator.add_account, "Mei")
    flow = await loaded.start_reconfigure_flow(hass)
    flow_id = flow["flow_id"]
    await configure(flow_id, {"next_step_id": "link"})
    cloud.refuse_next(500, "loginUrl")
    await configure(flow_id, {})
    await hass.async_block_till_done()
    shown: Any = await configure(flow_id)
    assert shown["step_id"] == "another_code"
    await configure(flow_id, {})
    codes = []
    for act, account in (("refuse", ()), ("confirm", (another,)), ("confirm", (driver.account,))):
        await hass.async_block_till_done()
        shown = await configure(flow_id)
        code = shown["data_schema"].schema["qr_code"].config["data"]
        codes.append(code.rpartition("/")[2])
        driver.simulation.call(getattr(accounts, act), code, *account)
        while shown["type"] is FlowResultType.FORM and shown["step_id"] == "scan":
            await asyncio.sleep(0.01)
            shown = await configure(flow_id)
        await until(lambda: loaded.state is ConfigEntryState.LOADED)  # It is reloaded once linked.
        await leak_detector.look_around(loaded)
        if shown["type"] is FlowResultType.FORM:
            await configure(flow_id, {})
    assert shown["reason"] == "linked"
    await hass.async_block_till_done()
    await leak_detector.look_around(loaded)
    those = session(loaded)
    assert set(codes) < set(issued)
    leak_detector.assert_never_heard(
        those | set(issued) - set(codes) | {f"V1:{one}" for one in issued}
    )


async def test_recordings_and_the_journal(
    hass: HomeAssistant,
    driver: LockDriver,
    linked: MockConfigEntry,
    issued: list[str],
    leak_detector: LeakDetector,
    hass_ws_client: Any,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """Listed and played, while all goes wrong and at last well: browsers see none of it either."""
    driver.lock.camera.upload_seconds = 0
    driver.do("ring")
    sight = driver.lock.camera.sights[0]
    viewer = await sit_down(hass, hass_ws_client, hass_client, hass_client_no_auth)
    item = f"{SOURCE}/{driver.lock.did}/{sight.created}"
    cloud = driver.simulator.cloud
    link = app_session(linked)
    seen: list[str] = []
    for path in (EVENTS, RECORDING, PICTURE):
        for fault in (faults.status(502), faults.spoilt(lambda _: b"{}"), faults.cut):
            cloud.disturb_next(fault, path)
            if path == PICTURE:
                thumbnail = views.path(driver.lock.did, sight.created, views.PICTURE)
                seen += [str(await (await viewer.http.get(thumbnail)).read())]
            else:
                seen += [str(await viewer._ask("resolve_media", item))]
            link._allowances[Service.CAMERA].pause._until = 0.0
    assert any("502" in said for said in seen)
    cloud.calm()
    found = await viewer.resolve(item)
    playlist = await (await viewer.anybody.get(found["url"])).text()
    seen.append(playlist)
    segments = await viewer.segments(found["url"])
    assert len(segments) == recording.PARTS
    seen.append(str((await viewer.anybody.get(segments[-1])).headers))
    those = session(linked) | set(issued) | {sight.file_id, sight.video_id}
    those |= {frame.store_id for frame in sight.frames.values()}
    assert issued
    await until(lambda: lock_of(linked, driver).journal.changes)
    await leak_detector.look_around(linked)
    leak_detector.noted += seen
    leak_detector.assert_never_heard(those)
