"""Running a command's work on all its targets, and reporting what each of them gave.

The error of a single target is the command's error. With several targets each error is shown, and the
command ends with the code for "some hosts failed". Light to import, so that ssh can be started before the
rest (``on_hosts``) is loaded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from relstore.cli.console import error_fields
from relstore.cli.exit_codes import exit_code
from relstore.cli.outcome import Outcome
from relstore.errors import RelstoreError, SomeHostsFailedError

if TYPE_CHECKING:
    from relstore.cli.invocation import Invocation
    from relstore.cli.progress import ConsoleReporter
    from relstore.client.config.hosts import Host
    from relstore.client.connection.session import Session
    from relstore.client.fleet.resolved_host import ResolvedHost
    from relstore.formats.names import AppName

T = TypeVar("T")


def on_each(
    invocation: Invocation, work: Callable[[Session, ConsoleReporter], Awaitable[T]]
) -> list[Outcome[T]]:
    """Do ``work`` on all targets at once. Raises the error of a single target."""
    return _unless_failed(what_each_gave(invocation, work))


def what_each_gave(
    invocation: Invocation, work: Callable[[Session, ConsoleReporter], Awaitable[T]]
) -> list[Outcome[T]]:
    """As ``on_each``, for a command to which the error of a single target is a part of its report."""
    from relstore.cli.on_hosts import work_on_each

    return work_on_each(invocation, work)


def what_each_host_gave(
    invocation: Invocation, work: Callable[[Host, Session, ConsoleReporter], Awaitable[T]]
) -> list[Outcome[T]]:
    """As ``what_each_gave``, for work that depends on what is set for the host."""
    from relstore.cli.on_hosts import work_at_each

    return work_at_each(invocation, work)


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
    from relstore.cli.on_hosts import work_on_each_agreed

    return _unless_failed(work_on_each_agreed(invocation, specs, work, each_its_own=each_its_own))


def _unless_failed(outcomes: list[Outcome[T]]) -> list[Outcome[T]]:
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
    several = [
        Outcome(outcome.target, None if outcome.value is None else [outcome.value], outcome.error)
        for outcome in outcomes
    ]
    report_all(command, several, invocation, show, fields, headings=headings, **head)


def report_all(
    command: str,
    outcomes: Sequence[Outcome[list[T]]],
    invocation: Invocation,
    show: Callable[[str, T], None],
    fields: Callable[[T], Mapping[str, Any]],
    *,
    headings: bool = False,
    app_of: Callable[[T], str] | None = None,
    **head: Any,
) -> None:
    """As ``report``, where a host gives several values: one for each of its apps, which ``app_of`` names."""
    documents = []
    for outcome in outcomes:
        for value in outcome.value or ():
            if headings and app_of is not None and len(outcome.value or ()) > 1:
                invocation.console.report(f"{app_of(value)} on {outcome.target}:", hang=2)
            elif headings and len(outcomes) > 1:
                invocation.console.report(f"{outcome.target}:", hang=2)
            show(outcome.target.label, value)
            documents.append({"target": str(outcome.target), **fields(value)})
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
    from relstore.client.operations import chain_check

    return await chain_check.find_app(
        session, invocation.app, invocation.account.heads, invocation.console.note
    )


async def the_apps(session: Session, invocation: Invocation) -> list[AppName]:
    """The given app, or all of the store, for a command that only reads. Their chains are compared as well.

    Raises UsageError where there is none.
    """
    from relstore.client.operations import chain_check

    names: Sequence[AppName] = [invocation.app] if invocation.app else await _app_names(session)
    await chain_check.check_each(session, names, invocation.account.heads, invocation.console.note)
    return list(names)


async def _app_names(session: Session) -> Sequence[AppName]:
    from relstore.protocol import Apps, AppsOut

    apps, _ = await session.ask(Apps(), AppsOut)
    return apps.names or [await session.only_app()]
