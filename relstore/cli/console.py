"""The one place that prints. Reports go to standard output, everything else to standard error.

All text is escaped. A terminal gets lines that fit it, ages, and colours unless NO_COLOR is set; a pipe gets
everything, with full times. Not for progress (``progress``).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import click

from relstore.cli import text
from relstore.cli.given import given
from relstore.cli.table import Column, drawn
from relstore.errors import RelstoreError

SCHEMA = 1
"""The version of the JSON documents; raised when a field changes its meaning or is removed."""

_WIDTH = 80
"""The columns of a terminal that does not say how many it has."""


@dataclass(frozen=True)
class Console:
    """How to print in this run."""

    json: bool
    quiet: bool
    verbose: bool
    terminal: bool
    """Whether standard output is a terminal."""
    color: bool

    def report(self, line: str = "", *, hang: int | None = None) -> None:
        """A line of the report itself, which is printed even with ``-q``.

        With ``hang``, a terminal gets it in lines that fit; all but the first begin with so many blanks.
        """
        if not self.json:
            self._write(line, hang)

    def stream(self, lead: str, style: str, line: str) -> None:
        """A line of what many write: ``lead`` says who, in the colour ``style``."""
        if not self.json:
            said = text.one_line(lead)
            first, *others = whole_lines(said + text.one_line(line), len(said) or 2, sys.stdout)
            sys.stdout.write(f"{self._paint(said, style)}{first.removeprefix(said)}\n")
            sys.stdout.write("".join(f"{other}\n" for other in others))

    def say(self, line: str, *, hang: int | None = 2) -> None:
        """A line about what happened, for a person who watches. ``hang``: see ``report``; None for a command
        that a person is to copy."""
        if not (self.quiet or self.json):
            self._write(line, hang)
            sys.stdout.flush()

    def when(self, seconds: int) -> str:
        """A time in a table: on a terminal how long ago it was."""
        return text.age(seconds, int(time.time())) if self.terminal else text.moment(seconds)

    def since(self, seconds: int) -> str:
        """A time in a sentence: on a terminal with how long ago it was."""
        moment, when = text.moment(seconds), self.when(seconds)
        return f"{moment} ({when})" if when.endswith(" ago") else moment

    def note(self, line: str) -> None:
        """Something to know beside the report."""
        if not self.quiet:
            sys.stderr.write("".join(f"{each}\n" for each in fitting(f"note: {line}", 2, sys.stderr)))

    def detail(self, line: str) -> None:
        """Only with ``-v``."""
        if self.verbose:
            sys.stderr.write(text.escape(line) + "\n")

    def document(self, command: str, **fields: Any) -> None:
        """The one JSON document of this run."""
        if self.json:
            import json  # not at the top: every command imports this module

            json.dump({"schema": SCHEMA, "command": command, **fields}, sys.stdout)
            sys.stdout.write("\n")

    def table(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[str]],
        below: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        """A table. ``below``: the lines that stand below a row, by its index."""
        if self.json:
            return
        safe = [[text.one_line(cell) for cell in row] for row in rows]
        remarks = {index: [text.one_line(line) for line in lines] for index, lines in (below or {}).items()}
        if self.terminal:
            lines = drawn(columns, safe, remarks, _width(sys.stdout), _ellipsis(sys.stdout), self._paint)
        else:
            lines = text.columns([column.name for column in columns], safe)
            for index in sorted(remarks, reverse=True):
                lines[index + 2 : index + 2] = [f"  {line}" for line in remarks[index]]
        sys.stdout.write("".join(f"{line}\n" for line in lines))

    def error(self, error: RelstoreError) -> None:
        """What happened and on which host, what holds now, and what to do next."""
        if self.json:
            return
        # A text that came from elsewhere may begin with the host already.
        where = f"{error.host}: " if error.host and not error.what.startswith(f"{error.host}: ") else ""
        lines = fitting(f"error: {where}{error.what}", 2, sys.stderr)
        if error.state:
            lines += fitting(f"  now:  {error.state}", 8, sys.stderr)
        if error.hint:
            lines += fitting(f"  next: {error.hint}", 8, sys.stderr)
        if self.color and sys.stderr.isatty():
            lines[0] = click.style("error:", fg="red", bold=True) + lines[0].removeprefix("error:")
        sys.stderr.write("".join(f"{line}\n" for line in lines))

    def _write(self, line: str, hang: int | None) -> None:
        lines = [text.escape(line)] if hang is None else fitting(line, hang, sys.stdout)
        sys.stdout.write("".join(f"{each}\n" for each in lines))

    def _paint(self, cell: str, style: str) -> str:
        if not (self.color and style):
            return cell
        *weight, color = style.split()
        return click.style(cell, fg=None if color == "bold" else color, bold=bool(weight) or color == "bold")


def fitting(line: str, hang: int, stream: TextIO) -> list[str]:
    """``line``, which may be several, as it is printed: on a terminal in lines that fit."""
    lines = text.escape(line).split("\n")
    if not stream.isatty():
        return lines
    from relstore.cli.wrap import wrap  # not at the top: only a terminal needs it

    width, ellipsis = _width(stream), _ellipsis(stream)
    return [part for each in lines for part in wrap(each, width, hang=hang, ellipsis=ellipsis)]


def whole_lines(line: str, hang: int, stream: TextIO) -> list[str]:
    """A line that a program wrote: on a terminal in lines that fit. One with a word that is too wide for that
    stays as it is, or nobody could copy the word."""
    fitted = fitting(line, hang, stream)
    is_whole = [word for each in fitted for word in each.split()] == text.escape(line).split()
    return fitted if is_whole else [text.escape(line)]


def _width(stream: TextIO) -> int:
    """The columns of the terminal."""
    columns = os.environ.get("COLUMNS", "")
    try:
        return (
            int(columns) if columns.isdecimal() else os.get_terminal_size(stream.fileno()).columns or _WIDTH
        )
    except OSError:
        return _WIDTH


def _ellipsis(stream: TextIO) -> str:
    """The sign that something was cut off, as far as the terminal has it."""
    try:
        "…".encode(stream.encoding)
    except UnicodeEncodeError:
        return "..."
    return "…"


def console_of(context: click.Context) -> Console:
    """How to print, as the flags say; it works even when the rest of the configuration is wrong."""
    options = given(context)
    terminal = sys.stdout.isatty()
    return Console(
        bool(options.get("json")),
        bool(options.get("quiet")),
        bool(options.get("verbose")),
        terminal,
        terminal and not os.environ.get("NO_COLOR"),
    )


def error_fields(error: RelstoreError) -> dict[str, str]:
    """An error in a JSON document."""
    return {
        "kind": type(error).__name__.removesuffix("Error"),
        "host": error.host,
        "what": error.what,
        "state": error.state,
        "hint": error.hint,
    }
