"""What ``switch-generation``, ``rollback`` and ``restart`` do at the hosts. Not for their command lines."""

from __future__ import annotations

from dataclasses import replace

from relstore.cli.activation_options import access_of, advise
from relstore.cli.interruptible import run_interruptible
from relstore.cli.invocation import Invocation
from relstore.cli.local_hooks import LocalHooks
from relstore.cli.outcome_view import show_results
from relstore.cli.progress import ConsoleReporter
from relstore.client.fleet import switch as fleet
from relstore.client.fleet.switch import Switch
from relstore.client.operations.plan import ActivationOptions, Rejection
from relstore.errors import UsageError
from relstore.formats.generation import MAX_NOTE


def switch_as_asked(
    command: str,
    spec: str,
    options: ActivationOptions,
    invocation: Invocation,
    *,
    each_its_own: bool,
    rejected: str | None = None,
) -> None:
    """``rejected``: why the generation that is left is marked as bad; None to leave it as it is."""
    targets = invocation.need_targets()
    rejection = None if rejected is None else Rejection(rejected[:MAX_NOTE])
    order = Switch(spec, invocation.app, options, each_its_own, rejection)
    warnings = advise(options, invocation)
    hooks = LocalHooks(command, order.app, invocation)
    with hooks.around(), ConsoleReporter(invocation.console, invocation.labels) as reporter:
        app, results = run_interruptible(
            lambda interrupts: fleet.switch(order, targets, access_of(invocation, reporter, interrupts))
        )
    show_results(command, app, results, invocation, hooks, warnings=warnings)


def restart_as_asked(asked: ActivationOptions, invocation: Invocation) -> None:
    """Raises UsageError."""
    targets = invocation.need_targets()
    if asked.recipe.restarts_nothing:
        raise UsageError(
            "nothing says how the app is restarted", hint="Give --unit NAME, or set `unit` in relstore.toml."
        )
    # Hooks belong to a release that goes live.
    options = replace(
        asked, recipe=asked.recipe._replace(before=None, after=None, on_failure=None, confirm=0)
    )
    warnings = advise(options, invocation)
    with ConsoleReporter(invocation.console, invocation.labels) as reporter:
        app, results = run_interruptible(
            lambda interrupts: fleet.restart(
                invocation.app, options, targets, access_of(invocation, reporter, interrupts)
            )
        )
    show_results("restart", app, results, invocation, warnings=warnings)
