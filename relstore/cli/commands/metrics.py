"""``relstore metrics``: what Prometheus is told of each app at each host."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path

import click

from relstore import protocol
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import finish, the_apps, what_each_gave
from relstore.cli.environment import environment_argument
from relstore.cli.exposition import exposition
from relstore.cli.invocation import invocation_of
from relstore.cli.metrics_view import HostState, gauges
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.errors import RelstoreError
from relstore.formats.names import AppName
from relstore.protocol import StatusOut

_MODE = 0o644
"""Whoever collects the file is another account."""


@example(
    "relstore metrics production",
    "relstore metrics production --output /var/lib/prometheus/node-exporter/relstore.prom",
)
@click.command(cls=RelstoreCommand)
@environment_argument
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write them to FILE at once and whole, for node_exporter's textfile collector.",
)
@click.pass_context
def metrics(ctx: click.Context, output: Path | None) -> None:
    """Print metrics in Prometheus' text format: of the app, or without one of all apps of the store.

    They are complete even where a host cannot be asked (relstore_up is 0); the exit code then says so.
    """
    invocation = invocation_of(ctx)

    async def at_host(session: Session, _: ConsoleReporter) -> list[tuple[AppName, StatusOut]]:
        return [
            (app, (await session.ask(protocol.Status(app), StatusOut))[0])
            for app in await the_apps(session, invocation)
        ]

    outcomes = what_each_gave(invocation, at_host)
    hosts = [HostState(str(outcome.target), outcome.value) for outcome in outcomes]
    text = exposition(gauges(hosts, time.time()))
    if output is not None:
        _replace(output, text)
    elif not invocation.console.json:
        click.echo(text, nl=False)
    invocation.console.document("metrics", path=None if output is None else str(output), text=text)
    finish([outcome.error for outcome in outcomes], invocation)


def _replace(path: Path, text: str) -> None:
    """Whoever reads the file finds the old one or the new one. Raises RelstoreError."""
    temporary = ""
    try:
        # Not with the same ending: a collector would read it.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(descriptor, _MODE)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise RelstoreError(
            f"{path} cannot be written: {error.strerror}", state="It is as it was before."
        ) from None
