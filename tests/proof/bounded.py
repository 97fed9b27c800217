"""Gives corrupted bytes to parsers, in a process with bounded memory and time.

``python -m tests.proof.bounded MODULE NAME COUNT`` is such a process; it prints one line for each violation.
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
"""Bytes, in addition to what the process has when it starts."""
TIME_S = 5.0
"""The time limit for one case."""


def bent_values(sample: bytes, chance: random.Random) -> bytes:
    """Corrupt ``sample`` as bytes or, if it is msgpack, by replacing one value."""
    if chance.random() < 0.5:
        return bent(sample, chance)
    try:
        values = list(pack.decode_stream(sample, what="sample", limit=len(sample)))
    except RelstoreError:
        return bent(sample, chance)
    changed = replaced(values, chance.choice(list(places(values))), chance.choice(VALUES))
    return pack.encode_stream(changed if isinstance(changed, list) else [changed])


class Reader(NamedTuple):
    """A parser, valid samples, and how to corrupt them. It may raise only RelstoreError."""

    samples: Sequence[bytes]
    read: Callable[[bytes], object]
    bend: Callable[[bytes, random.Random], bytes] = bent_values


def try_readers(tally: Tally, module: str, readers: Iterable[str], count: int, directory: Path) -> None:
    """Give ``count`` corrupted samples to each of ``readers``, two readers in parallel."""
    names = list(readers)
    try_all(tally, names, lambda name, _: run(module, name, count), directory)
    tally.cases = len(names) * count


def run(module: str, name: str, count: int) -> list[str]:
    """The violations of the reader that the module returns for ``reader(name)``."""
    words = [sys.executable, "-m", "tests.proof.bounded", module, name, str(count)]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    died = [f"ended with {ran.returncode}: {ran.stderr[-300:]}"] if ran.returncode else []
    return ran.stdout.splitlines() + died


def _too_long(signum: int, frame: object) -> None:
    raise TimeoutError


def _try(reader: Reader, count: int) -> Iterator[str]:
    for sample in reader.samples:
        reader.read(sample)  # proves that it is valid, and does the late imports
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
        except Exception as error:  # noqa: BLE001 - anything else is a violation
            yield f"{error!r} for {data[:60]!r}{'...' if len(data) > 60 else ''}"
            if isinstance(error, TimeoutError):
                break
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    found: Any = importlib.import_module(sys.argv[1])
    for line in _try(found.reader(sys.argv[2]), int(sys.argv[3])):
        print(line)
