"""``relstore check``: whether every host is ready for a push, and what to do where it is not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from relstore.cli import text
from relstore.cli.activation_options import ask_password
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.console import Console, error_fields
from relstore.cli.each_host import finish, what_each_host_gave
from relstore.cli.environment import environment_argument
from relstore.cli.exit_codes import exit_code
from relstore.cli.host_recipe import needs_password, recipe_at, through_sudo
from relstore.cli.invocation import Invocation, invocation_of
from relstore.cli.local_state import origin_options
from relstore.cli.outcome import Outcome
from relstore.cli.progress import ConsoleReporter
from relstore.cli.table import Column
from relstore.client.artifact.app_name import suggest
from relstore.client.config.hosts import Host
from relstore.client.config.keys.release import ARTIFACT
from relstore.client.config.keys.service import IGNORE_PREFLIGHT
from relstore.client.connection.session import Session
from relstore.client.operations.host_check import CheckLine, HostReport, check_host, not_reached
from relstore.client.origin.origin import Origin
from relstore.client.target import Target
from relstore.errors import ConnectError, NoStoreError, PreflightError, RelstoreError, SomeHostsFailedError
from relstore.formats.names import AppName
from relstore.protocol import Apps, AppsOut

_GOOD = "good"
_FINDING = "finding"
_IGNORED = "ignored"
_COLUMNS = (
    Column("host"),
    Column("check"),
    Column("what was seen", wraps=True, styles={_GOOD: "green", _IGNORED: "yellow"}),
)


@example("relstore check", "relstore check production", "relstore check --unit web --to deploy@web1:/srv/web")
@click.command(cls=RelstoreCommand)
@environment_argument
@click.pass_context
def check(ctx: click.Context) -> None:
    """Look whether each host is ready for a push: login, Python, clock, store, room on the disk, the origin,
    units, sudo, lingering, journal, and what stands in front of two slots. It needs no artifact and changes
    nothing.

    Each finding comes with what to do. The exit code is 0 when there is none, 1 when a host has one, 6 when
    it cannot be reached, and 4 with several hosts. -v shows what is good, too.
    """
    invocation = invocation_of(ctx)
    recipes = {host.target: recipe_at(invocation, host) for host in invocation.hosts}
    password = ask_password() if needs_password(invocation) else ""
    options = origin_options(invocation)
    origin = Origin(options) if options is not None else None

    async def at_host(host: Host, session: Session, _: ConsoleReporter) -> HostReport:
        app = await _app(session, invocation)
        recipe = through_sudo(recipes[host.target], password)
        ignored = invocation.settings_at(host).get(IGNORE_PREFLIGHT) or ()
        return await check_host(session, app, recipe, password, ignored, origin)

    outcomes = what_each_host_gave(invocation, at_host)
    reports = [found for outcome in outcomes if (found := _reported(outcome))]
    failed = [outcome for outcome in outcomes if _reported(outcome) is None]
    _show(reports, invocation.console)
    invocation.console.document(
        "check",
        hosts=[{"target": str(target), **_fields(report)} for target, report in reports],
        failed=[
            {"target": str(outcome.target), "error": error_fields(outcome.error)}
            for outcome in failed
            if outcome.error is not None
        ],
    )
    finish([*(outcome.error for outcome in failed), *(None for _ in reports)], invocation)
    _end(reports, invocation.console)


async def _app(session: Session, invocation: Invocation) -> AppName | None:
    """The app that a push would release, as far as it is known: else the only one of the store."""
    artifact = invocation.settings.get(ARTIFACT)
    if invocation.app is None and artifact is not None:
        return suggest(Path(os.path.realpath(artifact)))[0]
    if invocation.app is not None:
        return invocation.app
    try:
        apps, _ = await session.ask(Apps(), AppsOut)
    except NoStoreError:
        return None
    return apps.names[0] if len(apps.names) == 1 else None


def _reported(outcome: Outcome[HostReport]) -> tuple[Target, HostReport] | None:
    """The report of a host, also of one that could not be reached; None where something else went wrong."""
    if outcome.value is not None:
        return outcome.target, outcome.value
    if isinstance(outcome.error, ConnectError):
        return outcome.target, not_reached(outcome.error)
    return None


def _show(reports: Sequence[tuple[Target, HostReport]], screen: Console) -> None:
    rows: list[list[str]] = []
    below: dict[int, Sequence[str]] = {}
    for target, report in reports:
        for line in _shown(report, screen):
            if line.hint and line.state == _FINDING:
                below[len(rows)] = [f"next: {line.hint}"]
            rows.append([target.label, line.aspect, _words(line).replace("\n", " ")])
        if not screen.verbose and not report.findings:
            good = [_GOOD, *(line.aspect for line in report.lines if line.state == _GOOD)]
            rows.append([target.label, "all", ", ".join(good)])
    if rows:
        screen.table(_COLUMNS, rows, below)


def _shown(report: HostReport, screen: Console) -> Sequence[CheckLine]:
    if screen.verbose:
        return report.lines
    return [line for line in report.lines if line.state in (_FINDING, _IGNORED)]


def _words(line: CheckLine) -> str:
    what = f"{line.what} [{line.kind}]" if line.kind else line.what
    return what if line.state == _FINDING else ", ".join(filter(None, (line.state, what)))


def _fields(report: HostReport) -> dict[str, Any]:
    return {
        "good": not report.findings,
        "checks": [
            {
                "check": line.aspect,
                "state": line.state,
                "kind": line.kind or None,
                "what": line.what,
                "next": line.hint,
            }
            for line in report.lines
        ],
    }


def _end(reports: Sequence[tuple[Target, HostReport]], screen: Console) -> None:
    """End with the exit code of the findings; return when there are none."""
    bad = [(target, report) for target, report in reports if report.findings]
    if not bad:
        return
    count = text.plural(sum(len(report.findings) for _, report in bad), "finding")
    hint = "Do what stands below each finding; then run `relstore check` again."
    error: RelstoreError = PreflightError(count, hint=hint).on(bad[0][0].label)
    code = exit_code(bad[0][1].obstacle or error)
    if len(reports) > 1:
        error = SomeHostsFailedError(f"{count} at {len(bad)} of {len(reports)} hosts", hint=hint)
        code = exit_code(error)
    screen.error(error)
    raise click.exceptions.Exit(code)
