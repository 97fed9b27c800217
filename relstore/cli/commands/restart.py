"""``relstore restart``: restart the current generation, with the checks of an activation.

Only the command line is here, so that ssh can be started before the rest (``cli.switching``) is imported.
"""

from __future__ import annotations

from pathlib import Path

import click

from relstore.cli.activation_options import (
    activation_of,
    cut_old_option,
    events_option,
    override_hold_option,
    supersede_option,
)
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.environment import environment_argument
from relstore.cli.invocation import at_once, invocation_of


@example("relstore restart --to deploy@web1:/srv/web")
@click.command("restart", cls=RelstoreCommand)
@environment_argument
@override_hold_option
@cut_old_option
@supersede_option
@events_option
@click.pass_context
def restart(
    ctx: click.Context, override_hold: bool, cut_old: bool, supersede: bool, events: Path | None
) -> None:
    """Restart what is current, with the same checks as after a switch. It switches nothing and rolls nothing
    back; the journal has how it ended.

    With several targets, the first one comes before all others, and nothing goes on when one fails.
    """
    invocation = invocation_of(ctx, at_once)
    from relstore.cli.switching import restart_as_asked

    restart_as_asked(activation_of(invocation, 0, override_hold, cut_old, supersede), invocation, events)
