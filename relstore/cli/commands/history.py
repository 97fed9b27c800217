"""``relstore history``: what became of all apps at all hosts, as a page for a browser."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from relstore import protocol
from relstore.cli import completers, output_file, text
from relstore.cli.all_environments import in_each_environment
from relstore.cli.checkout import checkout_of
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report
from relstore.cli.history_page.app_history import AppHistory
from relstore.cli.history_page.page import HistoryPage
from relstore.cli.invocation import Invocation, invocation_of
from relstore.cli.outcome import Outcome
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session, rows
from relstore.client.operations import chain_check
from relstore.errors import RelstoreError, UsageError
from relstore.formats.names import AppName
from relstore.protocol import LogRow, RowOut

_STANDARD_OUTPUT = "-"
_SHOWN = 100


@dataclass(frozen=True)
class _Host:
    """What one host said."""

    environment: str | None
    """Of relstore.toml, where there is one."""
    apps: Sequence[AppHistory]


@example(
    "relstore history --html history.html", "relstore history --env production -n 20 --html - > page.html"
)
@click.command(cls=RelstoreCommand)
@click.option(
    "--html",
    "place",
    required=True,
    metavar="FILE",
    help="Write the page to FILE; `-` is standard output.",
    shell_complete=completers.files,
)
@click.option(
    "-n",
    "--last",
    type=click.IntRange(min=1),
    default=_SHOWN,
    metavar="N",
    help=f"Show the last N activations and generations of each app at each host.  [default: {_SHOWN}]",
)
@click.option("--all-envs", is_flag=True, help="Show the hosts of every environment of relstore.toml.")
@click.pass_context
def history(ctx: click.Context, place: str, last: int, all_envs: bool) -> None:
    """Write a page for a browser: what was live when, how each activation ended and why, who began it, and
    from which commit.

    All apps of the stores are on it, or one with --app. It is a single file without a script, which fetches
    nothing, so it can be mailed or put on a web server. On a terminal, `relstore log` shows the activations.
    """
    invocation = invocation_of(ctx, narrows=not all_envs)
    is_standard_output = place == _STANDARD_OUTPUT
    if is_standard_output and invocation.console.json:
        raise UsageError(
            "--html - and --json both need standard output", hint="Name a file: --html history.html --json."
        )
    if not is_standard_output:
        output_file.check_place(Path(place))
    if all_envs:
        environments = in_each_environment(invocation)
        outcomes = [each for name, inside in environments.items() for each in _tolerant(inside, name)]
    else:
        outcomes = _ask(invocation, invocation.config.env)
    page = _page(outcomes, invocation, last)
    if is_standard_output:
        # Any encoding has these characters.
        invocation.console.report(page.encode("ascii", "xmlcharrefreplace").decode().rstrip("\n"))
    else:
        output_file.write(Path(place), page)
        found = [each for outcome in outcomes if outcome.value for each in outcome.value.apps]
        apps, hosts = ({each.app for each in found}, {each.host for each in found})
        invocation.console.say(
            f"{place}: {text.plural(len(apps), 'app')} on {text.plural(len(hosts), 'host')}, "
            f"{text.size(len(page.encode()))}"
        )

    def fields(host: _Host) -> dict[str, Any]:
        return {"environment": host.environment, "apps": [_fields(each) for each in host.apps]}

    report("history", outcomes, invocation, lambda *_: None, fields, file=place)


def _ask(invocation: Invocation, environment: str | None) -> list[Outcome[_Host]]:
    """What the hosts know. Raises the error of a single one."""

    async def at_host(session: Session, _: ConsoleReporter) -> _Host:
        return _Host(environment, await _fetch(session, environment, invocation))

    return on_each(invocation, at_host)


def _tolerant(invocation: Invocation, environment: str) -> list[Outcome[_Host]]:
    """As ``_ask``; the others are shown when the only host of an environment does not answer."""
    if not invocation.targets:
        return []
    try:
        return _ask(invocation, environment)
    except RelstoreError as error:
        return [Outcome(invocation.targets[0], None, error)]


async def _fetch(session: Session, environment: str | None, invocation: Invocation) -> list[AppHistory]:
    """The app, or all of them; a store may have none."""
    if invocation.app is not None:
        names: Sequence[AppName] = (invocation.app,)
    else:
        names = (await session.ask(protocol.Apps(), protocol.AppsOut))[0].names
    await chain_check.check_each(session, names, invocation.account.heads, invocation.console.note)
    lists = session.ask_each([protocol.List(app) for app in names], protocol.Listed)
    generations = [rows(body, RowOut) async for _, body in lists]
    logs = session.ask_each([protocol.Log(app) for app in names], protocol.Done)
    events = [rows(body, LogRow) async for _, body in logs]
    host = f"{session.label} ({environment})" if environment else session.label
    return [
        AppHistory.of(app, host, listed, logged)
        for app, listed, logged in zip(names, generations, events, strict=True)
    ]


def _page(outcomes: Sequence[Outcome[_Host]], invocation: Invocation, last: int) -> str:
    histories = [each for outcome in outcomes if outcome.value for each in outcome.value.apps]
    histories.sort(key=lambda each: each.app)
    missing = [
        (outcome.target.label, outcome.error.what) for outcome in outcomes if outcome.error is not None
    ]
    commits = (row.commit for each in histories for row in each.generations.values())
    return HistoryPage(
        histories, missing, checkout_of(invocation).subjects(commits), last, int(time.time())
    ).html()


def _fields(history: AppHistory) -> dict[str, Any]:
    current = history.current
    return {
        "app": history.app,
        "current": current.number if current else None,
        "generations": len(history.generations),
        "activations": len(history.entries),
        "failures": len(history.failures),
    }
