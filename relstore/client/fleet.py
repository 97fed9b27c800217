"""One push or one switch at one or several hosts: uploads side by side, then activation host by host.

A host where the upload fails stops the push before anything is activated anywhere; a host where the
activation fails stops it there. What happened on each host is in its Result, the last word of which
is what that host recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from relstore import protocol
from relstore.client import activation, hosts, past, preflight, release, result
from relstore.client.activation import Place, Plan
from relstore.client.hosts import connected, reached
from relstore.client.interrupt import Interrupts
from relstore.client.release import Question
from relstore.client.reporter import Reporter
from relstore.client.result import SKIPPED, STAGED, UNCHANGED, Result
from relstore.client.scan import Scan
from relstore.client.session import Ahead, Session, place
from relstore.client.surroundings import Surroundings
from relstore.client.target import Target
from relstore.client.transfer import Transfer
from relstore.client.workshop import Workshop
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
    transfer: Transfer
    programs: tuple[protocol.ProgramIn, ...] = ()
    """What its executables need of a host."""
    retention: protocol.Retention | None = None
    """What is to be kept of the app from now on; None leaves it as it is."""
    collect: bool = False
    """Whether each host that ends well collects afterwards."""

    @property
    def publish(self) -> protocol.Publish:
        return protocol.Publish(self.app, *self.description, self.retention)


@dataclass(frozen=True)
class Way:
    """How hosts are reached, and who is told."""

    around: Surroundings
    reporter: Reporter
    interrupts: Interrupts

    def to(self, target: Target) -> Place:
        return Place(target, self.around, self.reporter, self.interrupts)


class _Planned(NamedTuple):
    plan: Push
    shop: Workshop


async def push(plan: Callable[[], Push], targets: Sequence[Target], way: Way) -> list[Result]:
    """Push to all targets. Errors of hosts are in the results, except cancellation.

    ``plan`` reads the artifact, in a thread, while the connections are made. Its errors are raised.
    """

    def prepare() -> _Planned:
        ready = plan()
        shop = Workshop(ready.transfer, ready.app, ready.scan)
        shop.begin([target.label for target in targets])
        return _Planned(ready, shop)

    planned = asyncio.ensure_future(asyncio.to_thread(prepare))
    try:
        async with AsyncExitStack() as stack:
            return await _push(planned, targets, way, stack)
    finally:
        await asyncio.wait([planned])
        if planned.exception() is None:
            planned.result().shop.close()


async def _push(
    planned: asyncio.Future[_Planned], targets: Sequence[Target], way: Way, stack: AsyncExitStack
) -> list[Result]:
    sessions: dict[Target, Session] = {}

    async def bring(target: Target) -> Result:
        try:
            transport = await stack.enter_async_context(reached(target, way.around, way.reporter))
            plan, shop = await asyncio.shield(planned)
            asked = preflight.request(plan.app, plan.activation, plan.programs)
            seen = past.question(place(transport.label, target.path), plan.app, way.around.heads)
            question = Question(plan.app, plan.scan, allow_outside_links=plan.allow_outside_links)
            ahead = _ahead(plan, asked, seen, question)
            session = await stack.enter_async_context(
                hosts.session(transport, target, way.around, way.reporter, ahead)
            )
            sessions[target] = session
            await preflight.check(session, plan.activation, asked)
            await past.look(session, seen, way.around.heads, way.reporter.notice)
            return await _bring(session, way.to(target), plan, shop, question)
        except RelstoreError as error:
            return result.from_error(target, error)

    bringing = [asyncio.create_task(bring(target)) for target in targets]
    any_of: list[asyncio.Future[Any]] = [planned, *bringing]
    try:
        # An artifact that cannot be pushed ends it at once, however long a host takes to answer.
        await asyncio.wait(any_of, return_when=asyncio.FIRST_EXCEPTION)
        plan, shop = await asyncio.shield(planned)
        results = [await task for task in bringing]
    except BaseException:
        for task in bringing:
            task.cancel()
        await asyncio.gather(*bringing, return_exceptions=True)
        raise
    if any(one.error for one in results):
        return [_skipped(one) for one in results]
    keeping = asyncio.ensure_future(asyncio.to_thread(shop.keep))
    try:
        if plan.activation is not None:
            results = await _activate_all(plan, results, sessions, way)
        return [await _collected(plan, one, sessions, way) for one in results] if plan.collect else results
    finally:
        await asyncio.wait([keeping])


async def _activate_all(
    plan: Push, results: list[Result], sessions: Mapping[Target, Session], way: Way
) -> list[Result]:
    for index, one in enumerate(results):
        if one.outcome != STAGED or plan.activation is None:
            continue
        ended = await _activate(
            sessions[one.target], way.to(one.target), plan.app, str(one.generation), plan.activation
        )
        results[index] = replace(ended, streams=one.streams)
        if not ended.done:
            return [*results[: index + 1], *map(_skipped, results[index + 1 :])]
    return results


async def _collected(plan: Push, one: Result, sessions: Mapping[Target, Session], way: Way) -> Result:
    """The release is live; that nothing could be freed does not change that, and is only said."""
    if not one.done:
        return one
    ask = protocol.Collect(plan.app, None, plan.retention, plan.description.who, dry_run=False)
    try:
        found, _ = await sessions[one.target].ask(ask, protocol.Collected)
    except RelstoreError as error:
        way.reporter.notice(f"{one.target.label}: nothing was collected: {error.what}")
        return one
    for warning in found.warnings:
        way.reporter.detail(one.target.label, warning)
    return replace(one, freed=found.bytes)


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
                app = await past.meant(session, app, way.around.heads, way.reporter.notice)
                await preflight.check(session, plan, preflight.request(app, plan))
                results.append(await _activate(session, way.to(target), app, spec, plan))
        except RelstoreError as error:
            results.append(result.from_error(target, error))
    return app, results


async def _activate(session: Session, place: Place, app: AppName, spec: str, plan: Plan) -> Result:
    try:
        return result.from_ended(place.target, await activation.activate(session, place, app, spec, plan))
    except RelstoreError as error:
        return result.from_error(place.target, error)


def _ahead(
    plan: Push, asked: protocol.Preflight | None, seen: protocol.Past, question: Question
) -> list[Ahead]:
    if plan.activation is not None and plan.activation.password:
        return []  # it is said to nobody who has not greeted us
    return ([Ahead(asked)] if asked is not None else []) + [Ahead(seen), question.ahead]


async def _bring(session: Session, where: Place, plan: Push, shop: Workshop, question: Question) -> Result:
    target = where.target
    prepared = await release.prepare(
        session, question, plan.scan, plan.publish, shop, where.reporter, local=target.host is None
    )
    if prepared.record:
        past.recorded(session.place, plan.app, prepared.record, where.around.heads)
    if not prepared.number:
        return Result(target, UNCHANGED, prepared.current, current=prepared.current)
    return Result(
        target,
        STAGED,
        prepared.number,
        previous=prepared.current,
        current=prepared.current,
        streams=prepared.streams,
    )


def _skipped(one: Result) -> Result:
    return replace(one, outcome=SKIPPED) if one.outcome == STAGED else one
