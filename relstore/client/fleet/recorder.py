"""The record of a rollout on its hosts: acts for it there, notes how far it is, learns who took it over.

The first hosts, the keepers, have a connection of their own for that as long as the rollout goes on, so that
others see that it runs. Not for reading a record (``record_reader``), nor for what a rollout does
(``conductor``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Protocol

from relstore import protocol
from relstore.client.connection.connect import connected
from relstore.client.connection.session import Session, rows
from relstore.client.fleet.recording import Recording
from relstore.client.fleet.result import HostResult, not_begun
from relstore.client.operations.access import HostAccess
from relstore.client.operations.plan import ActivationOptions
from relstore.client.rollout import states
from relstore.client.rollout.machine import Rollout
from relstore.client.rollout.plan import PlannedHost, RolloutPlan, digest
from relstore.client.rollout.states import Phase
from relstore.errors import BusyError, ConnectError, RelstoreError, TakenOverError
from relstore.formats.names import AppName
from relstore.formats.rollout import ENDED, KEEPERS, PAUSED, RolloutId, described

_NOTED: tuple[Phase, ...] = (states.DONE, states.STOPPED, states.REVERTED, *states.WAITS)
"""What every host is told at the end. One that somebody left by Ctrl-C can be gone on with."""
_END_S = 30.0


class RecordedHost(Protocol):
    """What the record needs of a host."""

    @property
    def access(self) -> HostAccess: ...
    @property
    def options(self) -> ActivationOptions: ...
    @property
    def session(self) -> Callable[[], Awaitable[Session]]: ...
    @property
    def hang_up(self) -> Callable[[], Awaitable[None]]: ...


Claims = dict[int, Session]


class Recorder:
    """The record of one rollout, by who acts for it. ``close`` it."""

    def __init__(
        self,
        rollout_id: RolloutId,
        app: AppName,
        recording: Recording,
        hosts: Sequence[RecordedHost | None],
        names: Sequence[str],
        turns: asyncio.Semaphore,
    ) -> None:
        """``names``: what a person calls each of ``hosts``."""
        self.id = rollout_id
        self._app = app
        self._recording = recording
        self._hosts = hosts
        self._names = names
        self._turns = turns
        self._epoch = 0
        self._claim = os.urandom(8).hex()
        self._state: tuple[str, int] = (states.PLANNED, 0)
        self._claims: Claims = {}
        """The session of each host that acts for the rollout."""
        self._keepers: list[int] = []
        self._keeping: Claims = {}
        self._stack = AsyncExitStack()
        self._serial = 0
        self._noting = asyncio.Lock()
        self._pause = ""

    async def close(self) -> None:
        """The sessions of the keepers end, and with them that the rollout counts as running."""
        await self._stack.aclose()

    # -- beginning, and going on -------------------------------------------------------------------

    async def begin(self, plan: RolloutPlan, results: Sequence[HostResult]) -> list[HostResult]:
        """Write the record on all hosts that were reached. What a host refuses is in its result.

        Raises BusyError, TakenOverError: somebody else has one of the hosts.
        """
        found = list(results)
        reached = [
            index
            for index, result in enumerate(results)
            if self._hosts[index] is not None and result.error is None
        ]
        self._keepers = reached[:KEEPERS]
        raw = plan.encode()
        known = await asyncio.gather(*(self._known(index) for index in reached))
        epochs = [0]
        for index, answer in zip(reached, known, strict=True):
            if isinstance(answer, RelstoreError):
                found[index] = replace(
                    not_begun(found[index].target, answer, self._app), build=found[index].build
                )
            else:
                epochs += [row.epoch for row in answer]
                self._check_free(index, answer)
        self._epoch = max(epochs) + 1

        async def take(index: int) -> None:
            if found[index].error is not None:
                return
            try:
                await self._begin_at(index, plan, raw, found[index])
            except (BusyError, TakenOverError):
                raise
            except RelstoreError as error:
                found[index] = replace(
                    found[index], error=error.on(found[index].target.label), outcome="error"
                )

        try:
            for index in reached[:1]:
                await take(index)  # of two that begin at once, one is refused before it has anything
            await _all([take(index) for index in reached[1:]])
        except RelstoreError:
            await self.end(states.ABORTED, 0, 0, "another rollout was faster")
            raise
        await self._keep()
        return found

    async def go_on(
        self, epoch: int, keepers: Sequence[int], claims: Claims, claim: str, at: tuple[str, int]
    ) -> None:
        """As ``begin``, for a rollout that was taken up. ``claims``: the sessions that act for it already."""
        self._epoch, self._claim, self._state = epoch, claim, at
        self._claims = dict(claims)
        self._keepers = list(keepers)
        await self._keep()

    async def claim(self, index: int, session: Session) -> None:
        """Have ``session`` act for the rollout. Raises TakenOverError, what the host refuses."""
        if self._claims.get(index) is session:
            return
        await session.ask(self._take(), protocol.RolloutTaken)
        self._claims[index] = session

    def _take(self, begins: protocol.RolloutBeginning | None = None) -> protocol.TakeRollout:
        recording = self._recording
        state, wave = self._state
        supersede = recording.supersede and begins is not None
        return protocol.TakeRollout(
            self._app, self.id, self._epoch, self._claim, recording.who, state, wave, supersede, begins
        )

    async def _known(self, index: int) -> list[protocol.RolloutRow] | RelstoreError:
        async with self._turns:
            try:
                session = await self._host(index).session()
                _, body = await session.ask(protocol.ListRollouts(self._app), protocol.RolloutsOut)
                return rows(body, protocol.RolloutRow)
            except RelstoreError as error:
                return error

    def _check_free(self, index: int, known: Sequence[protocol.RolloutRow]) -> None:
        newest = known[0] if known else None
        if newest is None or self._recording.supersede or newest.state in ENDED:
            return
        if newest.is_held or newest.state in (PAUSED, states.ASKING):
            raise in_the_way(newest, self._names[index])

    async def _begin_at(self, index: int, plan: RolloutPlan, raw: bytes, result: HostResult) -> None:
        host = self._host(index)
        options = host.options
        begins = protocol.RolloutBeginning(
            digest(raw),
            tuple(self._names[keeper] for keeper in self._keepers),
            self._recording.command,
            len(plan.waves),
            protocol.RolloutPart(
                result.generation,
                result.current,
                options.recipe,
                options.lock_wait,
                options.override_hold,
                options.cut_old,
                self._recording.rejects,
            ),
            raw if index in self._keepers else b"",
        )
        async with self._turns:
            session = await host.session()
            await session.ask(self._take(begins), protocol.RolloutTaken)
            self._claims[index] = session

    async def _keep(self) -> None:
        await asyncio.gather(*map(self._keeper, self._keepers))

    async def _keeper(self, index: int) -> Session | None:
        """The keeper's own session; None while it cannot be reached. Raises TakenOverError."""
        if index in self._keeping:
            return self._keeping[index]
        access = self._host(index).access
        try:
            session = await self._stack.enter_async_context(
                connected(access.target, access.account, access.reporter)
            )
            await session.ask(self._take(), protocol.RolloutTaken)
        except TakenOverError:
            raise
        except RelstoreError as error:
            access.reporter.detail(
                access.target.label, f"the rollout's record is not kept up here: {error.what}"
            )
            return None
        self._keeping[index] = session
        return session

    # -- how far it is -----------------------------------------------------------------------------

    async def note(self, rollout: Rollout) -> TakenOverError | None:
        """Have the keepers know where the rollout is; who took it over, if somebody did."""
        async with self._noting:
            self._state = (rollout.phase, rollout.wave)
            self._serial += 1
            why = rollout.why if rollout.left is None else ""  # who goes on has another mind
            request = self._note(rollout.phase, rollout.wave, len(rollout.waves), why)
            for index in self._keepers:
                try:
                    session = await self._keeper(index)
                    if session is not None:
                        noted, _ = await session.ask(request, protocol.RolloutNoted)
                        self._pause = noted.pause
                except TakenOverError as error:
                    return error.on(self._names[index])
                except ConnectError:
                    self._keeping.pop(index, None)  # made anew with the next note
                except RelstoreError as error:
                    access = self._host(index).access
                    access.reporter.detail(access.target.label, f"the rollout's record: {error.what}")
            return None

    @property
    def is_pause_asked(self) -> bool:
        """As of the last note."""
        return bool(self._pause)

    async def ended(self, rollout: Rollout) -> None:
        """All hosts know how it ended, or that it waits."""
        if rollout.phase in _NOTED:
            await self.end(rollout.phase, rollout.wave, len(rollout.waves), rollout.why)

    async def end(self, state: str, wave: int, waves: int, why: str) -> None:
        """Note it on every host that acts for the rollout. What cannot be reached keeps what it knows."""
        self._serial += 1
        request = self._note(state, wave, waves, why)

        async def tell(index: int) -> None:
            with contextlib.suppress(RelstoreError, TimeoutError):
                async with self._turns, asyncio.timeout(_END_S):
                    session = await self._host(index).session()
                    await self.claim(index, session)
                    await session.ask(request, protocol.RolloutNoted)

        await asyncio.gather(*map(tell, list(self._claims)))

    def _note(self, state: str, wave: int, waves: int, why: str) -> protocol.NoteRollout:
        return protocol.NoteRollout(self._app, state, wave, waves, self._serial, why[:1000])

    def _host(self, index: int) -> RecordedHost:
        host = self._hosts[index]
        if host is None:
            raise RuntimeError("a host that was not reached has no record")
        return host


def in_the_way(row: protocol.RolloutRow, host: str) -> BusyError:
    """What somebody else is told who wants the hosts of a rollout that runs or waits."""
    does = "runs" if row.is_held else "waits for a person"
    return BusyError(
        f"rollout {row.id} of {row.who} {does} on {host}: it is {described(row)}",
        state="Nothing was switched.",
        hint="`relstore rollout status` shows it. Wait for it, end it with `relstore rollout abort` or "
        "`revert`, or take over from it with --supersede.",
    )


def plan_of(
    rollout_id: RolloutId,
    app: AppName,
    command: str,
    rollout: Rollout,
    results: Sequence[HostResult],
    names: Sequence[str],
    bake_s: float,
    deadline_s: float | None,
) -> RolloutPlan:
    """The plan of a rollout of which everything is staged."""
    strategy, total = rollout.strategy, len(results)
    in_waves = {host for wave in rollout.waves for host in wave}

    def planned(index: int, result: HostResult) -> PlannedHost:
        state = "staged" if index in in_waves else "unreachable" if result.error else "unchanged"
        return PlannedHost(names[index], state, result.generation, result.build)

    return RolloutPlan(
        rollout_id,
        app,
        command,
        tuple(planned(index, result) for index, result in enumerate(results)),
        rollout.waves,
        strategy.max_parallel,
        strategy.max_failures.of(total),
        strategy.max_unreachable.of(total),
        strategy.on_failure,
        strategy.pauses,
        strategy.has_once,
        round(bake_s * 1000),
        round(deadline_s or 0),
    )


async def _all(works: Sequence[Awaitable[None]]) -> None:
    """All of them, and the first error only when all have ended."""
    ended = await asyncio.gather(*works, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each
