"""One push or one switch at one or several hosts: uploads side by side, then activation host by host.

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
from relstore.client import release, result
from relstore.client.hosts import connected
from relstore.client.release import Restart, Turn
from relstore.client.reporter import Reporter
from relstore.client.result import SKIPPED, STAGED, UNCHANGED, Result
from relstore.client.scan import Scan
from relstore.client.session import Session
from relstore.client.surroundings import Surroundings
from relstore.client.target import Target
from relstore.errors import RelstoreError
from relstore.store.names import AppName
from relstore.store.record import Description


@dataclass(frozen=True)
class Activation:
    """How a generation is made current, wherever it is."""

    who: str
    restart: Restart
    turn: Turn


@dataclass(frozen=True)
class Push:
    """What is pushed, and how."""

    app: AppName
    scan: Scan
    description: Description
    allow_outside_links: bool
    activation: Activation | None
    """None only stores it."""


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
                return result.from_error(target, error)

        results = list(await asyncio.gather(*map(bring, targets)))
        if any(one.error for one in results):
            return [_skipped(one) for one in results]
        if plan.activation is None:
            return results
        for index, one in enumerate(results):
            if one.outcome != STAGED:
                continue
            ended = await _activate(
                sessions[one.target], one.target, plan.app, str(one.generation), plan.activation, reporter
            )
            results[index] = replace(ended, sent=one.sent)
            if not ended.done:
                return [*results[: index + 1], *map(_skipped, results[index + 1 :])]
    return results


async def switch(
    spec: str,
    app: AppName | None,
    plan: Activation,
    targets: Sequence[Target],
    around: Surroundings,
    reporter: Reporter,
) -> tuple[AppName | None, list[Result]]:
    """Make ``spec`` current at one target after the other, until one fails. Errors are in the results.

    Without ``app`` each store's only one is meant. Returns it as well, None when no store could say.
    """
    results: list[Result] = []
    for target in targets:
        if results and not results[-1].done:
            results += [Result(rest, SKIPPED) for rest in targets[len(results) :]]
            break
        try:
            async with connected(target, around, reporter) as session:
                app = app or await session.only_app()
                results.append(await _activate(session, target, app, spec, plan, reporter))
        except RelstoreError as error:
            results.append(result.from_error(target, error))
    return app, results


def report_event(event: object, label: str, reporter: Reporter) -> None:
    """Tell the reporter of one event of a job."""
    if isinstance(event, protocol.Accepted):
        reporter.detail(label, f"job {event.job} owns the activation (by {event.held_by})")
    elif isinstance(event, protocol.Step):
        reporter.step(label, event.name)
    elif isinstance(event, protocol.Output):
        reporter.output(label, event.data)


async def _activate(
    session: Session, target: Target, app: AppName, spec: str, plan: Activation, reporter: Reporter
) -> Result:
    """Activate ``spec`` at one host and follow it to what the host recorded."""
    try:
        async for event in release.activate(session, app, spec, plan.who, plan.restart, plan.turn):
            report_event(event, session.label, reporter)
            if isinstance(event, protocol.Ended):
                return result.from_ended(target, event)
    except RelstoreError as error:
        return result.from_error(target, error)
    raise RuntimeError("an activation without an end")


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


def _skipped(one: Result) -> Result:
    return replace(one, outcome=SKIPPED) if one.outcome == STAGED else one
