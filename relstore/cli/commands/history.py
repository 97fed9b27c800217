"""``relstore history``: what became of all apps at all hosts, as a page for a browser."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from relstore import protocol
from relstore.cli import completers, output_file, text
from relstore.cli.checkout import checkout_of
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import Outcome, on_each, report
from relstore.cli.history_page.app_history import AppHistory
from relstore.cli.history_page.page import HistoryPage
from relstore.cli.invocation import Invocation, invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session, rows
from relstore.client.operations import chain_check
from relstore.errors import UsageError
from relstore.formats.names import AppName
from relstore.protocol import LogRow, RowOut

_STANDARD_OUTPUT = "-"
_SHOWN = 100


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
@click.pass_context
def history(ctx: click.Context, place: str, last: int) -> None:
    """Write a page for a browser: what was live when, how each activation ended and why, who began it, and
    from which commit.

    All apps of the stores are on it, or one with --app. It is a single file without a script, which fetches
    nothing, so it can be mailed or put on a web server. On a terminal, `relstore log` shows the activations.
    """
    invocation = invocation_of(ctx)
    is_standard_output = place == _STANDARD_OUTPUT
    if is_standard_output and invocation.console.json:
        raise UsageError(
            "--html - and --json both need standard output", hint="Name a file: --html history.html --json."
        )
    if not is_standard_output:
        output_file.check_place(Path(place))

    async def at_host(session: Session, _: ConsoleReporter) -> list[AppHistory]:
        if invocation.app is not None:
            names: Sequence[AppName] = (invocation.app,)
        else:
            names = (await session.ask(protocol.Apps(), protocol.AppsOut))[0].names
        return [await _fetch(session, app, invocation) for app in names]

    outcomes = on_each(invocation, at_host)
    page = _page(outcomes, invocation, last)
    if is_standard_output:
        # Any encoding has these characters.
        invocation.console.report(page.encode("ascii", "xmlcharrefreplace").decode().rstrip("\n"))
    else:
        output_file.write(Path(place), page)
        found = [each for outcome in outcomes for each in outcome.value or ()]
        invocation.console.say(
            f"{place}: {text.plural(len({each.app for each in found}), 'app')} on "
            f"{text.plural(len({each.host for each in found}), 'host')}, {text.size(len(page.encode()))}"
        )

    def fields(histories: Sequence[AppHistory]) -> dict[str, Any]:
        return {"apps": [_fields(each) for each in histories]}

    report("history", outcomes, invocation, lambda *_: None, fields, file=place)


async def _fetch(session: Session, app: AppName, invocation: Invocation) -> AppHistory:
    await chain_check.find_app(session, app, invocation.account.heads, invocation.console.note)
    _, generations = await session.ask(protocol.List(app), protocol.Listed)
    _, events = await session.ask(protocol.Log(app), protocol.Done)
    return AppHistory.of(app, session.label, rows(generations, RowOut), rows(events, LogRow))


def _page(outcomes: Sequence[Outcome[list[AppHistory]]], invocation: Invocation, last: int) -> str:
    histories = [each for outcome in outcomes for each in outcome.value or ()]
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
