"""``relstore app remove``: an app out of the store, with all that only it needs."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from relstore import protocol
from relstore.cli import completers, text
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.directories import state_directory
from relstore.cli.each_host import on_each, report
from relstore.cli.invocation import Invocation, invocation_of
from relstore.cli.journal_view import event_fields
from relstore.cli.outcome import Outcome
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session, rows
from relstore.client.local_state.state_file import replacing
from relstore.errors import RelstoreError, UsageError
from relstore.formats.names import AppName
from relstore.protocol import AppRemoved, LogRow


@dataclass(frozen=True)
class _Removal:
    """What goes, or has gone, at one host."""

    removed: AppRemoved
    log: list[LogRow]
    copy: Path | None = None
    """Where the log is now."""


@example(
    "relstore app remove old-site --dry-run",
    "relstore app remove old-site --to deploy@web1:/srv/web",
    "relstore app remove old-site --yes            # in a script",
)
@click.command(cls=RelstoreCommand)
@click.argument("action", type=click.Choice(["remove"]))
@click.argument("name", shell_complete=completers.apps)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def app(ctx: click.Context, action: str, name: str, dry_run: bool, yes: bool) -> None:
    """Remove the app NAME from the store: its generations, pins and log, and builds that no other app has.

    It is refused while the app runs, is being activated, or is on hold. A copy of the log stays on this
    machine. With several targets, nothing is removed unless it can be at all of them.
    """
    invocation = invocation_of(ctx)
    removed = AppName.parse(name)
    planned = _ask(invocation, removed, dry_run=True)
    if dry_run or any(outcome.error for outcome in planned):
        _report(invocation, removed, planned, dry_run=True)
        return
    if not yes:
        _confirm(removed, planned)
    copies = [_save_log(removed, outcome) for outcome in planned]
    done = _ask(invocation, removed, dry_run=False)
    _report(
        invocation, removed, [_with_copy(*each) for each in zip(done, copies, strict=True)], dry_run=False
    )


def _ask(invocation: Invocation, removed: AppName, *, dry_run: bool) -> list[Outcome[_Removal]]:
    async def at_host(session: Session, _: ConsoleReporter) -> _Removal:
        request = protocol.RemoveApp(removed, invocation.who, dry_run)
        answer, body = await session.ask(request, AppRemoved)
        if not dry_run:
            invocation.account.heads.forget(session.store_label, removed)
            invocation.seen.forget(session.store_label, removed)
        return _Removal(answer, rows(body, LogRow))

    return on_each(invocation, at_host)


def _confirm(removed: AppName, planned: Sequence[Outcome[_Removal]]) -> None:
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody is there to ask whether the app is to be removed",
            hint="Give --yes; --dry-run shows what would be removed.",
        )
    for outcome in planned:
        if outcome.value is not None:
            click.echo(f"{outcome.target}: {_what(outcome.value.removed)}", err=True)
    if not click.confirm(f"Remove {removed} for good?", err=True):
        raise RelstoreError("not removed", state="Nothing was changed.")


def _save_log(removed: AppName, outcome: Outcome[_Removal]) -> Path | None:
    """The log as `relstore log --json` has it. Raises RelstoreError: without a copy nothing is removed."""
    if outcome.value is None or not outcome.value.log:
        return None
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", str(outcome.target)).strip("-")[:100]
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = state_directory() / "removed" / f"{removed}-{host}-{moment}.json"
    events = [event_fields(row) for row in outcome.value.log]
    document = {"target": str(outcome.target), "app": removed, "events": events}
    try:
        with replacing(path) as new:
            new.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise RelstoreError(
            f"the copy of the log cannot be written to {path}: {error.strerror}",
            state="Nothing was removed.",
            hint="RELSTORE_STATE_DIR names another directory.",
        ) from None
    return path


def _with_copy(outcome: Outcome[_Removal], copy: Path | None) -> Outcome[_Removal]:
    value = outcome.value
    kept = None if value is None else _Removal(value.removed, value.log, copy)
    return Outcome(outcome.target, kept, outcome.error)


def _report(
    invocation: Invocation, removed: AppName, outcomes: list[Outcome[_Removal]], *, dry_run: bool
) -> None:
    screen = invocation.console

    def show(host: str, removal: _Removal) -> None:
        what = _what(removal.removed)
        if dry_run:
            screen.report(f"{removed} on {host}: would remove {what}", hang=2)
        elif removal.removed.resumed:
            screen.say(f"{removed} on {host}: an earlier removal is complete now: freed {_freed(removal)}")
        else:
            screen.say(f"{removed} on {host}: removed {what}")
        for warning in removal.removed.warnings:
            screen.note(f"{host}: {warning}")
        if removal.copy is not None:
            screen.say(f"  its log is in {removal.copy}")

    def fields(removal: _Removal) -> dict[str, Any]:
        answer = removal.removed._asdict()
        return {
            **{("freed_bytes" if name == "bytes" else name): value for name, value in answer.items()},
            "current": removal.removed.current or None,
            "warnings": list(removal.removed.warnings),
            "log_copy": str(removal.copy) if removal.copy else None,
        }

    report("app", outcomes, invocation, show, fields, app=removed, dry_run=dry_run)


def _what(removed: AppRemoved) -> str:
    current = f" (current: {removed.current})" if removed.current else ""
    return (
        f"{text.plural(removed.generations, 'generation')}{current}, {text.plural(removed.pins, 'pin')}, "
        f"{text.plural(removed.builds, 'build')}, {text.size(removed.bytes)}"
    )


def _freed(removal: _Removal) -> str:
    return text.size(removal.removed.bytes)
