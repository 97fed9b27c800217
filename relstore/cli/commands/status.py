"""``relstore status``: what is current, what a rollback leads to and what is wrong, at a glance."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from relstore import protocol
from relstore.cli import generation_view, text
from relstore.cli.checkout import checkout_of
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.console import Console, error_fields
from relstore.cli.each_host import Outcome, on_each, report_all, the_apps, what_each_gave
from relstore.cli.environment import environment_argument
from relstore.cli.invocation import Invocation, invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.cli.status_check import Level, Verdict, good_words, judge, worst
from relstore.cli.watching import watch_hosts
from relstore.client.config.recipe import recipe as recipe_of
from relstore.client.connection.session import Session
from relstore.client.operations.inspect import complaint
from relstore.errors import BusyError, NotFoundError, UsageError
from relstore.formats.cut_over import DRAINING, FREE, LIVE_ROLE
from relstore.formats.hold import AppHold
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe
from relstore.protocol import SlotOut, StatusOut, UnitOut

_HANG = len("  active since ")


@dataclass(frozen=True)
class AppStatus:
    """One app of one host, and what is to be said of it with ``--check``."""

    app: AppName
    root: str
    state: StatusOut
    verdict: Verdict | None = None


@example(
    "relstore status --to deploy@web1:/srv/web",
    "relstore status production --watch",
    "relstore status --check     # for Nagios, Icinga, or a script",
)
@click.command(cls=RelstoreCommand)
@environment_argument
@click.option(
    "--check",
    is_flag=True,
    help="One line for each app, and an exit code for monitoring: 0 good, 1 warning, 2 critical, 3 unknown.",
)
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@click.pass_context
def status(ctx: click.Context, check: bool, watch: bool) -> None:
    """Show what is current, since when and by whom, and whether anything is wrong: of the app, or without one
    of all apps of the store.

    --check also asks the probes of the configuration, and restarts nothing. A host that cannot be asked is
    unknown.
    """
    invocation = invocation_of(ctx)
    recipe = recipe_of(invocation.settings) if check else Recipe()

    async def at_host(session: Session, _: ConsoleReporter) -> list[AppStatus]:
        return [await _ask(session, app, recipe, check=check) for app in await the_apps(session, invocation)]

    if watch:
        if check or invocation.console.json or not invocation.console.terminal:
            raise UsageError(
                "--watch is for a terminal", hint="Without one, run `relstore status` again, or use --check."
            )
        watch_hosts(invocation, at_host, lambda host, answers: _all_lines(host, answers, invocation.console))
    elif check:
        _check(what_each_gave(invocation, at_host), invocation)
    else:
        _report(on_each(invocation, at_host), invocation)


def _report(outcomes: Sequence[Outcome[list[AppStatus]]], invocation: Invocation) -> None:
    subjects = checkout_of(invocation).subjects(
        _commit(answer.state) for outcome in outcomes for answer in outcome.value or ()
    )

    def show(host: str, answer: AppStatus) -> None:
        subject = subjects.get(_commit(answer.state))
        for line in _lines(answer.app, host, answer.root, answer.state, subject, invocation.console):
            invocation.console.report(line, hang=_HANG)

    def fields(answer: AppStatus) -> dict[str, Any]:
        return _fields_of(answer, subjects.get(_commit(answer.state)))

    report_all("status", outcomes, invocation, show, fields)


async def _ask(session: Session, app: AppName, recipe: Recipe, *, check: bool) -> AppStatus:
    state, _body = await session.ask(protocol.Status(app), StatusOut)
    if not check:
        return AppStatus(app, session.hello.root, state)
    wrong = ""
    if state.current is not None and not state.job:
        with contextlib.suppress(BusyError, NotFoundError):  # an activation has just begun
            error = await complaint(session, app, recipe)
            wrong = error.what if error else ""
    return AppStatus(app, session.hello.root, state, judge(state, wrong))


def _all_lines(host: str, answers: Sequence[AppStatus], screen: Console) -> list[str]:
    return [
        line
        for answer in answers
        for line in _lines(answer.app, host, answer.root, answer.state, None, screen)
    ]


def _check(outcomes: Sequence[Outcome[list[AppStatus]]], invocation: Invocation) -> None:
    """Print a line for each app, the worst first, and end with the code of the worst."""
    found: list[tuple[Level, str]] = []
    for outcome in outcomes:
        if outcome.error is not None:
            lost = Verdict(Level.UNKNOWN, (outcome.error.what.partition("\n")[0],))
            found.append((lost.level, lost.line(outcome.target.label, "")))
        for answer in outcome.value or ():
            if answer.verdict is not None:
                row = answer.state.current
                words = good_words(answer.state, text.moment(row.outcome_at) if row else "")
                line = answer.verdict.line(f"{answer.app} on {outcome.target.label}", words)
                found.append((answer.verdict.level, line))
    level = worst(level for level, _ in found)
    for _, line in sorted(found, key=lambda pair: pair[0] != level):
        invocation.console.report(line)
    invocation.console.document(
        "status",
        hosts=[
            {"target": str(outcome.target), **_fields_of(answer)}
            for outcome in outcomes
            for answer in outcome.value or ()
        ],
        failed=[
            {"target": str(outcome.target), "error": error_fields(outcome.error)}
            for outcome in outcomes
            if outcome.error is not None
        ],
    )
    if level:
        raise click.exceptions.Exit(int(level))


def _fields_of(answer: AppStatus, subject: str | None = None) -> dict[str, Any]:
    verdict = answer.verdict
    return {
        "app": answer.app,
        "root": answer.root,
        **_fields(answer.state),
        "commit_subject": subject,
        "level": verdict.level.name if verdict else None,
        "problems": list(verdict.problems) if verdict else [],
    }


def _commit(state: StatusOut) -> str:
    """That of the current generation, or empty."""
    return (state.current.commit if state.current else None) or ""


def _lines(
    app: str, host: str, root: str, state: StatusOut, subject: str | None, screen: Console
) -> list[str]:
    lines = [f"{app} on {host}, {root}"]
    row = state.current
    if row is None:
        lines.append("  current      none")
    else:
        lines.append(
            f"  current      {row.number}, build {row.build.short}, commit {generation_view.commit(row)}"
        )
        if subject is not None:
            lines.append(f"  subject      {subject}")
        lines.append(f"  active since {screen.since(row.outcome_at)}, released by {row.who}")
        if row.note:
            lines.append(f"  note         {row.note}")
    back = str(state.rollback_target) if state.rollback_target else "none"
    lines.append(f"  -1 goes to   {back}")
    lines.append(f"  generations  {state.generations}, newest {state.newest or '-'}")
    inodes = "" if state.free_inodes is None else f", {state.free_inodes:,} inodes"
    lines.append(f"  free         {text.size(state.free_bytes)}{inodes}")
    if state.job:
        lines.append(f"  under way    job {state.job} (`relstore attach` follows it)")
    if state.unresolved:
        lines.append("  unresolved   a job died before its outcome; the next push or switch resolves it")
    if state.hold:
        since = screen.since(state.hold.since)
        lines.append(f"  held         by {state.hold.who} since {since}: {state.hold.message}")
    if state.slots is None:
        lines += [f"  unit         {_unit(unit, state)}" for unit in state.units]
    else:
        lines += [f"  slot {slot.name}       {_slot(slot)}" for slot in state.slots if slot.role != FREE]
    lines += [f"  drift        {drift}" for drift in state.drift.splitlines()]
    lines += [f"  changed      {change}" for change in state.changed]
    return lines


def _unit(unit: UnitOut, state: StatusOut) -> str:
    """``web.service active (running), runs generation 2``; that may not be the current one."""
    current = state.current.number if state.current else 0
    if unit.runs:
        runs = f", runs generation {unit.runs}" + ("" if unit.runs == current else ", NOT the current one")
    else:
        runs = f", executes {unit.program}" if unit.program else ""
    return f"{unit.name} {unit.state}{runs}"


def _slot(slot: SlotOut) -> str:
    """``generation 41, draining for 12 s, 3 connections left``, and the unit, unless it is simply running."""
    parts = [f"generation {slot.generation}", _role(slot)]
    active, _, _ = slot.state.partition(" ")
    if slot.role != DRAINING or active != "active":
        parts.append(f"{slot.unit} {active}")
    if slot.connections is not None:
        left = " left" if slot.role == DRAINING else ""
        parts.append(text.plural(slot.connections, "connection") + left)
    return ", ".join(parts)


def _role(slot: SlotOut) -> str:
    if slot.share is not None:
        return f"live, {slot.share} %" if slot.role == LIVE_ROLE else f"{slot.share} %"
    if slot.role == LIVE_ROLE or not slot.since:
        return slot.role
    return f"{slot.role} for {text.duration(slot.seconds)}"


def _fields(state: StatusOut) -> dict[str, Any]:
    return {
        "current": generation_view.fields(state.current) if state.current else None,
        "rollback_target": state.rollback_target or None,
        "newest": state.newest or None,
        "generations": state.generations,
        "job": state.job,
        "unresolved": state.unresolved,
        "drift": state.drift or None,
        "hold": _hold_fields(state.hold),
        "units": [{**unit._asdict(), "runs": unit.runs or None} for unit in state.units],
        "slots": None if state.slots is None else [_slot_fields(slot) for slot in state.slots],
        "changed": list(state.changed),
        "builds": state.builds,
        "free_bytes": state.free_bytes,
        "free_inodes": state.free_inodes,
    }


def _slot_fields(slot: SlotOut) -> dict[str, Any]:
    return {
        **slot._asdict(),
        "generation": slot.generation or None,
        "since": text.iso(slot.since),
        "seconds": slot.seconds if slot.since else None,
    }


def _hold_fields(hold: AppHold | None) -> dict[str, Any] | None:
    if hold is None:
        return None
    return {"who": hold.who, "since": text.iso(hold.since), "message": hold.message}
