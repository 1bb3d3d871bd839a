"""Who opened the door: said once, then known everywhere."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigSubentry,
    SubentryFlowContext,
)
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import ServiceValidationError
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.xiaomi_smart_lock.const import CONF_LATE_AFTER, DOMAIN
from custom_components.xiaomi_smart_lock.people import async_assign, person_of
from custom_components.xiaomi_smart_lock.users import Credential

from .actor import Actor, until
from .conftest import LOCAL_HOST, TEN_YEARS
from .test_config_flow import add_lock
from .test_events import shown

if TYPE_CHECKING:
    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.config_entries import SubentryFlowResult
    from homeassistant.core import HomeAssistant

    from custom_components.xiaomi_smart_lock.coordinator import LockCoordinator

NOON = 1790000000  # 2026-09-21T14:13:20 UTC
NOON_TEXT = "2026-09-21T14:13:20+00:00"
MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR

FINGERPRINT = 2
DURESS = 9


def give(
    hass: HomeAssistant, entry: MockConfigEntry, name: str, *credentials: tuple[int, int]
) -> ConfigSubentry:
    """Add a person who has had credentials of the first lock for long."""
    did = next(iter(entry.runtime_data.coordinators))
    held = [
        {"did": did, "method": method, "operation_id": operation_id, "since": NOON - 90 * DAY}
        for method, operation_id in credentials
    ]
    person = ConfigSubentry(
        data=MappingProxyType({"credentials": held}),
        subentry_type="person",
        title=name,
        unique_id=None,
    )
    hass.config_entries.async_add_subentry(entry, person)
    return person


async def begin(
    hass: HomeAssistant, entry: MockConfigEntry, person: ConfigSubentry | None = None
) -> SubentryFlowResult:
    """Begin to add a person, or to change one."""
    context = SubentryFlowContext(source=SOURCE_USER)
    if person:
        context = SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=person.subentry_id)
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, "person"), context=context
    )


async def submit(
    hass: HomeAssistant, result: SubentryFlowResult, *said: str, **fields: str
) -> SubentryFlowResult:
    """Fill in the form, with the operations that are said so."""
    offered = offers(result)
    chosen = {"credentials": [offered[label] for label in said]} if offered else {}
    return await hass.config_entries.subentries.async_configure(
        result["flow_id"], {**fields, **chosen}
    )


def field(result: SubentryFlowResult, name: str) -> Any:
    """Return a field of the form and what it is filled in with."""
    assert result["type"] is FlowResultType.FORM
    schema = result["data_schema"]
    assert schema
    return next((key, selector) for key, selector in schema.schema.items() if key == name)


def offers(result: SubentryFlowResult) -> dict[str, str]:
    """Return the operations that the form offers, newest first, by what is said of them."""
    schema = result["data_schema"]
    assert schema
    if "credentials" not in schema.schema:
        return {}
    _, selector = field(result, "credentials")
    return {option["label"]: option["value"] for option in selector.config["options"]}


def filled_in(result: SubentryFlowResult) -> dict[str, Any]:
    """Return what the form is filled in with."""
    schema = result["data_schema"]
    assert schema
    return {
        str(key): key.description["suggested_value"] for key in schema.schema if key.description
    }


def person(entry: MockConfigEntry, name: str) -> ConfigSubentry:
    """Return a person."""
    [found] = [one for one in entry.subentries.values() if one.title == name]
    assert isinstance(found, ConfigSubentry)
    return found


def names(hass: HomeAssistant, actor: Actor) -> tuple[str | None, str]:
    """Return who is said to have opened the door: by the lock, and by the sensor."""
    changed_by = actor.state(hass, "lock", "lock").attributes.get("changed_by")
    return changed_by, actor.state(hass, "sensor", "last_person").state


async def named(hass: HomeAssistant, actor: Actor, *expected: str | None) -> None:
    """See that somebody is said to have opened the door."""
    await until(lambda: names(hass, actor) == expected)


def the_lock(entry: MockConfigEntry, actor: Actor) -> LockCoordinator:
    """Return what is known of the lock."""
    lock: LockCoordinator = entry.runtime_data.coordinators[actor.lock.did]
    return lock


async def use(
    entry: MockConfigEntry,
    actor: Actor,
    when: int,
    operation_id: int,
    method: int = FINGERPRINT,
    position: int = 2,
) -> None:
    """Open the door."""
    actor.push_event((2, 1020), position, method, 2, operation_id, when)
    uses = the_lock(entry, actor).data.users.uses
    credential = Credential(method, operation_id)
    await until(lambda: credential in uses and uses[credential].when == when)


# The flow


@pytest.mark.parametrize("frozen", ["2026-09-21T14:13:20"], indirect=True)
@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            [
                "today 22:12, fingerprint 3, outside",
                "today 00:01, NFC 4, inside",
                "yesterday 23:59, one-time password 12, outside",
                "2026-09-19 22:13, duress fingerprint 8, unknown side",
                "2026-08-22 22:14, face 2, outside",
            ],
        ),
        (
            "zh-Hans",
            [
                "今天 22:12, 指纹 3, 门外",
                "今天 00:01, NFC 4, 门内",
                "昨天 23:59, 一次性密码 12, 门外",
                "2026-09-19 22:13, 胁迫指纹 8, 无法区分门内外",
                "2026-08-22 22:14, 人脸 2, 门外",
            ],
        ),
    ],
)
async def test_who_was_it(
    hass: HomeAssistant,
    frozen: FrozenDateTimeFactory,
    actor: Actor,
    loaded: MockConfigEntry,
    language: str,
    expected: list[str],
) -> None:
    """The operations of 30 days are there to choose from, newest first, at the house's time."""
    await hass.config.async_update(language=language, time_zone="Asia/Shanghai")
    await use(loaded, actor, NOON - 30 * DAY + MINUTE, 2, method=5)
    await use(loaded, actor, NOON - 30 * DAY - MINUTE, 1, method=5)
    await use(loaded, actor, NOON - 2 * DAY, 8, method=DURESS, position=3)
    await use(loaded, actor, NOON - 22 * HOUR - 14 * MINUTE, 12, method=7)
    await use(loaded, actor, NOON - 22 * HOUR - 12 * MINUTE, 4, method=4, position=1)
    await use(loaded, actor, NOON - 2 * DAY - HOUR, 3)
    await use(loaded, actor, NOON - MINUTE, 3)
    actor.push_event((2, 1020), 1, 11, 2, 0, NOON)

    result = await begin(hass, loaded)
    assert result["step_id"] == "user"
    assert list(offers(result)) == expected


async def test_a_person_comes_changes_and_goes(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """Names are shown at once, and no connection is lost for it."""
    connection, now = loaded.runtime_data, actor.lock.time
    await use(loaded, actor, now - 1, 3)
    await use(loaded, actor, now, 4)
    await named(hass, actor, "Fingerprint 4", "unknown")

    result = await begin(hass, loaded)
    assert filled_in(result) == {}
    fourth, third = offers(result)
    result = await submit(hass, result, fourth, name=" Ming ", person_entity="person.ming")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await named(hass, actor, "Ming", "Ming")

    result = await begin(hass, loaded)
    assert list(offers(result)) == [third], "what is Ming's is no longer to be had"
    await submit(hass, result, third, name="Hua")
    await named(hass, actor, "Ming", "Ming")

    result = await begin(hass, loaded, person(loaded, "Ming"))
    assert result["step_id"] == "reconfigure"
    assert list(offers(result)) == [fourth]
    assert filled_in(result) == {
        "name": "Ming",
        "person_entity": "person.ming",
        "credentials": [offers(result)[fourth]],
    }
    result = await submit(hass, result, fourth, name="Xiao Ming")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    await named(hass, actor, "Xiao Ming", "Xiao Ming")
    assert "person_entity" not in person(loaded, "Xiao Ming").data

    await submit(hass, await begin(hass, loaded, person(loaded, "Xiao Ming")), name="Xiao Ming")
    await named(hass, actor, "Fingerprint 4", "unknown")
    result = await begin(hass, loaded, person(loaded, "Hua"))
    assert list(offers(result)) == [fourth, third]
    await submit(hass, result, fourth, third, name="Hua")
    await named(hass, actor, "Hua", "Hua")

    hass.config_entries.async_remove_subentry(loaded, person(loaded, "Hua").subentry_id)
    await named(hass, actor, "Fingerprint 4", "unknown")
    assert list(offers(await begin(hass, loaded))) == [fourth, third]
    assert loaded.runtime_data is connection


async def test_nothing_to_choose_from(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """Who has not opened the door yet can be added all the same, and is asked again later."""
    result = await begin(hass, loaded)
    assert result["step_id"] == "nothing_known"
    assert not offers(result)
    result = await submit(hass, result, name="Ming")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert (await begin(hass, loaded, person(loaded, "Ming")))["step_id"] == "nothing_known"
    await use(loaded, actor, actor.lock.time, 3)
    assert len(offers(await begin(hass, loaded, person(loaded, "Ming")))) == 1


@pytest.mark.parametrize(
    ("name", "error"), [("  ", "no_name"), ("Hua", "name_taken"), (" Hua ", "name_taken")]
)
async def test_names_that_do_not_work(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry, name: str, error: str
) -> None:
    """A name is not empty, and is nobody else's; what was chosen stays chosen."""
    give(hass, loaded, "Hua")
    await use(loaded, actor, actor.lock.time, 3)
    result = await begin(hass, loaded)
    label, value = next(iter(offers(result).items()))
    result = await submit(hass, result, label, name=name)
    assert result["errors"] == {"name": error}
    assert filled_in(result) == {"name": name, "credentials": [value]}
    result = await submit(hass, result, label, name="Ming")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    result = await begin(hass, loaded, person(loaded, "Ming"))
    result = await submit(hass, result, label, name=name)
    assert result["errors"] == {"name": error}


async def test_two_who_say_that_it_was_them(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """A credential is one person's; who comes second has to look again."""
    await use(loaded, actor, actor.lock.time, 3)
    first, second = await begin(hass, loaded), await begin(hass, loaded)
    [label] = offers(first)
    await submit(hass, first, label, name="Ming")
    result = await submit(hass, second, label, name="Hua")
    assert result["errors"] == {"credentials": "credential_taken"}
    assert result["step_id"] == "nothing_known"
    result = await submit(hass, result, name="Hua")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await named(hass, actor, "Ming", "Ming")


async def test_without_a_connection(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """It is known only by a connection what there is to choose from."""
    await hass.config_entries.async_unload(loaded.entry_id)
    result = await begin(hass, loaded)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "entry_not_loaded")


async def test_on_the_local_network(hass: HomeAssistant, actor: Actor) -> None:
    """Where it is not told who opens the door there are no people."""
    entry = MockConfigEntry(domain=DOMAIN, data=actor.local_data(LOCAL_HOST))
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)  # So that its flow is loaded
    assert entry.supported_subentry_types == {}


# Two locks


@pytest.fixture
async def two(hass: HomeAssistant, actor: Actor) -> tuple[MockConfigEntry, Actor]:
    """Return the entry of an account with two locks, and who is at the second one."""
    back = Actor(actor.simulation, actor.account, add_lock(actor, "Back door"))
    entry = MockConfigEntry(
        domain=DOMAIN,
        data=actor.account_data(actor.lock, back.lock),
        options={CONF_LATE_AFTER: TEN_YEARS},
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: entry.runtime_data.push.connected)
    await hass.async_block_till_done()
    return entry, back


async def test_two_locks(
    hass: HomeAssistant, actor: Actor, two: tuple[MockConfigEntry, Actor]
) -> None:
    """Each has its own fingerprint 3; a person may have both. One that is away keeps its own."""
    entry, back = two
    now = actor.lock.time
    await use(entry, actor, now - 1, 3)
    await use(entry, back, now, 3)
    result = await begin(hass, entry)
    back_door, front_door = offers(result)
    assert back_door.endswith(", fingerprint 3, outside, Back door")
    assert front_door.endswith(", fingerprint 3, outside, Front door")
    await submit(hass, result, back_door, name="Ming")
    await named(hass, back, "Ming", "Ming")
    await named(hass, actor, "Fingerprint 3", "unknown")

    actor.simulation.call(actor.simulator.remove_lock, back.lock)
    await hass.config_entries.async_reload(entry.entry_id)
    assert list(entry.runtime_data.coordinators) == [actor.lock.did]
    result = await begin(hass, entry, person(entry, "Ming"))
    [front_door] = offers(result)
    await submit(hass, result, front_door, name="Ming")
    dids = [one["did"] for one in person(entry, "Ming").data["credentials"]]
    assert sorted(dids) == sorted([actor.lock.did, back.lock.did])
    await hass.config_entries.async_unload(entry.entry_id)


# The lock's own users


async def allocate(
    entry: MockConfigEntry, actor: Actor, operation_id: int, user_id: int, method: int = FINGERPRINT
) -> None:
    """Have the lock tell whose a credential is (4.2)."""
    actor.push_event((4, 2), 0, user_id, method, operation_id, actor.lock.time)
    users = the_lock(entry, actor).data.users
    await until(lambda: users.user_of(Credential(method, operation_id)) == user_id)


async def delete(entry: MockConfigEntry, actor: Actor, operation_id: int, when: int) -> None:
    """Have the lock tell that a fingerprint was deleted (4.7)."""
    actor.push_event((4, 7), 5, operation_id, FINGERPRINT, when)
    users = the_lock(entry, actor).data.users
    await until(lambda: users.deleted(Credential(FINGERPRINT, operation_id)) == when)


async def test_known_by_the_user(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """Who has one credential of a user of the lock has the others too, as soon as that is told."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await use(loaded, actor, NOON, 4)
    await named(hass, actor, "Fingerprint 4", "unknown")
    await allocate(loaded, actor, 3, 5)
    await allocate(loaded, actor, 4, 5)
    await named(hass, actor, "Ming", "Ming")


async def test_enrolled_at_the_lock(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """The user is learned from an enrolment, too (4.6)."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    for operation_id in (3, 4):
        actor.push_event((4, 6), 5, operation_id, FINGERPRINT, actor.lock.time)
    await use(loaded, actor, actor.lock.time, 4)
    await named(hass, actor, "Ming", "Ming")


async def test_a_family_as_one_user(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """A credential that only seems to be somebody's can be given to who has it."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    for operation_id in (3, 4, 6):
        await allocate(loaded, actor, operation_id, 0)
    await use(loaded, actor, actor.lock.time - 60, 4)
    await named(hass, actor, "Ming", "Ming")

    assert offers(await begin(hass, loaded, person(loaded, "Ming"))).keys() == {
        "fingerprint 3, user 0"
    }
    result = await begin(hass, loaded)
    [label] = offers(result)
    assert label.endswith(", fingerprint 4, outside, user 0 (Ming)")
    await submit(hass, result, label, name="Hua")
    await named(hass, actor, "Hua", "Hua")

    await use(loaded, actor, actor.lock.time, 6)
    await named(hass, actor, "Fingerprint 6", "unknown")
    [label] = offers(await begin(hass, loaded))
    assert label.endswith(", fingerprint 6, outside, user 0")


async def test_another_finger_of_the_same_number(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """A fingerprint that was deleted and enrolled anew is nobody's until somebody says so."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    now = actor.lock.time
    await use(loaded, actor, now - 60, 3)
    await named(hass, actor, "Ming", "Ming")
    await delete(loaded, actor, 3, now - 50)
    await named(hass, actor, "Ming", "Ming")
    assert not offers(await begin(hass, loaded, person(loaded, "Ming")))
    await use(loaded, actor, now - 40, 3)
    await named(hass, actor, "Fingerprint 3", "unknown")

    result = await begin(hass, loaded)
    [label] = offers(result)
    await submit(hass, result, label, name="Hua")
    await named(hass, actor, "Hua", "Hua")


async def test_the_lock_was_reset(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """All credentials are new ones then (2.1007, 12)."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    now = actor.lock.time
    await use(loaded, actor, now - 60, 3)
    actor.push_event((2, 1007), 12, now - 50)
    await use(loaded, actor, now - 40, 3)
    await named(hass, actor, "Fingerprint 3", "unknown")


# Given from Home Assistant


@pytest.mark.parametrize("by", ["id", "name", "entity"])
async def test_assign(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry, by: str) -> None:
    """What is enrolled from Home Assistant is the person's at once, and nobody else's."""
    give(hass, loaded, "Hua", (FINGERPRINT, 3), (FINGERPRINT, 4))
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 7))
    data = {**ming.data, "person_entity": "person.ming"}
    hass.config_entries.async_update_subentry(loaded, ming, data=data)
    await use(loaded, actor, actor.lock.time, 3)
    await named(hass, actor, "Hua", "Hua")

    lock = the_lock(loaded, actor)
    named_by = {"id": ming.subentry_id, "name": "Ming", "entity": "person.ming"}[by]
    for _ in range(2):
        async_assign(lock, Credential(FINGERPRINT, 3), named_by)
        await named(hass, actor, "Ming", "Ming")
    held = {
        one.title: {held["operation_id"] for held in one.data["credentials"]}
        for one in loaded.subentries.values()
    }
    assert held == {"Hua": {4}, "Ming": {7, 3}}
    assert person(loaded, "Ming").data["person_entity"] == "person.ming"


async def test_assign_to_nobody(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry) -> None:
    """Who is not there gets nothing, and is not made up."""
    give(hass, loaded, "Ming")
    with pytest.raises(ServiceValidationError) as raised:
        async_assign(the_lock(loaded, actor), Credential(FINGERPRINT, 3), "Hua")
    assert raised.value.translation_key == "no_such_person"
    assert raised.value.translation_placeholders == {"person": "Hua"}
    assert person_of(the_lock(loaded, actor), Credential(FINGERPRINT, 3)) is None


# Where it is said


async def test_the_event(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry) -> None:
    """Automations get all that is known of who it was, and nothing that is not."""
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await use(loaded, actor, NOON, 3)
    its = {
        "event_type": "unlocked",
        "method": "fingerprint",
        "position": "outside",
        "operation_id": 3,
        "device_time": NOON_TEXT,
        "person": "Ming",
    }
    assert shown(hass, actor, "lock_event") == its

    data = {**ming.data, "person_entity": "person.ming"}
    hass.config_entries.async_update_subentry(loaded, ming, data=data)
    await allocate(loaded, actor, 3, 5)
    await use(loaded, actor, NOON + 1, 3)
    its |= {"person_entity": "person.ming", "user_id": 5}
    assert shown(hass, actor, "lock_event").items() >= (its | {"device_time": after(1)}).items()

    await allocate(loaded, actor, 4, 6)
    await use(loaded, actor, NOON + 2, 4)
    its = {"operation_id": 4, "user_id": 6, "device_time": after(2)}
    its |= {"event_type": "unlocked", "method": "fingerprint", "position": "outside"}
    assert shown(hass, actor, "lock_event") == its


def after(seconds: int) -> str:
    """Return a time after noon as attributes have it."""
    return NOON_TEXT.replace(":20+", f":{20 + seconds}+")


async def test_what_has_no_credential(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """Whoever came last stays so when the door closes, or opens by its button."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await use(loaded, actor, NOON, 3)
    actor.push_event((2, 1020), 3, 12, 1, 0, NOON + 1)
    await named(hass, actor, "Automatic", "Ming")
    actor.push_event((2, 1020), 1, 14, 2, 0, NOON + 2)
    await named(hass, actor, "Inside button", "Ming")
    await use(loaded, actor, NOON + 3, 4)
    await named(hass, actor, "Fingerprint 4", "unknown")


async def test_what_comes_late(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry) -> None:
    """The last person is who was the last by the clock, not by delivery."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    give(hass, loaded, "Hua", (FINGERPRINT, 4))
    actor.push_event((2, 1020), 3, 12, 1, 0, NOON + 30)
    await use(loaded, actor, NOON, 3)
    await named(hass, actor, "Automatic", "Ming")
    await use(loaded, actor, NOON - 5, 4)
    await named(hass, actor, "Automatic", "Ming")
    await use(loaded, actor, NOON + 10, 4)
    await named(hass, actor, "Automatic", "Hua")


async def test_after_a_restart(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry) -> None:
    """Who it was, and whose what is, is known before the lock says anything."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await allocate(loaded, actor, 3, 5)
    await allocate(loaded, actor, 4, 5)
    await use(loaded, actor, NOON, 4)
    await hass.config_entries.async_reload(loaded.entry_id)
    assert names(hass, actor) == ("Ming", "Ming")
    await until(lambda: loaded.runtime_data.push.connected)
    actor.push_event((2, 1020), 3, 12, 1, 0, NOON + 1)
    await named(hass, actor, "Automatic", "Ming")


async def test_duress(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry) -> None:
    """Who stands at the door sees an ordinary unlocking; the Duress event tells all."""
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 3), (DURESS, 8))
    data = {**ming.data, "person_entity": "person.ming"}
    hass.config_entries.async_update_subentry(loaded, ming, data=data)
    await allocate(loaded, actor, 8, 5, method=DURESS)
    await allocate(loaded, actor, 3, 5)
    await use(loaded, actor, NOON, 8, method=DURESS)
    await until(lambda: shown(hass, actor, "duress")["event_type"])
    ordinary = {
        "event_type": "unlocked",
        "method": "fingerprint",
        "position": "outside",
        "operation_id": 8,
        "device_time": NOON_TEXT,
        "person": "Ming",
        "person_entity": "person.ming",
        "user_id": 5,
    }
    assert shown(hass, actor, "lock_event") == ordinary
    duress = {"event_type": "duress", "method": "duress_fingerprint"}
    assert shown(hass, actor, "duress") == ordinary | duress
    await named(hass, actor, "Ming", "Ming")
    assert suspicious(hass, actor) == []

    hass.config_entries.async_remove_subentry(loaded, ming.subentry_id)
    await named(hass, actor, "Fingerprint 8", "unknown")
    assert suspicious(hass, actor) == []
    await hass.config_entries.async_reload(loaded.entry_id)
    await named(hass, actor, "Fingerprint 8", "unknown")
    assert suspicious(hass, actor) == []


def suspicious(hass: HomeAssistant, actor: Actor) -> list[str]:
    """Return what says a word of duress, but for the event that is there for it."""
    event = actor.entity_id(hass, "event", "duress")
    lists = {"options": "", "event_types": "", "friendly_name": ""}
    return [
        state.entity_id
        for state in hass.states.async_all()
        if state.entity_id != event
        and "duress" in f"{state.state} { ({**state.attributes} | lists) }".lower()
    ]
