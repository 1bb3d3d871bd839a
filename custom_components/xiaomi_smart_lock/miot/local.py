"""A lock on the local network, by miIO over UDP.

It answers only while it is awake, and tells nothing by itself. python-miio takes over a second to
import and blocks while it waits, so both happen in worker threads.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

from .client import Client, Reading, objects
from .errors import CannotConnectError, NotSignedInError, ResultError, check

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .spec import Address, Value

READ_LIMIT: Final = 15  # properties a request
HELLO_TIMEOUT: Final = 1  # seconds until a lock counts as asleep
ANSWER_TIMEOUT: Final = 3  # seconds
FIRST_IDS: Final = 5000


@dataclass(frozen=True, slots=True)
class Info:
    """What a device on the network says of itself."""

    did: str
    model: str
    firmware: str | None
    mac: str | None


class LocalClient(Client):
    """One lock, by its address and its token of 32 hexadecimal digits."""

    def __init__(self, host: str, token: str) -> None:
        """Prepare; nothing is sent yet."""
        self._host = host
        self._token = token
        self._device: Any = None
        self._lock = asyncio.Lock()

    async def info(self) -> Info:
        """Return what the device says of itself."""
        did, answer = await self._call("miIO.info", [])
        if not isinstance(answer, dict) or not isinstance(answer.get("model"), str):
            raise CannotConnectError("the answer has another shape")
        return Info(did, answer["model"], answer.get("fw_ver"), answer.get("mac"))

    async def read(self, did: str, addresses: Collection[Address]) -> dict[Address, Reading]:
        """Read from the lock itself."""
        readings: dict[Address, Reading] = {}
        for page in batched(addresses, READ_LIMIT, strict=False):
            params = [{"did": did, "siid": siid, "piid": piid} for siid, piid in page]
            _, answer = await self._call("get_properties", params)
            for item in objects(answer):
                match item:
                    case {"siid": int(siid), "piid": int(piid), "code": int(code)}:
                        readings[siid, piid] = Reading(code, item.get("value"))
        return readings

    async def write(self, did: str, address: Address, value: Value) -> None:
        """Set a property."""
        siid, piid = address
        params = [{"did": did, "siid": siid, "piid": piid, "value": value}]
        _, answer = await self._call("set_properties", params)
        for item in objects(answer):
            if (item.get("siid"), item.get("piid")) == address:
                return check(item.get("code"))
        raise CannotConnectError("the answer says nothing of what was written")

    async def act(self, did: str, address: Address, inputs: Sequence[Value] = ()) -> list[object]:
        """Have an action done; the request is sent once only."""
        siid, aiid = address
        params = {"did": did, "siid": siid, "aiid": aiid, "in": list(inputs)}
        _, answer = await self._call("action", params, retries=0)
        if not isinstance(answer, dict):
            raise CannotConnectError("the answer has another shape")
        check(answer.get("code"))
        out = answer.get("out")
        return out if isinstance(out, list) else []

    async def _call(self, method: str, params: object, *, retries: int = 2) -> tuple[str, Any]:
        """Return the device's did and its answer; one request at a time."""
        async with self._lock:
            return await asyncio.to_thread(self._send, method, params, retries)

    def _send(self, method: str, params: object, retries: int) -> tuple[str, Any]:
        import construct  # noqa: PLC0415
        from miio.exceptions import (  # noqa: PLC0415
            DeviceError,
            DeviceException,
            PayloadDecodeException,
        )
        from miio.miioprotocol import MiIOProtocol  # noqa: PLC0415
        from miio.miot_device import MiotDevice  # noqa: PLC0415

        garbled = (
            construct.ConstructError,
            PayloadDecodeException,
            LookupError,
            TypeError,
            ValueError,
        )

        def hello() -> Any:
            return MiIOProtocol.discover(self._host, timeout=HELLO_TIMEOUT)

        try:
            if (message := hello()) is None:
                raise CannotConnectError("the lock does not answer: it is asleep or out of reach")
            did = str(int.from_bytes(message.header.value.device_id))
            if self._device is None:
                self._device = MiotDevice(
                    self._host,
                    self._token,
                    # A device may take a request for one that it has seen, by its number.
                    start_id=random.randrange(FIRST_IDS),  # noqa: S311
                    timeout=ANSWER_TIMEOUT,
                    mapping={},
                )
            return did, self._device.send(method, params, retry_count=retries)
        except garbled as error:
            raise CannotConnectError(f"the answer is garbled ({type(error).__name__})") from None
        except DeviceError as error:
            raise ResultError(error.code) from None
        except DeviceException as error:
            if isinstance(error.__cause__, DeviceError):
                raise ResultError(error.__cause__.code) from None
            # What is asked once may have got lost; who never answers while awake has another token.
            if retries and hello() is not None:
                raise NotSignedInError("the lock is awake but does not take this token") from None
            raise CannotConnectError("the lock does not answer any more") from None
        except OSError as error:
            raise CannotConnectError(str(error)) from None
