"""``relstore rollout``: look at a rollout, go on with it, pause it, end it, take it back; from any machine.

Only the command line is here, so that ssh can be started before the rest is imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relstore.cli.activation_options import events_option, supersede_option
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.invocation import at_once, invocation_of
from relstore.errors import UsageError

if TYPE_CHECKING:
    from relstore.client.fleet.take_up import Way

_LOOKS = ("status", "list")
_TAKES: tuple[Way, ...] = ("resume", "promote", "abort", "revert")
_DESTROYS = ("abort", "revert")


@example(
    "relstore rollout status                  # of the newest one on these hosts",
    "relstore rollout promote                 # go on after a pause",
    "relstore rollout resume                  # go on with one whose client is gone",
    "relstore rollout revert --dry-run        # which hosts would go back",
    "relstore rollout abort 20261201T094500Z-0a1b2c3d",
)
@click.command(cls=RelstoreCommand)
@click.argument(
    "action", type=click.Choice(["status", "list", "resume", "promote", "pause", "abort", "revert"])
)
@click.argument("rollout_id", metavar="[ID]", required=False)
@click.option("--dry-run", is_flag=True, help="With abort and revert: only show what would be done.")
@click.option(
    "--once-again", is_flag=True, help="With resume: run `once` again, which began and did not end."
)
@click.option("--skip-once", is_flag=True, help="With resume: count `once` as done.")
@supersede_option
@events_option
@click.pass_context
def rollout(
    ctx: click.Context,
    /,
    action: str,
    rollout_id: str | None,
    dry_run: bool,
    once_again: bool,
    skip_once: bool,
    supersede: bool,
    events: Path | None,
) -> None:
    """Look at the rollout ID, or at the newest one, and decide how it goes on. Its hosts keep its record, so
    this works from any machine that reaches them, with the same relstore.toml.

    \b
    status   show how far it is, and what each host runs
    list     show all that the hosts remember
    promote  go on after a pause
    resume   go on with one that was interrupted
    pause    have the one that runs pause after its wave
    abort    end it; every host keeps what it runs
    revert   bring every host that it switched back to what it ran before
    """
    if dry_run and action not in _DESTROYS:
        raise UsageError("--dry-run is for abort and revert", hint="Leave it out.")
    if (once_again or skip_once) and action != "resume":
        raise UsageError("--once-again and --skip-once are for resume", hint="Leave them out.")
    if once_again and skip_once:
        raise UsageError("--once-again beside --skip-once", hint="Leave one out.")
    invocation = invocation_of(ctx, at_once)
    if action in _LOOKS:
        from relstore.cli.rollout_report import show_list, show_status

        (show_status if action == "status" else show_list)(invocation, rollout_id)
    elif action == "pause":
        from relstore.cli.rollout_report import ask_to_pause

        ask_to_pause(invocation, rollout_id)
    else:
        from relstore.cli.rollout_taking import Asked, take

        way = next(each for each in _TAKES if each == action)
        take(invocation, Asked(way, rollout_id, supersede, dry_run, once_again, skip_once, events))
