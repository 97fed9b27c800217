"""Running a command's work on all its targets, and reporting what each of them gave.

The error of a single target is the command's error. With several targets each error is shown, and the
command ends with the code for "some hosts failed".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import click

from relstore.cli.console import error_fields
from relstore.cli.exit_codes import exit_code
from relstore.cli.invocation import Invocation
from relstore.cli.progress import ConsoleReporter
from relstore.client.config.keys.hosts import MAX_UNREACHABLE
from relstore.client.connection.connect import connected
from relstore.client.connection.session import Session
from relstore.client.fleet import agreement
from relstore.client.fleet.resolved_host import ResolvedHost
from relstore.client.fleet.result import is_unreachable
from relstore.client.fleet.turns import Turns
from relstore.client.operations import chain_check
from relstore.client.operations.access import Access
from relstore.client.operations.interrupt import Interrupts
from relstore.client.target import Target
from relstore.errors import RelstoreError, SomeHostsFailedError
from relstore.formats.names import AppName
from relstore.protocol import Resolved

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What one host gave: a value, an error, or both (a report of problems there)."""

    target: Target
    value: T | None
    error: RelstoreError | None


def on_each(
    invocation: Invocation, work: Callable[[Session, ConsoleReporter], Awaitable[T]]
) -> list[Outcome[T]]:
    """Do ``work`` on all targets at once. Raises the error of a single target."""
    targets = invocation.need_targets()
    with ConsoleReporter(invocation.console, invocation.labels) as reporter:
        outcomes = asyncio.run(_gather(invocation, targets, reporter, work))
    if len(outcomes) == 1 and outcomes[0].error is not None:
        raise outcomes[0].error
    return outcomes


def on_each_agreed(
    invocation: Invocation,
    specs: Sequence[str],
    work: Callable[[ResolvedHost, Sequence[int]], Awaitable[T]],
    *,
    each_its_own: bool,
) -> list[Outcome[T]]:
    """Do ``work`` on all targets, with the numbers of the generations that the ``specs`` mean there.

    Nothing is done unless they mean the same builds everywhere, or each host is to take its own. Raises the
    error of a single target, and DifferentBuildsError.
    """
    targets = invocation.need_targets()
    with ConsoleReporter(invocation.console, invocation.labels) as reporter:
        outcomes = asyncio.run(_agree(invocation, targets, reporter, specs, work, each_its_own))
    if len(outcomes) == 1 and outcomes[0].error is not None:
        raise outcomes[0].error
    return outcomes


def report(
    command: str,
    outcomes: Sequence[Outcome[T]],
    invocation: Invocation,
    show: Callable[[str, T], None],
    fields: Callable[[T], Mapping[str, Any]],
    *,
    headings: bool = False,
    **head: Any,
) -> None:
    """Show what each host gave, print the one JSON document, and end the program when a host failed.

    ``show`` gets a host's label and value; ``fields`` makes its part of the document. With ``headings``
    each of several hosts' reports begins with its target.
    """
    documents = []
    for outcome in outcomes:
        if outcome.value is None:
            continue
        if headings and len(outcomes) > 1:
            invocation.console.report(f"{outcome.target}:")
        show(outcome.target.label, outcome.value)
        documents.append({"target": str(outcome.target), **fields(outcome.value)})
    failed = [
        {"target": str(outcome.target), "error": error_fields(outcome.error)}
        for outcome in outcomes
        if outcome.error is not None
    ]
    invocation.console.document(command, **head, hosts=documents, failed=failed)
    finish([outcome.error for outcome in outcomes], invocation)


def finish(errors: Sequence[RelstoreError | None], invocation: Invocation) -> None:
    """Show the errors of the hosts and end with their exit code; return when there are none.

    The command has already shown its report and its JSON document, errors included.
    """
    failed = [error for error in errors if error is not None]
    for error in failed:
        invocation.console.error(error)
    if failed and len(errors) > 1:
        summary = SomeHostsFailedError(
            f"{len(failed)} of {len(errors)} hosts failed",
            hint="The message of each host says what to do there. Then run the command again.",
        )
        invocation.console.error(summary)
        failed = [summary]
    if failed:
        raise click.exceptions.Exit(exit_code(failed[0]))


async def the_app(session: Session, invocation: Invocation) -> AppName:
    """The given app, or the only one of the store. Its chain is compared with what was seen before.

    Raises UsageError.
    """
    return await chain_check.find_app(
        session, invocation.app, invocation.account.heads, invocation.console.note
    )


async def _gather(
    invocation: Invocation,
    targets: Sequence[Target],
    reporter: ConsoleReporter,
    work: Callable[[Session, ConsoleReporter], Awaitable[T]],
) -> list[Outcome[T]]:
    turns = Turns(targets, invocation.account)

    async def at_target(target: Target) -> Outcome[T]:
        async with turns:
            try:
                async with connected(target, invocation.account, reporter) as session:
                    value = await work(session, reporter)
                reporter.ended(target.label, "done")
                return Outcome(target, value, None)
            except RelstoreError as error:
                reporter.ended(target.label, "failed")
                return Outcome(target, None, error.on(target.label))

    async with invocation.account.shared.lasting():
        return list(await asyncio.gather(*map(at_target, targets)))


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
