"""Run a simulator with one account and one lock, for experiments: ``python -m simulator``."""

from __future__ import annotations

import argparse
import ast
import asyncio
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

from . import real_names
from .clock import Clock
from .model import MODEL
from .siblings import MODELS
from .simulator import Simulator

if TYPE_CHECKING:
    from .account import Account
    from .lock import Lock
    from .sibling import Sibling

_ACTS = (
    "away_mode",
    "child_lock",
    "close_door",
    "deadbolt",
    "emit",
    "enrol",
    "exception",
    "fingerprint",
    "leave_ajar",
    "one_time_password",
    "open_door",
    "operate",
    "press_inside_button",
    "push_settings",
    "push_versions",
    "report",
    "report_history",
    "ring",
    "set",
    "set_battery",
    "set_charging",
    "sleep",
    "stay",
    "unlock",
    "wake",
    "wechat_unauthorised",
)


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--port", type=int, help="of the cloud's HTTP interface")
    parser.add_argument("--broker-port", type=int, help="of the cloud's MQTT broker")
    parser.add_argument(
        "--real-names",
        action="store_true",
        help="take the real services' ports, and say what clients need that know no other address",
    )
    parser.add_argument("--address", default="127.0.0.1", help="of loopback, for both")
    parser.add_argument("--broker", choices=("rumqttd", "mosquitto"), default="rumqttd")
    parser.add_argument("--speed", type=float, default=1, help="of time")
    parser.add_argument("--host", help="also answer miIO, on this address of loopback")
    parser.add_argument("--model", choices=(MODEL, *MODELS), default=MODEL, help="of the lock")
    return parser.parse_args()


def hints(ca_file: Path, account: Account, address: str) -> str:
    """Return the settings for clients that only know Xiaomi's host names."""
    return "\n".join(
        (
            f"Account {account.user_id}, password {account.password!r}",
            "In a client's environment, to trust the simulator:",
            f"SSL_CERT_FILE={ca_file}",
            f"REQUESTS_CA_BUNDLE={ca_file}",
            "In its /etc/hosts, to find it:",
            real_names.hosts(address),
        )
    )


def play(lock: Lock | Sibling, line: str) -> str:
    """Execute a line such as ``fingerprint 3`` or ``set_battery 15 dry_cells=True``.

    Returns the text to print.
    """
    name, *words = line.split()
    acts = [act for act in _ACTS if hasattr(lock, act)]
    if name not in acts:
        return f"One of: {', '.join(acts)}"
    named = dict(word.split("=", 1) for word in words if "=" in word)
    try:
        getattr(lock, name)(
            *(ast.literal_eval(word) for word in words if "=" not in word),
            **{key: ast.literal_eval(word) for key, word in named.items()},
        )
    except (LookupError, SyntaxError, TypeError, ValueError) as error:
        return f"{name}: {error}"
    return "done"


async def main(options: argparse.Namespace, directory: Path) -> None:
    """Run until cancelled."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def listen() -> None:
        # Unbuffered: at its end, the interpreter would wait for the lock of a buffer.
        for typed in open(sys.stdin.fileno(), "rb", buffering=0, closefd=False):  # noqa: SIM115
            line = typed.decode(errors="replace")
            loop.call_soon_threadsafe(lines.put_nowait, line)

    ports = (real_names.CLOUD_PORT, real_names.BROKER_PORT) if options.real_names else (0, 0)
    async with Simulator(
        directory,
        broker=options.broker,
        http_port=options.port or ports[0],
        broker_port=options.broker_port or ports[1],
        address=options.address,
        clock=Clock(options.speed),
    ) as simulator:
        account = simulator.add_account()
        lock = simulator.add_lock(account, model=options.model, host=options.host)
        await simulator.settle()
        print(simulator.endpoints, flush=True)
        if options.real_names:
            print(hints(simulator.ca_file, account, options.address), flush=True)
        if options.host:
            print(f"miIO on {options.host}, token {lock.token}", flush=True)
        Thread(target=listen, daemon=True).start()
        while True:
            if line := (await lines.get()).strip():
                print(play(lock, line), flush=True)


if __name__ == "__main__":
    # A shell may make programs in the background ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with TemporaryDirectory(prefix="lock-simulator-") as folder:
        try:
            asyncio.run(main(arguments(), Path(folder)))
        except KeyboardInterrupt:
            sys.exit(0)
