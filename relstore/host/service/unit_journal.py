"""The lines of units in the host's journal, as they are and as they come, through ``journalctl``.

What is written there is whatever a release prints, so everything is bounded: a line, and what is held
of it at any moment. Not for the last words of a release that failed (``unit_output``).
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import IO, Optional, cast

from relstore.errors import RelstoreError
from relstore.formats.names import UnitName
from relstore.host.machine import tools
from relstore.host.service.journal_export import MAX_VALUE, Entry, ExportReader
from relstore.protocol import LogLine

MAX_TEXT = 4000
"""Characters of a line."""
_CUT = "…"
_LEFT_OUT = f"[a message of more than {MAX_VALUE // 1024} KiB is left out]"
_READ_BYTES = 64 * 1024
_FIELDS = "MESSAGE,_SYSTEMD_UNIT,_SYSTEMD_USER_UNIT,UNIT,USER_UNIT,_PID,SYSLOG_IDENTIFIER,PRIORITY"
_PLACE = re.compile(r"[0-9A-Za-z=;-]{1,400}")
_POLL_S = 1.0


class UnitJournal:
    """A running ``journalctl``. Use it as a context: its end is the program's end too."""

    def __init__(
        self, units: Sequence[UnitName], *, user: bool, last: int = 0, after: str = "", follow: bool = False
    ) -> None:
        """``after``: a ``place``; without one the ``last`` lines. Raises RelstoreError."""
        if after and not _PLACE.fullmatch(after):
            raise RelstoreError("that is no place in a journal")
        selector = "--user-unit" if user else "--unit"
        self._words = [
            "journalctl", "--quiet", "--no-pager", "--all", "--output=export", f"--output-fields={_FIELDS}",
            *(f"{selector}={unit}" for unit in units),
            *([f"--after-cursor={after}", "--no-tail"] if after else [f"--lines={last}"]),
            *(["--follow"] if follow else []),
        ]  # fmt: skip
        self.place = after
        """Behind the last line that was given."""
        self._reader = ExportReader()

    def __enter__(self) -> UnitJournal:
        try:
            self._process = subprocess.Popen(
                self._words,
                env=tools.environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise RelstoreError(f"journalctl: {error.strerror}", hint="Is systemd's journal there?") from None
        self._output = cast("IO[bytes]", self._process.stdout)
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._output.close()
        self._process.wait()

    def lines(self, deadline: Optional[float], client: int) -> Iterator[list[LogLine]]:
        """The lines by and by, until the program ends, the ``deadline`` of the monotonic clock has come, or
        something arrives at the descriptor ``client``: the client has hung up, or wants something else.

        Raises RelstoreError where journalctl fails.
        """
        output = self._output.fileno()
        poll = select.poll()
        poll.register(output, select.POLLIN)
        poll.register(client, select.POLLIN)
        while True:
            left = _POLL_S if deadline is None else min(_POLL_S, deadline - time.monotonic())
            if left <= 0:
                return
            ready = {descriptor for descriptor, _ in poll.poll(left * 1000)}
            if client in ready:
                return
            if output not in ready:
                continue
            data = os.read(output, _READ_BYTES)
            if not data:
                self._check_end()
                return
            found = [self._line(entry) for entry in self._reader.feed(data)]
            if found:
                yield found

    def _check_end(self) -> None:
        code = self._process.wait()
        if code != 0:
            said = self._reader.complaint.decode("utf-8", "replace").strip()
            raise RelstoreError(
                f"the journal cannot be read: {said or f'journalctl ended with exit code {code}'}",
                hint="`journalctl` there, by hand, says more.",
            )

    def _line(self, entry: Entry) -> LogLine:
        place = _text(entry, b"__CURSOR")
        if _PLACE.fullmatch(place):
            self.place = place
        text = _text(entry, b"MESSAGE") if b"MESSAGE" in entry else _LEFT_OUT
        return LogLine(
            _number(entry, b"__REALTIME_TIMESTAMP") or 0,
            _writer(entry),
            _number(entry, b"_PID") or 0,
            _number(entry, b"PRIORITY"),
            cut(text),
        )


def cut(text: str) -> str:
    """``text``, of bounded length."""
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + _CUT


def _writer(entry: Entry) -> str:
    """The unit whose process wrote it; systemd, where that wrote about a unit."""
    if b"UNIT" in entry or b"USER_UNIT" in entry:
        return "systemd"
    names = (b"_SYSTEMD_USER_UNIT", b"_SYSTEMD_UNIT", b"SYSLOG_IDENTIFIER")
    unit = next(filter(None, (_text(entry, name) for name in names)), "")
    return unit[:300].removesuffix(".service")


def _text(entry: Entry, name: bytes) -> str:
    return entry.get(name, b"").decode("utf-8", "replace")


def _number(entry: Entry, name: bytes) -> Optional[int]:
    text = _text(entry, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
