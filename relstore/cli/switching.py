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
from relstore.cli.rollout_view import event_file, rollout_view
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
    why = None if rejection is None else rejection.reason or "rolled back"
    way = way_of(invocation, options, command, reverts=rejection is None, rejects=why)
    warnings = advise(invocation)
    hooks = LocalHooks(command, order.app, invocation)
    with event_file(events, invocation) as file, hooks.around(), rollout_view(invocation, file) as view:
        app, results = run_interruptible(
            lambda interrupts: fleet.switch(
                order, way.targets, access_of(invocation, view.reporter, interrupts), way.told_to(view)
            )
        )
    show_results(command, app, results, invocation, view, hooks, warnings=warnings)


def restart_as_asked(asked: ActivationOptions, invocation: Invocation, events: Path | None) -> None:
    """Raises UsageError."""
    invocation.need_targets()
    options = _only_restarting(asked)
    way = way_of(invocation, options, "restart", reverts=False).changed(_only_restarting)
    for host in way.hosts:
        if way.course.options_at(host.target, options).recipe.restarts_nothing:
            where = f" on {host.name}" if len(way.hosts) > 1 else ""
            raise UsageError(
                f"nothing says how the app is restarted{where}",
                hint="Give --unit NAME, or set `unit` in relstore.toml.",
            )
    warnings = advise(invocation)
    with event_file(events, invocation) as file, rollout_view(invocation, file) as view:
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


def _only_restarting(options: ActivationOptions) -> ActivationOptions:
    """Without hooks: they belong to a release that goes live."""
    steps = options.recipe._replace(before=None, after=None, on_failure=None, confirm=0)
    return replace(options, recipe=steps)
