"""Pushes, rollbacks, releases that are not healthy, and a job or a client that dies at each step, under one load.

Nothing of it may fail a request, but a release that turns bad when it has the traffic: the traffic is back within one
look at its health and a second. Behind a shared socket nothing is warm, and a release that turns bad in its own time
does so on trial.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from relstore.formats import journal
from relstore.host.job import activation
from tests.cut_over_proof.stage import Event, Stage, of_event, report, stage
from tests.cut_over_proof.stopped import LASTING, STEPS, stopped_at
from tests.cut_over_proof.table import Row
from tests.support.hosts.systemd import Network
from tests.support.load.requests import Account
from tests.support.load.running import Mix
from tests.systemd.fronts import Front
from tests.systemd.slot_host import under_load

MIX = Mix(new=2, busy=2, idle=6, work=4, answer=6, stream=6, answers=(6.0, 12.0, 20.0), streams=(10.0,))
UNFIT = (
    "answers 500",
    "answers the wrong body",
    "exits at once",
    "crashes after 1 s",
    "hangs",
    "never listens",
    "missing file",
)
TURNS_BAD = ("turns bad", "crashes after 4 s")
BAD_IN_SLOT = ("crashes at the shared socket",)
"""Not on trial."""
WARM_MS = 300
_LOOK_S = 0.1
"""``health-interval`` of these pushes."""
_BODY = ("--http-body", "^r")


def run(network: Network, directory: Path, front: Front, *, ends: str = "at once") -> Iterator[Row]:
    """All of it, at a front, with a program that ends so on SIGTERM."""
    with stage(network, directory, front, ends=ends, flags=_BODY) as at:
        with under_load(at.deployer, mix=MIX) as load, at.counting() as counted:
            moved = [*_pushes_and_rollbacks(at)]
            _unfit(at)
            bad = [*_turn_bad(at)]
            if not at.front.is_shared:
                moved += _standby(at)
            for step in STEPS:
                _dies(at, step)
            with at.event("the last slot is stopped") as event:
                event.wrong += at.wait_for_one_slot()
        wrong = report(at.events, load.account)
        yield from _rows(at, load.account, bad, moved, counted, wrong)


def _pushes_and_rollbacks(at: Stage) -> Iterator[float]:
    """How long each warm return took to move the traffic, in milliseconds; nothing of that with a shared socket."""
    first = at.current()
    with at.event("push") as event:
        ran = at.push()
        event.wrong += _code(0, ran.code, ran.err) + at.wrong(first + 1)
    is_warm = not at.front.is_shared
    with at.event(f"rollback, {'warm' if is_warm else 'while the other one finishes'}") as event:
        ran = at.switch("-1")
        event.wrong += _code(0, ran.code, ran.err) + at.wrong(first)
        if ("starting generation" in ran.err) == is_warm:
            event.wrong.append(f"it was started again, or not: {ran.err}")
        if is_warm:
            moved = at.move_ms()
            event.seen = f"moved {moved:.0f} ms after it was accepted"
            yield moved
    with at.event("the other slot is stopped") as event:
        event.wrong += at.wait_for_one_slot()
    with at.event("switch, cold") as event:
        ran = at.switch(str(first + 1))
        event.wrong += _code(0, ran.code, ran.err) + at.wrong(first + 1)


def _unfit(at: Stage) -> None:
    for mode in unfit(at.front):
        with at.event(
            f"a release that {mode}" if mode != "missing file" else "a release without its file"
        ) as event:
            was = at.current()
            words = at.words(mode, *(("--watch", "10s") if mode in TURNS_BAD else ()))
            if mode == "missing file":
                Path(str(words[1]), "version").unlink()
            ran = at.deployer.run(*words)
            event.wrong += _code(3, ran.code, ran.err) + at.wrong(was)
            if "no request reached it" not in ran.err:
                event.wrong.append(ran.err)


def unfit(front: Front) -> tuple[str, ...]:
    """The releases that fail before any request reaches them. A trial is watched too."""
    return (*UNFIT, *TURNS_BAD) if front.is_shared else UNFIT


def _turn_bad(at: Stage) -> Iterator[Event]:
    for mode in BAD_IN_SLOT if at.front.is_shared else TURNS_BAD:
        with at.event(f"a release that {mode} after it was checked") as event:
            was = at.current()
            ran = at.push(mode, *(("--health-stable", "2s") if at.front.is_shared else ("--watch", "10s")))
            event.wrong += _code(3, ran.code, ran.err) + at.wrong(was)
        yield event
        with at.event("its slot is stopped") as event:
            event.wrong += at.wait_for_one_slot()


def _standby(at: Stage) -> Iterator[float]:
    was = at.current()
    with at.event("push with a standby") as event:
        ran = at.push("good", "--standby")
        event.wrong += _code(0, ran.code, ran.err)
    with at.event("rollback to the standby") as event:
        ran = at.switch("-1", "--no-standby")
        event.wrong += _code(0, ran.code, ran.err) + at.wrong(was)
        moved = at.move_ms()
        event.seen = f"moved {moved:.0f} ms after it was accepted"
        yield moved


def _dies(at: Stage, step: str) -> None:
    """The job is killed at ``step``; the next push recovers, and its client is killed at the same step."""
    with at.event(f"job killed: {step}") as event:
        words = _push_for(at, step)
        with stopped_at(at.deployer, step, *words) as job:
            event.seen = f"(at {job.step}, slot {at.live()} live)"
            job.kill_job()
    with at.event(f"client gone: {step}") as event:
        words = _push_for(at, step)
        with stopped_at(at.deployer, step, *words) as job:
            event.seen = f"(at {job.step})"
            job.leave_job()
            kind = at.outcome_of(job.job)
        event.seen += f" {kind}"
        returns = step in (activation.CONFIRMING, activation.RETURNING)
        if (kind == journal.ACTIVE) == returns:
            event.wrong.append(f"it ended as {kind}")
        event.wrong += at.wrong(at.current())


def _push_for(at: Stage, step: str) -> tuple[object, ...]:
    """A push that comes to that step."""
    confirmed = ("--confirm", "3s") if step == activation.CONFIRMING else ()
    return at.words("answers 500" if step == activation.RETURNING else "good", *LASTING, *confirmed)


def _code(expected: int, code: int, said: str) -> list[str]:
    return [] if code == expected else [f"exit code {code} instead of {expected}: {said}"]


def _rows(
    at: Stage,
    account: Account,
    bad: list[Event],
    moved: list[float],
    counted: list[int],
    wrong: list[str],
) -> Iterator[Row]:
    """What turned bad with the traffic apart from all else."""
    front = f"{at.front.name}, a program that ends {at.ends}"
    windows = [of_event(account, event) for event in bad]
    turned = Account(tuple(request for window in windows for request in window.requests), account.lag)
    inside = set(turned.requests)
    rest = Account(tuple(request for request in account.requests if request not in inside), account.lag)
    looks, worst = counted
    problems = [*wrong, *(f"{request}" for request in rest.broken)]
    if worst or not looks:
        problems.append(f"a release was asked {worst} times before it had the traffic, in {looks} looks")
    if max(moved, default=0) > WARM_MS:
        problems.append(f"a warm return took {max(moved):.0f} ms")
    steps = len(STEPS)
    before = "a release on trial was asked nothing but its checks"
    returns = ""
    if not at.front.is_shared:
        before = "a new slot was asked nothing before it had the traffic"
        times = " and ".join(f"{ms:.0f}" for ms in moved)
        returns = f"; warm returns moved the traffic {times} ms after the host had accepted them"
    yield Row.of(
        front,
        f"pushes, rollbacks, {len(unfit(at.front))} releases that fail their check, the job killed at {steps} steps, "
        f"the client gone at {steps} steps",
        rest,
        f"{at.pushed} pushes; {before} ({looks:,} looks){returns}",
        problems,
    )
    back = [window.bad_for("new", "work", "busy", "idle") for window in windows]
    late = [f"requests failed for {seconds:.2f} s" for seconds in back if seconds > _LOOK_S + 1]
    times = " and ".join(f"{seconds:.2f}" for seconds in back)
    what = "releases that turn bad with the traffic: one answers 500, one crashes"
    if at.front.is_shared:
        what = "a release that crashes in its slot, and not on trial"
    yield Row.of(front, what, turned, f"requests failed for {times} s", late)
