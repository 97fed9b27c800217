"""How fast each host's link was, remembered from push to push. Only a guess, and never an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from relstore.client.local_state.state_file import StateFile

LOCAL = 1e9
"""Bytes a second to a store on this machine."""

SSH = 350e6
"""What one connection of OpenSSH carries at most, whatever the link."""

_GUESSES = ((0.0003, SSH), (0.003, 110e6), (0.06, 12e6))
"""Bytes a second for a round trip of at most so many seconds: to this machine, its network, its continent."""
_FAR = 4e6

_FLOOR, _CEILING = 1e3, 1e11
_MAX_HOSTS = 1000


class Links:
    """The speeds, in the small file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._file = StateFile(path, _MAX_HOSTS)

    def speed(self, host: str, hosts: int = 1) -> float | None:
        """Bytes a second to it while so many ``hosts`` are sent to at once; None when that is not known."""
        together, alone = self._known(host, hosts), self._known(host, 1)
        if together is None and alone is not None:
            return alone / hosts
        return together

    def learn(self, host: str, speed: float | None, hosts: int = 1, *, at_least: bool = False) -> None:
        """Remember a ``speed``, in bytes a second; None is ignored.

        ``at_least``: the link may carry more, so this can only raise what is known.
        """
        if speed is None:
            return
        known = self._known(host, hosts)
        if at_least and (known is None or speed <= known):
            return
        self._file.put(_key(host, hosts), min(max(speed, _FLOOR), _CEILING))

    def flush(self) -> None:
        """Write what is not written yet."""
        self._file.flush()

    def _known(self, host: str, hosts: int) -> float | None:
        speed: Any = self._file.entries.get(_key(host, hosts))
        return float(speed) if type(speed) in (int, float) and _FLOOR <= speed <= _CEILING else None


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
