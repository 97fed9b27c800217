"""The course of a rollout: from what happens to what is to be done next. Pure; the shell does the rest.

What is in ``states`` comes in as events and goes out as actions. Not for any host, clock or connection
(``client.fleet``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from relstore.client.rollout import states
from relstore.client.rollout.states import Action, ActivateHost, Event, HostState, Phase, RevertHost, Verdict
from relstore.client.rollout.strategy import CONTINUE, REVERT, Strategy
from relstore.client.rollout.waves import Wave, waves

_FAILURES: tuple[HostState, ...] = (states.FAILED, states.STUCK)
_FORMER: tuple[HostState, ...] = (
    states.UNREACHABLE,
    states.REFUSED,
    states.STAGED,
    states.FAILED,
    states.WITHDRAWN,
)
INTERRUPTED = "interrupted"
UNCLEAR = "the command that runs once began earlier, and how it ended is not known"

Step = tuple["Rollout", tuple[Action, ...]]


@dataclass(frozen=True)
class Rollout:
    """Where a rollout is."""

    strategy: Strategy
    hosts: tuple[HostState, ...]
    """In the order in which they get their turn."""
    phase: Phase = states.PLANNED
    waves: tuple[Wave, ...] = ()
    """Known once everything is staged: only what has to be switched is in one."""
    wave: int = 0
    why: str = ""
    """Why it does not go on; empty while it does."""
    unwell: frozenset[int] = frozenset()
    """Hosts that were switched, and turned out not to be healthy."""
    lost: frozenset[int] = frozenset()
    """Hosts that count as unreachable although they were reached before."""
    returning: frozenset[int] = frozenset()
    """Hosts that were told to go back, and have not answered yet."""
    pause_asked: bool = False
    """Whether it pauses after this wave, whatever the strategy says."""
    left: Phase | None = None
    """As what it ends once nothing is under way, where somebody left it."""

    @classmethod
    def of(cls, strategy: Strategy, hosts: int) -> Rollout:
        pending: HostState = states.PENDING
        return cls(strategy, (pending,) * hosts)

    @property
    def is_ended(self) -> bool:
        return self.phase in states.ENDS

    @property
    def counts(self) -> Counter[HostState]:
        return Counter(self.hosts)

    @property
    def failures(self) -> int:
        """Hosts on which the release failed."""
        begun = self.phase not in (states.PLANNED, states.STAGING)
        counted = (*_FAILURES, states.REFUSED) if begun else _FAILURES
        return len(set(self.among(*counted)) | self.unwell)

    @property
    def unreachable(self) -> int:
        return len(set(self.among(states.UNREACHABLE)) | self.lost)

    @property
    def verdict(self) -> Verdict:
        """What the hosts run. One of which that is not known belongs to neither."""
        if not self.unwell and all(state in (states.ACTIVE, states.UNCHANGED) for state in self.hosts):
            return "released"
        return "former" if all(state in _FORMER for state in self.hosts) else "mixed"

    def among(self, *wanted: HostState) -> list[int]:
        """The hosts that are in one of these states."""
        return [host for host, state in enumerate(self.hosts) if state in wanted]

    def with_host(self, host: int, state: HostState) -> Rollout:
        return replace(self, hosts=(*self.hosts[:host], state, *self.hosts[host + 1 :]))


def after(rollout: Rollout, event: Event) -> Step:
    """The rollout after ``event``, and what is to be done. What comes too late to matter changes nothing."""
    if rollout.is_ended:
        return rollout, ()
    match event:
        case states.RolloutBegun() if rollout.phase == states.PLANNED:
            return replace(rollout, phase=states.STAGING), (states.StageAll(),)
        case states.TakenUp() if rollout.phase == states.PLANNED:
            return _taken_up(rollout, event)
        case states.HostStaged(host, state) if rollout.phase == states.STAGING:
            return _staged(rollout.with_host(host, state))
        case states.OnceEnded(problem) if rollout.phase == states.ONCE:
            return _failed(replace(rollout, why=problem)) if problem else _wave(rollout, 0)
        case states.OnceUnclear() if rollout.phase == states.ONCE:
            asking = replace(rollout, phase=states.ASKING, why=UNCLEAR)
            return asking, (states.Pause(rollout.wave),)
        case states.HostEnded(host, state) if rollout.hosts[host] in (states.ACTIVATING, states.UNKNOWN):
            return _host_ended(rollout, host, state)
        case states.HostUnwell(host) if rollout.phase == states.BAKING:
            if rollout.hosts[host] != states.ACTIVE:
                return rollout, ()
            return _watched(replace(rollout, unwell=rollout.unwell | {host}))
        case states.HostLost(host) if rollout.phase == states.BAKING:
            return _watched(replace(rollout, lost=rollout.lost | {host}))
        case states.CheckFailed(problem) if rollout.phase == states.BAKING:
            if rollout.strategy.on_failure == CONTINUE:
                return _baked(rollout)
            return _failed(replace(rollout, why=problem))
        case states.Baked(wave) if rollout.phase == states.BAKING and wave == rollout.wave:
            return _baked(rollout)
        case states.DeadlinePassed(wave) if rollout.phase == states.WAVE and wave == rollout.wave:
            return _overdue(rollout)
        case states.Promoted() if rollout.phase == states.PAUSED:
            return _wave(replace(rollout, pause_asked=False), rollout.wave + 1)
        case states.PauseAsked():
            return replace(rollout, pause_asked=True), ()
        case states.Abandoned():
            return _left(rollout, states.ABORTED, INTERRUPTED)
        case states.TakenOver(why):
            return _left(rollout, states.TAKEN_OVER, why)
        case states.HostReturned(host, state) if host in rollout.returning:
            returned = replace(rollout.with_host(host, state), returning=rollout.returning - {host})
            return (returned, ()) if returned.returning else _reverted(returned)
    return rollout, ()


def _staged(rollout: Rollout) -> Step:
    if rollout.among(states.PENDING):
        return rollout, ()
    strategy = rollout.strategy
    if refused := rollout.among(states.REFUSED):
        return _end(rollout, states.STOPPED, f"the release cannot go live on {_hosts(len(refused))}")
    if rollout.unreachable > strategy.max_unreachable.of(len(rollout.hosts)):
        return _end(rollout, states.STOPPED, f"{_hosts(rollout.unreachable)} cannot be reached")
    todo = rollout.among(states.STAGED)
    planned = replace(rollout, waves=waves(todo, strategy.canary, strategy.upto, strategy.batch))
    if not todo:
        return _end(planned, states.DONE)
    if strategy.has_once:
        return replace(planned, phase=states.ONCE), (states.RunOnce(todo[0]),)
    return _wave(planned, 0)


def _taken_up(rollout: Rollout, event: states.TakenUp) -> Step:
    """Go on from what the hosts are in. What was noted last may be older than that."""
    unknown = frozenset(host for host, state in enumerate(event.hosts) if state == states.UNKNOWN)
    up = replace(rollout, hosts=event.hosts, waves=event.waves, wave=event.wave, lost=unknown)
    if event.phase == states.REVERTING or states.WITHDRAWN in event.hosts:
        return _failed(replace(up, why=event.why or "it was going back"))
    if event.phase == states.PAUSED:
        paused = _judged(replace(up, phase=states.PAUSED))  # what was lost then may have failed
        return _failed(paused) if paused.why else (paused, ())
    waiting = [states.STAGED in (event.hosts[host] for host in wave) for wave in event.waves]
    begun = any(
        event.hosts[host] not in (states.STAGED, states.UNKNOWN) for wave in event.waves for host in wave
    )
    if not begun and event.phase in (states.PLANNED, states.STAGING, states.ONCE, states.ASKING):
        if rollout.strategy.has_once:
            return replace(up, phase=states.ONCE, wave=0), (states.RunOnce(event.waves[0][0]),)
        return _wave(up, 0)
    wave = min(event.wave, waiting.index(True)) if True in waiting else event.wave
    # Past a limit it stays, whatever can be reached again by now.
    why = event.why if event.phase in (states.WAVE, states.BAKING) else ""
    return _wave(_judged(replace(up, why=why)), wave)


def _wave(rollout: Rollout, wave: int) -> Step:
    begun, actions = _go_on(replace(rollout, phase=states.WAVE, wave=wave))
    return begun, (states.BeginWave(wave), *actions)


def _go_on(rollout: Rollout) -> Step:
    """Within a wave: start what there is room for; when nothing is left of it, the hosts are watched."""
    working = rollout.among(states.ACTIVATING)
    if rollout.why:
        return (rollout, ()) if working else _failed(rollout)
    waiting = [host for host in rollout.waves[rollout.wave] if rollout.hosts[host] == states.STAGED]
    begin = waiting[: max(rollout.strategy.max_parallel - len(working), 0)]
    if begin:
        for host in begin:
            rollout = rollout.with_host(host, states.ACTIVATING)
        return rollout, tuple(ActivateHost(host) for host in begin)
    if working or set(rollout.among(states.UNKNOWN)) - rollout.lost:
        return rollout, ()
    return _bake(rollout)


def _host_ended(rollout: Rollout, host: int, state: HostState) -> Step:
    ended = rollout.with_host(host, state)
    if state != states.UNKNOWN:
        ended = replace(ended, lost=ended.lost - {host})
    if ended.phase == states.WAVE:
        return _go_on(_judged(ended))
    if ended.phase == states.BAKING:  # it was lost, and is found again
        return _watched(ended)
    return ended, ()


def _watched(rollout: Rollout) -> Step:
    judged = _judged(rollout)
    return _failed(judged) if judged.why else (judged, ())


def _judged(rollout: Rollout) -> Rollout:
    """With the reason why it must not go on, once a limit is passed. The limits are of the whole rollout."""
    strategy, total = rollout.strategy, len(rollout.hosts)
    if rollout.why or strategy.on_failure == CONTINUE:
        return rollout
    if rollout.failures > (limit := strategy.max_failures.of(total)):
        return replace(rollout, why=f"the release failed on {_hosts(rollout.failures)}; the limit is {limit}")
    if rollout.unreachable > (limit := strategy.max_unreachable.of(total)):
        why = f"{_hosts(rollout.unreachable)} cannot be reached; the limit is {limit}"
        return replace(rollout, why=why)
    return rollout


def _overdue(rollout: Rollout) -> Step:
    """Who still works counts as unreachable, and ends by itself; who has not begun never does."""
    for host in rollout.among(states.ACTIVATING):
        rollout = rollout.with_host(host, states.UNKNOWN)
    lost = replace(rollout, lost=rollout.lost | set(rollout.among(states.UNKNOWN)))
    waiting = [host for host in lost.waves[lost.wave] if lost.hosts[host] == states.STAGED]
    if lost.strategy.on_failure == CONTINUE:
        return _bake(lost)
    if waiting and not lost.why:
        lost = replace(lost, why=f"wave {lost.wave + 1} did not end in time")
    return _go_on(_judged(lost))


def _bake(rollout: Rollout) -> Step:
    if not rollout.among(states.ACTIVE):
        return _baked(rollout)
    return replace(rollout, phase=states.BAKING), (states.Bake(rollout.wave),)


def _baked(rollout: Rollout) -> Step:
    if rollout.wave + 1 == len(rollout.waves):
        return _end(rollout, states.DONE)
    if rollout.pause_asked or rollout.wave in rollout.strategy.pauses:
        return replace(rollout, phase=states.PAUSED), (states.Pause(rollout.wave),)
    return _wave(rollout, rollout.wave + 1)


def _failed(rollout: Rollout) -> Step:
    """Nothing is under way any more: what was switched goes back, all at once, or stays."""
    if rollout.left is not None:
        return _end(rollout, rollout.left)
    if rollout.strategy.on_failure != REVERT:
        return _end(rollout, states.STOPPED)
    switched = rollout.among(states.ACTIVE, states.UNKNOWN)
    if not switched:
        return _end(rollout, states.REVERTED)
    reverting = replace(rollout, phase=states.REVERTING, returning=frozenset(switched))
    return reverting, tuple(map(RevertHost, switched))


def _reverted(rollout: Rollout) -> Step:
    return _end(rollout, rollout.left or states.REVERTED)


def _left(rollout: Rollout, phase: Phase, why: str) -> Step:
    left = replace(rollout, left=phase, why=why)
    # Those that work are left to themselves, which each of them says.
    if left.returning or (left.phase == states.WAVE and left.among(states.ACTIVATING)):
        return left, ()
    return _end(left, phase)


def _end(rollout: Rollout, phase: Phase, why: str = "") -> Step:
    return replace(rollout, phase=phase, why=why or rollout.why), (states.End(),)


def _hosts(count: int) -> str:
    return f"{count} host" if count == 1 else f"{count} hosts"


def run(rollout: Rollout, events: Iterable[Event]) -> Step:
    """As ``after``, for several events in their order."""
    actions: list[Action] = []
    for event in events:
        rollout, more = after(rollout, event)
        actions += more
    return rollout, tuple(actions)
