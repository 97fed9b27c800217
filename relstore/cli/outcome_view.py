"""Showing how a push or a switch ended, host by host, and ending the program accordingly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relstore.cli import text
from relstore.cli.console import error_fields
from relstore.cli.each_host import finish
from relstore.cli.invocation import Invocation
from relstore.cli.local_hooks import LocalHooks
from relstore.cli.table import Column
from relstore.client.fleet.result import ERROR, SKIPPED, STAGED, UNCHANGED, UNREACHABLE, HostResult
from relstore.client.transfer.upload import Stream
from relstore.formats.generation import short_commit
from relstore.formats.journal import ACTIVE
from relstore.formats.names import AppName

_STYLES = {
    ACTIVE: "green",
    UNCHANGED: "green",
    ERROR: "red",
    UNREACHABLE: "red",
    SKIPPED: "yellow",
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
    hooks: LocalHooks | None = None,
    **head: list[str],
) -> None:
    """Print what each host recorded, and end the program when one failed. ``app``: None if unknown.

    ``hooks``: those of this machine that run first. ``head``: what else the command's document has.
    """
    screen = invocation.console
    document: dict[str, Any] = {"app": app, **head, "hosts": [_fields(result) for result in results]}
    if hooks is not None:
        well = all(result.done for result in results)
        document["local_hooks"] = hooks.ended(document, well=well)
    screen.document(command, **document)
    if len(results) == 1:
        if results[0].error is None:
            screen.say(_sentence(str(app), results[0]))
        if results[0].freed:
            screen.say(f"{results[0].target.label}: freed {text.size(results[0].freed)}")
    else:
        screen.table(
            _COLUMNS,
            [
                [
                    str(result.target),
                    result.outcome,
                    str(result.generation or "-"),
                    result.build.short if result.build else "-",
                    short_commit(result.commit, dirty=result.dirty),
                    str(result.current or "-"),
                    text.size(result.sent),
                ]
                for result in results
            ],
        )
    for result in results:
        if result.ignored_findings and result.error is None:
            screen.say(f"{result.target.label}: ignored in preflight: {', '.join(result.ignored_findings)}")
        if result.went_back and result.left:
            screen.say(_left_sentence(result, several=len(results) > 1))
    finish([result.error for result in results], invocation)


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


def _fields(result: HostResult) -> dict[str, Any]:
    return {
        "target": str(result.target),
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
        "codec": str(plan.option.coding),
        "base": plan.base.blake3 if plan.base is not None else None,
        "reason": plan.reason,
    }
