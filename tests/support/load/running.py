"""Starts the callers where the hosts can be reached, and gathers what they noted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.load.requests import Account, Request

REPOSITORY = Path(__file__).parents[3]
_BEGIN_S = 60
_END_S = 120


@dataclass(frozen=True)
class Mix:
    """Who calls: how many of each kind, and how long what they ask for takes."""

    new: int = 4
    busy: int = 4
    idle: int = 6
    work: int = 4
    answer: int = 4
    stream: int = 4
    answers: tuple[float, ...] = (3.0, 4.0)
    """Seconds."""
    streams: tuple[float, ...] = (4.0,)
    patience: float = 20.0
    """How many seconds a connection may take, and an answer longer than it is asked to."""

    @property
    def words(self) -> list[str]:
        answers, streams = (",".join(map(str, lengths)) for lengths in (self.answers, self.streams))
        return [
            *(str(self.patience), f"new={self.new}", f"busy={self.busy}", f"idle={self.idle}"),
            *(f"work={self.work}", f"answer={self.answer}:{answers}", f"stream={self.stream}:{streams}"),
        ]


class Load:
    """Callers at work. What they noted is there when the block that they run in has ended."""

    def __init__(self) -> None:
        self.account = Account(())


def _wait_for_output(fd: int) -> None:
    deadline = time.monotonic() + _BEGIN_S
    while os.fstat(fd).st_size == 0:
        assert time.monotonic() < deadline, "the callers do not begin"
        time.sleep(0.01)


@contextmanager
def calling(prefix: Sequence[str], address: str, mix: Mix, port: int = 80) -> Iterator[Load]:
    """``prefix``: the words before a command that runs it where ``address`` can be reached."""
    load = Load()
    words = [*prefix, sys.executable, "-m", "tests.support.load.generator", address, str(port), *mix.words]
    with (
        tempfile.TemporaryFile("w+") as out,
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=out, cwd=REPOSITORY, text=True) as callers,
    ):
        try:
            _wait_for_output(out.fileno())
            yield load
        finally:
            callers.communicate("", timeout=_END_S)
            out.seek(0)
            found = json.load(out)
            load.account = Account(tuple(Request(*row) for row in found["requests"]), found["lag"])
