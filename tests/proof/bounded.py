"""Readers of bytes, given bent ones in a process whose memory and time are bounded.

``python -m tests.proof.bounded MODULE NAME COUNT`` is such a process; it prints what was wrong, a line each.
"""

from __future__ import annotations

import importlib
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from relstore.errors import RelstoreError
from relstore.formats import pack
from tests.proof.mutation import VALUES, bent, places, replaced
from tests.proof.tally import Tally, try_all

MEMORY = 256 * 2**20
"""Bytes above what the process has when it begins."""
TIME_S = 5.0
"""Of one case."""


def bent_values(sample: bytes, chance: random.Random) -> bytes:
    """Bent as bytes; or, where it is msgpack, with something else in one place."""
    if chance.random() < 0.5:
        return bent(sample, chance)
    try:
        values = list(pack.decode_stream(sample, what="sample", limit=len(sample)))
    except RelstoreError:
        return bent(sample, chance)
    changed = replaced(values, chance.choice(list(places(values))), chance.choice(VALUES))
    return pack.encode_stream(changed if isinstance(changed, list) else [changed])


class Reader(NamedTuple):
    """What reads bytes, good ones, and how they are bent. Only RelstoreError may be raised."""

    samples: Sequence[bytes]
    read: Callable[[bytes], object]
    bend: Callable[[bytes, random.Random], bytes] = bent_values


def try_readers(tally: Tally, module: str, readers: Iterable[str], count: int, directory: Path) -> None:
    """Each of ``readers`` with ``count`` bent samples, two side by side."""
    names = list(readers)
    try_all(tally, names, lambda name, _: run(module, name, count), directory)
    tally.cases = len(names) * count


def run(module: str, name: str, count: int) -> list[str]:
    """What is wrong with the reader of that name which the module makes by ``reader(name)``."""
    words = [sys.executable, "-m", "tests.proof.bounded", module, name, str(count)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    died = [f"ended with {ran.returncode}: {ran.stderr[-300:]}"] if ran.returncode else []
    return ran.stdout.splitlines() + died


def _too_long(signum: int, frame: object) -> None:
    raise TimeoutError


def _try(reader: Reader, count: int) -> Iterator[str]:
    for sample in reader.samples:
        reader.read(sample)  # it is good, and what is imported late is there
    chance = random.Random(1)
    signal.signal(signal.SIGALRM, _too_long)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))
    for _ in range(count):
        data = reader.bend(chance.choice(reader.samples), chance)
        signal.setitimer(signal.ITIMER_REAL, TIME_S)
        try:
            reader.read(data)
        except RelstoreError:
            pass
        except Exception as error:  # noqa: BLE001 - whatever else it is, it is a violation
            yield f"{error!r} for {data[:60]!r}{'...' if len(data) > 60 else ''}"
            if isinstance(error, TimeoutError):
                break
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    found: Any = importlib.import_module(sys.argv[1])
    for line in _try(found.reader(sys.argv[2]), int(sys.argv[3])):
        print(line)
