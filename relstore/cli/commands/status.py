"""``relstore status``: what is current, what can be gone back to, what is wrong, at a glance."""

from __future__ import annotations

from typing import Any

import click

from relstore import protocol
from relstore.cli import generation_view as rows
from relstore.cli import text
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.formats.names import AppName
from relstore.protocol import HoldOut, StatusOut, UnitOut


@example("relstore status --to deploy@web1:/srv/web")
@click.command(cls=RelstoreCommand)
@click.pass_context
def status(ctx: click.Context) -> None:
    """Show what is current, since when and by whom, and whether anything is wrong."""
    invocation = invocation_of(ctx)

    async def ask(session: Session, _: ConsoleReporter) -> tuple[AppName, str, StatusOut]:
        app = await the_app(session, invocation)
        found, _body = await session.ask(protocol.Status(app), StatusOut)
        return app, session.hello.root, found

    def show(host: str, found: tuple[AppName, str, StatusOut]) -> None:
        for line in _lines(found[0], host, *found[1:]):
            invocation.console.report(line)

    def fields(found: tuple[AppName, str, StatusOut]) -> dict[str, Any]:
        return {"app": found[0], "root": found[1], **_fields(found[2])}

    report("status", on_each(invocation, ask), invocation, show, fields)


def _lines(app: str, host: str, root: str, found: StatusOut) -> list[str]:
    lines = [f"{app} on {host}, {root}"]
    row = found.current
    if row is None:
        lines.append("  current      none")
    else:
        lines.append(f"  current      {row.number}, build {row.build.short}, commit {rows.commit(row)}")
        lines.append(f"  active since {text.moment(row.outcome_at)}, released by {row.who}")
        if row.note:
            lines.append(f"  note         {row.note}")
    back = str(found.rollback_target) if found.rollback_target else "none"
    lines.append(f"  -1 goes to   {back}")
    lines.append(f"  generations  {found.generations}, newest {found.newest or '-'}")
    inodes = "" if found.free_inodes is None else f", {found.free_inodes:,} inodes"
    lines.append(f"  free         {text.size(found.free_bytes)}{inodes}")
    if found.job:
        lines.append(f"  under way    job {found.job} (`relstore attach` follows it)")
    if found.unresolved:
        lines.append("  unresolved   a job died before its outcome; the next push or switch resolves it")
    if found.hold:
        since = text.moment(found.hold.since)
        lines.append(f"  held         by {found.hold.who} since {since}: {found.hold.message}")
    lines += [f"  unit         {_unit(unit, found)}" for unit in found.units]
    if found.drift:
        lines.append(f"  drift        {found.drift}")
    lines += [f"  changed      {change}" for change in found.changed]
    return lines


def _unit(unit: UnitOut, found: StatusOut) -> str:
    """``web.service active (running), runs generation 2``; running is not always current."""
    current = found.current.number if found.current else 0
    if unit.runs:
        runs = f", runs generation {unit.runs}" + ("" if unit.runs == current else ", NOT the current one")
    else:
        runs = f", executes {unit.program}" if unit.program else ""
    return f"{unit.name} {unit.state}{runs}"


def _fields(found: StatusOut) -> dict[str, Any]:
    return {
        "current": rows.fields(found.current) if found.current else None,
        "rollback_target": found.rollback_target or None,
        "newest": found.newest or None,
        "generations": found.generations,
        "job": found.job,
        "unresolved": found.unresolved,
        "drift": found.drift or None,
        "hold": _hold_fields(found.hold),
        "units": [{**unit._asdict(), "runs": unit.runs or None} for unit in found.units],
        "changed": list(found.changed),
        "builds": found.builds,
        "free_bytes": found.free_bytes,
        "free_inodes": found.free_inodes,
    }


def _hold_fields(hold: HoldOut | None) -> dict[str, Any] | None:
    if hold is None:
        return None
    return {"who": hold.who, "since": text.iso(hold.since), "message": hold.message}
