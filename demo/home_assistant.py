"""Home Assistant as a process of its own, with a configuration made for the demo."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from homeassistant.const import MAJOR_VERSION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

HOST: Final = "127.0.0.1"
# From this year on, `http:` in the configuration is only tried for five minutes.
HTTP_IS_STORED: Final = MAJOR_VERSION >= 2026  # noqa: PLR2004

STARTED_WITHIN: Final = 300
ENDED_WITHIN: Final = 30

CORE: Final = """\
homeassistant:
  name: Home
  country: CN
  currency: CNY
  language: {language}
  time_zone: Asia/Shanghai
  unit_system: metric
  latitude: 39.9042
  longitude: 116.4074
  elevation: 44
  internal_url: {address}
"""
# Without default_config: nothing here searches the network or talks to the internet.
COMPONENTS: Final = """\
frontend:
history:
logbook:
logger:
  default: warning
media_source:
repairs:
recorder:
  commit_interval: 1
"""


class HomeAssistantError(Exception):
    """Home Assistant did not start, or is not what we expect."""


def write_configuration(
    directory: Path,
    integrations: Path,
    port: int,
    components: str = COMPONENTS,
    language: str = "en",
) -> None:
    """Fill an empty directory with what Home Assistant reads at its first start."""
    directory.mkdir(parents=True)
    configuration = CORE.format(address=address(port), language=language) + components
    http = {"server_host": [HOST], "server_port": port}
    if HTTP_IS_STORED:
        _store(directory, "http", 1, http)
    else:
        configuration += f"http: {json.dumps(http)}\n"
    # This step of the onboarding adds integrations that talk to the internet.
    _store(directory, "onboarding", 4, {"done": ["core_config"]})
    (directory / "configuration.yaml").write_text(configuration, encoding="utf-8")
    (directory / "custom_components").symlink_to(integrations, target_is_directory=True)


def _store(directory: Path, key: str, version: int, data: dict[str, Any]) -> None:
    """Write one of the files that Home Assistant keeps its own settings in."""
    path = directory / ".storage" / key
    path.parent.mkdir(exist_ok=True)
    content = {"key": key, "version": version, "minor_version": 1, "data": data}
    path.write_text(json.dumps(content), encoding="utf-8")


def address(port: int) -> str:
    """Return the address that Home Assistant listens on."""
    return f"http://{HOST}:{port}"


@asynccontextmanager
async def running(
    directory: Path, port: int, environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start Home Assistant, yield its process once it answers, and end it."""
    expect_free(port)
    log = directory / "output.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *_ends_with_us(),
            *(sys.executable, "-m", "homeassistant", "--config", str(directory), "--skip-pip"),
            cwd=directory,
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C is for us; we end Home Assistant, and whatever it started, in good order.
            start_new_session=True,
        )
    try:
        await _answers(process, port, log)
        yield process
    finally:
        await _end(process)


def _ends_with_us() -> list[str]:
    """Return the command that ends what it starts even when we are killed, where there is one."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def expect_free(port: int) -> None:
    """Raise HomeAssistantError unless nothing else listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise HomeAssistantError(f"{HOST}:{port} is in use, see --port") from error


async def _answers(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    """Return once Home Assistant serves its first page."""
    try:
        async with asyncio.timeout(STARTED_WITHIN), aiohttp.ClientSession() as http:
            while process.returncode is None:
                with suppress(aiohttp.ClientError):
                    # Who has been through the onboarding is not offered it again.
                    async with http.get(f"{address(port)}/api/onboarding") as response:
                        if response.ok or response.status == HTTPStatus.NOT_FOUND:
                            return
                await asyncio.sleep(0.2)
    except TimeoutError:
        reason = f"did not answer within {STARTED_WITHIN} s"
    else:
        reason = f"ended with {process.returncode}"
    raise HomeAssistantError(f"Home Assistant {reason}:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask the process to stop, and see to it that nothing of its group is left."""
    try:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDED_WITHIN):
                await process.wait()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
