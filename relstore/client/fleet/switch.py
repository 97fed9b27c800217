"""Making a generation current, or restarting what is, at several hosts, in waves.

All hosts are asked first what is meant, and nothing is done before they agree. Not for what a meaning is
(``resolved_host``), nor for the course of the activations (``conductor``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.client.fleet import agreement, go_live
from relstore.client.fleet.conductor import RolloutHost, conduct
from relstore.client.fleet.course import ONE_HOST, Course
from relstore.client.fleet.resolved_host import ResolvedHost
from relstore.client.fleet.result import UNREACHABLE, WAITING, HostResult, from_error, not_begun
from relstore.client.fleet.turns import Turns
from relstore.client.operations.access import Access
from relstore.client.operations.plan import ActivationOptions, Rejection
from relstore.client.target import Target
from relstore.errors import RelstoreError
from relstore.formats.journal import ACTIVE, MARKED_GOOD
from relstore.formats.names import AppName
from relstore.protocol import Resolved


@dataclass(frozen=True)
class Switch:
    """What is asked of all hosts."""

    spec: str
    app: AppName | None
    """None: each store's only one."""
    options: ActivationOptions
    each_its_own: bool = False
    """Whether the spec may mean different builds at different hosts."""
    rejection: Rejection | None = None
    """Whether the generations that are left are marked as bad."""


async def switch(
    order: Switch, targets: Sequence[Target], access: Access, course: Course = ONE_HOST
) -> tuple[AppName | None, list[HostResult]]:
    """Make the generation current at all targets, in the order of a rollout. Errors are in the results.

    Returns the app as well, None when no store could say. Raises DifferentBuildsError.
    """

    async def at_host(host: ResolvedHost, resolved: Resolved) -> HostResult:
        spec = str(resolved.row.number)
        if order.rejection is not None:
            reason = order.rejection.reason or f"rolled back to {spec}"
            try:
                await host.session.ask(protocol.Reject(reason), protocol.Done)
            except RelstoreError as error:
                return from_error(host.access.target, error, host.app)
        options = course.options_at(host.access.target, order.options)
        result = await go_live.activate(host.session, host.access, host.app, spec, options)
        return _left(resolved, result, order.rejection)

    async with _resolved(order.spec, order.app, order.options, targets, access, course) as fleet:
        if not order.each_its_own and fleet.may_begin(course):
            agreement.check(order.spec, [host.meaning(resolved) for host, resolved in fleet.hosts.values()])
        return await _in_waves(fleet, order.options, at_host, course)


async def restart(
    app: AppName | None,
    options: ActivationOptions,
    targets: Sequence[Target],
    access: Access,
    course: Course = ONE_HOST,
) -> tuple[AppName | None, list[HostResult]]:
    """Restart what is current, as ``switch``."""

    async def at_host(host: ResolvedHost, resolved: Resolved) -> HostResult:
        here = course.options_at(host.access.target, options)
        return await go_live.restart(host.session, host.access, host.app, resolved.row.number, here)

    async with _resolved(None, app, options, targets, access, course) as fleet:
        return await _in_waves(fleet, options, at_host, course)


@dataclass(frozen=True)
class _Fleet:
    """What all hosts were asked."""

    hosts: dict[int, tuple[ResolvedHost, Resolved]]
    """Those that answered, by their index in ``results``, with what is meant at each."""
    results: list[HostResult]
    turns: Turns

    def may_begin(self, course: Course) -> bool:
        """Whether every host that counts has answered."""
        unreachable = sum(result.outcome == UNREACHABLE for result in self.results)
        failed = sum(result.error is not None for result in self.results)
        return failed == unreachable <= course.strategy.max_unreachable.of(len(self.results))


@asynccontextmanager
async def _resolved(
    spec: str | None,
    app: AppName | None,
    options: ActivationOptions,
    targets: Sequence[Target],
    access: Access,
    course: Course,
) -> AsyncIterator[_Fleet]:
    """All hosts after they were asked what is meant."""
    turns = Turns(targets, access.account)

    async def resolve(host: ResolvedHost) -> Resolved | HostResult:
        async with turns:
            try:
                here = course.options_at(host.access.target, options)
                return (await host.resolve(app, [spec], here))[0]
            except RelstoreError as error:
                return not_begun(host.access.target, error, app or host.known_app)
            finally:
                if turns.are_scarce:
                    await host.hang_up()

    async with access.account.shared.lasting(), AsyncExitStack() as stack:
        hosts = [await stack.enter_async_context(ResolvedHost(access.to(target))) for target in targets]
        answers = await asyncio.gather(*map(resolve, hosts))
        pairs = {}
        results = []
        for index, (host, answer) in enumerate(zip(hosts, answers, strict=True)):
            if isinstance(answer, HostResult):
                results.append(answer)
            else:
                pairs[index] = (host, answer)
                results.append(_waiting(host, answer))
            host.access.reporter.ended(results[-1].target.label, results[-1].outcome)
        yield _Fleet(pairs, results, turns)


def _waiting(host: ResolvedHost, resolved: Resolved) -> HostResult:
    row, current = resolved
    return HostResult(
        host.access.target,
        WAITING,
        host.app,
        row.number,
        current=current.number if current else 0,
        build=row.build,
        commit=row.commit,
        dirty=row.dirty,
        ignored_findings=host.ignored_findings,
    )


async def _in_waves(
    fleet: _Fleet,
    options: ActivationOptions,
    at_host: Callable[[ResolvedHost, Resolved], Awaitable[HostResult]],
    course: Course,
) -> tuple[AppName | None, list[HostResult]]:
    def going(host: ResolvedHost, resolved: Resolved) -> RolloutHost:
        here = course.options_at(host.access.target, options)

        async def session() -> Session:
            await host.reconnect(here)
            return host.session

        async def activate(_: HostResult) -> HostResult:
            try:
                await host.reconnect(here)
            except RelstoreError as error:
                return not_begun(host.access.target, error, host.app)
            return await at_host(host, resolved)

        return RolloutHost(host.access, here, activate, session, host.hang_up)

    hosts = [
        going(*fleet.hosts[index]) if index in fleet.hosts else None for index in range(len(fleet.results))
    ]
    results = await conduct(hosts, fleet.results, course, fleet.turns)
    return next((result.app for result in results if result.app), None), results


def _left(resolved: Resolved, result: HostResult, rejection: Rejection | None) -> HostResult:
    """With what the generation that was left counts as from now on."""
    left = resolved.current
    if result.outcome != ACTIVE or left is None or result.previous != left.number:
        return result
    if rejection is not None:
        return replace(result, left="bad")
    was_good = left.outcome in (ACTIVE, MARKED_GOOD)
    return replace(result, left="good" if was_good else "")
