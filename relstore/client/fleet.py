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
from relstore.client import activation, preflight, release, result
from relstore.client.activation import Place, Plan
from relstore.client.hosts import connected
from relstore.client.interrupt import Interrupts
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
class Push:
    """What is pushed, and how."""

    app: AppName
    scan: Scan
    description: Description
    allow_outside_links: bool
    activation: Plan | None
    """None only stores it."""
    programs: tuple[protocol.ProgramIn, ...] = ()
    """What its executables need of a host."""


@dataclass(frozen=True)
class Way:
    """How hosts are reached, and who is told."""

    around: Surroundings
    reporter: Reporter
    interrupts: Interrupts

    def to(self, target: Target) -> Place:
        return Place(target, self.around, self.reporter, self.interrupts)


async def push(plan: Push, targets: Sequence[Target], way: Way) -> list[Result]:
    """Push to all targets. Errors are in the results, except cancellation."""
    async with AsyncExitStack() as stack:
        sessions: dict[Target, Session] = {}

        async def bring(target: Target) -> Result:
            try:
                session = await stack.enter_async_context(connected(target, way.around, way.reporter))
                sessions[target] = session
                return await _bring(session, target, plan, way.reporter)
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
                sessions[one.target], way.to(one.target), plan.app, str(one.generation), plan.activation
            )
            results[index] = replace(ended, sent=one.sent)
            if not ended.done:
                return [*results[: index + 1], *map(_skipped, results[index + 1 :])]
    return results


async def switch(
    spec: str, app: AppName | None, plan: Plan, targets: Sequence[Target], way: Way
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
            async with connected(target, way.around, way.reporter) as session:
                app = app or await session.only_app()
                await preflight.check(session, app, plan)
                results.append(await _activate(session, way.to(target), app, spec, plan))
        except RelstoreError as error:
            results.append(result.from_error(target, error))
    return app, results


async def _activate(session: Session, place: Place, app: AppName, spec: str, plan: Plan) -> Result:
    try:
        return result.from_ended(place.target, await activation.activate(session, place, app, spec, plan))
    except RelstoreError as error:
        return result.from_error(place.target, error)


async def _bring(session: Session, target: Target, plan: Push, reporter: Reporter) -> Result:
    await preflight.check(session, plan.app, plan.activation, plan.programs)
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
