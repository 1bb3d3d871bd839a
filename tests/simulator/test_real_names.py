"""The simulator under the names of Xiaomi's services."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from yarl import URL

from custom_components.xiaomi_smart_lock.miot.endpoints import REGIONS, Endpoints, in_region
from simulator import real_names
from simulator.simulator import Simulator
from tests.hosts import NEARBY, Hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROJECT = Path(__file__).parents[2]


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Simulator]:
    """Return a simulator at an address of its own, which may be connected to."""
    async with Simulator(tmp_path, address=NEARBY) as simulator:
        yield simulator


def asked_by_us() -> set[str]:
    """Return every host that the integration asks over HTTPS, in any region."""
    known = Endpoints()
    addresses = (
        *(known.authorize, known.profile, known.api, known.instance),
        *(known.account, known.app_api, known.camera, known.pictures),
    )
    return {
        str(URL(in_region(address, region)).host) for address in addresses for region in REGIONS
    }


def test_every_host_that_we_ask_has_its_name() -> None:
    """So has each region's broker."""
    assert asked_by_us() <= set(real_names.CLOUD)
    assert {Endpoints().broker_host(region) for region in REGIONS} == set(real_names.BROKER)


async def test_each_name_has_a_certificate(simulator: Simulator) -> None:
    """Whoever trusts the authority can ask by name, and is shown that name by the server."""
    resolver = Hosts(real_names.hosts(NEARBY), simulator.cloud.port)
    trust = ssl.create_default_context(cafile=simulator.ca_file)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as session:
        for name in real_names.CLOUD:
            response = await session.get(f"https://{name}/nothing", ssl=trust)
            assert response.status == 404
        said = await session.get(
            "https://account.xiaomi.com/pass/serviceLogin?sid=mijia&_json=true", ssl=trust
        )
        assert '"location":"https://account.xiaomi.com/' in await said.text()
    for name in real_names.BROKER:
        _, writer = await asyncio.open_connection(
            NEARBY, simulator.gate.port, ssl=trust, server_hostname=name
        )
        writer.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(
            NEARBY, simulator.gate.port, ssl=trust, server_hostname="account.xiaomi.com"
        )


async def test_from_the_command_line(tmp_path: Path) -> None:
    """It says how it is trusted and found, and who can sign in."""
    with socket.create_server((NEARBY, 0)) as one, socket.create_server((NEARBY, 0)) as another:
        ports = [str(taken.getsockname()[1]) for taken in (one, another)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator", "--real-names", "--address", NEARBY),
        *("--port", ports[0], "--broker-port", ports[1]),
        cwd=PROJECT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"ring\n")
    async with asyncio.timeout(60):
        said = (await process.stdout.readuntil(b"done\n")).decode()
        trusted = re.search(r"^SSL_CERT_FILE=(.+)$", said, re.MULTILINE)
        assert trusted
        assert f"REQUESTS_CA_BUNDLE={trusted[1]}\n" in said
        assert f"\n{real_names.hosts(NEARBY)}\n" in said
        assert re.search(r"^Account \d+, password '.+'$", said, re.MULTILINE)
        _, writer = await asyncio.open_connection(
            NEARBY,
            int(ports[1]),
            ssl=ssl.create_default_context(cafile=trusted[1]),
            server_hostname="cn-ha.mqtt.io.mi.com",
        )
        writer.close()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
