"""What every command that reads shows of a store with 200 generations, on terminals of three widths.

The texts are in tests/golden/terminal; RELSTORE_WRITE_GOLDEN=1 writes them anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relstore.formats.blake3 import digest as blake3
from relstore.formats.generation import Description
from relstore.formats.journal import Event, EventKind
from relstore.formats.names import PinName
from relstore.store import journal
from relstore.store.app import App, NewBuild
from relstore.store.store import Store
from tests.support.host_side import WEB, Content, Program, push_build, remove_store
from tests.support.terminal import screen_of

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "terminal"
HOUR = 3600
COMMANDS = {
    "list-generations": ("list-generations",),
    "list-generations-all": ("list-generations", "--all"),
    "log": ("log",),
    "log-all": ("log", "--all"),
    "show": ("show", "200"),
    "show-failed": ("show", "198"),
    "status": ("status",),
    "diff": ("diff", "1", "200"),
    "gc": ("gc", "--keep", "5", "--dry-run"),
    "verify": ("verify",),
    "cache": ("cache",),
}
NOTES = {
    7: "https://ci.example.com/projects/storefront/pipelines/1234567/jobs/76543210",
    42: "Search results load twice as fast, and the cart survives a restart of the session store",
    200: "Neue Preise für Übersee",
}
REASON = "http://127.0.0.1:8080/health answered with 503 Service Unavailable, last of 58 attempts in 30.0 s"
LONG = "assets/vendor/charting-library/dist/locales/translations-with-a-long-name.min.js"


def _commit(number: int) -> str:
    return blake3(b"%d" % number).hex()[:40]


def _activate(
    app: App, number: int, at: int, seconds: int, outcome: EventKind = "active", why: str = ""
) -> None:
    job = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at))}-{number:08x}"
    previous = app.current() or 0
    if outcome == "active":
        app.switch(number)
    journal.append(app.directory, Event(at, "switching", number, previous, job, "ada@laptop", ""))
    journal.append(app.directory, Event(at + seconds, outcome, number, previous, job, "ada@laptop", why))


def _fill(store: Store) -> None:
    """200 generations of two builds, the newest a few hours old, so that ages do not change during the test."""
    now = int(time.time()) - 1800
    old: dict[str, Content] = {"web": Program(b"#!/bin/sh\n" * 900), "index.html": b"1", LONG: b"x" * 70_000}
    new: dict[str, Content] = {"web": Program(b"#!/bin/sh\n" * 901), "index.html": b"2", "robots.txt": b""}
    builds = [push_build(store, old), push_build(store, new)]
    store.make_app(WEB)
    with store.app(WEB) as app:
        for number in range(1, 201):
            at = now - (201 - number) * 7 * HOUR
            size = 43_000_000 + number * 7_919
            dirty = number % 17 == 0
            told = Description("ada@laptop", _commit(number), dirty, NOTES.get(number, ""))
            app.append(NewBuild(builds[number % 2 == 0], size, 3), told, at)
            if number % 50 == 48:
                _activate(app, number, at, 31, "rolled-back", REASON)
            elif number != 199:
                _activate(app, number, at, number % 9)
        app.pin(PinName("before-new-search"), 41)


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Where the store is: a path that is always of the same length, which lines depend on."""
    path = Path(tempfile.mkdtemp(prefix="relstore-", dir="/tmp"))
    path.chmod(0o755)
    try:
        with Store.open(str(path / "srv"), create=True) as store:
            _fill(store)
        yield path
    finally:
        if (path / "srv").exists():
            remove_store(path / "srv")
        shutil.rmtree(path)


def _steady(shown: str, directory: Path) -> str:
    """Without what differs from run to run; what stands in its place is as long."""
    shown = shown.replace(str(directory), "/tmp/relstore-DIRECTRY")
    shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-11-23 05:59:17", shown)
    shown = re.sub(r"\d{8}T\d{6}Z-", "20261123T055917Z-", shown)
    return re.sub(r"(?m)^(  free +).*", r"\1FREE", shown)


@pytest.mark.parametrize("columns", [60, 80, 140])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_report_fits_the_terminal(name: str, columns: int, directory: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm-256color",
        "RELSTORE_TO": str(directory / "srv"),
        "RELSTORE_CACHE_DIR": str(directory / "cache"),
        "RELSTORE_STATE_DIR": str(directory / "state"),
    }
    words = [sys.executable, "-m", "relstore", *COMMANDS[name]]
    shown = _steady(screen_of(words, columns, environment, directory), directory)
    golden = GOLDEN / f"{name}-{columns}.txt"
    if os.environ.get("RELSTORE_WRITE_GOLDEN") == "1":
        golden.write_text(shown)
    assert shown == golden.read_text()


def test_what_was_listed_is_completed_later(directory: Path) -> None:
    environment = {
        **os.environ,
        "RELSTORE_TO": str(directory / "srv"),
        "RELSTORE_STATE_DIR": str(directory / "completed"),
    }
    program = [sys.executable, "-m", "relstore"]
    subprocess.run([*program, "list"], env=environment, capture_output=True, check=True)
    asks = {"_RELSTORE_COMPLETE": "bash_complete", "COMP_LINE": "relstore unpin "}
    ran = subprocess.run(program, env={**environment, **asks}, capture_output=True, text=True, check=True)
    assert ran.stdout == "plain,before-new-search\n"


def _document(directory: Path, *words: str) -> dict[str, Any]:
    """The part of the one host of what a command prints with ``--json``."""
    environment = {
        **os.environ,
        "RELSTORE_TO": str(directory / "srv"),
        "RELSTORE_STATE_DIR": str(directory / "counted"),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "relstore", *words, "--json"], env=environment, capture_output=True, check=True
    )
    document: dict[str, Any] = json.loads(ran.stdout)["hosts"][0]
    return document


def test_a_program_gets_all_generations_unless_it_asks_for_the_last(directory: Path) -> None:
    everything = _document(directory, "list-generations")["generations"]
    assert [row["number"] for row in everything] == list(range(1, 201))
    for count in (1, 3, 60, 500):
        assert _document(directory, "list", "-n", str(count))["generations"] == everything[-count:]


def test_a_program_gets_the_whole_log_unless_it_asks_for_the_last(directory: Path) -> None:
    everything = _document(directory, "log")["events"]
    assert len(everything) == 2 * 199
    for count in (1, 3, 60, 500):
        assert _document(directory, "log", "-n", str(count))["events"] == everything[-2 * count :]
