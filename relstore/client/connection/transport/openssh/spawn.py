"""Starts ssh(1) from a plan that says all about it, with pipes for its streams and a FIFO for its log.

Imports next to nothing, so that it can be the first thing that a run does. Not for making the plan, nor for
what becomes of the process (``process``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

PLACE = "\x01"
"""Stands in a plan for the directory that is made for each ssh."""
_POLL_S, _END_POLLS = 0.005, 200
LOG, CONFIG = f"{PLACE}/log", f"{PLACE}/config"


class SSHPlan:
    """How ssh is to be started: equal plans start equal processes."""

    __slots__ = ("configuration", "leads", "opening", "temporary", "words")

    def __init__(
        self,
        words: tuple[str, ...],
        configuration: str,
        temporary: str,
        *,
        leads: bool,
        opening: bytes = b"",
    ) -> None:
        self.words = words
        self.configuration = configuration
        """What the file CONFIG says; ``""`` without one."""
        self.temporary = temporary
        """Where the directory is made."""
        self.leads = leads
        """In a session of its own. Without one it can ask at the terminal, where Ctrl-C is for us."""
        self.opening = opening
        """What its command reads first."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SSHPlan) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[object, ...]:
        return self.words, self.configuration, self.temporary, self.leads, self.opening


class SpawnedSSH:
    """A running ssh: its process, our ends of its streams, and its log, from which reading does not wait."""

    __slots__ = ("directory", "log", "pid", "plan", "stderr", "stdin", "stdout", "unsent")

    def __init__(
        self,
        plan: SSHPlan,
        pid: int,
        streams: tuple[int, int, int],
        log: int,
        directory: str,
        unsent: bytes,
    ) -> None:
        self.plan = plan
        self.pid = pid
        self.stdin, self.stdout, self.stderr = streams
        self.log = log
        self.directory = directory
        self.unsent = unsent
        """The rest of the plan's opening, for which the pipe had no room."""

    def abandon(self) -> None:
        """End it, before anybody asked anything of it; wait a moment, since it may have to put the terminal
        right."""
        with contextlib.suppress(OSError):
            (os.killpg if self.plan.leads else os.kill)(self.pid, signal.SIGTERM)
        for fd in (self.stdin, self.stdout, self.stderr, self.log):
            with contextlib.suppress(OSError):
                os.close(fd)
        remove(self.directory)
        with contextlib.suppress(ChildProcessError):
            for _ in range(_END_POLLS):
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    break
                time.sleep(_POLL_S)


def spawn(plan: SSHPlan, environment: dict[str, str]) -> SpawnedSSH:
    """Raises OSError."""
    directory = os.path.join(plan.temporary, f"relstore-ssh-{os.urandom(8).hex()}")
    os.mkdir(directory, 0o700)
    opened: list[int] = []
    try:
        fifo = LOG.replace(PLACE, directory)
        os.mkfifo(fifo, 0o600)
        # For writing too: otherwise it would look ended until ssh opens it.
        log = os.open(fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        opened.append(log)
        if plan.configuration:
            with open(
                CONFIG.replace(PLACE, directory), "x", encoding="utf-8", errors="surrogateescape"
            ) as file:
                file.write(plan.configuration)
        (stdin, ours), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
        opened += [stdin, ours, out, stdout, err, stderr]
        words = [word.replace(PLACE, directory) for word in plan.words]
        pid = os.posix_spawnp(
            words[0],
            words,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((stdin, stdout, stderr))
            ],
            setsid=plan.leads,
            # Blocked there, SIGINT is for us alone.
            setsigmask=[] if plan.leads else [signal.SIGINT],
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
    except BaseException:
        for fd in opened:
            os.close(fd)
        remove(directory)
        raise
    for fd in (stdin, stdout, stderr):
        os.close(fd)
    return SpawnedSSH(plan, pid, (ours, out, err), log, directory, _put(ours, plan.opening))


def _put(pipe: int, data: bytes) -> bytes:
    """Put as much into a pipe as it takes; the rest."""
    os.set_blocking(pipe, False)
    with contextlib.suppress(OSError):  # full, or ssh has ended, which whoever waits for it finds out
        data = data[os.write(pipe, data) :]
    os.set_blocking(pipe, True)
    return data


def remove(directory: str) -> None:
    """The directory of one ssh, with what is in it."""
    for path in (LOG, CONFIG):
        with contextlib.suppress(OSError):
            os.unlink(path.replace(PLACE, directory))
    with contextlib.suppress(OSError):
        os.rmdir(directory)
