"""Patterns in gitignore's syntax, as git itself understands them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from relstore.client.artifact.scan import Selection, scan
from relstore.client.ignore_patterns import IgnorePatterns
from relstore.errors import ArtifactError, UsageError

FILES = (
    *("app.js", "app.js.map", "keep.map", "cache/x", "lib/cache/x", "lib/keep.map", "lib/a/b/c.txt"),
    *("logs/today", "logs/keep", "#note", "!odd", "a b", "deep/er/app.js.map", "Cache/x", "ü/ä.map"),
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path in FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    return tmp_path


@pytest.mark.parametrize(
    "patterns",
    [
        ["*.map"],
        ["*.map", "!keep.map"],
        ["/cache/"],
        ["cache/"],
        ["cache"],
        ["lib/**/c.txt"],
        ["**/b"],
        ["logs/", "!logs/keep"],
        ["logs/*", "!logs/keep"],
        [r"\#note", r"\!odd"],
        ["a b"],
        ["?pp.js"],
        ["[k-l]*.map"],
        ["*", "!*/", "!*.js"],
        ["ü/*"],
        ["/lib/*/"],
    ],
    ids=" ".join,
)
def test_what_is_left_out_is_what_git_ignores(tree: Path, patterns: list[str]) -> None:
    subprocess.run(["git", "init", "-q", tree], check=True)
    (tree / ".git/info/exclude").write_text("\n".join(patterns))
    listed = subprocess.run(
        ["git", "-C", tree, "ls-files", "-z", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    ).stdout
    chosen = Selection(IgnorePatterns.parse([*patterns, ".git/"]))
    pushed = {file.path for file in scan(tree, selection=chosen).manifest.files()}
    assert pushed == set(listed.decode().split("\0")) - {""}


@pytest.mark.parametrize("pattern", ["!", "\\", "/", "[z-a]", "a[", "# comment", "a\nb"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"pattern|comment|line break"):
        IgnorePatterns.parse(["*.map", pattern])


def test_what_is_left_out_is_not_read(tree: Path) -> None:
    (tree / "cache/x").chmod(0)
    (tree / "cache/pipe").symlink_to("x" * 100)
    (tree / "cache/bad\udcff").write_text("x")
    assert scan(tree, selection=Selection(IgnorePatterns.parse(["/cache/"]))).manifest.entries


def test_when_nothing_is_left_that_is_said(tree: Path) -> None:
    with pytest.raises(ArtifactError, match="is empty, but for what `exclude` leaves out"):
        scan(tree, selection=Selection(IgnorePatterns.parse(["*"])))


def test_a_single_file_was_named_on_purpose(tree: Path) -> None:
    assert scan(tree / "keep.map", selection=Selection(IgnorePatterns.parse(["*.map"]))).manifest.entries
