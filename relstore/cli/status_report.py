"""What ``status`` does at the hosts and shows of them. Loaded when ssh has been started.

Not for its command line (``commands.status``) nor for its words (``status_view``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from relstore import protocol
from relstore.cli import status_view, text
from relstore.cli.checkout import checkout_of
from relstore.cli.console import Console, error_fields
from relstore.cli.each_host import on_each, report_all, the_apps, what_each_host_gave
from relstore.cli.host_recipe import recipe_at
from relstore.cli.invocation import Invocation
from relstore.cli.outcome import Outcome
from relstore.cli.progress import ConsoleReporter
from relstore.cli.status_check import Level, Verdict, good_words, judge, worst
from relstore.cli.watching import watch_hosts
from relstore.client.config.hosts import Host
from relstore.client.connection.session import Session
from relstore.client.operations.inspect import complaint
from relstore.errors import BusyError, NotFoundError
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe
from relstore.protocol import StatusOut


@dataclass(frozen=True)
class AppStatus:
    """One app of one host, and what is to be said of it with ``--check``."""

    app: AppName
    root: str
    state: StatusOut
    verdict: Verdict | None = None


def show_status(invocation: Invocation, *, check: bool, watch: bool) -> None:
    """Once, for monitoring (``check``), or again and again (``watch``)."""

    async def at_host(session: Session, _: ConsoleReporter) -> list[AppStatus]:
        return await _ask(session, invocation)

    recipes = {host.target: recipe_at(invocation, host) for host in invocation.hosts} if check else {}

    async def checked_at_host(host: Host, session: Session, _: ConsoleReporter) -> list[AppStatus]:
        recipe = recipes[host.target]
        return [await _judged(session, found, recipe) for found in await _ask(session, invocation)]

    if watch:
        watch_hosts(invocation, at_host, lambda host, answers: _all_lines(host, answers, invocation.console))
    elif check:
        _check(what_each_host_gave(invocation, checked_at_host), invocation)
    else:
        _report(on_each(invocation, at_host), invocation)


def _report(outcomes: Sequence[Outcome[list[AppStatus]]], invocation: Invocation) -> None:
    subjects = checkout_of(invocation).subjects(
        _commit(answer.state) for outcome in outcomes for answer in outcome.value or ()
    )

    def show(host: str, answer: AppStatus) -> None:
        subject = subjects.get(_commit(answer.state))
        for line in status_view.lines(
            answer.app, host, answer.root, answer.state, subject, invocation.console
        ):
            invocation.console.report(line, hang=status_view.HANG)

    def fields(answer: AppStatus) -> dict[str, Any]:
        return _fields_of(answer, subjects.get(_commit(answer.state)))

    report_all("status", outcomes, invocation, show, fields)


async def _ask(session: Session, invocation: Invocation) -> list[AppStatus]:
    apps = await the_apps(session, invocation)
    states = [state async for state, _ in session.ask_each([protocol.Status(app) for app in apps], StatusOut)]
    return [AppStatus(app, session.hello.root, state) for app, state in zip(apps, states, strict=True)]


async def _judged(session: Session, found: AppStatus, recipe: Recipe) -> AppStatus:
    """With what the probes say."""
    state, wrong = found.state, ""
    if state.current is not None and not state.job:
        with contextlib.suppress(BusyError, NotFoundError):  # an activation has just begun
            error = await complaint(session, found.app, recipe)
            wrong = error.what if error else ""
    return replace(found, verdict=judge(state, wrong))


def _all_lines(host: str, answers: Sequence[AppStatus], screen: Console) -> list[str]:
    return [
        line
        for answer in answers
        for line in status_view.lines(answer.app, host, answer.root, answer.state, None, screen)
    ]


def _check(outcomes: Sequence[Outcome[list[AppStatus]]], invocation: Invocation) -> None:
    """Print a line for each app, the worst first, and end with the code of the worst."""
    found: list[tuple[Level, str]] = []
    for outcome in outcomes:
        if outcome.error is not None:
            lost = Verdict(Level.UNKNOWN, (outcome.error.what.partition("\n")[0],))
            found.append((lost.level, lost.line(outcome.target.label, "")))
        for answer in outcome.value or ():
            if answer.verdict is not None:
                row = answer.state.current
                words = good_words(answer.state, text.moment(row.outcome_at) if row else "")
                line = answer.verdict.line(f"{answer.app} on {outcome.target.label}", words)
                found.append((answer.verdict.level, line))
    level = worst(level for level, _ in found)
    for _, line in sorted(found, key=lambda pair: pair[0] != level):
        invocation.console.report(line, hang=2)
    invocation.console.document(
        "status",
        hosts=[
            {"target": str(outcome.target), **_fields_of(answer)}
            for outcome in outcomes
            for answer in outcome.value or ()
        ],
        failed=[
            {"target": str(outcome.target), "error": error_fields(outcome.error)}
            for outcome in outcomes
            if outcome.error is not None
        ],
    )
    if level:
        raise click.exceptions.Exit(int(level))


def _fields_of(answer: AppStatus, subject: str | None = None) -> dict[str, Any]:
    verdict = answer.verdict
    return {
        "app": answer.app,
        "root": answer.root,
        **status_view.fields(answer.state),
        "commit_subject": subject,
        "level": verdict.level.name if verdict else None,
        "problems": list(verdict.problems) if verdict else [],
    }


def _commit(state: StatusOut) -> str:
    """That of the current generation, or empty."""
    return (state.current.commit if state.current else None) or ""
