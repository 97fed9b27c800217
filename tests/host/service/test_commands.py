"""A deployer's command on the host: how it ends, what it is given, what becomes of one that hangs."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.host.job.log import LIMIT, JobLog
from relstore.host.service import commands
from relstore.host.service.commands import CommandResult

SHELL = ("sh", "-c")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    yield fd
    os.close(fd)


def run(log: int, *words: str, seconds: int = 20, directory: str = "/", **variables: str) -> str:
    return ran(log, *words, seconds=seconds, directory=directory, **variables).problem


def ran(log: int, *words: str, seconds: int = 20, directory: str = "/", **variables: str) -> CommandResult:
    return commands.run(words, variables=variables, directory=directory, output=JobLog(log), seconds=seconds)


def text(log: int) -> str:
    return os.pread(log, 10_000, 0).decode()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("true",), ""),
        (("false",), "`false` ended with exit code 1"),
        ((*SHELL, "exit 7"), "`exit 7` ended with exit code 7"),
        (("sh", "-c", "exit 7", "more"), "`sh -c exit 7 more` ended with exit code 7"),
        ((*SHELL, "kill -KILL $$"), "`kill -KILL $$` was killed by signal 9"),
        ((*SHELL, "kill -TERM $$"), "`kill -TERM $$` was killed by signal 15"),
        (("/nonexistent/tool", "x"), "'/nonexistent/tool' cannot be run: No such file or directory"),
        (("/etc/passwd",), "'/etc/passwd' cannot be run: Permission denied"),
        (("/",), "'/' cannot be run: Permission denied"),
    ],
)
def test_how_it_ends(log: int, words: tuple[str, ...], problem: str) -> None:
    assert run(log, *words) == problem


@pytest.mark.parametrize(
    ("words", "is_verdict"),
    [
        (("true",), True),
        (("false",), True),
        ((*SHELL, "kill -KILL $$"), False),
        ((*SHELL, "sleep 60"), False),
        (("/nonexistent/tool",), False),
        ((), False),
    ],
)
def test_only_an_exit_code_is_a_verdict(log: int, words: tuple[str, ...], is_verdict: bool) -> None:
    assert ran(log, *words, seconds=1).is_verdict == is_verdict


@pytest.mark.parametrize("words", [("a\0b",), ("true", "\0"), (), ("",)])
def test_words_that_no_system_call_takes(log: int, words: tuple[str, ...]) -> None:
    """They come from a client; a job that breaks off over them would break off again at each recovery."""
    assert "cannot be run" in run(log, *words)


def test_a_file_that_is_no_program(log: int, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\0\1\2\3")
    program.chmod(0o755)
    assert run(log, str(program)) == f"'{program}' cannot be run: Exec format error"


def test_a_long_line_is_cut_in_messages(log: int) -> None:
    assert len(run(log, *SHELL, "false " + "x" * 1000)) < 250


def test_both_streams_go_to_the_log_and_input_is_empty(log: int) -> None:
    assert run(log, *SHELL, "echo out; echo err >&2; cat") == ""
    assert text(log) == "out\nerr\n"


def test_values_come_as_variables_and_never_in_the_line(log: int) -> None:
    evil = "$(echo run); `echo run`\n'\""
    assert run(log, *SHELL, 'printf %s "$RELSTORE_X"', RELSTORE_X=evil) == ""
    assert text(log) == evil


def test_the_environment_is_kept(log: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "kept")
    monkeypatch.setenv("RELSTORE_X", "a former one")
    assert run(log, *SHELL, 'echo "$KEPT $RELSTORE_X"', RELSTORE_X="new") == ""
    assert text(log) == "kept new\n"


def test_where_it_runs(log: int, tmp_path: Path) -> None:
    assert run(log, "pwd", directory=str(tmp_path)) == ""
    assert text(log) == f"{tmp_path}\n"


def test_no_descriptors_leak_into_it(log: int, tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(fd, True)
    assert run(log, *SHELL, f"test ! -e /proc/self/fd/{fd}") == ""
    os.close(fd)


def test_one_that_hangs_is_killed_with_its_whole_group(log: int, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    reader = os.open(gate, os.O_RDONLY | os.O_NONBLOCK)
    line = f"exec 3> {gate}; sleep 600 & sleep 600"
    began = time.monotonic()
    assert run(log, *SHELL, line, seconds=1) == f"`{line}` did not end within 1 s and was killed"
    assert time.monotonic() - began < 120
    # The last of them that held the gate open is gone.
    ready, _, _ = select.select([reader], [], [], 60)
    assert ready
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_what_it_leaves_running_after_a_good_end_stays(log: int, tmp_path: Path) -> None:
    """A daemon that still prints to where it was started from is neither waited for nor killed by that."""
    gate, written = tmp_path / "gate", tmp_path / "written"
    os.mkfifo(gate)
    line = f"(read line < {gate}; seq 100000 && echo $line > {written}) & echo started"
    began = time.monotonic()
    assert run(log, *SHELL, line) == ""
    assert time.monotonic() - began < 5
    assert text(log) == "started\n"
    gate.write_text("still here\n")
    deadline = time.monotonic() + 60
    while not (written.exists() and written.read_text() == "still here\n"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_child_that_prints_without_end_does_not_hold_it_up(log: int, tmp_path: Path) -> None:
    began = time.monotonic()
    assert run(log, *SHELL, f"yes & echo $! > {tmp_path}/pid; sleep 0.2") == ""
    assert time.monotonic() - began < 5
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert os.fstat(log).st_size <= LIMIT


def test_one_that_closes_its_streams_is_waited_for(log: int) -> None:
    assert run(log, *SHELL, "exec >&- 2>&-; sleep 0.2; exit 3").endswith("ended with exit code 3")
    line = "exec >&- 2>&-; sleep 600"
    assert run(log, *SHELL, line, seconds=1) == f"`{line}` did not end within 1 s and was killed"


def test_of_much_output_the_beginning_and_the_end_are_kept(log: int) -> None:
    assert run(log, *SHELL, "seq 300000") == ""
    size = os.fstat(log).st_size
    assert size < 700_000
    kept = os.pread(log, size, 0).decode()
    head, _, rest = kept.partition("\nrelstore: ")
    left_out, _, tail = rest.partition(" bytes left out\n")
    assert head.startswith("1\n2\n3\n")
    assert tail.endswith("\n299999\n300000\n")
    whole = "".join(f"{number}\n" for number in range(1, 300001))
    assert len(head) + int(left_out.replace(",", "")) + len(tail) == len(whole)


def test_one_that_prints_without_end_fills_no_disk(log: int) -> None:
    assert "was killed" in run(log, "yes", seconds=1)
    assert os.fstat(log).st_size < 700_000


def test_many_that_print_much_stay_within_the_limit_of_the_log(log: int) -> None:
    for _ in range(40):
        run(log, *SHELL, "head -c 3000000 /dev/zero")
    assert os.fstat(log).st_size <= LIMIT


def test_a_log_that_cannot_be_written_costs_the_command_nothing(tmp_path: Path) -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        assert run(full.fileno(), *SHELL, f"seq 100000; echo done > {tmp_path}/done") == ""
    assert (tmp_path / "done").read_text() == "done\n"
