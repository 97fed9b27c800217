"""P4: uploads that take and release leases without a pause, beside a collector that runs without a pause.

Nothing is delayed on purpose: two programs take leases on the same build and on builds of their own, for a minute,
while a third collects. A lease that was taken must have its name, no program may be refused one, and no collection
may fail to read one.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from relstore.store.store import Store
from tests.proof.tally import Tally
from tests.support.host_side import artifact, go_live, program, push_build

_SECONDS = 60
_TAKERS = 2
_TIMEOUT_S = 120

TAKE = """
import json, time, traceback
from relstore.formats.names import Digest
from relstore.store import leases, locks
from relstore.store.store import Store
end = time.monotonic() + float(sys.argv[2])
manifest = open(sys.argv[4], "rb").read()
mine = Digest(sys.argv[3] * 64)
taken, problems = 0, []
with Store.open(sys.argv[1]) as store:
    directory = store.leases
    while time.monotonic() < end:
        try:
            with store.shared():
                lease = leases.take(directory, Digest("ab" * 32) if taken % 4 else mine, manifest)
            taken += 1
            if not locks.is_named(directory, lease.name, lease._fd):
                problems.append("a lease was taken that has no name")
            if not leases.is_held(directory, lease.name):
                problems.append("a lease was taken that does not count as held")
            lease.release()
        except Exception:
            problems.append("no lease was taken: " + traceback.format_exc()[-600:])
print(json.dumps([taken, problems]))
"""

COLLECT = """
import json, time, traceback
from relstore.formats.retention import Policy
from relstore.host.requests import collecting
from relstore.protocol import Collect
from relstore.store.store import Store
end = time.monotonic() + float(sys.argv[2])
done, problems = 0, []
with Store.open(sys.argv[1]) as store:
    while time.monotonic() < end:
        try:
            collecting.collect(store, Collect(None, Policy(1, None), None, "me", False))
            done += 1
        except Exception:
            problems.append("a collection failed: " + traceback.format_exc()[-600:])
print(json.dumps([done, problems]))
"""

CARELESS = """
import fcntl, json, os, time
end = time.monotonic() + float(sys.argv[2])
path = sys.argv[1] + "/careless"
taken, problems = 0, []
while time.monotonic() < end:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    taken += 1
    try:
        if not os.path.samestat(os.stat(path), os.fstat(fd)):
            problems.append("another file has the name")
        os.unlink(path)
    except FileNotFoundError:
        problems.append("a lease was taken that has no name")
    os.close(fd)
print(json.dumps([taken, problems]))
"""


def missing() -> str:
    """It runs everywhere."""
    return ""


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: seconds, instead of 60."""
    seconds = most or _SECONDS
    top = directory / "store"
    with Store.open(str(top), create=True) as store:
        go_live(store, {"version": b"1"})
        push_build(store, {"loose": b"for the collector"})
    (directory / "manifest").write_bytes(artifact({"version": b"2"}).raw)
    takers = [(TAKE, name) for name in "cd"[:_TAKERS]]
    tally = Tally("leases beside a collector")
    for done, problems in _run(top, seconds, [*takers, (COLLECT, "")]):
        tally.cases += done
        tally.violations += problems
    tally.violations += [f"{path.name} is left" for path in (top / "leases").iterdir()]
    careless = _run(top, min(seconds, 5), [(CARELESS, "")] * 3)
    tally.control("a lease without a second look at its name", [why for _, whys in careless for why in whys])
    yield tally


def _run(top: Path, seconds: int, programs: list[tuple[str, str]]) -> list[tuple[int, list[str]]]:
    """How often each did its work, and what went wrong."""
    running = [
        subprocess.Popen(
            program(code, top, seconds, name, top.with_name("manifest")),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for code, name in programs
    ]
    results = []
    for process in running:
        out, err = process.communicate(timeout=seconds + _TIMEOUT_S)
        if process.returncode:
            results.append((0, [f"ended with {process.returncode}: {err.decode()[-600:]}"]))
        else:
            done, problems = json.loads(out)
            results.append((done, problems if done else [*problems, "nothing was done at all"]))
    return results
