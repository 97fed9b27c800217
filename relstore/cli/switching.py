"""What ``switch-generation``, ``rollback`` and ``restart`` do at the hosts. Not for their command lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from relstore.cli.activation_options import access_of, advise
from relstore.cli.course import way_of
from relstore.cli.interruptible import run_interruptible
from relstore.cli.invocation import Invocation
from relstore.cli.local_hooks import LocalHooks
from relstore.cli.outcome_view import show_results
from relstore.cli.rollout_view import rollout_view
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
    events: Path | None,
    *,
    each_its_own: bool,
    rejected: str | None = None,
) -> None:
    """``rejected``: why the generation that is left is marked as bad; None to leave it as it is."""
    invocation.need_targets()
    rejection = None if rejected is None else Rejection(rejected[:MAX_NOTE])
    order = Switch(spec, invocation.app, options, each_its_own, rejection)
    # Nobody wants to go back to what was just said to be bad.
    way = way_of(invocation, options, reverts=rejection is None)
    warnings = advise(options, invocation)
    hooks = LocalHooks(command, order.app, invocation)
    with hooks.around(), rollout_view(invocation, events) as view:
        app, results = run_interruptible(
            lambda interrupts: fleet.switch(
                order, way.targets, access_of(invocation, view.reporter, interrupts), way.told_to(view)
            )
        )
    show_results(command, app, results, invocation, view, hooks, warnings=warnings)


def restart_as_asked(asked: ActivationOptions, invocation: Invocation, events: Path | None) -> None:
    """Raises UsageError."""
    invocation.need_targets()
    if asked.recipe.restarts_nothing:
        raise UsageError(
            "nothing says how the app is restarted", hint="Give --unit NAME, or set `unit` in relstore.toml."
        )
    # Hooks belong to a release that goes live.
    options = replace(
        asked, recipe=asked.recipe._replace(before=None, after=None, on_failure=None, confirm=0)
    )
    way = way_of(invocation, options, reverts=False)
    warnings = advise(options, invocation)
    with rollout_view(invocation, events) as view:
        app, results = run_interruptible(
            lambda interrupts: fleet.restart(
                invocation.app,
                options,
                way.targets,
                access_of(invocation, view.reporter, interrupts),
                way.told_to(view),
            )
        )
    show_results("restart", app, results, invocation, view, warnings=warnings)
