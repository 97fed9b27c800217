"""``relstore init``: write a commented relstore.toml."""

from __future__ import annotations

from pathlib import Path

import click

from relstore.cli.command import RelstoreCommand, example
from relstore.cli.console import console_of
from relstore.client.config.load import FILE_NAME
from relstore.client.config.template import template
from relstore.errors import RelstoreError, UsageError


@example("relstore init", "relstore init services/web")
@click.command(cls=RelstoreCommand)
@click.argument("directory", default=".", type=click.Path(path_type=Path))
@click.pass_context
def init(ctx: click.Context, directory: Path) -> None:
    """Write a relstore.toml into DIRECTORY, with every key explained. An existing file is left as it is."""
    path = directory / FILE_NAME
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise UsageError(f"{path} already exists", hint="Edit it, or remove it first.") from None
    except OSError as error:
        raise RelstoreError(f"{path} cannot be written: {error.strerror}") from None
    screen = console_of(ctx)
    screen.say(f"wrote {path}; set `to`, `artifact`, `unit` and `http` in it, then: relstore push")
    screen.document("init", path=str(path))
