"""P6, P9: whatever a client sends to the host, the store stays sound and the old version stays live.

Whole sessions with every request that a client can send, corrupted as bytes or with one value replaced. Requests
that start a process or change the machine (``Activate``, ``InstallUnit``, ``Supervisor``, ``Become``) are left to
``hostile_bytes``.
"""

from __future__ import annotations

import atexit
import io
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from relstore import protocol
from relstore.host.connection import Wire
from relstore.host.session import RequestServer
from relstore.protocol import framing
from tests.proof import bounded
from tests.proof.bounded import Reader
from tests.proof.mutation import VALUES, bent, edited, places, replaced, split
from tests.proof.scenarios import NEW, push_of, two
from tests.proof.tally import Tally
from tests.protocol.test_messages import example
from tests.support.conversation import Client
from tests.support.host_side import WEB, copy_store, write_bundle
from tests.support.host_state import problems

CASES = 400
_FAST = "/dev/shm"
"""A file system in memory: durability does not matter here, and each case creates hundreds of directories."""
_ELSEWHERE = {protocol.Activate, protocol.InstallUnit, protocol.Become, protocol.Supervisor, protocol.Watch}
"""``Watch`` waits for a job, and there is none."""


def _bend(sample: bytes, chance: random.Random) -> bytes:
    frames = split(sample)
    messages = [index for index, frame in enumerate(frames) if frame.kind == framing.MESSAGE]
    if chance.random() < 0.3:
        return bent(sample, chance)

    def edit(value: Any) -> Any:
        return replaced(value, chance.choice(list(places(value))), chance.choice(VALUES))

    return edited(frames, chance.choice(messages), edit)


def _account(store: Path) -> dict[str, tuple[int, int, int]]:
    """What is beside the store and beside its parent, which must not change."""
    beside = [path for above in (store.parent, store.parent.parent) for path in above.iterdir()]
    return {
        str(path): (found.st_mode, found.st_size, found.st_mtime_ns)
        for path, found in ((path, path.lstat()) for path in beside if path not in {store, store.parent})
    }


def reader(name: str) -> Reader:
    """A session on a store of its own; a violation raises AssertionError."""
    top = Path(tempfile.mkdtemp(prefix="relstore-hostile-", dir=_FAST if os.access(_FAST, os.W_OK) else None))
    atexit.register(shutil.rmtree, top)
    bundle = write_bundle(top)
    two(top / "good")
    (top / "above").mkdir()
    (top / "above" / "beside").write_text("is nobody's business")

    def read(data: bytes) -> None:
        store = copy_store(top / "good", top / "above" / "store")
        before = _account(store)
        out = io.BytesIO()
        try:
            RequestServer(str(store), bundle, Wire(io.BytesIO(data), out)).run()
            if name in CONTROLS and data != sample:
                CONTROLS[name](store)
            for problem in _wrong(store, out.getvalue()):
                raise AssertionError(problem)
            if _account(store) != before:
                raise AssertionError("something beside the store was touched")
        finally:
            shutil.rmtree(store)

    sample = (push_of(NEW) if name == PUSH or name in CONTROLS else _ask(name)).bytes
    return Reader([sample], read, _bend)


def _ask(name: str) -> Client:
    (kind,) = [kind for kind in protocol.REQUESTS if kind.__name__ == name]
    return Client().say(example(kind, empty=False))


def _wrong(store: Path, answered: bytes) -> Iterator[str]:
    Client().read(answered)  # a client can always read the answers
    yield from problems(store)
    if (store / "apps" / WEB / "current" / "version").read_bytes() != b"1":
        yield "another version is live"


def _spoil(store: Path) -> None:
    live = store / "apps" / WEB / "current" / "shared"
    live.chmod(0o644)
    live.write_bytes(b"spoilt!")


def _reach_out(store: Path) -> None:
    (store.parent / "planted").write_text("")


PUSH = "a push"
NAMES = (PUSH, *(kind.__name__ for kind in protocol.REQUESTS if kind not in _ELSEWHERE))
CONTROLS = {"a session that damages a file": _spoil, "a session that writes beside the store": _reach_out}


def missing() -> str:
    """Why this proof cannot run here, or an empty text."""
    return ""


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: the most corrupted conversations for each request, instead of 400."""
    count = min(CASES, most or CASES)
    tally = Tally("clients that send anything")
    bounded.try_readers(tally, __name__, NAMES, count, directory)
    for control in CONTROLS:
        tally.control(control, bounded.run(__name__, control, 3))
    yield tally
