"""``relstore switch-generation`` and ``relstore rollback``: make another generation current."""

from __future__ import annotations

import click

from relstore.cli.activation_options import activation_of, activation_options
from relstore.cli.command import RelstoreCommand, Spec, SpecCommand, example
from relstore.cli.interruptible import run_interruptible
from relstore.cli.invocation import Invocation, invocation_of
from relstore.cli.outcome_view import show_results
from relstore.cli.progress import ConsoleReporter
from relstore.client.fleet.switch import switch
from relstore.client.operations.access import Access
from relstore.client.operations.plan import ActivationOptions


@example(
    "relstore switch-generation -1            # the good generation before the current one",
    "relstore switch-generation 42",
    "relstore switch-generation commit:1a2b3c4",
)
@click.command("switch-generation", cls=SpecCommand)
@click.argument("generation", type=Spec())
@activation_options
@click.pass_context
def switch_generation(ctx: click.Context, generation: str, lock_wait: int, override_hold: bool) -> None:
    """Make GENERATION current: a number, -1 or +1 (counting good generations only), the beginning of a
    build id, or commit:PREFIX.

    The same transaction as a push: check, switch, restart, check health, and roll back if that fails.
    """
    invocation = invocation_of(ctx)
    _switch("switch-generation", invocation, generation, activation_of(invocation, lock_wait, override_hold))


@example("relstore rollback --to deploy@web1:/srv/web")
@click.command("rollback", cls=RelstoreCommand)
@activation_options
@click.pass_context
def rollback(ctx: click.Context, lock_wait: int, override_hold: bool) -> None:
    """Go back to the previous good generation, like `switch-generation -1`."""
    invocation = invocation_of(ctx)
    _switch("rollback", invocation, "-1", activation_of(invocation, lock_wait, override_hold))


def _switch(command: str, invocation: Invocation, spec: str, activation: ActivationOptions) -> None:
    targets = invocation.need_targets()
    with ConsoleReporter(invocation.console, several=len(targets) > 1) as reporter:
        app, results = run_interruptible(
            lambda interrupts: switch(
                spec, invocation.app, activation, targets, Access(invocation.account, reporter, interrupts)
            )
        )
    show_results(command, app, results, invocation)
