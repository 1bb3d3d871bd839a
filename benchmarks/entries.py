"""Config entries as Home Assistant stores them: of the integration, and of ``mqtt`` beside it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from custom_components.xiaomi_smart_lock.account.clients import redirect_path
from custom_components.xiaomi_smart_lock.const import (
    CONF_CREDENTIALS,
    CONF_DID,
    CONF_LOCKS,
    CONF_POLL_INTERVAL,
    CONF_TOKENS,
    CONF_USER_ID,
    CONF_UUID,
    DOMAIN,
    SUBENTRY_PERSON,
)
from custom_components.xiaomi_smart_lock.miot.endpoints import REDIRECT, load
from simulator.facts import FACTS
from simulator.tokens import CLIENT_ID, Grant

from .messages import (
    ALL,
    EVENT_TYPE,
    FINGERPRINTS_AT_HOME,
    PEOPLE,
    UNLOCKED,
    fingerprints_of,
    mqtt_topic,
    person_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.account import Account
    from simulator.device import Device
    from simulator.simulator import Simulator

LOCK_ENTRY: Final = f"{DOMAIN}_of_the_benchmarks"
REGION: Final = "cn"
BETWEEN: Final = 1000
"""Seconds between two unlockings of the past."""


def lock_entry(
    simulator: Simulator, account: Account, poll_interval: int | None, fingerprints: int
) -> dict[str, Any]:
    """Return the integration's config entry, as its config flow makes it, but disabled.

    Each lock has people with so many of its fingerprints.
    """
    uuid = uuid4().hex
    tokens = _sign_in(simulator, account, uuid)
    data = {
        "region": REGION,
        CONF_UUID: uuid,
        CONF_USER_ID: account.user_id,
        CONF_TOKENS: {
            "access": tokens["access_token"],
            "refresh": tokens["refresh_token"],
            "renew_at": time.time() + tokens["expires_in"],
        },
        CONF_LOCKS: list(account.locks),
    }
    return _entry(DOMAIN, data) | {
        "options": {} if poll_interval is None else {CONF_POLL_INTERVAL: poll_interval},
        "disabled_by": "user",
        "subentries": [
            _person(lock, number, fingerprints)
            for lock in account.locks.values()
            for number in range(PEOPLE)
        ],
    }


def _person(lock: Device, person: int, fingerprints: int) -> dict[str, Any]:
    """Return the subentry of a person who has fingerprints of a lock."""
    fingerprint = FACTS[lock.model].number("method", "fingerprint")
    held = [
        {CONF_DID: lock.did, "method": fingerprint, "operation_id": number, "since": 0}
        for number in fingerprints_of(person, fingerprints)
    ]
    return {
        "subentry_id": person_of(lock.did, person),
        "subentry_type": SUBENTRY_PERSON,
        "title": f"Somebody {person} at {lock.did}",
        "unique_id": None,
        "data": {CONF_CREDENTIALS: held},
    }


def mqtt_entry(simulator: Simulator, account: Account) -> dict[str, Any]:
    """Return a config entry of Home Assistant's ``mqtt``, for a connection to the same gate."""
    uuid = uuid4().hex
    endpoints = load(simulator.endpoints)
    assert endpoints.ca_file
    data = {
        "broker": endpoints.broker_host(REGION),
        "port": endpoints.broker_port,
        "protocol": "5",
        "client_id": f"ha.{uuid}",
        "username": str(CLIENT_ID),
        "password": _sign_in(simulator, account, uuid)["access_token"],
        "certificate": Path(endpoints.ca_file).read_text(encoding="utf-8"),
    }
    return _entry("mqtt", data)


def mqtt_entities(account: Account) -> list[dict[str, Any]]:
    """Return the ``mqtt`` entities of each lock: an event, and sensors that an unlock changes."""
    return [entity for did in account.locks for entity in _beside(did)]


def _beside(did: str) -> list[dict[str, Any]]:
    event = {
        "name": f"Beside {did}",
        "unique_id": did,
        "state_topic": mqtt_topic(did),
        "event_types": [EVENT_TYPE],
        "qos": 2,
    }
    sensors = [
        {
            "name": f"Beside {did}, {number}",
            "unique_id": f"{did}-{number}",
            "state_topic": mqtt_topic(did, ALL),
            "value_template": template,
            "qos": 2,
        }
        for number, template in enumerate(UNLOCKED.shown_too)
    ]
    return [{"event": event}, *({"sensor": sensor} for sensor in sensors)]


def _sign_in(simulator: Simulator, account: Account, uuid: str) -> dict[str, Any]:
    """Return the tokens of a client that the account's owner has just authorized."""
    tokens = simulator.cloud.tokens
    grant = Grant(account, f"ha.{uuid}", REDIRECT + redirect_path(uuid))
    return tokens.exchange(
        {
            "client_id": CLIENT_ID,
            "redirect_uri": grant.redirect_uri,
            "device_id": grant.device_id,
            "code": tokens.code(grant),
        }
    )


def _entry(domain: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return a config entry in the oldest format, which every Home Assistant migrates."""
    return {
        "entry_id": f"{domain}_of_the_benchmarks",
        "domain": domain,
        "title": domain,
        "source": "user",
        "version": 1,
        "data": data,
    }


def write_entries(configuration: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Write config entries into the storage of a Home Assistant that was never started."""
    content = {
        "key": "core.config_entries",
        "version": 1,
        "minor_version": 1,
        "data": {"entries": entries},
    }
    path = configuration / ".storage" / "core.config_entries"
    path.write_text(json.dumps(content), encoding="utf-8")


def write_past(configuration: Path, account: Account, events: int) -> None:
    """Write the log of each lock: what happened there before, with so many unlockings."""
    first = int(time.time()) - events * BETWEEN
    for did in account.locks:
        rows = [
            [float(when), *UNLOCKED.address, *_arguments(number), when]
            for number, when in enumerate(range(first, first + events * BETWEEN, BETWEEN))
        ]
        handled = [f"2.1020 {row[0]:.0f} {row[-2]}" for row in rows]
        line = json.dumps({"line": 1, "events": rows, "handled": handled})
        path = configuration / ".storage" / f"{DOMAIN}.{did}.log"
        path.write_text(f'{{"version":1}}\n{line}\n', encoding="utf-8")


def _arguments(number: int) -> Sequence[int]:
    """Return the arguments of an unlocking with a fingerprint of the household, without a time."""
    return UNLOCKED.happening(number % FINGERPRINTS_AT_HOME).arguments[:-1]
