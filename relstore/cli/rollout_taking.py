"""What ``rollout resume``, ``promote``, ``abort`` and ``revert`` do.

Not for looking at a rollout (``rollout_report``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relstore.cli import text
from relstore.cli.activation_options import access_of, activation_of
from relstore.cli.course import course_to_go_on
from relstore.cli.interruptible import run_interruptible
from relstore.cli.invocation import Invocation
from relstore.cli.outcome_view import show_results
from relstore.cli.rollout_view import event_file, rollout_view
from relstore.client.fleet.result import HostResult
from relstore.client.fleet.take_up import TakeUp, TookUp, Way, take_up
from relstore.formats.journal import ACTIVE
from relstore.formats.rollout import RolloutId


@dataclass(frozen=True)
class Asked:
    """The command line."""

    way: Way
    rollout_id: str | None
    supersede: bool
    dry_run: bool
    once_again: bool
    skip_once: bool
    events: Path | None


def take(invocation: Invocation, asked: Asked) -> None:
    """Raises UsageError, RefusedError, BusyError, and what keeps it from beginning."""
    targets = invocation.need_targets()
    ident = None if asked.rollout_id is None else RolloutId.parse(asked.rollout_id)
    options = activation_of(invocation, 0, False, False)
    order = TakeUp(asked.way, ident, invocation.app, options, asked.supersede, asked.dry_run)
    course = course_to_go_on(invocation, options, once_again=asked.once_again, skip_once=asked.skip_once)
    with event_file(asked.events, invocation) as file, rollout_view(invocation, file) as view:
        took = run_interruptible(
            lambda interrupts: take_up(
                order, targets, access_of(invocation, view.reporter, interrupts), course.told_to(view)
            )
        )
    if asked.dry_run:
        _show_dry_run(invocation, asked.way, took)
    elif asked.way == "abort":
        _show_aborted(invocation, took)
    else:
        show_results("rollout", took.app, took.results, invocation, view, action=asked.way)


def _show_dry_run(invocation: Invocation, way: Way, took: TookUp) -> None:
    screen, seen = invocation.console, took.seen
    hosts = []
    for host in took.hosts:
        row = seen.at.get(host.name)
        has_it = row is not None and bool(row.generation) and host.current == row.generation
        back = row.previous if row is not None and has_it and row.previous != row.generation else 0
        if way == "abort":
            line = f"keeps generation {host.current}" if host.current else "keeps what it runs: nothing"
        elif back:
            line = f"would go back to generation {back}, if this rollout switched it"
        else:
            line = "would be left as it is"
        screen.report(f"{host.name}: {line}")
        hosts.append(
            {
                "name": host.name,
                "current": host.current or None,
                "back_to": back or None if way == "revert" else None,
            }
        )
    screen.document("rollout", action=way, dry_run=True, app=took.app, rollout={"id": seen.id}, hosts=hosts)


def _show_aborted(invocation: Invocation, took: TookUp) -> None:
    screen = invocation.console
    names = {host.target: host.name for host in invocation.hosts}
    have = [
        names.get(result.target, str(result.target)) for result in took.results if result.outcome == ACTIVE
    ]
    lost = [result for result in took.results if result.error is not None]
    screen.say(
        f"rollout {took.seen.id} has ended; {text.plural(len(have), 'host')} of {len(took.results)} "
        f"run its release{': ' + ', '.join(have) if have else ''}"
    )
    screen.say(
        "a host that works on it goes on by itself; `relstore rollout revert` takes back what it switched"
    )
    for result in lost:
        screen.note(
            f"{names.get(result.target, str(result.target))}: {result.error.what if result.error else ''}"
        )
    screen.document(
        "rollout",
        action="abort",
        app=took.app,
        rollout={"id": took.seen.id},
        hosts=[_fields(names.get(result.target, str(result.target)), result) for result in took.results],
    )


def _fields(name: str, result: HostResult) -> dict[str, object]:
    return {"name": name, "outcome": result.outcome, "current": result.current or None}
