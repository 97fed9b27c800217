"""On which hosts the last rollout from here failed, by their names: what ``--hosts failed`` means.

Losing it costs nothing but that word. Not for what is the matter with them; the hosts know that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from relstore.client.local_state.state_file import StateFile

_MAX_ROLLOUTS = 200


class FailedHosts:
    """What is remembered, in the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._file = StateFile(path, _MAX_ROLLOUTS)

    def get(self, place: str) -> list[str]:
        """``place``: the configuration and its environment."""
        names = self._file.entries.get(place)
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def keep(self, place: str, names: Sequence[str]) -> None:
        """Remember the names of those that failed; none where all went well."""
        self._file.put(place, list(names))
        self._file.flush()
