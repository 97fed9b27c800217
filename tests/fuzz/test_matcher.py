"""The compiled matcher under the sanitizers: whatever the two files are, its columns give the new one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.matcher import REQUIRED

TARGET = Path(__file__).with_name("fuzz_matcher.c")
INPUTS = 5_000
_SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# Leaks are found where ptrace is allowed, which is not everywhere; `make fuzz` looks for them.
_OPTIONS = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fuzz") / "target"
    words = ["cc", "-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", *_SANITIZED, "-DSTANDALONE"]
    try:
        subprocess.run([*words, "-o", str(made), str(TARGET)], check=True, capture_output=True, text=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        if REQUIRED:
            raise
        pytest.skip(f"no compiler with sanitizers: {error}")
    return made


def run(target: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(target), *map(str, words)], capture_output=True, text=True, env=os.environ | _OPTIONS
    )


def test_thousands_of_invented_files(target: Path) -> None:
    ended = run(target, "-runs", INPUTS)
    assert (ended.returncode, ended.stdout) == (0, f"{INPUTS} inputs\n"), ended.stderr


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\0",
        b"\x08\0\x08\0" + bytes(16),
        b"\xff\0\xff\xff" + b"a" * 20_000,
        b"\x03\0\0\x40" + b"12345678same" * 2_500,
        b"\x03\xff\0\x40" + b"12345678same" * 2_500,
    ],
    ids=["nothing", "zeros", "one byte", "a short period", "a short period in memory"],
)
def test_odd_files(target: Path, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "input").write_bytes(data)
    ended = run(target, tmp_path / "input")
    assert ended.returncode == 0, ended.stderr
