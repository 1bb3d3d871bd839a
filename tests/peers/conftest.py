"""A simulator with the names of Xiaomi's services, and clients of others."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from simulator import real_names
from simulator.runner import SimulatorThread
from tests.conftest import allow_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.account import Account
    from simulator.lock import Lock

PROGRAMS: Final = Path(__file__).parent / "programs"
HOST: Final = "127.0.0.2"
"""The address of the lock on the local network."""
ENDS_WITHIN: Final = 120

FETCHED: Final = Path(os.environ.get("INTEGRATIONS", "/nowhere")) / "custom_components"
collect_ignore = [
    f"test_{name}.py" for name in ("xiaomi_home", "xiaomi_miot") if not (FETCHED / name).is_dir()
]


@pytest.fixture
def enable_custom_integrations() -> None:
    """Run without Home Assistant."""


@pytest.fixture(scope="session")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorThread]:
    """Return the simulator with Xiaomi's names. Fails unless /etc/hosts resolves them to it."""
    hosts = Path("/etc/hosts").read_text(encoding="utf-8")
    assert real_names.hosts("127.0.0.1") in hosts, "Please run scripts/peers"
    allow_loopback()
    with SimulatorThread(
        tmp_path_factory.mktemp("simulator"),
        http_port=real_names.CLOUD_PORT,
        broker_port=real_names.BROKER_PORT,
    ) as running:
        yield running


@pytest.fixture
def account(simulation: SimulatorThread) -> Account:
    """Return a new account."""
    account: Account = simulation.call(simulation.simulator.add_account, "Ming")
    return account


@pytest.fixture
def lock(simulation: SimulatorThread, account: Account) -> Iterator[Lock]:
    """Return the account's lock, which is also on the local network."""
    simulator = simulation.simulator
    lock: Lock = simulation.call(simulator.add_lock, account, host=HOST)
    simulation.call(simulator.settle)
    yield lock
    simulation.call(simulator.remove_lock, lock)
    simulation.call(simulator.settle)


@dataclass(frozen=True)
class Peer:
    """A runner of programs in a client's environment, with a home folder of their own."""

    home: Path
    ca_file: Path

    async def run(self, name: str, program: str, **given: object) -> dict[str, Any]:
        """Run a program with arguments as JSON; return the JSON in its last line.

        Raises TimeoutError after ENDS_WITHIN seconds.
        """
        process = await asyncio.create_subprocess_exec(
            Path(os.environ["PEERS"]) / name / "bin/python",
            *(PROGRAMS / f"{program}.py", json.dumps(given)),
            env={
                "HOME": str(self.home),
                "LANG": "en_US.UTF-8",
                "PATH": os.environ["PATH"],
                "REQUESTS_CA_BUNDLE": str(self.ca_file),
                "SSL_CERT_FILE": str(self.ca_file),
                "TZ": "Asia/Shanghai",
            },
            cwd=self.home,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(ENDS_WITHIN):
            output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        said: dict[str, Any] = json.loads(output.splitlines()[-1])
        return said


@pytest.fixture
def peer(simulation: SimulatorThread, tmp_path: Path) -> Peer:
    """Return a runner of clients."""
    return Peer(tmp_path, simulation.simulator.ca_file)
