"""A simulated lock with a clock that does not move."""

from __future__ import annotations

import json
from typing import Any

from simulator.clock import Clock

DONE = 0
NO_SERVICE, NO_PROPERTY, NO_ACTION = -704040002, -704040003, -704040005
ASLEEP = -704042011


class Standing(Clock):
    """A clock that moves only when a test advances it."""

    def __init__(self) -> None:
        """Start at a time that is easy to recognize."""
        super().__init__()
        self.time = 1_800_000_000.0

    def now(self) -> float:
        """Return the time."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        self.time += seconds


class Heard(list[tuple[str, dict[str, Any]]]):
    """A list of a listener's messages: topics without ``device/DID/``, and payloads."""

    def __call__(self, topic: str, payload: dict[str, Any]) -> None:
        """Store a message. The payload must be valid JSON data."""
        self.append((topic.removeprefix("device/42/"), json.loads(json.dumps(payload))))

    @property
    def topics(self) -> list[str]:
        """The topics alone."""
        return [topic for topic, _ in self]

    def arguments(self, address: str) -> list[list[object]]:
        """Return the arguments of all events of an address such as 2/1020."""
        return [
            [argument["value"] for argument in payload["params"]["arguments"]]
            for topic, payload in self
            if topic == f"up/event_occured/{address}"
        ]
