"""Credentials that are managed by whose they are, without the lock's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.exceptions import HomeAssistantError

from custom_components.xiaomi_smart_lock.const import CONF_LEAST_DIGITS, CONF_MOST_DIGITS
from simulator.users import Credential as Held
from simulator.users import UserType
from tests.lock_driver import until
from tests.lock_harness import LockHarness, Storage, running_lock
from tests.people import give, person

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from tests.lock_driver import LockDriver

pytestmark = pytest.mark.usefixtures("short_timeouts", "has_told")

FINGERPRINT, PASSWORD, NFC, DURESS = 2, 3, 4, 9
OWNER, MING, LI = 0, 5, 6
CODE: Final[dict[str, Any]] = {"credential_type": "password", "credential_data": "246810"}
OF_MING: Final = "Fingerprint 20, NFC 21"
# What the lock has: user and operation-method by operation id
THERE: Final = {
    20: (MING, FINGERPRINT),
    21: (MING, NFC),
    22: (LI, FINGERPRINT),
    23: (LI, DURESS),
    24: (OWNER, FINGERPRINT),
}


@pytest.fixture
async def home(harness: LockHarness) -> LockHarness:
    """Return a lock that has told of its users: Ming, Li, and the owner, who is Wang."""
    users = harness.driver.lock.users
    users.types |= {MING: UserType.NORMAL, LI: UserType.ADMINISTRATOR}
    users.credentials |= {number: Held(user, kind) for number, (user, kind) in THERE.items()}
    await harness.manage("sync_users")
    await harness.manage("sync_credentials")
    await harness.reached()
    give(harness.hass, harness.entry, "Ming", (FINGERPRINT, 20), (NFC, 21))
    give(harness.hass, harness.entry, "Li", (FINGERPRINT, 22), (DURESS, 23))
    give(harness.hass, harness.entry, "Wang", (FINGERPRINT, 24))
    harness.acts.clear()
    return harness


def numbers(harness: LockHarness) -> set[int]:
    """Return the operation ids of the credentials that the lock itself has."""
    return set(harness.driver.lock.users.credentials)


async def refused(harness: LockHarness, action: str, **data: Any) -> tuple[str | None, str]:
    """Ask for what is not done; return by which translation it is said, and what is listed."""
    with pytest.raises(HomeAssistantError) as raised:
        await harness.manage(action, **data)
    placeholders = raised.value.translation_placeholders or {}
    return raised.value.translation_key, placeholders.get("credentials", "")


# Deleting one


@pytest.mark.parametrize(
    ("data", "gone"),
    [
        ({"person": "Ming", "credential_type": "nfc"}, 21),
        ({"person": "Ming", "credential_type": "fingerprint"}, 20),
        ({"person": "Ming", "operation_id": 21}, 21),
        ({"person": "Wang"}, 24),
        ({"person": "Li", "credential_type": "duress_fingerprint"}, 23),
        ({"operation_id": 22}, 22),
        ({"user_id": 5, "credential_type": "nfc"}, 21),
        ({"user_id": 5, "operation_id": 20}, 20),
        ({"user_id": 5, "operation_id": 20, "credential_type": "fingerprint"}, 20),
    ],
)
async def test_delete_one(home: LockHarness, data: dict[str, Any], gone: int) -> None:
    """The only one that is meant is deleted."""
    await home.manage("delete_credential", **data)
    assert numbers(home) == set(THERE) - {gone}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"person": "Ming"}, ("several_credentials", "Fingerprint 20, NFC 21")),
        (
            {"person": "Ming", "credential_type": "face"},
            ("no_such_credential", "Fingerprint 20, NFC 21"),
        ),
        ({"person": "Ming", "operation_id": 22}, ("no_such_credential", "Fingerprint 20, NFC 21")),
        # A duress fingerprint is one of the fingerprints, so that no list tells it from them.
        (
            {"person": "Li", "credential_type": "fingerprint"},
            ("several_credentials", "Fingerprint 22, Fingerprint 23"),
        ),
        ({"user_id": 5}, ("several_credentials", OF_MING)),
        ({"user_id": 5, "operation_id": 20, "credential_type": "nfc"}, None),
        ({"person": "Nobody"}, ("no_such_person", "")),
        ({"credential_type": "nfc"}, ("no_credential_given", "")),
        ({}, ("no_credential_given", "")),
    ],
)
async def test_not_one(
    home: LockHarness, data: dict[str, Any], said: tuple[str, str] | None
) -> None:
    """What means none or several deletes nothing; the message lists what there is."""
    key, listed = await refused(home, "delete_credential", **data)
    if said is None:
        assert key == "no_such_credential"
    else:
        assert (key, listed) == said
    assert home.acts == []
    assert numbers(home) == set(THERE)


async def test_nothing_there(harness: LockHarness) -> None:
    """Where a person has nothing, that is said."""
    give(harness.hass, harness.entry, "Ming")
    assert await refused(harness, "delete_credential", person="Ming") == ("no_credential", "")


async def test_a_user_that_the_lock_has_not_told(harness: LockHarness) -> None:
    """A credential that was only used cannot be deleted before it is known whose it is."""
    harness.driver.lock.users.credentials[30] = Held(OWNER, FINGERPRINT)
    harness.driver.do("fingerprint", 30)
    await until(lambda: harness.known.users.uses)
    give(harness.hass, harness.entry, "Ming", (FINGERPRINT, 30))
    assert await refused(harness, "delete_credential", person="Ming") == ("user_unknown", "")
    await harness.manage("sync_credentials")
    await harness.manage("delete_credential", person="Ming")
    assert numbers(harness) == set()


# Deleting all


@pytest.mark.parametrize("data", [{"person": "Ming"}, {"user_id": 5}])
async def test_delete_all_of_one(home: LockHarness, data: dict[str, Any]) -> None:
    """All of a person or user are deleted, nothing else, and the response names them."""
    deleted = (await home.manage("delete_all_credentials", **data))["deleted"]
    named = [(one["method"], one["operation_id"], one["person"]) for one in deleted]
    assert sorted(named) == [("fingerprint", 20, "Ming"), ("nfc", 21, "Ming")]
    assert numbers(home) == set(THERE) - {20, 21}
    assert home.driver.lock.users.types.keys() == {OWNER, MING, LI}


async def test_delete_all_asks_what_there_is(home: LockHarness) -> None:
    """What the lock has not told of yet is deleted too."""
    home.driver.lock.users.credentials[40] = Held(MING, PASSWORD)
    deleted = (await home.manage("delete_all_credentials", user_id=MING))["deleted"]
    assert {one["operation_id"] for one in deleted} == {20, 21, 40}
    assert numbers(home) == set(THERE) - {20, 21}


async def test_delete_all_masks_duress(home: LockHarness) -> None:
    """The response does not tell a duress fingerprint from another one."""
    deleted = (await home.manage("delete_all_credentials", person="Li"))["deleted"]
    assert [one["method"] for one in deleted] == ["fingerprint", "fingerprint"]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"person": "Wang"}, "owner_stays"),
        ({"user_id": 0}, "owner_stays"),
        ({}, "nobody_given"),
        ({"person": "Nobody"}, "no_such_person"),
    ],
)
async def test_not_all(home: LockHarness, data: dict[str, Any], key: str) -> None:
    """Not the owner's, and never everybody's at once."""
    assert (await refused(home, "delete_all_credentials", **data))[0] == key
    assert numbers(home) == set(THERE)


async def test_delete_the_user_of_a_person(home: LockHarness) -> None:
    """The user is deleted with all credentials; not the owner, nor one that others share."""
    await home.manage("delete_user", person="Ming")
    assert home.driver.lock.users.types.keys() == {OWNER, LI}
    assert numbers(home) == {22, 23, 24}
    give(home.hass, home.entry, "Zhao")
    await home.manage(
        "assign_credential", person="Zhao", credential_type="fingerprint", operation_id=22
    )
    for name in ("Wang", "Li", "Zhao"):
        assert (await refused(home, "delete_user", person=name))[0] == "no_user_of_person"
    assert (await refused(home, "delete_user"))[0] == "nobody_given"
    assert numbers(home) == {22, 23, 24}


async def test_delete_all_users(home: LockHarness) -> None:
    """Everybody but the owner is deleted, also who was not known, and the response names them."""
    users = home.driver.lock.users
    users.types[9] = UserType.VISITOR
    deleted = (await home.manage("delete_all_users"))["deleted"]
    named = {(one["user_id"], one["user_name"], len(one["credentials"])) for one in deleted}
    assert named == {(MING, "Ming", 2), (LI, "Li", 2), (9, None, 0)}
    assert users.types == {OWNER: UserType.OWNER}
    assert numbers(home) == {24}
    assert (await home.manage("delete_all_users"))["deleted"] == []


async def test_the_owner_stays_whatever_type_is_told(home: LockHarness) -> None:
    """User 0 is the owner, also for a lock that calls them a normal user."""
    home.driver.lock.users.types[OWNER] = UserType.NORMAL
    await home.manage("delete_all_users")
    assert home.driver.lock.users.types.keys() == {OWNER}


async def test_delete_all_users_nearby(neighbour: LockHarness) -> None:
    """On the local network, where the lock tells nothing, it is those who were made from here."""
    await neighbour.manage("set_user", user_id=MING)
    neighbour.driver.lock.users.types[LI] = UserType.NORMAL
    deleted = (await neighbour.manage("delete_all_users"))["deleted"]
    assert [one["user_id"] for one in deleted] == [MING]
    assert neighbour.driver.lock.users.types.keys() == {OWNER, LI}


@pytest.mark.parametrize(
    ("action", "data"), [("delete_all_users", {}), ("delete_all_credentials", {"person": "Ming"})]
)
async def test_asleep(home: LockHarness, action: str, data: dict[str, Any]) -> None:
    """It is done now or not at all."""
    await home.put_to_sleep()
    assert (await refused(home, action, **data))[0] == "lock_asleep"
    await home.wake()
    assert home.acts == []


async def test_a_failure_ends_it(home: LockHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the lock refuses one, that is said, and nothing is claimed to be deleted."""
    act = home.driver.lock.act

    def answer(address: tuple[int, int], raw: Any) -> Any:
        return (0, [7]) if address == (4, 5) else act(address, raw)

    monkeypatch.setattr(home.driver.lock, "act", answer)
    key, _ = await refused(home, "delete_all_credentials", person="Ming")
    assert key == "error_device_busy"
    assert numbers(home) == set(THERE)


# Assigning


async def unknown(harness: LockHarness, *credentials: tuple[int, int]) -> None:
    """Have the lock used with credentials of which nobody knows whose they are."""
    for method, number in credentials:
        harness.driver.do("operate", 2, method=method, position=2, operation_id=number)
    await until(lambda: len(harness.known.users.uses) == len(credentials))


async def test_assign_to_a_person(home: LockHarness) -> None:
    """The only one that nobody has is a person's from then on; the lock is not asked."""
    await unknown(home, (FINGERPRINT, 30))
    response = await home.manage("assign_credential", person="Ming")
    assert response == {"method": "fingerprint", "operation_id": 30, "person": "Ming"}
    assert 30 in [one["operation_id"] for one in person(home.entry, "Ming").data["credentials"]]
    assert home.acts == []


@pytest.mark.parametrize(
    ("data", "number"),
    [
        ({"credential_type": "face"}, 31),
        ({"operation_id": 30}, 30),
        ({"credential_type": "fingerprint", "operation_id": 22}, 22),  # Li's before
        ({"credential_type": "nfc", "operation_id": 77}, 77),  # never heard of
    ],
)
async def test_assign_what_is_meant(home: LockHarness, data: dict[str, Any], number: int) -> None:
    """It is chosen by type or number, whoever had it."""
    await unknown(home, (FINGERPRINT, 30), (5, 31))
    response = await home.manage("assign_credential", person="Ming", **data)
    assert (response["operation_id"], response["person"]) == (number, "Ming")
    assert number not in [
        one["operation_id"] for one in person(home.entry, "Li").data["credentials"]
    ]


async def test_assign_a_duress_fingerprint(home: LockHarness) -> None:
    """It is found by the name as which it is listed, and stays what it is."""
    data: dict[str, Any] = {"credential_type": "fingerprint", "operation_id": 23}
    response = await home.manage("assign_credential", person="Ming", **data)
    assert response == {"method": "fingerprint", "operation_id": 23, "person": "Ming"}
    held = person(home.entry, "Ming").data["credentials"]
    assert (DURESS, 23) in [(one["method"], one["operation_id"]) for one in held]


async def test_assign_which(home: LockHarness) -> None:
    """Where several belong to nobody, they are listed."""
    await unknown(home, (FINGERPRINT, 30), (5, 31))
    said = await refused(home, "assign_credential", person="Ming")
    assert said == ("several_credentials", "Fingerprint 30, Face 31")
    said = await refused(home, "assign_credential", person="Ming", credential_type="nfc")
    assert said == ("no_such_credential", "Fingerprint 30, Face 31")
    assert (await refused(home, "assign_credential", operation_id=30))[0] == "nobody_given"


async def test_assign_to_both(home: LockHarness) -> None:
    """With a user, the lock assigns it, too."""
    data: dict[str, Any] = {"credential_type": "fingerprint", "operation_id": 22}
    response = await home.manage("assign_credential", person="Ming", user_id=MING, **data)
    assert response == {"method": "fingerprint", "operation_id": 22, "person": "Ming"}
    assert home.driver.lock.users.credentials[22].user == MING


# What there is


async def test_names_in_responses(home: LockHarness) -> None:
    """Who it is stands beside the lock's numbers."""
    users = (await home.manage("get_users"))["users"]
    assert {one["user_id"]: one["user_name"] for one in users} == {
        OWNER: "Wang",
        MING: "Ming",
        LI: "Li",
    }
    response = await home.manage("set_credential", person="Ming", **CODE)
    assert response == {
        "user_id": MING,
        "method": "password",
        "operation_id": response["operation_id"],
        "person": "Ming",
    }


async def test_a_user_of_several(home: LockHarness) -> None:
    """A user of the lock whom two people share has no name."""
    give(home.hass, home.entry, "Zhao", (NFC, 21))
    await home.manage("assign_credential", person="Zhao", credential_type="nfc", operation_id=21)
    [user] = [one for one in (await home.manage("get_users"))["users"] if one["user_id"] == MING]
    assert user["user_name"] is None
    assert {one["person"] for one in user["credentials"]} == {"Ming", "Zhao"}


async def test_capabilities(hass: HomeAssistant, hass_storage: Storage, driver: LockDriver) -> None:
    """It says what can be set remotely, what is enrolled at the lock, and what cannot be had."""
    options: dict[str, Any] = {CONF_LEAST_DIGITS: 4, CONF_MOST_DIGITS: 8}
    async with running_lock(hass, driver, **options) as harness:
        await harness.put_to_sleep()
        can = await harness.manage("get_credential_capabilities")
    types = can.pop("supported_credential_types")
    assert can == {
        "supports_user_management": True,
        "max_users": None,
        "supported_user_types": ["administrator", "normal_user", "frequent_visitor"],
        "max_user_name_length": 0,
        "supported_credential_rules": [],
        "supported_limits": ["valid_until", "uses"],
        "limits_kept_by": "home_assistant",
    }
    assert types["password"] == {
        "num_slots": None,
        "min_length": 4,
        "max_length": 8,
        "supports_learn": False,
        "supports_set": True,
    }
    learned = {word for word, one in types.items() if one["supports_learn"]}
    assert learned == {"fingerprint", "duress_fingerprint", "nfc", "face", "palm_vein"}
    assert {word for word, one in types.items() if one["supports_set"]} == {"password", "phone"}
    assert {"one_time_password", "periodic_password"} < types.keys()


async def test_capabilities_nearby(neighbour: LockHarness) -> None:
    """On the local network nothing but a password can be set."""
    types = (await neighbour.manage("get_credential_capabilities"))["supported_credential_types"]
    possible = {word for word, one in types.items() if one["supports_set"] or one["supports_learn"]}
    assert possible == {"password"}
