"""``relstore switch-generation`` and ``relstore rollback``: make another generation current.

Only the command lines are here, so that ssh can be started before the rest (``cli.switching``) is imported.
"""

from __future__ import annotations

from pathlib import Path

import click

from relstore.cli.activation_options import activation_of, activation_options
from relstore.cli.command import RelstoreCommand, Spec, SpecCommand, each_its_own_option, example
from relstore.cli.invocation import Invocation, at_once, invocation_of
from relstore.errors import UsageError

_pick_option = click.option("--pick", is_flag=True, help="Choose from a list, at the terminal.")


@example(
    "relstore switch-generation -1            # the good generation before the current one",
    "relstore switch-generation 42",
    "relstore switch-generation commit:1a2b3c4",
    "relstore switch-generation --pick        # choose from a list",
)
@click.command("switch-generation", cls=SpecCommand)
@click.argument("generation", type=Spec(), required=False)
@_pick_option
@each_its_own_option
@activation_options
@click.pass_context
def switch_generation(
    ctx: click.Context,
    /,
    generation: str | None,
    pick: bool,
    lock_wait: int,
    override_hold: bool,
    cut_old: bool,
    supersede: bool,
    events: Path | None,
    each_its_own: bool,
) -> None:
    """Make GENERATION current: a number, -1 or +1 (counting good generations only), the beginning of a
    build id, or commit:PREFIX.

    The same transaction as a push: check, switch, restart, check health, and roll back if that fails.
    With several targets, nothing is switched unless GENERATION is the same build at all of them.
    """
    if pick == bool(generation):
        raise UsageError(
            "give either GENERATION or --pick, not both" if pick else "missing argument 'GENERATION'",
            hint="`relstore list-generations` shows what there is; --pick asks which one.",
        )
    invocation = invocation_of(ctx, at_once)
    from relstore.cli.switching import switch_as_asked

    options = activation_of(invocation, lock_wait, override_hold, cut_old, supersede)
    generation = generation or _picked(invocation, back=False)
    switch_as_asked("switch-generation", generation, options, invocation, events, each_its_own=each_its_own)


@example(
    "relstore rollback -m 'loses sessions'",
    "relstore rollback --no-mark --to deploy@web1:/srv/web",
    "relstore rollback --pick                 # choose from a list",
)
@click.command("rollback", cls=RelstoreCommand)
@click.option("-m", "--message", default="", metavar="TEXT", help="Why, for the record of what is left.")
@click.option(
    "--mark/--no-mark",
    default=True,
    help="Mark the generation that is left as bad, so that -1 never leads to it again.  [default: mark]",
)
@_pick_option
@each_its_own_option
@activation_options
@click.pass_context
def rollback(
    ctx: click.Context,
    /,
    message: str,
    mark: bool,
    pick: bool,
    lock_wait: int,
    override_hold: bool,
    cut_old: bool,
    supersede: bool,
    events: Path | None,
    each_its_own: bool,
) -> None:
    """Go back to the previous good generation, like `switch-generation -1`, and mark the one that is left
    as bad.

    With several targets, nothing is switched unless that is the same build at all of them. --pick lets you
    choose from the good generations before the current one.
    """
    if message and not mark:
        raise UsageError(
            "-m says why a generation is marked, and --no-mark marks none", hint="Leave one out."
        )
    invocation = invocation_of(ctx, at_once)
    from relstore.cli.switching import switch_as_asked

    options = activation_of(invocation, lock_wait, override_hold, cut_old, supersede)
    why = message if mark else None
    generation = _picked(invocation, back=True) if pick else "-1"
    switch_as_asked(
        "rollback", generation, options, invocation, events, each_its_own=each_its_own, rejected=why
    )


def _picked(invocation: Invocation, *, back: bool) -> str:
    from relstore.cli.picking import pick  # not at the top: it is seldom needed

    invocation.need_targets()
    return pick(invocation, back=back)
