"""``relstore attach``: follow the running or the last job until its recorded outcome."""

from __future__ import annotations

import click

from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import the_app
from relstore.cli.interruptible import run_interruptible
from relstore.cli.invocation import at_once, invocation_of
from relstore.cli.outcome_view import show_results
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.connect import connected
from relstore.client.fleet.result import HostResult, from_ended
from relstore.client.operations.access import HostAccess
from relstore.client.operations.activate import follow
from relstore.client.operations.interrupt import Interrupts
from relstore.errors import UsageError
from relstore.formats.names import AppName, JobId


@example("relstore attach", "relstore attach 20261123T044741Z-0a1b2c3d")
@click.command(cls=RelstoreCommand)
@click.argument("job", required=False)
@click.pass_context
def attach(ctx: click.Context, job: str | None) -> None:
    """Follow JOB (default: the newest) from its beginning. The exit code is that of the push itself."""
    invocation = invocation_of(ctx, at_once)
    targets = invocation.need_targets()
    if len(targets) > 1:
        raise UsageError("attach follows a job on one host", hint="Give one --to.")
    ident = JobId.parse(job) if job else None

    with ConsoleReporter(invocation.console, invocation.labels) as reporter:

        async def at_host(interrupts: Interrupts) -> tuple[AppName, HostResult]:
            place = HostAccess(targets[0], invocation.account, reporter, interrupts)
            async with connected(targets[0], invocation.account, reporter) as session:
                app = await the_app(session, invocation)
                ended = await follow(session, place, app, ident)
            return app, from_ended(targets[0], app, ended)

        app, result = run_interruptible(at_host)
    show_results("attach", app, [result], invocation)
