"""A lock on the local network, by miIO over UDP.

It answers only while it is awake, and tells nothing by itself. python-miio takes over a second to
import and blocks while it waits, so both happen in worker threads.
"""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

from .client import Client, Reading, address_of, objects
from .errors import CannotConnectError, MiotError, NotSignedInError, ResultError, check

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from .spec import Address, Value

READ_LIMIT: Final = 15  # properties a request
HELLO_TIMEOUT: Final = 1  # seconds until a lock counts as asleep
ANSWER_TIMEOUT: Final = 3  # seconds
FIRST_IDS: Final = 5000
SILENCES: Final = 10  # calls in a row without an answer until a token that worked counts as wrong

_speaking: ContextVar[bool] = ContextVar("speaking", default=False)


@dataclass(frozen=True, slots=True)
class Info:
    """What a device on the network says of itself."""

    did: str
    model: str
    firmware: str | None
    mac: str | None


class LocalClient(Client):
    """One lock, by its address and its token of 32 hexadecimal digits.

    A lock that is awake keeps silent towards who has another token, as towards one whose packets
    are lost: a token that worked is given time.
    """

    def __init__(self, host: str, token: str) -> None:
        """Prepare; nothing is sent yet."""
        self._host = host
        self._token = token
        self._patience = 0
        self._stamp: datetime | None = None
        self._device: Any = None
        self._lock = asyncio.Lock()

    async def info(self) -> Info:
        """Return what the device says of itself."""
        did, answer = await self._call(None, "miIO.info", [])
        match answer:
            case {"model": str(model)}:
                texts = (answer.get(key) for key in ("fw_ver", "mac"))
                return Info(
                    did, model, *(text if isinstance(text, str) else None for text in texts)
                )
        raise CannotConnectError("the answer has another shape")

    async def read(self, did: str, addresses: Collection[Address]) -> dict[Address, Reading]:
        """Read from the lock itself, as far as it answers."""
        readings: dict[Address, Reading] = {}
        for page in batched(addresses, READ_LIMIT, strict=False):
            params = [{"did": did, "siid": siid, "piid": piid} for siid, piid in page]
            try:
                _, answer = await self._call(did, "get_properties", params)
            except CannotConnectError:
                if not readings:
                    raise
                break  # What got lost must not spoil what was answered.
            for item in objects(answer):
                address, code = address_of(item, "piid"), item.get("code")
                if address and type(code) is int:
                    readings[address] = Reading(code, item.get("value"))
        return readings

    async def write(self, did: str, address: Address, value: Value) -> None:
        """Set a property."""
        siid, piid = address
        params = [{"did": did, "siid": siid, "piid": piid, "value": value}]
        _, answer = await self._call(did, "set_properties", params)
        for item in objects(answer):
            if (item.get("siid"), item.get("piid")) == address:
                return check(item.get("code"))
        raise CannotConnectError("the answer says nothing of what was written")

    async def act(self, did: str, address: Address, inputs: Sequence[Value] = ()) -> list[object]:
        """Have an action done; the request is sent once only."""
        siid, aiid = address
        params = {"did": did, "siid": siid, "aiid": aiid, "in": list(inputs)}
        _, answer = await self._call(did, "action", params, retries=0)
        if not isinstance(answer, dict):
            raise CannotConnectError("the answer has another shape")
        check(answer.get("code"))
        out = answer.get("out")
        return out if isinstance(out, list) else []

    async def _call(
        self, did: str | None, method: str, params: object, *, retries: int = 2
    ) -> tuple[str, Any]:
        """Return the device's did and its answer; one request at a time.

        No other device is asked than the one that is meant, None for any.
        """
        async with self._lock:
            try:
                return await asyncio.to_thread(self._send, did, method, params, retries)
            except MiotError as error:
                _close_sockets(error)
                raise

    def _send(self, did: str | None, method: str, params: object, retries: int) -> tuple[str, Any]:
        from miio.exceptions import (  # noqa: PLC0415
            DeviceError,
            DeviceException,
            PayloadDecodeException,
        )

        _keep_quiet()
        try:
            found = self._find(did)
            answer = self._device.send(method, params, retry_count=retries)
        except MiotError:
            raise
        except DeviceError as error:
            raise _refusal(error.code) from None
        except PayloadDecodeException as error:
            raise self._garbled(error) from None
        except DeviceException as error:
            if isinstance(error.__cause__, DeviceError):
                raise _refusal(error.__cause__.code) from None
            # What is asked once may have got lost; who never answers while awake has another token.
            raise self._silence(lasting=retries > 0) from None
        except OSError as error:
            raise CannotConnectError(str(error)) from None
        except Exception as error:  # noqa: BLE001, of python-miio's, whatever a packet leads to
            raise self._garbled(error) from None
        self._patience = SILENCES
        return found, answer

    def _find(self, did: str | None) -> str:
        """Return the did of who is there, ready to be asked."""
        from miio.miot_device import MiotDevice  # noqa: PLC0415

        if (header := self._hello()) is None:
            raise CannotConnectError("the lock does not answer: it is asleep or out of reach")
        found = str(int.from_bytes(header.device_id))
        if did not in (None, found):
            raise CannotConnectError("another device answers at the lock's address")
        # One that was restarted counts from zero, and takes no request of the time before.
        restarted, self._stamp = self._stamp and header.ts < self._stamp, header.ts
        # python-miio counts on from the number in the last answer, whatever that is.
        if self._device is None or restarted or type(self._device.raw_id) is not int:
            self._device = MiotDevice(
                self._host,
                self._token,
                # A device may take a request for one that it has seen, by its number.
                start_id=random.randrange(FIRST_IDS),  # noqa: S311
                timeout=ANSWER_TIMEOUT,
                mapping={},
            )
        return found

    def _hello(self) -> Any:
        """Return the header of the answer to a greeting, None where there is none."""
        from miio.miioprotocol import MiIOProtocol  # noqa: PLC0415

        message = MiIOProtocol.discover(self._host, timeout=HELLO_TIMEOUT)
        return message and message.header.value

    def _garbled(self, error: Exception) -> MiotError:
        """Return that an answer makes no sense, and begin anew with the next request."""
        self._device = None
        return CannotConnectError(f"the answer is garbled ({type(error).__name__})")

    def _silence(self, *, lasting: bool) -> MiotError:
        """Return what it means that nothing was answered."""
        try:
            awake = self._hello() is not None
        except OSError:
            awake = False
        if not (awake and lasting):
            return CannotConnectError("the lock does not answer any more")
        if self._patience:
            self._patience -= 1
            return CannotConnectError("the lock is awake but does not answer")
        return NotSignedInError("the lock is awake but does not take this token")


def _refusal(code: object) -> MiotError:
    """Return what the lock's own error code means."""
    if type(code) is not int:
        return CannotConnectError("the answer has no error code")
    return ResultError(code)


def _close_sockets(error: BaseException | None) -> None:
    """Close what python-miio leaves open: its sockets live as long as the trace of an error."""
    while error:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def _keep_quiet() -> None:
    """Keep what python-miio says in this thread from the log: tokens, secrets, passing faults."""
    _speaking.set(True)
    for name in ("miio.miioprotocol", "miio.protocol"):
        logging.getLogger(name).addFilter(_not_speaking)


def _not_speaking(_record: logging.LogRecord) -> bool:
    return not _speaking.get()
