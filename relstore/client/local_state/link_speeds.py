"""How fast each host's link was, remembered from push to push. Only a guess, and never an error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relstore.client.local_state import state_file

LOCAL = 1e9
"""Bytes a second to a store on this machine."""

SSH = 350e6
"""What one connection of OpenSSH carries at most, whatever the link."""

_GUESSES = ((0.0003, SSH), (0.003, 110e6), (0.06, 12e6))
"""Bytes a second for a round trip of at most so many seconds: to this machine, its network, its continent."""
_FAR = 4e6

_FLOOR, _CEILING = 1e3, 1e11
_MAX_HOSTS = 1000


@dataclass(frozen=True)
class Links:
    """The speeds, in one small file."""

    path: Path

    def speed(self, host: str, hosts: int = 1) -> float | None:
        """Bytes a second to it while so many ``hosts`` are sent to at once; None when that is not known."""
        speeds = self._load()
        alone = speeds.get(_key(host, 1))
        return speeds.get(_key(host, hosts), None if alone is None else alone / hosts)

    def learn(self, host: str, speed: float | None, hosts: int = 1, *, at_least: bool = False) -> None:
        """Remember a ``speed``, in bytes a second; None is ignored.

        ``at_least``: the link may carry more, so this can only raise what is known.
        """
        if speed is None:
            return
        speeds = self._load()
        known = speeds.pop(_key(host, hosts), None)
        if at_least and (known is None or speed <= known):
            return
        speeds[_key(host, hosts)] = min(max(speed, _FLOOR), _CEILING)
        state_file.save(self.path, dict(list(speeds.items())[-_MAX_HOSTS:]))

    def _load(self) -> dict[str, float]:
        return {
            host: float(speed)
            for host, speed in state_file.load(self.path).items()
            if type(speed) in (int, float) and _FLOOR <= speed <= _CEILING
        }


def _key(host: str, hosts: int) -> str:
    return host if hosts == 1 else f"{host} of {hosts}"


def guess(round_trip: float | None) -> float:
    """The speed of a link that was never measured, from how near the host is. ``round_trip``: seconds."""
    if round_trip is not None:
        for limit, speed in _GUESSES:
            if round_trip <= limit:
                return speed
        return _FAR
    return _GUESSES[-1][1]
