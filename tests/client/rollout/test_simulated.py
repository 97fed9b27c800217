"""Ten thousand simulated rollouts with hosts that fail, hang, drop and return, and with clients that die and are
followed by others or are taken over from, each held to what it promises.

The world here knows what each host really runs; the machine knows what it was told.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from relstore.client.config.share import Share
from relstore.client.rollout import states
from relstore.client.rollout.machine import Rollout, after
from relstore.client.rollout.states import (
    Abandoned,
    ActivateHost,
    Bake,
    Baked,
    BeginWave,
    CheckFailed,
    DeadlinePassed,
    Event,
    HostEnded,
    HostLost,
    HostReturned,
    HostStaged,
    HostState,
    HostUnwell,
    OnceEnded,
    Pause,
    Promoted,
    RevertHost,
    RolloutBegun,
    RunOnce,
    StageAll,
    TakenUp,
)
from relstore.client.rollout.strategy import ON_FAILURE, REVERT, Strategy

DEADLINE = 100.0
MAX_EVENTS = 2_000
NEW, OLD, OTHERS = "new", "old", "others"


@dataclass
class World:
    """What the hosts really run, and what will happen to them."""

    chance: random.Random
    strategy: Strategy
    hosts: int
    bad: float
    """How likely it is that something goes wrong at a host."""
    runs: list[str] = field(init=False)
    queue: list[tuple[float, int, Event]] = field(default_factory=list)
    now: float = 0.0
    switched: set[int] = field(default_factory=set)
    """By this rollout."""
    told_back: set[int] = field(default_factory=set)
    ended: dict[int, HostState] = field(default_factory=dict)
    """How the host's own job of this rollout ends, whether or not anybody hears of it."""
    unchanged: set[int] = field(default_factory=set)
    unstaged: dict[int, HostState] = field(default_factory=dict)
    once_runs: int = 0
    once_failed: bool = False
    seen: Counter[str] = field(default_factory=Counter)
    counter: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.runs = [OLD] * self.hosts

    def goes_wrong(self) -> bool:
        return self.chance.random() < self.bad

    def later(self, seconds: float, event: Event) -> None:
        heapq.heappush(self.queue, (self.now + seconds, next(self.counter), event))

    def soon(self, event: Event) -> None:
        self.later(self.chance.random() * 5, event)

    def do(self, action: states.Action) -> None:
        match action:
            case StageAll():
                for host in range(self.hosts):
                    self._stage(host)
            case RunOnce():
                if not self.once_runs:
                    self.once_failed = self.goes_wrong()
                    self.once_runs += 1
                self.soon(OnceEnded("exit code 1" if self.once_failed else ""))
            case BeginWave(wave):
                self.later(DEADLINE, DeadlinePassed(wave))
            case ActivateHost(host):
                self._activate(host)
            case Bake(wave):
                self._bake(wave)
            case Pause():
                self.soon(Promoted())
            case RevertHost(host):
                self._revert(host)

    def _stage(self, host: int) -> None:
        if self.chance.random() < self.bad / 20:
            state = self.chance.choice(["refused", "unreachable", "unreachable"])
            self.unstaged[host] = state
            self.soon(HostStaged(host, state))
        elif self.chance.random() < 0.1:
            self.runs[host] = NEW
            self.unchanged.add(host)
            self.soon(HostStaged(host, "unchanged"))
        else:
            self.soon(HostStaged(host, "staged"))

    def _activate(self, host: int) -> None:
        assert self.runs[host] == OLD
        self.ended[host] = "failed"
        if not self.goes_wrong():
            self._switch(host)
            self.soon(HostEnded(host, "active"))
            return
        match self.chance.choice(["fails", "sticks", "hangs", "drops", "drops and returns", "is gone"]):
            case "fails":
                self.soon(HostEnded(host, "failed"))
            case "sticks":
                self.ended[host] = "stuck"
                self.soon(HostEnded(host, "stuck"))
            case "hangs":  # and is active long after the deadline
                self._switch(host)
                self.later(DEADLINE * 3, HostEnded(host, "active"))
            case "drops":
                if self.chance.random() < 0.5:
                    self._switch(host)
                self.soon(HostEnded(host, "unknown"))
            case "drops and returns":
                self.soon(HostEnded(host, "unknown"))
                good = self.chance.random() < 0.5
                if good:
                    self._switch(host)
                self.later(
                    self.chance.random() * 2 * DEADLINE, HostEnded(host, "active" if good else "failed")
                )
            case "is gone":
                del self.ended[host]
                self.soon(HostEnded(host, "unreachable"))

    def _switch(self, host: int) -> None:
        self.ended[host] = "active"
        self.runs[host] = NEW
        self.switched.add(host)

    def _bake(self, wave: int) -> None:
        for host in sorted(self.switched):
            if self.chance.random() < self.bad / 10:
                if self.chance.random() < 0.5:
                    self.runs[host] = OTHERS
                self.soon(self.chance.choice([HostUnwell(host), HostLost(host)]))
        self.later(5, CheckFailed("status 500") if self.chance.random() < self.bad / 10 else Baked(wave))

    def _revert(self, host: int) -> None:
        assert host not in self.told_back
        self.told_back.add(host)
        if self.chance.random() < 0.05:
            self.soon(HostReturned(host, "unknown"))
        elif self.runs[host] == NEW and host in self.switched:  # compare and switch
            self.runs[host] = OLD
            self.ended[host] = "withdrawn"
            self.soon(HostReturned(host, "withdrawn"))
        else:
            self.soon(HostReturned(host, "superseded" if self.runs[host] == OTHERS else "failed"))


def taken_up(world: World, noted: Rollout) -> TakenUp:
    """What another client finds: what each host says of itself, and what was noted last of the rollout."""
    world.queue.clear()
    world.told_back = {host for host in world.told_back if world.ended.get(host) == "withdrawn"}
    found: list[HostState] = []
    for host in range(world.hosts):
        first: HostState = "unchanged" if host in world.unchanged else world.unstaged.get(host, "staged")
        found.append(world.ended.get(host, first))
    why = noted.why if noted.left is None else ""
    return TakenUp(noted.phase, noted.wave, noted.waves, tuple(found), why)


def simulate(
    chance: random.Random, strategy: Strategy, hosts: int, bad: float, leaves: bool, kills: float = 0.0
) -> Rollout:
    """One rollout to its end, with everything checked on the way."""
    world = World(chance, strategy, hosts, bad)
    rollout = Rollout.of(strategy, hosts)
    if leaves:
        world.later(chance.random() * 60, Abandoned())
    failures_limit, lost_limit = strategy.max_failures.of(hosts), strategy.max_unreachable.of(hosts)
    passed = False
    event: Event = RolloutBegun()
    failed: set[int] = set()
    lost: set[int] = set()
    for _ in range(MAX_EVENTS):
        _count(event, rollout, failed, lost)
        before = rollout
        if isinstance(event, TakenUp):
            rollout = Rollout.of(strategy, hosts)
        rollout, actions = after(rollout, event)
        passed = passed or len(failed) > failures_limit or (len(lost) > lost_limit)
        started = [action.host for action in actions if isinstance(action, ActivateHost)]
        assert len(rollout.among("activating")) <= strategy.max_parallel
        if passed and strategy.on_failure != "continue":
            assert not started, "a host was activated past the limit"
        known = event.hosts if isinstance(event, TakenUp) else before.hosts
        assert all(known[host] in ("staged", "pending") for host in started)
        for action in actions:
            if isinstance(action, RevertHost):
                assert strategy.on_failure == REVERT
                assert known[action.host] not in ("unchanged", "staged", "pending"), "not switched by it"
                assert not rollout.among("activating"), "something was under way"
            world.do(action)
        if rollout.is_ended:
            break
        recorded = rollout.waves and rollout.phase != "staging"
        if recorded and chance.random() < kills:
            # The note of the last step may have come to the hosts, or not.
            noted = before if before.waves and chance.random() < 0.5 else rollout
            event = taken_up(world, noted)
            passed = bool(event.why)
            failed = {host for host, state in enumerate(event.hosts) if state in ("failed", "stuck")}
            lost = {host for host, state in enumerate(event.hosts) if state == "unreachable"}
            if noted.phase == "paused":
                world.soon(Promoted())
            continue
        assert world.queue, f"it waits for ever: {rollout}"
        world.now, _, event = heapq.heappop(world.queue)
    assert rollout.is_ended
    _check_end(rollout, world)
    assert world.once_runs <= 1
    return rollout


def _count(event: Event, rollout: Rollout, failed: set[int], lost: set[int]) -> None:
    """What counts against the limits, by what was told and nothing else."""
    match event:
        case HostEnded(host, state) if rollout.hosts[host] in ("activating", "unknown"):
            if state in ("failed", "stuck"):
                failed.add(host)
            lost.discard(host)
            if state == "unreachable":
                lost.add(host)
        case HostStaged(host, "unreachable"):
            lost.add(host)
        case HostUnwell(host) if rollout.phase == "baking" and rollout.hosts[host] == "active":
            failed.add(host)
        case HostLost(host) if rollout.phase == "baking":
            lost.add(host)
        case DeadlinePassed(wave) if rollout.phase == "wave" and wave == rollout.wave:
            lost.update(rollout.among("activating", "unknown"))


def _check_end(rollout: Rollout, world: World) -> None:
    assert not rollout.among("activating", "pending") or rollout.phase in ("aborted", "stopped")
    assert not rollout.returning
    assert world.told_back <= world.switched | set(range(world.hosts)) - set(rollout.among("unchanged"))
    for host, state in enumerate(rollout.hosts):
        if state in ("staged", "refused", "failed", "withdrawn", "unreachable"):
            assert world.runs[host] != NEW, f"host {host} is {state}, and runs the release"
        if state == "unchanged":
            assert host not in world.told_back
    if rollout.phase == "reverted":
        # Whatever this rollout switched and can still be told to is back.
        left = {host for host in world.switched if world.runs[host] == NEW}
        assert left <= set(rollout.among("unknown", "superseded")), left
    if rollout.verdict == "former":
        assert NEW not in world.runs
    if rollout.verdict == "released":
        assert set(world.runs) <= {NEW, OTHERS}


def a_strategy(chance: random.Random, hosts: int) -> Strategy:
    def share(largest: int) -> Share:
        return (
            Share(chance.randint(0, 100), True)
            if chance.random() < 0.3
            else Share(chance.randint(0, largest))
        )

    few = frozenset(chance.sample(range(hosts), min(hosts, 2)))
    return Strategy(
        canary=few if chance.random() < 0.1 else share(3),
        upto=tuple(share(hosts) for _ in range(chance.randint(0, 4))),
        batch=share(hosts) if chance.random() < 0.2 else None,
        max_parallel=chance.choice([1, 2, 5, 20]),
        max_failures=share(4) if chance.random() < 0.6 else Share(0),
        max_unreachable=share(4) if chance.random() < 0.6 else Share(0),
        on_failure=chance.choice([REVERT, REVERT, REVERT, *ON_FAILURE]),
        has_once=chance.random() < 0.1,
        pauses=frozenset(chance.sample(range(4), chance.randint(0, 2))),
    )


def test_ten_thousand_rollouts_keep_what_is_promised() -> None:
    ends: Counter[str] = Counter()
    for seed in range(10_000):
        chance = random.Random(seed)
        hosts = chance.choice([1, 2, 3, 5, 12, 30])
        bad = chance.choice([0.0, 0.02, 0.1, 0.4])
        kills = 0.03 if seed % 3 == 0 else 0.0
        rollout = simulate(chance, a_strategy(chance, hosts), hosts, bad, chance.random() < 0.05, kills)
        ends[rollout.phase] += 1
        if not bad and rollout.phase != "aborted":
            assert (rollout.phase, rollout.verdict) == ("done", "released"), seed
    # Each end is reached often, or the simulation says little.
    assert all(ends[phase] > 100 for phase in states.ENDS if phase != states.TAKEN_OVER), ends


@settings(max_examples=300, deadline=None)
@given(
    st.randoms(use_true_random=False), st.integers(1, 15), st.floats(0, 1), st.booleans(), st.floats(0, 0.3)
)
def test_any_rollout_keeps_it(
    chance: random.Random, hosts: int, bad: float, leaves: bool, kills: float
) -> None:
    simulate(chance, a_strategy(chance, hosts), hosts, bad, leaves, kills)
