"""Locks of other models: what they tell is understood as ``models.json`` has it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_get_translations, async_translate_state

from custom_components.xiaomi_smart_lock.const import DOMAIN
from simulator.facts import FACTS
from simulator.siblings import INVENTED, MODELS

from .lock_driver import until
from .lock_harness import diagnostics
from .people import give
from .siblings import becomes, keys, sibling

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from simulator.facts import Facts

    from .lock_driver import LockDriver
    from .lock_harness import LockHarness

EXPECTED: Final = (
    "xiaomi.lock.m30fa",
    "xiaomi.lock.m30max",
    "xiaomi.lock.s20pro",
    "xiaomi.lock.s2",
    "xiaomi.lock.b03",
    "loock.lock.r2",
    "loock.lock.fcl201",
    "loock.lock.h01lyk",
    "loock.lock.h01myk",
    "lumi.lock.mcn002",
)
GENERIC: Final = (
    "loock.lock.t3pul",
    "loock.lock.v5",
    "lumi.lock.mcn01",
    "lumi.lock.bmcn05",
    "lumi.lock.wbmcn1",
    INVENTED,
)
WITH_EXCEPTIONS: Final = ("xiaomi.lock.m30fa", "xiaomi.lock.b03", "loock.lock.fcl201")
"""The models whose exceptions are known."""
FINGER: Final = 7

# The integration's words for those of models.json, where they differ
DURESS: Final = ("duress", "duress_fingerprint")
METHODS: Final = {
    "palm": "palm_vein",
    "double": "double_verification",
    "key": "mechanical_key",
    "key/knob": "mechanical_key_or_emergency_knob",
    **dict.fromkeys(DURESS, "fingerprint"),
}
EXCEPTIONS: Final = {
    "prised": "possible_tampering",
    "inside_after_away": "unlocked_inside_or_by_key_while_away",
    "reset": "lock_reset",
}


def of_sibling(model: str) -> Facts:
    """Return what is known of a model."""
    return MODELS[model].facts


async def told(harness: LockHarness, key: str, **attributes: Any) -> None:
    """Wait until an event entity shows attributes."""
    await until(lambda: attributes.items() <= harness.attributes("event", key).items())


# Where the door state is a bit field: whether the bolt is out and what is on before an action, the
# action by its words, and the same after it
BOTH: Final = {"deadbolt", "child_lock"}
MOVES: Final[tuple[tuple[str, set[str], tuple[str, ...], str, set[str]], ...]] = (
    ("locked", BOTH, ("deadbolt_off",), "locked", {"child_lock"}),
    ("locked", BOTH, ("child_lock_off",), "locked", {"deadbolt"}),
    ("locked", {"deadbolt"}, ("child_lock_on",), "locked", BOTH),
    ("locked", {"child_lock"}, ("deadbolt_on",), "locked", BOTH),
    ("locked", {"deadbolt"}, ("deadbolt_off",), "locked", set()),
    ("locked", BOTH, ("unlocked",), "unlocked", {"child_lock"}),
    ("unlocked", {"child_lock"}, ("deadbolt_on",), "locked", BOTH),
    ("unlocked", {"child_lock"}, ("locked", "locked_automatically"), "locked", {"child_lock"}),
    ("unlocked", {"child_lock"}, ("child_lock_off",), "unlocked", set()),
    ("locked", BOTH, ("away_on",), "locked", BOTH),
)


@pytest.mark.parametrize("model", [one for one in EXPECTED if FACTS[one].bits])
async def test_an_event_moves_bits_at_once(
    hass: HomeAssistant, driver: LockDriver, model: str
) -> None:
    """Bolt, deadbolt and child lock are as an event says before the lock tells them itself."""
    facts = FACTS[model]
    assert facts.door
    async with sibling(hass, driver, model) as harness:

        def shown() -> tuple[str, set[str]]:
            on = {key for key in BOTH if harness.state("binary_sensor", key) == "on"}
            return harness.state("lock", "lock"), on

        async def becomes_all(*before: object) -> None:
            await until(lambda: shown() == before)

        for number, (bolt, bits, words, *after) in enumerate(MOVES):
            value = facts.number("door_state", bolt) + sum(facts.bits[one] for one in bits)
            harness.driver.push_property(facts.door, value)
            await becomes_all(bolt, bits)
            happens = {
                "position": facts.number("position", "inside"),
                "method": facts.number("method", "fingerprint"),
                "action": facts.number("action", *words),
                "id": number,
                "time": int(time.time()),
            }
            arguments = [
                {"piid": piid, "value": happens[name]} for name, piid in facts.arguments.items()
            ]
            harness.driver.push_arguments(facts.event, arguments)
            await told(harness, "lock_event", operation_id=number)
            assert shown() == tuple(after), (bolt, bits, words)


@pytest.mark.parametrize("model", EXPECTED)
async def test_a_day(hass: HomeAssistant, driver: LockDriver, model: str) -> None:
    """Somebody comes home, and what else happens at a door."""
    facts = FACTS[model]
    async with sibling(hass, driver, model) as harness:
        fingerprint = facts.number("method", "fingerprint")
        give(hass, harness.entry, "Ming", (fingerprint, FINGER))

        harness.driver.do("unlock", "fingerprint", operation_id=FINGER)
        await told(
            harness,
            "lock_event",
            event_type="unlocked",
            method="fingerprint",
            position="outside",
            operation_id=FINGER,
        )
        await becomes(harness, "lock", "lock", "unlocked")
        assert harness.attributes("lock", "lock")["changed_by"] == "Ming"
        await becomes(harness, "sensor", "last_person", "Ming")
        assert harness.attributes("event", "unlocking")["event_type"] == "unlocked_outside"

        harness.driver.do("open_door")
        await becomes(harness, "binary_sensor", "door", "on")
        await becomes(harness, "lock", "lock", "unlocked")
        harness.driver.do("leave_ajar")
        await becomes(harness, "sensor", "door_state", "ajar")
        assert harness.state("binary_sensor", "door") == "on"

        harness.driver.do("close_door")
        await becomes(harness, "binary_sensor", "door", "off")
        await becomes(harness, "lock", "lock", "locked")
        harness.driver.do("deadbolt", on=True)
        await told(harness, "lock_event", event_type="deadbolt_on", position="inside")
        await becomes(harness, "lock", "lock", "locked")
        tells = bool(facts.bits) or facts.has("door_state", "deadbolt_on")
        assert ("binary_sensor.deadbolt" in keys(hass, harness)) is tells
        if tells:
            await becomes(harness, "binary_sensor", "deadbolt", "on")
            harness.driver.do("child_lock", on=True)
            await becomes(harness, "binary_sensor", "child_lock", "on")
            harness.driver.do("deadbolt", on=False)
            await becomes(harness, "binary_sensor", "deadbolt", "off")

        harness.driver.do("press_inside_button")
        await told(harness, "lock_event", event_type="unlocked", position="inside")
        if facts.has("method", "inside_button"):
            assert harness.attributes("event", "lock_event")["method"] == "inside_button"
        assert harness.state("event", "duress") == "unknown"

        harness.driver.do("set_battery", 55)
        await becomes(harness, "sensor", "battery", "55")
        assert ("event.doorbell" in keys(hass, harness)) is bool(facts.bells)
        if facts.bells:
            harness.driver.do("ring")
            await told(harness, "doorbell", event_type="ring")


@pytest.mark.parametrize("model", EXPECTED)
async def test_methods(hass: HomeAssistant, driver: LockDriver, model: str) -> None:
    """Each method is what its number means on this model; duress is shown as a fingerprint."""
    async with sibling(hass, driver, model) as harness:
        duress = harness.events("duress")
        for number, word in sorted(FACTS[model].words["method"].items()):
            told_before = len(duress)
            harness.driver.do("unlock", word, operation_id=number)
            method = METHODS.get(word, word)
            await told(harness, "lock_event", method=method, operation_id=number)
            assert len(duress) - told_before == (word in DURESS)


@pytest.mark.parametrize("model", WITH_EXCEPTIONS)
async def test_exceptions(hass: HomeAssistant, driver: LockDriver, model: str) -> None:
    """What is wrong is told in words."""
    async with sibling(hass, driver, model) as harness:
        for word, ours in EXCEPTIONS.items():
            harness.driver.do("report", word)
            await told(harness, "exception", event_type=ours)
            await becomes(harness, "sensor", "last_exception", ours)


@pytest.mark.parametrize("model", GENERIC)
async def test_generic(hass: HomeAssistant, driver: LockDriver, model: str) -> None:
    """A lock without tables shows what it tells, says no word of more, and can do nothing."""
    async with sibling(hass, driver, model) as harness:
        found = keys(hass, harness)
        able = {"switch", "select", "number", "text", "time", "lock", "button"}
        assert not {key for key in found if key.partition(".")[0] in able}
        assert not found & {"event.duress", "sensor.last_person", "binary_sensor.door"}
        facts = of_sibling(model)
        happened = "event_event_{}_{}".format(*facts.event).removeprefix("event_")
        harness.driver.do("unlock", next(iter(facts.words["method"].values())))
        await until(lambda: harness.state("event", happened) != "unknown")
        shown = harness.attributes("event", happened)
        method = shown.get("operation_method")
        assert method is not None
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), harness.entry.entry_id)
        [device] = [one for one in devices if (DOMAIN, harness.driver.lock.did) in one.identifiers]
        assert device.model is not None
        assert "(generic" in device.model
        assert device.manufacturer == model.partition(".")[0].capitalize()
        for battery in facts.batteries[:1]:
            harness.driver.do("set_battery", 41)
            key = "battery" if "sensor.battery" in found else "property_{}_{}".format(*battery)
            await becomes(harness, "sensor", key, "41")
        told_of = await diagnostics(hass, harness.entry)
        assert told_of["locks"][0]["specification"] == facts.urn


@pytest.mark.parametrize("model", [*EXPECTED, "xiaomi.lock.d100e", GENERIC[0]])
async def test_nothing_waits(hass: HomeAssistant, driver: LockDriver, model: str) -> None:
    """Of waiting changes nothing is shown where nothing can be set, now and when it was before."""
    settings = {"switch", "select", "number", "text", "time"}
    async with sibling(hass, driver, model) as harness:
        found = keys(hass, harness)
        waits = {"sensor.pending_changes", "button.discard_pending"}
        if settings & {key.partition(".")[0] for key in found}:
            assert found >= waits
            return
        assert not found & waits
        registry = er.async_get(hass)
        for platform, key in (key.split(".") for key in waits):
            registry.async_get_or_create(
                platform,
                DOMAIN,
                f"{harness.driver.lock.did}-{key}",
                config_entry=harness.entry,
            )
        await harness.stop()
        await harness.start()
        assert keys(hass, harness) == found


async def test_d100e(hass: HomeAssistant, driver: LockDriver) -> None:
    """The family of its own is read, and its log is told in words; it cannot be unlocked."""
    async with sibling(hass, driver, "xiaomi.lock.d100e") as harness:
        await becomes(harness, "lock", "lock", "locked")
        harness.driver.do("unlock", "fingerprint", operation_id=FINGER)
        await told(harness, "event_22_1", operation_type="unlocked_by_fingerprint")
        await becomes(harness, "lock", "lock", "unlocked")
        harness.driver.do("open_door")
        await becomes(harness, "binary_sensor", "door", "on")
        harness.driver.do("close_door")
        await becomes(harness, "binary_sensor", "door", "off")
        await becomes(harness, "lock", "lock", "locked")
        harness.driver.do("report", "left_open")
        await told(harness, "event_22_2", alarm_type="left_open")
        harness.driver.do("report", "duress")
        await told(harness, "event_22_2", alarm_type="alarm")
        harness.driver.do("set_battery", 33)
        await becomes(harness, "sensor", "property_21_1", "33")
        assert harness.attributes("sensor", "property_21_1")["device_class"] == "battery"
        assert not keys(hass, harness) & {"event.duress", "sensor.last_person", "button.wake"}
        with pytest.raises(HomeAssistantError):
            await harness.call("lock", "unlock", "lock")


@pytest.mark.parametrize(("language", "said"), [("en", "Closed"), ("zh-Hans", "已关闭")])
async def test_words_that_many_locks_use(
    hass: HomeAssistant, driver: LockDriver, language: str, said: str
) -> None:
    """A usual state reads in the user's language, whatever language the specification has."""
    await hass.config.async_update(language=language)
    async with sibling(hass, driver, INVENTED) as harness:
        harness.driver.do("close_door")
        siid, piid = MODELS[INVENTED].facts.door or (0, 0)
        await becomes(harness, "sensor", f"property_{siid}_{piid}", "closed")
        entity_id = harness.driver.entity_id(hass, "sensor", f"property_{siid}_{piid}")
        entity = er.async_get(hass).async_get(entity_id)
        assert entity
        await async_get_translations(hass, language, "entity", [DOMAIN])
        key = entity.translation_key
        assert async_translate_state(hass, "closed", "sensor", DOMAIN, key, None) == said
        assert async_translate_state(hass, "杂", "sensor", DOMAIN, key, None) == "杂"


async def test_generic_in_chinese(hass: HomeAssistant, driver: LockDriver) -> None:
    """What the specification calls in Chinese is called so, the service beside it too."""
    await hass.config.async_update(language="zh-Hans")
    async with sibling(hass, driver, "loock.lock.v5") as harness:
        entities = er.async_entries_for_config_entry(er.async_get(hass), harness.entry.entry_id)
        names = {entity.original_name for entity in entities}
        assert {"状态（门锁）", "状态（门）", "开锁"} <= names
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), harness.entry.entry_id)
        assert "（通用：按规格原样显示）" in str(devices[0].model)
