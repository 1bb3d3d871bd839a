"""The cloud's push: what messages mean, and a connection that is always there."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from custom_components.xiaomi_smart_lock.miot import push as push_module
from custom_components.xiaomi_smart_lock.miot.client import (
    EventOccurred,
    Message,
    OnlineChanged,
    PropertyChanged,
)
from custom_components.xiaomi_smart_lock.miot.push import Push, parse
from tests.actor import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .conftest import Signed

# Seen of another lock, which happens to have the same event
SEEN = {
    "id": 1,
    "method": "event_occured",
    "params": {
        "did": "1",
        "siid": 2,
        "eiid": 1020,
        "tid": 79,
        "arguments": [
            {"piid": 1, "value": 3},
            {"piid": 2, "value": 15},
            {"piid": 3, "value": 1},
            {"piid": 4, "value": 0},
            {"piid": 5, "value": 1724847027},
        ],
    },
}
PROPERTY = "device/1/up/properties_changed/13/1"
EVENT = "device/1/up/event_occured/2/1020"
STATE = "device/1/state/7"


# What messages mean


@pytest.mark.parametrize(
    ("topic", "payload", "message"),
    [
        (
            PROPERTY,
            {"params": {"did": "1", "siid": 13, "piid": 1, "value": 50}},
            PropertyChanged((13, 1), 50),
        ),
        (
            "device/1/up/properties_changed",
            {"id": 5, "params": {"siid": 13, "piid": 1, "value": None}},
            PropertyChanged((13, 1), None),
        ),
        (EVENT, SEEN, EventOccurred((2, 1020), SEEN["params"]["arguments"])),  # type: ignore[index]
        (
            EVENT,
            {"params": {"siid": 2, "eiid": 1020, "arguments": [{"value": [1, 2]}]}},
            EventOccurred((2, 1020), [{"value": [1, 2]}]),
        ),
        (EVENT, {"params": {"siid": 5, "eiid": 1}}, EventOccurred((5, 1), [])),
        (
            EVENT,
            {"params": {"siid": 5, "eiid": 1, "arguments": None}},
            EventOccurred((5, 1), None),
        ),
        (STATE, {"event": "online", "timestamp": 1, "uid": 2}, OnlineChanged(online=True)),
        ("device/1/state", {"event": "offline"}, OnlineChanged(online=False)),
    ],
)
def test_meaning(topic: str, payload: object, message: Message) -> None:
    """The topic says of which lock, the payload says what."""
    assert parse(topic, json.dumps(payload).encode()) == ("1", message)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (PROPERTY, b""),
        (PROPERTY, b"\xff"),
        (PROPERTY, b"{"),
        (PROPERTY, b"[" * 100_000),
        (PROPERTY, b"[]"),
        (PROPERTY, b"null"),
        (PROPERTY, b'{"params": []}'),
        (PROPERTY, b'{"params": {"siid": 13, "piid": 1}}'),
        (PROPERTY, b'{"params": {"siid": "13", "piid": 1, "value": 1}}'),
        (EVENT, b'{"params": {"siid": 2, "eiid": null, "arguments": []}}'),
        (STATE, b'{"event": "rebooted"}'),
        (STATE, b"{}"),
        ("device/1/down/properties_changed", b'{"params": {"siid": 1, "piid": 1, "value": 1}}'),
        ("other/1/state/7", b'{"event": "online"}'),
    ],
)
def test_without_meaning(topic: str, payload: bytes) -> None:
    """It is passed over, whatever it is."""
    assert parse(topic, payload) is None


# The connection


def unused_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Listening:
    """A push connection, and all that was heard of it."""

    def __init__(self, signed: Signed) -> None:
        """Listen to the actor's lock."""
        self.signed = signed
        self.actor = signed.actor
        self.heard: list[Message] = []
        self.connections: list[bool] = []
        self.push = Push(signed.tls, signed.endpoints, signed.region, signed.uuid, signed.keeper)
        self.push.subscribe(self.actor.lock.did, self.heard.append)
        self.push.on_change(lambda: self.connections.append(self.push.connected))

    @property
    def clients(self) -> int:
        """How many connections the broker has of us."""
        return self.actor.simulator.gate.connections.count(f"ha.{self.signed.uuid}")

    def cut(self) -> None:
        """Drop the connection."""
        self.actor.simulation.call(self.actor.simulator.gate.cut)

    async def until_connected(self, times: int = 1) -> None:
        """Wait until it is connected for the first, or another, time."""
        await until(lambda: self.connections.count(True) == times)


@pytest.fixture
async def listening(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listening]:
    """Return a connection that is made again without much ado."""
    monkeypatch.setattr(push_module, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(push_module, "LAST_DELAY", 0.05)
    listening = Listening(signed)
    running = asyncio.create_task(listening.push.run())
    yield listening
    running.cancel()
    await asyncio.wait([running])
    await until(lambda: listening.clients == 0)
    assert not listening.push.connected


async def test_messages_are_handed_over(listening: Listening) -> None:
    """In the order in which the lock sent them, those without meaning left out."""
    await listening.until_connected()
    did = listening.actor.lock.did
    listening.actor.do("set_battery", 50)
    listening.actor.publish(f"device/{did}/up/properties_changed/1/1", b"garbage")
    listening.actor.publish("device/another/state/1", b'{"event": "online"}')
    listening.actor.do("exception", 24)
    listening.actor.do("sleep")
    await until(lambda: OnlineChanged(online=False) in listening.heard)
    first, second, third, fourth = listening.heard
    assert first == PropertyChanged((13, 1), 50)
    assert isinstance(second, EventOccurred)
    assert second.address == (2, 1007)
    assert third == PropertyChanged((18, 12), 2)
    assert fourth == OnlineChanged(online=False)


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_any_quality_of_service(listening: Listening, qos: int) -> None:
    """Each message arrives once."""
    await listening.until_connected()
    topic = f"device/{listening.actor.lock.did}/state/1"
    for event in (b'{"event": "online"}', b'{"event": "offline"}'):
        listening.actor.publish(topic, event, qos)
    await until(lambda: len(listening.heard) == 2)
    assert listening.heard == [OnlineChanged(online=True), OnlineChanged(online=False)]


async def test_cut_connection_is_made_again(listening: Listening) -> None:
    """And listens as before."""
    await listening.until_connected()
    listening.cut()
    await listening.until_connected(2)
    assert listening.connections == [True, False, True]
    listening.actor.do("set_battery", 51)
    await until(lambda: listening.heard == [PropertyChanged((13, 1), 51)])


async def test_long_connection_ends_the_growing_of_pauses(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that was good for long enough comes back as fast as the first time."""
    monkeypatch.setattr(push_module, "STABLE_AFTER", 0)
    monkeypatch.setattr(push_module, "LAST_DELAY", 24 * 3600)
    for times in range(1, 11):
        await listening.until_connected(times)
        listening.cut()
    await listening.until_connected(11)


async def test_refused_token_is_renewed_for_the_next_connection(listening: Listening) -> None:
    """The broker lets nobody in whose token ended."""
    await listening.until_connected()
    listening.actor.simulator.cloud.expire_access_tokens()
    listening.cut()
    await listening.until_connected(2)
    assert listening.signed.paths() == ["get_token"]
    assert len(listening.signed.renewed) == 1


async def test_broker_that_is_down_says_nothing_of_the_token(listening: Listening) -> None:
    """So the token stays as it is."""
    await listening.until_connected()
    gate = listening.actor.simulator.gate
    port, gate.upstream_port = gate.upstream_port, unused_port()
    listening.cut()
    await until(lambda: listening.connections == [True, False])
    await asyncio.sleep(0.2)
    gate.upstream_port = port
    await listening.until_connected(2)
    assert listening.signed.paths() == []


async def test_revoked_account_is_no_end(listening: Listening) -> None:
    """It goes on trying, in case that the user signs in again."""
    await listening.until_connected()
    listening.actor.simulator.cloud.revoke(listening.actor.account)
    listening.cut()
    requests: list[str] = []

    def tried_often() -> bool:
        requests.extend(listening.signed.paths())
        return len(requests) > 2

    await until(tried_often)
    assert set(requests) == {"get_token"}
    assert not listening.push.connected


async def test_pauses_grow(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    """They double up to five minutes, a bit shorter by chance; the token stays as it is."""
    pauses: list[float] = []
    enough = asyncio.Event()

    async def sleep(seconds: float, _: object = None) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            enough.set()
            await asyncio.Event().wait()

    signed.endpoints = replace(signed.endpoints, broker_port=unused_port())
    running = asyncio.create_task(Listening(signed).push.run())
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "sleep", sleep)
        await enough.wait()
    running.cancel()
    await asyncio.wait([running])
    longest = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True)), (
        pauses
    )
    assert len({pause / most for pause, most in zip(pauses, longest, strict=True)}) > 1
    assert signed.paths() == []


async def test_cancelled_while_connecting(signed: Signed) -> None:
    """Nothing stays behind, at whichever moment it is."""
    for steps in range(40):
        listening = Listening(signed)
        running = asyncio.create_task(listening.push.run())
        for _ in range(steps):
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.wait([running])
    await until(lambda: listening.clients == 0)
