"""A lock on the local network, by miIO over UDP.

The lock answers only while it is awake, and sends nothing by itself. python-miio implements its
packet format, but accepts the first packet that arrives as the answer, regardless of its sender and
age; therefore this module sends and receives by itself. Importing python-miio takes over a second,
so all of this runs in worker threads.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import struct
import time
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from threading import Event
from typing import TYPE_CHECKING, Any, Final, Self, override

from .attempt import Attempt
from .client import Client, Reading, address_of
from .errors import (
    AnotherDeviceError,
    CannotConnectError,
    MiotError,
    NoAnswerError,
    NoConnectionError,
    NotSent,
    NotSentError,
    NotSignedInError,
    ResultError,
    SilentError,
    check,
)
from .values import objects, text, whole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from .spec import Action, Address, Value

PORT: Final = 54321
HEADER: Final = 32  # bytes; a greeting consists of a header only
GREETING: Final = struct.pack(">HH", 0x2131, HEADER) + b"\xff" * 28
GREETINGS: Final = 3  # greetings to send, as some get lost
LONGEST_PACKET: Final = 65535  # bytes
PACKETS_LIMIT: Final = 100  # packets to check while waiting for an answer

READ_LIMIT: Final = 15  # properties per request
HELLO_TIMEOUT: Final = 1.0  # seconds until a lock counts as asleep
ANSWER_TIMEOUT: Final = 3.0  # seconds
LAST_ID: Final = 2**31 - 1  # the same range as Xiaomi's own client
BUSY: Final = (-9999, -30001)  # codes of a device that accepts a retry
SILENCES: Final = 10  # unanswered calls in a row until a token that worked counts as wrong
RETRIES: Final = 2
RETRIES_OF_A_START: Final = 5  # while the token of an entry has not worked yet

_speaking: ContextVar[bool] = ContextVar("speaking", default=False)


@dataclass(frozen=True, slots=True)
class Info:
    """A device's information about itself."""

    did: str
    model: str
    firmware: str | None
    mac: str | None


@dataclass(frozen=True, slots=True)
class _Greeting:
    """What a device answered to a greeting: which device it is, and its clock."""

    device_id: bytes
    clock: datetime
    received: float
    """When it was received, by this machine's monotonic clock."""

    @property
    def did(self) -> str:
        """The device's did."""
        return str(int.from_bytes(self.device_id))

    @property
    def now(self) -> datetime:
        """The device's clock now, if it has not restarted since."""
        return self.clock + timedelta(seconds=int(time.monotonic() - self.received))


class LocalClient(Client):
    """A connection to one lock, with its address and its token of 32 hexadecimal digits.

    A lock that is awake does not answer requests with a wrong token, just as if packets were lost.
    So a token that worked counts as wrong only after SILENCES unanswered calls in a row, and one
    that has not worked yet only after more tries than otherwise, unless a user waits for ``info``.
    """

    def __init__(self, host: str, token: str) -> None:
        """Initialize the client; nothing is sent yet."""
        self._host = host
        self._token = token
        self._patience = 0
        self._lock = asyncio.Lock()
        self.silent = asyncio.Event()
        """Set while the lock, when it was last asked something, did not answer a greeting."""

    async def greet(self, did: str, seconds: float) -> bool:
        """Send a single greeting; return whether the device ``did`` answers within some seconds.

        It takes as long if not. Anybody can answer a greeting, without the token.
        """
        loop = asyncio.get_running_loop()
        answered = loop.create_future()
        listener = _GreetingListener(int(did), answered)
        try:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: listener, remote_addr=(self._host, PORT), family=socket.AF_INET
            )
        except (OSError, ValueError):  # ValueError: the host is no name
            await asyncio.sleep(seconds)
            return False
        try:
            transport.sendto(GREETING)
            await asyncio.wait([answered], timeout=seconds)
        finally:
            transport.close()
        return answered.done()

    async def info(self) -> Info:
        """Return the device's information about itself."""
        greeting, answer = await self._call(None, "miIO.info", [], retries=RETRIES)
        if isinstance(answer, dict) and (model := text(answer.get("model"))):
            return Info(
                greeting.did, model, *(text(answer.get(key)) or None for key in ("fw_ver", "mac"))
            )
        raise CannotConnectError("the answer has another shape")

    async def read(self, did: str, addresses: Collection[Address]) -> dict[Address, Reading]:
        """Read properties from the lock itself; return those that it answers.

        The lock is greeted once for all requests of a reading.
        """
        readings: dict[Address, Reading] = {}
        greeting: _Greeting | None = None
        for page in batched(addresses, READ_LIMIT, strict=False):
            params = [{"did": did, "siid": siid, "piid": piid} for siid, piid in page]
            try:
                greeting, answer = await self._call(
                    did,
                    "get_properties",
                    params,
                    greeting=greeting,
                )
            except CannotConnectError:
                if not readings:
                    raise
                break  # Keep the readings of earlier requests.
            for item in objects(answer):
                address, code = address_of(item, "piid"), whole(item.get("code"))
                if address and code is not None:
                    readings[address] = Reading(code, item.get("value"))
        return readings

    async def write(self, did: str, address: Address, value: Value) -> None:
        """Set a property."""
        siid, piid = address
        params = [{"did": did, "siid": siid, "piid": piid, "value": value}]
        _, answer = await self._call(did, "set_properties", params)
        for item in objects(answer):
            if address_of(item, "piid") == address:
                return check(item.get("code"))
        raise CannotConnectError("the answer says nothing of what was written")

    async def act(
        self,
        did: str,
        action: Action,
        inputs: Sequence[Value] = (),
        attempt: Attempt | None = None,
    ) -> list[object]:
        """Perform an action; the request is sent only once."""
        siid, aiid = action.address
        params = {"did": did, "siid": siid, "aiid": aiid, "in": action.by_piid(inputs)}
        _, answer = await self._call(did, "action", params, retries=0, attempt=attempt or Attempt())
        if not isinstance(answer, dict):
            raise CannotConnectError("the answer has another shape")
        check(answer.get("code"))
        return action.ordered(answer.get("out"))

    async def _call(
        self,
        did: str | None,
        method: str,
        params: object,
        *,
        retries: int | None = None,
        attempt: Attempt | None = None,
        greeting: _Greeting | None = None,
    ) -> tuple[_Greeting, Any]:
        """Send a request, one at a time; return the greeting before it, and its answer.

        The request is sent only to the device ``did``; None for any device. ``greeting`` is one
        from just before, None to greet the device anew. ``retries`` is None for the usual number.
        """
        if retries is None:
            retries = RETRIES if self._patience else RETRIES_OF_A_START
        given_up = Event()
        async with attempt.in_time() if attempt else nullcontext():
            await self._lock.acquire()
        try:
            answered = await asyncio.to_thread(
                self._send, did, method, params, retries, attempt, greeting, given_up
            )
        except (SilentError, NoConnectionError):
            self.silent.set()
            raise
        except MiotError:
            self.silent.clear()
            raise
        else:
            self.silent.clear()
            return answered
        finally:
            given_up.set()
            self._lock.release()

    def _send(
        self,
        did: str | None,
        method: str,
        params: object,
        retries: int,
        attempt: Attempt | None,
        greeting: _Greeting | None,
        given_up: Event,
    ) -> tuple[_Greeting, Any]:
        """Send a request, with retries if nothing is answered or the lock is busy.

        Before a retry the lock is greeted anew: it may have restarted since, or be another device.
        Nothing is sent once nobody waits for it anymore, or its attempt was called off.
        """
        _keep_quiet()
        left = retries
        while True:
            try:
                answered = self._exchange(did, method, params, attempt, greeting, given_up)
            except TimeoutError:
                # A single request may have got lost. A lock that never answers while it is awake
                # has another token.
                if not left:
                    raise self._silence(lasting=retries > 0) from None
            except ResultError as error:
                if not (left and error.code in BUSY):
                    raise
            except OSError as error:
                raise NoConnectionError(f"{type(error).__name__} {error.errno}") from None
            else:
                self._patience = SILENCES
                return answered
            left, greeting = left - 1, None

    def _exchange(
        self,
        did: str | None,
        method: str,
        params: object,
        attempt: Attempt | None,
        greeting: _Greeting | None,
        given_up: Event,
    ) -> tuple[_Greeting, Any]:
        """Send a request once, after a greeting; return the greeting and the request's answer.

        Ignores other packets: those of other devices, answers to other requests, and replayed
        ones, as the random number of a request is not known in advance. Raises TimeoutError if
        nothing answers, SilentError without an answer to the greeting, AnotherDeviceError if
        another device answers it, and CannotConnectError if only other packets arrive.
        """
        with _Socket(self._host) as sock:
            if (greeting := greeting or sock.greet()) is None:
                raise SilentError("the lock does not answer: it is asleep or out of reach")
            if did not in (None, greeting.did):
                raise AnotherDeviceError("another device answers at the lock's address")
            number = secrets.randbelow(LAST_ID) + 1
            request = {"id": number, "method": method, "params": params}
            token = bytes.fromhex(self._token)
            packet = _built(request, greeting, token)
            if attempt:
                attempt.leave()
            if given_up.is_set():
                raise NotSentError(NotSent.CALLED_OFF)
            sock.send(packet)
            others = 1 - GREETINGS  # Late answers to the other greetings do not count.
            for packet in sock.received(ANSWER_TIMEOUT):
                match _answer(packet, greeting.device_id, token):
                    case {"id": int(answered), "error": error} if answered == number:
                        raise _refusal(error)
                    case {"id": int(answered), "result": result} if answered == number:
                        return greeting, result
                others += 1 if len(packet) == HEADER else GREETINGS
        if others > 0:
            raise CannotConnectError("what arrives is no answer to the request")
        raise TimeoutError

    def _silence(self, *, lasting: bool) -> MiotError:
        """Return the error for a call without an answer."""
        if not lasting:
            return NoAnswerError("the lock does not answer anymore")
        if not self._is_awake():
            return SilentError("the lock does not answer anymore")
        if self._patience:
            self._patience -= 1
            return NoAnswerError("the lock is awake but does not answer")
        return NotSignedInError("the lock is awake but does not take this token")

    def _is_awake(self) -> bool:
        with suppress(OSError), _Socket(self._host) as sock:
            return sock.greet() is not None
        return False


class _Socket:
    """A UDP socket for one address; the operating system drops packets from others."""

    def __init__(self, host: str) -> None:
        """Resolve the host and open the socket; raises OSError."""
        try:
            address = (socket.gethostbyname(host), PORT)
        except ValueError as error:
            raise OSError from error
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, packet: bytes) -> None:
        """Send a packet, which may get lost."""
        with suppress(ConnectionRefusedError):  # about an earlier packet, and anyone can forge it
            self._socket.send(packet)

    def received(self, seconds: float) -> Iterator[bytes]:
        """Yield the packets that arrive within some seconds, at most PACKETS_LIMIT."""
        end = time.monotonic() + seconds
        for _ in range(PACKETS_LIMIT):
            if (left := end - time.monotonic()) <= 0:
                return
            self._socket.settimeout(left)
            try:
                packet = self._socket.recv(LONGEST_PACKET)
            except TimeoutError:
                return
            except ConnectionRefusedError:  # The answer may arrive nevertheless.
                continue
            yield packet

    def greet(self) -> _Greeting | None:
        """Send greetings and return the first answer, None if there is none."""
        for _ in range(GREETINGS):
            self.send(GREETING)
            for packet in self.received(HELLO_TIMEOUT / GREETINGS):
                if len(packet) == HEADER and (parsed := _parsed(packet)):
                    header = parsed.header.value
                    return _Greeting(header.device_id, header.ts, time.monotonic())
        return None


class _GreetingListener(asyncio.DatagramProtocol):
    """Waits for a device to answer a greeting."""

    def __init__(self, did: int, answered: asyncio.Future[None]) -> None:
        """Wait for the device with a did; ``answered`` is done then."""
        self._did = did
        self._answered = answered

    @override
    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Look whether a packet is the device's answer."""
        is_greeting = len(data) == HEADER and data.startswith(GREETING[:4])
        if is_greeting and int.from_bytes(data[8:12]) == self._did and not self._answered.done():
            self._answered.set_result(None)


def _built(request: object, greeting: _Greeting, token: bytes) -> bytes:
    """Return the packet of a request to the device that answered a greeting."""
    from construct import ConstructError  # noqa: PLC0415
    from miio.protocol import Message  # noqa: PLC0415

    header = {
        "length": 0,
        "unknown": 0,
        "device_id": greeting.device_id,
        "ts": greeting.now + timedelta(seconds=1),
    }
    message = {"data": {"value": request}, "header": {"value": header}, "checksum": 0}
    try:
        packet: bytes = Message.build(message, token=token)
    except ConstructError:
        raise CannotConnectError("the lock's clock is at its end") from None
    return packet


def _parsed(packet: bytes, **token: bytes) -> Any:
    """Return a parsed packet, None if it is invalid."""
    from miio.protocol import Message  # noqa: PLC0415

    try:
        return Message.parse(packet, **token)
    except Exception:  # noqa: BLE001, a packet may cause any error in python-miio
        return None


def _answer(packet: bytes, device_id: bytes, token: bytes) -> object:
    """Return the decrypted content of a device's packet, None if another's or modified.

    python-miio does not verify the checksum of a packet whose length field is that of a greeting.
    """
    if len(packet) <= HEADER or (parsed := _parsed(packet, token=token)) is None:
        return None
    header = parsed.header.value
    ours = header.length == len(packet) and header.device_id == device_id
    return parsed.data.value if ours else None


def _refusal(error: object) -> MiotError:
    """Return the error for an error answer of the lock."""
    code = whole(error.get("code")) if isinstance(error, dict) else None
    if code is None:
        return CannotConnectError("the answer has no error code")
    return ResultError(code)


def _keep_quiet() -> None:
    """Suppress python-miio's log messages about this thread's packets: they may hold secrets."""
    _speaking.set(True)
    logging.getLogger("miio.protocol").addFilter(_not_speaking)


def _not_speaking(_record: logging.LogRecord) -> bool:
    return not _speaking.get()
