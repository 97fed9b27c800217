"""``relstore init``: write a commented relstore.toml."""

from __future__ import annotations

from pathlib import Path

import click

from relstore.cli.command import RelstoreCommand, example
from relstore.cli.console import console_of
from relstore.client.config.load import FILE_NAME
from relstore.client.config.template import template
from relstore.errors import RelstoreError, UsageError

_NEXT = (
    ("relstore unit --install PROGRAM", "once for each host, as root: a unit that runs the app"),
    ("relstore sudoers", "prints the rule that lets your account manage it"),
    ("relstore check", "whether every host is ready, and what to do where it is not"),
    ("relstore push", ""),
)
_NEXT_SLOTS = (
    (
        "relstore unit --install --front 80 PROGRAM -- --socket '/run/web-{slot}/sock'",
        "once for each host, as root: the units",
    ),
    ("relstore sudoers", "prints the rule that lets your account manage both slots"),
    ("relstore check", "whether every host is ready, and what to do where it is not"),
    ("relstore push", ""),
)


@example("relstore init", "relstore init services/web", "relstore init --slots     # for cut-over")
@click.command(cls=RelstoreCommand)
@click.argument("directory", default=".", type=click.Path(path_type=Path))
@click.option("--slots", is_flag=True, help="For an app with two slots: cut-over without a failed request.")
@click.pass_context
def init(ctx: click.Context, directory: Path, slots: bool) -> None:
    """Write a relstore.toml into DIRECTORY, with every key explained. An existing file is left as it is."""
    path = directory / FILE_NAME
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template(slots=slots))
    except FileExistsError:
        raise UsageError(f"{path} already exists", hint="Edit it, or remove it first.") from None
    except OSError as error:
        raise RelstoreError(f"{path} cannot be written: {error.strerror}") from None
    screen = console_of(ctx)
    screen.say(f"wrote {path}; set `to`, `artifact`, `unit`, `become` and `http` in it, then:")
    following = _NEXT_SLOTS if slots else _NEXT
    for command, why in following:
        screen.say(f"  {command}  # {why}" if why else f"  {command}", hang=None)
    screen.document("init", path=str(path), next=[command for command, _ in following])
