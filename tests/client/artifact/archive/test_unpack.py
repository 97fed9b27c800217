"""What tar, git and zip write is unpacked to the build that the directory itself is."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from relstore.client.artifact.archive.names import is_archive_name, suggest_from
from relstore.client.artifact.archive.unpack import unpack_file, unpack_stream
from relstore.client.artifact.scan import scan
from relstore.client.zstd_library import zstd_module
from relstore.errors import ArtifactError, UsageError
from relstore.formats.names import Digest
from tests.client.artifact.archive.build import END, directory, entry, header, pax, zip_entry, zip_of

LONG = "n" * 120 + "/" + "m" * 200


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small artifact with one of everything that a build can hold."""
    top = tmp_path / "site"
    (top / "bin").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "empty-file").touch()
    (top / "index.html").write_text("hello")
    (top / "bin/web").write_bytes(os.urandom(70_000))
    (top / "bin/web").chmod(0o755)
    (top / "latest").symlink_to("bin/web")
    (top / LONG).parent.mkdir()
    (top / LONG).write_text("long")
    (top / "ünïcode").write_text("x")
    (top / "a\\b").write_text("a backslash")
    return top


def unpacked(archive: bytes, tmp_path: Path) -> Digest:
    path, inside = tmp_path / "archive", tmp_path / "inside"
    path.write_bytes(archive)
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir()
    unpack_file(path, inside)
    return scan(inside).build


def tar(site: Path, *options: str) -> bytes:
    return subprocess.run(["tar", *options, "-c", "-C", site, "."], capture_output=True, check=True).stdout


@pytest.mark.parametrize(
    "options", [(), ("--format=ustar",), ("--format=pax",), ("--format=gnu",), ("-b", "1")]
)
def test_what_tar_writes(site: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    if "--format=ustar" in options:
        shutil.rmtree((site / LONG).parent)  # has no room for it
    archive = tar(site, *options)
    for pack in (bytes, gzip.compress, zstd_module().compress):
        assert unpacked(pack(archive), tmp_path) == scan(site).build


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_what_python_writes(site: Path, tmp_path: Path, format_: int) -> None:
    if format_ == tarfile.USTAR_FORMAT:
        shutil.rmtree((site / LONG).parent)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format_) as archive:
        archive.add(site, ".")
    assert unpacked(file.getvalue(), tmp_path) == scan(site).build


def test_what_git_writes(site: Path, tmp_path: Path) -> None:
    (site / "empty").rmdir()
    git = ["git", "-C", site, "-c", "user.name=a", "-c", "user.email=a@b"]
    build = scan(site).build
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    for kind in ("tar", "tar.gz"):
        archive = subprocess.run(
            [*git, "archive", f"--format={kind}", "HEAD"], capture_output=True, check=True
        )
        assert unpacked(archive.stdout, tmp_path) == build


def test_a_zip(site: Path, tmp_path: Path) -> None:
    (site / "a\\b").unlink()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(site.rglob("*")):
            name = str(path.relative_to(site))
            if path.is_symlink():
                archive.writestr(zip_entry(name, 0o120777), os.readlink(path))
            else:
                archive.write(path, name)
        archive.comment = b"made by a test"
    assert unpacked(file.getvalue(), tmp_path) == scan(site).build
    stored = zip_of(("index.html", b"hello"), method=zipfile.ZIP_STORED)
    assert unpacked(stored, tmp_path) == unpacked(entry("index.html", b"hello") + END, tmp_path)


def test_times_owners_and_order_do_not_matter(site: Path, tmp_path: Path) -> None:
    first = unpacked(tar(site), tmp_path)
    for path in site.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    assert unpacked(tar(site, "--sort=name", "--owner=nobody:99"), tmp_path) == first
    assert unpacked(gzip.compress(tar(site, "--mtime=@5")), tmp_path) == first


def test_members_of_gzip_and_frames_of_zstd_are_one(site: Path, tmp_path: Path) -> None:
    archive = tar(site)
    for pack in (gzip.compress, zstd_module().compress):
        assert unpacked(pack(archive[:3000]) + pack(archive[3000:]), tmp_path) == scan(site).build


def test_hard_links_are_files(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/a").write_text("same")
    os.link(tmp_path / "site/a", tmp_path / "site/b")
    assert unpacked(tar(tmp_path / "site"), tmp_path) == scan(tmp_path / "site").build


def test_directories_may_be_missing_or_listed_again(tmp_path: Path) -> None:
    full = directory("./") + directory("a/") + directory("a/b/") + directory("a") + entry("a/b/c", b"x") + END
    assert unpacked(full, tmp_path) == unpacked(entry("./a/b/c", b"x") + END, tmp_path)


def test_times_in_the_place_of_the_prefix_are_no_prefix(tmp_path: Path) -> None:
    old = header("a", 1, magic=b"ustar  \0", prefix=b"14000000000") + b"x".ljust(512, b"\0") + END
    assert unpacked(old, tmp_path) == unpacked(entry("a", b"x") + END, tmp_path)


def test_a_comment_for_all_entries_is_none_of_ours(tmp_path: Path) -> None:
    archive = pax({"comment": "0123abc"}, b"g") + pax({"mtime": "1.5", "uid": "7"}) + entry("a", b"x") + END
    assert unpacked(archive, tmp_path) == unpacked(entry("a", b"x") + END, tmp_path)


def test_a_size_in_pax_counts(tmp_path: Path) -> None:
    archive = pax({"size": "5"}) + header("a", 0) + b"12345".ljust(512, b"\0") + END
    assert unpacked(archive, tmp_path) == unpacked(entry("a", b"12345") + END, tmp_path)


def test_only_the_owner_may_enter_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        os.umask(0)
        unpacked(entry("d/open", b"x", mode=0o666) + entry("d/run", b"x", mode=0o777) + END, tmp_path)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "inside").rglob("*")}
        assert modes == {"d": 0o700, "open": 0o600, "run": 0o700}
    finally:
        os.umask(before)


def test_a_pipe_is_read_as_it_comes(site: Path, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    with subprocess.Popen(["tar", "-cz", "-C", site, "."], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        unpack_stream("standard input", process.stdout, tmp_path / "inside")
    assert scan(tmp_path / "inside").build == scan(site).build


def test_an_archive_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="none does not exist"):
        unpack_file(tmp_path / "none", tmp_path)
    with pytest.raises(ArtifactError, match="Is a directory"):
        unpack_file(tmp_path, tmp_path)


@pytest.mark.parametrize("name", ["web.tar", "web.tar.gz", "web.tgz", "Web.TAR.ZST", "web.tzst", "web.zip"])
def test_the_app_is_named_after_the_archive(name: str) -> None:
    assert is_archive_name(name)
    assert suggest_from(Path("/src/out") / name) == ("web", False)
    assert suggest_from(Path("/src/shop/dist.zip")) == ("shop", True)


@pytest.mark.parametrize("name", ["web-1.2.3.tar.gz", "web_v2.zip", "web-20260101.tar"])
def test_a_version_names_no_app(name: str) -> None:
    with pytest.raises(UsageError, match="seems to name a version"):
        suggest_from(Path("/src") / name)


def test_what_is_no_archive_by_name() -> None:
    assert not is_archive_name("web.gz")
    assert not is_archive_name("tar")
