"""Another commit beside the present one, in turn on the same machine."""

from __future__ import annotations

import asyncio
import io
import subprocess
import tarfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from .house import INTEGRATIONS
from .measure import Extent, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .figures import Figure
    from .house import Setting

PROJECT: Final = INTEGRATIONS.parent


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Provide the folder of a commit that has the integration.

    Raises CalledProcessError if there is no such commit.
    """
    archive = subprocess.run(
        ("git", "archive", revision, INTEGRATIONS.name),
        cwd=PROJECT,
        capture_output=True,
        check=True,
    ).stdout
    with TemporaryDirectory(prefix="xiaomi-smart-lock-before-") as directory:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(directory, filter="data")
        yield Path(directory) / INTEGRATIONS.name


def compare(revision: str, setting: Setting, extent: Extent) -> tuple[list[Figure], list[Figure]]:
    """Return the figures of another commit and those of the present one.

    Each is measured twice, the present one in between: what changes on the machine meanwhile is in
    both.
    """
    with checked_out(revision) as integrations:
        before = replace(setting, integrations=integrations)
        turns = [asyncio.run(measure(one, extent)) for one in (before, setting, setting, before)]
    return joined(turns[0], turns[3]), joined(turns[1], turns[2])


def joined(first: Sequence[Figure], second: Sequence[Figure]) -> list[Figure]:
    """Return the same figures of two turns with the races of both."""
    return [one.joined(other) for one, other in zip(first, second, strict=True)]
