"""P1, P3, P5, P6: locales of one byte, clocks that are wrong or step, and processes that are hidden.

Each scenario runs in each of these surroundings, twice, and must succeed, keep its promise and leave a valid store.
The locales are glibc's own. The clock is wrong only for the program that runs, because this machine needs its own.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.proof.scenarios import (
    Ended,
    Kit,
    Scenario,
    copy,
    published,
    push_of,
    pushed,
    scenarios,
    session,
    two,
)
from tests.proof.tally import Tally, some, try_all
from tests.support.bent_clock import BENT_CLOCK
from tests.support.host_side import Content, Program

NAMES: dict[str, Content] = {"café": b"3", "日本/語": Program(b"new"), "version": b"3"}


class Surrounding(NamedTuple):
    """``prefix`` makes it. ``clock`` is the file of a clock that steps through ``steps``, seconds, meanwhile."""

    name: str
    prefix: tuple[str, ...]
    clock: Path | None = None
    steps: tuple[int, ...] = ()


class Case(NamedTuple):
    surrounding: Surrounding
    scenario: Scenario
    base: Path

    def __str__(self) -> str:
        return f"{self.scenario.name}, {self.surrounding.name}"


def missing() -> str:
    """Why this proof cannot run here, or an empty text."""
    charmaps = Path("/usr/share/i18n/charmaps").glob("ISO-8859-1*")
    if shutil.which("localedef") is None or not any(charmaps):
        return "there is no localedef with ISO-8859-1 (Debian: locales)"
    return ""


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: the most cases of each kind."""
    kit = Kit.make(directory)
    names = Scenario(
        "push of other letters", two, partial(session, kit, directory)("letters", push_of(NAMES)),
        published, partial(pushed, NAMES),
    )  # fmt: skip
    tried = [*scenarios(kit, directory), names]
    kinds = {"locales": list(_locales(directory)), "clocks": list(_clocks(directory))}
    for kind, surroundings in kinds.items():
        cases = []
        for scenario in tried:
            base = directory / f"{scenario.name}.{kind}"
            scenario.prepare(base)
            cases += [Case(surrounding, scenario, base) for surrounding in surroundings]
        tally = Tally(f"every scenario in other {kind}")
        try_all(tally, list(some(cases, most)), _try, directory / kind)
        for careless, code in _CARELESS[kind].items():
            tally.control(careless, [why for where in surroundings for why in _fails(code, where, directory)])
        yield tally


_CARELESS = {
    "locales": {"a program that takes names for text": 'open("日本", "w")'},
    "clocks": {
        "a program that measures by the clock on the wall": (
            "import time\nfor _ in range(20):\n"
            "    began = time.time(); time.sleep(0.02)\n"
            "    assert 0 < time.time() - began < 60"
        )
    },
}


def _fails(code: str, surrounding: Surrounding, directory: Path) -> Iterator[str]:
    place = directory / "careless"
    place.mkdir(exist_ok=True)
    (place / "café").touch()
    with _stepping(surrounding):
        words = [*surrounding.prefix, sys.executable, "-c", code]
        ended = subprocess.run(words, cwd=place, capture_output=True, check=False)
    if ended.returncode:
        yield ended.stderr.decode("utf-8", "replace")


def _locales(directory: Path) -> Iterator[Surrounding]:
    place = directory / "locales"
    place.mkdir()
    subprocess.run(
        ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(place / "en_US.ISO-8859-1")],
        check=True,
        capture_output=True,
    )
    for name in ("en_US.ISO-8859-1", "C", "does.not-exist"):
        words = ("env", f"LOCPATH={place}", f"LC_ALL={name}", "PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0")
        yield Surrounding(f"the locale {name}", words)


_DAY = 24 * 3600


def _clocks(directory: Path) -> Iterator[Surrounding]:
    program = directory / "clock.py"
    program.write_text(BENT_CLOCK)
    for number, (name, steps) in enumerate(
        {
            "a clock a day behind": (-_DAY,),
            "a clock ten years ahead": (3652 * _DAY,),
            "a clock that begins in 1970": (-int(time.time()) + 10,),
            "a clock that steps to and fro": (-3 * _DAY, 0, 3 * _DAY),
        }.items()
    ):
        file = directory / f"clock-{number}"
        file.write_text(str(steps[0]))
        yield Surrounding(name, (sys.executable, str(program), str(file)), file, steps)


def _try(case: Case, place: Path) -> Iterator[str]:
    top = copy(case.base, place)
    surrounding, scenario = case.surrounding, case.scenario
    with _stepping(surrounding):
        ended = scenario.run(top, surrounding.prefix)
        yield from _wrong(scenario, top, ended)
        # Once more: what the first left must not confuse the second, whose clock may be behind.
        again = scenario.run(top, surrounding.prefix)
        if "Traceback" in again.err:
            yield f"a traceback the second time: {again.err[-500:]}"
    yield from scenario.lasting(top)
    yield from (
        f"with the right clock: {problem}" for problem in _wrong(scenario, top, scenario.run(top, ()))
    )


def _wrong(scenario: Scenario, top: Path, ended: Ended) -> Iterator[str]:
    if "Traceback" in ended.err:
        yield f"a traceback: {ended.err[-500:]}"
    if not scenario.acknowledged(top, ended):
        yield f"it fails: {ended.code} {ended.out[-200:]!r} {ended.err[-300:]}"
        return
    yield from scenario.promised(top)
    yield from scenario.lasting(top)


@contextlib.contextmanager
def _stepping(surrounding: Surrounding) -> Iterator[None]:
    """Set the clock of a surrounding to and fro while something runs."""
    end = threading.Event()

    def step() -> None:
        for offset in itertools.cycle(surrounding.steps):
            if surrounding.clock is None or end.wait(0.03):
                return
            other = surrounding.clock.with_suffix(f".{threading.get_ident()}")
            other.write_text(str(offset))
            other.replace(surrounding.clock)

    thread = threading.Thread(target=step, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
