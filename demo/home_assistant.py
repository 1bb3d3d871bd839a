"""Home Assistant as a separate process, with a configuration for the demo."""

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
# From 2026 on, Home Assistant applies `http:` in the configuration for five minutes only.
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
# No default_config: nothing here searches the network or connects to the internet.
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
    """Home Assistant did not start, or behaves unexpectedly."""


def write_configuration(
    directory: Path,
    integrations: Path,
    port: int,
    components: str = COMPONENTS,
    language: str = "en",
) -> None:
    """Create a configuration folder for Home Assistant's first start."""
    directory.mkdir(parents=True)
    configuration = CORE.format(address=address(port), language=language) + components
    http = {"server_host": [HOST], "server_port": port}
    if HTTP_IS_STORED:
        _store(directory, "http", 1, http)
    else:
        configuration += f"http: {json.dumps(http)}\n"
    # This onboarding step adds integrations that connect to the internet.
    _store(directory, "onboarding", 4, {"done": ["core_config"]})
    (directory / "configuration.yaml").write_text(configuration, encoding="utf-8")
    (directory / "custom_components").symlink_to(integrations, target_is_directory=True)


def _store(directory: Path, key: str, version: int, data: dict[str, Any]) -> None:
    """Write a file of Home Assistant's storage."""
    path = directory / ".storage" / key
    path.parent.mkdir(exist_ok=True)
    content = {"key": key, "version": version, "minor_version": 1, "data": data}
    path.write_text(json.dumps(content), encoding="utf-8")


def address(port: int) -> str:
    """Return Home Assistant's address."""
    return f"http://{HOST}:{port}"


@asynccontextmanager
async def running(
    directory: Path, port: int, environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start Home Assistant, yield its process once it answers, and stop it on exit.

    Raises HomeAssistantError if the port is in use, or if it does not answer within STARTED_WITHIN
    seconds.
    """
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
            # A separate session keeps Ctrl-C from Home Assistant, so that it can be stopped in
            # order.
            start_new_session=True,
        )
    try:
        await _answers(process, port, log)
        yield process
    finally:
        await _end(process)


def _ends_with_us() -> list[str]:
    """Return a command prefix that stops the process even if this one is killed.

    Without setpriv it is empty.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def expect_free(port: int) -> None:
    """Raise HomeAssistantError if the port is in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise HomeAssistantError(f"{HOST}:{port} is in use, see --port") from error


async def _answers(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    """Wait until Home Assistant answers. Raises HomeAssistantError with the end of its log."""
    try:
        async with asyncio.timeout(STARTED_WITHIN), aiohttp.ClientSession() as http:
            while process.returncode is None:
                with suppress(aiohttp.ClientError):
                    # The path does not exist after the onboarding.
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
    """Terminate the process, wait ENDED_WITHIN seconds, and kill the rest of its process group."""
    try:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDED_WITHIN):
                await process.wait()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
