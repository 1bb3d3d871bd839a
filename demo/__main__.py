"""``python -m demo``: run Home Assistant with a simulated lock, and play a day at its door."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import strftime
from typing import TYPE_CHECKING, Final

from custom_components.xiaomi_smart_lock.const import ENDPOINTS_VARIABLE
from simulator.lock import Lock
from simulator.model import MODEL
from simulator.siblings import MODELS
from simulator.simulator import Simulator

from .any_day import ANY_DAY, CHECKED, Act
from .bad_day import BadDay, add_locks, live_through
from .check import BETWEEN_STEPS, check, is_well
from .client import onboard
from .controls import add_controls, obey, show_controls, until_day_goes_on
from .dashboard import add_dashboard
from .day import DAY, Command
from .home_assistant import HomeAssistantError, address, running, write_configuration
from .people import add_people
from .screenshots import take_screenshots
from .setup import add_integration, allow_unlocking, at_home, link_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence

    from simulator.account import Account
    from simulator.sibling import Sibling

    from .day import Step
    from .setup import Home

INTEGRATIONS: Final = Path(__file__).parents[1] / "custom_components"
ORDINARY: Final = "ordinary"
BAD: Final = "bad"
USER: Final = "demo"
CODE: Final = "1234"
PAUSE: Final = 12
SHORT_PAUSE: Final = 6
SOAK: Final = 600
"""Seconds of the normal demo that --soak plays, with shorter pauses."""


@dataclass(frozen=True)
class Door:
    """The names of the lock, its home and its room in the Mi Home app."""

    name: str
    home: str
    room: str


DOORS: Final = {
    "en": Door("Front door", "Home", "Hall"),
    "zh-Hans": Door("大门", "我的家", "玄关"),
}


@dataclass(frozen=True)
class Demo:
    """The running demo: simulator, lock, its entities, and the process of Home Assistant."""

    simulator: Simulator
    lock: Lock | Sibling
    home: Home
    home_assistant: asyncio.subprocess.Process
    account: Account
    others: Sequence[Lock]
    """The additional locks of the bad day."""

    @property
    def s1(self) -> Lock:
        """The lock, if it is a Xiaomi Smart Door Lock 4 Pro; raises TypeError if it is another."""
        if isinstance(self.lock, Lock):
            return self.lock
        raise TypeError(f"{self.lock.model} has a day of its own")


def progress(what: str) -> None:
    """Print what is happening, with the time."""
    print(f"{strftime('%H:%M:%S')}  {what}", flush=True)


@asynccontextmanager
async def started(
    port: int,
    language: str,
    day: str = ORDINARY,
    *,
    model: str = MODEL,
    all_enabled: bool = False,
    controls: bool = False,
) -> AsyncIterator[Demo]:
    """Start the simulator and Home Assistant, and add the integration; stop all on exit.

    ``all_enabled`` enables the entities that are off by default. ``controls`` adds what users can
    do at the door by clicking. Unlocking and people are set up
    for a Xiaomi Smart Door Lock 4 Pro only.
    """
    door = DOORS[language]
    with TemporaryDirectory(prefix="xiaomi-smart-lock-demo-") as temporary:
        directory = Path(temporary)
        progress("Starting the lock and its cloud")
        async with Simulator(directory / "simulator") as simulator:
            account = simulator.add_account("Ming")
            lock = simulator.add_lock(
                account, door.name, model=model, home=door.home, room=door.room
            )
            others: Sequence[Lock] = ()
            if isinstance(lock, Lock):
                lock.accepts_remote_unlock = True
                others = add_locks(simulator, account, lock) if day == BAD else ()
            if lock.camera:
                # Every browser can play the first.
                lock.camera.codecs = ("H264", "H265")
            progress("Starting Home Assistant; the first time takes longest")
            configuration = directory / "home-assistant"
            write_configuration(configuration, INTEGRATIONS, port, language=language)
            if controls:
                add_controls(configuration, language)
            environment = {ENDPOINTS_VARIABLE: str(simulator.endpoints)}
            async with (
                running(configuration, port, environment) as home_assistant,
                onboard(address(port), USER, USER, language) as client,
            ):
                progress("Adding the integration")
                entry_id = await add_integration(
                    client, simulator.endpoints, account, (lock, *others)
                )
                progress("Linking the Mi Home app")
                phone = simulator.cloud.app_accounts
                await link_app(client, entry_id, lambda code: phone.confirm(code, account))
                if not others and model == MODEL:
                    await allow_unlocking(client, entry_id, CODE)
                home = await at_home(client, entry_id, lock, all_enabled=all_enabled)
                await add_dashboard(client, door.name)
                if model == MODEL and isinstance(lock, Lock):
                    await add_people(home, lock)
                if controls:
                    await show_controls(client, language)
                progress(f"Ready: {len(home.entity_ids)} entities")
                yield Demo(simulator, lock, home, home_assistant, account, others)
                progress("Ending")


async def play(demo: Demo, steps: Iterable[Step | Command | Act], pause: float) -> None:
    """Play the steps one after the other."""
    for step in steps:
        if isinstance(step, Act) and not step.play(demo.lock):
            continue
        progress(step.name)
        if isinstance(step, Command):
            await step.give(demo.home)
        elif not isinstance(step, Act):
            step.act(demo.s1)
        await asyncio.sleep(pause)


async def ends(demo: Demo, playing: Awaitable[None]) -> None:
    """Wait for a coroutine while Home Assistant, its connection and the simulator run.

    Raises HomeAssistantError if Home Assistant or the simulator ends before, or the connection is
    closed.
    """
    played = asyncio.ensure_future(playing)
    needed = [demo.home.client.reading, *demo.simulator.works]
    home_assistant = asyncio.create_task(demo.home_assistant.wait())
    try:
        await asyncio.wait({played, home_assistant, *needed}, return_when=asyncio.FIRST_COMPLETED)
        if played.done():
            await played
        elif home_assistant.done():
            raise HomeAssistantError(f"Home Assistant ended with {home_assistant.result()}")
        else:
            await asyncio.gather(*(task for task in needed if task.done()))
            raise HomeAssistantError("the simulator does not go on")
    finally:
        played.cancel()
        home_assistant.cancel()


async def play_day_after_day(
    demo: Demo, steps: Iterable[Step | Command | Act], pause: float
) -> None:
    """Repeat the steps until cancelled, and leave out what a user at the door stands in the way of.

    While a finger is being added, say, Home Assistant gives nobody else a password.
    """
    for step in cycle(steps):
        await until_day_goes_on(demo.home)
        try:
            await play(demo, [step], pause)
        except (HomeAssistantError, LookupError) as error:
            progress(f"Left out: {error}")
            await asyncio.sleep(pause)


async def play_on(demo: Demo, port: int) -> None:
    """Print the address, and repeat the day as long as Home Assistant runs.

    What users click at the door is done meanwhile; they can stop the day, too.
    """
    own = demo.lock.model == MODEL
    unlocking = f" The lock can be unlocked with {CODE}." if own else ""
    print(f"\n  {address(port)}\n  User name {USER}, password {USER}.{unlocking} Ctrl-C ends it.\n")

    steps: Sequence[Step | Command | Act] = DAY if own else ANY_DAY

    async def together() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(play_day_after_day(demo, steps, PAUSE))
                group.create_task(obey(demo.home, demo.lock, progress))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    await ends(demo, together())


async def show(options: argparse.Namespace) -> bool:
    """Run the chosen mode; return whether its checks passed."""
    checks = options.check or options.soak
    unattended = checks or options.screenshots
    async with started(
        options.port,
        options.language,
        options.day,
        model=options.model,
        all_enabled=checks,
        controls=not unattended,
    ) as demo:
        if options.day == BAD:
            day = BadDay(demo.simulator, demo.account, demo.home, demo.s1, demo.others)
            return await live_through(day, progress)
        if options.check:
            return await check(demo.home, demo.lock, progress)
        if options.screenshots:
            # A day's history, and a person who has just come home
            await ends(demo, play(demo, (*DAY, DAY[0]), SHORT_PAUSE))
            await take_screenshots(demo.home, address(options.port), options.language, progress)
            return True
        if options.soak:
            await ends(demo, play(demo, islice(cycle(DAY), SOAK // PAUSE), BETWEEN_STEPS))
            return await is_well(demo.home)
        await play_on(demo, options.port)
    return True


async def until_signal(options: argparse.Namespace) -> bool:
    """Run the chosen mode, and shut down cleanly at SIGINT, SIGTERM or SIGHUP."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await show(options)


def main() -> int:
    """Return the exit code: 0 on success, or if the user ends the demo itself."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8123, help="Home Assistant's port (8123)")
    parser.add_argument("--language", choices=DOORS, default="en", help="Home Assistant's (en)")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true", help="play the day once and check it")
    modes.add_argument(
        "--screenshots", action="store_true", help="take the pictures in docs/images"
    )
    modes.add_argument("--soak", action="store_true", help="play ten minutes in one and check")
    parser.add_argument("--day", choices=(ORDINARY, BAD), default=ORDINARY, help="of --check")
    parser.add_argument(
        "--model",
        choices=(MODEL, *MODELS),
        default=MODEL,
        metavar="MODEL",
        help=f"of the lock ({MODEL}), such as xiaomi.lock.m30fa",
    )
    options = parser.parse_args()
    if options.day != ORDINARY and not options.check:
        parser.error("--day goes with --check")
    if options.language != "en" and options.check:
        parser.error("--language does not go with --check")
    if options.model != MODEL and (options.screenshots or options.soak):
        parser.error("--model does not go with --screenshots and --soak")
    if options.check and options.model not in (MODEL, *CHECKED):
        parser.error(f"--check goes with {MODEL} and {' and '.join(CHECKED)}")
    if options.model != MODEL and options.day != ORDINARY:
        parser.error("--day does not go with --model")
    try:
        return 0 if asyncio.run(until_signal(options)) else 1
    except asyncio.CancelledError:
        return 130 if options.check or options.screenshots or options.soak else 0
    except HomeAssistantError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
