"""What the demo's stories share: a host to play at, relstore's own commands, and the results.

Not for what is told (``story``, ``cut_over``).
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from relstore.client.demo.server import Keys, Server

Tell = Callable[[str], None]

_GOOD_ENOUGH_S = 60
ROLLED_BACK = 3
"""The exit code of a push whose release was not healthy."""


@dataclass(frozen=True)
class Figures:
    """The results of the demo."""

    requests: int
    failures: tuple[str, ...]
    versions: Mapping[str, int]
    codes: tuple[int, ...]
    """The exit codes of the commands, in order."""
    expected: tuple[int, ...]

    @property
    def as_told(self) -> bool:
        """Whether everything went as it should."""
        return (
            self.codes == self.expected
            and not self.failures
            and self.requests > 0
            and set(self.versions) == {"1", "2"}
        )


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int
    text: str


@dataclass(frozen=True)
class DemoStage:
    """Where a story plays, and what runs relstore there."""

    directory: Path
    environment: Mapping[str, str]
    target: str
    tell: Tell

    @property
    def root(self) -> Path:
        """The store, which is on this machine, too."""
        return self.directory / "srv"

    def relstore(
        self, *words: str, hidden: tuple[str, ...] = (), note: str = "", shown: int | None = None
    ) -> Ran:
        """Show the command as a person would type it, run it, show what it prints.

        ``hidden``: more words, which are not shown. ``shown``: how many lines are, None for all.
        """
        self.tell(f"\n$ relstore {shlex.join(words)}{note}")
        ran = subprocess.run(
            [sys.executable, "-m", "relstore", words[0], "--to", self.target, *hidden, *words[1:]],
            cwd=self.directory,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_GOOD_ENOUGH_S,
            check=False,
        )
        lines = ran.stdout.splitlines()
        for line in lines[:shown]:
            self.tell(f"  {line}")
        if shown is not None and len(lines) > shown:
            self.tell(f"  ... ({len(lines) - shown} more lines)")
        return Ran(ran.returncode, ran.stdout)


@contextlib.contextmanager
def stage(directory: Path, environment: Mapping[str, str], user: str, tell: Tell) -> Iterator[DemoStage]:
    """An SSH server with a store, in an empty ``directory``. ``environment``: what the commands get."""
    home = directory / "home"
    keys = Keys.create(home)
    server = Server(keys)
    try:
        keys.write_config(server.port, user)
        tell(f"An SSH server with throw-away keys listens on loopback, port {server.port}; call it `demo`.")
        made = {**environment, "HOME": str(home)}
        yield DemoStage(directory, made, f"demo:{directory / 'srv'}", tell)
    finally:
        server.stop()
