"""The patterns of `copy`: which files they match, and what is said when they match none."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.client.artifact.copies import mark
from relstore.client.artifact.scan import scan
from relstore.errors import UsageError

FILES = ("bin/web", "bin/tool.sh", "lib/a.so", "lib/deep/er/b.so", "lib/.hidden.so", "top", "[odd]")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    top = tmp_path / "site"
    for path in FILES:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(path)
    (top / "empty").write_text("")
    (top / "link").symlink_to("bin/web")
    return top


def copied(site: Path, *patterns: str) -> set[str]:
    return {file.path for file in scan(site, copy=patterns).manifest.files() if file.copied}


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("bin/web", {"bin/web"}),
        ("bin/*", {"bin/web", "bin/tool.sh"}),
        ("bin/w?b", {"bin/web"}),
        ("bin/[tw]*", {"bin/web", "bin/tool.sh"}),
        ("*", {"top", "[odd]"}),
        ("[[]odd]", {"[odd]"}),
        ("lib/*.so", {"lib/a.so", "lib/.hidden.so"}),
        ("lib/**", {"lib/a.so", "lib/.hidden.so", "lib/deep/er/b.so"}),
        ("**/*.so", {"lib/a.so", "lib/.hidden.so", "lib/deep/er/b.so"}),
        ("lib/**/b.so", {"lib/deep/er/b.so"}),
        ("lib/**/a.so", {"lib/a.so"}),
        ("**/web", {"bin/web"}),
        ("**", {*FILES}),
        ("**/**/**/**/top", {"top"}),
    ],
)
def test_what_a_pattern_matches(site: Path, pattern: str, paths: set[str]) -> None:
    assert copied(site, pattern) == paths


def test_several_patterns_add_up(site: Path) -> None:
    assert copied(site, "top", "bin/*", "bin/web") == {"top", "bin/web", "bin/tool.sh"}


def test_an_empty_file_is_matched_and_stays_as_it_is(site: Path) -> None:
    assert copied(site, "empty") == set()
    assert scan(site, copy=["empty"]).build == scan(site).build


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("bin/wbe", "paths in the artifact"),
        ("/bin/web", "paths in the artifact"),
        ("BIN/web", "paths in the artifact"),
        ("bin/web/**", "paths in the artifact"),
        ("bin/", "paths in the artifact"),
        ("bin", "bin/** matches the files in it"),
        ("link", "link is a symlink"),
        ("[", "paths in the artifact"),
    ],
)
def test_a_pattern_that_matches_no_file_is_named(site: Path, pattern: str, hint: str) -> None:
    with pytest.raises(UsageError, match="matches no file") as caught:
        copied(site, "top", pattern)
    assert repr(pattern) in caught.value.what
    assert hint in caught.value.hint


def test_a_single_file_is_matched_by_its_name(site: Path) -> None:
    (file,) = scan(site / "bin/web", copy=["web"]).manifest.files()
    assert file.copied


def test_a_pattern_of_many_parts_takes_no_time(site: Path) -> None:
    entries = scan(site).manifest.entries
    with pytest.raises(UsageError):
        mark(entries, ["/".join(["**", "*"] * 60)])
