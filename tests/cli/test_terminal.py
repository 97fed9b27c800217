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
from rich.cells import cell_len

from relstore.formats.blake3 import digest as blake3
from relstore.formats.generation import Description
from relstore.formats.journal import Event, EventKind
from relstore.formats.names import PinName
from relstore.store import journal
from relstore.store.app import App, NewBuild
from relstore.store.store import Store
from tests.support import tmux
from tests.support.host_side import WEB, Content, Program, push_build, remove_store
from tests.support.json_output import hold_to_documents
from tests.support.terminal import screen_of

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "terminal"
HOUR = 3600
COMMANDS = {
    "list-generations": ("list-generations",),
    "list-generations-all": ("list-generations", "--all"),
    "log": ("log",),
    "log-last": ("log", "-n", "5"),
    "history": ("history", "--html", "../page.html"),
    "show": ("show",),
    "log-all": ("log", "--all"),
    "show-failed": ("show", "198"),
    "show-files": ("show", "-1", "--files"),
    "status": ("status",),
    "diff": ("diff", "1"),
    "diff-commits": ("diff", "-1"),
    "diff-back": ("diff", "200", "197"),
    "gc": ("gc", "--keep", "5", "--dry-run"),
    "delete-generations": ("delete-generations", "1", "42", "43", "--dry-run"),
    "push": ("push", "site", "--app", "web", "--dry-run"),
    "verify": ("verify",),
    "check": ("check", "--app", "web"),
    "status-check": ("status", "--check"),
    "app-remove": ("app", "remove", "web", "--dry-run"),
    "cache": ("cache",),
}
NOTES = {
    7: "https://ci.example.com/projects/storefront/pipelines/1234567/jobs/76543210",
    42: "Search results load twice as fast, and the cart survives a restart of the session store",
    200: "Neue Preise für Übersee",
}
REASON = "http://127.0.0.1:8080/health answered with 503 Service Unavailable, last of 58 attempts in 30.0 s"
LONG = "assets/vendor/charting-library/dist/locales/translations-with-a-long-name.min.js"


SUBJECTS = {
    196: "Fix the checkout of empty carts",
    197: "Read prices for overseas from the new service",
    198: "Wait for the price service, whose answers take up to two seconds in the morning when all shops open",
    199: "Update dependencies",
    200: "Neue Preise für Übersee: Japan, Neuseeland und die Fidschi-Inseln, mit 日本語 in the note of the invoice",
}
"""Of the commits that the checkout has; all others are of elsewhere."""


class Checkout:
    """A repository with a commit for each of the newest generations; their names are always the same."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / "site").mkdir(parents=True)
        (directory / "site" / "index.html").write_text("3")
        self._git("init", "--quiet")
        self._known = {number: self._made(number, subject) for number, subject in SUBJECTS.items()}

    def commit(self, number: int) -> str:
        return self._known.get(number) or blake3(b"%d" % number).hex()[:40]

    def _made(self, number: int, subject: str) -> str:
        self._git(
            "commit",
            "--quiet",
            "--allow-empty",
            "--message",
            subject,
            date=f"2026-11-01T00:00:00 +0{number % 10}00",
        )
        return self._git("rev-parse", "HEAD")

    def _git(self, *words: str, date: str = "") -> str:
        person = {
            f"GIT_{role}_{what}": "ada" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        environment = {
            **person,
            "PATH": os.environ["PATH"],
            "HOME": str(self._directory),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_DATE": date,
        }
        ran = subprocess.run(
            ["git", *words], cwd=self._directory, env=environment, check=True, capture_output=True, text=True
        )
        return ran.stdout.strip()


def _activate(
    app: App, number: int, at: int, seconds: int, outcome: EventKind = "active", why: str = ""
) -> None:
    job = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at))}-{number:08x}"
    previous = app.current() or 0
    if outcome == "active":
        app.switch(number)
    journal.append(app.directory, Event(at, "switching", number, previous, job, "ada@laptop", ""))
    journal.append(app.directory, Event(at + seconds, outcome, number, previous, job, "ada@laptop", why))


def _fill(store: Store, checkout: Checkout) -> None:
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
            told = Description("ada@laptop", checkout.commit(number), dirty, NOTES.get(number, ""))
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
            _fill(store, Checkout(path / "work"))
        yield path
    finally:
        for store in (path / "srv", path / "spoken"):
            if store.exists():
                remove_store(store)
        shutil.rmtree(path)


def _steady(shown: str, directory: Path) -> str:
    """Without what differs from run to run; what stands in its place is as long."""
    shown = shown.replace(str(directory), "/tmp/relstore-DIRECTRY")
    shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-11-23 05:59:17", shown)
    shown = re.sub(r"\d{8}T\d{6}Z-", "20261123T055917Z-", shown)
    shown = re.sub(r"(?m)\d+\.\d kB$", "99.9 kB", shown) if "page.html" in shown else shown
    return re.sub(r"(?m)^(  free +).*", r"\1FREE", shown)


def _environment(directory: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm-256color",
        "RELSTORE_TO": str(directory / "srv"),
        "RELSTORE_CACHE_DIR": str(directory / "cache"),
        "RELSTORE_STATE_DIR": str(directory / "state"),
    }


def _compare(name: str, columns: int, shown: str) -> None:
    golden = GOLDEN / f"{name}-{columns}.txt"
    if os.environ.get("RELSTORE_WRITE_GOLDEN") == "1":
        golden.write_text(shown)
    assert shown == golden.read_text()


@pytest.mark.parametrize("columns", [60, 80, 140])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_report_fits_the_terminal(name: str, columns: int, directory: Path) -> None:
    words = [sys.executable, "-m", "relstore", *COMMANDS[name]]
    shown = screen_of(words, columns, _environment(directory), directory / "work")
    _compare(name, columns, _steady(shown, directory))


@pytest.mark.skipif(tmux.PROGRAM is None, reason="tmux is not installed")
@pytest.mark.parametrize("columns", [60, 80, 140])
@pytest.mark.parametrize("command", ["switch-generation", "rollback"])
def test_a_list_to_choose_from_fits_the_terminal(command: str, columns: int, directory: Path) -> None:
    words = [sys.executable, "-m", "relstore", command, "--pick"]
    environment = {**_environment(directory), "TERM": "tmux-256color", "NO_COLOR": "1"}
    with tempfile.TemporaryDirectory() as place, tmux.tmux(Path(place), environment) as terminal:
        terminal.start(words, columns, 40, directory / "work")
        shown = terminal.wait_for(lambda shown: shown.rstrip().endswith("(Ctrl-C changes nothing):"))
        assert max(map(cell_len, shown.splitlines())) <= columns
        _compare(f"{command}-pick", columns, _steady(shown, directory))
        terminal.type("C-c")
        terminal.wait_until_it_ended()
        assert "Everything is as it was." in terminal.screen()


SAYS = (
    "a warning that is rather long, and says that the configuration of yesterday is still in use by somebody",
    f"https://ci.example.com/{'storefront/' * 12}log",
)


@pytest.mark.skipif(tmux.PROGRAM is None, reason="tmux is not installed")
@pytest.mark.parametrize("columns", [60, 80, 140])
def test_what_a_service_says_fits_the_terminal(columns: int, directory: Path) -> None:
    """Without a unit, the job's log is what the service said. An address that is too wide stays whole."""
    store = directory / "spoken"
    environment = {
        **_environment(directory),
        "TERM": "tmux-256color",
        "NO_COLOR": "1",
        "RELSTORE_TO": str(store),
    }
    program = [sys.executable, "-m", "relstore"]
    if not store.exists():
        says = "; ".join(f"echo '{line}'" for line in SAYS)
        words = [*program, "push", "site", "--app", "web", "--restart", says]
        subprocess.run(words, env=environment, cwd=directory / "work", check=True, capture_output=True)
    for command in ("logs", "attach"):
        with tempfile.TemporaryDirectory() as place, tmux.tmux(Path(place), environment) as terminal:
            terminal.start([*program, command], columns, 40, directory / "work")
            terminal.wait_until_it_ended()
            shown = re.sub(r"(?m)\d+\.\d s$", "9.9 s", terminal.screen())
        _compare(command, columns, _steady(shown, directory))


def test_what_is_said_fits_a_narrow_terminal(directory: Path) -> None:
    for command in (["pin", "kept-for-long", "3"], ["unpin", "kept-for-long"]):
        words = [sys.executable, "-m", "relstore", *command]
        shown = screen_of(words, 40, _environment(directory), directory / "work")
        assert len(shown.splitlines()) == 2


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
    hold_to_documents(ran.args, ran.stdout.decode(), ran.returncode)
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
