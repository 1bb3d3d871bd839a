"""The number of examples: few with the other tests, many in ``scripts/fuzz``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.conftest import allow_loopback

from .server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

_SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]

settings.register_profile(
    "short", max_examples=200, deadline=None, derandomize=True, suppress_health_check=_SLOW
)
settings.register_profile(
    "long", max_examples=20_000, deadline=None, print_blob=True, suppress_health_check=_SLOW
)
settings.load_profile("short")


@pytest.fixture(autouse=True)
def _environment() -> None:
    """Run without Home Assistant, unless a test needs it."""
    allow_loopback()


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server with configurable answers."""
    with Server() as running:
        yield running
