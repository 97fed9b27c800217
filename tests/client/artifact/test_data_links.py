"""Declared links to data outside: what becomes of them in a build, and what is in their way."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.client.artifact.scan import Selection, scan
from relstore.client.artifact.unfit import check_links
from relstore.client.config.keys.release import LINK
from relstore.client.config.setting import PathBase
from relstore.errors import ArtifactError, UsageError
from relstore.formats.data_link import DataLink
from relstore.formats.manifest import Directory, Manifest, Symlink

BASE = PathBase(Path("/project"), None)


def links(value: object) -> tuple[DataLink, ...]:
    return LINK.kind.read(value, BASE)


def linked(site: Path, *pairs: tuple[str, str]) -> Manifest:
    return scan(site, selection=Selection(links=[DataLink.parse(*pair) for pair in pairs])).manifest


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "public").mkdir()
    (tmp_path / "public/index.html").write_text("x")
    (tmp_path / "uploads").mkdir()
    return tmp_path


def test_they_are_symlinks_of_the_build_below_directories_that_it_gets(site: Path) -> None:
    manifest = linked(site, ("uploads", "/srv/data/uploads"), ("var/cache/x", "/srv/data/x"))
    entries = {entry.path: entry for entry in manifest.entries}
    assert entries["uploads"] == Symlink("uploads", "/srv/data/uploads")
    assert entries["var/cache/x"] == Symlink("var/cache/x", "/srv/data/x")
    assert entries["var/cache"] == Directory("var/cache")
    check_links(manifest, [DataLink("uploads", ""), DataLink("var/cache/x", "")])


def test_only_the_declared_ones_may_lead_out(site: Path) -> None:
    (site / "public/files").symlink_to("../uploads/files")
    (site / "public/passwd").symlink_to("/etc/passwd")
    manifest = linked(site, ("uploads", "/srv/data/uploads"))
    with pytest.raises(ArtifactError, match="'public/passwd' -> '/etc/passwd' leads out"):
        check_links(manifest, [DataLink("uploads", "/srv/data/uploads")])
    (site / "public/passwd").unlink()
    check_links(linked(site, ("uploads", "/srv/data/uploads")), [DataLink("uploads", "/srv/data/uploads")])


@pytest.mark.parametrize(
    ("path", "in_the_way"),
    [
        ("public", "public"),
        ("public/index.html", "public/index.html"),
        ("public/index.html/x", "public/index.html"),
    ],
)
def test_what_the_artifact_has_is_not_hidden(site: Path, path: str, in_the_way: str) -> None:
    with pytest.raises(ArtifactError, match=f"the artifact has '{in_the_way}', where `link` leads") as caught:
        linked(site, (path, "/srv/data"))
    assert f"--exclude '/{in_the_way}'" in caught.value.hint


def test_a_link_in_a_link_is_refused(site: Path) -> None:
    with pytest.raises(ArtifactError, match="the artifact has 'a', where"):
        linked(site, ("a", "/srv/a"), ("a/b", "/srv/b"))
    with pytest.raises(ArtifactError, match="the artifact has 'a', where"):
        linked(site, ("a/b", "/srv/b"), ("a", "/srv/a"))


def test_the_same_link_in_the_artifact_is_in_nobodys_way(site: Path) -> None:
    (site / "data").symlink_to("/srv/data")
    assert Symlink("data", "/srv/data") in linked(site, ("data", "/srv/data/")).entries
    with pytest.raises(ArtifactError, match="the artifact has 'data'"):
        linked(site, ("data", "/srv/other"))


def test_they_are_part_of_the_name_of_the_build(site: Path) -> None:
    assert linked(site, ("x", "/srv/x")) != linked(site, ("x", "/srv/y"))
    assert linked(site, ("x", "/srv/x"), ("y", "/y")) == linked(site, ("y", "/y"), ("x/", "/srv/x/"))


def test_a_table_and_flags_say_the_same() -> None:
    assert links({"uploads": "/srv/u", "a/b": "/c d"}) == links(["uploads=/srv/u", "a/b=/c d"])
    assert links(["x=/a=b"]) == (DataLink("x", "/a=b"),)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("uploads", "must be a table"),
        (["uploads"], "has no ="),
        ({"uploads": 5}, "must be a string"),
        ({"": "/srv"}, "is empty"),
        ({"uploads": ""}, "is empty"),
        ({"uploads": "srv"}, "no absolute path"),
        ({"uploads": "~/data"}, "no absolute path"),
        ({"uploads": "/"}, "no absolute path"),
        ({"uploads": "/srv/../etc"}, "'..' part"),
        ({"uploads": "/srv//x"}, "an empty"),
        ({"/uploads": "/srv"}, "an empty"),
        ({"../uploads": "/srv"}, "'..' part"),
        ({".": "/srv"}, "'.' or '..' part"),
        ({"a\nb": "/srv"}, "control bytes"),
        ({"a": "/srv\n"}, "control bytes"),
        ({"a": "/x" * 3000}, "a path of"),
        ({"a": "/x", "a/": "/y"}, "names 'a' twice"),
    ],
)
def test_what_is_no_link_is_refused(value: object, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        links(value)
