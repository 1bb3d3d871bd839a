"""Tokens, passwords, codes and credentials are found nowhere that others look."""

from __future__ import annotations

import base64
import json
import logging
import struct
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import (
    ATTR_ENTITY_ID,
    CONF_HOST,
    CONF_TOKEN,
)
from homeassistant.data_entry_flow import FlowResultType
from miio import protocol

from custom_components.xiaomi_smart_lock.const import CONF_LOCKS, CONF_TOKENS, CONF_UNLOCKING
from custom_components.xiaomi_smart_lock.credentials.enrolment import Wanted
from simulator import faults
from simulator.codes import Code
from simulator.miio import MiioServer
from simulator.model import S1, SPEC

from . import options as options_flow
from .flow import (
    add_lock,
    authorize_url,
    begin_account,
    by_hand,
    choose,
    come_back,
    later,
    paste,
    sign_in,
    submit,
)
from .hosts import NEARBY
from .lock_driver import LockDriver, until
from .lock_harness import connected, disconnected, lock_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.xiaomi_smart_lock.miot.spec import Address
    from custom_components.xiaomi_smart_lock.runtime import LockRuntime
    from simulator.lock import Lock

    from .leak_detector import LeakDetector

WECHAT: Final = (17, 24)
NOON: Final = 1790000000
PASSWORD: Final = 3
PASSWORDS: Final = ("8675309421", "9021045067", "4815162342", "a-password-of-ours")
ANOTHER_TOKEN: Final = "badc0ffee0" * 3 + "00"

CODE: Final = "8310572946"
WRONG_CODE: Final = "8310572947"

# Shown by entities, which the user has to enable first
SHOWN: Final[frozenset[Address]] = frozenset({(22, 11), (22, 12)})

pytestmark = pytest.mark.usefixtures("short_timeouts", "all_enabled", "everything_logged")


def mark(address: Address) -> str:
    """Return the secret that a property has here."""
    return "password-of-{}-{}".format(*address)


def another(address: Address) -> str:
    """Return the secret that somebody wants it to have."""
    return f"another-{mark(address)}"


def refuse(lock: Lock) -> Callable[..., Code]:
    """Return how a lock takes no value, asleep or awake."""
    return lambda *_: Code.WRONG_VALUE if lock.awake else Code.ASLEEP


def forms(token: str) -> set[str]:
    """Return how a token of the local network may be written."""
    raw = bytes.fromhex(token)
    return {token, token.upper(), repr(raw)[2:-1], base64.b64encode(raw).decode(), str(list(raw))}


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have devices on the local network answer a hello with their token, as old ones do."""

    def greeting(self: MiioServer) -> bytes:
        return struct.pack(">HHI4sI16s", 0x2131, 32, 0, self._did, self._stamp, self._token)

    monkeypatch.setattr(MiioServer, "_greeting", greeting)


def push_secrets(driver: LockDriver, lock: LockRuntime) -> None:
    """Have the lock tell secrets, in every place for them and in some that are not."""
    for address in S1.secret - SHOWN:
        driver.push_property(address, mark(address))
    for event in SPEC.events.values():
        piids = [argument.address[1] for argument in event.arguments]
        driver.push_event(event.address, *({"piid": piid, "value": NOON} for piid in piids))
        driver.push_event(event.address, *({"piid": piid, "value": mark(WECHAT)} for piid in piids))
        driver.push_event(event.address, *(mark(WECHAT) for _ in piids))
        driver.push_event(event.address, mark(WECHAT))
    driver.push_property((13, 1), mark(WECHAT))
    driver.push_property((1, 1), mark(WECHAT))
    driver.push_event((1, 1), mark(WECHAT))
    topic = f"device/{lock.coordinator.device.did}/up/properties_changed/17/24"
    driver.publish(topic, mark(WECHAT).encode())
    driver.publish(topic, json.dumps({"params": {"value": mark(WECHAT)}}).encode())


def enrolment() -> tuple[Any, ...]:
    """Return the action that adds a way to unlock, and its inputs; one is a door code."""
    inputs = SPEC.actions[4, 3].inputs
    return SPEC.actions[4, 3], *(
        mark(prop.address) if prop.address in S1.secret else 1 for prop in inputs
    )


async def enrol(driver: LockDriver, lock: LockRuntime, leak_detector: LeakDetector) -> None:
    """Enrol passwords, in every way that works or does not, and have one end.

    That is asked for within the integration: Home Assistant itself tells of each call and its data.
    """

    def wanted(password: str, **more: Any) -> Wanted:
        return Wanted(user_id=0, method="password", content=password, **more)

    first, second, third, against_the_rules = PASSWORDS
    credential = await lock.enrolment.async_enrol(wanted(first, uses=1))
    await leak_detector.fails(lock.enrolment.async_enrol(wanted(first)))  # The lock has it already.
    await leak_detector.fails(lock.enrolment.async_enrol(wanted(against_the_rules)))
    await leak_detector.fails(lock.enrolment.async_enrol(wanted(second, valid_until=1)))
    for fault in (faults.status(500), faults.cut_after):
        driver.simulator.cloud.disturb_next(fault, "action")
        await leak_detector.fails(lock.enrolment.async_enrol(wanted(third)))
        await until(lambda: list(lock.coordinator.data.expiries.known) == [credential])
    driver.do("operate", 2, method=PASSWORD, position=2, operation_id=credential.operation_id)
    await until(lambda: not driver.lock.users.credentials)
    await until(lambda: not lock.coordinator.data.expiries.known)


async def leave_undelivered(
    driver: LockDriver,
    lock: LockRuntime,
    monkeypatch: pytest.MonkeyPatch,
    leak_detector: LeakDetector,
) -> None:
    """Set a secret that waits for the lock, which then refuses it; and one that it refuses now."""
    monkeypatch.setattr(driver.lock, "write", refuse(driver.lock))
    driver.do("sleep")
    await until(lambda: lock.coordinator.data.awake is False)
    await lock.settings.async_write(WECHAT, another(WECHAT))
    assert lock.coordinator.data.pending
    await leak_detector.look_around(lock.coordinator.config_entry)
    driver.do("wake")
    await until(lambda: lock.coordinator.data.undelivered)
    await leak_detector.fails(lock.settings.async_write(WECHAT, another(WECHAT)))
    await leak_detector.fails(lock.settings.async_write((13, 1), another(WECHAT)))


async def set_up_account(
    hass: HomeAssistant, driver: LockDriver, hass_client_no_auth: ClientSessionGenerator
) -> ConfigEntry[Any]:
    """Go through the sign-in in a browser."""
    result = await begin_account(hass, "browser")
    location = await sign_in(driver, authorize_url(result))
    result = await come_back(hass, hass_client_no_auth, result, location)
    result = await submit(hass, result, {CONF_LOCKS: [driver.lock.did]})
    result = await later(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry: ConfigEntry[Any] = result["result"]
    return entry


async def live_through_outages(
    driver: LockDriver, entry: ConfigEntry[Any], lock: LockRuntime, leak_detector: LeakDetector
) -> None:
    """Have the cloud fail in all ways, and recover."""
    cloud = driver.simulator.cloud
    for status in (403, 500, 502):
        cloud.refuse_next(status, "prop/get")
        await lock.coordinator.async_refresh()
        cloud.refuse_next(status, "action")
        await leak_detector.fails(lock.session.async_act(SPEC.actions[2, 2]))
    cloud.online = False
    try:
        await lock.coordinator.async_refresh()
        await leak_detector.fails(lock.session.async_act(SPEC.actions[2, 2]))
    finally:
        cloud.online = True
    driver.simulation.call(cloud.expire_access_tokens)
    await lock.coordinator.async_refresh()
    assert lock.coordinator.last_update_success
    driver.simulation.call(driver.simulator.gate.cut)
    await disconnected(entry)
    await connected(entry)


async def sign_in_again(hass: HomeAssistant, driver: LockDriver) -> None:
    """Go through the flow that was started where the sign-in expired, by a detour."""
    [flow] = hass.config_entries.flow.async_progress()
    result = await hass.config_entries.flow.async_configure(flow["flow_id"])
    result = await choose(hass, result, "paste")
    address = await sign_in(driver, authorize_url(result))
    result = await paste(hass, result, address.update_query(code="a-code-that-nobody-gave"))
    assert result["errors"]
    result = await paste(hass, result, address)
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()


async def test_in_an_account(
    hass: HomeAssistant,
    driver: LockDriver,
    issued: list[str],
    leak_detector: LeakDetector,
    monkeypatch: pytest.MonkeyPatch,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """From the sign-in through a day, every failure and the way out."""
    entry = await set_up_account(hass, driver, hass_client_no_auth)
    lock: LockRuntime = lock_of(entry, driver)
    await connected(entry)

    push_secrets(driver, lock)
    driver.do("fingerprint", 3)
    driver.do("ring")
    await until(
        lambda: (
            (2, 1020) in lock.coordinator.data.events and (21, 1) in lock.coordinator.data.events
        )
    )
    assert {
        address: lock.coordinator.data.values.get(address) for address in S1.secret - SHOWN
    } == {address: mark(address) for address in S1.secret - SHOWN}
    await leak_detector.look_around(entry)
    await leave_undelivered(driver, lock, monkeypatch, leak_detector)
    await enrol(driver, lock, leak_detector)
    assert PASSWORDS[0] not in json.dumps(lock.coordinator.data.as_dict())
    monkeypatch.setattr(driver.lock, "accepts_service_4", False)
    await leak_detector.fails(lock.session.async_act(*enrolment()))
    await live_through_outages(driver, entry, lock, leak_detector)
    await leak_detector.look_around(entry)

    driver.simulation.call(driver.simulator.cloud.revoke, driver.account)
    await leak_detector.fails(lock.session.async_act(SPEC.actions[2, 2]))
    await lock.coordinator.async_refresh()
    await hass.async_block_till_done()
    await leak_detector.look_around(entry)
    await sign_in_again(hass, driver)
    assert entry.state is ConfigEntryState.LOADED
    lock = lock_of(entry, driver)
    await connected(entry)

    driver.simulation.call(driver.simulator.remove_lock, driver.lock)
    await lock.coordinator.async_refresh()
    driver.simulator.cloud.refuse_next(429, "action")
    await leak_detector.fails(lock.session.async_act(SPEC.actions[2, 2]))
    await leak_detector.look_around(entry)
    given = entry.data[CONF_TOKENS]
    assert await hass.config_entries.async_unload(entry.entry_id)

    assert {given["access"], given["refresh"]} < set(issued)
    assert len(issued) >= 8
    marked = map(mark, S1.secret - SHOWN)
    leak_detector.assert_never_heard([*issued, *marked, *PASSWORDS, *forms(driver.lock.token)])


@pytest.mark.usefixtures("talkative")
async def test_on_the_local_network(
    hass: HomeAssistant,
    driver: LockDriver,
    leak_detector: LeakDetector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the form through reading, writing and every failure; python-miio is quiet."""
    assert protocol._LOGGER.isEnabledFor(logging.DEBUG)
    nearby: Lock = add_lock(driver, "Back door", host=NEARBY)
    wrong = {CONF_HOST: NEARBY, CONF_TOKEN: ANOTHER_TOKEN}
    result = await submit(hass, await by_hand(hass), wrong)
    assert result["errors"] == {CONF_TOKEN: "wrong_token"}
    result = await submit(hass, result, {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token})
    result = await later(hass, result)
    entry = result["result"]
    door = LockDriver(driver.simulation, driver.account, nearby)
    lock = lock_of(entry, door)

    await lock.settings.async_write(WECHAT, mark(WECHAT))
    await lock.coordinator.async_refresh()
    assert lock.coordinator.data.values[WECHAT] == mark(WECHAT)
    await leak_detector.fails(lock.session.async_act(SPEC.actions[2, 1]))
    await leak_detector.look_around(entry)

    monkeypatch.setattr(nearby, "write", refuse(nearby))
    await leak_detector.fails(lock.settings.async_write(WECHAT, another(WECHAT)))
    door.do("sleep")
    await lock.settings.async_write(WECHAT, another(WECHAT))
    await leak_detector.fails(lock.session.async_act(SPEC.actions[2, 2]))
    await lock.coordinator.async_refresh()
    await leak_detector.look_around(entry)
    door.do("wake")
    await lock.coordinator.async_refresh()
    await until(lambda: lock.coordinator.data.undelivered)
    await leak_detector.look_around(entry)
    assert await hass.config_entries.async_unload(entry.entry_id)

    leak_detector.assert_never_heard([mark(WECHAT), *forms(nearby.token), *forms(ANOTHER_TOKEN)])


async def test_the_code_to_unlock(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: ConfigEntry[Any],
    leak_detector: LeakDetector,
) -> None:
    """From the form through each attempt: neither it nor what was guessed."""
    options = hass.config_entries.options
    result = await options_flow.begin(hass, loaded, "unlocking")
    flow = result["flow_id"]
    await options.async_configure(flow, {"unlocking": "new_code"})
    for again, kind in ((WRONG_CODE, FlowResultType.FORM), (CODE, FlowResultType.CREATE_ENTRY)):
        result = await options.async_configure(flow, {"code": CODE, "code_again": again})
        assert result["type"] is kind
        leak_detector.noted.append(f"form {result}")
    await hass.async_block_till_done()
    await connected(loaded)

    def unlock(code: str) -> Awaitable[object]:
        target = {ATTR_ENTITY_ID: driver.entity_id(hass, "lock", "lock"), "code": code}
        return hass.services.async_call("lock", "unlock", target, blocking=True)

    await leak_detector.fails(unlock(CODE))
    driver.lock.accepts_remote_unlock = True
    await unlock(CODE)
    await leak_detector.look_around(loaded)
    for _ in range(5):
        await leak_detector.fails(unlock(WRONG_CODE))
    await leak_detector.fails(unlock(CODE))
    await leak_detector.look_around(loaded)
    leak_detector.assert_never_heard([CODE, WRONG_CODE])
    hashed = loaded.options[CONF_UNLOCKING][driver.lock.did]
    kept = ("entry", "form")
    assert not [
        line for line in leak_detector.noted if hashed in line and not line.startswith(kept)
    ]
