"""The cloud's push: an MQTT broker that forwards the locks' reports at once.

Source of topics and payloads: XiaoMi/ha_xiaomi_home.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
import time
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import aiomqtt
from paho.mqtt.subscribeoptions import SubscribeOptions

from .client import (
    EventOccurred,
    OnlineChanged,
    PropertyChanged,
    address_of,
)
from .errors import MiotError
from .mqtt import Client
from .oauth import CLIENT_ID
from .values import (
    loads,
    objects,
    text,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .client import Message
    from .endpoints import Endpoints
    from .oauth import TokenKeeper


class PushProblem(StrEnum):
    """Problems of the connection that are more than a passing fault."""

    REFUSED = "refused"
    """The broker refuses even a token that was just renewed."""
    TAKEN_OVER = "taken_over"
    """Another client with the same identity takes the connection over repeatedly."""
    WRONG_NAME = "wrong_name"
    """The certificate is trusted, but names another host."""
    UNTRUSTED = "untrusted"
    """The certificate is not trusted."""


# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH
_NAME_MISMATCHES: Final = (62, 64)

_LOGGER = logging.getLogger(__name__)

EXACT: Final = 2**53  # JSON integers from here on may differ from those sent
TOPICS: Final = (
    "device/{did}/up/properties_changed/#",
    "device/{did}/up/event_occured/#",
    "device/{did}/state/#",
)
LONGEST_MESSAGE: Final = 16 * 1024  # bytes; all properties of a lock take half as many
PARAMS_LIMIT: Final = 200  # items per message; a lock has half as many properties
HELD_LIMIT: Final = 1000  # messages to hold until their listeners are ready
FAILURES_LOGGED: Final = 10  # failures of listeners to log as errors; later ones are for debugging

KEEP_ALIVE: Final = 60  # seconds
ANSWER_TIMEOUT: Final = 10.0  # seconds
FIRST_DELAY: Final = 1.0  # seconds; doubles with each failure
LAST_DELAY: Final = 300.0  # seconds
STABLE_AFTER: Final = 60.0  # seconds; a connection that lasted longer resets the delay
# A second client with the same identity reconnects each time, as we do: the takeover repeats.
TAKEN_OVER_TIMES: Final = 3
TAKEN_OVER_WITHIN: Final = 900.0  # seconds
# Seconds without a takeover; far longer than the retry delay of a client that is taken over itself.
ALONE_AFTER: Final = 3600.0
# Nagle's algorithm would delay acknowledgements, which costs 40 ms per step in bursts.
_NO_DELAY: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
# MQTT 5.0, 3.2.2.2: bad user name or password, not authorized. Other codes are not about the token.
_REFUSALS: Final = (0x86, 0x87)
_SESSION_TAKEN_OVER: Final = 0x8E  # MQTT 5.0, 3.14.2.1


def parse(topic: str, payload: bytes) -> list[tuple[str, Message]]:
    """Return the did and the parsed form of each message in a payload, without unknown messages.

    ``params`` of the payload is an object or a list of objects.
    """
    try:
        data = loads(payload)
    except ValueError:
        return []
    match topic.split("/"), data:
        case ["device", did, "up", ("properties_changed" | "event_occured") as kind, *_], {
            "params": params
        }:
            items = objects(params[:PARAMS_LIMIT] if isinstance(params, list) else [params])
            told = (_reported(kind, item) for item in items if _is_of(did, item))
            return [(did, message) for message in told if message]
        case ["device", did, "state", *_], {"event": "online" | "offline" as state}:
            return [(did, OnlineChanged(state == "online"))]
    return []


def _is_of(did: str, params: Mapping[str, Any]) -> bool:
    return str(params.get("did") or did) == did


def _reported(kind: str, params: Mapping[str, Any]) -> Message | None:
    """Return the message of a report, None if it lacks an address or a value."""
    if kind == "event_occured":
        address = address_of(params, "eiid")
        return address and EventOccurred(address, params.get("arguments"), _tid(params.get("tid")))
    address = address_of(params, "piid")
    return PropertyChanged(address, params["value"]) if address and "value" in params else None


def _tid(raw: object) -> int | None:
    """Return the number of a report, None if invalid or 0; a lock without a count may send 0."""
    tid = whole(raw)
    return tid if tid is not None and 0 < tid < EXACT else None


def _ignore(message: Message) -> None:
    """Ignore a message."""


class Push:
    """A connection to the broker that reconnects whenever it ends."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        endpoints: Endpoints,
        region: str,
        uuid: str,
        tokens: TokenKeeper,
    ) -> None:
        """Initialize the connection; run() connects."""
        self._tls = tls
        self.host = endpoints.broker_host(region)
        self.port = endpoints.broker_port
        self._identifier = f"ha.{uuid}"
        self._tokens = tokens
        self._token: str | None = None
        self._refused: str | None = None
        self._taken_over: deque[float] = deque(maxlen=TAKEN_OVER_TIMES)
        self._contested = False
        self._listeners: dict[str, Callable[[Message], None]] = {}
        self._on_change: Callable[[], None] = lambda: None
        self._held: deque[tuple[str, bytes]] | None = None
        self._failures = 0
        self.connected = False
        self.problem: PushProblem | None = None
        self.attempted = asyncio.Event()
        """Set once the first attempt to connect has succeeded or failed."""

    def subscribe(self, did: str, listener: Callable[[Message], None] = _ignore) -> None:
        """Deliver a lock's messages to a listener, from the next connection on."""
        self._listeners[did] = listener

    def unsubscribe(self, did: str) -> None:
        """Stop delivering a lock's messages, and do not subscribe to them at the next connection.

        It is unknown how a broker reacts to a subscription for a device of another account.
        """
        self._listeners.pop(did, None)

    def hold(self) -> None:
        """Hold messages until release(), at most the last HELD_LIMIT."""
        self._held = deque(maxlen=HELD_LIMIT)

    def release(self) -> None:
        """Deliver the held messages in their order, and later ones as they arrive."""
        held, self._held = self._held or (), None
        for topic, payload in held:
            self._hand_over(topic, payload)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Set the callback for changes of ``connected`` and ``problem``."""
        self._on_change = callback

    async def run(self) -> None:
        """Stay connected until canceled, with growing, jittered delays after failures."""
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
                self.attempted.set()
            if time.monotonic() - started > STABLE_AFTER and not self._contested:
                delay = FIRST_DELAY
            await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311
            delay = min(2 * delay, LAST_DELAY)

    async def _connect_and_listen(self) -> None:
        self._token = await self._tokens.access_token(self._refused)
        client = Client(
            self.host,
            self.port,
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
        try:
            async with client.connected():
                await self._listen(client)
        finally:
            if client.reason == _SESSION_TAKEN_OVER:
                self._be_taken_over()

    async def _listen(self, client: Client) -> None:
        self._refused = None
        await client.subscribe(
            [
                (topic.format(did=did), SubscribeOptions(qos=2))
                for did in self._listeners
                for topic in TOPICS
            ]
        )
        self._set(connected=True, problem=PushProblem.TAKEN_OVER if self._contested else None)
        self.attempted.set()
        alone = asyncio.get_running_loop().call_later(ALONE_AFTER, self._be_alone)
        try:
            await client.ended()
        finally:
            alone.cancel()

    def _be_taken_over(self) -> None:
        """Record a takeover; frequent ones mean that another client has our identity.

        Frequent is TAKEN_OVER_TIMES within TAKEN_OVER_WITHIN seconds.
        """
        self._taken_over.append(time.monotonic())
        often = len(self._taken_over) == TAKEN_OVER_TIMES
        recently = self._taken_over[-1] - self._taken_over[0] < TAKEN_OVER_WITHIN
        self._contested = self._contested or (often and recently)

    def _be_alone(self) -> None:
        """Assume that no other client has our identity anymore."""
        self._contested = False
        self._taken_over.clear()
        self._set(connected=True, problem=None)

    def _hand_over(self, topic: str, payload: bytes) -> None:
        if len(payload) > LONGEST_MESSAGE:
            _LOGGER.debug("A message of %s bytes is not read", len(payload))
            return
        if self._held is not None:
            self._held.append((topic, payload))
            return
        if not (parsed := parse(topic, payload)):
            _LOGGER.debug("A message on %s has no meaning", text(topic))
        for did, message in parsed:
            if (listener := self._listeners.get(did)) is None:
                continue
            try:
                listener(message)
            except Exception:  # One message must not end the connection.
                self._failures += 1
                level = logging.ERROR if self._failures <= FAILURES_LOGGED else logging.DEBUG
                _LOGGER.log(
                    level, "A message on %s could not be handled", text(topic), exc_info=True
                )

    def _problem(self, error: Exception) -> PushProblem | None:
        """Return the problem of an error, None for a passing fault; remember a refused token."""
        cause = error.__context__
        if isinstance(cause, ssl.SSLCertVerificationError):
            wrong_name = cause.verify_code in _NAME_MISMATCHES
            return PushProblem.WRONG_NAME if wrong_name else PushProblem.UNTRUSTED
        refused, self._refused = self._refused, None
        if isinstance(error, aiomqtt.MqttCodeError) and error.rc in _REFUSALS:
            self._refused = self._token
            return PushProblem.REFUSED if refused else None
        return PushProblem.TAKEN_OVER if self._contested else None

    def _set(self, *, connected: bool, problem: PushProblem | None) -> None:
        if (connected, problem) != (self.connected, self.problem):
            self.connected, self.problem = connected, problem
            self._on_change()
