"""How much is tried: a little among the other tests, a lot in ``scripts/fuzz``."""

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
    """Do without Home Assistant, unless a test asks for it."""
    allow_loopback()


@pytest.fixture
def server() -> Iterator[Server]:
    """Return who answers whatever it is told to."""
    with Server() as running:
        yield running
