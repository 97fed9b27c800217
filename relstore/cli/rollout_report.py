"""What ``rollout status`` and ``list`` show, and ``rollout pause``: what the hosts remember, put together.

Not for acting for a rollout (``rollout_taking``).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from relstore import protocol
from relstore.cli import text
from relstore.cli.console import error_fields
from relstore.cli.each_host import finish, the_app, what_each_gave
from relstore.cli.invocation import Invocation
from relstore.cli.outcome import Outcome
from relstore.cli.progress import ConsoleReporter
from relstore.cli.table import Column
from relstore.client.connection.session import Session
from relstore.client.fleet import record_reader
from relstore.client.fleet.record_reader import HostRollouts, SeenRollout, all_seen, chosen
from relstore.client.target import Target
from relstore.errors import NotFoundError, RefusedError
from relstore.formats.names import AppName
from relstore.formats.rollout import described
from relstore.protocol import RolloutRow

_COLUMNS = (
    Column("host"),
    Column("runs", styles={"the release": "green", "another": "yellow"}),
    Column("current", rank=1),
    Column("release", rank=2),
    Column("before", rank=3),
    Column("keeps", rank=4),
)
_LIST_COLUMNS = (
    Column("rollout"),
    Column("began"),
    Column("command", rank=2),
    Column("who"),
    Column("state"),
    Column("hosts", rank=1),
    Column("why", rank=3),
)


@dataclass(frozen=True)
class _Asked:
    """What the hosts answered."""

    hosts: list[HostRollouts]
    outcomes: list[Outcome[HostRollouts]]

    @property
    def failed(self) -> list[dict[str, Any]]:
        return [
            {"target": str(outcome.target), "error": error_fields(outcome.error)}
            for outcome in self.outcomes
            if outcome.error is not None
        ]


def _ask(invocation: Invocation) -> _Asked:
    names = {host.target.label: host.name for host in invocation.hosts}
    by_target: dict[Target, str] = {host.target: host.name for host in invocation.hosts}

    async def at_host(session: Session, _: ConsoleReporter) -> HostRollouts:
        app = await the_app(session, invocation)
        return await record_reader.ask(session, names.get(session.label, session.label), app)

    outcomes = what_each_gave(invocation, at_host)
    if len(outcomes) == 1 and outcomes[0].error is not None:
        raise outcomes[0].error
    hosts = []
    for outcome in outcomes:
        if outcome.value is not None:
            name = by_target.get(outcome.target, outcome.value.name)
            value = outcome.value
            hosts.append(HostRollouts(name, value.app, value.rows, value.damaged, value.current))
            for problem in value.damaged:
                invocation.console.note(f"{name}: the record of rollout {problem}")
    return _Asked(hosts, outcomes)


def show_status(invocation: Invocation, ident: str | None) -> None:
    """Raises NotFoundError, RelstoreError."""
    asked = _ask(invocation)
    if not asked.hosts:
        finish([outcome.error for outcome in asked.outcomes], invocation)
        return
    seen = chosen(all_seen(asked.hosts), ident)
    row, screen = seen.newest, invocation.console
    app = next(host.app for host in asked.hosts if host.name in seen.at)
    began = screen.since(row.began)
    screen.report(f"rollout {seen.id} of {app}: {row.command} by {row.who}, begun {began}")
    why = f", because {text.one_line(row.why)}" if row.why else ""
    screen.report(f"  {_state(seen)}{why}")
    if row.pause:
        screen.report(f"  {row.pause} asked it to pause after this wave")
    if hint := _HINTS.get(seen.standing if row.state != "asking" else "asking"):
        screen.report(f"  {hint}", hang=2)
    screen.table(_COLUMNS, [_cells(host, seen) for host in asked.hosts])
    screen.document(
        "rollout",
        action="status",
        app=app,
        rollout=_fields(seen),
        hosts=[_host_fields(host, seen) for host in asked.hosts],
        failed=asked.failed,
    )
    finish([outcome.error for outcome in asked.outcomes], invocation)


_HINTS = {
    record_reader.WAITING: "`relstore rollout promote` goes on; `relstore rollout revert` takes it back.",
    record_reader.INTERRUPTED: "`relstore rollout resume` goes on; `relstore rollout revert` takes it back.",
    "asking": "`once` began and did not end: `relstore rollout resume --once-again`, or --skip-once.",
}


def show_list(invocation: Invocation, ident: str | None) -> None:
    """Raises NotFoundError."""
    asked = _ask(invocation)
    screen = invocation.console
    found = [each for each in all_seen(asked.hosts) if ident in (None, each.id)]
    screen.table(_LIST_COLUMNS, [_line(each, invocation) for each in found])
    if not found:
        screen.say("these hosts remember no rollout")
    screen.document("rollout", action="list", rollouts=[_fields(each) for each in found], failed=asked.failed)
    finish([outcome.error for outcome in asked.outcomes], invocation)


def ask_to_pause(invocation: Invocation, ident: str | None) -> None:
    """Raises NotFoundError, RefusedError."""
    asked = _ask(invocation)
    if not asked.hosts:
        finish([outcome.error for outcome in asked.outcomes], invocation)
        return
    seen = chosen(all_seen(asked.hosts), ident)
    if seen.standing != record_reader.RUNNING:
        raise RefusedError(
            f"rollout {seen.id} does not run: it is {_state(seen)}",
            state="Nothing was changed.",
            hint="Only one that runs can be paused.",
        )
    row = seen.newest
    if row.waves and row.wave + 1 == row.waves:
        raise RefusedError(
            f"rollout {seen.id} is in its last wave: nothing comes after it",
            state="Nothing was changed.",
            hint="`relstore rollout revert` takes it back.",
        )

    async def at_host(session: Session, _: ConsoleReporter) -> AppName:
        app = await the_app(session, invocation)
        with contextlib.suppress(NotFoundError):  # a host that joined the fleet later
            await session.ask(protocol.PauseRollout(app, seen.id, invocation.who), protocol.Done)
        return app

    outcomes = what_each_gave(invocation, at_host)
    invocation.console.say(
        f"rollout {seen.id} pauses after its wave; `relstore rollout promote` goes on then"
    )
    invocation.console.document("rollout", action="pause", rollout=_fields(seen))
    finish([outcome.error for outcome in outcomes], invocation)


def _state(seen: SeenRollout) -> str:
    """``running: in wave 2 of 3``."""
    row = seen.newest
    if seen.standing == record_reader.HAS_ENDED:
        return row.state
    return f"{seen.standing}: {described(row)}"


def _cells(host: HostRollouts, seen: SeenRollout) -> list[str]:
    row = seen.at.get(host.name)
    return [
        host.name,
        _runs(host, row),
        str(host.current or "-"),
        str(row.generation or "-") if row else "-",
        str(row.previous or "-") if row else "-",
        "the plan" if host.name in seen.newest.keepers else "-",
    ]


def _runs(host: HostRollouts, row: RolloutRow | None) -> str:
    if row is None:
        return "not part of it"
    if host.current == row.generation:
        return "the release"
    return "as before" if host.current == row.previous else "another"


def _line(seen: SeenRollout, invocation: Invocation) -> list[str]:
    row = seen.newest
    began = invocation.console.when(row.began)
    return [
        seen.id,
        began,
        row.command,
        row.who,
        _state(seen),
        str(len(seen.at)),
        text.one_line(row.why) or "-",
    ]


def _fields(seen: SeenRollout) -> dict[str, Any]:
    row = seen.newest
    return {
        "id": seen.id,
        "command": row.command,
        "who": row.who,
        "began": text.iso(row.began),
        "since": text.iso(row.since),
        "epoch": row.epoch,
        "standing": seen.standing,
        "state": row.state,
        "wave": row.wave + 1 if row.waves else None,
        "waves": row.waves,
        "why": text.one_line(row.why),
        "pause_asked_by": row.pause or None,
        "keepers": list(row.keepers),
        "plan": row.plan,
        "hosts": sorted(seen.at),
    }


def _host_fields(host: HostRollouts, seen: SeenRollout) -> dict[str, Any]:
    row = seen.at.get(host.name)
    return {
        "name": host.name,
        "runs": _runs(host, row),
        "current": host.current or None,
        "generation": (row.generation or None) if row else None,
        "previous": (row.previous or None) if row else None,
        "epoch": row.epoch if row else None,
        "state": row.state if row else None,
        "is_held": row.is_held if row else False,
    }
