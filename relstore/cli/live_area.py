"""Lines at the bottom of a terminal that change while the program works, and are gone at the end.

Whatever else is written meanwhile stands above them. Not for what the lines say (``progress``).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, TextIO

FIRST_AFTER_S = 0.2
"""What is done sooner than this needs no lines."""

_EVERY_S = 0.1
_UP = "\x1b[{}A"
_ERASE_BELOW = "\x1b[J"

Lines = Callable[[int, int], Sequence[str]]
"""The lines for a terminal of so many columns and rows, none of them wider."""


class LiveArea:
    """The lines, drawn on ``stream`` again and again between ``start`` and ``stop``."""

    def __init__(self, stream: TextIO, lines: Lines) -> None:
        self._stream = stream
        self._lines = lines
        self._drawn = 0
        self._last: list[str] = []
        self._column_is_0 = True
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live area", daemon=True)
        self._streams: tuple[TextIO, TextIO] | None = None

    def start(self) -> None:
        """Draw from now on. Standard output and standard error write above the lines."""
        self._streams = sys.stdout, sys.stderr
        if sys.stdout.isatty():
            sys.stdout = _Above(sys.stdout, self)
        sys.stderr = _Above(sys.stderr, self)
        self._thread.start()

    def stop(self) -> None:
        """Take the lines away."""
        if self._streams is None:
            return
        self._ended.set()
        self._thread.join()
        self._erase()
        self._stream.flush()
        sys.stdout, sys.stderr = self._streams
        self._streams = None

    def above(self, stream: TextIO, text: str) -> int:
        """Write ``text`` to ``stream`` as if the lines were not there."""
        with self._lock:
            self._erase()
            self._stream.flush()
            written = stream.write(text)
            stream.flush()
            if text:
                self._column_is_0 = text.endswith("\n")
            return written

    def _run(self) -> None:
        pause = FIRST_AFTER_S
        while not self._ended.wait(pause):
            pause = _EVERY_S
            with self._lock:
                if self._column_is_0:
                    self._draw()

    def _draw(self) -> None:
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except OSError:
            return
        # In the last column some terminals are on the next line already.
        lines = list(self._lines(columns - 1, rows))
        if self._drawn and lines == self._last:
            return  # a terminal that is written to for nothing flickers
        back = f"\r{_UP.format(self._drawn) if self._drawn else ''}{_ERASE_BELOW}" if self._drawn else ""
        self._stream.write(back + "".join(f"{line}\n" for line in lines))
        self._stream.flush()
        self._drawn, self._last = len(lines), lines

    def _erase(self) -> None:
        if self._drawn:
            self._stream.write(f"\r{_UP.format(self._drawn)}{_ERASE_BELOW}")
            self._drawn = 0


class _Above:
    """A stream of the process, while the area is drawn."""

    def __init__(self, stream: TextIO, area: LiveArea) -> None:
        self._stream = stream
        self._area = area

    def write(self, text: str) -> int:
        return self._area.above(self._stream, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
