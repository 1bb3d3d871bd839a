"""A repair asks whose a credential is that opened the door, once for each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from custom_components.xiaomi_smart_lock.const import DOMAIN
from tests.lock_driver import LockDriver, until
from tests.lock_harness import running_lock
from tests.people import give
from tests.translations import CHINESE, ENGLISH

if TYPE_CHECKING:
    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.components.repairs import RepairsFlowManager
    from homeassistant.core import HomeAssistant

    from tests.lock_harness import LockHarness, Storage

FINGERPRINT = 2
ONE_TIME = 7
DURESS = 9
INSIDE_BUTTON = 14
DAY = 24 * 3600  # seconds


def issues(hass: HomeAssistant) -> list[ir.IssueEntry]:
    """Return the issues that ask who it was, and are to be seen."""
    return [
        issue
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN
        and issue.translation_key == "who_was_it"
        and issue.dismissed_version is None
    ]


async def unlock(harness: LockHarness, method: int, operation_id: int, action: int = 2) -> None:
    """Operate the lock with a credential, and wait until Home Assistant has heard of it."""
    time = harness.driver.lock.time
    harness.driver.push_event((2, 1020), 2, method, action, operation_id, time)
    await harness.reached()


async def fix(hass: HomeAssistant, issue: ir.IssueEntry, **answers: Any) -> Any:
    """Submit a repair; return what the browser gets."""
    assert await async_setup_component(hass, REPAIRS, {})
    manager = repairs_flow_manager(hass)
    assert manager
    form = await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})
    assert form["step_id"] == "confirm"
    assert form["data_schema"]
    fields = {str(key) for key in form["data_schema"].schema}
    for translation in (ENGLISH, CHINESE):
        words = translation["issues"]["who_was_it"]["fix_flow"]
        assert words["step"]["confirm"]["data"].keys() >= fields
    result = await manager.async_configure(form["flow_id"], answers)
    errors = set((result.get("errors") or {}).values())
    assert errors <= ENGLISH["issues"]["who_was_it"]["fix_flow"]["error"].keys()
    return result


async def test_one_of_the_people(hass: HomeAssistant, harness: LockHarness) -> None:
    """A choice gives them the credential, and the question is gone."""
    ming = give(hass, harness.entry, "Ming")
    await unlock(harness, FINGERPRINT, 3)
    [issue] = issues(hass)
    assert issue.translation_placeholders
    assert issue.translation_placeholders["credential"] == "Fingerprint 3"
    result = await fix(hass, issue, person=ming.subentry_id)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert harness.state("sensor", "last_person") == "Ming"
    assert issues(hass) == []
    await unlock(harness, FINGERPRINT, 3)
    assert issues(hass) == []


@pytest.mark.parametrize("frozen", ["2026-11-23T12:00:00+00:00"], indirect=True)
async def test_the_day_is_told_as_it_is_read(
    hass: HomeAssistant, frozen: FrozenDateTimeFactory, harness: LockHarness
) -> None:
    """A question that nobody has answered for a day says *yesterday*, and later the date."""
    await hass.config.async_set_time_zone("UTC")
    harness.driver.push_event((2, 1020), 2, FINGERPRINT, 2, 3, int(time.time()))
    await harness.reached()
    assert await async_setup_component(hass, REPAIRS, {})
    manager = repairs_flow_manager(hass)
    assert manager
    [issue] = issues(hass)
    for said in ("today 12:00", "yesterday 12:00", "2026-11-23 12:00"):
        form = await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})
        assert form["description_placeholders"]
        assert form["description_placeholders"]["when"] == said
        frozen.tick(DAY)
    assert "today" not in f"{issue.data} {issue.translation_placeholders}"


async def opened(hass: HomeAssistant) -> tuple[RepairsFlowManager, str]:
    """Open the dialog of the only question; return the manager of its flow, and its id."""
    [issue] = issues(hass)
    assert await async_setup_component(hass, REPAIRS, {})
    manager = repairs_flow_manager(hass)
    assert manager
    form = await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})
    return manager, form["flow_id"]


async def test_somebody_removed(hass: HomeAssistant, harness: LockHarness) -> None:
    """Whoever was removed while it was asked is not chosen."""
    ming = give(hass, harness.entry, "Ming")
    await unlock(harness, FINGERPRINT, 3)
    manager, flow_id = await opened(hass)
    hass.config_entries.async_remove_subentry(harness.entry, ming.subentry_id)
    answer = {"person": ming.subentry_id}
    assert (await manager.async_configure(flow_id, answer))["errors"] == {"base": "nobody_chosen"}


async def test_somebody_new(hass: HomeAssistant, harness: LockHarness) -> None:
    """A name is enough to add a person."""
    give(hass, harness.entry, "Ming")
    await unlock(harness, FINGERPRINT, 3)
    [issue] = issues(hass)
    assert (await fix(hass, issue))["errors"] == {"base": "nobody_chosen"}
    assert (await fix(hass, issue, name="Ming"))["errors"] == {"name": "name_taken"}
    result = await fix(hass, issue, name=" Hua ")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await until(lambda: harness.state("sensor", "last_person") == "Hua")
    assert issues(hass) == []


async def test_not_asked_again(hass: HomeAssistant, harness: LockHarness) -> None:
    """Who does not want to say it is asked of others only, after a restart too."""
    await unlock(harness, FINGERPRINT, 3)
    [issue] = issues(hass)
    result = await fix(hass, issue, nobody=True)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "not_asked_again")
    assert issues(hass) == []
    await unlock(harness, FINGERPRINT, 3)
    assert issues(hass) == []
    await unlock(harness, FINGERPRINT, 4)
    assert len(issues(hass)) == 1


async def test_duress_is_asked_of_as_any(hass: HomeAssistant, harness: LockHarness) -> None:
    """Nothing of the issue tells it from another, and it can be given to somebody."""
    ming = give(hass, harness.entry, "Ming")
    await unlock(harness, DURESS, 5)
    [issue] = issues(hass)
    said = f"{issue.issue_id} {issue.data} {issue.translation_placeholders}".lower()
    assert "duress" not in said
    assert issue.issue_id.endswith("_2_5")
    await fix(hass, issue, person=ming.subentry_id)
    await unlock(harness, DURESS, 5)
    assert harness.state("sensor", "last_person") == "Ming"


@pytest.mark.parametrize(
    ("method", "action"), [(ONE_TIME, 2), (INSIDE_BUTTON, 2), (FINGERPRINT, 3)]
)
async def test_not_asked(
    hass: HomeAssistant, harness: LockHarness, method: int, action: int
) -> None:
    """Passwords for once, buttons, and what opens nothing, are nobody's."""
    await unlock(harness, method, 3, action)
    assert issues(hass) == []


async def test_gone_with_the_credential(hass: HomeAssistant, harness: LockHarness) -> None:
    """What is deleted, or given to somebody elsewhere, is asked of no more."""
    await harness.manage("set_user", user_id=5)
    await harness.manage("set_credential", user_id=5, credential_type="nfc")
    harness.driver.push_event((2, 1020), 2, 4, 2, 1, harness.driver.lock.time)
    await until(lambda: issues(hass))
    await harness.manage("delete_credential", user_id=5, operation_id=1)
    await until(lambda: not issues(hass))


async def test_off_by_option(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """Who wants no questions gets none."""
    async with running_lock(hass, driver, ask_who=False) as harness:
        await unlock(harness, FINGERPRINT, 3)
        assert issues(hass) == []


async def test_not_too_many_at_once(hass: HomeAssistant, harness: LockHarness) -> None:
    """A lock full of strangers asks of ten; the next follows when one is answered."""
    ming = give(hass, harness.entry, "Ming")
    for operation_id in range(1, 13):
        await unlock(harness, FINGERPRINT, operation_id)
    assert len(issues(hass)) == 10
    await fix(hass, issues(hass)[0], person=ming.subentry_id)
    await until(lambda: len(issues(hass)) == 9)
    await unlock(harness, FINGERPRINT, 13)
    assert len(issues(hass)) == 10


async def test_unloaded(hass: HomeAssistant, harness: LockHarness) -> None:
    """A question that could not be answered is not asked."""
    await unlock(harness, FINGERPRINT, 3)
    assert issues(hass)
    await harness.stop()
    assert issues(hass) == []


async def test_answered_when_it_is_unloaded(hass: HomeAssistant, harness: LockHarness) -> None:
    """A question that was open says why the answer is not taken; it can be given later."""
    ming = give(hass, harness.entry, "Ming")
    await unlock(harness, FINGERPRINT, 3)
    manager, flow_id = await opened(hass)
    await harness.stop()
    answer = {"person": ming.subentry_id}
    refused = await manager.async_configure(flow_id, answer)
    assert refused["errors"] == {"base": "entry_not_loaded"}
    assert ming.data["credentials"] == []
    await harness.start()
    taken = await manager.async_configure(flow_id, answer)
    assert taken["type"] is FlowResultType.CREATE_ENTRY
    assert harness.state("sensor", "last_person") == "Ming"


async def test_answered_when_it_is_deleted(hass: HomeAssistant, harness: LockHarness) -> None:
    """Nobody is given a credential that was deleted while its question was open."""
    ming = give(hass, harness.entry, "Ming")
    await harness.manage("set_user", user_id=5)
    await harness.manage("set_credential", user_id=5, credential_type="nfc")
    harness.driver.push_event((2, 1020), 2, 4, 2, 1, harness.driver.lock.time)
    await until(lambda: issues(hass))
    manager, flow_id = await opened(hass)
    await harness.manage("delete_credential", user_id=5, operation_id=1)
    answer = {"person": ming.subentry_id}
    refused = await manager.async_configure(flow_id, answer)
    assert refused["errors"] == {"base": "credential_gone"}
    assert ming.data["credentials"] == []


async def test_answered_when_the_entry_is_removed(
    hass: HomeAssistant, harness: LockHarness
) -> None:
    """A question that outlives the entry ends without an error of the server."""
    ming = give(hass, harness.entry, "Ming")
    await unlock(harness, FINGERPRINT, 3)
    manager, flow_id = await opened(hass)
    await hass.config_entries.async_remove(harness.entry.entry_id)
    ended = await manager.async_configure(flow_id, {"person": ming.subentry_id})
    for translation in (ENGLISH, CHINESE):
        assert translation["issues"]["who_was_it"]["fix_flow"]["abort"][ended["reason"]]
