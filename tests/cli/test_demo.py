"""The demo goes as told, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.json_output import hold_to_documents

pytestmark = pytest.mark.slow


def processes_below(directory: Path) -> list[str]:
    """The command lines of running processes that name ``directory``."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                words = Path(entry.path, "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(directory) in words:
                found.append(words.replace(b"\0", b" ").decode())
    return found


def demo(directory: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "relstore", "demo", *words],
        env={**os.environ, "TMPDIR": str(directory), "RELSTORE_TO": "nowhere:/x", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_as_a_person_sees_it(tmp_path: Path) -> None:
    ran = demo(tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    assert "The host went back by itself" in ran.stdout
    assert " 0 failed" in ran.stdout
    assert list(tmp_path.iterdir()) == []
    assert processes_below(tmp_path) == []


def test_a_cut_over_needs_a_systemd_of_the_account(tmp_path: Path) -> None:
    ran = demo(tmp_path, "--cut-over", PATH=str(tmp_path))
    assert ran.returncode == 1
    assert "`systemctl --user` does not answer here" in ran.stderr
    assert "make demo-cut-over" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_as_a_program_sees_it(tmp_path: Path) -> None:
    ran = demo(tmp_path, "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    hold_to_documents(ran.args, ran.stdout, ran.returncode)
    figures = json.loads(ran.stdout)
    assert figures["as_told"] is True
    assert figures["failed"] == 0
    assert figures["requests"] > 50
    assert set(figures["versions"]) == {"1", "2"}
    assert list(tmp_path.iterdir()) == []
