"""Going on with a rollout that another client began, ending it, or taking it back: as its hosts say.

The plan is a keeper's; what is to run on a host, that host keeps by itself, and is given it back. Hosts that
the plan names are reached as they are configured here. Not for the course of a rollout (``conductor``).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Literal

from relstore import protocol
from relstore.client.connection.connect import connected
from relstore.client.connection.session import Session
from relstore.client.fleet import ending, go_live, record_reader
from relstore.client.fleet.conductor import RolloutHost, TakenUpRollout, conduct
from relstore.client.fleet.course import Course
from relstore.client.fleet.record_reader import HostRollouts, SeenRollout
from relstore.client.fleet.recorder import Recorder, in_the_way
from relstore.client.fleet.recording import Recording
from relstore.client.fleet.result import (
    ERROR,
    SKIPPED,
    STAGED,
    UNCHANGED,
    WITHDRAWN,
    HostResult,
    from_ended,
    from_error,
    not_begun,
)
from relstore.client.fleet.turns import Turns
from relstore.client.operations import activate as operations
from relstore.client.operations.access import Access, HostAccess
from relstore.client.operations.plan import ActivationOptions
from relstore.client.rollout import states
from relstore.client.rollout.plan import PlannedHost, RolloutPlan
from relstore.client.rollout.states import Event, HostState, Phase
from relstore.client.rollout.strategy import REVERT
from relstore.client.target import Target
from relstore.errors import (
    BusyError,
    ConnectError,
    NotFoundError,
    RefusedError,
    RelstoreError,
    RolloutPausedError,
    TakenOverError,
    UsageError,
)
from relstore.formats.journal import ACTIVE
from relstore.formats.journal import INTERRUPTED as JOB_INTERRUPTED
from relstore.formats.names import AppName, JobId
from relstore.formats.rollout import ABORTED, KEEPERS, RolloutId, described

Way = Literal["resume", "promote", "abort", "revert"]
_BEFORE_WAVES: tuple[Phase, ...] = (states.PLANNED, states.STAGING, states.ONCE, states.ASKING)
_PHASES: tuple[Phase, ...] = (*_BEFORE_WAVES, states.WAVE, states.BAKING, states.PAUSED, states.REVERTING)


@dataclass(frozen=True)
class TakeUp:
    """What is asked."""

    way: Way
    rollout: str | None
    """None: the newest."""
    app: AppName | None
    """None: each store's only one."""
    options: ActivationOptions
    """Who asks, and the password; all else only where a host does not know any more what it is to do."""
    supersede: bool = False
    """Whether to take over from somebody who acts for it now; ending it and taking it back always do."""
    dry_run: bool = False

    @property
    def goes_forward(self) -> bool:
        return self.way in ("resume", "promote")

    @property
    def takes_from_others(self) -> bool:
        return self.supersede or self.way in ("abort", "revert")


@dataclass(frozen=True)
class TookUp:
    """What it came to."""

    app: AppName
    seen: SeenRollout
    results: list[HostResult]
    """In the order of the plan; empty for a dry run."""
    hosts: tuple[HostRollouts, ...]
    """As they were before."""


async def take_up(order: TakeUp, targets: Sequence[Target], access: Access, course: Course) -> TookUp:
    """Raises what keeps it from beginning; errors of hosts after that are in the results."""
    turns = Turns(targets, access.account)
    async with access.account.shared.lasting(), AsyncExitStack() as stack:
        hosts = {
            course.name_of(target): await stack.enter_async_context(_Host(access.to(target), order.options))
            for target in targets
        }
        looked = await _look(order, hosts, turns)
        plan = await _plan(looked, hosts, turns)
        _check(order, looked, plan, course)
        if order.dry_run:
            return TookUp(looked.app, looked.seen, [], looked.hosts)
        results = await _Taking(order, plan, looked, hosts, course, turns).run()
        return TookUp(looked.app, looked.seen, results, looked.hosts)


class _Host:
    """One host, connected to when it is needed."""

    def __init__(self, access: HostAccess, options: ActivationOptions) -> None:
        self.access = access
        self.options = options
        self.rejects: str | None = None
        self.app: AppName | None = None
        self._stack = AsyncExitStack()
        self._session: Session | None = None

    async def __aenter__(self) -> _Host:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def session(self) -> Session:
        if self._session is None:
            access = self.access
            self._session = await self._stack.enter_async_context(
                connected(access.target, access.account, access.reporter)
            )
        return self._session

    async def hang_up(self) -> None:
        self._session = None
        await self._stack.aclose()


@dataclass(frozen=True)
class _Looked:
    """What the hosts say before anything is changed."""

    app: AppName
    seen: SeenRollout
    hosts: tuple[HostRollouts, ...]
    lost: tuple[str, ...]
    """The names of those that cannot be reached."""

    @property
    def epoch(self) -> int:
        """One that no host has."""
        return 1 + max(row.epoch for host in self.hosts for row in host.rows)


async def _look(order: TakeUp, hosts: dict[str, _Host], turns: Turns) -> _Looked:
    async def look(name: str, host: _Host) -> HostRollouts | RelstoreError:
        async with turns:
            try:
                session = await host.session()
                host.app = order.app or await session.only_app()
                return await record_reader.ask(session, name, host.app)
            except RelstoreError as error:
                return error.on(host.access.target.label)
            finally:
                if turns.are_scarce:
                    await host.hang_up()

    answers = await asyncio.gather(*(look(name, host) for name, host in hosts.items()))
    known = tuple(each for each in answers if isinstance(each, HostRollouts))
    errors = [each for each in answers if isinstance(each, RelstoreError)]
    if not known or (order.app is None and len({each.app for each in known}) > 1):
        if errors:
            raise errors[0]
        raise UsageError("the stores of these hosts have different apps", hint="Give --app NAME.")
    lost = tuple(name for name, each in zip(hosts, answers, strict=True) if isinstance(each, RelstoreError))
    return _Looked(
        known[0].app, record_reader.chosen(record_reader.all_seen(known), order.rollout), known, lost
    )


async def _plan(looked: _Looked, hosts: dict[str, _Host], turns: Turns) -> RolloutPlan:
    keepers = [name for name in looked.seen.newest.keepers if name in hosts]
    for name in dict.fromkeys((*keepers, *looked.seen.at)):
        if name in looked.lost:
            continue
        async with turns:
            try:
                plan = await record_reader.plan_at(await hosts[name].session(), looked.app, looked.seen)
            except ConnectError:
                continue
        if plan is not None:
            return plan
    raise RelstoreError(
        f"no host that can be reached has the plan of rollout {looked.seen.id}",
        state="Nothing was changed.",
        hint=f"It is on {', '.join(looked.seen.newest.keepers)}. Or run the push or the switch again: it "
        "goes on from what each host runs.",
    )


def _check(order: TakeUp, looked: _Looked, plan: RolloutPlan, course: Course) -> None:
    """Whether that can be done to a rollout that is where it is. Raises RelstoreError."""
    seen, row = looked.seen, looked.seen.newest
    is_going = f"rollout {seen.id} of {row.who}"
    if seen.standing == record_reader.REPLACED:
        raise RefusedError(
            f"{is_going} was taken over by a later one", state="Nothing was changed.", hint=_LIST
        )
    if seen.standing == record_reader.RUNNING and not order.takes_from_others and not order.dry_run:
        holder = next(name for name, each in seen.at.items() if each.is_held)
        raise in_the_way(row._replace(is_held=True), holder)
    if seen.standing == record_reader.HAS_ENDED and not (order.way == "revert" and row.state != "reverted"):
        raise RefusedError(f"{is_going} has ended: {row.state}", state="Nothing was changed.", hint=_LIST)
    if order.way == "promote" and row.state != states.PAUSED:
        raise RefusedError(
            f"{is_going} is not paused: it is {described(row)}", state="Nothing was changed.",
            hint="`relstore rollout resume` goes on with one that was interrupted.",
        )  # fmt: skip
    if order.way == "revert" and plan.command == "restart":
        raise RefusedError(
            f"{is_going} is a restart, which switched nothing",
            state="Nothing was changed.",
            hint="`relstore rollback` goes back to the last good generation.",
        )
    if order.way == "resume" and row.state == states.PAUSED:
        raise RolloutPausedError(
            f"{is_going} is {described(row)}", state="Nothing was changed.",
            hint="`relstore rollout promote` goes on; `relstore rollout revert` takes it back.",
        )  # fmt: skip
    known = {host.name for host in looked.hosts} | set(looked.lost)
    missing = [host.name for host in plan.hosts if host.name not in known]
    if missing:
        raise UsageError(
            f"{is_going} is about hosts that are not among those of this run: {', '.join(missing[:10])}",
            hint="Run it with the relstore.toml and environment that began it, without --hosts and --group.",
        )
    if order.goes_forward:
        _check_forward(looked, plan, course)


def _check_forward(looked: _Looked, plan: RolloutPlan, course: Course) -> None:
    lost = [host.name for host in plan.hosts if host.state == "staged" and host.name in looked.lost]
    if len(lost) > plan.max_unreachable:
        raise RelstoreError(
            f"{', '.join(lost[:10])} cannot be reached; the limit is {plan.max_unreachable}",
            state="Nothing was changed.",
            hint="Try again when they can be, or take the rollout back with `relstore rollout revert`.",
        )
    if plan.has_once and course.once is None and looked.seen.newest.state in _BEFORE_WAVES:
        raise UsageError(
            "the rollout has a command that runs once, and none is configured here",
            hint="Run it with the relstore.toml that began it, or give --once.",
        )


_LIST = "`relstore rollout list` shows them all."


class _Taking:
    """Act for the rollout on all of its hosts, learn what each is in, and go on."""

    def __init__(
        self,
        order: TakeUp,
        plan: RolloutPlan,
        looked: _Looked,
        hosts: dict[str, _Host],
        course: Course,
        turns: Turns,
    ) -> None:
        self._order, self._plan, self._looked, self._turns = order, plan, looked, turns
        self._hosts = [hosts[planned.name] for planned in plan.hosts]
        strategy = replace(plan.strategy, on_failure=REVERT) if order.way == "revert" else plan.strategy
        self._course = replace(
            course, strategy=strategy, bake_s=plan.bake_ms / 1000, deadline_s=plan.deadline_s or None
        )
        self._epoch = looked.epoch
        self._claim = os.urandom(8).hex()
        self._claims: dict[int, Session] = {}
        row = looked.seen.newest
        self._phase: Phase = next((phase for phase in _PHASES if phase == row.state), states.WAVE)
        self._wave = min(row.wave, max(len(plan.waves) - 1, 0))
        if order.way == "revert":
            self._phase = states.REVERTING

    async def run(self) -> list[HostResult]:
        numbers = range(len(self._hosts))
        first = next(
            (number for number in numbers if self._plan.hosts[number].name in self._looked.seen.at), 0
        )
        found = {first: await self._take(first)}  # of two that take it at once, one is refused here
        others = [number for number in numbers if number != first]
        answers = await asyncio.gather(*map(self._take, others), return_exceptions=True)
        for number, answer in zip(others, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            found[number] = answer
        results = [found[number][1] for number in numbers]
        recorder = Recorder(
            RolloutId.parse(self._plan.id),
            self._plan.app,
            Recording(self._plan.command, self._order.options.who),
            self._hosts,
            [planned.name for planned in self._plan.hosts],
            self._turns,
        )
        keepers = [
            n
            for n in numbers
            if self._plan.hosts[n].name in self._looked.seen.newest.keepers and n in self._claims
        ]
        at = (self._phase, self._wave)
        try:
            await recorder.go_on(self._epoch, keepers[:KEEPERS], self._claims, self._claim, at)
            if self._order.way == "abort":
                why = f"{self._order.options.who} ended it"
                await recorder.end(ABORTED, self._wave, len(self._plan.waves), why)
                return results
        finally:
            if self._order.way == "abort":
                await recorder.close()
        hosts = [_going(host, self._plan) for host in self._hosts]
        taken_up = TakenUpRollout(recorder, tuple(self._events([found[number][0] for number in numbers])))
        return await conduct(hosts, results, self._course, self._turns, taken_up)

    def _events(self, found: Sequence[HostState]) -> Sequence[Event]:
        who = self._order.options.who
        why = f"{who} took it back" if self._order.way == "revert" else self._looked.seen.newest.why
        up = states.TakenUp(self._phase, self._wave, self._plan.waves, tuple(found), why)
        return [up, states.Promoted()] if self._order.way == "promote" else [up]

    async def _take(self, number: int) -> tuple[HostState, HostResult]:
        """What a host is in. Raises BusyError, TakenOverError."""
        planned, host = self._plan.hosts[number], self._hosts[number]
        target = host.access.target
        async with self._turns:
            try:
                state, result = await self._taken(number, planned, host)
            except (BusyError, TakenOverError) as error:
                raise error.on(planned.name) from None
            except ConnectError as error:
                may_have_it = planned.state == "staged"
                state = states.UNKNOWN if may_have_it else states.UNREACHABLE
                result = replace(not_begun(target, error, self._plan.app), generation=planned.generation)
            except RelstoreError as error:
                if self._order.goes_forward:
                    # Nothing goes on, rather than what has the release going back for a host's record.
                    raise error.on(planned.name) from None
                state = states.REFUSED if planned.state == "staged" else states.UNREACHABLE
                result = replace(from_error(target, error, self._plan.app), generation=planned.generation)
            if self._turns.are_scarce:
                await host.hang_up()
        return state, replace(result, build=planned.build)

    async def _taken(self, number: int, planned: PlannedHost, host: _Host) -> tuple[HostState, HostResult]:
        order, app = self._order, self._plan.app
        session = await host.session()
        if planned.state == "unreachable" and planned.name not in self._looked.seen.at:
            what = "it could not be reached when the rollout began, so it has nothing of it"
            error = NotFoundError(what, hint="Run the push or the switch again for it.")
            return states.UNREACHABLE, from_error(host.access.target, error, app)
        request = protocol.TakeRollout(
            app, self._plan.id, self._epoch, self._claim, order.options.who, self._phase, self._wave,
            order.takes_from_others, None,
        )  # fmt: skip
        taken, _ = await session.ask(request, protocol.RolloutTaken)
        self._claims[number] = session
        if taken.part is not None:
            _learn(host, taken.part)
        here = next(each for each in self._looked.hosts if each.name == planned.name)
        row = self._looked.seen.at[planned.name]
        base = HostResult(
            host.access.target,
            STAGED,
            app,
            planned.generation,
            row.previous,
            here.current,
            build=planned.build,
        )
        if planned.state == "unchanged":
            return states.UNCHANGED, replace(base, outcome=UNCHANGED)
        if order.way == "abort":
            has_it = here.current == planned.generation
            return states.ACTIVE, replace(base, outcome=ACTIVE if has_it else SKIPPED)
        return await self._what_became(session, host, base, taken)

    async def _what_became(
        self, session: Session, host: _Host, base: HostResult, taken: protocol.RolloutTaken
    ) -> tuple[HostState, HostResult]:
        """Of the jobs of this rollout at a host, the last of which may work still."""
        app = self._plan.app
        if taken.back is not None:
            ended = await self._ended(session, host, taken.back)
            # A record of the way back alone does not say that it was gone: the link does.
            current = ended.current if ended is not None else await record_reader.current(session, app)
            if current == base.previous:
                return states.WITHDRAWN, replace(base, outcome=WITHDRAWN, current=current)
        if taken.job is not None:
            ended = await self._ended(session, host, taken.job)
            if ended is not None and ended.outcome != JOB_INTERRUPTED:
                result = from_ended(host.access.target, app, ended)
                if result.outcome != ERROR:
                    return ending.activated_state(result), result
            current = await record_reader.current(session, app)
            if current == base.generation:
                return states.ACTIVE, replace(base, outcome=ACTIVE, current=current)
        resolved, _ = await session.ask(protocol.Resolve(app, str(base.generation)), protocol.Resolved)
        if base.build is not None and resolved.row.build != base.build:
            raise RefusedError(
                f"generation {base.generation} is of another build than the rollout's",
                state="Nothing was switched there.",
                hint="Push again: that begins a new rollout.",
            )
        return states.STAGED, base

    async def _ended(self, session: Session, host: _Host, job: JobId) -> protocol.Ended | None:
        """How a job ended, once it has; None where the host does not know it any more, or it never began."""
        try:
            return await operations.follow(session, host.access, self._plan.app, job)
        except ConnectError:
            raise
        except RelstoreError:
            return None


def _learn(host: _Host, part: protocol.RolloutPart) -> None:
    host.options = replace(
        host.options,
        recipe=part.recipe,
        lock_wait=part.lock_wait,
        override_hold=part.override_hold,
        cut_old=part.cut_old,
    )
    host.rejects = part.rejects


def _going(host: _Host, plan: RolloutPlan) -> RolloutHost:
    """The host, as a rollout goes through it."""

    async def activate(staged: HostResult) -> HostResult:
        try:
            session = await host.session()
            if plan.command == "restart":
                return await go_live.restart(session, host.access, plan.app, staged.generation, host.options)
            if host.rejects is not None:
                await session.ask(protocol.Reject(host.rejects), protocol.Done)
        except RelstoreError as error:
            return not_begun(host.access.target, error, plan.app)
        return await go_live.activate(session, host.access, plan.app, str(staged.generation), host.options)

    return RolloutHost(host.access, host.options, activate, host.session, host.hang_up)
