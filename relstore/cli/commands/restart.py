"""``relstore restart``: restart the current generation, with the checks of an activation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from relstore.cli.activation_options import (
    access_of,
    activation_of,
    advise,
    cut_old_option,
    events_option,
    override_hold_option,
)
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.course import way_of
from relstore.cli.interruptible import run_interruptible
from relstore.cli.invocation import invocation_of
from relstore.cli.outcome_view import show_results
from relstore.cli.rollout_view import rollout_view
from relstore.client.fleet.switch import restart as restart_at_all
from relstore.errors import UsageError


@example("relstore restart --to deploy@web1:/srv/web")
@click.command("restart", cls=RelstoreCommand)
@override_hold_option
@cut_old_option
@events_option
@click.pass_context
def restart(ctx: click.Context, override_hold: bool, cut_old: bool, events: Path | None) -> None:
    """Restart what is current, with the same checks as after a switch. It switches nothing and rolls nothing
    back; the journal has how it ended.

    With several targets, the first one comes before all others, and nothing goes on when one fails.
    """
    invocation = invocation_of(ctx)
    invocation.need_targets()
    asked = activation_of(invocation, 0, override_hold, cut_old)
    if asked.recipe.restarts_nothing:
        raise UsageError(
            "nothing says how the app is restarted", hint="Give --unit NAME, or set `unit` in relstore.toml."
        )
    # Hooks belong to a release that goes live.
    options = replace(
        asked, recipe=asked.recipe._replace(before=None, after=None, on_failure=None, confirm=0)
    )
    warnings = advise(options, invocation)
    with rollout_view(invocation, events) as view:
        way = way_of(invocation, options, view, reverts=False)
        app, results = run_interruptible(
            lambda interrupts: restart_at_all(
                invocation.app,
                options,
                way.targets,
                access_of(invocation, view.reporter, interrupts),
                way.course,
            )
        )
    show_results("restart", app, results, invocation, view, warnings=warnings)
