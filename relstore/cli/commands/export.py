"""``relstore export``: a generation out of the store, as a directory or as a tar."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from relstore.cli import generation_view, text
from relstore.cli.command import Spec, SpecCommand, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import Invocation, invocation_of
from relstore.cli.outcome import Outcome
from relstore.cli.progress import ConsoleReporter
from relstore.cli.temporary import private_directory
from relstore.client.artifact.export_tar import ExportTar
from relstore.client.artifact.export_tree import ExportTree, there_already
from relstore.client.connection.session import Session
from relstore.client.operations.export import Destination
from relstore.client.operations.export import export as take_out
from relstore.client.operations.fetch import fetch
from relstore.errors import RelstoreError, UsageError
from relstore.formats.names import AppName
from relstore.protocol import RowOut

_STANDARD_OUTPUT = "-"


@example(
    "relstore export 42 ./web-42",
    "relstore export -1 - | tar -t                # a tar on standard output",
    "relstore export 42 - | relstore push - --app web --to deploy@web2:/srv/web",
)
@click.command(cls=SpecCommand)
@click.argument("generation", type=Spec())
@click.argument("directory", type=click.Path())
@click.pass_context
def export(ctx: click.Context, generation: str, directory: str) -> None:
    """Write the build of GENERATION to DIRECTORY, which must not be there yet, or as a tar to standard output
    (`-`).

    Every file is proved on this machine. The same build gives the same tar.
    """
    invocation = invocation_of(ctx)
    if len(invocation.need_targets()) > 1:
        raise UsageError("there are several targets, and one build to write", hint="Name one with --to.")
    try:
        if directory == _STANDARD_OUTPUT:
            _to_standard_output(invocation, generation)
        else:
            _to_directory(invocation, generation, Path(directory))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise RelstoreError(
            f"the build cannot be written: {where}{error.strerror}",
            state="Nothing was kept of it.",
            hint="Name a directory with enough room.",
        ) from None


def _to_standard_output(invocation: Invocation, generation: str) -> None:
    if invocation.console.json:
        raise UsageError("--json with `-`: both write to standard output", hint="Leave out one of them.")
    if sys.stdout.isatty():
        raise UsageError(
            "standard output is a terminal, which shows no tar",
            hint="For example: relstore export 42 - | tar -t",
        )
    tar = ExportTar(sys.stdout.buffer)
    _export(invocation, generation, tar)
    tar.end()


def _to_directory(invocation: Invocation, generation: str, directory: Path) -> None:
    if os.path.lexists(directory):
        raise there_already(directory)
    if not directory.parent.is_dir():
        raise UsageError(f"there is no directory {directory.parent}", hint="Make it first.")
    with private_directory(directory.parent) as scratch:
        tree = ExportTree(scratch)
        outcomes = _export(invocation, generation, tree)
        tree.become(directory)

    def show(host: str, answer: tuple[AppName, RowOut]) -> None:
        app, row = answer
        files = f"{text.plural(row.files, 'file')}, {text.size(row.size)}"
        invocation.console.say(f"{directory} is generation {row.number} of {app} on {host}: {files}")

    def fields(answer: tuple[AppName, RowOut]) -> dict[str, Any]:
        return generation_view.app_and_generation(answer)

    report("export", outcomes, invocation, show, fields, path=str(directory))


def _export(
    invocation: Invocation, generation: str, destination: Destination
) -> list[Outcome[tuple[AppName, RowOut]]]:
    async def at_host(session: Session, _: ConsoleReporter) -> tuple[AppName, RowOut]:
        app = await the_app(session, invocation)
        row, manifest = await fetch(session, app, generation)
        await take_out(session, row.build, manifest, destination)
        return app, row

    return on_each(invocation, at_host)
