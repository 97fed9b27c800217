"""``relstore switch-generation`` and ``relstore rollback``: make another generation current."""

from __future__ import annotations

from typing import Any

import click

from relstore.cli import outcome_view as results
from relstore.cli.activation_options import activation_options, plan_of, run
from relstore.cli.command import Command, Spec, SpecCommand, example
from relstore.cli.options import Settings, settings
from relstore.cli.progress import ConsoleReporter
from relstore.client.fleet.switch import switch
from relstore.client.operations.access import Access


@example(
    "relstore switch-generation -1            # the good one before the current one",
    "relstore switch-generation 42",
    "relstore switch-generation commit:1a2b3c4",
)
@click.command("switch-generation", cls=SpecCommand)
@click.argument("generation", type=Spec())
@activation_options
@click.pass_context
def switch_generation(ctx: click.Context, /, generation: str, **how: Any) -> None:
    """Make GENERATION current: a number, -1 or +1 (counted over good ones), the beginning of a build
    id, or commit:PREFIX.

    The same transaction as a push: it is checked, switched, restarted, and put back when that fails.
    """
    _switch("switch-generation", settings(ctx), generation, how)


@example("relstore rollback --to deploy@web1:/srv/web")
@click.command("rollback", cls=Command)
@activation_options
@click.pass_context
def rollback(ctx: click.Context, /, **how: Any) -> None:
    """Go back to the last good generation: switch-generation -1."""
    _switch("rollback", settings(ctx), "-1", how)


def _switch(command: str, here: Settings, spec: str, how: dict[str, Any]) -> None:
    targets = here.need_targets()
    plan = plan_of(here, how)
    with ConsoleReporter(here.console, several=len(targets) > 1) as reporter:
        app, ended = run(
            lambda keys: switch(spec, here.app, plan, targets, Access(here.account, reporter, keys))
        )
    results.show(command, app, ended, here)
