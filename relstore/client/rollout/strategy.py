"""How a rollout goes: its waves, its limits, and what becomes of it when it fails. Plain values.

Not for what happens in one (``machine``), nor for reading them from relstore.toml (``client.config``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from relstore.client.config.share import NONE, Share

OnFailure = Literal["revert", "stop", "continue"]
"""What is done once a limit is passed."""

REVERT: Final = "revert"
STOP: Final = "stop"
CONTINUE: Final = "continue"
ONE: Final = Share(1)
ON_FAILURE: tuple[OnFailure, ...] = get_args(OnFailure)


@dataclass(frozen=True)
class Strategy:
    """All of it. The default: one host first, then one after the other; back together when one fails."""

    canary: Share | frozenset[int] = ONE
    """So many of the first hosts, or these."""
    upto: tuple[Share, ...] = ()
    """What share of the hosts is switched after each wave."""
    batch: Share | None = None
    """Instead of ``upto``: the size of every wave."""
    max_parallel: int = 1
    """How many hosts of a wave are activated at the same time."""
    max_failures: Share = NONE
    """Of all hosts, over the whole rollout."""
    max_unreachable: Share = NONE
    on_failure: OnFailure = REVERT
    has_once: bool = False
    """Whether a command runs once, on the first host, before the first wave."""
    pauses: frozenset[int] = frozenset()
    """The waves, by index, after which it waits for a person."""
