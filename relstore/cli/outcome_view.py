"""Showing how a push or a switch ended, host by host, and ending the program accordingly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from relstore.cli import text
from relstore.cli.console import Console, error_fields
from relstore.cli.each_host import finish
from relstore.cli.exit_codes import exit_code
from relstore.cli.host_lines import FEW
from relstore.cli.invocation import Invocation
from relstore.cli.local_hooks import LocalHooks
from relstore.cli.reasons import by_reason
from relstore.cli.rollout_lines import counted, several, where
from relstore.cli.rollout_view import RolloutView, sum_of
from relstore.cli.table import Column
from relstore.client.fleet.result import (
    ERROR,
    SKIPPED,
    STAGED,
    SUPERSEDED,
    UNCHANGED,
    UNREACHABLE,
    WITHDRAWN,
    HostResult,
)
from relstore.client.rollout import states
from relstore.client.rollout.machine import Rollout
from relstore.client.target import Target
from relstore.errors import (
    DetachedError,
    RelstoreError,
    RolloutFailedError,
    RolloutPausedError,
    SomeHostsFailedError,
    TakenOverError,
)
from relstore.formats.generation import short_commit
from relstore.formats.journal import ACTIVE
from relstore.formats.names import AppName

if TYPE_CHECKING:
    from relstore.client.transfer.upload import Stream

_STYLES = {
    ACTIVE: "green",
    UNCHANGED: "green",
    ERROR: "red",
    UNREACHABLE: "red",
    SKIPPED: "yellow",
    WITHDRAWN: "yellow",
    SUPERSEDED: "yellow",
    STAGED: "cyan",
}

_COLUMNS = (
    Column("host"),
    Column("outcome", styles=_STYLES),
    Column("generation", rank=1),
    Column("build", rank=2),
    Column("commit", rank=4),
    Column("current", rank=5),
    Column("sent", rank=3),
)


def show_results(
    command: str,
    app: AppName | None,
    results: Sequence[HostResult],
    invocation: Invocation,
    view: RolloutView | None = None,
    hooks: LocalHooks | None = None,
    **head: Any,
) -> None:
    """Print what each host recorded, and end the program when one failed. ``app``: None if unknown.

    ``view``: of the rollout, if there was one. ``hooks``: those of this machine that run first.
    ``head``: what else the command's document has.
    """
    screen = invocation.console
    names = _names(invocation)
    rollout = sum_of(view) if view is not None and len(results) > 1 else None
    if view is not None:
        head["rollout"] = rollout
    document = {"app": app, **head, "hosts": [_fields(result, names) for result in results]}
    waits = view is not None and view.rollout is not None and view.rollout.phase in states.WAITS
    if hooks is not None and not waits:  # it has neither failed nor come to its end
        document["local_hooks"] = hooks.ended(document, well=_ended_well(results, view))
    screen.document(command, **document)
    if len(results) == 1:
        if results[0].error is None:
            screen.say(_sentence(str(app), results[0]))
        if results[0].freed:
            screen.say(f"{results[0].target.label}: freed {text.size(results[0].freed)}")
    else:
        shown = [each for each in results if each.error is not None] if len(results) > FEW else results
        if len(shown) < len(results):
            _say_groups(results, names, screen)
        if shown:
            screen.table(*_table(shown, names))
    for result in results:
        if result.ignored_findings and result.error is None:
            screen.say(f"{result.target.label}: ignored in preflight: {', '.join(result.ignored_findings)}")
        if result.went_back and result.left:
            screen.say(_left_sentence(result, several=len(results) > 1))
    if rollout is None or view is None:
        finish([result.error for result in results], invocation)
    else:
        _finish_rollout(results, names, view, invocation)


def _say_groups(results: Sequence[HostResult], names: Mapping[Target, str], screen: Console) -> None:
    """A line for those that run the release, and one for each other outcome that is nobody's error."""
    done = sum(result.done for result in results)
    if done:
        screen.say(f"{done} of {len(results)} hosts run {_release(results)}")
    others: dict[str, list[str]] = {}
    for result in results:
        if result.error is None and not result.done:
            others.setdefault(result.outcome, []).append(names.get(result.target, str(result.target)))
    for outcome, hosts in others.items():
        screen.say(f"{outcome}: {text.plural(len(hosts), 'host')}: {several(hosts)}")


def _ended_well(results: Sequence[HostResult], view: RolloutView | None) -> bool:
    """Whether every host runs the release, and a rollout found nothing wrong with that afterwards."""
    rollout = view.rollout if view is not None else None
    return all(result.done for result in results) and (rollout is None or rollout.verdict == "released")


def _names(invocation: Invocation) -> dict[Target, str]:
    return {host.target: host.name for host in invocation.hosts}


def _table(
    results: Sequence[HostResult], names: Mapping[Target, str]
) -> tuple[Sequence[Column], list[list[str]]]:
    rows = [_row(result, names) for result in results]
    if not any(result.drawn for result in results):
        return _COLUMNS, rows
    fetched = [[text.size(result.drawn)] for result in results]
    return (*_COLUMNS, Column("fetched", rank=3)), [
        row + more for row, more in zip(rows, fetched, strict=True)
    ]


def _row(result: HostResult, names: Mapping[Target, str]) -> list[str]:
    return [
        names.get(result.target, str(result.target)),
        result.outcome,
        str(result.generation or "-"),
        result.build.short if result.build else "-",
        short_commit(result.commit, dirty=result.dirty),
        str(result.current or "-"),
        text.size(result.sent),
    ]


def _release(results: Sequence[HostResult]) -> str:
    """The build and the commit of those that are done."""
    done = next((result for result in results if result.done), None)
    if done is None or done.build is None:
        return "the release"
    commit = f", commit {short_commit(done.commit, dirty=done.dirty)}" if done.commit else ""
    return f"build {done.build.short}{commit}"


def _finish_rollout(
    results: Sequence[HostResult], names: Mapping[Target, str], view: RolloutView, invocation: Invocation
) -> None:
    """Show the errors, those with the same reason once, and how the rollout ended; end with its code."""
    rollout = view.rollout
    if rollout is None:
        return
    failed = [result for result in results if result.error is not None]
    view.keep_failed([names.get(result.target, str(result.target)) for result in failed])
    errors = [
        (names.get(result.target, str(result.target)), result.error)
        for result in failed
        if result.error is not None
    ]
    for error in by_reason(errors):
        invocation.console.error(error)
    summary = _summary(rollout, len(failed), len(results))
    if summary is not None:
        invocation.console.error(summary)
        raise click.exceptions.Exit(exit_code(summary))


def _summary(rollout: Rollout, failed: int, total: int) -> RelstoreError | None:
    """How it ended; None where all hosts run the release."""
    if rollout.verdict == "released":
        return None
    why = f": {rollout.why}" if rollout.why and rollout.phase != states.ABORTED else ""
    state = f"Of the hosts, {counted(rollout)}."
    if rollout.phase == states.ABORTED:
        return DetachedError(
            "the rollout was left, and no other host is switched",
            state=f"{state} A host that works ends by itself.",
            hint="`relstore rollout resume` goes on with it; so does the same command.",
        )
    if rollout.phase == states.TAKEN_OVER:
        return TakenOverError(
            f"this rollout goes on no more: {rollout.why}",
            state=f"{state} A host that works ends by itself.",
            hint="`relstore rollout status` shows how far the other one is.",
        )
    if rollout.phase in states.WAITS:
        return RolloutPausedError(
            f"the rollout waits for a person: {where(rollout)}", state=state, hint=_WAITS[rollout.phase]
        )
    if rollout.verdict == "former":
        return RolloutFailedError(
            f"{failed} of {total} hosts failed{why}" if failed else f"the rollout went back{why}",
            state=f"Every host runs what it ran before. {state}",
            hint="The message of each host says what to do there. Then run the command again."
            if failed
            else "",
        )
    return SomeHostsFailedError(
        f"{failed} of {total} hosts failed{why}",
        state=f"The hosts differ. {state}",
        hint="The message of each host says what to do there. Then run the command again.",
    )


_WAITS: Mapping[str, str] = {
    states.PAUSED: "`relstore rollout promote` goes on, `relstore rollout revert` takes it back: from any "
    "machine that reaches the hosts.",
    states.ASKING: "`relstore rollout resume --once-again` runs the command again, --skip-once goes on "
    "without.",
}


def _sentence(app: str, result: HostResult) -> str:
    where = f"{app} on {result.target.label}"
    if result.outcome == ACTIVE and result.previous == result.generation:
        return f"generation {result.generation} was restarted and is active: {where}"
    if result.outcome == ACTIVE:
        before = f" (before: {result.previous})" if result.previous else ""
        return f"generation {result.generation} is active: {where}{before}"
    if result.outcome == UNCHANGED:
        return f"generation {result.current} is already current, nothing was changed: {where}"
    current = f"; current is {result.current}" if result.current else "; nothing is current"
    return f"generation {result.generation} is stored, not activated: {where}{current}"


def _left_sentence(result: HostResult, *, several: bool) -> str:
    """What becomes of the generation that was left for an older one."""
    where = f"{result.target.label}: " if several else ""
    left = result.previous
    if result.left == "bad":
        return (
            f"{where}generation {left} is marked as bad, so -1 never leads to it; "
            f"`relstore mark good {left}` reverts that"
        )
    return (
        f"{where}generation {left} stays good, so -1 may lead to it again; "
        f"`relstore mark bad {left}` prevents that"
    )


def _fields(result: HostResult, names: Mapping[Target, str]) -> dict[str, Any]:
    return {
        "target": str(result.target),
        "name": names.get(result.target, str(result.target)),
        "outcome": result.outcome,
        "generation": result.generation or None,
        "build": result.build,
        "commit": result.commit,
        "previous": result.previous or None,
        "previous_counts_as": result.left or None,
        "current": result.current or None,
        "job": result.job or None,
        "reason": result.reason,
        "sent_bytes": result.sent,
        "origin_bytes": result.drawn,
        "freed_bytes": result.freed,
        "ignored_findings": list(result.ignored_findings),
        "streams": [_stream(stream) for stream in result.streams],
        "error": error_fields(result.error) if result.error else None,
    }


def _stream(stream: Stream) -> dict[str, Any]:
    plan = stream.plan
    return {
        "contents": len(plan.payload.segments),
        "content_bytes": plan.payload.size,
        "sent_bytes": stream.sent,
        "origin_bytes": stream.drawn,
        "codec": str(plan.option.coding),
        "base": plan.base.blake3 if plan.base is not None else None,
        "reason": plan.reason,
    }
