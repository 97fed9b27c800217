"""Hostile archives are refused, with words, and nothing is written outside or left behind."""

from __future__ import annotations

import gzip
import struct
import zipfile
from functools import partial
from pathlib import Path

import pytest

from relstore.client.artifact.archive import tar, tree
from relstore.client.artifact.archive.unpack import unpack_file, unpack_stream
from relstore.client.zstd_library import zstd_module
from relstore.errors import ArtifactError
from tests.client.artifact.archive.build import (
    END,
    RawEntry,
    directory,
    entry,
    hard_link,
    header,
    long_name,
    padded,
    pax,
    raw_zip,
    symlink,
    tar_of,
    zip_entry,
    zip_of,
)

ZEROS = bytes(100 * 1024 * 1024)
DEEP = "/".join("d" * 130)
GOOD = entry("good", b"x")

TARS: dict[str, tuple[bytes, str]] = {
    "absolute": (entry("/etc/passwd"), "'/etc/passwd' is absolute"),
    "absolute directory": (directory("/tmp/x"), "'/tmp/x' is absolute"),
    "the root": (directory("/"), "a name in it is empty|is absolute"),
    "parent": (entry("../escaped"), "'..' part"),
    "parent within": (entry("a/../../escaped"), "'..' part"),
    "parent of a directory": (directory("a/.."), "'..' part"),
    "dot within": (entry("a/./b"), "'.' or '..' part"),
    "two slashes": (entry("a//b"), "an empty"),
    "through a symlink": (symlink("a", "/tmp") + entry("a/escaped"), "leads through 'a', which is a symlink"),
    "through a symlink, late": (
        directory("d") + symlink("d/a", "../..") + directory("d/a/b"),
        "leads through 'd/a', which is a symlink",
    ),
    "over a symlink": (symlink("a", "/etc/passwd") + entry("a", b"x"), "'a' is in it twice"),
    "directory over a symlink": (symlink("a", "/tmp") + directory("a/"), "'a' is in it twice"),
    "through a file": (entry("a", b"x") + entry("a/b"), "leads through 'a', which is a file"),
    "hard link outside": (hard_link("a", "/etc/passwd"), "'/etc/passwd' is absolute"),
    "hard link to a parent": (hard_link("a", "../../etc/passwd"), "'..' part"),
    "hard link through a symlink": (
        symlink("a", "/etc") + hard_link("b", "a/passwd"),
        "is a hard link to 'a/passwd', which is no file that came before",
    ),
    "hard link to a symlink": (symlink("a", "/etc/passwd") + hard_link("b", "a"), "is a hard link to 'a'"),
    "hard link to itself": (hard_link("a", "a"), "is a hard link to 'a'"),
    "hard link to a directory": (directory("a") + hard_link("b", "a"), "is a hard link to 'a'"),
    "hard link forward": (hard_link("a", "b") + entry("b", b"x"), "is a hard link to 'b'"),
    "hard link with data": (entry("a", b"x") + header("b", 1, b"1", "a") + padded(b"y"), "is no file, but says"),
    "character device": (header("null", kind=b"3"), "a device, which a build cannot hold"),
    "block device": (header("sda", kind=b"4"), "a device"),
    "fifo": (header("pipe", kind=b"6"), "a FIFO"),
    "unknown type": (header("x", kind=b"Z"), "of the unknown type b'Z'"),
    "volume label": (header("x", kind=b"V"), "the label of a volume"),
    "another volume": (header("x", kind=b"M"), "from another volume"),
    "setuid": (entry("su", b"x", mode=0o4755), "the setuid or setgid bit"),
    "setgid": (entry("wall", b"x", mode=0o2755), "the setuid or setgid bit"),
    "twice": (entry("a", b"1") + entry("a", b"2"), "'a' is in it twice"),
    "twice, written differently": (entry("a", b"1") + entry("./a", b"2"), "is in it twice"),
    "file and directory": (entry("a", b"1") + directory("a"), "'a' is in it twice"),
    "directory and file": (directory("a") + entry("a", b"1"), "'a' is in it twice"),
    "newline": (entry("a\nb"), "control bytes"),
    "escape sequence": (entry("a\x1b[2Jb"), "control bytes"),
    "NUL by pax": (pax({"path": "a\0b"}) + entry("a"), "damaged|control bytes"),
    "NUL by a long name": (long_name(b"a\0b") + entry("a"), "control bytes"),
    "not UTF-8": (entry(b"a\xff"), "is not UTF-8"),
    "not UTF-8 by pax": (pax({"path": b"\xff"}) + entry("a"), "is not UTF-8"),
    "too deep": (pax({"path": DEEP}) + entry("a"), "has 130 parts; at most 128"),
    "name too long": (pax({"path": "n" * 256}) + entry("a"), "a part of over 255 bytes"),
    "path too long": (pax({"path": ("n" * 200 + "/") * 30 + "x"}) + entry("a"), "a path of 6031 bytes"),
    "empty name": (entry(""), "a name in it is empty"),
    "only a dot": (entry("."), "no directory"),
    "absolute by pax": (pax({"path": "/etc/passwd"}) + entry("harmless"), "is absolute"),
    "parent by pax": (pax({"path": "../x"}) + entry("harmless"), "'..' part"),
    "absolute by a long name": (long_name(b"/etc/passwd") + entry("harmless"), "is absolute"),
    "absolute by the prefix": (entry("passwd", prefix=b"/etc"), "is absolute"),
    "link by pax": (
        pax({"linkpath": "/etc/passwd"}) + hard_link("a", "harmless"),
        "is absolute",
    ),
    "empty target": (symlink("a", ""), "a symlink target of 0 bytes"),
    "target too long": (pax({"linkpath": "t" * 5000}) + symlink("a", "x"), "a symlink target of 5000 bytes"),
    "negative size": (header("a", b"\xff" * 12), "says that it has -"),
    "size in words": (header("a", b"many"), "no archive|no header where one should be"),
    "negative size by pax": (pax({"size": "-1"}) + entry("a"), "says that it has '-1' bytes"),
    "size by pax that is none": (pax({"size": "1e9"}) + entry("a"), "says that it has '1e9' bytes"),
    "more than any file": (header("a", b"\x80" + (1 << 60).to_bytes(11, "big")), "bytes; at most"),
    "more than there is": (header("a", b"\x80" + (1 << 39).to_bytes(11, "big")), "than there is room for"),
    "more by pax": (pax({"size": str(1 << 39)}) + entry("a"), "than there is room for"),
    "symlink with data": (header("a", 5, b"2", "b") + padded(b"xxxxx"), "is no file, but says"),
    "directory with data": (header("a", 5, b"5") + padded(b"xxxxx"), "is no file, but says"),
    "sparse of GNU": (header("a", 0, b"S", magic=b"ustar  \0"), "is a sparse file"),
    "sparse by pax 1.0": (
        pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 40)})
        + entry("a", b"1\n0\n1\n"),
        "is a sparse file",
    ),
    "sparse by pax 0.1": (pax({"GNU.sparse.map": "0,1", "GNU.sparse.size": "9"}) + entry("a"), "is a sparse file"),
    "huge pax header": (header("x", 2 * 1024 * 1024, b"x") + ZEROS[: 2 * 1024 * 1024], "the extension of a header"),
    "huge long name": (header("x", (1 << 33) - 1, b"L"), "the extension of a header has 8589934591 bytes"),
    "pax of pax": (pax({"path": "a"}) + pax({"path": "b"}) + entry("c"), "several extended headers"),
    "pax and a long name": (pax({"path": "a"}) + long_name(b"b") + entry("c"), "several extended headers"),
    "two long names": (long_name(b"a") + long_name(b"b") + entry("c"), "several extended headers"),
    "pax for all: path": (pax({"path": "a"}, b"g") + entry("b"), "gives all entries the same 'path'"),
    "pax for all: size": (pax({"size": "5"}, b"g") + entry("b"), "gives all entries the same 'size'"),
    "pax for nothing": (GOOD + pax({"path": "a"}), "ends after the extension"),
    "pax record too long": (header("x", 9, b"x") + padded(b"99 path=a") + entry("b"), "extended header is damaged"),
    "pax record of nothing": (header("x", 5, b"x") + padded(b"0 a=b") + entry("b"), "extended header is damaged"),
    "pax without records": (header("x", 5, b"x") + padded(b"xxxxx") + entry("b"), "extended header is damaged"),
    "wrong check sum": (GOOD + b"!" + entry("b")[1:], "no header where one should be"),
}  # fmt: skip

CUT: dict[str, tuple[bytes, str]] = {
    "no end": (GOOD, "it is cut short"),
    "cut in a header": (GOOD + entry("b", b"x")[:100], "it is cut short"),
    "cut in a content": (header("b", 5000) + b"x" * 600, "it is cut short"),
    "cut in the padding": (header("b", 5) + b"xxxxx", "it is cut short"),
    "cut in an extension": (header("x", 5000, b"x") + b"xx", "it is cut short"),
    "garbage behind": (GOOD + END + b"garbage", "something follows after its end"),
    "another tar behind": (GOOD + END + GOOD + END, "something follows after its end"),
    "nothing at all": (b"", "is empty"),
    "a few bytes": (b"hello", "it is no archive"),
    "only an end": (END, "it holds nothing"),
    "only a top": (directory("./") + END, "it holds nothing"),
    "a script": (b"#!/bin/sh\n" * 200, "it is no archive"),
    "gzip of a script": (gzip.compress(b"#!/bin/sh\n" * 200), "no header where one should be"),
    "gzip cut short": (gzip.compress(GOOD + END)[:-10], "it is cut short"),
    "gzip with garbage behind": (gzip.compress(GOOD + END) + b"garbage", "its compression is damaged"),
    "gzip of two tars": (gzip.compress(GOOD + END) + gzip.compress(GOOD + END), "something follows after its end"),
    "gzip with a wrong check sum": (gzip.compress(GOOD + END)[:-8] + bytes(8), "its compression is damaged"),
    "gzip bomb": (gzip.compress(header("a", len(ZEROS)) + ZEROS + END), "more than 250 times its size"),
    "gzip bomb in the padding": (gzip.compress(GOOD + ZEROS), "something follows|times its size"),
    "zstd cut short": (zstd_module().compress(GOOD + END)[:-5], "it is cut short"),
    "zstd with garbage behind": (zstd_module().compress(GOOD + END) + b"garbage", "its compression is damaged"),
    "zstd bomb": (zstd_module().compress(header("a", len(ZEROS)) + ZEROS + END), "more than 250 times its size"),
    "gzip of a gzip": (gzip.compress(gzip.compress(GOOD + END)), "it is cut short|no header"),
    "xz": (b"\xfd7zXZ\0" + bytes(600), "of the kind xz, which relstore does not read"),
    "bzip2": (b"BZh91AY" + bytes(600), "of the kind bzip2"),
}  # fmt: skip

HUGE = struct.pack("<HHQQ", 1, 16, 1 << 60, 7)
NORMAL = raw_zip(RawEntry())

ZIPS: dict[str, tuple[bytes, str]] = {
    "absolute": (zip_of(("/etc/passwd", b"x")), "is absolute"),
    "parent": (zip_of(("../escaped", b"x")), "'..' part"),
    "backslash": (raw_zip(RawEntry(b"..\\escaped")), "has a backslash"),
    "drive": (raw_zip(RawEntry(b"C:\\x")), "has a backslash"),
    "empty name": (raw_zip(RawEntry(b"")), "a name in it is empty"),
    "NUL": (raw_zip(RawEntry(b"a\0b")), "control bytes"),
    "newline": (raw_zip(RawEntry(b"a\nb")), "control bytes"),
    "not UTF-8": (raw_zip(RawEntry(b"a\xff")), "is not UTF-8"),
    "not UTF-8, which says so": (raw_zip(RawEntry(b"a\xff", flags=0x800)), "is not UTF-8"),
    "twice": (raw_zip(RawEntry(), RawEntry()), "is in it twice"),
    "through a symlink": (
        zip_of((zip_entry("a", 0o120777), b"/tmp"), (zip_entry("a/escaped"), b"x")),
        "leads through 'a', which is a symlink",
    ),
    "through a file": (zip_of(("a", b"x"), ("a/b", b"x")), "leads through 'a', which is a file"),
    "huge symlink": (zip_of((zip_entry("a", 0o120777), b"x" * 5000)), "is a symlink of 5000 bytes"),
    "symlink with NUL": (zip_of((zip_entry("a", 0o120777), b"x\0y")), "control bytes"),
    "socket": (zip_of((zip_entry("a", 0o140644), b"")), "a device, a socket or a FIFO"),
    "device": (zip_of((zip_entry("a", 0o020644), b"")), "a device, a socket or a FIFO"),
    "setuid": (zip_of((zip_entry("a", 0o104755), b"x")), "the setuid or setgid bit"),
    "directory with data": (raw_zip(RawEntry(b"a/", b"xx")), "is no file, but says"),
    "directory that is a link": (zip_of((zip_entry("a/", 0o120777), b"")), "named like a directory"),
    "encrypted": (raw_zip(RawEntry(flags=1)), "is encrypted"),
    "strongly encrypted": (raw_zip(RawEntry(flags=0x41)), "is encrypted"),
    "other method": (zip_of(("a", b"x"), method=zipfile.ZIP_LZMA), "is compressed by method 14"),
    "unknown method": (raw_zip(RawEntry(method=99)), "method 99"),
    "overlapping": (raw_zip(RawEntry(b"a"), RawEntry(b"b", offset=0)), "overlaps|is not what|damaged"),
    "the same place twice": (raw_zip(RawEntry(b"a"), RawEntry(b"a", offset=0)), "overlaps|damaged"),
    "into the directory": (raw_zip(RawEntry(packed_size=5000)), "overlaps with the directory|damaged"),
    "outside the file": (raw_zip(RawEntry(offset=1 << 30)), "before its first|is not where|damaged"),
    "local name differs": (raw_zip(RawEntry(b"a", local_name=b"../b")), "is not what the directory says"),
    "more than it says": (raw_zip(RawEntry(size=3)), "is not what the directory says"),
    "more than it says, with that check sum": (
        raw_zip(RawEntry(size=3, crc=0x1E1B4E1F)),
        "is not what the directory says",
    ),
    "less than it says": (raw_zip(RawEntry(size=30)), "is not what the directory says"),
    "wrong check sum": (raw_zip(RawEntry(crc=1)), "is not what the directory says"),
    "damaged content": (raw_zip(RawEntry(packed=b"\xff" * 9)), "is not what the directory says"),
    "content that goes on": (
        raw_zip(RawEntry(packed=RawEntry().packed + b"xxxx")),
        "is not what the directory says",
    ),
    "content cut short": (raw_zip(RawEntry(packed=RawEntry().packed[:-3])), "is not what the directory says"),
    "zip64 that lies": (raw_zip(RawEntry(size=0xFFFFFFFF, packed_size=0xFFFFFFFF, extra=HUGE)), "times its size"),
    "bomb": (zip_of(("a", ZEROS)), "more than 250 times its size"),
    "something before it": (b"#!/bin/sh\n" + NORMAL, "no archive"),
    "something before its first entry": (
        b"PK\x03\x04" + bytes(600) + NORMAL,
        "something stands before its first entry|damaged",
    ),
    "something behind it": (NORMAL + b"garbage", "something follows after its end"),
    "cut short": (NORMAL[:-10], "its directory is damaged"),
    "without a directory": (RawEntry().local(), "its directory is damaged"),
    "without entries": (raw_zip(), "it holds nothing"),
}  # fmt: skip


def refused(tmp_path: Path, archive: bytes, words: str, *, stream: bool = False) -> None:
    """Refused, with words that a person can use, and with nothing outside of the directory."""
    inside = tmp_path / "outer" / "inside"
    inside.mkdir(parents=True)
    path = tmp_path / "archive"
    path.write_bytes(archive)
    with path.open("rb", buffering=0) as file:
        unpack = partial(unpack_stream, "standard input", file) if stream else partial(unpack_file, path)
        with pytest.raises(ArtifactError, match=words) as caught:
            unpack(inside)
    assert caught.value.hint or "TMPDIR" in caught.value.what
    assert sorted(each.name for each in tmp_path.iterdir()) == ["archive", "outer"]
    assert [each.name for each in inside.parent.iterdir()] == ["inside"]
    for each in inside.rglob("*"):
        assert not each.is_fifo()
        assert not each.is_socket()
        assert each.lstat().st_mode & 0o7077 in (0, 0o077)  # nothing for others; a symlink has all of them


@pytest.mark.parametrize("stream", [False, True], ids=["file", "stream"])
@pytest.mark.parametrize("case", TARS)
def test_hostile_entries_of_a_tar(tmp_path: Path, case: str, stream: bool) -> None:
    body, words = TARS[case]
    refused(tmp_path, body + END, words, stream=stream)


@pytest.mark.parametrize("stream", [False, True], ids=["file", "stream"])
@pytest.mark.parametrize("case", CUT)
def test_what_is_no_whole_tar(tmp_path: Path, case: str, stream: bool) -> None:
    archive, words = CUT[case]
    refused(tmp_path, archive, words, stream=stream)


@pytest.mark.parametrize("case", ZIPS)
def test_hostile_zips(tmp_path: Path, case: str) -> None:
    archive, words = ZIPS[case]
    refused(tmp_path, archive, words)


def test_a_zip_from_a_pipe(tmp_path: Path) -> None:
    refused(tmp_path, NORMAL, "a zip cannot be read from a pipe", stream=True)


@pytest.mark.parametrize(
    "pack", [lambda names: tar_of(*names), lambda names: zip_of(*((n, b"") for n in names))]
)
def test_too_many_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: object) -> None:
    monkeypatch.setattr(tree, "MAX_ENTRIES", 10)
    assert callable(pack)
    refused(tmp_path, pack([f"d/{number}" for number in range(10)]), "has more than 10 entries")


def test_headers_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar, "_MAX_HEADERS", 10)
    refused(tmp_path, pax({"comment": "x"}, b"g") * 11 + END, "has more than 10 headers")


def test_names_that_differ_in_case_only(tmp_path: Path) -> None:
    """They are two names on Linux. Where they are one, the second is refused."""
    (tmp_path / "a").write_bytes(entry("README", b"1") + entry("readme", b"2") + END)
    (tmp_path / "d").mkdir()
    (tmp_path / "probe").touch()
    if (tmp_path / "PROBE").exists():
        with pytest.raises(ArtifactError, match="File exists"):
            unpack_file(tmp_path / "a", tmp_path / "d")
    else:
        unpack_file(tmp_path / "a", tmp_path / "d")
        assert sorted(each.name for each in (tmp_path / "d").iterdir()) == ["README", "readme"]


def test_a_symlink_loop_is_only_a_link(tmp_path: Path) -> None:
    body = symlink("a", "b") + symlink("b", "a") + entry("a/x")
    refused(tmp_path, body + END, "leads through 'a', which is a symlink")
