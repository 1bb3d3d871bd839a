"""Why something did not work, as who has Home Assistant in Chinese reads it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import translation
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.const import DOMAIN
from simulator import faults
from tests.documents import PROJECT
from tests.lock_driver import until
from tests.lock_harness import LockHarness, fix
from tests.recordings import RECORDING, SOURCE, saw, sit_down

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from tests.lock_driver import LockDriver

TEXTS: Final = json.loads(
    (PROJECT / "custom_components" / DOMAIN / "translations/zh-Hans.json").read_text(
        encoding="utf-8"
    )
)
ACTION: Final = "/app/v2/miotspec/action"
QUICKLY: Final = aiohttp.ClientTimeout(total=0.5)


@pytest.fixture(autouse=True)
async def _chinese(hass: HomeAssistant) -> None:
    """Have Home Assistant speak Chinese."""
    translation.async_setup(hass)
    await hass.config.async_update(language="zh-Hans")
    await hass.async_block_till_done()


def as_shown(key: str | None, placeholders: Any) -> str:
    """Return an error as the frontend shows it: the translation, filled with what we give."""
    assert key
    text: str = TEXTS["exceptions"][key]["message"]
    return text.format(**placeholders)


def is_chinese(text: str) -> bool:
    """Say whether there is no English in a text but names and what is in brackets."""
    rest = re.sub(r"（[^）]*）|Front door", "", text)
    return not re.search("[A-Za-z{}]", rest)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.status(500), "返回错误（HTTP 500）"),
        (faults.silence, "未及时应答"),
        (faults.cut_within, "无法建立连接（ClientPayloadError）"),
        (faults.spoilt(lambda _: b"<html>"), "应答内容无法使用"),
        (faults.status(429), "对方要求暂停 60 秒"),
    ],
    ids=["500", "silence", "cut", "html", "429"],
)
async def test_an_action_fails(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch, fault: faults.Fault, reason: str
) -> None:
    """It is said why, in Chinese alone."""
    monkeypatch.setattr("custom_components.xiaomi_smart_lock.miot.http.TIMEOUT", QUICKLY)
    harness.driver.simulator.cloud.disturb_next(fault, ACTION)
    with pytest.raises(HomeAssistantError) as failure:
        await harness.call(Platform.BUTTON, "press", "fetch_history")
    said = as_shown(failure.value.translation_key, failure.value.translation_placeholders)
    assert said == f"无法连接“Front door”：{reason}。未确认有任何更改。"
    assert is_chinese(said)


async def test_the_cloud_is_down(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry
) -> None:
    """The integration's page says why it is tried again."""
    driver.simulator.cloud.online = False
    await hass.config_entries.async_setup(entry.entry_id)
    driver.simulator.cloud.online = True
    assert entry.state is ConfigEntryState.SETUP_RETRY
    said = as_shown(entry.error_reason_translation_key, entry.error_reason_translation_placeholders)
    assert said.startswith("无法连接小米云端：")
    assert is_chinese(said)


async def test_a_recording_cannot_be_had(
    hass: HomeAssistant,
    driver: LockDriver,
    linked: MockConfigEntry,
    hass_ws_client: Any,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """The media browser shows what it is told, in whatever language that is."""
    viewer = await sit_down(hass, hass_ws_client, hass_client, hass_client_no_auth)
    sight = saw(driver, dt_util.now() - timedelta(hours=1), "Bell")
    place = f"{SOURCE}/{driver.lock.did}/{sight.created}"
    driver.simulator.cloud.disturb_next(faults.status(500), RECORDING, 2)
    said = await viewer.refused("resolve_media", place)
    assert said == "小米云端没有给出可显示的内容：返回错误（HTTP 500）。请稍后重试。"
    assert is_chinese(said)
    said = await viewer.refused("browse_media", f"{SOURCE}/{driver.lock.did}/yesterday")
    assert is_chinese(said)


async def test_a_repair_fails(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, harness: LockHarness
) -> None:
    """It says why: the lock is asleep."""
    harness.driver.lock.clock_offset = 600
    harness.driver.do("fingerprint", 3)
    await until(lambda: harness.issue("clock_off"))
    await harness.put_to_sleep()
    result = await fix(hass, hass_client, harness.issue("clock_off"))
    said = result["description_placeholders"]["error"]
    assert said == "“Front door”正在休眠。请触摸门锁将其唤醒，然后重试。"
