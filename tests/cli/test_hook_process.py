"""Running a hook on this machine: its input, its output, its time, and what it leaves running."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from relstore.cli.hook_process import MAX_SHOWN_BYTES, run_hook

SLOW_S = 20.0


def run(*words: str, said: bytes = b"", seconds: int = 60, **variables: str) -> tuple[str, list[str]]:
    lines: list[str] = []
    problem = run_hook(words, {**os.environ, **variables}, Path("/"), said, seconds, lines.append)
    return problem, lines


def test_it_reads_its_input_and_its_variables_and_is_shown() -> None:
    problem, lines = run(
        "sh", "-c", 'cat; echo "$X"; pwd; echo err >&2; printf rest', said=b"a\nb\n", X="y z"
    )
    assert (problem, lines) == ("", ["a", "b", "y z", "/", "err", "rest"])


def test_no_shell_reads_the_words() -> None:
    assert run("printf", "%s\n", "$HOME; $(id) `id` *") == ("", ["$HOME; $(id) `id` *"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("false",), "`false` ended with exit code 1"),
        (("sh", "-c", "kill -9 $$"), "was killed by signal 9"),
        (("/no/such/program",), "cannot be run: No such file or directory"),
        (("/etc/passwd",), "cannot be run: Permission denied"),
    ],
)
def test_how_it_ended(words: tuple[str, ...], says: str) -> None:
    assert says in run(*words)[0]


def test_a_large_input_that_nobody_reads_is_no_problem() -> None:
    assert run("true", said=b"x" * 4_000_000) == ("", [])
    assert run("sh", "-c", "exec <&-; sleep 0.2", said=b"x" * 4_000_000) == ("", [])
    assert run("wc", "-c", said=b"x" * 4_000_000) == ("", ["4000000"])


def test_output_is_bounded_and_never_blocks() -> None:
    problem, lines = run("sh", "-c", "yes | head -n 2000000; printf done >&2")
    assert problem == ""
    assert sum(len(line) + 1 for line in lines) < MAX_SHOWN_BYTES + 100
    assert lines[-1] == "… (more is not shown)"
    problem, lines = run("sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x")
    assert problem == ""
    assert max(map(len, lines)) <= 4096


def test_at_its_time_the_whole_group_is_killed(tmp_path: Path) -> None:
    began = time.monotonic()
    problem, lines = run(
        "sh",
        "-c",
        f"trap '' TERM; sh -c 'echo $$ > {tmp_path}/pid; sleep 100; :' & echo begun; wait",
        seconds=1,
    )
    assert "did not end within 1 s and was killed" in problem
    assert lines == ["begun"]
    assert time.monotonic() - began < SLOW_S
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_a_good_one_leaves_running_stays_and_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    assert run("sh", "-c", f"sleep 100 & echo $! > {tmp_path}/pid; echo done") == ("", ["done"])
    assert time.monotonic() - began < SLOW_S
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_when_we_are_interrupted_it_is_killed(tmp_path: Path) -> None:
    def interrupted(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_hook(
            ["sh", "-c", f"echo $$ > {tmp_path}/pid; echo x; sleep 100"],
            os.environ,
            Path("/"),
            b"",
            60,
            interrupted,
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
