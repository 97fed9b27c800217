"""Catching a push at one of its steps, and waiting for what the host records of it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from relstore.formats import journal
from relstore.formats.journal import Journal
from tests.systemd.deployer import Deployer

UPLOAD = "upload"
STEPS = ("accepted", "running before", "restarting", "checking", "confirming")
"""What ``-v`` says when the host is there; each waits for a while with SLOW."""
SLOW = ("-v", "--before", "sleep 0.5", "--confirm", "2s", "--health-stable", "2s")
UPLOAD_BYTES = 60_000_000
TIMEOUT_S = 240.0


@contextmanager
def caught(deployer: Deployer, step: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Start a push; the block begins when it is at ``step``. It is killed at the end if it still runs."""
    with deployer.start(*words) as client:
        try:
            if step == UPLOAD:
                _wait_for_upload(deployer)
            else:
                assert client.stderr is not None
                sign = "owns the activation" if step == "accepted" else f": {step}"
                for line in client.stderr:
                    if sign in line:
                        break
                else:
                    raise AssertionError(f"the push never said {sign!r}")
            yield client
        finally:
            client.kill()


def big_release(deployer: Deployer, words: tuple[object, ...]) -> tuple[object, ...]:
    """The same push with so much in it that it can be caught in the upload."""
    build = words[1]
    with open(f"{build}/ballast", "wb") as file:
        file.write(os.urandom(UPLOAD_BYTES))
    return words


def events(deployer: Deployer) -> list[tuple[str, int]]:
    """The journal as it lies on the host's disk: no connection is needed, and no host that is on."""
    path = deployer.host.root_path / "srv/web/apps/web/journal"
    return [(event.event, event.generation) for event in Journal.parse(path.read_bytes()).events]


def wait_for_outcome(deployer: Deployer, generation: int) -> str:
    """What the host records of ``generation``, once it does."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        kind, number = events(deployer)[-1]
        if number == generation and kind in journal.OUTCOMES:
            return kind
        time.sleep(0.05)
    raise AssertionError(f"no outcome of generation {generation}: {events(deployer)}")


def _wait_for_upload(deployer: Deployer) -> None:
    staging = deployer.host.root_path / "srv/web/staging"
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if any(path.is_file() and path.stat().st_size > 1_000_000 for path in staging.rglob("*")):
            return
        time.sleep(0.01)
    raise AssertionError("nothing was uploaded")
