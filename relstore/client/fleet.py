"""One push to one or several hosts: uploads side by side, then activation host by host.

A host where the upload fails stops the push before anything is activated anywhere; a host where the
activation fails stops it there. What happened on each host is in its Result, the last word of which
is what that host recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from relstore import protocol
from relstore.client import release
from relstore.client.hosts import connected
from relstore.client.release import Restart, Turn
from relstore.client.reporter import Reporter
from relstore.client.scan import Scan
from relstore.client.session import Session
from relstore.client.surroundings import Surroundings
from relstore.client.target import Target
from relstore.errors import ReleaseFailedError, RelstoreError
from relstore.store.journal import ACTIVE, FAILED, INTERRUPTED, ROLLED_BACK, STUCK
from relstore.store.names import AppName
from relstore.store.record import Description

UNCHANGED = "unchanged"
STAGED = "staged"
SKIPPED = "skipped"


@dataclass(frozen=True)
class Push:
    """What is pushed, and how."""

    app: AppName
    scan: Scan
    description: Description
    restart: Restart
    turn: Turn
    switch: bool
    allow_outside_links: bool


@dataclass(frozen=True)
class Result:
    """How a push or a switch ended at one host."""

    target: Target
    outcome: str
    """``active``, ``unchanged``, ``staged``, ``skipped``, or an outcome of the journal; ``error``."""
    generation: int = 0
    previous: int = 0
    current: int = 0
    job: str = ""
    reason: str = ""
    sent: int = 0
    """Bytes."""
    error: RelstoreError | None = None


async def push(
    plan: Push, targets: Sequence[Target], around: Surroundings, reporter: Reporter
) -> list[Result]:
    """Push to all targets. Errors are in the results, except cancellation."""
    async with AsyncExitStack() as stack:
        sessions: dict[Target, Session] = {}

        async def bring(target: Target) -> Result:
            try:
                session = await stack.enter_async_context(connected(target, around, reporter))
                sessions[target] = session
                return await _bring(session, target, plan, reporter)
            except RelstoreError as error:
                return Result(target, "error", error=error.on(target.label))

        results = list(await asyncio.gather(*map(bring, targets)))
        if any(result.error for result in results):
            return [
                result if result.error else replace(result, outcome=_kept(result.outcome))
                for result in results
            ]
        if not plan.switch:
            return results
        for index, result in enumerate(results):
            if result.outcome != STAGED:
                continue
            number = str(result.generation)
            ended = await switch(sessions[result.target], result.target, plan, number, reporter)
            results[index] = replace(ended, sent=result.sent)
            if ended.outcome not in (ACTIVE, UNCHANGED):
                rest = results[index + 1 :]
                results[index + 1 :] = [replace(one, outcome=_kept(one.outcome)) for one in rest]
                break
    return results


async def switch(
    session: Session, target: Target, plan: Push | Switch, spec: str, reporter: Reporter
) -> Result:
    """Activate ``spec`` at one host and follow it to what the host recorded."""
    label = session.label
    try:
        who = plan.description.who
        async for event in release.activate(session, plan.app, spec, who, plan.restart, plan.turn):
            if isinstance(event, protocol.Accepted):
                reporter.detail(label, f"job {event.job} owns the activation (by {event.held_by})")
            report_event(event, label, reporter)
            if isinstance(event, protocol.Ended):
                return from_ended(target, event)
    except RelstoreError as error:
        return Result(target, "error", error=error.on(label))
    raise RuntimeError("an activation without an end")


@dataclass(frozen=True)
class Switch:
    """What a switch of generation needs of a push."""

    app: AppName
    description: Description
    restart: Restart
    turn: Turn


def report_event(event: object, label: str, reporter: Reporter) -> None:
    """Tell the reporter of one event of a job."""
    if isinstance(event, protocol.Step):
        reporter.step(label, event.name)
    elif isinstance(event, protocol.Output):
        reporter.output(label, event.data)


def from_ended(target: Target, ended: protocol.Ended) -> Result:
    """The result, with an error where the host did not end on what was asked for."""
    result = Result(
        target,
        ended.outcome,
        ended.generation,
        ended.previous,
        ended.current,
        ended.job or "",
        ended.reason,
    )
    return replace(result, error=_failure(target, ended))


def _failure(target: Target, ended: protocol.Ended) -> RelstoreError | None:
    if ended.outcome in (ACTIVE, UNCHANGED):
        return None
    now = f"generation {ended.current} is current" if ended.current else "no generation is current"
    first = ended.reason.partition("\n")[0]
    error: RelstoreError
    if ended.outcome == ROLLED_BACK:
        error = ReleaseFailedError(
            f"generation {ended.generation} failed and the host went back: {ended.reason}",
            state=f"{now[0].upper()}{now[1:]}, as before.",
            hint="Look at the output above, mend the release and push again.",
        )
    elif ended.outcome == STUCK:
        error = ReleaseFailedError(
            f"generation {ended.generation} failed, and going back failed too: {ended.reason}",
            state=f"{now[0].upper()}{now[1:]}, but its restart failed: the service may be down.",
            hint="Log in and look at the service now; the link is right.",
        )
    elif ended.outcome == INTERRUPTED:
        error = RelstoreError(
            f"the activation was cut off: {first}",
            state=f"{now[0].upper()}{now[1:]}.",
            hint="The next push or switch finishes or undoes it; `relstore status` shows what is.",
        )
    elif ended.outcome == FAILED:
        error = RelstoreError(
            f"generation {ended.generation} was not activated: {ended.reason}",
            state=f"{now[0].upper()}{now[1:]}; nothing was switched.",
            hint="If the build is damaged: delete its generations, run `relstore gc`, and push it again.",
        )
    else:
        error = RelstoreError(
            f"the host ended with the unknown outcome {ended.outcome[:40]!r}", state=f"{now}."
        )
    return error.on(target.label)


def _kept(outcome: str) -> str:
    return SKIPPED if outcome == STAGED else outcome


async def _bring(session: Session, target: Target, plan: Push, reporter: Reporter) -> Result:
    prepared = await release.prepare(
        session,
        plan.app,
        plan.scan,
        plan.description,
        allow_outside_links=plan.allow_outside_links,
        reporter=reporter,
    )
    if not prepared.number:
        return Result(target, UNCHANGED, prepared.current, current=prepared.current)
    return Result(
        target,
        STAGED,
        prepared.number,
        previous=prepared.current,
        current=prepared.current,
        sent=prepared.sent,
    )
