"""Reads the journal export format, which ``journalctl --output=export`` prints, within bounds. Pure.

An entry is lines ``NAME=text``, or ``NAME``, a length (64 bits, little-endian) and as many bytes, up to an
empty line (systemd.io/JOURNAL_EXPORT_FORMATS). Not for running journalctl (``unit_journal``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

MAX_VALUE = 256 * 1024
"""Bytes of a value. A longer one is left out of its entry."""
_LENGTH_BYTES = 8
_NAME = re.compile(rb"[A-Z0-9_]{1,64}")

Entry = Mapping[bytes, bytes]
"""The values by their names. Of several with one name, the first."""


class ExportReader:
    """Feed it bytes, take whole entries."""

    def __init__(self) -> None:
        self._rest = b""
        self._entry: dict[bytes, bytes] = {}
        self._skip = 0
        """How many bytes of a long value are still to be dropped."""
        self._drops_line = False
        self.complaint = b""
        """The last line that belongs to no entry: what the program says when it fails."""

    def feed(self, data: bytes) -> Iterator[Entry]:
        """The entries that are whole now."""
        self._rest += data
        at = 0
        while True:
            if self._skip:
                dropped = min(self._skip, len(self._rest) - at)
                at, self._skip = at + dropped, self._skip - dropped
            end = self._rest.find(b"\n", at)
            after = end + 1
            if self._skip or end < 0:
                break
            line = self._rest[at:end]
            if self._drops_line:
                self._drops_line = False
            elif not line:
                if self._entry:
                    yield self._entry
                    self._entry = {}
            elif _NAME.fullmatch(line):
                value_at = after + _LENGTH_BYTES
                if len(self._rest) < value_at:
                    break
                length = int.from_bytes(self._rest[after:value_at], "little")
                after = value_at
                if length > MAX_VALUE:
                    self._skip = length + 1
                elif len(self._rest) < value_at + length + 1:
                    break
                else:
                    self._entry.setdefault(line, self._rest[value_at : value_at + length])
                    after = value_at + length + 1
            else:
                self._take(line)
            at = after
        self._rest = self._rest[at:]
        if not self._skip and self._rest.find(b"\n") < 0 and len(self._rest) > MAX_VALUE:
            self._rest, self._drops_line = b"", True

    def _take(self, line: bytes) -> None:
        name, equals, value = line.partition(b"=")
        if equals and _NAME.fullmatch(name):
            self._entry.setdefault(name, value)
        else:
            self.complaint = line[:500]
