"""Shared streams: made once, had by all, in order, whoever is first; and over when they are closed."""

from __future__ import annotations

import io
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from relstore.client.transfer.chunks import Chunk, Counted, Shared, plain
from relstore.errors import ArtifactError

CHUNKS = [Chunk(bytes([number]) * (number * 100), number) for number in range(1, 50)]


def begun(made: Iterator[Chunk]) -> tuple[Shared, Iterator[Chunk]]:
    """One that runs ahead, and its chunks after the first, which was had."""
    shared = Shared(made)
    shared.run_ahead()
    chunks = iter(shared)
    assert next(chunks) == CHUNKS[0]
    return shared, chunks


@pytest.mark.parametrize("ahead", [False, True])
def test_several_have_the_same_of_one_that_is_made_once(ahead: bool) -> None:
    made: list[int] = []

    def make() -> Iterator[Chunk]:
        for chunk in CHUNKS:
            made.append(chunk.size)
            time.sleep(0.0005)
            yield chunk

    shared = Shared(make())
    if ahead:
        shared.run_ahead()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: list(shared), range(8))) == [CHUNKS] * 8
    assert made == [chunk.size for chunk in CHUNKS]
    assert list(shared) == CHUNKS
    shared.close()


def test_who_asks_does_not_wait_for_what_is_made_ahead() -> None:
    go_on = threading.Event()

    def make() -> Iterator[Chunk]:
        yield CHUNKS[0]
        go_on.wait(60)
        yield CHUNKS[1]

    shared, chunks = begun(make())
    go_on.set()
    assert next(chunks) == CHUNKS[1]
    assert next(chunks, None) is None
    shared.close()


def test_what_goes_wrong_goes_wrong_for_all() -> None:
    def make() -> Iterator[Chunk]:
        yield CHUNKS[0]
        raise ArtifactError("it changed")

    shared = Shared(make())
    for _ in range(2):
        chunks = iter(shared)
        assert next(chunks) == CHUNKS[0]
        with pytest.raises(ArtifactError, match="it changed"):
            next(chunks)
    shared.close()


def test_closed_while_it_is_made() -> None:
    def make() -> Iterator[Chunk]:
        while True:
            time.sleep(0.001)
            yield CHUNKS[0]

    shared, chunks = begun(make())
    shared.close()
    assert next(chunks, None) is None


def test_counting() -> None:
    counted = Counted([b"four", b"", b"and more"])
    pieces = iter(counted)
    assert (next(pieces), counted.take(), counted.take()) == (b"four", 4, 0)
    assert (list(pieces), counted.take()) == ([b"", b"and more"], 8)
    large = bytes(100_000)
    assert list(plain([b"ab", b"c", large, b"d"])) == [Chunk(b"abc" + large, 100_003), Chunk(b"d", 1)]
    assert list(plain([])) == []


@pytest.mark.parametrize("room", [0, 3000])
def test_a_machine_without_room_for_temporary_files_keeps_chunks_in_memory(
    monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    class FullDisk(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data)[: max(room - self.tell(), 0)])

    def without_directory(**_: object) -> io.BytesIO:
        if not room:
            raise FileNotFoundError(2, "No usable temporary directory found")
        return FullDisk()

    monkeypatch.setattr(tempfile, "TemporaryFile", without_directory)
    shared = Shared(iter(CHUNKS))
    assert list(shared) == CHUNKS
    assert list(shared) == CHUNKS
    shared.close()
