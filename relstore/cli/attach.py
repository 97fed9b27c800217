"""``relstore attach``: follow the running or the last job to what the host recorded."""

from __future__ import annotations

import click

from relstore import protocol
from relstore.cli import results
from relstore.cli.command import Command, example
from relstore.cli.options import settings
from relstore.cli.progress import ConsoleReporter
from relstore.cli.work import on_each, the_app
from relstore.client import fleet
from relstore.client.result import Result, from_ended
from relstore.client.session import Session
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

    async def follow(session: Session, reporter: ConsoleReporter) -> tuple[AppName, Result]:
        app = await the_app(session, here)
        async for event in session.follow(protocol.Watch(app, ident), protocol.Ended):
            if isinstance(event, protocol.Accepted):
                reporter.step(session.label, f"job {event.job}, generation {event.generation}")
                continue
            fleet.report_event(event, session.label, reporter)
            if isinstance(event, protocol.Ended):
                return app, from_ended(targets[0], event)
        raise RuntimeError("a job without an end")

    (outcome,) = on_each(here, follow)
    if outcome.value is not None:
        app, result = outcome.value
        results.show("attach", app, [result], here)
