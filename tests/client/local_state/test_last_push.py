"""What was pushed last: remembered by app, and whatever the file says, only a help."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.client.artifact.scan import scan
from relstore.client.local_state.last_push import MIN_BYTES, Recent
from relstore.formats.names import AppName

APP = AppName("app")


def test_the_large_files_of_an_app(tmp_path: Path) -> None:
    build = tmp_path / "build"
    build.mkdir()
    (build / "large").write_bytes(b"x" * MIN_BYTES)
    (build / "small").write_bytes(b"x" * (MIN_BYTES - 1))
    manifest = scan(build).manifest
    recent = Recent(tmp_path / "cache" / "recent")
    assert recent.get(APP) == {}
    recent.keep(APP, manifest)
    (large,) = (file for file in manifest.files() if file.path == "large")
    assert recent.get(APP) == {"large": large.content.blake3}
    assert recent.get(AppName("other")) == {}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"a": "b"}', '{"a": null}', "\xff", "1"])
def test_a_file_that_is_damaged_says_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "app.json").write_bytes(text.encode("latin-1"))
    assert Recent(tmp_path).get(APP) == {}


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    build = tmp_path / "large"
    build.write_bytes(b"x" * MIN_BYTES)
    Recent(tmp_path / "file" / "recent").keep(APP, scan(build).manifest)
