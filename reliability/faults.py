"""The faults of a storm, one table line each."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from simulator import faults

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from simulator.faults import Fault
    from simulator.lock import Lock

    from .home import Home

CALLS: Final = "/app/v2/miotspec/"
DEVICES: Final = "/app/v2/home/device_list_page"


@dataclass
class Weather:
    """The context of a fault: the home, a random generator, and the regular broker port."""

    home: Home
    random: Random
    broker_port: int
    """The port of the broker, or of a proxy before it, for the gate."""

    def clear(self) -> None:
        """End all faults."""
        simulator = self.home.simulator
        simulator.cloud.calm()
        simulator.cloud.online = True
        gate = simulator.gate
        gate.open, gate.silent, gate.repeat, gate.delay = True, False, 0, 0.0
        gate.upstream_port, gate.authenticate = self.broker_port, simulator.cloud.authenticate

    async def for_a_while(self) -> None:
        """Wait for a few seconds."""
        await asyncio.sleep(self.random.uniform(0.2, 3))


def _halved(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _of_result(change: Callable[[list[Any]], object]) -> Fault:
    """Return a fault that changes an answer's result if it is a list."""

    def changed(answer: Any) -> Any:
        result = answer.get("result")
        return answer | {"result": change(result)} if isinstance(result, list) else answer

    return faults.changed(changed)


def _of_another(result: list[Any]) -> list[Any]:
    return [item | {"did": "1"} for item in result]


def _all_text(result: list[Any]) -> list[Any]:
    return [{key: str(value) for key, value in item.items()} for item in result]


# Faults that carry a request out and spoil its answer do not apply to token requests: a renewed
# token that never arrives signs the account out.
OF_ANSWERS: Final[dict[str, tuple[Fault, str]]] = {
    "401": (faults.status(401), CALLS),
    "403": (faults.status(403), ""),
    "429": (faults.status(429), ""),
    "429, Retry-After": (faults.status(429, Retry_After="1"), ""),
    "500": (faults.status(500), ""),
    "502": (faults.status(502), ""),
    "no answer": (faults.silence, ""),
    "cut": (faults.cut, ""),
    "cut after it was done": (faults.cut_after, CALLS),
    "cut within the answer": (faults.cut_within, CALLS),
    "answer halved": (faults.spoilt(_halved), DEVICES),
    "answer no JSON": (faults.spoilt(lambda _: b"<html>"), CALLS),
    "no result": (faults.changed(lambda answer: {"code": answer["code"]}), CALLS),
    "results of another lock": (_of_result(_of_another), CALLS),
    "results missing": (_of_result(lambda result: result[::2]), CALLS),
    "results reordered": (_of_result(lambda result: result[::-1]), CALLS),
    "results of other types": (_of_result(_all_text), CALLS),
}


async def _cloud_away(weather: Weather) -> None:
    weather.home.simulator.cloud.online = False
    await weather.for_a_while()
    weather.home.simulator.cloud.online = True


async def _token_expired(weather: Weather) -> None:
    weather.home.simulator.cloud.expire_access_tokens()
    if weather.random.random() < 0.5:
        weather.home.simulator.gate.cut()


async def _cut(weather: Weather) -> None:
    weather.home.simulator.gate.cut()


async def _closed(weather: Weather) -> None:
    gate = weather.home.simulator.gate
    gate.open = False
    gate.cut()
    await weather.for_a_while()
    gate.open = True


async def _silent(weather: Weather) -> None:
    gate = weather.home.simulator.gate
    gate.silent = True
    gate.cut()
    await weather.for_a_while()
    gate.silent = False


async def _refused(weather: Weather) -> None:
    gate = weather.home.simulator.gate
    gate.authenticate = lambda *_: False
    gate.cut()
    await weather.for_a_while()
    gate.authenticate = weather.home.simulator.cloud.authenticate


async def _no_broker(weather: Weather) -> None:
    gate = weather.home.simulator.gate
    gate.upstream_port = 1
    gate.cut()
    await weather.for_a_while()
    gate.upstream_port = weather.broker_port


async def _broker_restarted(weather: Weather) -> None:
    await weather.home.simulator.broker.restart()


async def _delayed(weather: Weather) -> None:
    gate = weather.home.simulator.gate
    gate.delay = weather.random.uniform(0.1, 2)
    await weather.for_a_while()
    gate.delay = 0.0


async def _repeated(weather: Weather) -> None:
    gate = weather.home.simulator.gate
    gate.repeat = weather.random.randint(1, 3)
    await weather.for_a_while()
    gate.repeat = 0


OF_CONNECTIONS: Final[dict[str, Callable[[Weather], Awaitable[None]]]] = {
    "cloud away": _cloud_away,
    "token expired": _token_expired,
    "push cut": _cut,
    "push closed": _closed,
    "push silent": _silent,
    "push refused": _refused,
    "push without broker": _no_broker,
    "broker restarted": _broker_restarted,
    "push delayed": _delayed,
    "push repeated": _repeated,
}


def _params(**params: object) -> bytes:
    return json.dumps({"params": params}).encode()


# Messages that no lock sends: the end of the topic, and the payload.
NONSENSE: Final[tuple[tuple[str, bytes], ...]] = (
    ("up/properties_changed/99/1", _params(siid=99, piid=1, value=1)),
    ("up/properties_changed/13/4242", _params(siid=13, piid=4242, value=1)),
    ("up/properties_changed/13/1", _params(siid=13, piid=1, value="full")),
    ("up/properties_changed/13/1", _params(siid=13, piid=1, value=101)),
    ("up/properties_changed/13/1", b"not JSON"),
    ("up/properties_changed/13/1", b'{"params": "\xff\xfe"}'),
    ("up/properties_changed/13/1", b"x" * 1_000_000),
    ("up/event_occured/99/1", _params(siid=99, eiid=1, arguments=[])),
    ("up/event_occured/17/4", _params(siid=17, eiid=4, arguments=[1])),
    ("up/event_occured/21/1", _params(siid=21, eiid=1, arguments="now")),
    ("state/asleep", b'{"event": "asleep"}'),
)


async def speak_nonsense(weather: Weather, lock: Lock) -> None:
    """Publish a message that no lock sends."""
    topic, payload = weather.random.choice(NONSENSE)
    await weather.home.simulator.broker.publish(f"device/{lock.did}/{topic}", payload)
