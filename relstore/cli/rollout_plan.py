"""What a rollout would do, for ``--dry-run``: its waves, and the hosts that would be in none.

Not for asking the hosts (``pushing``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relstore.cli import text
from relstore.cli.console import Console
from relstore.cli.outcome import Outcome
from relstore.client.fleet.ending import StagedState
from relstore.client.fleet.result import is_unreachable
from relstore.client.operations.stage import Preview
from relstore.client.rollout.machine import Rollout, run
from relstore.client.rollout.states import (
    REFUSED,
    STAGED,
    UNCHANGED,
    UNREACHABLE,
    Event,
    HostStaged,
    HostState,
    RolloutBegun,
)
from relstore.client.rollout.strategy import Strategy

_IN_NO_WAVE: tuple[HostState, ...] = (UNCHANGED, UNREACHABLE, REFUSED)


def state_of(outcome: Outcome[Preview]) -> StagedState:
    """What the host would be in once it was asked."""
    if outcome.error is not None:
        return "unreachable" if is_unreachable(outcome.error) else "refused"
    return "unchanged" if outcome.value is not None and outcome.value.unchanged else "staged"


def show_plan(
    strategy: Strategy, names: Sequence[str], staged: Sequence[StagedState], console: Console
) -> dict[str, Any]:
    """Print it; the same for the JSON document. ``names``: of the hosts in their order, as ``staged``."""
    events: list[Event] = [RolloutBegun(), *(HostStaged(host, state) for host, state in enumerate(staged))]
    rollout, _ = run(Rollout.of(strategy, len(names)), events)
    waves = [[names[host] for host in wave] for wave in rollout.waves]
    among = {state: [names[host] for host in rollout.among(state)] for state in _IN_NO_WAVE}
    titles = [f"wave {number}" for number in range(1, len(waves) + 1)]
    if len(waves) > 1 and staged.count(STAGED) > len(waves[0]):
        titles[0] += " (canary)"
    for title, hosts in [*zip(titles, waves, strict=True), *among.items()]:
        if hosts:
            console.report(f"{title}: {text.plural(len(hosts), 'host')}: {', '.join(hosts)}", hang=2)
    if rollout.why:
        console.report(f"nothing would be switched, because {rollout.why}", hang=2)
    hosts_by_state = {str(state): hosts for state, hosts in among.items()}
    return {"waves": waves, **hosts_by_state, "why": rollout.why}
