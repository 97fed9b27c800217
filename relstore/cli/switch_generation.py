"""``relstore switch-generation`` and ``relstore rollback``: make another generation current."""

from __future__ import annotations

import asyncio

import click

from relstore.cli import results
from relstore.cli.activating import activation_options, restart_of, turn_of
from relstore.cli.command import Command, Spec, SpecCommand, example
from relstore.cli.options import Settings, settings
from relstore.cli.progress import ConsoleReporter
from relstore.client import fleet
from relstore.client.fleet import Activation
from relstore.client.release import Restart, Turn


@example(
    "relstore switch-generation -1            # the good one before the current one",
    "relstore switch-generation 42",
    "relstore switch-generation commit:1a2b3c4",
)
@click.command("switch-generation", cls=SpecCommand)
@click.argument("generation", type=Spec())
@activation_options
@click.pass_context
def switch_generation(
    ctx: click.Context,
    generation: str,
    restart: str | None,
    restart_timeout: int | None,
    lock_wait: int | None,
    override_hold: bool,
) -> None:
    """Make GENERATION current: a number, -1 or +1 (counted over good ones), the beginning of a build
    id, or commit:PREFIX.

    The same transaction as a push: it is checked, switched, restarted, and put back when that fails.
    """
    here = settings(ctx)
    turn = turn_of(lock_wait, override_hold)
    _switch("switch-generation", here, generation, restart_of(here, restart, restart_timeout), turn)


@example("relstore rollback --to deploy@web1:/srv/web")
@click.command("rollback", cls=Command)
@activation_options
@click.pass_context
def rollback(
    ctx: click.Context,
    restart: str | None,
    restart_timeout: int | None,
    lock_wait: int | None,
    override_hold: bool,
) -> None:
    """Go back to the last good generation: switch-generation -1."""
    here = settings(ctx)
    turn = turn_of(lock_wait, override_hold)
    _switch("rollback", here, "-1", restart_of(here, restart, restart_timeout), turn)


def _switch(command: str, here: Settings, spec: str, restart: Restart, turn: Turn) -> None:
    plan = Activation(here.who, restart, turn)
    targets = here.need_targets()
    with ConsoleReporter(here.console, several=len(targets) > 1) as reporter:
        app, ended = asyncio.run(fleet.switch(spec, here.app, plan, targets, here.around, reporter))
    results.show(command, app, ended, here)
