"""A person gets one user of the lock, which is chosen or made without being asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.exceptions import HomeAssistantError

from custom_components.xiaomi_smart_lock.const import CONF_LOCKS
from simulator.users import Credential as Held
from simulator.users import UserType
from tests.enrolment import GUEST, begin, inside, show
from tests.lock_driver import until
from tests.people import give, person

if TYPE_CHECKING:
    from tests.lock_harness import LockHarness

pytestmark = pytest.mark.usefixtures("short_timeouts")

FINGERPRINT, PASSWORD = 2, 3
LOCK_RESET: Final = 12  # abnormal-condition (2.4)
FAILURE: Final = 1
CODE: Final[dict[str, Any]] = {"credential_type": "password", "credential_data": "246810"}


def users(harness: LockHarness) -> set[int]:
    """Return the users that the lock has, without its owner and the guest of the fixture."""
    return set(inside(harness).types) - {0, GUEST}


async def has(harness: LockHarness, user_id: int, operation_id: int) -> None:
    """Have the lock have a fingerprint of a user, and tell of it."""
    inside(harness).types.setdefault(user_id, UserType.NORMAL)
    inside(harness).credentials[operation_id] = Held(user_id, FINGERPRINT)
    await harness.manage("sync_users")
    await harness.manage("sync_credentials")


async def failure(harness: LockHarness, **data: Any) -> str | None:
    """Return by which translation it is said why a credential is not enrolled."""
    with pytest.raises(HomeAssistantError) as raised:
        await harness.manage("set_credential", **data)
    return raised.value.translation_key


async def test_made_once(harness: LockHarness) -> None:
    """The first credential of a person makes a user, and the next ones are of the same."""
    give(harness.hass, harness.entry, "Ming")
    give(harness.hass, harness.entry, "Li")
    first = await harness.manage("set_credential", person="Ming", **CODE)
    assert first["user_id"] == 1
    task = await begin(harness, user_id=None, person="Ming")
    show(harness, *5 * [0])
    assert (await task)["user_id"] == 1
    other = await harness.manage(
        "set_credential", person="Li", **CODE | {"credential_data": "135790"}
    )
    assert other["user_id"] == 2
    assert {one.user for one in inside(harness).credentials.values()} == {1, 2}
    held = person(harness.entry, "Ming").data["credentials"]
    assert [one["operation_id"] for one in held] == [1, 2]


async def test_user_of_what_they_have(harness: LockHarness) -> None:
    """A person who has a credential already gets the next one as the same user."""
    await has(harness, 12, 30)
    give(harness.hass, harness.entry, "Ming", (FINGERPRINT, 30))
    assert (await harness.manage("set_credential", person="Ming", **CODE))["user_id"] == 12
    assert users(harness) == {12}


@pytest.mark.parametrize("user_id", [0, 12], ids=["owner", "shared"])
async def test_user_that_is_not_theirs_alone(harness: LockHarness, user_id: int) -> None:
    """Nothing is added to the owner, nor to a user whose other credential is somebody else's."""
    await has(harness, user_id, 30)
    await has(harness, user_id, 31)
    give(harness.hass, harness.entry, "Ming", (FINGERPRINT, 30))
    if user_id:
        give(harness.hass, harness.entry, "Li", (FINGERPRINT, 31))
    response = await harness.manage("set_credential", person="Ming", **CODE)
    assert response["user_id"] not in (0, 12)
    assert inside(harness).credentials[response["operation_id"]].user == response["user_id"]


async def test_what_was_deleted_counts_no_more(harness: LockHarness) -> None:
    """A credential that somebody else once had does not keep a user from being theirs."""
    await has(harness, 12, 30)
    await has(harness, 12, 31)
    give(harness.hass, harness.entry, "Ming", (FINGERPRINT, 30))
    give(harness.hass, harness.entry, "Li", (FINGERPRINT, 31))
    await harness.manage("delete_credential", user_id=12, operation_id=31)
    assert (await harness.manage("set_credential", person="Ming", **CODE))["user_id"] == 12


async def test_a_user_is_used_again(harness: LockHarness) -> None:
    """Whoever had a credential and has none now gets the same user again, also after a restart."""
    give(harness.hass, harness.entry, "Ming")
    first = await harness.manage("set_credential", person="Ming", **CODE)
    await harness.manage("delete_credential", person="Ming")
    await harness.stop()
    await harness.start()
    assert await harness.manage("set_credential", person="Ming", **CODE) == {
        **first,
        "operation_id": 2,
    }
    await harness.manage("delete_user", user_id=first["user_id"])
    await harness.reached()
    again = await harness.manage("set_credential", person="Ming", **CODE)
    assert again["user_id"] != first["user_id"]  # which the lock no longer has
    assert users(harness) == {again["user_id"]}


async def reset(harness: LockHarness) -> None:
    """Have the owner reset the lock, which tells so (2.1007)."""
    inside(harness).types = {0: UserType.OWNER}
    inside(harness).credentials.clear()
    harness.driver.push_event((2, 1007), LOCK_RESET, harness.driver.lock.time)
    await harness.reached()


@pytest.mark.parametrize("user_of_app", [None, 1], ids=["nobody", "of another"])
async def test_the_lock_was_reset(harness: LockHarness, user_of_app: int | None) -> None:
    """Its users are gone too: whoever has the number by then is another one."""
    give(harness.hass, harness.entry, "Ming")
    assert (await harness.manage("set_credential", person="Ming", **CODE))["user_id"] == 1
    await reset(harness)
    assert harness.known.users.present == {}
    if user_of_app:
        inside(harness).types[user_of_app] = UserType.NORMAL
        await harness.manage("sync_users")
        await harness.reached()
        assert user_of_app in harness.known.users.present
    again = await harness.manage("set_credential", person="Ming", **CODE)
    assert (again["user_id"] == user_of_app) is False
    assert users(harness) == {user_of_app, again["user_id"]} - {None}


async def test_a_user_of_another_by_now(harness: LockHarness) -> None:
    """A user of whom the app has enrolled something is not taken for a person who had none left."""
    give(harness.hass, harness.entry, "Ming")
    assert (await harness.manage("set_credential", person="Ming", **CODE))["user_id"] == 1
    await harness.manage("delete_credential", person="Ming")
    await has(harness, 1, 30)
    again = await harness.manage("set_credential", person="Ming", **CODE)
    assert again["user_id"] not in (0, 1)


async def test_a_lock_that_comes_back(harness: LockHarness) -> None:
    """Its users may be others by then."""
    driver = harness.driver
    give(harness.hass, harness.entry, "Ming")
    first = await harness.manage("set_credential", person="Ming", **CODE)
    await harness.manage("delete_credential", person="Ming")
    other = await harness.add_lock("Back door")
    both = harness.entry.data
    for data in ({**both, CONF_LOCKS: [other.did]}, both):
        harness.hass.config_entries.async_update_entry(harness.entry, data=data)
        await harness.stop()
        await harness.start()
    assert set(inside(harness).types) >= {first["user_id"]}
    again = await harness.manage("set_credential", person="Ming", **CODE)
    assert again["user_id"] != first["user_id"]
    assert driver.lock.users.credentials[again["operation_id"]].user == again["user_id"]


async def test_users_that_were_never_told_of(harness: LockHarness) -> None:
    """The lock is asked for all its users first, so that none of them is taken for a new one."""
    inside(harness).types |= {1: UserType.ADMINISTRATOR, 2: UserType.NORMAL}
    give(harness.hass, harness.entry, "Ming")
    assert (await harness.manage("set_credential", person="Ming", **CODE))["user_id"] == 3
    assert inside(harness).types[1] == UserType.ADMINISTRATOR


async def test_nothing_is_left_of_a_failure(harness: LockHarness) -> None:
    """A user that was made for an enrollment that fails is deleted again."""
    give(harness.hass, harness.entry, "Ming")
    task = await begin(harness, user_id=None, person="Ming")
    assert users(harness) == {1}
    show(harness, FAILURE)
    with pytest.raises(HomeAssistantError):
        await task
    assert users(harness) == set()
    await until(lambda: not harness.known.expiries.known)


async def test_what_could_not_be_taken_back(harness: LockHarness) -> None:
    """A user of a lock that fell asleep in the middle is the one of the next attempt."""
    give(harness.hass, harness.entry, "Ming")
    enrolling = await begin(harness, person="Ming", user_id=None)
    await harness.put_to_sleep()
    with pytest.raises(HomeAssistantError):
        await enrolling
    await harness.wake()
    await until(lambda: not harness.known.expiries.known)
    await harness.manage("set_credential", person="Ming", credential_type="nfc")
    assert {one.user for one in inside(harness).credentials.values()} == {1}
    assert set(inside(harness).types) == {0, 1, GUEST}


async def test_nothing_is_left_when_all_stops(harness: LockHarness) -> None:
    """That is done while the entry is being unloaded, too."""
    give(harness.hass, harness.entry, "Ming")
    task = await begin(harness, user_id=None, person="Ming")
    await harness.stop()
    with pytest.raises(HomeAssistantError):
        await task
    assert users(harness) == set()


async def test_a_user_who_was_there_stays(harness: LockHarness) -> None:
    """A failure takes nothing from whoever has a credential already."""
    await has(harness, 12, 30)
    give(harness.hass, harness.entry, "Ming", (FINGERPRINT, 30))
    task = await begin(harness, user_id=None, person="Ming")
    show(harness, FAILURE)
    with pytest.raises(HomeAssistantError):
        await task
    assert users(harness) == {12}
    assert set(inside(harness).credentials) == {30}


async def test_unheard_a_user_is_kept(neighbour: LockHarness) -> None:
    """Where the lock cannot tell its users, none is deleted: it might be somebody's."""
    give(neighbour.hass, neighbour.entry, "Ming")
    taken = CODE | {"user_id": GUEST}
    await neighbour.manage("set_credential", **taken)
    assert await failure(neighbour, person="Ming", **CODE) == "error_duplicate_credential"
    assert users(neighbour) == {100}  # which nobody has from the app


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"credential_data": "1"}, "password_rules"),
        ({"person": None}, "nobody_given"),
        ({"person": "Li"}, "no_such_person"),
        ({"valid_until": "2000-01-01 00:00:00"}, "valid_until_past"),
    ],
)
async def test_nothing_is_made_for_what_is_refused(
    harness: LockHarness, data: dict[str, Any], key: str
) -> None:
    """What is wrong is said before the lock is asked for anything."""
    give(harness.hass, harness.entry, "Ming")
    harness.acts.clear()
    wanted = {**CODE, "person": "Ming", **data}
    said = {name: value for name, value in wanted.items() if value is not None}
    assert await failure(harness, **said) == key
    assert harness.acts == []


async def test_named_again(harness: LockHarness) -> None:
    """A repeated call only changes the end, and makes no user."""
    give(harness.hass, harness.entry, "Ming")
    stay = {**CODE, "person": "Ming", "name": "Stay of Ming"}
    first = await harness.manage("set_credential", valid_until="2099-12-24 11:00:00", **stay)
    assert (
        await harness.manage("set_credential", valid_until="2099-12-25 11:00:00", **stay) == first
    )
    assert users(harness) == {1}
