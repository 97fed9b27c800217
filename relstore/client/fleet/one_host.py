"""What a push does at one host. Every error of that host ends up in its HostResult.

Not for the order of hosts, nor for what one host's failure means for the others (``conductor``).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import NamedTuple

from relstore import protocol
from relstore.client.connection.connect import connected, reached, session_over
from relstore.client.connection.session import Ahead, Session
from relstore.client.fleet import go_live
from relstore.client.fleet.course import Course
from relstore.client.fleet.result import STAGED, UNCHANGED, HostResult, not_begun
from relstore.client.operations import chain_check, preflight, stage
from relstore.client.operations.access import HostAccess
from relstore.client.operations.plan import ActivationOptions, Push
from relstore.client.target import store_label
from relstore.client.transfer.manifest_difference import ManifestDifferences
from relstore.client.transfer.stream_source import StreamSource
from relstore.errors import RelstoreError


class Preparation(NamedTuple):
    """What all hosts of a push share: what is pushed, and what makes the streams for it."""

    push: Push
    source: StreamSource
    differences: ManifestDifferences
    is_kept: bool
    """Whether this machine keeps already what it will need of it later."""


class PushedHost:
    """One host of a push; one connection carries every step, from ``stage`` to the end of the block."""

    def __init__(self, access: HostAccess) -> None:
        self.access = access
        self._stack = AsyncExitStack()
        self._session: Session | None = None
        self._findings: protocol.Preflight | None = None
        """Asked again on a new connection: the host records what it finds and is let pass."""

    async def __aenter__(self) -> PushedHost:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def stage(self, preparing: asyncio.Future[Preparation], course: Course) -> HostResult:
        """Upload what is missing and record the generation, without activating it.

        The connection is made while the artifact is read; the errors of ``preparing`` are raised.
        """
        access = self.access
        try:
            transport = await self._stack.enter_async_context(
                reached(access.target, access.account, access.reporter)
            )
        except RelstoreError as error:
            return not_begun(access.target, error)
        push, source, differences, _ = await asyncio.shield(preparing)  # the other hosts share it
        if push.activation is not None:
            push = push.with_activation(course.options_at(access.target, push.activation))
        try:
            store = store_label(transport.label, access.target.path)
            questions = _Questions.of(push, differences, store, access)
            ahead = questions.ahead(push.activation)
            self._session = await self._stack.enter_async_context(
                session_over(transport, access.target, access.account, access.reporter, ahead)
            )
            return await self._stage(self._session, push, source, questions)
        except RelstoreError as error:
            return not_begun(access.target, error)

    async def hang_up(self) -> None:
        """Let others have the connection's place; what follows makes a new one."""
        self._session = None
        await self._stack.aclose()

    async def activate(self, push: Push, options: ActivationOptions, staged: HostResult) -> HostResult:
        """Make the generation that was ``staged`` here current."""
        try:
            session = await self.connected(push)
        except RelstoreError as error:
            return not_begun(self.access.target, error, push.app)
        return await go_live.activate(session, self.access, push.app, str(staged.generation), options)

    async def collect(self, push: Push, result: HostResult) -> HostResult:
        """Remove what is no longer kept. A failure is only a notice, since the release is live anyway."""
        label, reporter = self.access.target.label, self.access.reporter
        request = protocol.Collect(push.app, None, push.retention, push.description.who, dry_run=False)
        try:
            collected, _ = await (await self.connected(push)).ask(request, protocol.Collected)
        except RelstoreError as error:
            reporter.notice(f"{label}: nothing was collected: {error.what}")
            return result
        for warning in collected.warnings:
            reporter.detail(label, warning)
        return replace(result, freed=collected.bytes)

    async def connected(self, push: Push) -> Session:
        """The session of ``stage``, or a new one after ``hang_up``. Raises as ``connected``."""
        if self._session is None:
            access = self.access
            self._session = await self._stack.enter_async_context(
                connected(access.target, access.account, access.reporter)
            )
            ignored = push.ignored_findings
            await preflight.check(self._session, push.activation, self._findings, ignored, lambda _: None)
        return self._session

    async def _stage(
        self, session: Session, push: Push, source: StreamSource, questions: _Questions
    ) -> HostResult:
        access = self.access
        heads = access.account.heads
        ignored = await preflight.check(
            session, push.activation, questions.preflight, push.ignored_findings, access.reporter.notice
        )
        self._findings = questions.preflight if ignored else None
        await chain_check.check(session, questions.history, heads, access.reporter.notice)
        prepared = await stage.prepare(
            session, questions.build, push.scan, push.publish, source, access.reporter
        )
        if prepared.record:
            chain_check.remember(session.store_label, push.app, prepared.record, heads)
        if not prepared.number:
            current = prepared.current
            unchanged = HostResult(
                access.target,
                UNCHANGED,
                push.app,
                current,
                current=current,
                build=push.scan.build,
                ignored_findings=ignored,
            )
            return await go_live.inspected(session, unchanged, push.activation)
        said = push.description if prepared.record else None  # an older record may name another commit
        return HostResult(
            access.target,
            STAGED,
            push.app,
            prepared.number,
            previous=prepared.current,
            current=prepared.current,
            build=push.scan.build,
            commit=said.commit if said else None,
            dirty=said.dirty if said else False,
            streams=prepared.streams,
            ignored_findings=ignored,
        )


class _Questions(NamedTuple):
    """What a push asks before it sends anything."""

    preflight: protocol.Preflight | None
    history: protocol.Past
    build: stage.Question

    @classmethod
    def of(cls, push: Push, differences: ManifestDifferences, store: str, access: HostAccess) -> _Questions:
        return cls(
            preflight.request(push.app, push.activation, push.programs, push.links),
            chain_check.request(store, push.app, access.account.heads),
            stage.Question(push.app, push.scan, differences, allow_outside_links=push.allow_outside_links),
        )

    def ahead(self, options: ActivationOptions | None) -> list[Ahead]:
        """Those that may travel before the helper has greeted, in the order in which they are asked."""
        if options is not None and options.password:
            return []  # the password comes first, and is sent to nobody before the greeting
        first = [Ahead(self.preflight)] if self.preflight is not None else []
        return [*first, Ahead(self.history), self.build.ahead]
