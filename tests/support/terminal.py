"""A terminal of a given size: what a program shows on it, line by line."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.cells import cell_len

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def screen_of(words: Sequence[str], columns: int, environment: Mapping[str, str], directory: Path) -> str:
    """What ``words`` writes to a terminal of so many columns, without its colours.

    Fails where the program did anything but write lines, each within the columns.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=dict(environment), cwd=directory
    ) as process:
        os.close(theirs)
        shown = all_of(ours)
        assert process.stderr is not None
        complaint = process.stderr.read().decode()
    os.close(ours)
    assert process.returncode == 0, f"{words}: {shown}{complaint}"
    text = _COLOUR.sub("", shown).replace("\r\n", "\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text), f"{words} moves the cursor: {text!r}"
    folded = [line for line in text.splitlines() if cell_len(line) > columns]
    assert not folded, f"{words} at {columns} columns: the terminal folds {folded}"
    return text


def all_of(descriptor: int) -> str:
    shown = b""
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # how Linux says that nobody has the other end open
            data = b""
        if not data:
            return shown.decode()
        shown += data


class Screen:
    """What stands on a terminal, of the few control sequences that relstore uses."""

    def __init__(self) -> None:
        self.lines = [""]
        self._row = 0
        self._column = 0

    def feed(self, text: str) -> None:
        for part in re.findall(r"\x1b\[\d*[A-Za-z]|\r|\n|[^\x1b\r\n]+", _COLOUR.sub("", text)):
            if part == "\r":
                self._column = 0
            elif part == "\n":
                self._row += 1
                if self._row == len(self.lines):
                    self.lines.append("")
            elif part.endswith("A"):
                self._row = max(self._row - int(part[2:-1] or 1), 0)
            elif part.endswith("J"):
                self.lines[self._row] = self.lines[self._row][: self._column]
                del self.lines[self._row + 1 :]
            else:
                assert part[0] != "\x1b", f"an unknown control sequence: {part!r}"
                line = self.lines[self._row].ljust(self._column)
                self.lines[self._row] = line[: self._column] + part + line[self._column + len(part) :]
                self._column += len(part)
