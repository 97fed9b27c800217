"""The check from outside: a URL that answers, a command that exits with 0; asked twice before it has failed."""

from __future__ import annotations

import asyncio
import http.server
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.client.fleet import outside_check
from relstore.client.fleet.course import OutsideCheck
from relstore.client.reporter import Reporter


class Recorded(Reporter):
    def __init__(self) -> None:
        self.printed = b""

    def output(self, host: str, data: bytes) -> None:
        self.printed += data


def ask(check: OutsideCheck, reporter: Reporter | None = None) -> str:
    return asyncio.run(outside_check.problem(check, "r1", 2, ["web1", "web2"], reporter or Reporter()))


@pytest.fixture
def answers() -> Iterator[tuple[str, list[int]]]:
    """A server's URL, and the statuses that it answers with, one after the other."""
    statuses: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.pop(0))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/health", statuses
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("given", "expected", "left"),
    [([200], "", []), ([503, 200], "", []), ([503, 404], "status 404", []), ([204, 500], "", [500])],
)
def test_a_url(answers: tuple[str, list[int]], given: list[int], expected: str, left: list[int]) -> None:
    url, statuses = answers
    statuses += given
    found = ask(OutsideCheck(url))
    assert (found, statuses) == (f"{url}: {expected}" if expected else "", left)


def test_a_url_that_nobody_answers() -> None:
    assert "Connection refused" in ask(OutsideCheck("http://127.0.0.1:9/"))


def test_a_command_has_the_rollout_in_variables_and_no_shell(tmp_path: Path) -> None:
    line = 'echo "$RELSTORE_ROLLOUT $RELSTORE_WAVE $RELSTORE_HOSTS $1 $HOME"; pwd'
    check = OutsideCheck(
        command=("sh", "-c", line, "sh", "$(touch x)"),
        directory=str(tmp_path),
        environment={"HOME": "/home/ada", "PATH": os.environ["PATH"]},
    )
    reporter = Recorded()
    assert ask(check, reporter) == ""
    assert reporter.printed.decode() == f"r1 2 web1 web2 $(touch x) /home/ada\n{tmp_path}\n"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (("false",), "check-command: exit code 1"),
        (("/nowhere/x",), "check-command: '/nowhere/x' cannot be run: No such file or directory"),
    ],
)
def test_a_command_that_fails(command: tuple[str, ...], what: str) -> None:
    assert ask(OutsideCheck(command=command, environment=dict(os.environ))) == what


def test_a_command_that_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_check, "_TIMEOUT_S", 0.5)
    monkeypatch.setattr(outside_check, "AGAIN_S", 0.0)
    line = f"sleep 300 & echo $! >> {tmp_path}/pids; wait"
    found = ask(OutsideCheck(command=("sh", "-c", line), environment=dict(os.environ)))
    assert "did not end within" in found
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 2
    deadline = time.monotonic() + 20
    while any(_runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_runs(pid) for pid in pids)


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
