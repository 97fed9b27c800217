"""``relstore metrics``: what Prometheus is told of each app at each host."""

from __future__ import annotations

import time
from pathlib import Path

import click

from relstore import protocol
from relstore.cli import output_file
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import finish, the_apps, what_each_gave
from relstore.cli.environment import environment_argument
from relstore.cli.exposition import exposition
from relstore.cli.invocation import invocation_of
from relstore.cli.metrics_view import HostState, gauges
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.formats.names import AppName
from relstore.protocol import StatusOut


@example(
    "relstore metrics production",
    "relstore metrics production --output /var/lib/prometheus/node-exporter/relstore.prom",
)
@click.command(cls=RelstoreCommand)
@environment_argument
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write them to FILE at once and whole, for node_exporter's textfile collector.",
)
@click.pass_context
def metrics(ctx: click.Context, output: Path | None) -> None:
    """Print metrics in Prometheus' text format: of the app, or without one of all apps of the store.

    They are complete even where a host cannot be asked (relstore_up is 0); the exit code then says so.
    """
    invocation = invocation_of(ctx)
    file = None if output is None or str(output) == "-" else output
    if file is not None:
        output_file.check_place(file)

    async def at_host(session: Session, _: ConsoleReporter) -> list[tuple[AppName, StatusOut]]:
        apps = await the_apps(session, invocation)
        asked = [protocol.Status(app) for app in apps]
        states = [state async for state, _ in session.ask_each(asked, StatusOut)]
        return list(zip(apps, states, strict=True))

    outcomes = what_each_gave(invocation, at_host)
    hosts = [HostState(str(outcome.target), outcome.value) for outcome in outcomes]
    text = exposition(gauges(hosts, time.time()))
    if file is not None:
        output_file.write(file, text)
    elif not invocation.console.json:
        click.echo(text, nl=False)
    invocation.console.document("metrics", path=None if file is None else str(file), text=text)
    finish([outcome.error for outcome in outcomes], invocation)
