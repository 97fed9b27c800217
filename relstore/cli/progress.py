"""What a person sees while the client works: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from relstore.cli import text
from relstore.cli.console import Console
from relstore.cli.unexpected import say_accepted
from relstore.client.reporter import Reporter

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PLAIN_EVERY_S = 5.0
_BAR_FROM_BYTES = 1_000_000


class ConsoleReporter(Reporter):
    """Prints to standard error, so that reports on standard output stay clean. Use as a context."""

    def __init__(self, console: Console, *, several: bool) -> None:
        self._console = console
        self._several = several
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last_line: dict[str, float] = {}
        self._accepted: dict[str, str] = {}

    def __enter__(self) -> ConsoleReporter:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._end_bar()
        if error is not None:
            say_accepted(error, self._accepted)

    def notice(self, line: str) -> None:
        self._end_bar()
        self._console.note(line)

    def step(self, host: str, line: str) -> None:
        self._end_bar()
        if not self._console.quiet:
            self._write(f"{host}: {line}")

    def detail(self, host: str, line: str) -> None:
        if self._console.verbose:
            self._end_bar()
            self._write(f"{host}: {line}")

    def output(self, host: str, data: bytes) -> None:
        if self._console.quiet:
            return
        self._end_bar()
        prefix = f"{host} | " if self._several and host else "  | " if host else ""
        for line in data.decode("utf-8", "replace").splitlines():
            self._write(prefix + line)

    def accepted(self, host: str, job: str) -> None:
        self._accepted[host] = job

    def progress(self, host: str, done: int, total: int, sent: int) -> None:
        if self._console.quiet:
            return
        if sys.stderr.isatty() and total >= _BAR_FROM_BYTES:
            self._draw(host, done, total)
        else:
            self._now_and_then(host, f"{text.size(done)} of {text.size(total)}, sent as {text.size(sent)}")

    def count(self, host: str, what: str, done: int, total: int) -> None:
        if not self._console.quiet:
            self._now_and_then(host, f"{done:,} of {total:,} {what}")

    def sent(self, host: str, total: int, sent: int, seconds: float) -> None:
        self._end_bar()
        if self._console.quiet:
            return
        what = text.size(sent)
        if text.size(total) != what:
            what += f" for {text.size(total)}"
        rate = f" in {seconds:.1f} s, {text.size(int(sent / seconds))}/s" if seconds >= 0.1 else ""
        self._write(f"{host}: sent {what}{rate}")

    def _now_and_then(self, host: str, line: str) -> None:
        now = time.monotonic()
        if now - self._last_line.setdefault(host, now) >= _PLAIN_EVERY_S:
            self._last_line[host] = now
            self._write(f"{host}: {line}")

    def _draw(self, host: str, done: int, total: int) -> None:
        if self._bar is None:
            from rich.console import Console as RichConsole
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=RichConsole(stderr=True, no_color=not self._console.color),
            )
            self._bar.start()
            self._tasks = {}
        if host not in self._tasks:
            self._tasks[host] = self._bar.add_task(text.one_line(host), total=total)
        self._bar.update(self._tasks[host], completed=done)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    @staticmethod
    def _write(line: str) -> None:
        sys.stderr.write(text.escape(line) + "\n")
        sys.stderr.flush()
