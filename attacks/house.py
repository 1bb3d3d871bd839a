"""The house under attack: locks with their cloud, Home Assistant, its owner and a guest."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from custom_components.xiaomi_smart_lock.const import DOMAIN
from demo.client import onboard, signed_in
from demo.home_assistant import (
    COMPONENTS,
    HOST,
    address,
    running,
    write_configuration,
)
from demo.setup import (
    add_integration,
    add_lock_nearby,
    allow_unlocking,
    at_home,
    forbid_unlocking,
    link_app,
)
from simulator import real_names
from simulator.door import Method
from simulator.simulator import Simulator

from .attack import expect, refusal

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from demo.client import Client
    from demo.setup import Home
    from simulator.account import Account
    from simulator.lock import Lock

UNLOCK: Final = (2, 1)

INTEGRATIONS: Final = Path(__file__).parents[1] / "custom_components"
# Exclude duress events from the logbook, as the README recommends.
_KEPT_OUT: Final = "logbook:\n  exclude:\n    entity_globs: [event.*_duress]\n"
# In addition to the demo's components: conversation, scenes, and discovery of announced locks. The
# demo does not search a network.
SERVED: Final = COMPONENTS.replace("logbook:\n", _KEPT_OUT) + "conversation:\nscene:\nzeroconf:\n"
PORT: Final = 8123
"""The port of Home Assistant to which Xiaomi redirects after a sign-in."""

OWNER: Final = "owner"
GUEST: Final = "guest"
PASSWORD: Final = "made-up password"
CODE: Final = "271828"
WRONG: Final = "314159"
NEARBY: Final = "127.0.0.2"
ELSEWHERE: Final = "127.0.0.3"
"""An address that nothing uses, free for attacks."""


class House:
    """Two locks of an account, one on the local network, and their users in Home Assistant.

    The clients ``owner`` and ``guest`` are replaced when Home Assistant restarts.
    """

    simulator: Simulator
    account: Account
    lock: Lock
    """May be unlocked with CODE; its camera is linked."""
    shut: Lock
    """A lock of the same account that nobody may unlock."""
    nearby: Lock
    """At NEARBY on the local network, with its own config entry; may be unlocked with CODE."""
    owner: Client
    guest: Client
    """A user who is not an administrator."""
    homes: dict[Lock, Home]
    """The locks as the owner sees them in Home Assistant."""
    configuration: Path
    """Home Assistant's configuration folder."""

    def __init__(self, directory: Path, simulator: Simulator) -> None:
        """Add the locks to the simulator."""
        self.configuration = directory / "home-assistant"
        self.simulator = simulator
        self.account = simulator.add_account("Ming")
        self.lock = simulator.add_lock(self.account)
        self.shut = simulator.add_lock(self.account, "Back door")
        self.nearby = simulator.add_lock(self.account, "Cellar door", host=NEARBY)
        self.locks = (self.lock, self.shut, self.nearby)
        for lock in self.locks:
            lock.accepts_remote_unlock = True
        # Home Assistant trusts the simulator's authority, which issues certificates for Xiaomi's
        # names.
        self.environment = dict.fromkeys(
            ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), str(simulator.ca_file)
        )
        self._stack = AsyncExitStack()
        self._prepared: dict[Any, Any] = {}

    async def set_up(self) -> None:
        """Start Home Assistant for the first time, and add the locks, the options and the users."""
        await self.simulator.settle()
        write_configuration(self.configuration, INTEGRATIONS, PORT, SERVED)
        await self._run({})
        self.owner = await self._stack.enter_async_context(onboard(address(PORT), OWNER, PASSWORD))
        entry_id = await add_integration(
            self.owner, self.simulator.endpoints, self.account, (self.lock, self.shut)
        )
        phone = self.simulator.cloud.app_accounts
        await link_app(self.owner, entry_id, lambda code: phone.confirm(code, self.account))
        await allow_unlocking(self.owner, entry_id, CODE, self.lock.did)
        nearby = await add_lock_nearby(self.owner, NEARBY, self.nearby.token)
        await allow_unlocking(self.owner, nearby, CODE)
        entries = dict.fromkeys((self.lock, self.shut), entry_id) | {self.nearby: nearby}
        self.homes = {
            lock: await at_home(self.owner, entry_id, lock, all_enabled=True)
            for lock, entry_id in entries.items()
        }
        await self.owner.add_user(GUEST, PASSWORD)
        self.guest = await self._sign_in(GUEST)

    async def restart(self) -> None:
        """Stop Home Assistant and start it again with its stored files."""
        await self.end()
        await self.start({})

    async def start(self, environment: Mapping[str, str]) -> None:
        """Start the stopped Home Assistant with additional environment variables."""
        await self._run(environment)
        self.owner = await self._sign_in(OWNER)
        self.guest = await self._sign_in(GUEST)
        await self.owner.ready()
        self.homes = {
            lock: await at_home(self.owner, home.entry_id, lock)
            for lock, home in self.homes.items()
        }

    async def end(self) -> None:
        """Stop Home Assistant, so that its files can be changed."""
        await self._stack.aclose()

    async def _run(self, environment: Mapping[str, str]) -> None:
        self.process: Process = await self._stack.enter_async_context(
            running(self.configuration, PORT, {**self.environment, **environment})
        )

    async def _sign_in(self, name: str) -> Client:
        return await self._stack.enter_async_context(signed_in(address(PORT), name, PASSWORD))

    # Helpers for attacks

    async def unlock(self, client: Client, lock: Lock, code: object = CODE) -> str:
        """Unlock a lock as a user; return the error message, "" on success."""
        data = {} if code is None else {"code": code}
        return await refusal(
            client.action("lock.unlock", self.entity_id(lock, "lock.lock"), **data)
        )

    async def reload(self, lock: Lock) -> dict[str, Any]:
        """Reload the config entry of a lock; return the entry afterwards."""
        entry_id = self.homes[lock].entry_id
        await self.owner.post(f"/api/config/config_entries/entry/{entry_id}/reload", {})
        answer = await self.owner.command("config_entries/get_single", entry_id=entry_id)
        entry: dict[str, Any] = answer["config_entry"]
        return entry

    def opened(self, lock: Lock) -> int:
        """Return the number of remote unlocks in the history of a lock."""
        return sum(
            past.source == (2, 1020) and past.values[1] == Method.REMOTE for past in lock.history
        )

    def asked(self, lock: Lock) -> int:
        """Return how often the cloud was asked to unlock a lock, successfully or not."""
        action = dict(zip(("did", "siid", "aiid"), (lock.did, *UNLOCK), strict=True))
        return sum(
            isinstance(body, dict)
            and isinstance(params := body.get("params"), dict)
            and action.items() <= params.items()
            for _, body in self.simulator.cloud.requests
        )

    def entity_id(self, lock: Lock, key: str) -> str:
        """Return the entity id of a lock's entity by platform and key, such as ``lock.lock``."""
        return self.homes[lock].entity_ids[key]

    def state(self, lock: Lock, key: str) -> str:
        """Return the state of a lock's entity as the owner sees it."""
        return self.homes[lock].state(key).state

    async def issues(self) -> list[dict[str, Any]]:
        """Return the integration's open repair issues."""
        answer = await self.owner.command("repairs/list_issues")
        return [issue for issue in answer["issues"] if issue["domain"] == DOMAIN]

    @property
    def log(self) -> str:
        """The log of Home Assistant since its start."""
        return (self.configuration / "output.log").read_text(encoding="utf-8", errors="replace")

    async def allow(self, lock: Lock, code: str = CODE) -> None:
        """Allow unlocking a lock with a code, as the owner.

        This also lifts a block after wrong codes.
        """
        await allow_unlocking(self.owner, self.homes[lock].entry_id, code, self._did(lock))

    async def forbid(self, lock: Lock) -> None:
        """Forbid unlocking a lock, as the owner."""
        await forbid_unlocking(self.owner, self.homes[lock].entry_id, self._did(lock))

    def _did(self, lock: Lock) -> str | None:
        """Return the did of a lock, None if its config entry has only this lock."""
        return None if lock is self.nearby else lock.did

    async def once[Outcome](self, prepare: Callable[[House], Awaitable[Outcome]]) -> Outcome:
        """Prepare something that several attacks share, at the first call; return its outcome.

        Raises NotTriedError if the preparation failed in an earlier call, or if its outcome is
        empty.
        """
        if prepare not in self._prepared:
            self._prepared[prepare] = None  # A failed preparation is not repeated.
            self._prepared[prepare] = [await prepare(self)]
        expect(self._prepared[prepare], "what it takes could not be prepared")
        outcome: Outcome = self._prepared[prepare][0]
        return outcome


@asynccontextmanager
async def standing(directory: Path) -> AsyncIterator[House]:
    """Set up a house whose simulator has the names of Xiaomi's services; stop all on exit.

    Raises NotTriedError unless /etc/hosts resolves those names to this machine.
    """
    hosts = Path("/etc/hosts").read_text(encoding="utf-8")
    expect(real_names.hosts(HOST) in hosts, "Xiaomi's names lead elsewhere: run scripts/attack")
    os.umask(0o022)  # The usual umask: files are private only if the integration makes them so.
    async with Simulator(
        directory / "simulator",
        http_port=real_names.CLOUD_PORT,
        broker_port=real_names.BROKER_PORT,
    ) as simulator:
        house = House(directory, simulator)
        try:
            await house.set_up()
            yield house
        finally:
            await house.end()
