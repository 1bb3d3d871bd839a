"""The complete simulator: accounts with locks, a cloud, a broker and local miIO servers."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypedDict, Unpack, overload

import aiomqtt

from custom_components.xiaomi_smart_lock.miot.spec import parse

from . import real_names
from .account import Account, Owner, Place
from .broker import Broker
from .clock import Clock
from .cloud import PROFILE, Cloud
from .device import QUIET_SECONDS
from .gate import Gate
from .instances import DEVICE, INSTANCE, services_of
from .lock import Lock
from .miio import MiioServer
from .miio_methods import handle
from .model import MODEL, SPEC
from .oauth import PATH as AUTHORIZE
from .sibling import D100E, Sibling
from .siblings import MODELS, TWIN
from .tls import OWN, Authority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from custom_components.xiaomi_smart_lock.miot.spec import Spec

    from .device import Device

_FRIEND: Final = Owner("2000000001", "Hua")
"""The owner of all shared locks."""


def _spec(revision: int) -> Spec:
    """Return a revision of the Xiaomi Smart Door Lock 4 Pro's specification."""
    if revision == 1:
        return SPEC
    urn = f"{DEVICE}:{revision}"
    return parse({"type": urn, "services": services_of(urn)})


class Situation(TypedDict, total=False):
    """Where a lock is, and whose it is; see ``Simulator.add_lock``."""

    did: str | None
    home: str | None
    room: str | None
    shared: bool
    host: str | None


class Simulator:
    """The complete simulator, on given or free ports of loopback.

    Everything but the constructor belongs to one event loop; see ``runner`` for use from others.
    """

    def __init__(
        self,
        directory: Path,
        *,
        broker: Literal["rumqttd", "mosquitto"] = "rumqttd",
        http_port: int = 0,
        broker_port: int = 0,
        address: str = "127.0.0.1",
        clock: Clock | None = None,
    ) -> None:
        """Prepare. The directory gets the CA certificate, the endpoints and the broker's files.

        The servers' certificates are also valid for Xiaomi's host names, for clients that resolve
        these to the address. The certificate authority is private: no system trusts it by default.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.clock = clock or Clock()
        self.endpoints = directory / "endpoints.json"
        self.ca_file = directory / "ca.pem"
        self.authority = Authority(self.ca_file)
        here = ("localhost", address)
        self._broker_names = (*here, *real_names.BROKER)
        self._gate_tls = self.authority.context(*self._broker_names)
        cloud_tls = self.authority.context(*here, *real_names.CLOUD)
        self.cloud = Cloud(cloud_tls, http_port, self.clock, address)
        self._address = address
        self.gate: Gate
        self.broker = Broker(broker, directory)
        self._broker_port = broker_port
        self._user_ids = count(1_000_000_001)
        self._dids = count(700_000_001)
        self._stack = AsyncExitStack()
        self.works: list[asyncio.Task[None]] = []
        """The background tasks. One that ends while the simulator runs has failed."""
        self._reports: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.miio: dict[Device, MiioServer] = {}
        """The miIO servers of the locks that are reachable on the local network."""
        self._doors: dict[Device, AsyncExitStack] = {}
        self._moving = asyncio.Lock()
        self._moves: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start all servers, and write their addresses to the endpoints file."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.cloud)
            await stack.enter_async_context(self.broker)
            self.gate = await stack.enter_async_context(
                Gate(
                    self.broker.port,
                    self._gate_tls,
                    self.cloud.authenticate,
                    self._broker_port,
                    self._address,
                )
            )
            self.works = [asyncio.create_task(work) for work in (self._report(), self._let_sleep())]
            for work in self.works:
                stack.callback(work.cancel)
            self._stack = stack.pop_all()
        self.endpoints.write_text(json.dumps(self._addresses(), indent=2), encoding="utf-8")
        self.endpoints.chmod(OWN)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop all servers."""
        async with self._stack:
            for lock in list(self._doors):
                self._move(self._close, lock)
            await asyncio.gather(*self._moves)

    def add_account(self, name: str = "Ming", *, user_id: str | None = None) -> Account:
        """Register an account; the sign-in page has a button for it."""
        account = Account(user_id=user_id or str(next(self._user_ids)), name=name)
        self.cloud.accounts[account.user_id] = account
        return account

    @overload
    def add_lock(
        self,
        account: Account,
        name: str = ...,
        *,
        model: Literal["xiaomi.lock.s1", "xiaomi.lock.s2"] = ...,
        revision: int = ...,
        **where: Unpack[Situation],
    ) -> Lock: ...

    @overload
    def add_lock(
        self, account: Account, name: str = ..., *, model: str, **where: Unpack[Situation]
    ) -> Lock | Sibling: ...

    def add_lock(
        self,
        account: Account,
        name: str = "Front door",
        *,
        model: str = MODEL,
        revision: int = 1,
        **where: Unpack[Situation],
    ) -> Lock | Sibling:
        """Add a lock to an account: its own one, or a friend's that is ``shared`` with it.

        With ``home`` None, the lock is shared alone and not with its home. With ``host``, a
        loopback address such as 127.0.0.2, it is also reachable there by miIO. ``revision`` is that
        of the Xiaomi Smart Door Lock 4 Pro's specification. Raises ValueError if a lock behind a
        gateway has a ``host``.
        """
        owner = _FRIEND if where.get("shared") else None
        known = {
            "did": where.get("did") or str(next(self._dids)),
            "name": name,
            "uid": owner.user_id if owner else account.user_id,
        }
        lock = self._lock(model, revision, known)
        if lock.gateway and where.get("host"):
            raise ValueError(f"{model} is on no local network")
        lock.listeners.append(self._queue)
        self.cloud.locks[lock.did] = lock
        place = Place(lock, where.get("home", "Home"), where.get("room", "Hall"), owner)
        account.places.append(place)
        if host := where.get("host"):
            lock.host = host
            self._move(self._open, lock, host)
        return lock

    def _lock(self, model: str, revision: int, known: dict[str, str]) -> Lock | Sibling:
        if model == TWIN:
            return Lock(self.clock, MODELS[TWIN].spec, model=model, **known)
        if model == MODEL:
            return Lock(self.clock, _spec(revision), **known)
        made = D100E if model == D100E.MODEL else Sibling
        return made(self.clock, MODELS[model], **known)

    def remove_lock(self, lock: Device) -> None:
        """Remove a lock from all accounts, and stop publishing its reports."""
        lock.listeners.remove(self._queue)
        for account in self.cloud.accounts.values():
            account.places = [place for place in account.places if place.lock is not lock]
        if lock.host:
            self._move(self._close, lock)

    def move_lock(self, lock: Device, host: str) -> None:
        """Give a lock another address on the local network; its miIO server starts anew there."""
        self._move(self._close, lock)
        lock.host = host
        self._move(self._open, lock, host)

    def name_broker(self, *names: str) -> None:
        """Give the broker a certificate for other names; without names, for the right ones."""
        self.authority.certify(self._gate_tls, *(names or self._broker_names))

    async def settle(self) -> None:
        """Wait until all reports are published, and all miIO servers are started or stopped."""
        await asyncio.gather(*self._moves)
        await self._reports.join()

    def _addresses(self) -> dict[str, Any]:
        return {
            "authorize": self.cloud.url + AUTHORIZE,
            "profile": self.cloud.url + PROFILE,
            "api": self.cloud.url,
            "instance": self.cloud.url + INSTANCE,
            "account": self.cloud.url,
            "app_api": f"{self.cloud.url}/app",
            "camera": self.cloud.url,
            "pictures": self.cloud.url,
            "broker": self._address,
            "broker_port": self.gate.port,
            "ca_file": str(self.ca_file),
        }

    def _queue(self, topic: str, payload: dict[str, Any]) -> None:
        _, did, *_ = topic.split("/")
        said = self.cloud.locks[did].dialect.message(payload)
        self._reports.put_nowait((topic, json.dumps(said).encode()))

    async def _report(self) -> None:
        while True:
            topic, payload = await self._reports.get()
            try:
                # Reports are lost while the broker is down, as with the real one.
                with suppress(aiomqtt.MqttError):
                    await self.broker.publish(topic, payload)
            finally:
                self._reports.task_done()

    async def _let_sleep(self) -> None:
        while True:
            for lock in self.cloud.locks.values():
                lock.tick()
            # A lock used in the meantime falls asleep later than those awake now.
            awake = [lock.falls_asleep_at for lock in self.cloud.locks.values() if lock.awake]
            now = self.clock.now()
            quiet = min([*awake, now + QUIET_SECONDS]) - now
            await asyncio.sleep(max(quiet, 0) / self.clock.speed)

    async def _open(self, lock: Device, host: str) -> None:
        self._doors[lock] = AsyncExitStack()
        self.miio[lock] = await self._doors[lock].enter_async_context(
            MiioServer(
                host,
                int(lock.did),
                bytes.fromhex(lock.token),
                partial(handle, lock),
                lambda: lock.awake,
            )
        )

    async def _close(self, lock: Device) -> None:
        self.miio.pop(lock, None)
        if door := self._doors.pop(lock, None):
            await door.aclose()

    def _move(self, move: Callable[..., Awaitable[None]], *args: object) -> None:
        """Start or stop a miIO server, one at a time: two locks may share an address."""

        async def in_turn() -> None:
            async with self._moving:
                await move(*args)

        self._moves.append(asyncio.create_task(in_turn()))
