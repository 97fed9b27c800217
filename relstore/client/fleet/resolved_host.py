"""One host of a command on generations: what they mean there, and a connection for what follows.

Not for what the meanings have to do with each other (``agreement``), nor for what is done then (``switch``).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from relstore.client.connection.connect import connected, reached, session_over
from relstore.client.connection.session import Ahead, Session
from relstore.client.fleet.agreement import Meaning
from relstore.client.operations import chain_check, preflight
from relstore.client.operations.access import HostAccess
from relstore.client.operations.plan import ActivationOptions
from relstore.client.target import store_label
from relstore.formats.names import AppName
from relstore.protocol import Past, Preflight, Resolve, Resolved


@dataclass(frozen=True)
class _Questions:
    """What is asked before anything is changed; what may travel ahead comes first, and in this order."""

    preflight: Preflight | None
    resolve: tuple[Resolve, ...]
    past: Past

    @classmethod
    def of(
        cls, app: AppName, specs: Sequence[str | None], options: ActivationOptions | None, past: Past
    ) -> _Questions:
        return cls(preflight.request(app, options), tuple(Resolve(app, spec) for spec in specs), past)

    def ahead(self, options: ActivationOptions | None) -> list[Ahead]:
        if options is not None and options.password:
            return []  # the password comes first, and is sent to nobody before the greeting
        first = [self.preflight] if self.preflight is not None else []
        return [Ahead(request) for request in (*first, *self.resolve, self.past)]


class ResolvedHost:
    """One connection carries every step, from ``resolve`` to the end of the block."""

    def __init__(self, access: HostAccess) -> None:
        self.access = access
        self._stack = AsyncExitStack()
        self._session: Session | None = None
        self.known_app: AppName | None = None
        """The one that was given, or the store's only one; None before anybody knows."""
        self.ignored_findings: tuple[str, ...] = ()
        """The kinds of preflight's findings that were let pass."""
        self._findings: Preflight | None = None

    async def __aenter__(self) -> ResolvedHost:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def session(self) -> Session:
        if self._session is None:
            raise RuntimeError("a host that was not asked has no session")
        return self._session

    @property
    def app(self) -> AppName:
        if self.known_app is None:
            raise RuntimeError("a host that was not asked has no app")
        return self.known_app

    async def resolve(
        self, app: AppName | None, specs: Sequence[str | None], options: ActivationOptions | None = None
    ) -> list[Resolved]:
        """What the ``specs`` mean there (None: the current generation), after a check of the history.

        ``options``: of the activation that is to follow, for which the host is asked whether it could.
        Raises what the host refuses.
        """
        target, account, reporter = self.access.target, self.access.account, self.access.reporter
        transport = await self._stack.enter_async_context(reached(target, account, reporter))
        store = store_label(transport.label, target.path)
        questions = self._questions(app, specs, options, store) if app is not None else None
        ahead = questions.ahead(options) if questions is not None else []
        self._session = session = await self._stack.enter_async_context(
            session_over(transport, target, account, reporter, ahead)
        )
        self.known_app = app = app or await session.only_app()
        questions = questions or self._questions(app, specs, options, store)
        ignored = options.ignored_findings if options is not None else ()
        self.ignored_findings = await preflight.check(
            session, options, questions.preflight, ignored, reporter.notice
        )
        self._findings = questions.preflight if self.ignored_findings else None
        resolved = [(await session.ask(request, Resolved))[0] for request in questions.resolve]
        await chain_check.check(session, questions.past, account.heads, reporter.notice)
        return resolved

    async def hang_up(self) -> None:
        """Let others have the connection's place; ``reconnect`` before anything else is done here."""
        self._session = None
        await self._stack.aclose()

    async def reconnect(self, options: ActivationOptions | None = None) -> None:
        """Have a session again after ``hang_up``. Raises as ``connected``."""
        if self._session is not None:
            return
        access = self.access
        self._session = await self._stack.enter_async_context(
            connected(access.target, access.account, access.reporter)
        )
        if options is not None:
            # The host records what it finds and is let pass; the person has seen it.
            ignored = options.ignored_findings
            await preflight.check(self._session, options, self._findings, ignored, lambda _: None)

    def meaning(self, resolved: Resolved) -> Meaning:
        return Meaning(self.access.target, self.app, resolved.row)

    def _questions(
        self, app: AppName, specs: Sequence[str | None], options: ActivationOptions | None, store: str
    ) -> _Questions:
        past = chain_check.request(store, app, self.access.account.heads)
        return _Questions.of(app, specs, options, past)
