"""Connecting to all targets of a command at once, and doing its work there. For ``each_host`` alone, which
loads this when ssh has been started."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TypeVar

from relstore.cli.invocation import Invocation
from relstore.cli.outcome import Outcome
from relstore.cli.progress import ConsoleReporter
from relstore.client.config.hosts import Host
from relstore.client.config.keys.hosts import MAX_UNREACHABLE
from relstore.client.connection.connect import connected
from relstore.client.connection.session import Session
from relstore.client.fleet import agreement
from relstore.client.fleet.resolved_host import ResolvedHost
from relstore.client.fleet.result import is_unreachable
from relstore.client.fleet.turns import Turns
from relstore.client.operations.access import Access
from relstore.client.operations.interrupt import Interrupts
from relstore.client.target import Target
from relstore.errors import RelstoreError
from relstore.protocol import Resolved

T = TypeVar("T")


def work_on_each(
    invocation: Invocation, work: Callable[[Session, ConsoleReporter], Awaitable[T]]
) -> list[Outcome[T]]:
    """``each_host.what_each_gave``."""
    return work_at_each(invocation, lambda _host, session, reporter: work(session, reporter))


def work_at_each(
    invocation: Invocation, work: Callable[[Host, Session, ConsoleReporter], Awaitable[T]]
) -> list[Outcome[T]]:
    """``each_host.what_each_host_gave``."""
    invocation.need_targets()
    with ConsoleReporter(invocation.console, invocation.labels) as reporter:
        return asyncio.run(_gather(invocation, reporter, work))


def work_on_each_agreed(
    invocation: Invocation,
    specs: Sequence[str],
    work: Callable[[ResolvedHost, Sequence[int]], Awaitable[T]],
    *,
    each_its_own: bool,
) -> list[Outcome[T]]:
    """``each_host.on_each_agreed``, but for the error of a single target."""
    targets = invocation.need_targets()
    with ConsoleReporter(invocation.console, invocation.labels) as reporter:
        return asyncio.run(_agree(invocation, targets, reporter, specs, work, each_its_own))


async def _gather(
    invocation: Invocation,
    reporter: ConsoleReporter,
    work: Callable[[Host, Session, ConsoleReporter], Awaitable[T]],
) -> list[Outcome[T]]:
    turns = Turns(invocation.targets, invocation.account)

    async def at_host(host: Host) -> Outcome[T]:
        target = host.target
        async with turns:
            try:
                async with connected(target, invocation.account, reporter) as session:
                    value = await work(host, session, reporter)
                reporter.ended(target.label, "done")
                return Outcome(target, value, None)
            except RelstoreError as error:
                reporter.ended(target.label, "failed")
                return Outcome(target, None, error.on(target.label))

    async with invocation.account.shared.lasting():
        return list(await asyncio.gather(*map(at_host, invocation.hosts)))


async def _agree(
    invocation: Invocation,
    targets: Sequence[Target],
    reporter: ConsoleReporter,
    specs: Sequence[str],
    work: Callable[[ResolvedHost, Sequence[int]], Awaitable[T]],
    each_its_own: bool,
) -> list[Outcome[T]]:
    access = Access(invocation.account, reporter, Interrupts())

    turns = Turns(targets, invocation.account)

    async def resolve(host: ResolvedHost) -> list[Resolved] | RelstoreError:
        async with turns:
            try:
                return await host.resolve(invocation.app, specs)
            except RelstoreError as error:
                return error.on(host.access.target.label)
            finally:
                if turns.are_scarce:
                    await host.hang_up()

    async def at_target(host: ResolvedHost, resolved: list[Resolved] | RelstoreError) -> Outcome[T]:
        target = host.access.target
        if isinstance(resolved, RelstoreError):
            return Outcome(target, None, resolved)
        if failed and not each_its_own:
            return Outcome(target, None, _left_alone().on(target.label))
        async with turns:
            try:
                await host.reconnect()
                return Outcome(target, await work(host, [answer.row.number for answer in resolved]), None)
            except RelstoreError as error:
                return Outcome(target, None, error.on(target.label))
            finally:
                if turns.are_scarce:
                    await host.hang_up()

    async with invocation.account.shared.lasting(), AsyncExitStack() as stack:
        hosts = [await stack.enter_async_context(ResolvedHost(access.to(target))) for target in targets]
        answers = await asyncio.gather(*map(resolve, hosts))
        errors = [answer for answer in answers if isinstance(answer, RelstoreError)]
        unreachable = sum(map(is_unreachable, errors))
        tolerated = invocation.settings.get(MAX_UNREACHABLE).of(len(targets))
        failed = len(errors) > unreachable or unreachable > tolerated
        if not failed and not each_its_own:
            answered = [
                (host, answer)
                for host, answer in zip(hosts, answers, strict=True)
                if not isinstance(answer, RelstoreError)
            ]
            for index, spec in enumerate(specs):
                agreement.check(spec, [host.meaning(answer[index]) for host, answer in answered])
        return list(await asyncio.gather(*map(at_target, hosts, answers)))


def _left_alone() -> RelstoreError:
    return RelstoreError("left alone, since another host failed", state="Nothing was changed.")
