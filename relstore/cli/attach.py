"""``relstore attach``: follow the running or the last job to what the host recorded."""

from __future__ import annotations

import click

from relstore.cli import results
from relstore.cli.activating import run
from relstore.cli.command import Command, example
from relstore.cli.options import settings
from relstore.cli.progress import ConsoleReporter
from relstore.cli.work import the_app
from relstore.client import activation
from relstore.client.activation import Place
from relstore.client.hosts import connected
from relstore.client.interrupt import Interrupts
from relstore.client.result import Result, from_ended
from relstore.errors import UsageError
from relstore.store.names import AppName, JobId


@example("relstore attach", "relstore attach 20261123T044741Z-0a1b2c3d")
@click.command(cls=Command)
@click.argument("job", required=False)
@click.pass_context
def attach(ctx: click.Context, job: str | None) -> None:
    """Follow JOB (default: the newest) from its beginning; the exit code is as of the push itself."""
    here = settings(ctx)
    targets = here.need_targets()
    if len(targets) > 1:
        raise UsageError("attach follows one host", hint="Give one --to.")
    ident = JobId.parse(job) if job else None

    with ConsoleReporter(here.console, several=False) as reporter:

        async def follow(keys: Interrupts) -> tuple[AppName, Result]:
            place = Place(targets[0], here.around, reporter, keys)
            async with connected(targets[0], here.around, reporter) as session:
                app = await the_app(session, here)
                ended = await activation.follow(session, place, app, ident)
            return app, from_ended(targets[0], ended)

        app, result = run(follow)
    results.show("attach", app, [result], here)
