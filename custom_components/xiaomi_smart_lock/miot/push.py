"""The cloud's push: an MQTT broker that tells at once what the locks report.

Topics and payloads as XiaoMi/ha_xiaomi_home uses them.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, override

import aiomqtt
import orjson
from paho.mqtt.subscribeoptions import SubscribeOptions

from .client import EventOccurred, Message, OnlineChanged, PropertyChanged
from .errors import MiotError
from .oauth import CLIENT_ID

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    from .endpoints import Endpoints
    from .oauth import TokenKeeper

_LOGGER = logging.getLogger(__name__)

TOPICS: Final = (
    "device/{did}/up/properties_changed/#",
    "device/{did}/up/event_occured/#",
    "device/{did}/state/#",
)
KEEP_ALIVE: Final = 60
FIRST_DELAY: Final = 1.0  # seconds; doubles with each failure
LAST_DELAY: Final = 300.0
STABLE_AFTER: Final = 60.0  # a connection that lasted this long was a good one
# Nagle's algorithm would hold acknowledgements back, which costs 40 ms a step in bursts.
_NO_DELAY: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
# "Bad user name or password" and "not authorised" of a CONNACK (MQTT 5, 3.2.2.2)
_REFUSALS: Final = (0x86, 0x87)


def parse(topic: str, payload: bytes) -> tuple[str, Message] | None:
    """Return the did and the meaning of a message, None where it has none for us."""
    try:
        data = orjson.loads(payload)
    except ValueError:
        return None
    match topic.split("/"), data:
        case (
            ["device", did, "up", "properties_changed", *_],
            {"params": {"siid": int(siid), "piid": int(piid), "value": value}},
        ):
            return did, PropertyChanged((siid, piid), value)
        case (
            ["device", did, "up", "event_occured", *_],
            {"params": {"siid": int(siid), "eiid": int(eiid), **params}},
        ):
            return did, EventOccurred((siid, eiid), params.get("arguments", []))
        case ["device", did, "state", *_], {"event": "online" | "offline" as state}:
            return did, OnlineChanged(state == "online")
    return None


class Push:
    """A connection to the broker that is always there, or being made again."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        endpoints: Endpoints,
        region: str,
        uuid: str,
        tokens: TokenKeeper,
    ) -> None:
        """Prepare; run() connects."""
        self._tls = tls
        self._host = endpoints.broker_host(region)
        self._port = endpoints.broker_port
        self._identifier = f"ha.{uuid}"
        self._tokens = tokens
        self._refused: str | None = None
        self._listeners: dict[str, Callable[[Message], None]] = {}
        self._on_connection: Callable[[bool], None] = lambda _connected: None
        self.connected = False

    def subscribe(self, did: str, listener: Callable[[Message], None]) -> None:
        """Have a lock's messages handed over, from the next connection on."""
        self._listeners[did] = listener

    def on_connection(self, callback: Callable[[bool], None]) -> None:
        """Have told whenever the connection comes or goes."""
        self._on_connection = callback

    async def run(self) -> None:
        """Stay connected until cancelled, with growing, jittered pauses after failures."""
        delay = FIRST_DELAY
        while True:
            started = time.monotonic()
            try:
                await self._connect_and_listen()
            except (aiomqtt.MqttError, MiotError, OSError) as error:
                _LOGGER.debug("Push connection ended: %s", error)
            finally:
                self._set_connected(False)
            if time.monotonic() - started > STABLE_AFTER:
                delay = FIRST_DELAY
            await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311
            delay = min(2 * delay, LAST_DELAY)

    async def _connect_and_listen(self) -> None:
        token = await self._tokens.access_token(self._refused)
        client = aiomqtt.Client(
            self._host,
            self._port,
            identifier=self._identifier,
            username=str(CLIENT_ID),
            password=token,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=KEEP_ALIVE,
            tls_context=self._tls,
            socket_options=_NO_DELAY,
            logger=_LOGGER,
            queue_type=_inbox(self._hand_over),
        )
        try:
            async with _connected(client):
                await self._listen(client)
        except aiomqtt.MqttCodeError as error:
            if error.rc in _REFUSALS:
                self._refused = token
            raise

    async def _listen(self, client: aiomqtt.Client) -> None:
        await client.subscribe(
            [
                (topic.format(did=did), SubscribeOptions(qos=2))
                for did in self._listeners
                for topic in TOPICS
            ]
        )
        self._set_connected(True)
        await anext(client.messages)  # Nothing gets there; it raises when the connection ends.

    def _hand_over(self, message: aiomqtt.Message) -> None:
        if (parsed := parse(message.topic.value, message.payload)) is None:
            _LOGGER.debug("A message on %s has no meaning", message.topic)
        elif listener := self._listeners.get(parsed[0]):
            listener(parsed[1])

    def _set_connected(self, connected: bool) -> None:
        if connected != self.connected:
            self.connected = connected
            self._on_connection(connected)


def _inbox(hand_over: Callable[[aiomqtt.Message], None]) -> type[asyncio.Queue[aiomqtt.Message]]:
    """Return a queue that keeps nothing: what is put in is handed over.

    Reading aiomqtt's own queue costs a task for each message.
    """

    class Inbox(asyncio.Queue[aiomqtt.Message]):
        @override
        def put_nowait(self, item: aiomqtt.Message) -> None:
            hand_over(item)

    return Inbox


@asynccontextmanager
async def _connected(client: aiomqtt.Client) -> AsyncIterator[None]:
    """Connect, and disconnect in the end.

    Cancelled while it connects, aiomqtt would leave its connection open: it is let finish.
    """
    connecting = asyncio.create_task(client.__aenter__())
    try:
        await asyncio.shield(connecting)
        yield
    finally:
        with suppress(aiomqtt.MqttError):
            await connecting
            await client.__aexit__(None, None, None)
