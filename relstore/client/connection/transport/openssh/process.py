"""A running ssh(1): how it is started, its pipes, and the log that it writes apart from them.

Light to import, so that ssh can be started before everything else. Not for what it says (``log``), nor for
the event loop (``channel``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import tempfile
import threading
import time

from relstore.client.connection.transport import config_files
from relstore.client.connection.transport.address import SSHTarget
from relstore.client.connection.transport.openssh.arguments import arguments
from relstore.client.connection.transport.openssh.spawn import CONFIG, LOG, SpawnedSSH, SSHPlan, remove, spawn
from relstore.client.ssh_program import OpenSSH

_PIPE_BYTES = 256 * 1024
"""Of its standard input. More makes it no faster, and on a slow link it is sent later than progress shows."""
_END_S = 2.0
"""Seconds to end by itself."""
_POLL_S = 0.01

_DEFAULTS = """\
Match all
 UserKnownHostsFile "{home}/.ssh/known_hosts" "{home}/.ssh/known_hosts2"
 IdentityFile "{home}/.ssh/id_ed25519"
 IdentityFile "{home}/.ssh/id_ecdsa"
 IdentityFile "{home}/.ssh/id_rsa"
 IdentityFile "{home}/.ssh/id_ed25519_sk"
 IdentityFile "{home}/.ssh/id_ecdsa_sk"
"""
"""Where HOME is not the account's directory, these are in HOME, as ssh_config is."""


class SSHProcess:
    """ssh, started. ``release`` it when it has ended."""

    def __init__(self, spawned: SpawnedSSH) -> None:
        self.stdin = open(spawned.stdin, "wb", buffering=0)  # noqa: SIM115 - until ``release``
        self.stdout = open(spawned.stdout, "rb", buffering=0)  # noqa: SIM115
        self.stderr = open(spawned.stderr, "rb", buffering=0)  # noqa: SIM115
        self.unsent = spawned.unsent
        """What its command is still to read first."""
        self.log = spawned.log
        """A descriptor from which its log is read; reading does not wait."""
        self._pid = spawned.pid
        self._leads = spawned.plan.leads
        self._directory = spawned.directory
        self._code: int | None = None
        self._reaping = threading.Lock()
        """Until it is reaped, its number is nobody else's."""
        _widen(spawned.stdin)

    @classmethod
    def start(cls, plan: SSHPlan) -> SSHProcess:
        """Raises OSError."""
        return cls(spawn(plan, dict(os.environ)))  # noqa: TID251 - it is the person's own ssh

    def wait(self) -> int:
        """Its exit code, when it has ended; for a thread."""
        while self._code is None:
            with contextlib.suppress(ChildProcessError):  # reaped meanwhile, by ``end``
                os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
            self._reap()
        return self._code

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing where it has ended."""
        with self._reaping:
            if self._code is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    (os.killpg if self._leads else os.kill)(self._pid, number)

    def end(self) -> None:
        """End it when nobody wants it any more."""
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + _END_S
        while not self._reap() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        self.signal(signal.SIGKILL)
        self.wait()
        self.release()

    def release(self) -> None:
        """Close what is still open of it here. May be called twice."""
        if self._directory:
            for stream in (self.stdin, self.stdout, self.stderr):
                with contextlib.suppress(OSError):
                    stream.close()
            os.close(self.log)
            remove(self._directory)
            self._directory = ""

    def _reap(self) -> bool:
        """Whether it has ended."""
        with self._reaping:
            if self._code is None:
                ended, status = os.waitpid(self._pid, os.WNOHANG)
                if ended:
                    self._code = os.waitstatus_to_exitcode(status)
            return self._code is not None


def plan_of(
    how: OpenSSH, target: SSHTarget, command: str, opening: bytes, paths: tuple[str, ...], home: str
) -> SSHPlan:
    """``opening``: what ``command`` reads first; ``paths``: the files of the account's ssh_config."""
    written: list[str] = []

    def write(text: str) -> str:
        written.append(text)
        return CONFIG

    try:
        defaults = "" if config_files.ssh_home() == home else _DEFAULTS.format(home=_quoted(home))
        configuration = config_files.arguments(paths, write, defaults)
    except KeyError:
        configuration = []  # ssh says itself that it does not run for such an account
    words = arguments(target, command, configuration, LOG, prompts=how.prompts)
    return SSHPlan(
        (how.program, *words),
        "".join(written),
        tempfile.gettempdir(),
        leads=not how.prompts,
        opening=opening,
    )


def _widen(pipe: int) -> None:
    """Let more wait in the pipe, so that bulk bytes pass with fewer switches between ssh and this process.

    Where the system does not know that, or the account has many such pipes, it stays as it is.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _quoted(path: str) -> str:
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
