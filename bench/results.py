"""The results, kept as JSON between runs, so that a single cell can be measured again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Taken:
    """What the counted runs of one tool took."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Seconds of processor time of the command and its children."""
    host_cpu: list[float] = field(default_factory=list)
    """Processor seconds of what its connections ran at the host, without what was left running there."""
    memory: list[int] = field(default_factory=list)
    """Peak memory of its largest process at the client, in bytes."""
    wire: list[int] = field(default_factory=list)
    """Bytes on the wire."""


@dataclass(frozen=True)
class Result:
    """The measurements of one cell."""

    link: str
    program: str
    work: str
    taken: dict[str, Taken]

    @property
    def cell(self) -> tuple[str, str, str]:
        return self.work, self.program, self.link


def load(file: Path) -> list[Result]:
    """The saved results; none if there is no file yet."""
    found = json.loads(file.read_text()) if file.exists() else []
    return [
        Result(
            one["link"],
            one["program"],
            one["work"],
            {name: Taken(**taken) for name, taken in one["taken"].items()},
        )
        for one in found
    ]


def save(file: Path, results: list[Result]) -> None:
    """Write the results to ``file``."""
    file.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
