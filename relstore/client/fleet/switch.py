"""Making a generation current, or restarting what is, at several hosts: one after the other, until one fails.

All hosts are asked first what is meant, and nothing is done before they agree. Not for what a meaning is
(``resolved_host``), nor for deciding which host is next (``sequence``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from relstore import protocol
from relstore.client.fleet import agreement, go_live, sequence
from relstore.client.fleet.resolved_host import ResolvedHost
from relstore.client.fleet.result import WAITING, HostResult, from_error, not_begun
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
    order: Switch, targets: Sequence[Target], access: Access
) -> tuple[AppName | None, list[HostResult]]:
    """Make the generation current at one target after the other, until one fails. Errors are in the results.

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
        result = await go_live.activate(host.session, host.access, host.app, spec, order.options)
        return _left(resolved, result, order.rejection)

    async with _resolved(order.spec, order.app, order.options, targets, access) as fleet:
        if not order.each_its_own and sequence.may_begin(fleet.results, fleet.tolerated):
            agreement.check(order.spec, [host.meaning(resolved) for host, resolved in fleet.hosts.values()])
        return await _in_turn(fleet, order.options, at_host)


async def restart(
    app: AppName | None, options: ActivationOptions, targets: Sequence[Target], access: Access
) -> tuple[AppName | None, list[HostResult]]:
    """Restart what is current, as ``switch``."""

    async def at_host(host: ResolvedHost, resolved: Resolved) -> HostResult:
        return await go_live.restart(host.session, host.access, host.app, resolved.row.number, options)

    async with _resolved(None, app, options, targets, access) as fleet:
        return await _in_turn(fleet, options, at_host)


@dataclass(frozen=True)
class _Fleet:
    """What all hosts were asked."""

    hosts: dict[int, tuple[ResolvedHost, Resolved]]
    """Those that answered, by their index in ``results``, with what is meant at each."""
    results: list[HostResult]
    tolerated: int
    """How many hosts that cannot be reached stop nothing."""
    are_scarce: bool
    """Whether hosts are connected to only while something is done there."""


@asynccontextmanager
async def _resolved(
    spec: str | None,
    app: AppName | None,
    options: ActivationOptions,
    targets: Sequence[Target],
    access: Access,
) -> AsyncIterator[_Fleet]:
    """All hosts after they were asked what is meant."""
    turns = Turns(targets, access.account)

    async def resolve(host: ResolvedHost) -> Resolved | HostResult:
        async with turns:
            try:
                return (await host.resolve(app, [spec], options))[0]
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
        yield _Fleet(pairs, results, access.max_unreachable.of(len(targets)), turns.are_scarce)


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


async def _in_turn(
    fleet: _Fleet,
    options: ActivationOptions,
    at_host: Callable[[ResolvedHost, Resolved], Awaitable[HostResult]],
) -> tuple[AppName | None, list[HostResult]]:
    results = list(fleet.results)
    while (index := sequence.next_host(results, fleet.tolerated)) is not None:
        waiting = results[index]
        host, resolved = fleet.hosts[index]
        try:
            await host.reconnect(options)
        except RelstoreError as error:
            result = from_error(host.access.target, error, host.app)
        else:
            result = await at_host(host, resolved)
        if fleet.are_scarce:
            await host.hang_up()
        host.access.reporter.ended(result.target.label, result.outcome)
        results[index] = replace(
            result,
            build=waiting.build,
            commit=waiting.commit,
            dirty=waiting.dirty,
            ignored_findings=waiting.ignored_findings,
        )
    app = next((result.app for result in results if result.app), None)
    return app, sequence.ended(results, fleet.tolerated)


def _left(resolved: Resolved, result: HostResult, rejection: Rejection | None) -> HostResult:
    """With what the generation that was left counts as from now on."""
    left = resolved.current
    if result.outcome != ACTIVE or left is None or result.previous != left.number:
        return result
    if rejection is not None:
        return replace(result, left="bad")
    was_good = left.outcome in (ACTIVE, MARKED_GOOD)
    return replace(result, left="good" if was_good else "")
