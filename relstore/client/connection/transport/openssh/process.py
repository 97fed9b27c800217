"""A running ssh(1): how it is started, its pipes, and the log that it writes apart from them.

Light to import, so that ssh can be started before everything else. Not for what it says (``log``), nor for
the event loop (``channel``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from relstore.client.connection.transport import config_files
from relstore.client.connection.transport.address import SSHTarget
from relstore.client.connection.transport.openssh.arguments import arguments
from relstore.client.ssh_program import OpenSSH

_PIPE_BYTES = 256 * 1024
"""Of its standard input. More makes it no faster, and on a slow link it is sent later than progress shows."""
_END_S = 2.0
"""Seconds to end by itself."""

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

    def __init__(self, process: subprocess.Popen[bytes], log: int, directory: str, *, leads: bool) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise OSError("ssh has no standard streams")
        self.stdin, self.stdout, self.stderr = process.stdin, process.stdout, process.stderr
        self.log = log
        """A descriptor from which its log is read; reading does not wait."""
        self._process = process
        self._directory = directory
        self._leads = leads

    @classmethod
    def start(
        cls,
        how: OpenSSH,
        target: SSHTarget,
        command: str,
        paths: tuple[str, ...],
        home: str,
    ) -> SSHProcess:
        """``paths``: the files of the account's ssh_config. Raises OSError."""
        directory = tempfile.mkdtemp(prefix="relstore-ssh-")
        with contextlib.ExitStack() as failed:
            failed.callback(shutil.rmtree, directory, ignore_errors=True)
            fifo = os.path.join(directory, "log")
            os.mkfifo(fifo, 0o600)
            # For writing too: otherwise it would look ended until ssh opens it.
            log = os.open(fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            failed.callback(os.close, log)
            configuration = _configuration(paths, home, os.path.join(directory, "config"))
            words = arguments(target, command, configuration, fifo, prompts=how.prompts)
            process = _start([how.program, *words], leads=not how.prompts)
            if process.stdin is not None:
                _widen(process.stdin.fileno())
            failed.pop_all()
        return cls(process, log, directory, leads=not how.prompts)

    def wait(self) -> int:
        """Its exit code, when it has ended; for a thread."""
        return self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing where it has ended."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if self._leads:
                    os.killpg(self._process.pid, number)
                else:
                    self._process.send_signal(number)

    def end(self) -> None:
        """End it when nobody wants it any more."""
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self._process.wait()
        self.release()

    def release(self) -> None:
        """Close what is still open of it here. May be called twice."""
        if self._directory:
            for stream in (self.stdin, self.stdout, self.stderr):
                with contextlib.suppress(OSError):
                    stream.close()
            os.close(self.log)
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = ""


def _widen(pipe: int) -> None:
    """Let more wait in the pipe, so that bulk bytes pass with fewer switches between ssh and this process.

    Where the system does not know that, or the account has many such pipes, it stays as it is.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _start(words: Sequence[str], *, leads: bool) -> subprocess.Popen[bytes]:
    """``leads``: in a session of its own. Without one it can ask at the terminal, where Ctrl-C is for us."""
    # Blocked here, SIGINT is blocked in ssh and in what it starts; one that comes meanwhile is not lost.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, () if leads else (signal.SIGINT,))
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=leads,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _configuration(paths: tuple[str, ...], home: str, file: str) -> list[str]:
    def write(text: str) -> str:
        with open(file, "x", encoding="utf-8", errors="surrogateescape") as opened:
            opened.write(text)
        return file

    try:
        defaults = "" if config_files.ssh_home() == home else _DEFAULTS.format(home=_quoted(home))
        return config_files.arguments(paths, write, defaults)
    except KeyError:
        return []  # ssh says itself that it does not run for such an account


def _quoted(path: str) -> str:
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
