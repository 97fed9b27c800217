"""What a proof ran, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@dataclass
class Tally:
    """One line of the table."""

    what: str
    cases: int = 0
    violations: list[str] = field(default_factory=list)
    caught: list[str] = field(default_factory=list)
    """The negative controls that were caught."""
    missed: list[str] = field(default_factory=list)
    """The controls that were not caught: then the proof proves nothing."""

    @property
    def holds(self) -> bool:
        return bool(self.cases) and not self.violations and not self.missed

    def control(self, name: str, found: Sequence[str]) -> None:
        """Note a case that is wrong on purpose; ``found`` must not be empty."""
        (self.caught if found else self.missed).append(name)


Check = Callable[[T, Path], Iterable[str]]
"""Runs one case in an empty directory, and returns what is wrong."""


def try_all(tally: Tally, cases: Sequence[T], check: Check[T], directory: Path, workers: int = 2) -> None:
    """Run all ``cases``, several in parallel."""
    numbers = count()

    def one(case: T) -> list[str]:
        place = directory / f"case-{next(numbers)}"
        place.mkdir(parents=True)
        return [f"{case}: {problem}" for problem in check(case, place)]

    with ThreadPoolExecutor(workers) as pool:
        for found in pool.map(one, cases):
            tally.cases += 1
            tally.violations += found


def some(cases: Sequence[T], most: int | None) -> Iterator[T]:
    """At most ``most`` of the cases, spread evenly; all of them for None."""
    if most is None or len(cases) <= most:
        yield from cases
        return
    for number in range(most):
        yield cases[number * len(cases) // most]
