"""Attacks by Xiaomi's cloud with texts that are markup."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from custom_components.xiaomi_smart_lock.const import DOMAIN
from demo.home_assistant import HomeAssistantError
from demo.setup import allow_unlocking, with_lock
from simulator import faults, instances

from .attack import HELD, Attacks, expect
from .house import CODE, UNLOCK
from .lies import (
    ENTRIES,
    FLOW,
    HALF,
    WHO,
    added,
    another_account,
    another_lock,
    goes_on,
    lying,
    reload,
)
from .traces import (
    active,
    failures,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from .house import House

ATTACKS: Final = Attacks(WHO)


MARKDOWN: Final = (
    "[click](https://evil.example) ![x](https://evil.example/p.png) <img src=x onerror=alert(1)>"
    " <script>alert(1)</script> **`www.evil.example`** <ha-alert>x</ha-alert> a@evil.example"
)


OPTIONS_FLOW: Final = "/api/config/config_entries/options/flow"


def _shown(step: dict[str, Any]) -> list[str]:
    """Return the placeholders in the description of a flow's step, which is Markdown."""
    return list((step.get("description_placeholders") or {}).values())


@asynccontextmanager
async def _flow(house: House, path: str, **begin: str) -> AsyncIterator[dict[str, Any]]:
    """Start a flow, and abort it on exit."""
    step = await house.owner.post(path, begin)
    try:
        yield step
    finally:
        await house.owner.delete(f"{path}/{step['flow_id']}")


@ATTACKS.try_to("put links, pictures and scripts into repairs")
async def _mark_up_repairs(house: House) -> str:
    async with another_lock(house, MARKDOWN) as lock:
        lock.clock_offset = 3_600
        lock.fingerprint(3)
        await house.simulator.settle()
        await goes_on(house, lock)
        issues = [
            issue
            for issue in await house.issues()
            if house.homes[lock].entry_id in issue["issue_id"]
        ]
        fixable = [issue["issue_id"] for issue in issues if issue["is_fixable"]]
        expect(fixable, "a clock that is off is no issue")
        fix = {"handler": DOMAIN, "issue_id": fixable[0]}
        async with _flow(house, "/api/repairs/issues/fix", **fix) as step:
            shown = _shown(step)
        lock.sleep()
        await house.simulator.settle()
        path = "/api/repairs/issues/fix"
        async with _flow(house, path, **fix) as step:
            shown += _shown(await house.owner.post(f"{path}/{step['flow_id']}", {}))
    told = [text for issue in issues for text in (issue["translation_placeholders"] or {}).values()]
    expect("evil" in "".join(told) and "evil" in "".join(shown), "the name is not there")
    found = list(filter(active, told + shown))
    return found[0] if found else HELD


@ATTACKS.try_to("put links, pictures and scripts into forms")
async def _mark_up_forms(house: House) -> str:
    async with another_account(house, MARKDOWN) as account:
        house.simulator.add_lock(account, MARKDOWN)
        async with added(house, account) as entry_id:
            shared = house.simulator.add_lock(account, f"Shared {MARKDOWN}", shared=True)
            await house.owner.post(f"{ENTRIES}/{entry_id}/reload", {})
            shown: list[str] = []
            for flow in await house.owner.command("config_entries/flow/progress"):
                if flow["context"].get("unique_id") == shared.did:
                    shown += _shown(await house.owner.get(f"{FLOW}/{flow['flow_id']}"))
                    await house.owner.delete(f"{FLOW}/{flow['flow_id']}")
            async with _flow(house, OPTIONS_FLOW, handler=entry_id) as begun:
                path = f"{OPTIONS_FLOW}/{begun['flow_id']}"
                for answer in (with_lock(begun), {"unlocking": "new_code"}):
                    shown += _shown(await house.owner.post(path, answer))
    expect(sum("evil" in text for text in shown) >= 4, "the names are not there")
    found = list(filter(active, shown))
    return found[0] if found else HELD


@ATTACKS.try_to("put links, pictures and scripts into notifications", in_short=False)
async def _mark_up_notifications(house: House) -> str:
    async with another_lock(house, MARKDOWN) as lock:
        entity_id = house.entity_id(lock, "lock.lock")
        await house.owner.action(f"{DOMAIN}.set_user", entity_id, user_id=7)
        enrolling = asyncio.create_task(
            house.owner.action(
                f"{DOMAIN}.set_credential", entity_id, user_id=7, credential_type="fingerprint"
            )
        )
        while lock.users.enrolment is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        lock.enrol()
        told: list[dict[str, Any]] = []
        while not told:
            shown = await house.owner.command("persistent_notification/get")
            told = [one for one in shown if one["notification_id"].startswith(DOMAIN)]
            await asyncio.sleep(0.1)
        for _ in range(4):
            lock.enrol()
        await enrolling
    expect(any("evil" in str(one["title"]) for one in told), "the name is not there")
    found = [one["message"] for one in told if active(one["message"])]
    return found[0] if found else HELD


def _item(kind: str, iid: int, name: str, more: Mapping[str, object]) -> dict[str, Any]:
    """Return a part of a published specification."""
    urn = f"urn:miot-spec-v2:{kind}:{name}:00000001:xiaomi-s1:3"
    return {"iid": iid, "type": urn, "description": MARKDOWN + HALF, **more}


def _service(iid: int, **items: object) -> dict[str, Any]:
    return _item("service", iid, "lock", items)


def _property(iid: int, name: str = "x", **details: object) -> dict[str, Any]:
    named = {key.replace("_", "-"): detail for key, detail in details.items()}
    return _item("property", iid, name, {"format": "uint8", "access": ["read"]} | named)


def _action(iid: int, name: str) -> dict[str, Any]:
    return _item("action", iid, name, {"in": [], "out": []})


def _event(iid: int, **more: object) -> dict[str, Any]:
    return _item("event", iid, "x", more)


ELSEWHERE: Final = "unlocking elsewhere"
HOSTILE: Final[dict[str, list[dict[str, Any]]]] = {
    ELSEWHERE: [
        _service(2, actions=[_action(1, "reboot"), _action(9, "ble-unlock")]),
        _service(30, actions=[_action(1, "ble-unlock")]),
    ],
    "wrong shapes": [
        _service(31, properties=[_property(1, format="../../x"), {}, 1]),
        _service(32, properties={"1": 1}, actions=[[]], events="x"),
        _service(10**400, events=[_event(1, arguments=[1, 1, "x"])]),
        _service(33, properties=[_property(1, access="read", value_range=[0, 1e308, 1])]),
        _service(34, properties=[_property(1, access={}, value_range=[10**400] * 3)]),
        _service(35, properties=[_property(1, access=["read"] * 9, value_range=[1, 0, 0])]),
    ],
    "the same numbers": [_service(36, events=[_event(1)] * 500)] * 2,
    "thousands of services": [
        _service(iid, description="x", events=[_event(1, description="x")])
        for iid in range(60, 6_000)
    ],
    "thousands of values": [
        _service(
            3,
            properties=[
                _property(
                    1021,
                    "door-state",
                    value_list=[{"value": n, "description": 190 * "x"} for n in range(4_000)],
                )
            ],
        )
    ],
}
"""Services in a hostile specification of newer firmware."""
REFUSED: Final = ("thousands of services", "thousands of values")
"""Those that have more than is taken."""
RELOADING: Final = "is being reloaded"
"""A part of the refusal while the entry is set up again."""
LONGEST_REPAIR: Final = 40_000  # characters


def _published(urn: str, services: list[dict[str, Any]]) -> faults.Fault:
    """Return a fault that publishes the lock's specification with more services."""
    true = instances.instance(f"{instances.DEVICE}:3")
    instance = {**true, "type": urn, "services": [*true["services"], *services]}
    return faults.said(json.dumps(instance), "application/json")


@ATTACKS.try_to("publish a specification that nobody can bear")
async def _publish(house: House) -> str:
    async with another_lock(house) as lock:
        entry_id, before = house.homes[lock].entry_id, failures(house)
        await allow_unlocking(house.owner, entry_id, CODE)
        for revision, (what, services) in enumerate(HOSTILE.items(), start=100):
            # What was learned is kept, so each is of another revision, and has another event.
            lock.urn = f"{instances.DEVICE}:{revision}"
            named = _service(50, events=[_event(revision, description=what)])
            with lying(house, _published(lock.urn, [named, *services]), instances.INSTANCE):
                await reload(house, lock)
                while not (told := await _told_of(house, entry_id, what)):
                    if what in REFUSED and _was_asked_for(house, lock.urn):
                        break
                    await asyncio.sleep(0.1)
            if active(told.replace("\n- ", "\n")) or len(told) > LONGEST_REPAIR:
                return f"a repair of {len(told)} characters: {told[:100]}"
            while RELOADING in (refused := await house.unlock(house.owner, lock)):  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # to show what was learned
            if refused and what != ELSEWHERE:
                return f"the lock cannot be unlocked anymore: {refused}"
        asked = {
            (body["params"]["siid"], body["params"]["aiid"])
            for path, body in house.simulator.cloud.requests
            if path.endswith("/action") and body["params"]["did"] == lock.did
        }
        expect(house.opened(lock), "the right code does not unlock")
        if not asked <= {UNLOCK}:
            return f"the lock was asked for {asked}"
        return f"{failures(house) - before} errors" if failures(house) > before else HELD


def _was_asked_for(house: House, urn: str) -> bool:
    """Return whether Home Assistant asked for a specification and then for its texts."""
    return any(
        path == instances.TEXTS and query["urn"] == urn
        for path, query in house.simulator.cloud.requests
    )


async def _told_of(house: House, entry_id: str, what: str) -> str:
    """Return the items of the repair issue for a newer specification.

    Return "" until they contain ``what``.
    """
    for issue in await house.issues():
        texts = issue["translation_placeholders"] or {}
        if entry_id in issue["issue_id"] and what in texts.get("items", ""):
            return str(texts["items"])
    return ""


@ATTACKS.try_to("spoil the logbook by events that say nothing")
async def _spoil_logbook(house: House) -> str:
    home, start, before = house.homes[house.lock], datetime.now(UTC), failures(house)
    told: dict[str, Any] = {"type": "unlocking_done", "device_id": home.device_id}
    for data in (
        *({}, {"type": None}, {"type": ["x"]}, {"type": "{0}"}, {"type": "operated", "action": {}}),
        *(told | {"device_id": [1]}, told | {"entity_id": {}}, told | {"device_id": "x" * 10_000}),
        told,
    ):
        await house.owner.post(f"/api/events/{DOMAIN}_event", data)
    lines: list[dict[str, Any]] = []
    while not any(line.get("entity_id") == home.entity_ids["lock.lock"] for line in lines):
        try:
            lines = await house.owner.command("logbook/get_events", start_time=start.isoformat())
        except HomeAssistantError as error:
            return f"it cannot be read anymore: {error}"
        await asyncio.sleep(0.2)
    return f"{failures(house) - before} errors" if failures(house) > before else HELD
