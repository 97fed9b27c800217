"""Uploads: what is missing, what goes on where it broke off, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relstore.errors import DamagedError, NoSpaceError, ProtocolError
from relstore.store import room
from relstore.store.store import Store
from relstore.store.upload import Missing, Upload
from tests.support.host_side import Artifact, Program, artifact, begin_upload, push_build

ONE, TWO = b"first content", b"second content"
TREE = {"a": ONE, "b": TWO, "again": ONE, "empty": b""}


@contextmanager
def uploading(store: Store, made: Artifact) -> Iterator[Upload]:
    """An upload that breaks off at the end of the block."""
    upload = begin_upload(store, made)
    try:
        yield upload
    finally:
        upload.close(done=False)


@pytest.fixture
def made() -> Artifact:
    return artifact(TREE)


def staged(top: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in (top / "staging").rglob("*") if path.is_file())


def test_each_content_is_asked_for_once_and_nothing_empty(store: Store, made: Artifact) -> None:
    with uploading(store, made) as upload:
        assert upload.missing() == [Missing(0, 0), Missing(1, 0)]
        assert [made.data[ref.blake3] for ref in upload.contents] == [ONE, TWO]


def test_what_the_store_has_in_either_variant_is_not_asked_for(store: Store, made: Artifact) -> None:
    push_build(store, {"program": Program(ONE)})
    with uploading(store, made) as upload:
        assert upload.missing() == [Missing(1, 0)]


@pytest.mark.parametrize("pieces", [[13], [1, 12], [0, 5, 8], [1] * 13])
def test_a_content_may_come_in_any_pieces(pieces: list[int], store: Store, made: Artifact) -> None:
    with uploading(store, made) as upload:
        at = 0
        for piece in pieces:
            assert upload.received == set()
            upload.put(0, at, ONE[at : at + piece])
            at += piece
        assert upload.received == {0}


def test_a_broken_upload_goes_on_where_it_stopped(top: Path, store: Store, made: Artifact) -> None:
    with uploading(store, made) as upload:
        upload.put(0, 0, ONE[:5])
    assert staged(top) == [ONE[:5]]
    with uploading(store, made) as upload:
        assert upload.missing() == [Missing(0, 5), Missing(1, 0)]
        upload.put(0, 5, ONE[5:])
        assert upload.received == {0}


def test_what_was_staged_whole_is_proved_again(top: Path, store: Store, made: Artifact) -> None:
    with uploading(store, made) as upload:
        upload.put(0, 0, ONE)
    with uploading(store, made) as upload:
        assert upload.missing()[0] == Missing(0, len(ONE) - 1)
        upload.put(0, len(ONE) - 1, ONE[-1:])
        assert upload.received == {0}


def test_what_rotted_while_staged_is_found_at_its_end(top: Path, store: Store, made: Artifact) -> None:
    with uploading(store, made) as upload:
        upload.put(0, 0, ONE[:5])
    (path,) = (path for path in (top / "staging").rglob("*") if path.is_file())
    path.write_bytes(b"xxxxx")
    with uploading(store, made) as upload:
        with pytest.raises(DamagedError, match="did not arrive as it was named"):
            upload.put(0, 5, ONE[5:])
        assert upload.received == set()
    # It is sent from its beginning the next time.
    with uploading(store, made) as upload:
        assert upload.missing() == [Missing(0, 0), Missing(1, 0)]


@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(lambda path, outside: path.symlink_to(outside), id="a symlink"),
        pytest.param(lambda path, outside: path.mkdir(), id="a directory"),
        pytest.param(lambda path, outside: path.write_bytes(b"x" * 999), id="too long a file"),
    ],
)
def test_what_was_planted_in_the_staging_is_thrown_away(
    plant: object, top: Path, store: Store, made: Artifact, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    with uploading(store, made) as upload:
        directory = top / "staging" / made.build
        assert callable(plant)
        plant(directory / upload.contents[0].blake3, outside)
        assert upload.missing()[0] == Missing(0, 0)
        upload.put(0, 0, ONE)
        assert upload.received == {0}
    assert outside.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("index", "offset", "data", "what"),
    [
        (2, 0, b"x", "is not wanted"),
        (-1, 0, b"x", "is not wanted"),
        (0, 1, b"x", "was sent at byte 1, not at"),
        (0, 0, ONE + b"x", "was sent at byte 0"),
        (1, 0, b"x", "began before content 0 was whole"),
    ],
)
def test_what_comes_out_of_turn_is_refused(
    index: int, offset: int, data: bytes, what: str, store: Store, made: Artifact
) -> None:
    with uploading(store, made) as upload:
        if index == 1:
            upload.put(0, 0, ONE[:3])
        with pytest.raises(ProtocolError, match=what):
            upload.put(index, offset, data)


def test_a_content_is_not_taken_twice(store: Store, made: Artifact) -> None:
    with uploading(store, made) as upload:
        upload.put(0, 0, ONE)
        with pytest.raises(ProtocolError, match="is not wanted"):
            upload.put(0, 0, ONE)


def test_what_is_done_or_empty_leaves_nothing(top: Path, store: Store, made: Artifact) -> None:
    with uploading(store, made):
        pass
    assert list((top / "staging").iterdir()) == []
    push_build(store, TREE)
    assert list((top / "staging").iterdir()) == []
    assert list((top / "leases").iterdir()) == []


def test_a_disk_without_room_is_refused_before_anything_is_sent(
    store: Store, made: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free", lambda root: (room.RESERVE_BYTES + len(ONE + TWO) - 1, None))
    with uploading(store, made) as upload, pytest.raises(NoSpaceError, match="too little disk space"):
        upload.missing()
    monkeypatch.setattr(room, "free", lambda root: (1 << 40, 3))
    with uploading(store, made) as upload, pytest.raises(NoSpaceError, match="too few inodes"):
        upload.missing()
    monkeypatch.setattr(
        room, "free", lambda root: (room.RESERVE_BYTES + len(ONE + TWO), room.RESERVE_INODES + 6)
    )
    with uploading(store, made) as upload:
        assert len(upload.missing()) == 2
