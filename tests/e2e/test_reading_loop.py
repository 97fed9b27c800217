"""P1: through 1,000 switches a reader never fails once; and the test can see it when one would."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.formats.names import AppName
from relstore.store.store import Store
from tests.support.hosts.sshd import Sshd
from tests.support.user import TIMEOUT_S, User, make_site, switch_often, target_of

SWITCHES = 1000
FULL_SWITCHES = 1000 if os.environ.get("RELSTORE_TEST_THOROUGH") == "1" else 25


class Reading:
    """What the reader has seen, once it was stopped."""

    reads = 0
    failures = 0


@contextlib.contextmanager
def reading(link: Path, directory: Path) -> Iterator[Reading]:
    ready, stop = directory / "ready", directory / "stop"
    seen = Reading()
    words = [sys.executable, str(Path(__file__).with_name("reader.py")), str(link), "index.html"]
    with subprocess.Popen(
        [*words, str(ready), str(stop), "1", "2"], stdout=subprocess.PIPE, text=True
    ) as process:
        while not ready.exists():
            time.sleep(0.005)
        try:
            yield seen
        finally:
            stop.touch()
            out, _ = process.communicate(timeout=TIMEOUT_S)
            seen.reads, seen.failures = map(int, out.split())


@pytest.fixture
def two_generations(user: User, tmp_path: Path) -> Path:
    store = tmp_path / "store"
    for version in ("1", "2"):
        user.does("push", make_site(tmp_path / "site", version), "--to", store)
    return store


def test_no_read_fails_during_a_thousand_switches(two_generations: Path, tmp_path: Path) -> None:
    with (
        Store.open(str(two_generations)) as store,
        store.app(AppName("site")) as app,
        reading(two_generations / "apps/site/current", tmp_path) as seen,
    ):
        for number in range(SWITCHES):
            app.switch(1 + number % 2)
    print(f"{SWITCHES} switches, {seen.reads} reads, {seen.failures} failed")
    assert seen.reads > SWITCHES
    assert seen.failures == 0


def test_the_old_script_does_fail_the_same_reader(two_generations: Path, tmp_path: Path) -> None:
    """The control: ``rm`` and then ``ln -s`` leaves moments without a link, and the reader sees them."""
    link = two_generations / "apps/site/current"
    with reading(link, tmp_path) as seen:
        for number in range(SWITCHES):
            link.unlink()
            time.sleep(0.0005)  # less than ``ln`` takes to start
            link.symlink_to(f"generations/{1 + number % 2}")
    print(f"{SWITCHES} switches by rm and ln, {seen.reads} reads, {seen.failures} failed")
    assert seen.failures > 0


@pytest.mark.sshd
def test_no_read_fails_during_whole_activations(
    server: Sshd, store_path: Path, user: User, tmp_path: Path
) -> None:
    """The same with the whole transaction, each in a job of its own, over SSH."""
    user.may_log_in_to(server)
    to = target_of(server, store_path)
    for version in ("1", "2"):
        user.does("push", make_site(tmp_path / "site", version), "--to", to)
    with reading(store_path / "apps/site/current", tmp_path) as seen:
        switch_often(user, to, ["1", "2"], FULL_SWITCHES)
    print(f"{FULL_SWITCHES} activations, {seen.reads} reads, {seen.failures} failed")
    assert seen.failures == 0
