"""A driver for the simulated lock, and helpers that wait for Home Assistant."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from homeassistant.const import CONF_HOST, CONF_REGION, CONF_TOKEN
from homeassistant.helpers import entity_registry as er

from custom_components.xiaomi_smart_lock.account.clients import redirect_path
from custom_components.xiaomi_smart_lock.const import (
    CONF_DID,
    CONF_LOCKS,
    CONF_TOKENS,
    CONF_USER_ID,
    CONF_UUID,
    DOMAIN,
)
from custom_components.xiaomi_smart_lock.miot.endpoints import REDIRECT
from simulator.tokens import CLIENT_ID, Grant

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant, State

    from custom_components.xiaomi_smart_lock.miot.spec import Address
    from simulator.account import Account
    from simulator.lock import Lock
    from simulator.runner import SimulatorThread

PATIENCE = 120  # seconds until something counts as never happening, even on a busy machine


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds. Fails after PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        await asyncio.sleep(0.005)


async def idle() -> None:
    """Wait until no picture is requested or expected anymore."""
    await until(
        lambda: (
            not [task for task in asyncio.all_tasks() if "LatestPictures" in repr(task.get_coro())]
        )
    )


class LockDriver:
    """A driver for one lock of the simulator, as a person at its door and as its owner."""

    def __init__(self, simulation: SimulatorThread, account: Account, lock: Lock) -> None:
        """Prepare to drive a lock."""
        self.simulation = simulation
        self.simulator = simulation.simulator
        self.account = account
        self.lock = lock

    def do(self, act: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the lock, and wait until the result is published."""
        result = self.simulation.call(getattr(self.lock, act), *args, **kwargs)
        self.simulation.call(self.simulator.settle)
        return result

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Publish any message at the broker."""
        self.simulation.call(self.simulator.broker.publish, topic, payload, qos)

    def push_property(self, address: Address, value: object) -> None:
        """Push a property with any value, even outside the specification."""
        siid, piid = address
        params = {"did": self.lock.did, "siid": siid, "piid": piid, "value": value}
        self._push(f"properties_changed/{siid}/{piid}", params)

    def tell(self, address: Address, value: Any, when: float) -> None:
        """Have the cloud know a value that the lock reported at a time in Unix seconds."""

        def know() -> None:
            self.lock.values[address], self.lock.updated[address] = value, int(when)

        self.simulation.call(know)

    def push_event(self, address: Address, *arguments: object, tid: object = None) -> None:
        """Push an event with its arguments and its number."""
        self.push_arguments(address, arguments, tid)

    def push_arguments(self, address: Address, arguments: object, tid: object = None) -> None:
        """Push an event with anything in the place of its arguments."""
        siid, eiid = address
        params = {"did": self.lock.did, "siid": siid, "eiid": eiid, "arguments": arguments}
        if tid is not None:
            params["tid"] = tid
        self._push(f"event_occured/{siid}/{eiid}", params)

    def _push(self, topic: str, params: dict[str, object]) -> None:
        payload = json.dumps({"params": params}).encode()
        self.publish(f"device/{self.lock.did}/up/{topic}", payload)

    def account_data(self, *locks: Lock) -> dict[str, Any]:
        """Return the data of an entry whose account has just signed in."""
        uuid = uuid4().hex
        redirect = REDIRECT + redirect_path(uuid)
        tokens = self.simulator.cloud.tokens
        grant = Grant(self.account, f"ha.{uuid}", redirect)
        answer = tokens.exchange(
            {
                "client_id": CLIENT_ID,
                "redirect_uri": redirect,
                "device_id": grant.device_id,
                "code": tokens.code(grant),
            }
        )
        return {
            CONF_REGION: "cn",
            CONF_UUID: uuid,
            CONF_USER_ID: self.account.user_id,
            CONF_TOKENS: {
                "access": answer["access_token"],
                "refresh": answer["refresh_token"],
                "renew_at": time.time() + answer["expires_in"] * 0.7,
            },
            CONF_LOCKS: [lock.did for lock in locks or (self.lock,)],
        }

    def local_data(self, host: str) -> dict[str, Any]:
        """Return the data of the lock's entry on the local network."""
        return {
            CONF_HOST: host,
            CONF_TOKEN: self.lock.token,
            CONF_DID: self.lock.did,
            "firmware": self.lock.firmware,
            "mac": self.lock.mac,
        }

    def app_data(self) -> dict[str, Any]:
        """Return the data of a new Mi Home app session in an entry."""
        given = self.simulation.call(
            self.simulator.cloud.app_accounts.sign_in, self.account, uuid4().hex
        )
        return {CONF_REGION: "cn", **given}

    def entity_id(self, hass: HomeAssistant, platform: str, key: str) -> str:
        """Return the id of an entity of the lock. Fails if there is none."""
        registry = er.async_get(hass)
        found = registry.async_get_entity_id(platform, DOMAIN, f"{self.lock.did}-{key}")
        assert found, f"there is no {platform} {key}"
        return found

    def state(self, hass: HomeAssistant, platform: str, key: str) -> State:
        """Return the state of an entity of the lock. Fails if there is none."""
        state = hass.states.get(self.entity_id(hass, platform, key))
        assert state, f"{platform} {key} has no state: is it disabled? Then use all_enabled"
        return state
