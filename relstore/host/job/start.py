"""Starting a job so that it outlives the session: nohup, a session of its own, no shared streams.

Where systemd is at hand the job also gets a scope of its own, outside the login session that logind may
end. What is best is decided in ``choose``, from what was found out; which it became, the job says itself
(``Job.method``). Not for what the job does (``process``).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import NamedTuple

from relstore.errors import RefusedError, StoreError
from relstore.formats.journal import FAILED
from relstore.formats.names import AppName
from relstore.host.job.directory import LOG, Job
from relstore.host.job.values import DONE, QUEUED, JobState
from relstore.host.machine import logind
from relstore.host.machine.logind import Logout
from relstore.host.service.systemd import Systemd

NOHUP = "nohup"
SCOPE = "systemd-run"
USER_SCOPE = "systemd-run --user"
_HINTS = {
    NOHUP: "The host needs nohup (coreutils or busybox) on the account's PATH.",
    SCOPE: "Does `systemd-run --scope true` work there?",
    USER_SCOPE: "Does `systemd-run --user --scope true` work there for this account?",
}
_START_S = 20.0
_POLL_S = 0.005


class Helper(NamedTuple):
    """What runs a job: the path of the unpacked helper, and the password for sudo (or ``""``)."""

    path: str
    password: str = ""


def choose(*, systemd: bool, root: bool, logout: Logout) -> str:
    """The way to start a job that survives. Raises RefusedError where none does."""
    if systemd and root:
        return SCOPE
    if not (systemd and logout.kills):
        return NOHUP
    if logout.lingers:
        return USER_SCOPE
    raise RefusedError(
        f"this host ends all processes of {logout.account} when its last session ends, and so would end the "
        "activation when the connection drops",
        state="Nothing was switched.",
        hint=f"Once, as root there: loginctl enable-linger {logout.account}",
    )


def method() -> str:
    """``choose`` for this session of this host."""
    return choose(systemd=Systemd.is_here(), root=os.geteuid() == 0, logout=logind.at_logout())


def seen_method() -> str:
    """How this process, a job, is kept alive, by where it is."""
    place = logind.cgroup()
    if "/relstore-" not in place:
        return NOHUP
    return USER_SCOPE if "/user@" in place else SCOPE


def start(helper: Helper, root: str, app: AppName, job: Job, lock: int, way: str) -> None:
    """Start the process of ``job`` and see it begin; it inherits ``lock``, held for as long as it lives.

    The environment is the session's. Raises StoreError.
    """
    try:
        problem = _try(helper, root, app, job, lock, way)
        if problem and way == SCOPE:
            # Root's sessions are not ended by logind, so a manager that does not answer is no obstacle.
            problem = _try(helper, root, app, job, lock, NOHUP)
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


def _try(helper: Helper, root: str, app: AppName, job: Job, lock: int, way: str) -> str:
    """Start it in one way; ``""`` once it has begun, else why it did not."""
    words = [sys.executable, "-I", "-S", "-X", "utf8", helper.path, "job", root, app, job.id]
    pass_fds = [lock]
    secret = _pipe(helper.password) if helper.password else None
    if secret is not None:
        words.append(str(secret))
        pass_fds.append(secret)
    # Readable too: the job quotes the end of its log in the record of a failure.
    log = job.directory.open_to_write(LOG, os.O_APPEND)
    try:
        process = subprocess.Popen(
            [*_wrap(way, app, job), NOHUP, *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=pass_fds,
            cwd="/",
            env=_environment(),
        )
    except OSError as error:
        return f"the job could not be started: {NOHUP}: {error.strerror}"
    finally:
        os.close(log)
        if secret is not None:
            os.close(secret)
    deadline = time.monotonic() + _START_S
    while job.state().step == QUEUED and time.monotonic() < deadline:
        if process.poll() is not None and job.state().step == QUEUED:
            return f"the job could not be started: {_last_line(job) or f'exit code {process.returncode}'}"
        time.sleep(_POLL_S)
    # It is not waited for: it belongs to the host from here on.
    process.returncode = 0
    return ""


def _wrap(way: str, app: AppName, job: Job) -> list[str]:
    if way == NOHUP:
        return []
    manager = ["--user"] if way == USER_SCOPE else []
    words = ["--scope", "--quiet", "--collect", f"--unit=relstore-{app}-{job.id}"]
    return ["systemd-run", *manager, *words, f"--description=relstore: activation of {app}", "--"]


def _environment() -> dict[str, str]:
    """The session's, and where the account's own manager is, which a session without PAM lacks."""
    return {"XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}", **os.environ}  # noqa: TID251


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
