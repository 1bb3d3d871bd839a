"""A real MQTT broker: iotcore's rumqttd or Mosquitto, as a process of its own on loopback."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import subprocess
import sys
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Self

import aiomqtt
from paho.mqtt.enums import MQTTErrorCode

from .gate import Gate

if TYPE_CHECKING:
    from pathlib import Path

type Kind = Literal["rumqttd", "mosquitto"]

START_SECONDS: Final = 20
PUBLISH_SECONDS: Final = 60
"""How long a message may take to be acknowledged, in a burst of thousands."""

# Generous limits: the tests are about clients, not about how a broker protects itself.
_RUMQTTD: Final = """\
id = 0

[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 200
max_segment_size = 16777216
max_segment_count = 10

[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 0

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 16777216
max_inflight_count = 100
dynamic_filters = true
"""

# Mosquitto keeps its user: a process that changes it no longer ends with the simulator.
_MOSQUITTO: Final = """\
user root
listener {port} 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
max_inflight_messages 0
max_queued_messages 0
log_type error
log_type warning
"""


class _Server(NamedTuple):
    """A broker: its configuration, the file name for it, and the command without the file."""

    configuration: str
    file: str
    command: tuple[str, ...]


# Debian installs Mosquitto in a directory that is only in the superuser's PATH.
_SYSTEM_PATH: Final = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])

# The kernel ends the broker if the simulator is killed.
_END_WITH_US: Final = ("setpriv", "--pdeathsig", "TERM")

_SERVERS: Final[dict[Kind, _Server]] = {
    "rumqttd": _Server(
        _RUMQTTD,
        "rumqttd.toml",
        (sys.executable, "-m", "iotcore", "--log-level", "CRITICAL", "--config"),
    ),
    "mosquitto": _Server(
        _MOSQUITTO,
        "mosquitto.conf",
        (shutil.which("mosquitto", path=_SYSTEM_PATH) or "mosquitto", "-c"),
    ),
}


def _free_port() -> int:
    """Return a port that nothing listens on.

    It is below the ports of outgoing connections: none can take it while the broker restarts.
    Raises RuntimeError if no port is free.
    """
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


class Broker:
    """A broker without authentication, and a client that publishes to it."""

    def __init__(self, kind: Kind, directory: Path) -> None:
        """Write the configuration to a directory. Nothing is started yet."""
        server = _SERVERS[kind]
        self.port = _free_port()
        self._log = directory / f"{kind}.log"
        configuration = directory / server.file
        configuration.write_text(server.configuration.format(port=self.port), encoding="utf-8")
        self._command = (*_END_WITH_US, *server.command, str(configuration))
        # The publisher connects through a gate too, because a gate acknowledges TCP data at once.
        self._gate = Gate(self.port, None, lambda *_: True)
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Start the broker."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._gate)
            await self._start()
            stack.push_async_callback(self._stop)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the broker."""
        await self._stack.aclose()

    async def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Publish, and wait until the broker has the message; calls keep their order.

        Reconnects once if needed: the broker drops clients that are silent for long, as on a busy
        machine.
        """
        publisher = self._publisher
        try:
            await publisher.publish(topic, payload, qos)
        except aiomqtt.MqttCodeError as error:
            if error.rc != MQTTErrorCode.MQTT_ERR_NO_CONN:
                raise
            async with self._connecting:
                if self._publisher is publisher:
                    await self._disconnect()
                    await self._connect()
            await self._publisher.publish(topic, payload, qos)

    async def restart(self) -> None:
        """Stop and start again at the same port; sessions are lost."""
        async with self._connecting:
            await self._stop()
            await self._start()

    async def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._listening()
            await self._connect()
        except BaseException:
            await self._end()
            raise

    async def _connect(self) -> None:
        self._publisher = aiomqtt.Client(
            "127.0.0.1",
            self._gate.port,
            identifier="simulator",
            protocol=aiomqtt.ProtocolVersion.V5,
            timeout=PUBLISH_SECONDS,
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )
        self._publisher.pending_calls_threshold = sys.maxsize
        await self._publisher.__aenter__()

    async def _disconnect(self) -> None:
        with suppress(aiomqtt.MqttError):  # the broker may have ended already
            await self._publisher.__aexit__(None, None, None)

    async def _listening(self) -> None:
        while self._process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
        raise RuntimeError(f"the broker does not start: {self._log.read_text(encoding='utf-8')}")

    async def _stop(self) -> None:
        await self._disconnect()
        await self._end()

    async def _end(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
