"""The shelf: two variants of one content, links, and what happens at the limit of links."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

from relstore.store.store import Store
from tests.support.host_side import Content, Program, artifact, need_strace, program, push_build, strace

DATA = b"the same bytes"


def inode(top: Path, build: str, path: str) -> int:
    return (top / "builds" / build / "tree" / path).stat().st_ino


def test_equal_contents_of_one_mode_are_one_file(top: Path, store: Store) -> None:
    first = push_build(store, {"a": DATA, "b": DATA})
    second = push_build(store, {"c": DATA})
    assert inode(top, first, "a") == inode(top, first, "b") == inode(top, second, "c")


def test_the_executable_and_the_plain_variant_are_two(top: Path, store: Store) -> None:
    build = push_build(store, {"run": Program(DATA), "plain": DATA})
    assert inode(top, build, "run") != inode(top, build, "plain")
    names = sorted(name for _, name in store.objects.refs())
    assert [name.partition(".")[2] for name in names] == ["", "x"]
    modes = [stat.S_IMODE((top / "objects" / "/".join(ref)).stat().st_mode) for ref in store.objects.refs()]
    assert sorted(modes) == [0o444, 0o555]


def test_the_other_variant_is_copied_and_not_sent_again(store: Store) -> None:
    push_build(store, {"plain": DATA})
    # push_build sends what is missing, so nothing but what the store has can make this one.
    tree: dict[str, Content] = {"run": Program(DATA)}
    assert artifact(tree).manifest.objects()[0].executable
    push_build(store, tree)
    assert all(store.objects.is_sound(ref) for ref in artifact(tree).manifest.objects())


def test_what_has_another_size_mode_or_kind_does_not_count(top: Path, store: Store) -> None:
    push_build(store, {"a": DATA})
    (ref,) = artifact({"a": DATA}).manifest.objects()
    path = top / "objects" / ref.blake3[:2] / ref.blake3
    assert store.objects.has(ref)
    path.chmod(0o644)
    assert not store.objects.has(ref)
    path.write_bytes(DATA + b"!")
    path.chmod(0o444)
    assert not store.objects.has(ref)
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert not store.objects.has(ref)


def test_rot_is_seen_by_reading(top: Path, store: Store) -> None:
    push_build(store, {"a": DATA})
    (ref,) = artifact({"a": DATA}).manifest.objects()
    path = top / "objects" / ref.blake3[:2] / ref.blake3
    path.chmod(0o644)
    path.write_bytes(DATA[::-1])
    path.chmod(0o444)
    assert store.objects.has(ref)
    assert not store.objects.is_sound(ref)


LINK = """
from relstore.formats.manifest import ObjectRef
from relstore.formats.names import Digest
from relstore.store.store import Store
with Store.open(sys.argv[1]) as store, store.root.make("links") as links:
    ref = ObjectRef(Digest(sys.argv[2]), bytes.fromhex(sys.argv[3]), int(sys.argv[4]), False)
    store.objects.link_into(ref, links, "again")
"""


def test_at_the_limit_of_links_a_second_copy_takes_the_name(top: Path, store: Store) -> None:
    """The limit is 65,000 on ext4 and more elsewhere; strace says EMLINK in its place."""
    need_strace()
    build = push_build(store, {"a": DATA})
    (ref,) = artifact({"a": DATA}).manifest.objects()
    link = program(LINK, top, ref.blake3, ref.sha256.hex(), ref.size)
    subprocess.run([*strace("linkat", "error=EMLINK:when=1"), *link], check=True, timeout=60)
    again = top / "links/again"
    assert again.read_bytes() == DATA
    assert again.stat().st_ino != inode(top, build, "a")
    assert store.objects.is_sound(ref)
    assert again.stat().st_ino == (top / "objects" / ref.blake3[:2] / ref.blake3).stat().st_ino
