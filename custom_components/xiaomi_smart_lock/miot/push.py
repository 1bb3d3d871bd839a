"""The cloud's push: an MQTT broker that tells at once what the locks report.

Topics and payloads as XiaoMi/ha_xiaomi_home uses them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import socket
import ssl
import time
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, override

import aiomqtt
from paho.mqtt.subscribeoptions import SubscribeOptions

from .client import EventOccurred, Message, OnlineChanged, PropertyChanged, address_of
from .errors import MiotError
from .oauth import CLIENT_ID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .endpoints import Endpoints
    from .oauth import TokenKeeper


class PushProblem(StrEnum):
    """Why there is no connection, where that is more than a passing fault."""

    REFUSED = "refused"
    """Not even a token that was renewed for it is accepted."""
    WRONG_NAME = "wrong_name"
    """The certificate is trusted, but names another host."""


# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH
_NAME_MISMATCHES: Final = (62, 64)

_LOGGER = logging.getLogger(__name__)
_CLIENT_LOGGER = logging.getLogger(f"{__name__}.client")


def _passing(record: logging.LogRecord) -> bool:
    """Have for debugging only what the client calls an error: it is tried again."""
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return _LOGGER.isEnabledFor(logging.DEBUG)


_CLIENT_LOGGER.addFilter(_passing)

TOPICS: Final = (
    "device/{did}/up/properties_changed/#",
    "device/{did}/up/event_occured/#",
    "device/{did}/state/#",
)
KEEP_ALIVE: Final = 60
ANSWER_TIMEOUT: Final = 10.0  # seconds
FIRST_DELAY: Final = 1.0  # seconds; doubles with each failure
LAST_DELAY: Final = 300.0
STABLE_AFTER: Final = 60.0  # a connection that lasted this long was a good one
# Nagle's algorithm would hold acknowledgements back, which costs 40 ms a step in bursts.
_NO_DELAY: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
# MQTT 5.0, 3.2.2.2: bad user name or password, not authorised. Others do not blame the token.
_REFUSALS: Final = (0x86, 0x87)


def parse(topic: str, payload: bytes) -> tuple[str, Message] | None:
    """Return the did and the meaning of a message, None where it has none for us."""
    try:
        data = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    match topic.split("/"), data:
        case (
            ["device", did, "up", "properties_changed", *_],
            {"params": {"value": value, **params}},
        ) if (address := address_of(params, "piid")) and str(params.get("did", did)) == did:
            return did, PropertyChanged(address, value)
        case (
            ["device", did, "up", "event_occured", *_],
            {"params": {**params}},
        ) if (address := address_of(params, "eiid")) and str(params.get("did", did)) == did:
            return did, EventOccurred(address, params.get("arguments", []))
        case ["device", did, "state", *_], {"event": "online" | "offline" as state}:
            return did, OnlineChanged(state == "online")
    return None


class _Client(aiomqtt.Client):
    """A client that keeps quiet and lets go where the broker does not behave."""

    @override
    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        """Watch the socket unless it was closed, as by a broker that drops who just came.

        aiomqtt watches a closed one too, and that fails in the event loop where nobody looks.
        """

        def write() -> None:
            try:
                client.loop_write()
            except Exception as error:  # noqa: BLE001, as aiomqtt does: it ends the connection
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def watch() -> None:
            if sock.fileno() != -1:
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(watch)

    @override
    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        """Notice a broker that drops us before it answers: aiomqtt waits for the answer."""
        if self._lock.locked() and not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttCodeError(reason_code, "Dropped"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Connect, and close the connection however that ends.

        aiomqtt forgets its socket where connecting fails or is cancelled. It connects in a
        thread, which nothing can end early: so that is waited for.
        """
        connecting = asyncio.ensure_future(self.__aenter__())
        try:
            await asyncio.shield(connecting)
            yield
        finally:
            with suppress(aiomqtt.MqttError):
                await connecting
                await self.__aexit__(None, None, None)
            self._client.disconnect()


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
        self._token: str | None = None
        self._refused: str | None = None
        self._listeners: dict[str, Callable[[Message], None]] = {}
        self._on_change: Callable[[], None] = lambda: None
        self.connected = False
        self.problem: PushProblem | None = None

    def subscribe(self, did: str, listener: Callable[[Message], None]) -> None:
        """Have a lock's messages handed over, from the next connection on."""
        self._listeners[did] = listener

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have told whenever the connection comes or goes, or has another problem."""
        self._on_change = callback

    async def run(self) -> None:
        """Stay connected until cancelled, with growing, jittered pauses after failures."""
        delay = FIRST_DELAY
        while True:
            started = time.monotonic()
            try:
                await self._connect_and_listen()
            except (aiomqtt.MqttError, MiotError, OSError) as error:
                _LOGGER.debug("Push connection ended: %s", error)
                self._set(connected=False, problem=self._problem(error))
            finally:
                self._set(connected=False, problem=self.problem)
            if time.monotonic() - started > STABLE_AFTER:
                delay = FIRST_DELAY
            await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311
            delay = min(2 * delay, LAST_DELAY)

    async def _connect_and_listen(self) -> None:
        self._token = await self._tokens.access_token(self._refused)
        client = _Client(
            self._host,
            self._port,
            identifier=self._identifier,
            username=str(CLIENT_ID),
            password=self._token,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=KEEP_ALIVE,
            tls_context=self._tls,
            socket_options=_NO_DELAY,
            logger=_CLIENT_LOGGER,
            timeout=ANSWER_TIMEOUT,
            queue_type=_inbox(self._hand_over),
        )
        async with client.connected():
            self._refused = None
            await client.subscribe(
                [
                    (topic.format(did=did), SubscribeOptions(qos=2))
                    for did in self._listeners
                    for topic in TOPICS
                ]
            )
            self._set(connected=True, problem=None)
            await anext(client.messages)  # Nothing gets there; it raises when the connection ends.

    def _hand_over(self, message: aiomqtt.Message) -> None:
        if (parsed := parse(message.topic.value, message.payload)) is None:
            _LOGGER.debug("A message on %s has no meaning", message.topic)
        elif listener := self._listeners.get(parsed[0]):
            try:
                listener(parsed[1])
            except Exception:  # one message must not end the connection for all others
                _LOGGER.exception("A message on %s could not be handled", message.topic)

    def _problem(self, error: Exception) -> PushProblem | None:
        """Return what is wrong for longer, and remember a token that was refused."""
        cause = error.__context__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return PushProblem.WRONG_NAME if cause.verify_code in _NAME_MISMATCHES else None
        refused, self._refused = self._refused, None
        if isinstance(error, aiomqtt.MqttCodeError) and error.rc in _REFUSALS:
            self._refused = self._token
            return PushProblem.REFUSED if refused else None
        return None

    def _set(self, *, connected: bool, problem: PushProblem | None) -> None:
        if (connected, problem) != (self.connected, self.problem):
            self.connected, self.problem = connected, problem
            self._on_change()


def _inbox(hand_over: Callable[[aiomqtt.Message], None]) -> type[asyncio.Queue[aiomqtt.Message]]:
    """Return a queue that keeps nothing: what is put in is handed over.

    Reading aiomqtt's own queue costs a task for each message.
    """

    class Inbox(asyncio.Queue[aiomqtt.Message]):
        @override
        def put_nowait(self, item: aiomqtt.Message) -> None:
            hand_over(item)

    return Inbox
