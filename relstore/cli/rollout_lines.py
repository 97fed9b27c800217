"""A rollout in words: where it is, how many hosts are in which state, and why one failed. Pure.

Not for printing them, nor for the lines of single hosts (``host_lines``).
"""

from __future__ import annotations

from collections.abc import Sequence

from relstore.cli import text
from relstore.client.rollout import states
from relstore.client.rollout.machine import Rollout
from relstore.client.rollout.states import HostState

_BAD: tuple[HostState, ...] = (
    states.UNREACHABLE,
    states.REFUSED,
    states.FAILED,
    states.STUCK,
    states.UNKNOWN,
    states.SUPERSEDED,
)
_NAMES = 6


def where(rollout: Rollout) -> str:
    """``wave 2 of 4``."""
    if rollout.phase in (states.WAVE, states.BAKING) and rollout.waves:
        wave = f"wave {rollout.wave + 1} of {len(rollout.waves)}"
        return wave if rollout.phase == states.WAVE else f"{wave}, watched"
    if rollout.phase == states.PAUSED:
        return f"paused after wave {rollout.wave + 1} of {len(rollout.waves)}"
    return rollout.phase


def counted(rollout: Rollout) -> str:
    """``3 active, 1 failed, 36 staged``."""
    return ", ".join(f"{count} {state}" for state, count in rollout.counts.items())


def begun(rollout: Rollout, names: Sequence[str]) -> str:
    """A line for a phase or a wave that begins."""
    if rollout.phase == states.WAVE:
        wave = rollout.waves[rollout.wave]
        return f"{where(rollout)}: {text.plural(len(wave), 'host')}: {several([names[i] for i in wave])}"
    if rollout.phase == states.REVERTING:
        hosts = [names[index] for index in sorted(rollout.returning)]
        return f"reverting, because {rollout.why}: {text.plural(len(hosts), 'host')}: {several(hosts)}"
    if rollout.phase in states.ENDS:
        return f"{rollout.phase}{f', because {rollout.why}' if rollout.why else ''}: {counted(rollout)}"
    return f"{where(rollout)}: {counted(rollout)}"


def is_bad(state: HostState) -> bool:
    """Whether a person wants to know that a host is in it."""
    return state in _BAD


def several(names: Sequence[str], most: int = _NAMES) -> str:
    """``web1, web2 and 5 more``."""
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
