"""Moments of this boot, which no change of the wall clock touches.

systemd tells by the same clock when it started a process (``ExecMainStartTimestampMonotonic``). Not for
telling people the time.
"""

from __future__ import annotations

import time
from typing import NamedTuple


class Moment(NamedTuple):
    """An instant of one boot of the host."""

    boot: str
    """The kernel's name for the boot; empty where it does not tell."""
    seconds: float
    """Of CLOCK_MONOTONIC."""

    @classmethod
    def now(cls) -> Moment:
        return cls(_boot(), time.monotonic())

    @classmethod
    def parse(cls, text: str) -> Moment | None:
        """What ``str`` wrote, or None."""
        boot, _, seconds = text.strip().partition(" ")
        try:
            return cls(boot, float(seconds))
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.boot} {self.seconds:.6f}"

    def in_this_boot(self) -> float:
        """Its seconds; 0, which is before everything that runs, for a moment of an earlier boot."""
        return self.seconds if self.boot == _boot() else 0.0


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
