"""What was measured: kept as JSON between runs, so that a cell can be measured anew alone."""

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
    """Of what its connections ran at the host; what was left running there is not in it."""
    memory: list[int] = field(default_factory=list)
    """Bytes: the peak of its largest process at the client."""
    wire: list[int] = field(default_factory=list)
    """Bytes."""


@dataclass(frozen=True)
class Result:
    """One cell, measured."""

    link: str
    program: str
    work: str
    taken: dict[str, Taken]

    @property
    def cell(self) -> tuple[str, str, str]:
        return self.work, self.program, self.link


def load(file: Path) -> list[Result]:
    """The results that were saved."""
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
    """Keep results."""
    file.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
