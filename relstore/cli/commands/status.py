"""``relstore status``: what is current, what a rollback leads to and what is wrong, at a glance."""

from __future__ import annotations

from typing import Any

import click

from relstore import protocol
from relstore.cli import generation_view, text
from relstore.cli.checkout import checkout_of
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.console import Console
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.formats.cut_over import DRAINING, FREE, LIVE_ROLE
from relstore.formats.hold import AppHold
from relstore.formats.names import AppName
from relstore.protocol import SlotOut, StatusOut, UnitOut

_HANG = len("  active since ")


@example("relstore status --to deploy@web1:/srv/web")
@click.command(cls=RelstoreCommand)
@click.pass_context
def status(ctx: click.Context) -> None:
    """Show what is current, since when and by whom, and whether anything is wrong."""
    invocation = invocation_of(ctx)

    async def at_host(session: Session, _: ConsoleReporter) -> tuple[AppName, str, StatusOut]:
        app = await the_app(session, invocation)
        state, _body = await session.ask(protocol.Status(app), StatusOut)
        return app, session.hello.root, state

    outcomes = on_each(invocation, at_host)
    subjects = checkout_of(invocation).subjects(
        _commit(outcome.value[2]) for outcome in outcomes if outcome.value is not None
    )

    def show(host: str, answer: tuple[AppName, str, StatusOut]) -> None:
        subject = subjects.get(_commit(answer[2]))
        for line in _lines(answer[0], host, *answer[1:], subject, invocation.console):
            invocation.console.report(line, hang=_HANG)

    def fields(answer: tuple[AppName, str, StatusOut]) -> dict[str, Any]:
        subject = subjects.get(_commit(answer[2]))
        return {"app": answer[0], "root": answer[1], **_fields(answer[2]), "commit_subject": subject}

    report("status", outcomes, invocation, show, fields)


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
