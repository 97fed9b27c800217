"""The one place that prints. Reports go to standard output, everything else to standard error.

All text is escaped. A terminal gets drawn tables, with colours unless NO_COLOR is set; a pipe gets
plain aligned columns. Not for progress (``progress``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from relstore.cli import text
from relstore.cli.given import given
from relstore.errors import RelstoreError

SCHEMA = 1
"""The version of the JSON documents; raised when a field changes its meaning or is removed."""


@dataclass(frozen=True)
class Console:
    """How to print in this run."""

    json: bool
    quiet: bool
    verbose: bool
    terminal: bool
    """Whether standard output is a terminal."""
    color: bool

    def report(self, line: str = "") -> None:
        """A line of the report itself, which is printed even with ``-q``."""
        if not self.json:
            sys.stdout.write(text.escape(line) + "\n")

    def say(self, line: str) -> None:
        """A line about what happened, for a person who watches."""
        if not (self.quiet or self.json):
            sys.stdout.write(text.escape(line) + "\n")
            sys.stdout.flush()

    def note(self, line: str) -> None:
        """Something to know beside the report."""
        if not self.quiet:
            sys.stderr.write(f"note: {text.escape(line)}\n")

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
        self, headers: Sequence[str], rows: Sequence[Sequence[str]], styles: Mapping[str, str] | None = None
    ) -> None:
        """``styles``: cell texts that get a colour, ``{"failed": "red"}``."""
        if self.json:
            return
        safe = [[text.one_line(cell) for cell in row] for row in rows]
        if not self.terminal:
            sys.stdout.write("".join(f"{line}\n" for line in text.columns(headers, safe)))
            return
        # Only a terminal is worth the time that rich takes to import.
        from rich.box import SIMPLE_HEAD
        from rich.console import Console as RichConsole
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for header in headers:
            table.add_column(header, overflow="fold")
        for row in safe:
            table.add_row(*(Text(cell, style=(styles or {}).get(cell, "")) for cell in row))
        RichConsole(no_color=not self.color, highlight=False).print(table)

    def error(self, error: RelstoreError) -> None:
        """What happened and on which host, what holds now, and what to do next."""
        if self.json:
            return
        # A text that came from elsewhere may begin with the host already.
        where = f"{error.host}: " if error.host and not error.what.startswith(f"{error.host}: ") else ""
        head = "\033[1;31merror:\033[0m" if self.color and sys.stderr.isatty() else "error:"
        lines = [f"{head} {text.escape(where + error.what)}"]
        if error.state:
            lines.append(f"  now:  {text.escape(error.state)}")
        if error.hint:
            lines.append(f"  next: {text.escape(error.hint)}")
        sys.stderr.write("\n".join(lines) + "\n")


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
