"""One command on a host, in an ssh(1) of its own: its ``Channel``, and the login before it.

Not for starting ssh (``process``), nor for what its words mean (``log``, ``errors``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable

from relstore.client.connection.transport.base import Exit
from relstore.client.connection.transport.exchange import CLOSE_GRACE, Exchange
from relstore.client.connection.transport.login_errors import Stage
from relstore.client.connection.transport.openssh import errors
from relstore.client.connection.transport.openssh.errors import SSH_FAILED, SSHAttempt
from relstore.client.connection.transport.openssh.log import CommandEnd, SSHLog
from relstore.client.connection.transport.openssh.process import SSHProcess
from relstore.client.connection.transport.patience import LOGIN_TIMEOUT

_READ_BYTES = 256 * 1024
_TERM_GRACE = 1.0
_KILL_GRACE = 5.0
_LAST_OUTPUT = 1.0
"""Seconds to wait for the end of its output once ssh has ended: a ControlMaster may still pass some on."""
_UNSAID = 3.0
"""Seconds after the login, after which the command is taken to run though the log does not say so."""


class OpenSSHChannel:
    """The command, and the login before it."""

    def __init__(
        self, label: str, ssh: SSHProcess, attempt: Callable[[SSHLog, str, int], SSHAttempt]
    ) -> None:
        """``attempt`` puts together who was called."""
        self.log = SSHLog()
        self._label = label
        self._ssh = ssh
        self._attempt = attempt
        self._began = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._exchange = Exchange(self._hold, self._release)
        self._news = asyncio.Event()
        """Something was logged, or ssh has ended."""
        self._code: int | None = None
        self._gone = asyncio.Event()
        self._output_ended = False
        self._closed = False
        self._is_ended = False
        """Whether we have ended ssh, so that its exit code is nobody else's."""
        self._released = False

    async def attach(self) -> None:
        """Begin to listen to ssh, which runs already."""
        for stream in (self._ssh.stdin, self._ssh.stdout, self._ssh.stderr):
            os.set_blocking(stream.fileno(), False)
        self._loop.add_reader(self._ssh.log, self._read_log)
        self._loop.add_reader(self._ssh.stderr.fileno(), self._read_errors)
        self._loop.add_reader(self._ssh.stdout.fileno(), self._read_output)
        threading.Thread(target=self._wait, daemon=True).start()

    async def logged_in(self, connect_timeout: float, *, prompts: bool) -> None:
        """Return when the command runs. Raises ConnectError, HostKeyError; close it then."""
        while not self.log.is_running:
            if self._code is not None:
                raise errors.explain(self.attempt())
            was_logged_in = self.log.is_logged_in
            seconds = self._patience(connect_timeout, prompts=prompts)
            self._news.clear()
            try:
                async with asyncio.timeout(self._began + seconds - time.monotonic()):
                    await self._news.wait()
            except TimeoutError:
                if was_logged_in:
                    break
                self._read_log()  # a busy machine may have kept us from listening
                later = self._patience(connect_timeout, prompts=prompts)
                if later <= seconds and not self.log.is_running and self._code is None:
                    raise errors.timed_out(self.attempt(), seconds) from None
        if (refused := errors.refused_after_all(self.attempt())) is not None:
            raise refused

    def attempt(self) -> SSHAttempt:
        """All that is known of the login."""
        return self._attempt(self.log, self.stderr().decode("utf-8", "replace"), self._code or 0)

    async def read(self, limit: int) -> bytes:
        return await self._exchange.output.read(limit)

    async def write(self, data: bytes) -> None:
        # Straight into the pipe, as much as it takes each time: to copy it into a buffer first takes longer.
        left = memoryview(self._ssh.unsent + data if self._ssh.unsent else data)
        self._ssh.unsent = b""
        while left:
            if self._exchange.ended or self._closed:
                raise self._exchange.write_error(self._label)
            try:
                left = left[os.write(self._ssh.stdin.fileno(), left) :]
            except BlockingIOError:
                await self._room()
            except OSError:  # ssh has ended
                raise self._exchange.write_error(self._label) from None

    async def close(self) -> Exit:
        if not self._closed:
            self._closed = True
            self._end_input()
            if self.log.is_running:
                await self._exchange.wait_over(CLOSE_GRACE)
                await _within(CLOSE_GRACE if self._output_ended else 0, self._gone)
            await self._end()
        return self._exchange.exit or Exit(None)

    def stderr(self) -> bytes:
        return bytes(self._exchange.errors)

    # --- what ssh is given ---

    async def _room(self) -> None:
        """Return when the pipe has room, or when ssh has ended."""
        pipe = self._ssh.stdin.fileno()
        self._exchange.hold_writer()
        self._loop.add_writer(pipe, self._exchange.release_writer)
        try:
            await self._exchange.room()
        finally:
            if not self._ssh.stdin.closed:
                self._loop.remove_writer(pipe)

    def _end_input(self) -> None:
        if not self._ssh.stdin.closed:
            self._loop.remove_writer(self._ssh.stdin.fileno())
            self._ssh.stdin.close()
            self._exchange.release_writer()

    # --- what ssh says ---

    def _read_log(self) -> None:
        self._read(self._ssh.log, self.log.feed)
        if self.log.ended is not CommandEnd.NOT_SAID and self._exchange.exit is None:
            # Its code comes with the end of ssh, for which a process that it left behind may keep us waiting.
            self._exchange.exited(Exit(None))
        self._news.set()

    def _read_errors(self) -> None:
        self._read(self._ssh.stderr.fileno(), self._exchange.errors.add)

    def _read_output(self) -> None:
        if not self._read(self._ssh.stdout.fileno(), self._exchange.output.feed):
            self._output_ended = True
            if self._code is not None:
                self._finish()
            else:
                self._await_exit()

    def _read(self, fd: int, feed: Callable[[bytes], None]) -> bool:
        """Whether more may come."""
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if data:
            feed(data)
            return True
        self._loop.remove_reader(fd)
        return False

    def _hold(self) -> None:
        self._loop.remove_reader(self._ssh.stdout.fileno())

    def _release(self) -> None:
        if not self._output_ended and not self._closed:
            self._loop.add_reader(self._ssh.stdout.fileno(), self._read_output)

    # --- how it ends ---

    def _wait(self) -> None:
        code = self._ssh.wait()
        with contextlib.suppress(RuntimeError):  # the loop may have ended before ssh
            self._loop.call_soon_threadsafe(self._exited, code)

    def _await_exit(self) -> None:
        """Its output has ended: the reader is told, unless ssh may yet say that the connection broke off."""
        if self.log.ended is not CommandEnd.NOT_SAID:
            self._exchange.output.end()

    def _exited(self, code: int) -> None:
        self._code = code
        if not self._released:
            self._read_log()
            self._read_errors()
        result = self._result(code)
        if result is not None:
            self._exchange.exited(result)
        self._gone.set()
        self._news.set()
        if self._output_ended or self._closed:
            self._finish()
        elif not self._exchange.output.held:
            self._loop.call_later(_LAST_OUTPUT, self._finish)

    def _result(self, code: int) -> Exit | None:
        """How the command ended; None when only the connection did, as far as is known."""
        if self.log.ended is CommandEnd.BY_SIGNAL:
            return Exit(None, "unknown")
        known = code >= 0 and code != SSH_FAILED
        if self._is_ended and not known:
            return None
        if self.log.is_running and (known or (code == SSH_FAILED and self.log.ended is CommandEnd.BY_ITSELF)):
            return Exit(code)
        return None

    def _finish(self) -> None:
        properly = self._exchange.exit is not None or self._closed
        self._exchange.closed(None if properly else errors.lost(self.attempt()).on(self._label))

    def _patience(self, connect_timeout: float, *, prompts: bool) -> float:
        """Seconds from the start within which the login has to get further."""
        if self.log.is_logged_in:
            return time.monotonic() - self._began + _UNSAID
        if self.log.stage is Stage.LOGGING_IN or (self.log.is_proxied and prompts):
            return connect_timeout + LOGIN_TIMEOUT
        # A jump host's own login is not heard of.
        return connect_timeout * 2 if self.log.is_proxied else connect_timeout

    async def _end(self) -> None:
        """End ssh, unless it ends by itself because others use its connection (ControlMaster)."""
        is_shared = self._output_ended and self.log.ended is not CommandEnd.NOT_SAID
        if not is_shared:
            # It puts the terminal right before it ends, if it was asking for something.
            for number, grace in ((signal.SIGTERM, _TERM_GRACE), (signal.SIGKILL, _KILL_GRACE)):
                if self._code is None:
                    self._is_ended = True
                    self._ssh.signal(number)
                    await _within(grace, self._gone)
        for fd in (self._ssh.log, self._ssh.stderr.fileno(), self._ssh.stdout.fileno()):
            self._loop.remove_reader(fd)
        self._released = True
        self._exchange.closed(None)
        self._ssh.release()


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for it; whether it has come."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
