"""Made histories of apps, as hosts send them, for what is shown of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from relstore.formats.generation import CURRENT, FAILED, GOOD, State
from relstore.formats.journal import LogKind
from relstore.formats.names import Digest
from relstore.protocol import LogRow, RowOut

HOUR = 3600
BEGAN = 1_790_000_000
FAILURE = "http://127.0.0.1:8080/ answered with 503 Service Unavailable, last of 58 attempts in 30.0 s"


def commit_of(number: int) -> str:
    return hashlib.sha1(b"%d" % number).hexdigest()


@dataclass
class MadeHistory:
    """An app at a host; each release is an hour after the one before."""

    rows: list[RowOut] = field(default_factory=list)
    events: list[LogRow] = field(default_factory=list)
    now: int = BEGAN
    current: int = 0

    def release(
        self, outcome: LogKind = "active", *, who: str = "ada@laptop", note: str = "", reason: str = ""
    ) -> None:
        """A new generation, and how its activation ended."""
        number = len(self.rows) + 1
        self.now += HOUR
        build = Digest(hashlib.sha256(b"%d" % number).hexdigest())
        self.rows.append(
            RowOut(
                number, build, self.now, 40_000_000 + number, 12, who, commit_of(number), False, note, FAILED,
                outcome, self.now + 7, reason, (),
            )
        )  # fmt: skip
        self._activate(number, outcome, who, reason)

    def switch(self, number: int, who: str = "ada@laptop") -> None:
        """Make an older one current."""
        self.now += HOUR
        self._activate(number, "active", who, "")

    def _state(self, number: int, state: State) -> None:
        self.rows[number - 1] = self.rows[number - 1]._replace(state=state)

    def _activate(self, number: int, outcome: LogKind, who: str, reason: str) -> None:
        job = f"job-{len(self.events)}"
        self.events.append(LogRow(self.now, "switching", number, self.current, job, who, ""))
        self.events.append(LogRow(self.now + 7, outcome, number, self.current, job, who, reason))
        if outcome == "active":
            if self.current:
                self._state(self.current, GOOD)
            self._state(number, CURRENT)
            self.current = number


def made(count: int) -> MadeHistory:
    """So many releases, of which every ninth failed."""
    history = MadeHistory()
    for number in range(1, count + 1):
        if number % 9 == 5:
            history.release("rolled-back", reason=FAILURE)
        else:
            history.release(note="" if number % 7 else "Search results load twice as fast, and carts survive")
    return history
