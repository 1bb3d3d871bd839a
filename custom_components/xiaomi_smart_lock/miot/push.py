"""The cloud's push: an MQTT broker that tells at once what the locks report.

Topics and payloads as XiaoMi/ha_xiaomi_home uses them.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import aiomqtt
import orjson
from paho.mqtt.subscribeoptions import SubscribeOptions

from .client import EventOccurred, Message, OnlineChanged, PropertyChanged, address_of
from .errors import MiotError
from .mqtt import Client
from .oauth import CLIENT_ID

if TYPE_CHECKING:
    from collections.abc import Callable

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
        data = orjson.loads(payload)
    except ValueError:
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
            return did, EventOccurred(address, params.get("arguments", []), _tid(params.get("tid")))
        case ["device", did, "state", *_], {"event": "online" | "offline" as state}:
            return did, OnlineChanged(state == "online")
    return None


def _tid(raw: object) -> int | None:
    """Return the number of a report; zero is what a lock may say that does not count."""
    return raw if type(raw) is int and raw > 0 else None


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
        client = Client(
            self._host,
            self._port,
            self._hand_over,
            identifier=self._identifier,
            username=str(CLIENT_ID),
            password=self._token,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=KEEP_ALIVE,
            tls_context=self._tls,
            socket_options=_NO_DELAY,
            timeout=ANSWER_TIMEOUT,
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
            await client.ended()

    def _hand_over(self, topic: str, payload: bytes) -> None:
        if (parsed := parse(topic, payload)) is None:
            _LOGGER.debug("A message on %s has no meaning", topic)
        elif listener := self._listeners.get(parsed[0]):
            try:
                listener(parsed[1])
            except Exception:  # one message must not end the connection for all others
                _LOGGER.exception("A message on %s could not be handled", topic)

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
