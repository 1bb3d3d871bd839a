"""``python -m demo``: a Home Assistant with a lock, and a door where something happens."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from time import strftime
from typing import TYPE_CHECKING, Final

from custom_components.xiaomi_smart_lock.const import ENDPOINTS_VARIABLE
from simulator.simulator import Simulator

from .check import check
from .client import onboard
from .dashboard import save_dashboard
from .day import DAY, Command
from .home_assistant import HomeAssistantError, address, running, write_configuration
from .people import add_people
from .screenshots import take_screenshots
from .setup import add_integration, at_home, link_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from simulator.lock import Lock

    from .day import Step
    from .setup import Home

INTEGRATIONS: Final = Path(__file__).parents[1] / "custom_components"
USER: Final = "demo"
PAUSE: Final = 12
SHORT_PAUSE: Final = 6


@dataclass(frozen=True)
class Demo:
    """All that is running: the lock, what Home Assistant shows of it, and its process."""

    lock: Lock
    home: Home
    home_assistant: asyncio.subprocess.Process


def progress(what: str) -> None:
    """Say what is happening, and when."""
    print(f"{strftime('%H:%M:%S')}  {what}", flush=True)


@asynccontextmanager
async def started(port: int) -> AsyncIterator[Demo]:
    """Start the simulator and Home Assistant, add the integration, and end it all."""
    with TemporaryDirectory(prefix="xiaomi-smart-lock-demo-") as temporary:
        directory = Path(temporary)
        progress("Starting the lock and its cloud")
        async with Simulator(directory / "simulator") as simulator:
            account = simulator.add_account("Ming")
            lock = simulator.add_lock(account, "Front door", home="Home", room="Hall")
            progress("Starting Home Assistant; the first time takes longest")
            configuration = directory / "home-assistant"
            write_configuration(configuration, INTEGRATIONS, port)
            environment = {ENDPOINTS_VARIABLE: str(simulator.endpoints)}
            async with (
                running(configuration, port, environment) as home_assistant,
                onboard(address(port), USER, USER) as client,
            ):
                progress("Adding the integration")
                entry_id = await add_integration(client, simulator.endpoints, account, lock)
                progress("Linking the Mi Home app")
                phone = simulator.cloud.app_accounts
                await link_app(client, entry_id, lambda code: phone.confirm(code, account))
                home = await at_home(client, entry_id, lock)
                await save_dashboard(home)
                await add_people(home, lock)
                progress(f"Ready: {len(home.entity_ids)} entities")
                yield Demo(lock, home, home_assistant)
                progress("Ending")


async def play(demo: Demo, steps: Iterable[Step | Command], pause: float) -> None:
    """Let things happen, one after the other."""
    for step in steps:
        progress(step.name)
        if isinstance(step, Command):
            await step.give(demo.home)
        else:
            step.act(demo.lock)
        await asyncio.sleep(pause)


async def play_on(demo: Demo, port: int) -> None:
    """Say where to look, and play the day again and again for as long as Home Assistant runs."""
    print(f"\n  {address(port)}\n  User name {USER}, password {USER}. Ctrl-C ends it.\n")
    days = asyncio.create_task(play(demo, cycle(DAY), PAUSE))
    try:
        code = await demo.home_assistant.wait()
    finally:
        days.cancel()
    raise HomeAssistantError(f"Home Assistant ended with {code}")


async def show(options: argparse.Namespace) -> bool:
    """Do what the options ask for; return whether all was well."""
    async with started(options.port) as demo:
        if options.check:
            return await check(demo.home, demo.lock, progress)
        if options.screenshots:
            # A day's history, and somebody who has just come home.
            await play(demo, (*DAY, DAY[0]), SHORT_PAUSE)
            await take_screenshots(demo.home, address(options.port), progress)
            return True
        await play_on(demo, options.port)
    return True


async def until_signal(options: argparse.Namespace) -> bool:
    """Do it, and end in good order when the terminal or the system wants that."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await show(options)


def main() -> int:
    """Return 0 if all was well, or the user ended it."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8123, help="Home Assistant's port (8123)")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true", help="play the day once and check it")
    modes.add_argument("--screenshots", action="store_true", help="take the README's pictures")
    options = parser.parse_args()
    try:
        return 0 if asyncio.run(until_signal(options)) else 1
    except asyncio.CancelledError:
        return 130 if options.check or options.screenshots else 0
    except HomeAssistantError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
