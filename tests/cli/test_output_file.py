"""A report in a file is whole, or is not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from relstore.cli import output_file
from relstore.errors import RelstoreError, UsageError


def test_the_umask_and_the_rights_of_before_count(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    before = os.umask(0o027)
    try:
        output_file.write(place, "ä")
    finally:
        os.umask(before)
    assert (place.read_text(encoding="utf-8"), stat.S_IMODE(place.stat().st_mode)) == ("ä", 0o640)
    place.chmod(0o604)
    output_file.write(place, "b")
    assert (place.read_text(), stat.S_IMODE(place.stat().st_mode)) == ("b", 0o604)
    assert os.listdir(tmp_path) == ["page.html"]


def test_a_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "page.html"
    link.symlink_to("real/page.html")
    output_file.check_place(link)
    output_file.write(link, "x")
    assert link.is_symlink()
    assert (tmp_path / "real" / "page.html").read_text() == "x"


def test_what_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "page.html"
    place.write_text("before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RelstoreError, match="No space left on device"):
        output_file.write(place, "after")
    assert (place.read_text(), os.listdir(tmp_path)) == ("before", ["page.html"])


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("", "is a directory"),
        ("missing/page.html", "there is no directory"),
        ("pipe", "is not a file"),
        ("loop", "cannot be"),
        ("file/page.html", "cannot be|there is no directory"),
    ],
)
def test_places_that_no_file_can_have(tmp_path: Path, place: str, what: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(RelstoreError, match=what):
        output_file.check_place(tmp_path / place)


def test_a_device_is_not_replaced() -> None:
    with pytest.raises(UsageError, match="is not a file"):
        output_file.check_place(Path("/dev/stdout" if not Path("/dev/stdout").is_file() else "/dev/null"))
