"""What a session does about rollouts: takes one, notes how far it is, shows what is known, asks for a pause.

Not for refusing activations (``job.fence``), nor for the command that runs once (``once``).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import NamedTuple, Optional, Union

from relstore.errors import DamagedError, FormatError, NotFoundError, RefusedError, StoreError
from relstore.formats.names import AppName, JobId, is_job
from relstore.formats.rollout import RolloutId, RolloutRecord
from relstore.host.job import fence, once, values
from relstore.host.job.hooks import Hooks
from relstore.host.job.log import JobLog
from relstore.host.job.values import JobRequest
from relstore.protocol import (
    Done,
    FetchPlan,
    ListRollouts,
    NoteRollout,
    OnceRan,
    Output,
    PauseRollout,
    PlanOut,
    RolloutBeginning,
    RolloutNoted,
    RolloutPart,
    RolloutRow,
    RolloutsOut,
    RolloutTaken,
    RunRolloutOnce,
    TakeRollout,
)
from relstore.store import reserve
from relstore.store.app import CURRENT
from relstore.store.rollouts import PART, PLAN, Claim, Rollouts
from relstore.store.store import Store

_OUTPUT = 2
"""Where the process of what runs once writes."""


class Taken(NamedTuple):
    """What a session acts for."""

    app: AppName
    claim: Claim
    fd: int
    """Open for as long as it does."""


def take(store: Store, request: TakeRollout) -> tuple[RolloutTaken, Taken]:
    """Raises BusyError, TakenOverError, NotFoundError, UsageError, FormatError, OSError."""
    ident = RolloutId.parse(request.rollout)
    reserve.release_if_full(store.root)
    with store.app(request.app) as app:
        rollouts = Rollouts(app.directory)
        now = int(time.time())
        begins = request.begins
        if begins is None:
            old = _record(rollouts, ident)
            record = old._replace(
                epoch=request.epoch, claim=request.claim, who=request.who, since=now,
                state=request.state, wave=request.wave, serial=0, pause="",
            )  # fmt: skip
            if old.claim == request.claim:
                record = old
        else:
            record = _new(request, begins, now)
        part = None if begins is None else values.encode(_job_request(request.who, begins.part, now))
        fd = rollouts.take(
            record,
            begins=begins is not None,
            supersede=request.supersede,
            plan=begins.plan if begins is not None else b"",
            part=part,
        )
        try:
            answer = RolloutTaken(
                _part(rollouts, record), _job(rollouts, ident, fence.JOB), _job(rollouts, ident, fence.BACK)
            )
        except BaseException:
            os.close(fd)
            raise
        return answer, Taken(request.app, Claim.of(record), fd)


def note(store: Store, request: NoteRollout, taken: Optional[Taken]) -> RolloutNoted:
    """Raises RefusedError, TakenOverError, OSError."""
    if taken is None or taken.app != request.app:
        raise RefusedError("this session acts for no rollout", state="Nothing was changed.")
    with store.app(request.app) as app:
        change: dict[str, object] = {
            "state": request.state, "wave": request.wave, "waves": request.waves, "serial": request.serial,
            "why": request.why,
        }  # fmt: skip
        record = reserve.with_reserve(store.root, lambda: Rollouts(app.directory).write(taken.claim, change))
        return RolloutNoted(record.pause)


def pause(store: Store, request: PauseRollout) -> Done:
    """Raises NotFoundError, OSError."""
    ident = RolloutId.parse(request.rollout)
    with store.app(request.app) as app:
        Rollouts(app.directory).ask_to_pause(ident, request.who)
    return Done()


def known(store: Store, request: ListRollouts) -> tuple[RolloutsOut, list[RolloutRow]]:
    """Raises NotFoundError, OSError."""
    with store.app(request.app) as app:
        found = Rollouts(app.directory).all()
    damaged = tuple(f"{each.id}: {each.problem}" for each in found if each.record is None)
    rows = [_row(each.record, is_held=each.is_held) for each in found if each.record is not None]
    return RolloutsOut(damaged), rows


def fetch_plan(store: Store, request: FetchPlan) -> PlanOut:
    """Raises NotFoundError, OSError."""
    ident = RolloutId.parse(request.rollout)
    with store.app(request.app) as app:
        return PlanOut(Rollouts(app.directory).read(ident, PLAN) or b"")


def _record(rollouts: Rollouts, ident: RolloutId) -> RolloutRecord:
    for each in rollouts.all():
        if each.id == ident and each.record is not None:
            return each.record
        if each.id == ident:
            raise DamagedError(
                f"the record of rollout {ident} cannot be read: {each.problem}",
                hint="Run the push or the switch again: it goes on from what each host runs.",
            )
    raise NotFoundError(
        f"this host knows nothing of rollout {ident}", hint="`relstore rollout list` has them."
    )


def _new(request: TakeRollout, begins: RolloutBeginning, now: int) -> RolloutRecord:
    part = begins.part
    return RolloutRecord(
        request.rollout,
        request.epoch,
        request.claim,
        request.who,
        now,
        begins.plan_digest,
        begins.keepers,
        begins.command,
        now,
        part.generation,
        part.previous,
        request.state,
        request.wave,
        begins.waves,
        cut_old=part.cut_old,
        rejects=part.rejects,
    )


def _job_request(who: str, part: RolloutPart, now: int) -> JobRequest:
    """The part is kept as a job's request, whose versions say which relstore understands it."""
    return JobRequest(part.generation, who, now, part.recipe, part.lock_wait, part.override_hold)


def _part(rollouts: Rollouts, record: RolloutRecord) -> Optional[RolloutPart]:
    """None where it cannot be read: a way back must not depend on it."""
    try:
        raw = rollouts.read(record.id, PART)
        if raw is None:
            return None
        said = values.decode(raw, f"{PART} of rollout {record.id}", JobRequest)
    except (OSError, StoreError):
        return None
    return RolloutPart(
        record.generation,
        record.previous,
        said.recipe,
        said.lock_wait,
        said.override_hold,
        record.cut_old,
        record.rejects,
    )


def _job(rollouts: Rollouts, ident: RolloutId, name: str) -> Optional[JobId]:
    with contextlib.suppress(StoreError, FormatError, UnicodeDecodeError):
        raw = rollouts.read(ident, name)
        text = (raw or b"").decode("ascii").strip()
        return JobId(text) if is_job(text) else None
    return None


def _row(record: RolloutRecord, *, is_held: bool) -> RolloutRow:
    return RolloutRow(
        record.id, record.epoch, record.serial, record.who, record.since, record.plan, record.keepers,
        record.command, record.began, record.generation, record.previous, record.state, record.wave,
        record.waves, record.why, record.pause, is_held,
    )  # fmt: skip


def run_once(
    store: Store, request: RunRolloutOnce, taken: Optional[Taken]
) -> Iterator[Union[Output, OnceRan]]:
    """Raises RefusedError, TakenOverError, DamagedError, OSError."""
    if taken is None or taken.app != request.app:
        raise RefusedError("this session acts for no rollout", state="Nothing was run.")
    with store.app(request.app) as app:
        fence.check(app, taken.claim)
        rollouts = Rollouts(app.directory)
        record = _record(rollouts, RolloutId(taken.claim.id))
        found = app.generations_of([record.generation, record.previous])
        generation = found.get(record.generation)
        if generation is None:
            raise NotFoundError(f"there is no generation {record.generation}")
        part = _part(rollouts, record)
        environment = part.recipe.environment if part is not None else {}
        link = f"{app.directory.path}/{CURRENT}"
        hooks = Hooks(store.root.path, app.name, link, JobLog(_OUTPUT), environment)
        run_of = once.Run(app, record.id, generation, found.get(record.previous), store.root.path, record.who)
        yield from once.run(run_of, request.command, hooks, again=request.again, skip=request.skip)
