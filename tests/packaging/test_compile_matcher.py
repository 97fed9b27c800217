"""A checkout is built with and without a C compiler, and what is compiled is what the client loads."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from relstore.client.transfer.delta import matcher
from tests.support.matcher import needs_matcher

SCRIPT = Path(__file__).parents[2] / "packaging" / "compile_matcher.py"
NO_COMPILER = 3


def compiled(output: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(SCRIPT), str(output)]
    return subprocess.run(words, capture_output=True, text=True, env=os.environ | environment)


@needs_matcher
def test_with_a_compiler(tmp_path: Path) -> None:
    ended = compiled(tmp_path / "library.so")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ctypes.CDLL(str(tmp_path / "library.so")).matcher_abi() == matcher._ABI
    assert [path.name for path in tmp_path.iterdir()] == ["library.so"]


def test_without_one_it_says_so(tmp_path: Path) -> None:
    ended = compiled(tmp_path / "library.so", CC="no-such-compiler")
    assert ended.returncode == NO_COMPILER
    assert "there is no C compiler" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_compiler_that_fails_leaves_nothing(tmp_path: Path) -> None:
    assert compiled(tmp_path / "library.so", CC="false").returncode not in (0, NO_COMPILER)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"", b"not a library"])
def test_a_library_that_is_missing_or_broken_is_none(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    library = tmp_path / "libmatcher.so.1"
    if content is not None:
        library.write_bytes(content)
    monkeypatch.setattr(matcher, "LIBRARY", library)
    for cached in (matcher.available, matcher._library):
        cached.cache_clear()
        request.addfinalizer(cached.cache_clear)
    assert not matcher.available()


@needs_matcher
def test_a_library_of_another_version_is_none(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(matcher, "_ABI", matcher._ABI + 1)
    matcher.available.cache_clear()
    request.addfinalizer(matcher.available.cache_clear)
    assert not matcher.available()
