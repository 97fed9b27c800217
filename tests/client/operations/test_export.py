"""A build out of a host that may lie: whole and proved, or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from relstore.client.artifact.archive.unpack import unpack_file
from relstore.client.artifact.export_tar import ExportTar
from relstore.client.artifact.export_tree import ExportTree
from relstore.client.artifact.scan import scan
from relstore.client.operations.export import Destination, export
from relstore.errors import DamagedError, ProtocolError, UsageError
from relstore.formats.manifest import Directory, Entry, File, Manifest, ObjectRef, Symlink
from relstore.formats.names import Digest
from relstore.protocol import Export, Exported, FileContent

LONG = "n" * 120 + "/" + "m" * 200
DATA = {"a": b"first", "bin/web": b"#!/bin/sh\n", "bin/twin": b"#!/bin/sh\n", LONG: b"x" * 70_000, "ü": b"u"}


def file(path: str, data: bytes, *, executable: bool = False) -> File:
    ref = ObjectRef(Digest(blake3(data).hexdigest()), hashlib.sha256(data).digest(), len(data), executable)
    return File(path, ref)


ENTRIES: list[Entry] = [
    Directory("bin"),
    Directory("empty"),
    Directory("n" * 120),
    Symlink("current", "bin/web"),
    Symlink("out", "/etc"),
    file("nothing", b""),
    *(file(path, data, executable=path.startswith("bin/")) for path, data in DATA.items()),
]
MANIFEST = Manifest.from_entries(ENTRIES)
Said = list[tuple[Any, bytes]]


def honest() -> Said:
    said: Said = []
    for number, entry in enumerate(MANIFEST.entries):
        if isinstance(entry, File) and entry.content.size:
            data = DATA[entry.path]
            said += (
                [(FileContent(number), data[:3]), (FileContent(number), data[3:])]
                if len(data) > 3
                else [(FileContent(number), data)]
            )
    return [*said, (Exported(len(DATA)), b"")]


class Host:
    label = "web1"

    def __init__(self, said: Said) -> None:
        self.said = said

    async def follow_with_body(self, request: Export, reply: type) -> AsyncIterator[tuple[Any, bytes]]:
        for message in self.said:
            yield message


def take(said: Said, destination: Destination) -> None:
    asyncio.run(export(Host(said), Digest("0" * 64), MANIFEST, destination))  # type: ignore[arg-type]


def test_a_tree_is_the_build(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    before = os.umask(0o027)
    try:
        tree = ExportTree(tmp_path / "scratch")
        take(honest(), tree)
        tree.become(tmp_path / "out")
    finally:
        os.umask(before)
    assert scan(tmp_path / "out").manifest == MANIFEST
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "out/a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "out/bin/web").stat().st_mode & 0o777 == 0o750
    (tmp_path / "again").mkdir()
    again = ExportTree(tmp_path / "again")
    with pytest.raises(UsageError, match="out is there already"):
        again.become(tmp_path / "out")


def test_a_tar_is_the_build_and_always_the_same(tmp_path: Path) -> None:
    made = []
    for _ in range(2):
        output = io.BytesIO()
        tar = ExportTar(output)
        take(honest(), tar)
        tar.end()
        made.append(output.getvalue())
    assert made[0] == made[1]
    assert len(made[0]) % tarfile.RECORDSIZE == 0
    assert hashlib.sha256(made[0]).hexdigest() == EXPECTED
    with tarfile.open(fileobj=io.BytesIO(made[0])) as archive:
        assert {(member.mtime, member.uid, member.uname) for member in archive} == {(0, 0, "")}
    (tmp_path / "archive").write_bytes(made[0])
    (tmp_path / "inside").mkdir()
    unpack_file(tmp_path / "archive", tmp_path / "inside")
    assert scan(tmp_path / "inside").manifest == MANIFEST


EXPECTED = "02908d3c86a250c90c295614166b9c11b8b6da1d85a1f77886659c53e783ad33"
"""Another one means that the same build gives another tar than it did before."""

FIRST = next(
    number for number, entry in enumerate(MANIFEST.entries) if isinstance(entry, File) and entry.content.size
)


def swapped() -> Said:
    said = honest()
    said[0], said[2] = said[2], said[0]
    return said


LIES: dict[str, tuple[Said, str]] = {
    "nothing": ([(Exported(0), b"")], "is not what the build should have"),
    "other bytes": ([(FileContent(FIRST), b"XXXXX"), *honest()[2:]], "is not what the build should have"),
    "more bytes": ([(FileContent(FIRST), b"first!"), *honest()[2:]], "is not what the build should have"),
    "endless": ([(FileContent(FIRST), b"x" * 300_000)] * 100, "is not what the build should have"),
    "no bytes": ([(FileContent(FIRST), b"")] * 3, "is not what the build should have"),
    "another order": (swapped(), "is not what the build should have"),
    "no such entry": ([(FileContent(-1), b"first")], "is not what the build should have"),
    "a directory": ([(FileContent(1), b"first")], "is not what the build should have"),
    "an end too early": ([*honest()[:3], (Exported(5), b"")], "is not what the build should have"),
    "more than there is": ([*honest()[:-1], (FileContent(0), b"x")], "sent more than the build has"),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("kind", ["tree", "tar"])
def test_a_host_that_lies_gets_nothing_written(tmp_path: Path, lie: str, kind: str) -> None:
    said, words = LIES[lie]
    (tmp_path / "scratch").mkdir()
    output = io.BytesIO()
    destination = ExportTree(tmp_path / "scratch") if kind == "tree" else ExportTar(output)
    with pytest.raises((DamagedError, ProtocolError), match=words):
        take(said, destination)
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]
    assert b"XXXXX" not in output.getvalue()
