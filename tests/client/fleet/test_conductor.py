"""The shell of a rollout, with hosts that hang, drop and return as no real one does on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from relstore.client.config.share import Share
from relstore.client.connection.session import Session
from relstore.client.fleet import conductor
from relstore.client.fleet.conductor import RolloutHost, conduct
from relstore.client.fleet.course import Course
from relstore.client.fleet.result import HostResult, from_error
from relstore.client.fleet.turns import Turns
from relstore.client.operations.access import HostAccess
from relstore.client.operations.interrupt import Interrupts
from relstore.client.operations.plan import ActivationOptions
from relstore.client.reporter import Reporter
from relstore.client.rollout.strategy import Strategy
from relstore.client.target import Target
from relstore.errors import ConnectError, LostJobError, ReleaseFailedError, SupersededError
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe
from relstore.protocol import Apps, AppsOut, Ended, Inspect, Inspected, Watch, Withdraw

WEB = AppName("web")
OPTIONS = ActivationOptions("me@desk", Recipe())


class World:
    """Hosts by their index; what each session is asked, and what it answers."""

    def __init__(self, count: int) -> None:
        self.targets = [Target.parse(f"web{number}") for number in range(count)]
        self.asked: list[tuple[int, Any]] = []
        self.running = 0
        self.most = 0
        self.lost: dict[int, int] = {}
        """How often a new connection to a host is refused before it works again."""
        self.job_ends: dict[int, str] = {}
        self.unwell: dict[int, str] = {}
        self.superseded: set[int] = set()
        self.interrupts = Interrupts()
        self.activations: dict[int, Callable[[HostResult], Awaitable[HostResult]]] = {}

    def staged(self) -> list[HostResult]:
        return [HostResult(each, "staged", WEB, 2, previous=1, current=1) for each in self.targets]

    def hosts(self) -> list[RolloutHost | None]:
        return [self._host(index) for index in range(len(self.targets))]

    def _host(self, index: int) -> RolloutHost:
        account = cast(Any, None)
        access = HostAccess(self.targets[index], account, Reporter(), self.interrupts)

        async def activate(staged: HostResult) -> HostResult:
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0)
            try:
                if index in self.activations:
                    return await self.activations[index](staged)
                return replace(staged, outcome="active", current=2)
            finally:
                self.running -= 1

        async def session() -> Session:
            if self.lost.get(index, 0):
                self.lost[index] -= 1
                raise ConnectError("no route to host")
            return cast(Session, FakeSession(self, index))

        async def hang_up() -> None:
            pass

        return RolloutHost(access, OPTIONS, activate, session, hang_up)

    def run(self, course: Course, *, scarce: bool = False) -> list[HostResult]:
        async def main() -> list[HostResult]:
            turns = Turns.__new__(Turns)
            asyncio.Semaphore.__init__(turns, 1 if scarce else len(self.targets))
            turns.are_scarce = scarce
            async with asyncio.timeout(30):
                return await conduct(self.hosts(), self.staged(), course, turns)

        return asyncio.run(main())

    def withdrawn(self) -> list[int]:
        return sorted(index for index, request in self.asked if isinstance(request, Withdraw))


class FakeSession:
    """Answers what a rollout asks."""

    def __init__(self, world: World, index: int) -> None:
        self.world, self.index = world, index
        self.label = world.targets[index].label

    async def ask(self, request: Any, reply: type) -> tuple[Any, list[Any]]:
        self.world.asked.append((self.index, request))
        if isinstance(request, Apps):
            return AppsOut((WEB,)), []
        if isinstance(request, Inspect):
            return Inspected(2, self.world.unwell.get(self.index, "")), []
        if isinstance(request, Withdraw) and self.index in self.world.superseded:
            raise SupersededError("generation 3 is current by now")
        return reply(), []

    async def follow(self, request: Any, reply: type) -> Any:
        if isinstance(request, Watch):
            outcome = self.world.job_ends[self.index]
            yield Ended(None, outcome, 2, 1, 2 if outcome == "active" else 1, "")
        else:
            yield Ended(None, "active", int(request.spec), 2, int(request.spec), "")


async def fails(staged: HostResult) -> HostResult:
    return replace(staged, outcome="rolled-back", error=ReleaseFailedError("it failed"))


async def drops(staged: HostResult) -> HostResult:
    return from_error(staged.target, LostJobError("broke off", job="20261201T094500Z-0a1b2c3d"), WEB)


async def hangs(staged: HostResult) -> HostResult:
    await asyncio.sleep(3600)
    raise AssertionError


ALL_AT_ONCE = Strategy(canary=Share(0), max_parallel=20)


def outcomes(results: list[HostResult]) -> list[str]:
    return [result.outcome for result in results]


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_hosts_work_at_once_than_may(most: int) -> None:
    world = World(8)
    results = world.run(Course(Strategy(canary=Share(1), max_parallel=most)))
    assert (outcomes(results), world.most) == (["active"] * 8, most)


@pytest.mark.parametrize("scarce", [False, True])
def test_what_was_switched_goes_back_and_the_rest_is_left(scarce: bool) -> None:
    world = World(6)
    world.activations[2] = fails
    results = world.run(Course(Strategy()), scarce=scarce)
    assert outcomes(results) == ["withdrawn", "withdrawn", "rolled-back", "skipped", "skipped", "skipped"]
    assert world.withdrawn() == [0, 1]
    assert [result.current for result in results[:2]] == [1, 1]
    (first, _) = (request for _, request in world.asked if isinstance(request, Withdraw))
    assert (first.generation, "the release failed on 1 host" in first.reason) == (2, True)


def test_who_was_switched_by_somebody_else_is_left() -> None:
    world = World(3)
    world.activations[2] = fails
    world.superseded = {0}
    results = world.run(Course(ALL_AT_ONCE))
    assert outcomes(results) == ["superseded", "withdrawn", "rolled-back"]
    assert isinstance(results[0].error, SupersededError)


def test_a_lost_host_is_looked_for_until_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "_FOLLOW_AGAIN_S", 0.01)
    world = World(2)
    world.activations[0] = drops
    world.job_ends[0] = "active"
    world.lost[0] = 3
    results = world.run(Course(Strategy()))
    assert outcomes(results) == ["active", "active"]
    assert (results[0].error, results[0].generation) == (None, 2)


def test_a_host_that_hangs_is_lost_at_the_deadline_and_all_ends() -> None:
    world = World(3)
    world.activations[1] = hangs
    world.job_ends[1] = "rolled-back"
    results = world.run(Course(ALL_AT_ONCE, deadline_s=0.2))
    assert world.withdrawn() == [0, 2]
    assert outcomes(results) == ["withdrawn", "rolled-back", "withdrawn"]
    assert world.running == 0


def test_a_host_that_hangs_and_is_left_behind_is_not_called_done() -> None:
    world = World(3)
    world.activations[1] = hangs
    strategy = replace(ALL_AT_ONCE, max_unreachable=Share(1))
    results = world.run(Course(strategy, deadline_s=0.2))
    assert outcomes(results) == ["active", "error", "active"]
    assert "was not known in time" in str(results[1].error)
    assert world.running == 0


def test_a_way_back_that_hangs_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> HostResult:
        await asyncio.sleep(3600)
        raise AssertionError

    world = World(2)
    world.activations[1] = fails
    monkeypatch.setattr(conductor.go_live, "activate", never)
    results = world.run(Course(ALL_AT_ONCE, deadline_s=0.2))
    assert outcomes(results) == ["error", "rolled-back"]
    assert not results[0].done


def test_without_a_deadline_nothing_is_hurried() -> None:
    async def takes_a_while(staged: HostResult) -> HostResult:
        await asyncio.sleep(0.3)
        return replace(staged, outcome="active", current=2)

    world = World(1)
    world.activations[0] = takes_a_while
    assert outcomes(world.run(Course())) == ["active"]


@pytest.mark.parametrize("scarce", [False, True])
def test_a_lost_host_that_was_switched_goes_back_when_the_others_fail(
    monkeypatch: pytest.MonkeyPatch, scarce: bool
) -> None:
    monkeypatch.setattr(conductor, "_FOLLOW_AGAIN_S", 60.0)
    world = World(2)
    world.activations[0], world.activations[1] = drops, fails
    world.job_ends[0] = "active"
    results = world.run(Course(ALL_AT_ONCE), scarce=scarce)
    assert (outcomes(results), world.withdrawn()) == (["withdrawn", "rolled-back"], [0])


def test_a_host_that_turns_bad_in_the_bake_brings_all_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "_LOOK_EVERY_S", 0.01)
    world = World(3)
    world.unwell[0] = "web.service is in a crash loop"
    results = world.run(Course(Strategy(), bake_s=0.05))
    assert outcomes(results) == ["withdrawn", "skipped", "skipped"]
    assert "is not healthy any more: web.service is in a crash loop" in str(results[0].error)


def test_a_host_that_cannot_be_looked_at_counts_as_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "_LOOK_EVERY_S", 0.01)
    world = World(2)
    world.lost[0] = 2
    results = world.run(Course(Strategy(), bake_s=0.05))
    assert outcomes(results) == ["withdrawn", "skipped"]
    world = World(2)
    world.lost[0] = 1  # the next connection works
    assert outcomes(world.run(Course(Strategy(), bake_s=0.05))) == ["active", "active"]


def test_ctrl_c_ends_it_and_nothing_else_begins() -> None:
    world = World(3)

    async def presses(staged: HostResult) -> HostResult:
        world.interrupts.press()
        await asyncio.sleep(0.05)
        return replace(staged, outcome="active", current=2)

    world.activations[0] = presses
    results = world.run(Course(Strategy()))
    assert (outcomes(results), world.withdrawn()) == (["active", "skipped", "skipped"], [])
    assert not world.interrupts.armed


def test_a_mistake_of_ours_ends_it_and_is_raised() -> None:
    async def errs(staged: HostResult) -> HostResult:
        raise ZeroDivisionError

    world = World(3)
    world.activations[0], world.activations[1] = errs, hangs
    with pytest.raises(ZeroDivisionError):
        world.run(Course(ALL_AT_ONCE))
