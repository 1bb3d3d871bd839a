"""The lock's users and credentials, managed from Home Assistant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
import voluptuous as vol
import yaml
from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.const import DOMAIN
from custom_components.xiaomi_smart_lock.credentials import commands as management
from custom_components.xiaomi_smart_lock.miot.errors import REASONS
from custom_components.xiaomi_smart_lock.services.registration import ACTIONS
from custom_components.xiaomi_smart_lock.state.credential import Credential
from simulator.model import SPEC
from tests.lock_driver import LockDriver, until
from tests.lock_harness import LockHarness, Storage, entry_of
from tests.people import give
from tests.translations import HERE, ICONS_OF_ACTIONS, SELECTORS, SERVICES

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from custom_components.xiaomi_smart_lock.miot.spec import Address
    from simulator.users import Users


pytestmark = pytest.mark.usefixtures("short_timeouts", "has_told")

PASSWORD, NFC, PHONE = 3, 4, 1
ADMINISTRATOR, NORMAL, VISITOR = 1, 2, 3
NO_SUCH_SERVICE, NO_SUCH_ACTION = -704040002, -704040005

# The actions of the specification that an administrator asks for by which of ours
EXPECTED: Final = {
    "set_user": "add-lock-user",
    "delete_user": "delete-lock-user",
    "delete_all_users": None,
    "set_credential": "add-unlock-method",
    "cancel_enrolment": "cancel-unlock-method",
    "delete_credential": "delete-unlock-method",
    "delete_all_credentials": None,
    "assign_credential": "alloc-lock-user",
    "sync_users": "sync-lock-user",
    "sync_credentials": "sync-unlock-method",
    "get_users": None,
    "get_credential_capabilities": None,
    "get_history": None,
}
# Some data for each that is right in shape
DATA: Final[dict[str, dict[str, Any]]] = {
    "set_user": {"user_id": 7, "user_type": "normal_user"},
    "delete_user": {"user_id": 7, "user_type": "normal_user"},
    "delete_all_users": {},
    "set_credential": {
        "user_id": 7,
        "credential_type": "password",
        "credential_data": "246810",
    },
    "cancel_enrolment": {},
    "delete_credential": {"user_id": 7, "operation_id": 20},
    "delete_all_credentials": {"user_id": 7},
    "assign_credential": {"user_id": 7, "credential_type": "nfc", "operation_id": 20},
    "sync_users": {},
    "sync_credentials": {},
    "get_users": {},
    "get_credential_capabilities": {},
    "get_history": {},
}

DEFAULTS: Final = {"limit": 100, "time_limit": 120}

# Codes that mean other things than that there is no such action
ONE_OF_EACH_REASON: Final = sorted(
    {reason: code for code, reason in REASONS.items() if reason != "no_such_item"}.values()
)

every_action = pytest.mark.parametrize("action", EXPECTED)


def inside(harness: LockHarness) -> Users:
    """Return the users and credentials that the lock itself has."""
    return harness.driver.lock.users


def holds(harness: LockHarness) -> dict[int, tuple[int, int]]:
    """Return whose and what each of the lock's credentials is, by operation id."""
    return {
        number: (held.user, held.method) for number, held in inside(harness).credentials.items()
    }


async def refused(harness: LockHarness, action: str, **data: Any) -> str:
    """Ask for what is not done; return by which translation that is said."""
    with pytest.raises(HomeAssistantError) as raised:
        await harness.manage(action, **data)
    assert raised.value.translation_domain == DOMAIN
    assert raised.value.translation_key
    return raised.value.translation_key


def answer_with(
    monkeypatch: pytest.MonkeyPatch, harness: LockHarness, code: int, *, siid: int = 4
) -> list[Address]:
    """Have a service answer all actions with a code; return which actions the lock is asked for."""
    asked: list[Address] = []
    act = harness.driver.lock.act

    def answer(address: Address, raw: Any) -> Any:
        asked.append(address)
        return (code, []) if address[0] == siid else act(address, raw)

    monkeypatch.setattr(harness.driver.lock, "act", answer)
    return asked


# What there is


def test_all_are_there() -> None:
    """All actions of services 4 and 22 can be asked for; reading what is known needs none."""
    assert {name: action.by for name, action in ACTIONS.items()} == EXPECTED
    for siid in (4, 22):
        named = {item.name for (of, _), item in SPEC.actions.items() if of == siid}
        assert named == {name for name in EXPECTED.values() if name}


def test_described() -> None:
    """Each action and field has a description, a selector, an icon and texts."""
    described = yaml.safe_load((HERE / "services.yaml").read_text(encoding="utf-8"))
    assert described.keys() == ACTIONS.keys() == ICONS_OF_ACTIONS.keys()
    for name, action in ACTIONS.items():
        target = {"domain": "lock", "integration": DOMAIN}
        assert described[name]["target"]["entity"] == target
        fields = described[name].get("fields", {})
        assert fields.keys() == {str(key) for key in action.fields}
        for key in action.fields:
            field = fields[str(key)]
            assert field.get("required", False) is isinstance(key, vol.Required)
            assert field.get("default") == DEFAULTS.get(str(key))
        for texts in SERVICES:
            assert texts[name].get("fields", {}).keys() == fields.keys()


@pytest.mark.parametrize("field", ["credential_type", "user_type"])
def test_values_are_the_keys_of_the_specification(field: str) -> None:
    """What can be chosen has the specification's names and Chinese words."""
    prop = SPEC.properties[4, 3 if field == "credential_type" else 2]
    described = yaml.safe_load((HERE / "services.yaml").read_text(encoding="utf-8"))
    words = {one.key: (one.description, one.description_zh) for one in prop.values}
    for action in described.values():
        if chosen := action.get("fields", {}).get(field):
            options = chosen["selector"]["select"]["options"]
            english, chinese = (
                texts[chosen["selector"]["select"]["translation_key"]]["options"]
                for texts in SELECTORS
            )
            assert options == list(english) == list(chinese)
            assert {key: (english[key], chinese[key]) for key in options}.items() <= words.items()


async def test_registered_without_an_entry(hass: HomeAssistant) -> None:
    """Automations can be checked before anything is set up."""
    assert await async_setup_component(hass, DOMAIN, {})
    assert hass.services.async_services_for_domain(DOMAIN).keys() == EXPECTED.keys()


# Who may


@every_action
async def test_only_administrators(hass: HomeAssistant, harness: LockHarness, action: str) -> None:
    """Nobody else is let in, and the lock hears nothing of it."""
    asked = len(harness.driver.simulator.cloud.requests)
    await hass.auth.async_create_user("Owner")  # The first one always may.
    guest = await hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_USER])
    with pytest.raises(Unauthorized):
        await harness.manage(action, user=guest.id, **DATA[action])
    with pytest.raises(UnknownUser):
        await harness.manage(action, user="nobody", **DATA[action])
    assert len(harness.driver.simulator.cloud.requests) == asked


async def test_administrators_and_automations(hass: HomeAssistant, harness: LockHarness) -> None:
    """An administrator may, and so may what nobody is behind."""
    owner = await hass.auth.async_create_user("Owner", group_ids=["system-admin"])
    await harness.manage("set_user", user=owner.id, user_id=7)
    await harness.manage("set_user", user_id=8)
    assert inside(harness).types == {0: 0, 7: NORMAL, 8: NORMAL}


# Users


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, NORMAL),
        ({"user_type": "normal_user"}, NORMAL),
        ({"user_type": "administrator"}, ADMINISTRATOR),
        ({"user_type": "frequent_visitor"}, VISITOR),
    ],
)
async def test_set_user(harness: LockHarness, given: dict[str, str], kind: int) -> None:
    """A user is there at once, with an id that was free."""
    assert await harness.manage("set_user", **given) == {"user_id": 1}
    assert await harness.manage("set_user", user_id=5, **given) == {"user_id": 5}
    assert await harness.manage("set_user", **given) == {"user_id": 2}
    assert inside(harness).types == {0: 0, 1: kind, 5: kind, 2: kind}


async def test_change_user(harness: LockHarness) -> None:
    """What is set again is overwritten."""
    await harness.manage("set_user", user_id=5)
    await harness.manage("set_user", user_id=5, user_type="administrator")
    assert inside(harness).types == {0: 0, 5: ADMINISTRATOR}
    [user] = (await harness.manage("get_users"))["users"]
    assert user["user_type"] == "administrator"


async def test_delete_user(harness: LockHarness) -> None:
    """A user goes with all credentials; the type is known where the lock has told it."""
    await harness.manage("set_user", user_id=5, user_type="administrator")
    await harness.manage(
        "set_credential", user_id=5, credential_type="password", credential_data="246810"
    )
    await harness.reached()  # All that the lock tells of it, in the same second
    await harness.manage("delete_user", user_id=5)
    assert inside(harness).types == {0: 0}
    assert holds(harness) == {}
    assert await harness.manage("get_users") == {"users": [], "others": []}


async def test_delete_user_that_was_not_told_of(harness: LockHarness) -> None:
    """The type that the lock wants to know then has to be given."""
    inside(harness).types[5] = VISITOR
    assert await refused(harness, "delete_user", user_id=5) == "user_type_unknown"
    assert inside(harness).types == {0: 0, 5: VISITOR}
    await harness.manage("delete_user", user_id=5, user_type="frequent_visitor")
    assert inside(harness).types == {0: 0}


@pytest.mark.parametrize("user_type", ["all_users", "all_normal_users", "owner", "king"])
@pytest.mark.parametrize("action", ["set_user", "delete_user"])
async def test_no_more_than_one_user(harness: LockHarness, action: str, user_type: str) -> None:
    """What would concern many, or the owner, is not even offered."""
    with pytest.raises(vol.Invalid):
        await harness.manage(action, user_id=1, user_type=user_type)


# Credentials


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("set_user", {"user_type": "administrator"}),
        ("set_credential", {"credential_type": "password", "credential_data": "123456"}),
        ("set_credential", {"credential_type": "fingerprint"}),
        ("assign_credential", {"credential_type": "password", "operation_id": 9}),
    ],
)
async def test_nothing_for_the_owner(
    harness: LockHarness, action: str, data: dict[str, Any]
) -> None:
    """There is an owner already; whoever says user 0, as a number or a text, gets no key."""
    for user_id in (0, "0", 0.0):
        with pytest.raises(ServiceValidationError) as refused:
            await harness.manage(action, user_id=user_id, **data)
        assert refused.value.translation_key == "owner"
    assert harness.acts == []


async def test_delete_credential(harness: LockHarness) -> None:
    """It is gone, and known to be."""
    await harness.manage("set_user", user_id=5)
    password = {"credential_type": "password", "credential_data": "246810"}
    response = await harness.manage("set_credential", user_id=5, **password)
    assert response == {
        "user_id": 5,
        "method": "password",
        "operation_id": 1,
        "person": None,
    }
    await harness.manage("delete_credential", user_id=5, operation_id=1)
    assert holds(harness) == {}
    [user] = (await harness.manage("get_users"))["users"]
    assert user["credentials"] == []


async def test_assign_credential(harness: LockHarness) -> None:
    """What was added at the lock is somebody's from then on."""
    await harness.manage("set_user", user_id=5)
    await harness.manage("set_user", user_id=6)
    password = {"credential_type": "password", "credential_data": "246810"}
    await harness.manage("set_credential", user_id=5, operation_id=20, **password)
    await harness.reached()  # What the lock tells of it later would be taken for news.
    await harness.manage(
        "assign_credential", user_id=6, credential_type="password", operation_id=20
    )
    assert holds(harness) == {20: (6, PASSWORD)}
    assert harness.known.users.user_of(Credential(PASSWORD, 20)) == 6


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("delete_credential", {"user_id": 5, "operation_id": 20}),
        ("delete_user", {"user_id": 5, "user_type": "normal_user"}),
        ("assign_credential", {"user_id": 5, "credential_type": "nfc", "operation_id": 20}),
        ("cancel_enrolment", {}),
    ],
)
async def test_what_is_not_there(
    harness: LockHarness, action: str, data: dict[str, object]
) -> None:
    """The lock says that it does not have it."""
    assert await refused(harness, action, **data) == "error_not_found"


@pytest.mark.parametrize(
    ("code", "key"),
    [
        (2, "error_internal_error"),
        (3, "error_not_found"),
        (4, "error_memory_full"),
        (5, "error_parameter_error"),
        (6, "error_timeout"),
        (7, "error_device_busy"),
        (8, "error_duplicate_parameter"),
        (9, "error_duplicate_credential"),
        (17, "error_other"),
    ],
)
@pytest.mark.parametrize("name", ["add-lock-user", "delete-unlock-method"])
async def test_error_codes(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch, name: str, code: int, key: str
) -> None:
    """Each code of the lock is said in words."""
    answer = (0, [code, 5, 2, 1790000000][: len(SPEC.actions[4, 1].outputs)])
    monkeypatch.setattr(harness.driver.lock, "act", lambda *_: answer)
    action = "set_user" if name == "add-lock-user" else "delete_credential"
    assert await refused(harness, action, **DATA[action]) == key


async def test_accepted_only(harness: LockHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lock has only begun, it has to tell the end of."""
    monkeypatch.setattr(harness.driver.lock, "act", lambda *_: (0, [1]))
    monkeypatch.setattr(management, "TOLD_WITHIN", 0.2)
    wanted = {"user_id": 7, "operation_id": 20}
    assert await refused(harness, "delete_credential", **wanted) == "error_in_progress"


@pytest.mark.parametrize("told", [(7, 20), (7, 21), (8, 20)])
async def test_told_later(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch, told: tuple[int, int]
) -> None:
    """The event that tells the end is that of the same credential."""

    def act(*_: object) -> tuple[int, list[int]]:
        user, number = told
        harness.driver.lock.emit((4, 7), user, number, PASSWORD, harness.driver.lock.time)
        return 0, [1]

    monkeypatch.setattr(harness.driver.lock, "act", act)
    if told[1] == 20:
        await harness.manage("delete_credential", user_id=7, operation_id=20)
    else:
        monkeypatch.setattr(management, "TOLD_WITHIN", 0.3)
        key = await refused(harness, "delete_credential", user_id=7, operation_id=20)
        assert key == "error_in_progress"


# Synchronising


@pytest.mark.parametrize("manages", [4, 22])
@pytest.mark.parametrize(
    ("action", "told"),
    [("sync_users", "users_synchronised"), ("sync_credentials", "unlock_methods_synchronised")],
)
async def test_synchronising(harness: LockHarness, action: str, told: str, manages: int) -> None:
    """It lasts until the lock tells that it has done it; what it has is known then."""
    harness.driver.lock.accepts_service_4 = manages == 4
    users = inside(harness)
    users.types[5] = VISITOR
    fired = harness.events("users_and_credentials")
    await harness.manage(action)
    await until(lambda: told in [event["event_type"] for event in fired])
    if (action, manages) == ("sync_users", 4):
        assert harness.known.users.present[5].user_type == VISITOR


@pytest.mark.parametrize("action", ["sync_users", "sync_credentials"])
async def test_synchronising_without_an_end(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """A lock that never tells the end is not waited for without end."""
    monkeypatch.setattr(harness.driver.lock, "act", lambda *_: (0, [0]))
    monkeypatch.setattr(management, "TOLD_WITHIN", 0.2)
    assert await refused(harness, action) == "error_in_progress"


# Services 4 and 22


@pytest.mark.parametrize("code", [NO_SUCH_SERVICE, NO_SUCH_ACTION])
async def test_service_22_where_there_is_no_4(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Which one the lock has is found out once."""
    asked = answer_with(monkeypatch, harness, code)
    assert await harness.manage("set_user") == {"user_id": 1}
    await harness.manage("sync_users")
    assert asked == [(4, 1), (22, 1), (22, 3)]
    assert inside(harness).types == {0: 0, 1: NORMAL}


async def test_service_22_deletes(harness: LockHarness) -> None:
    """It takes user and operation id, and tells the end by its event."""
    lock = harness.driver.lock
    lock.act((22, 1), [])
    lock.act((22, 4), [1, PHONE, 40, "key"])
    lock.enrol()
    lock.accepts_service_4 = False
    await harness.manage("delete_credential", user_id=1, operation_id=40)
    assert holds(harness) == {}
    key = await refused(harness, "delete_credential", user_id=1, operation_id=40)
    assert key == "error_not_found"


@pytest.mark.parametrize(
    "action", ["set_user", "delete_user", "set_credential", "assign_credential"]
)
async def test_service_22_cannot_carry_it(harness: LockHarness, action: str) -> None:
    """Where it has no inputs for what is asked, nothing else is done to the lock instead."""
    inside(harness).types[7] = NORMAL
    harness.driver.lock.accepts_service_4 = False
    assert await refused(harness, action, **DATA[action]) == "not_carried"
    assert harness.acts == []
    assert harness.known.expiries.known == {}


@pytest.mark.parametrize(
    "code",
    [*ONE_OF_EACH_REASON, -704040003, -704040004, -1],
)
async def test_no_other_service_after_any_other_answer(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Another answer means that the lock has the action, or may even have done it."""
    asked = answer_with(monkeypatch, harness, code)
    assert (await refused(harness, "set_user")).startswith("lock_")
    assert asked == [(4, 1)]


# Asleep, and elsewhere


@pytest.mark.parametrize("action", [name for name, by in EXPECTED.items() if by])
async def test_asleep(harness: LockHarness, action: str) -> None:
    """It is done now or not at all, and not when the lock wakes up either."""
    await harness.put_to_sleep()
    assert await refused(harness, action, **DATA[action]) == "lock_asleep"
    assert harness.known.expiries.known == {}
    await harness.wake()
    await harness.poll()
    assert harness.acts == []


async def test_awake_unnoticed(harness: LockHarness) -> None:
    """A lock that answers is awake, whatever was last heard of it, and is listened to."""
    harness.lock.coordinator.async_set_awake(awake=False)
    await harness.manage("sync_users")
    assert harness.state("binary_sensor", "awake") == "on"


async def test_nearby(neighbour: LockHarness) -> None:
    """On the local network the lock answers, but tells nothing."""
    await neighbour.manage("set_user", user_id=5)
    password = {"credential_type": "password", "credential_data": "246810"}
    await neighbour.manage("set_credential", user_id=5, operation_id=20, **password)
    [user] = (await neighbour.manage("get_users"))["users"]
    assert user["user_type"] == "normal_user"
    assert [one["operation_id"] for one in user["credentials"]] == [20]
    assert await refused(neighbour, "sync_users") == "not_heard_locally"
    await neighbour.manage("delete_credential", user_id=5, operation_id=20)
    [user] = (await neighbour.manage("get_users"))["users"]
    assert user["credentials"] == []


@pytest.mark.parametrize("out", [[], None, [{"piid": 1, "value": 5}], [{"piid": 7}], "ok"])
async def test_nearby_without_a_result(
    neighbour: LockHarness, monkeypatch: pytest.MonkeyPatch, out: object
) -> None:
    """A lock that answers without the error code may have done it or not; that is said."""
    door = neighbour.driver.simulator.miio[neighbour.driver.lock]
    answer = {"code": 0, "out": out}
    monkeypatch.setattr(door, "_handle", lambda *_: answer)
    assert await refused(neighbour, "set_user", user_id=5) == "not_heard_locally"


# Targets


async def test_targets(hass: HomeAssistant, harness: LockHarness) -> None:
    """A lock is meant by its device too; what is no lock of ours is refused."""
    [device] = dr.async_entries_for_config_entry(dr.async_get(hass), harness.entry.entry_id)
    await hass.services.async_call(
        DOMAIN, "set_user", {ATTR_DEVICE_ID: device.id, "user_id": 5}, blocking=True
    )
    assert inside(harness).types == {0: 0, 5: NORMAL}
    door_state = harness.driver.entity_id(hass, "sensor", "door_state")
    with pytest.raises(ServiceValidationError) as raised:
        await hass.services.async_call(
            DOMAIN, "set_user", {ATTR_ENTITY_ID: door_state}, blocking=True
        )
    assert raised.value.translation_key == "no_lock_targeted"


async def test_two_locks(hass: HomeAssistant, hass_storage: Storage, driver: LockDriver) -> None:
    """Each of those that are meant is asked, and each answers; one that fails is not silent."""
    simulation = driver.simulation
    back = simulation.call(simulation.simulator.add_lock, driver.account, "Back door")
    entry = entry_of(hass, driver.account_data(driver.lock, back))
    front, rear = (
        LockHarness(hass, driver, entry),
        LockHarness(hass, LockDriver(simulation, driver.account, back), entry),
    )
    await front.start()
    entity_ids = [one.driver.entity_id(hass, "lock", "lock") for one in (front, rear)]
    call: dict[str, Any] = {
        "domain": DOMAIN,
        "service": "set_user",
        "blocking": True,
        "return_response": True,
    }
    target = {ATTR_ENTITY_ID: entity_ids}
    response = await hass.services.async_call(service_data=target, **call)
    assert response == {entity_id: {"user_id": 1} for entity_id in entity_ids}
    assert inside(front).types == inside(rear).types == {0: 0, 1: NORMAL}
    await rear.put_to_sleep()
    with pytest.raises(HomeAssistantError) as raised:
        await hass.services.async_call(service_data=target, **call)
    assert raised.value.translation_placeholders
    assert raised.value.translation_placeholders["lock"] == "Back door"
    assert inside(front).types == {0: 0, 1: NORMAL, 2: NORMAL}
    await front.stop()


async def test_not_loaded(hass: HomeAssistant, harness: LockHarness) -> None:
    """A lock that is not set up cannot be managed, and that is said."""
    await harness.stop()
    assert await refused(harness, "get_users") == "not_loaded"
    await harness.start()


# Who may open the door


async def test_get_users(harness: LockHarness) -> None:
    """Users with their credentials, when each was used last, and what is nobody's yet."""
    await harness.manage("set_user", user_id=5, user_type="frequent_visitor")
    password = {"credential_type": "password", "credential_data": "246810"}
    until_when = dt_util.utcnow().replace(year=2099, microsecond=0)
    await harness.manage(
        "set_credential", user_id=5, operation_id=20, valid_until=until_when, uses=3, **password
    )
    harness.driver.do("operate", 2, method=PASSWORD, position=2, operation_id=20)
    harness.driver.do("fingerprint", 3)
    await until(lambda: len(harness.known.users.uses) == 2)
    give(harness.hass, harness.entry, "Ming", (2, 3))
    response = await harness.manage("get_users")
    used = {one: use.when for one, use in harness.known.users.uses.items()}
    assert response == {
        "users": [
            {
                "user_id": 5,
                "user_name": None,
                "user_type": "frequent_visitor",
                "credentials": [
                    {
                        "method": "password",
                        "operation_id": 20,
                        "person": None,
                        "name": None,
                        "last_used": iso(used[Credential(PASSWORD, 20)]),
                        "valid_until": until_when.isoformat(),
                        "uses_left": 2,
                    }
                ],
            }
        ],
        "others": [
            {
                "method": "fingerprint",
                "operation_id": 3,
                "person": "Ming",
                "name": None,
                "last_used": iso(used[Credential(2, 3)]),
                "valid_until": None,
                "uses_left": None,
            }
        ],
    }


def iso(when: float) -> str:
    """Return a time in Unix seconds as automations read it."""
    return dt_util.utc_from_timestamp(when).isoformat()


async def test_enrolled_for_somebody(harness: LockHarness) -> None:
    """What is enrolled for a person is theirs at once; the lock hears of nobody unknown."""
    give(harness.hass, harness.entry, "Ming")
    wanted = {**DATA["set_credential"], "operation_id": 20}
    inside(harness).types[7] = NORMAL
    assert await refused(harness, "set_credential", **wanted, person="Li") == "no_such_person"
    assert harness.acts == []
    await harness.manage("set_credential", **wanted, person="Ming")
    harness.driver.do("operate", 2, method=PASSWORD, position=2, operation_id=20)
    await until(lambda: harness.state("sensor", "last_person") == "Ming")
    [user] = (await harness.manage("get_users"))["users"]
    assert user["credentials"][0]["person"] == "Ming"
