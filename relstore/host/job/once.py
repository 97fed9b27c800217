"""The command that runs once in a rollout: on one host, in its new build, whatever becomes of the client.

It runs in a process of its own, which outlives the session. What happened is in the rollout's directory,
written before it begins and after it ends: one that began and whose end is not known is never run again by
itself. Not for the hooks of each activation (``hooks``), nor for its log (``once_log``).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import NamedTuple

from relstore.formats.command import Command
from relstore.formats.generation import Generation
from relstore.formats.journal import ONCE_BEGAN, ONCE_DONE, ONCE_FAILED
from relstore.host.job import forked, once_log, survival
from relstore.host.job.hooks import Hooks
from relstore.host.job.once_log import OnceEvent
from relstore.host.machine import scopes
from relstore.host.machine.scopes import ScopeError
from relstore.protocol import OnceRan, Output
from relstore.store import locks
from relstore.store.app import App
from relstore.store.directory import Dir
from relstore.store.rollouts import Rollouts

OUTPUT = "once-output"
LOCK = "once-lock"
_POLL_S = 0.1
_PIECE = 32 * 1024


class Run(NamedTuple):
    """What is to run, for whom."""

    app: App
    rollout: str
    generation: Generation
    previous: Generation | None
    root: str
    who: str


def run(
    run_of: Run, command: Command, hooks: Hooks, *, again: bool, skip: bool
) -> Iterator[Output | OnceRan]:
    """Run it unless it was run, and follow it. Raises DamagedError, OSError."""
    with Rollouts(run_of.app.directory).open(run_of.rollout) as one:
        lock = locks.open_lock(one, LOCK)
        try:
            if locks.lock_within(lock, exclusive=True, seconds=0):
                last = once_log.read(one).last
                state = last.event if last is not None else ""
                if skip and state != ONCE_DONE:
                    _append(one, run_of, ONCE_DONE, f"{run_of.who} said that it is done")
                    state = ONCE_DONE
                if state in (ONCE_DONE, ONCE_FAILED):
                    yield _ended(one, ran=False)
                    return
                if state == ONCE_BEGAN and not again:
                    yield OnceRan("", True, False)
                    return
                _append(one, run_of, ONCE_BEGAN, "")
                _start(run_of, one, lock, command, hooks)
        finally:
            os.close(lock)  # the process has it too
        yield from _follow(one)
        yield _ended(one, ran=True)


def _start(run_of: Run, one: Dir, lock: int, command: Command, hooks: Hooks) -> None:
    def work() -> int:
        problem = hooks.run(
            "once", command, run_of.generation, run_of.previous, {"RELSTORE_ROLLOUT": run_of.rollout}
        )
        with Rollouts(run_of.app.directory).open(run_of.rollout) as own:
            _append(own, run_of, ONCE_FAILED if problem else ONCE_DONE, problem)
        return 0

    if not forked.can_fork():
        work()
        return
    gate, opener = os.pipe()
    output = one.open_to_write(OUTPUT, os.O_CREAT | os.O_APPEND, 0o600)

    def gated() -> int:
        return work() if os.read(gate, 1) else 1

    try:
        keep = (lock, gate, run_of.app.directory.fd)
        pid = forked.fork(
            gated, output, keep, ("relstore", "once", run_of.root, run_of.app.name, run_of.rollout)
        )
        way = survival.method()
        if way != survival.SESSION:
            unit = f"relstore-{run_of.app.name}-once-{run_of.rollout}.scope"
            with contextlib.suppress(ScopeError):
                scopes.move(
                    pid, unit, f"relstore: once of {run_of.app.name}", user=way == survival.USER_SCOPE
                )
        os.write(opener, b"!")
    finally:
        os.close(gate)
        os.close(opener)
        os.close(output)


def _follow(one: Dir) -> Iterator[Output]:
    """The output, for as long as its process holds the lock."""
    at = 0
    while True:
        is_over = not _is_running(one)
        piece = _output(one, at)
        at += len(piece)
        if piece:
            yield Output(piece)
        elif is_over:
            return
        else:
            time.sleep(_POLL_S)


def _is_running(one: Dir) -> bool:
    fd = locks.open_lock(one, LOCK)
    try:
        return not locks.try_lock(fd, exclusive=False)
    finally:
        os.close(fd)


def _output(one: Dir, at: int) -> bytes:
    try:
        fd = one.open_file(OUTPUT)
    except FileNotFoundError:
        return b""
    with open(fd, "rb") as file:
        file.seek(at)
        return file.read(_PIECE)


def _ended(one: Dir, *, ran: bool) -> OnceRan:
    last = once_log.read(one).last
    if last is None or last.event == ONCE_BEGAN:
        return OnceRan("", True, ran)
    return OnceRan(last.reason if last.event == ONCE_FAILED else "", False, ran)


def _append(one: Dir, run_of: Run, event: str, reason: str) -> None:
    """Durable when this returns."""
    once_log.append(one, OnceEvent(int(time.time()), event, run_of.generation.number, run_of.who, reason))
