"""The file of ``--events``: what happens in a rollout, a line of JSON each.

A file that cannot be written to any more ends nothing. Not for what a person reads (``rollout_view``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

from relstore.errors import UsageError

VERSION = 1


class EventFile:
    """Open for appending. ``path``: None for nowhere."""

    def __init__(self, path: Path | None, note: Callable[[str], None]) -> None:
        """Raises UsageError."""
        self._note = note
        self._file: FileIO | None = None
        if path is not None:
            try:
                self._file = path.open("ab", buffering=0)
            except OSError as error:
                raise UsageError(f"--events {path}: {error.strerror}") from None

    def write(self, event: str, **fields: Any) -> None:
        if self._file is None:
            return
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            line = json.dumps({"v": VERSION, "time": moment, "event": event, **fields})
            self._file.write(line.encode() + b"\n")
        except OSError as error:
            self.close()
            self._note(f"--events: no more is written there: {error.strerror}")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
