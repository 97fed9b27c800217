"""P1, P4, P5: relstore 0.1 and this one take turns at one store.

A team does not update all its machines at once. Each scenario is prepared by one of the two, run by the other, and
run again by the first; what 0.1 does not understand, it must refuse without harm. 0.1 comes from the history of the
repository, so this proof runs only where that is there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from tests.proof.tally import Tally, some, try_all
from tests.support.host_side import REPOSITORY

_TIMEOUT_S = 300
_LAST_FILE = "relstore/recipe.py"
"""A file of 0.1 that later versions do not have: the commit before its removal is the last one of 0.1."""

_DRIVE = """
import json, sys
from pathlib import Path
from tests.proof.scenarios import Kit, scenarios
what, name, top, place = sys.argv[1:]
place, top = Path(place), Path(top)
place.mkdir(parents=True)
scenario = next(one for one in scenarios(Kit.make(place), place) if one.name == name)
answer = []
if what == "prepare":
    scenario.prepare(top)
elif what == "check":
    answer = list(scenario.lasting(top))
else:
    ended = scenario.run(top, ())
    done = scenario.acknowledged(top, ended)
    answer = [done, list(scenario.promised(top)) if done else [], f"{ended.code} {ended.out!r} {ended.err}"]
print(json.dumps(answer))
"""
_NAMES = ("push", "switch", "recovery", "gc", "verify --repair")


class Turns(NamedTuple):
    """``first`` prepares the scenario, the other one runs it, then ``first`` does."""

    name: str
    first: Path
    second: Path

    def __str__(self) -> str:
        return f"{self.name}, begun by {'this one' if self.first == REPOSITORY else '0.1'}"


def missing() -> str:
    """Why this proof cannot run here, or an empty text."""
    return "" if _commit() else "there is no history with relstore 0.1"


def _commit() -> str:
    words = ["git", "log", "--format=%H", "--diff-filter=D", "-1", "--", _LAST_FILE]
    removed = subprocess.run(
        words, cwd=REPOSITORY, capture_output=True, text=True, check=False
    ).stdout.strip()
    return f"{removed}^" if removed else ""


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: the most cases."""
    old = directory / "0.1"
    packed = subprocess.run(
        ["git", "archive", _commit(), "relstore", "tests", "pyproject.toml"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as tar:
        tar.extractall(old, filter="data")
    cases = [
        Turns(name, first, second)
        for name in _NAMES
        for first, second in ((REPOSITORY, old), (old, REPOSITORY))
    ]
    tally = Tally("0.1 and this one take turns")
    # One at a time: a collection sees the processes that use the same builds in other stores.
    try_all(tally, list(some(cases, most)), _try, directory / "turns", workers=1)
    yield tally


def _try(turns: Turns, place: Path) -> Iterator[str]:
    top = place / "store"
    _drive(turns.first, "prepare", turns.name, top)
    for tree in (turns.second, turns.first, REPOSITORY):
        who = "this one" if tree == REPOSITORY else "0.1"
        done, broken, how = _drive(tree, "run", turns.name, top)
        if turns.first == tree == REPOSITORY:  # each knows only what it prepared itself
            yield from (f"{who}: {problem}" for problem in broken)
        if not done and tree == REPOSITORY:
            yield f"{who} fails: {how[-700:]}"
        if "Traceback" in how:
            yield f"{who}: a traceback: {how[-700:]}"
        yield from (f"after {who}: {problem}" for problem in _drive(REPOSITORY, "check", turns.name, top))


def _drive(tree: Path, what: str, name: str, top: Path) -> list[Any]:
    place = top.with_name(f"input-{len(os.listdir(top.parent))}")
    ended = subprocess.run(
        [sys.executable, "-c", _DRIVE, what, name, str(top), str(place)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{tree}: {ended.stderr[-2000:]}")
    answer: list[Any] = json.loads(ended.stdout)
    return answer
