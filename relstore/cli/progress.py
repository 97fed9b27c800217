"""What a person sees while the client works: a line for each host on a terminal, lines one by one elsewhere.

On a terminal the lines last as long as the work, and a sum is left (``live_area``, ``host_lines``).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from relstore.cli import host_lines, text
from relstore.cli.console import Console, fitting, whole_lines
from relstore.cli.host_lines import HostLines
from relstore.cli.live_area import LiveArea
from relstore.cli.unexpected import say_accepted
from relstore.client.reporter import Reporter

_PLAIN_EVERY_S = 5.0


class ConsoleReporter(Reporter):
    """Prints to standard error, so that reports on standard output stay clean. Use as a context."""

    def __init__(self, console: Console, hosts: Sequence[str]) -> None:
        """``hosts``: the labels of all hosts that will be worked with."""
        self._console = console
        self._hosts = hosts
        self._began = time.monotonic()
        self._lines = HostLines(hosts, self._began)
        self._area: LiveArea | None = None
        self._changes_something = False
        self._sent: dict[str, int] = {}
        self._fetched = 0
        self._last_line: dict[str, float] = {}
        self._accepted: dict[str, str] = {}

    def __enter__(self) -> ConsoleReporter:
        self._began = time.monotonic()
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not self._console.quiet:
            self._area = LiveArea(
                sys.stderr, lambda columns, rows: self._lines.shown(time.monotonic(), columns, rows)
            )
            self._area.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._area is not None:
            self._area.stop()
            if error is None and self._changes_something:
                sent = f"{text.size(sum(self._sent.values()))}, " if self._sent else ""
                if self._fetched:
                    sent += f"{text.size(self._fetched)} fetched from the origin, "
                seconds = time.monotonic() - self._began
                self._write(f"{text.plural(len(self._hosts), 'host')}, {sent}{seconds:.1f} s")
        if error is not None:
            say_accepted(error, self._accepted)

    def where(self, line: str) -> None:
        """Where the rollout is, with the numbers of its hosts."""
        self._lines.head = line

    def rollout_line(self, line: str, *, stays: bool) -> None:
        """What happened in a rollout of several hosts. ``stays``: a terminal keeps it, above what changes."""
        if not self._console.quiet and (self._area is None or (stays and self._lines.are_many)):
            self._write(line)

    def notice(self, line: str) -> None:
        self._console.note(line)

    def step(self, host: str, line: str) -> None:
        self._changes_something = True
        self._lines.step(host, line, time.monotonic())
        if self._area is None and not self._console.quiet and not self._lines.are_many:
            self._write(f"{host}: {line}")

    def waits(self, host: str, step: str, text: str) -> None:
        self._lines.remark(host, step, text, time.monotonic())

    def detail(self, host: str, line: str) -> None:
        if self._console.verbose:
            self._write(f"{host}: {line}")

    def output(self, host: str, data: bytes) -> None:
        if self._console.quiet or (host and self._lines.are_many and not self._console.verbose):
            return  # the host's record keeps what matters of it
        prefix = f"{host} | " if len(self._hosts) > 1 and host else "  | " if host else ""
        for line in data.decode("utf-8", "replace").splitlines():
            for part in whole_lines(prefix + line, len(prefix), sys.stderr):
                sys.stderr.write(f"{part}\n")
        sys.stderr.flush()

    def accepted(self, host: str, job: str) -> None:
        self._accepted[host] = job

    def ended(self, host: str, outcome: str) -> None:
        self._lines.end(host, outcome, time.monotonic())

    def progress(self, host: str, done: int, total: int, sent: int) -> None:
        self._now_and_then(
            host, host_lines.SENDING, f"{text.size(done)} of {text.size(total)}, sent as {text.size(sent)}"
        )

    def count(self, host: str, what: str, done: int, total: int) -> None:
        self._now_and_then(host, host_lines.CHECKING, f"{done:,} of {total:,} {what}")

    def drew(self, host: str, drawn: int) -> None:
        self._now_and_then(host, host_lines.SENDING, f"{text.size(drawn)} fetched from the origin")

    def sent(self, host: str, total: int, sent: int, seconds: float, drawn: int = 0) -> None:
        self._changes_something = True
        self._sent[host] = self._sent.get(host, 0) + sent
        self._fetched += drawn
        self._lines.end(host, host_lines.STORED, time.monotonic())
        if self._area is not None or self._console.quiet or self._lines.are_many:
            return
        what = text.size(sent)
        if drawn:
            what += f" and fetched {text.size(drawn)} from the origin"
        if text.size(total) != what:
            what += f" for {text.size(total)}"
        rate = f" in {seconds:.1f} s, {text.size(int(sent / seconds))}/s" if seconds >= 0.1 else ""
        self._write(f"{host}: sent {what}{rate}")

    def _now_and_then(self, host: str, step: str, line: str) -> None:
        now = time.monotonic()
        self._lines.remark(host, step, line, now)
        if self._area is not None or self._console.quiet or self._lines.are_many:
            return
        if now - self._last_line.setdefault(host, now) >= _PLAIN_EVERY_S:
            self._last_line[host] = now
            self._write(f"{host}: {line}")

    @staticmethod
    def _write(line: str) -> None:
        sys.stderr.write("".join(f"{each}\n" for each in fitting(line, 2, sys.stderr)))
        sys.stderr.flush()
