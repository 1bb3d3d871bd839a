"""What the kernel says of a process."""

from __future__ import annotations

import os
from pathlib import Path


def resident(process: int) -> float:
    """Return how much memory of a process is resident, in MiB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def processor_time(process: int) -> float:
    """Return how long a process has been running on processors with all its threads, in seconds."""
    stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    return ticks(stat) / os.sysconf("SC_CLK_TCK")


def ticks(stat: str) -> int:
    """Return ``utime`` and ``stime`` together of what ``/proc/PID/stat`` says.

    A name with spaces and brackets comes before: what counts is what follows the last bracket.
    """
    _, _, fields = stat.rpartition(")")
    utime, stime = fields.split()[11:13]
    return int(utime) + int(stime)
