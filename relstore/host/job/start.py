"""Starting a job so that it outlives the session: a session of its own, no hangup, no shared streams.

A job is a fork of the helper, which systemd moves into a scope of its own where it needs one. Only where that
does not go is it started as a program, by ``systemd-run`` or as it is. Which way is best is decided in
``survival``; which it became, the job says itself (``Job.method``). Not for what the job does (``process``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, Optional

from relstore.errors import StoreError
from relstore.formats.journal import FAILED
from relstore.formats.names import AppName
from relstore.host.job import forked, process
from relstore.host.job.changes import Changes
from relstore.host.job.directory import LOG, Job
from relstore.host.job.survival import SCOPE, SESSION, USER_SCOPE
from relstore.host.job.values import DONE, QUEUED, JobState
from relstore.host.machine import scopes
from relstore.host.machine.scopes import ScopeError

_HINTS = {
    SESSION: "Does the host have room for another process? Its memory and `ulimit -u` say so.",
    SCOPE: "Does `systemd-run --scope true` work there?",
    USER_SCOPE: "Does `systemd-run --user --scope true` work there for this account?",
}
_START_S = 20.0


class Helper(NamedTuple):
    """What runs a job: the path of the unpacked helper, and the password for sudo (or ``""``)."""

    path: str
    password: str = ""


class Launch(NamedTuple):
    """The process to start: of ``job``, for the ``app`` of the store at ``root``, holding ``lock``."""

    helper: Helper
    root: str
    app: AppName
    job: Job
    lock: int


def start(helper: Helper, root: str, app: AppName, job: Job, lock: int, way: str) -> None:
    """Start the process of ``job`` and see it begin; it inherits ``lock``, held for as long as it lives.

    The environment is the session's. Raises StoreError.
    """
    launch = Launch(helper, root, app, job, lock)
    try:
        problem = _try(launch, way)
        if problem and way == SCOPE:
            # Root's sessions are not ended by logind, so a manager that does not answer is no obstacle.
            problem = _try(launch, SESSION)
    finally:
        os.close(lock)
    if problem:
        with contextlib.suppress(OSError):
            job.write_state(JobState(DONE, 0, FAILED, 0, problem))
        raise StoreError(
            problem,
            state="Nothing was switched; the generation is stored.",
            hint=_HINTS[way],
        )


def _try(launch: Launch, way: str) -> str:
    """Start it in one way; ``""`` once it has begun, else why it did not."""
    # Readable too: the job quotes the end of its log in the record of a failure.
    log = launch.job.directory.open_to_write(LOG, os.O_APPEND)
    try:
        if forked.can_fork():
            with contextlib.suppress(ScopeError):  # systemd-run can ask where D-Bus is not there
                return _fork(launch, log, way)
        return _execute(launch, log, way)
    except OSError as error:
        return f"the job could not be started: {error.strerror}"
    finally:
        os.close(log)


def _fork(launch: Launch, log: int, way: str) -> str:
    """Raises ScopeError, OSError."""
    gate, opener = os.pipe()

    def work() -> int:
        if not os.read(gate, 1):
            return 1
        os.close(gate)
        for name, value in _runtime_directory().items():
            os.environ.setdefault(name, value)  # noqa: TID251 - the session's
        return process.run(launch.root, launch.app, launch.job.id, launch.helper.password)

    try:
        pid = forked.fork(work, log, keep=(launch.lock, gate))
        if way != SESSION:
            unit = f"{_unit(launch.app, launch.job)}.scope"
            scopes.move(pid, unit, _description(launch.app), user=way == USER_SCOPE)
        os.write(opener, b"!")
    finally:
        os.close(gate)
        os.close(opener)  # it ends, unless it was let through

    def exit_code() -> Optional[int]:
        ended, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if ended else None

    return _await_beginning(launch.job, exit_code)


def _execute(launch: Launch, log: int, way: str) -> str:
    helper, root, app, job, lock = launch
    words = [sys.executable, "-I", "-S", "-X", "utf8", helper.path, "job", root, app, job.id]
    pass_fds = [lock]
    secret = _pipe(helper.password) if helper.password else None
    if secret is not None:
        words.append(str(secret))
        pass_fds.append(secret)
    try:
        with _hangup_ignored():
            started = subprocess.Popen(
                [*_wrap(way, app, job), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=pass_fds,
                cwd="/",
                env={**_runtime_directory(), **os.environ},  # noqa: TID251 - the session's
            )
    finally:
        if secret is not None:
            os.close(secret)
    try:
        return _await_beginning(job, started.poll)
    finally:
        # It is not waited for: it belongs to the host from here on.
        started.returncode = 0


@contextlib.contextmanager
def _hangup_ignored() -> Iterator[None]:
    """As nohup does for what it starts, until the job minds hangups itself."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _await_beginning(job: Job, exit_code: Callable[[], Optional[int]]) -> str:
    """``""`` once it has begun, or has not said anything for long; else why it ended."""
    deadline = time.monotonic() + _START_S
    with Changes(job.directory) as changes:
        while time.monotonic() < deadline:
            changes.expect()
            code = exit_code()
            if job.state().step != QUEUED:
                break
            if code is not None:
                return f"the job could not be started: {_last_line(job) or f'exit code {code}'}"
            changes.wait()
    return ""


def _wrap(way: str, app: AppName, job: Job) -> list[str]:
    if way == SESSION:
        return []
    manager = ["--user"] if way == USER_SCOPE else []
    words = ["--scope", "--quiet", "--collect", f"--unit={_unit(app, job)}"]
    return ["systemd-run", *manager, *words, f"--description={_description(app)}", "--"]


def _unit(app: AppName, job: Job) -> str:
    return f"relstore-{app}-{job.id}"


def _description(app: AppName) -> str:
    return f"relstore: activation of {app}"


def _runtime_directory() -> dict[str, str]:
    """Where the account's own manager is, which a session without PAM lacks."""
    return {"XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}"}


def _pipe(password: str) -> int:
    """The end of a pipe that holds ``password``: no argument, no variable, no file has it."""
    end, begin = os.pipe()
    try:
        os.write(begin, password.encode())
    finally:
        os.close(begin)
    return end


def read_password(fd: int) -> str:
    """What ``_pipe`` holds, in the job."""
    with contextlib.closing(os.fdopen(fd, "rb")) as file:
        return file.read(4096).decode()


def _last_line(job: Job) -> str:
    lines = [line for line in job.log_from(0, 4096).decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""
