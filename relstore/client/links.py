"""How fast each host's link was, remembered from push to push. Only a help: never an error, never trusted.

A push that had to wait for the link measures it; one that did not says only that it is at least as fast.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

UNKNOWN = 12.5e6
"""Bytes a second that a host is credited with until it was measured: 100 Mbit/s."""

LOCAL = 1e9
"""Bytes a second to a store on this machine."""

_FLOOR, _CEILING = 1e3, 1e11
_MAX_HOSTS = 1000
_ENOUGH_BYTES = 1024 * 1024
"""From less nothing is learned: it fits into the buffers on the way."""


@dataclass(frozen=True)
class Links:
    """The speeds, in one small file."""

    path: Path

    def speed(self, host: str) -> float | None:
        """Bytes a second, or None for a host that was never measured."""
        return self._load().get(host)

    def learn(self, host: str, sent: int, seconds: float, *, waited: bool) -> None:
        """``sent`` bytes took ``seconds``; ``waited``: mostly for the link."""
        if sent < _ENOUGH_BYTES or seconds <= 0:
            return
        speeds = self._load()
        speed = min(max(sent / seconds, _FLOOR), _CEILING)
        known = speeds.pop(host, None)
        if not waited:
            speed = max(speed, known or 0.0)
        speeds[host] = speed
        self._save(dict(list(speeds.items())[-_MAX_HOSTS:]))

    def _load(self) -> dict[str, float]:
        try:
            found = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {
            host: float(speed)
            for host, speed in found.items()
            if type(speed) in (int, float) and _FLOOR <= speed <= _CEILING
        }

    def _save(self, speeds: dict[str, float]) -> None:
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self.path.parent, prefix=".new-", delete=False) as file:
                json.dump(speeds, file)
            os.replace(file.name, self.path)
