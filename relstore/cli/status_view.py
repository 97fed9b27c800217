"""What ``status`` tells of one host, as a person and as a program read it."""

from __future__ import annotations

from typing import Any

from relstore.cli import generation_view, text
from relstore.cli.console import Console
from relstore.formats.cut_over import DRAINING, FREE, LIVE_ROLE
from relstore.formats.hold import AppHold
from relstore.protocol import SlotOut, StatusOut, UnitOut

HANG = len("  active since ")


def lines(
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


def fields(state: StatusOut) -> dict[str, Any]:
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
