"""Locks of families that nobody knows, with odd specifications."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.const import MATCH_ALL
from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er

from custom_components.xiaomi_smart_lock.model.roles import DURESS
from custom_components.xiaomi_smart_lock.undescribed import KEY, MOST

from .lock_driver import until
from .lock_harness import diagnostics
from .odd_locks import ODD, add_odd
from .siblings import becomes, keys, sibling, troubles

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .lock_driver import LockDriver
    from .lock_harness import LockHarness, Storage


def names(hass: HomeAssistant, harness: LockHarness) -> dict[str, str | None]:
    """Return the names of the lock's entities by key."""
    registry = er.async_get(hass)
    return {
        key: entity.original_name
        for entity in er.async_entries_for_config_entry(registry, harness.entry.entry_id)
        if (key := entity.unique_id.partition("-")[2])
    }


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
@pytest.mark.parametrize("model", ODD)
async def test_set_up(
    hass: HomeAssistant,
    driver: LockDriver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    model: str,
    language: str,
) -> None:
    """Each is set up and survives a restart without an error; nothing of it can be set.

    No two of its items are called the same, in either language.
    """
    hass.config.language = language
    add_odd(monkeypatch, model)
    async with sibling(hass, driver, model) as harness:
        before = keys(hass, harness)
        await harness.stop()
        await harness.start()
        assert keys(hass, harness) == before
        called = [name for key, name in names(hass, harness).items() if KEY.fullmatch(key)]
        assert len({*called}) == len(called)
        platforms = {key.partition(".")[0] for key in before}
        assert not platforms & {"lock", "switch", "select", "number", "text"}
    assert troubles(caplog) == []


async def test_times(
    hass: HomeAssistant,
    driver: LockDriver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Times and ids that are no numbers are shown as they came."""
    add_odd(monkeypatch, "odd.lock.times")
    async with sibling(hass, driver, "odd.lock.times") as harness:
        rung = harness.events("doorbell")
        told = harness.attributes
        for number, (time, shown) in enumerate(
            (("2026-11-29 20:02:00", "2026-11-29 20:02:00"), ("", ""), ("soon", "soon"))
        ):
            items = [time, f"0x{number}f", 1, 3]
            pushed = [{"piid": piid + 1, "value": value} for piid, value in enumerate(items)]
            harness.driver.push_event((2, 1), *pushed)
            await until(lambda: told("event", "event_2_1").get("operation_id") == f"0x{number}f")  # noqa: B023
            assert told("event", "event_2_1")["current_time"] == shown
        for moment in (-5, 9_000_000_000_000_000_000, 1_764_400_000_123):
            harness.driver.push_event((3, 1), {"piid": 1, "value": moment})
        harness.driver.push_event((2, 2))
        await until(lambda: told("event", "event_2_2").get("event_type") == "nothing")
        assert rung[-1]["device_time"] in (-5, 1_764_400_000_123)
    assert troubles(caplog) == []


async def test_units(
    hass: HomeAssistant,
    driver: LockDriver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A text or a word has no unit, and a battery that tells words has no percentage."""
    add_odd(monkeypatch, "odd.lock.units")
    async with sibling(hass, driver, "odd.lock.units") as harness:
        harness.driver.push_property((2, 1), 1)
        await becomes(harness, "sensor", "property_2_1", "long")
        harness.driver.push_property((2, 2), "full")
        await becomes(harness, "sensor", "property_2_2", "full")
        harness.driver.push_property((2, 4), -9)
        await becomes(harness, "sensor", "property_2_4", "-9")
        assert harness.attributes("sensor", "property_2_4")["unit_of_measurement"] == "°C"
        harness.driver.push_property((3, 1), 1)
        await becomes(harness, "sensor", "property_3_1", "low")
        assert "sensor.battery" not in keys(hass, harness)
    assert troubles(caplog) == []


async def test_levels(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A level that is none is not known."""
    add_odd(monkeypatch, "odd.lock.levels")
    async with sibling(hass, driver, "odd.lock.levels") as harness:
        harness.driver.push_property((2, 1), 80)
        await becomes(harness, "sensor", "battery", "80")
        harness.driver.push_property((2, 1), 255)
        await becomes(harness, "sensor", "battery", "unknown")
        harness.driver.push_property((3, 1), "good")
        await becomes(harness, "sensor", "property_3_1", "good")
        assert harness.state("sensor", "battery") == "unknown"


async def test_numbers(
    hass: HomeAssistant,
    driver: LockDriver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An event is shown beside a property of the same number, and what is twice is one."""
    add_odd(monkeypatch, "odd.lock.numbers")
    async with sibling(hass, driver, "odd.lock.numbers") as harness:
        found = keys(hass, harness)
        assert {"event.event_2_1", "event.event_3_1", "sensor.battery", "event.doorbell"} <= found
        assert "sensor.property_4_1" in found
        assert "sensor.property_2_1" not in found
        harness.driver.push_event((2, 1))
        await until(
            lambda: harness.attributes("event", "event_2_1").get("event_type") == "unlocked"
        )


async def test_formats(
    hass: HomeAssistant,
    hass_storage: Storage,
    driver: LockDriver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What nobody can show is left alone, and no secret is anywhere."""
    add_odd(monkeypatch, "odd.lock.formats")
    secrets: list[Any] = ["Swordfish1", "Swordfish2", "Swordfish3", 918273645, 918273]
    async with sibling(hass, driver, "odd.lock.formats") as harness:
        assert keys(hass, harness) & {f"sensor.property_2_{n}" for n in range(1, 9)} == set()
        assert "sensor.property_2_9" in keys(hass, harness)
        for piid, value in zip((3, 4, 5, 6, 7), secrets, strict=True):
            harness.driver.push_property((2, piid), value)
        harness.driver.push_property((2, 1), "0AFF")
        fired = harness.events("event_2_1")
        given = {3: secrets[0], 6: secrets[3], 7: secrets[4]}
        harness.driver.push_event((2, 1), *[{"piid": p, "value": v} for p, v in given.items()])
        await until(lambda: fired)
        told = [str(await diagnostics(hass, harness.entry))]
        told.append(str([one.as_dict() for one in hass.states.async_all()]))
        await harness.stop()
        told.append(json.dumps({key: one for key, one in hass_storage.items() if "xiaomi" in key}))
        told.append("\n".join(one.getMessage() for one in caplog.records if "xiaomi" in one.name))
        for number, text in enumerate(told):
            leaked = [secret for secret in map(str, secrets) if secret in text]
            assert not leaked, number
        assert "2.1" not in told[-1]
        await harness.start()


async def test_texts(
    hass: HomeAssistant,
    driver: LockDriver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each value has a state of its own, however it is described."""
    add_odd(monkeypatch, "odd.lock.texts")
    async with sibling(hass, driver, "odd.lock.texts") as harness:
        shown = {0: "_", 1: "__1", 2: "_20_", 3: "_20__3", 4: "开"}
        for value, state in shown.items():
            harness.driver.push_property((2000, 1001), value)
            await becomes(harness, "sensor", "property_2000_1001", state)
        harness.driver.push_property((2000, 1001), -1)
        await until(lambda: harness.state("sensor", "property_2000_1001")[:5] == "很长的说明")
        harness.driver.push_event((2000, 1020), {"piid": 1001, "value": 65535})
        harness.driver.push_event((2001, 1))
        await until(
            lambda: harness.attributes("event", "event_2000_1020").get("event_type") is not None
        )
    assert troubles(caplog) == []


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
async def test_duress(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """Who forces somebody to open the door reads it nowhere, and nothing claims it."""
    hass.config.language = language
    add_odd(monkeypatch, "odd.lock.forced")
    seen: list[str] = []
    hass.bus.async_listen(MATCH_ALL, callback(lambda event: seen.append(f"{event.as_dict()}")))
    async with sibling(hass, driver, "odd.lock.forced") as harness:
        push = harness.driver.push_property
        for address, value, state in (
            ((2, 1), 1, "fingerprint"),
            ((2, 1), 2, "2"),
            ((2, 2), 2, "ajar"),
            ((2, 2), 1, "1"),
            ((2, 3), 3, "good"),
            ((2, 3), 1, "1"),
            ((2, 3), 2, "2"),
            *(((2, 7), number, f"{number}") for number in range(1, 6)),
            ((2, 7), 6, "pried"),
        ):
            push(address, value)
            await becomes(harness, "sensor", "property_{}_{}".format(*address), state)
        for address, value in (((2, 4), True), ((2, 5), 1), ((2, 6), True), ((3, 1), True)):
            push(address, value)
        forced = ((1, 2), (2, 1), (3, 1), (4, True), (5, 1), (6, True))
        arguments = [{"piid": piid, "value": value} for piid, value in forced]
        for happened in ((2, 2), (2, 3), (2, 5), (2, 6), (3, 1), (2, 4), (2, 1)):
            harness.driver.push_event(happened, *arguments)
        await until(lambda: harness.attributes("event", "event_2_1").get("operation_method"))
        told = harness.attributes("event", "event_2_1")
        assert {told["operation_method"], told["abnormal_condition"], told["mood"]} == {"1", "2"}
        events = {key for key in keys(hass, harness) if key.startswith("event.")}
        assert events == {"event.event_2_1", "event.event_2_4"}
        seen += [str(one.as_dict()) for one in hass.states.async_all()]
        seen += [str(one.as_partial_dict) for one in er.async_get(hass).entities.values()]
        telling = [text for text in seen if DURESS.search(text.lower())]
        assert telling == []


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
async def test_chinese(
    hass: HomeAssistant,
    driver: LockDriver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    language: str,
) -> None:
    """What is called alike is told apart by its service, and says nothing of a door or a bolt."""
    hass.config.language = language
    add_odd(monkeypatch, "odd.lock.chinese")
    async with sibling(hass, driver, "odd.lock.chinese") as harness:
        found = keys(hass, harness)
        assert not {key.partition(".")[2] for key in found} & {
            "door",
            "lock",
            "door_state",
            "battery",
        }
        called = names(hass, harness)
        assert called["property_2_3"] == "最近一次开锁时间"
        assert "property_2_4" not in called
        for value, state in ((0, "已上锁"), (1, "已打开")):
            harness.driver.push_property((2, 1), value)
            await becomes(harness, "sensor", "property_2_1", state)
        harness.driver.push_property((2, 2), 2)
        await becomes(harness, "sensor", "property_2_2", "2")
        harness.driver.push_property((2, 5), 1_764_400_000_123)
        await becomes(harness, "sensor", "property_2_5", "1764400000123")
        harness.driver.push_property((3, 1), "true")
        await becomes(harness, "binary_sensor", "property_3_1", "on")
        harness.driver.push_event((2, 1), {"piid": 1, "value": 0}, {"piid": 5, "value": "soon"})
        await until(lambda: harness.attributes("event", "event_2_1").get("p1") == "已上锁")
        harness.driver.push_event((2, 2), {"piid": 4, "value": "1"})
        await until(lambda: harness.attributes("event", "event_2_2").get("p4") is True)
    assert troubles(caplog) == []


async def test_types(
    hass: HomeAssistant,
    driver: LockDriver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A value that does not fit is not known, and one that does is shown by its words."""
    add_odd(monkeypatch, "odd.lock.types")
    async with sibling(hass, driver, "odd.lock.types") as harness:
        found = keys(hass, harness)
        assert {"binary_sensor.property_2_1", "event.event_2_1"} <= found
        assert "event.event_2_2" not in found
        assert not {key.partition(".")[0] for key in found} & {"number", "switch", "select"}
        for told, state in (("true", "on"), (0, "off"), ("false", "off"), (2, "unknown")):
            harness.driver.push_property((2, 1), told)
            await becomes(harness, "binary_sensor", "property_2_1", state)
        for told, state in (("9007199254740993", "9007199254740993"), (-1, "unknown")):
            harness.driver.push_property((2, 5), told)
            await becomes(harness, "sensor", "property_2_5", state)
        harness.driver.push_event((2, 1), {"piid": 1, "value": "yes"}, {"piid": 2, "value": 2**63})
        lock = harness.driver.lock
        given = ({"piid": 1, "value": "1"}, {"piid": 2, "value": str(lock.time)})
        harness.driver.push_event((2, 1), *given)
        await until(lambda: harness.attributes("event", "event_2_1").get("lock_state") is True)
    assert troubles(caplog) == []


async def test_huge(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more entities than somebody can look at, all by different names."""
    add_odd(monkeypatch, "odd.lock.huge")
    async with sibling(hass, driver, "odd.lock.huge") as harness:
        called = [name for key, name in names(hass, harness).items() if key[-1].isdigit()]
        assert len(called) == MOST
        ids = [one.entity_id for one in er.async_get(hass).entities.values()]
        assert len({*ids}) == len(ids)


async def test_in_one_second(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happens twice in a second, with other arguments, happens twice; again, it does not."""
    add_odd(monkeypatch, "odd.lock.chinese")
    async with sibling(hass, driver, "odd.lock.chinese") as harness:
        fired = harness.events("event_2_1")
        for value in (0, 0, 1, 1, 0):
            harness.driver.push_event((2, 1), {"piid": 1, "value": value}, {"piid": 5, "value": 9})
        harness.driver.push_event((2, 1), {"piid": 1, "value": 0}, {"piid": 5, "value": 10})
        await until(lambda: [one["p1"] for one in fired] == ["已上锁", "已打开", "已上锁"])
