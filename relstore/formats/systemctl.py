"""What relstore has systemctl do with a unit: the one list that is run, asked for and allowed. Pure.

The host runs these commands, preflight asks sudo about each of them, and ``relstore sudoers`` prints the rule
that allows them. The name of the unit follows each. Not for commands that only read, which need no right.
"""

from __future__ import annotations

from typing import Final

from relstore.formats.recipe import RESTART

Words = tuple[str, ...]

RESTART_AT_ONCE: Final[Words] = (RESTART, "--no-block")
"""Returns before the restart is done, so that a release that does not stop can be killed meanwhile."""
STOP: Final[Words] = ("stop",)
RESET_FAILED: Final[Words] = ("reset-failed",)
"""systemd refuses to start a unit that crashed too often until this."""
KILL: Final[Words] = ("kill", "--signal=KILL")
STOP_AT_ONCE: Final[Words] = ("stop", "--no-block")
"""Of a slot that finishes its connections by itself."""


def act(action: str) -> Words:
    """The release goes live by this, a UnitAction; the previous generation does by a restart."""
    return (action,)


def commands(action: str) -> tuple[Words, ...]:
    """All that an activation may run on its way forward and back, each once."""
    return tuple(dict.fromkeys((act(action), act(RESTART), RESTART_AT_ONCE, STOP, RESET_FAILED, KILL)))


def slot_commands() -> tuple[Words, ...]:
    """All that is run with the unit of a slot."""
    return (*commands(RESTART), STOP_AT_ONCE)


def trial_commands() -> tuple[Words, ...]:
    """All that is run with the unit in which a release proves itself before it shares a socket."""
    return (act(RESTART), STOP, RESET_FAILED, KILL)
