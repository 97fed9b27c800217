"""The shell of a rollout: does at the hosts what the machine says, and tells the machine what happened.

It begins when everything is staged. Not for deciding anything (``client.rollout.machine``), nor for what is
done at one host (``go_live``).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.client.fleet import ending, go_live
from relstore.client.fleet.course import Course
from relstore.client.fleet.result import SKIPPED, HostResult, from_error, not_begun
from relstore.client.fleet.turns import Turns
from relstore.client.operations.access import HostAccess
from relstore.client.operations.plan import ActivationOptions
from relstore.client.rollout import machine, states
from relstore.client.rollout.machine import Rollout
from relstore.client.rollout.states import Action, Event
from relstore.errors import ConnectError, RelstoreError, TakenOverError
from relstore.formats.names import AppName
from relstore.formats.rollout import RolloutId

if TYPE_CHECKING:
    from relstore.client.fleet.recorder import Recorder

_LOOK_EVERY_S = 3.0
_FOLLOW_AGAIN_S = 3.0
_LOOKS_AT_ONCE = 16
_IDLE_S = 15.0
"""After so long a connection that waits for its turn may be dead."""
_WAY_BACK_WAITS_S = 60
"""For whoever holds the app's lock: a job that has just ended does, for a moment, to stop its old slot."""


@dataclass(frozen=True)
class RolloutHost:
    """One host, and what can be done there. One thing at a time is."""

    access: HostAccess
    options: ActivationOptions
    activate: Callable[[HostResult], Awaitable[HostResult]]
    session: Callable[[], Awaitable[Session]]
    """The one that is open, or a new one. Raises ConnectError."""
    hang_up: Callable[[], Awaitable[None]]


async def conduct(
    hosts: Sequence[RolloutHost | None],
    staged: Sequence[HostResult],
    course: Course,
    turns: Turns,
    taken_up: TakenUpRollout | None = None,
) -> list[HostResult]:
    """Bring the release to life, wave by wave; how it ended at each host. Errors of hosts are in the results.

    ``hosts``: None for one that was not reached. ``staged``: what each of them has, in the same order.
    ``taken_up``: where somebody else has begun it. Raises BusyError, TakenOverError where another rollout has
    the hosts before anything was activated.
    """
    return await _Conductor(hosts, staged, course, turns, taken_up).run()


@dataclass(frozen=True)
class TakenUpRollout:
    """A rollout that this client goes on with."""

    recorder: Recorder
    events: tuple[Event, ...]
    """Where it is."""


class _Conductor:
    """One rollout."""

    def __init__(
        self,
        hosts: Sequence[RolloutHost | None],
        staged: Sequence[HostResult],
        course: Course,
        turns: Turns,
        taken_up: TakenUpRollout | None,
    ) -> None:
        self._hosts = hosts
        self._results = list(staged)
        self._course = course
        self._turns = turns
        self._taken_up = taken_up
        self._record = taken_up.recorder if taken_up is not None else None
        self._id = self._record.id if self._record is not None else RolloutId.new()
        self._rollout = Rollout.of(course.strategy, len(staged))
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: dict[int, asyncio.Task[None]] = {}
        """What is under way at a host, and gives way to its way back."""
        self._timer: asyncio.Task[None] | None = None
        self._bake: asyncio.Task[None] | None = None
        self._looks = asyncio.Semaphore(_LOOKS_AT_ONCE)
        self._begun = time.monotonic()
        self._broken: BaseException | None = None
        """A mistake of ours in one of the tasks, which ends everything."""

    async def run(self) -> list[HostResult]:
        course = self._course
        course.observer.begin(self._id, self._rollout, [result.target for result in self._results])
        try:
            return await self._run()
        finally:
            if self._record is not None:
                await self._record.close()

    async def _run(self) -> list[HostResult]:
        if self._taken_up is None:
            await self._begin_record()
            self._feed(states.RolloutBegun())
            for event in self._staged():
                self._feed(event)
        else:
            for event in self._taken_up.events:
                self._feed(event)
        interrupts = next((host.access.interrupts for host in self._hosts if host is not None), None)
        try:
            if interrupts is not None and not self._is_over:
                self._start(self._listen(interrupts.wait))
            while not self._is_over and self._broken is None:
                self._feed(await self._events.get())
        finally:
            await self._stop_all()
        if self._record is not None:
            await self._record.ended(self._rollout)
        return [self._ended(host, result) for host, result in enumerate(self._results)]

    @property
    def _is_over(self) -> bool:
        return self._rollout.is_ended or self._rollout.phase in states.WAITS

    def _staged(self) -> list[Event]:
        return [
            states.HostStaged(host, ending.staged_state(result)) for host, result in enumerate(self._results)
        ]

    async def _begin_record(self) -> None:
        """On the hosts, where anything is to be activated at all. Raises BusyError, TakenOverError."""
        recording = self._course.recording
        seen, _ = machine.run(self._rollout, [states.RolloutBegun(), *self._staged()])
        app = next((result.app for result in self._results if result.app), None)
        if recording is None or app is None or seen.is_ended:
            return
        from relstore.client.fleet.recorder import Recorder, plan_of  # not for what changes nothing

        course = self._course
        names = [course.name_of(result.target) for result in self._results]
        recorder = Recorder(self._id, app, recording, self._hosts, names, self._turns)
        plan = plan_of(
            self._id, app, recording.command, seen, self._results, names, course.bake_s, course.deadline_s
        )
        self._record = recorder
        self._results = await recorder.begin(plan, self._results)

    def _ended(self, host: int, result: HostResult) -> HostResult:
        """The last word on a host; one that never had its turn was skipped, unless all went well."""
        if self._rollout.hosts[host] == states.STAGED:
            return replace(result, outcome=SKIPPED)
        if self._rollout.hosts[host] == states.UNKNOWN:
            return ending.not_known(result)
        return result

    def _feed(self, event: Event) -> None:
        before = self._rollout
        self._rollout, actions = machine.after(before, event)
        now = self._rollout
        is_news = (now.phase, now.wave, now.why) != (before.phase, before.wave, before.why)
        if self._record is not None and is_news:
            self._start(self._note(self._record))
        self._course.observer.moved(event, self._rollout, actions, self._results)
        for action in actions:
            self._do(action)

    async def _note(self, record: Recorder) -> None:
        taken_over = await record.note(self._rollout)
        if taken_over is not None:
            await self._events.put(states.TakenOver(taken_over.what))

    def _do(self, action: Action) -> None:
        match action:
            case states.RunOnce(host):
                self._start(self._run_once(host))
            case states.BeginWave(wave):
                self._end(self._timer)
                self._timer = self._start(self._deadline(wave)) if self._course.deadline_s else None
            case states.ActivateHost(host):
                self._busy[host] = self._start(self._activate(host))
            case states.Bake(wave):
                self._end(self._timer)
                self._bake = self._start(self._watch(wave))
            case states.RevertHost(host):
                self._end(self._timer)
                self._end(self._bake)
                self._start(self._take_back(host))
            case _:
                pass  # staging is done before, and with a pause this ends

    # -- tasks -------------------------------------------------------------------------------------

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
            self._events.put_nowait(states.Abandoned())  # so that the loop looks

    @staticmethod
    def _end(task: asyncio.Task[None] | None) -> None:
        if task is not None:
            task.cancel()

    async def _stop_all(self) -> None:
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if self._broken is not None:
            raise self._broken

    async def _listen(self, pressed: Callable[[], Awaitable[None]]) -> None:
        await pressed()
        await self._events.put(states.Abandoned())

    async def _deadline(self, wave: int) -> None:
        turns = -(-len(self._rollout.waves[wave]) // self._course.strategy.max_parallel)
        await asyncio.sleep((self._course.deadline_s or 0) * turns)
        await self._events.put(states.DeadlinePassed(wave))

    # -- forward -----------------------------------------------------------------------------------

    def _host(self, index: int) -> RolloutHost:
        host = self._hosts[index]
        if host is None:
            raise RuntimeError("a host that was not reached has no turn")
        return host

    async def _activate(self, index: int) -> None:
        host, staged = self._host(index), self._results[index]
        async with self._turns:
            if time.monotonic() - self._begun > _IDLE_S:
                await self._refresh(host)
            result = await self._activated(index, host, staged)
            await self._let_go(host)
        if isinstance(result.error, TakenOverError):
            await self._events.put(states.TakenOver(result.error.what))
        self._results[index] = replace(
            result,
            app=result.app or staged.app,
            generation=result.generation or staged.generation,
            build=staged.build,
            commit=staged.commit,
            dirty=staged.dirty,
            streams=staged.streams,
            ignored_findings=staged.ignored_findings,
        )
        state = ending.activated_state(result)
        host.access.reporter.ended(result.target.label, result.outcome)
        await self._events.put(states.HostEnded(index, state))
        if state == states.UNKNOWN and not isinstance(result.error, ending.LEFT):
            self._busy[index] = self._start(self._follow(index, self._results[index]))

    async def _activated(self, index: int, host: RolloutHost, staged: HostResult) -> HostResult:
        try:
            await self._act_for(index, host)
        except RelstoreError as error:
            return not_begun(host.access.target, error, staged.app)
        return await host.activate(staged)

    async def _act_for(self, index: int, host: RolloutHost) -> None:
        """Raises TakenOverError, what the host refuses."""
        if self._record is not None:
            await self._record.claim(index, await host.session())

    async def _act_for_way_back(self, index: int, host: RolloutHost) -> None:
        """A record that cannot be written, as on a full disk, must not keep the host from going back."""
        try:
            await self._act_for(index, host)
        except (ConnectError, TakenOverError):
            raise
        except RelstoreError as error:
            host.access.reporter.detail(host.access.target.label, f"the rollout's record: {error.what}")

    async def _run_once(self, index: int) -> None:
        once, host = self._course.once, self._host(index)
        if once is None:
            await self._events.put(states.OnceEnded())
            return
        try:
            ended = await go_live.run_once(
                host.session,
                host.hang_up,
                lambda: self._act_for(index, host),
                host.access,
                self._results[index],
                once,
            )
        except TakenOverError as error:
            await self._events.put(states.TakenOver(error.what))
            return
        except ConnectError as error:
            ended = protocol.OnceRan(error.what, True, False)
        except RelstoreError as error:
            ended = protocol.OnceRan(error.what, False, False)
        error_of_host = ending.once_problem(ended)
        if error_of_host is not None:
            label = host.access.target.label
            self._results[index] = replace(self._results[index], error=error_of_host.on(label))
        await self._events.put(states.OnceUnclear() if ended.unclear else states.OnceEnded(ended.problem))

    async def _refresh(self, host: RolloutHost) -> None:
        """Whether the connection still lives is better known before anything depends on it."""
        try:
            await (await host.session()).ask(protocol.Apps(), protocol.AppsOut)
        except RelstoreError:
            await host.hang_up()

    async def _let_go(self, host: RolloutHost) -> None:
        if self._turns.are_scarce:
            await host.hang_up()

    async def _follow(self, index: int, lost: HostResult) -> None:
        """The host was lost while it works: look for it until the machine does without."""
        host = self._host(index)
        while True:
            await asyncio.sleep(_FOLLOW_AGAIN_S)
            async with self._turns:
                result = await self._found(host, lost)
            if ending.activated_state(result) == states.UNKNOWN:
                continue
            self._results[index] = ending.completed(result, self._results[index])
            host.access.reporter.ended(result.target.label, result.outcome)
            await self._events.put(states.HostEnded(index, ending.activated_state(result)))
            return

    async def _found(self, host: RolloutHost, lost: HostResult) -> HostResult:
        await host.hang_up()
        try:
            return await go_live.found_again(await host.session(), host.access, lost)
        except RelstoreError as error:
            return replace(lost, error=lost.error or error)
        finally:
            await self._let_go(host)

    # -- watching ----------------------------------------------------------------------------------

    async def _watch(self, wave: int) -> None:
        """Look at every host that was switched, and ask the check, for as long as the bake lasts."""
        until = time.monotonic() + self._course.bake_s
        while True:
            if self._course.bake_s:
                await self._look_at_all()
            found = await self._check(wave)
            if found:
                await self._events.put(states.CheckFailed(found))
                return
            if self._record is not None:
                await self._note(self._record)  # somebody may have taken over meanwhile, or want a pause
            left = until - time.monotonic()
            if left <= 0:
                break
            await asyncio.sleep(min(left, _LOOK_EVERY_S))
        if self._record is not None and self._record.is_pause_asked:
            await self._events.put(states.PauseAsked())
        await self._events.put(states.Baked(wave))

    async def _look_at_all(self) -> None:
        looked_at = [host for host in self._switched() if host not in self._rollout.unwell]
        looks = {host: self._start(self._look(host)) for host in looked_at}
        self._busy.update(looks)
        try:
            await asyncio.gather(*looks.values())
        except asyncio.CancelledError:
            for look in looks.values():
                look.cancel()
            raise

    async def _look(self, index: int) -> None:
        host = self._host(index)
        result = self._results[index]
        async with self._looks, self._turns:
            for is_last in (False, True):
                try:
                    error = await go_live.watched(await host.session(), result, host.options)
                    break
                except ConnectError as lost:
                    await host.hang_up()
                    if is_last:
                        self._results[index] = replace(result, error=lost.on(result.target.label))
                        await self._events.put(states.HostLost(index))
                        return
            await self._let_go(host)
        if error is not None:
            self._results[index] = replace(result, error=error.on(result.target.label))
            host.access.reporter.ended(result.target.label, "not healthy")
            await self._events.put(states.HostUnwell(index))

    async def _check(self, wave: int) -> str:
        if self._course.check.is_empty:
            return ""
        names = [self._course.name_of(self._results[host].target) for host in self._switched()]
        reporter = self._host(self._rollout.waves[wave][0]).access.reporter
        from relstore.client.fleet import outside_check  # http.client takes 7 ms to load

        return await outside_check.problem(self._course.check, self._id, wave + 1, names, reporter)

    def _switched(self) -> list[int]:
        return self._rollout.among(states.ACTIVE)

    # -- back --------------------------------------------------------------------------------------

    async def _take_back(self, index: int) -> None:
        host = self._host(index)
        await self._give_way(index)
        result, state = self._results[index], ending.Returned("unknown")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._course.deadline_s), self._turns:
                result = await self._settled(index, result)
                back = await self._sent_back(index, host, result)
                if back is not None and isinstance(back.error, TakenOverError):
                    await self._events.put(states.TakenOver(back.error.what))
                state = ending.returned(result, back)
                result = state.result or result
                await self._let_go(host)
        self._results[index] = result
        host.access.reporter.ended(result.target.label, result.outcome)
        await self._events.put(states.HostReturned(index, state.state))

    async def _give_way(self, index: int) -> None:
        """End what is under way at the host; its connection may be in the middle of something."""
        task = self._busy.pop(index, None)
        if task is not None and (task.cancelled() or not task.done()):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._host(index).hang_up()

    async def _settled(self, index: int, result: HostResult) -> HostResult:
        """How a host that was lost has ended."""
        if self._rollout.hosts[index] != states.UNKNOWN:
            return result
        return ending.completed(await self._found(self._host(index), result), result)

    async def _sent_back(self, index: int, host: RolloutHost, result: HostResult) -> HostResult | None:
        """What the host recorded; None where there is nothing to go back from, or to."""
        if not ending.may_return(result):
            return None
        app = AppName(result.app or "")
        withdrawn = protocol.Withdraw(result.generation, self._id, f"rollout {self._id}: {self._rollout.why}")
        host.access.reporter.step(result.target.label, f"going back to generation {result.previous}")
        try:
            await self._refresh(host)
            session = await host.session()
            await self._act_for_way_back(index, host)
        except RelstoreError as error:
            return from_error(result.target, error, app)
        options = replace(host.options, lock_wait=max(host.options.lock_wait, _WAY_BACK_WAITS_S))
        return await go_live.activate(session, host.access, app, str(result.previous), options, withdrawn)
