"""The origin of one push: each stream is put there once, and nothing is after a failure."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore import protocol
from relstore.client.origin.options import OriginOptions
from relstore.client.origin.origin import Origin, Placed
from relstore.client.origin_address import OriginAddress
from relstore.client.reporter import Reporter
from relstore.errors import ArtifactError

DATA = os.urandom(2 * protocol.DRAWN_PIECE_BYTES + 7)


class Heard(Reporter):
    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)


def read() -> Iterator[bytes]:
    for start in range(0, len(DATA), 100_000):
        yield DATA[start : start + 100_000]


def origin(command: str, **more: object) -> Origin:
    settings = {"patience_s": 5, "environment": dict(os.environ), **more}
    return Origin(
        OriginOptions(
            OriginAddress.parse("https://origin.example/web"),
            put=("sh", "-c", command),
            **settings,  # type: ignore[arg-type]
        )
    )


def placed(there: Origin, heard: Reporter, times: int = 1) -> list[Placed | None]:
    async def run() -> list[Placed | None]:
        return list(await asyncio.gather(*(there.placed("a", read, 1e6, heard) for _ in range(times))))

    return asyncio.run(run())


def test_a_stream_is_put_there_once_for_all_hosts(tmp_path: Path) -> None:
    there = origin(f'cat "$RELSTORE_FILE" > {tmp_path}/file; echo "$RELSTORE_NAME" >> {tmp_path}/names')
    results = placed(there, Heard(), times=5)
    name = f"v1/{hashlib.sha256(DATA).hexdigest()}"
    assert (tmp_path / "names").read_text() == f"{name}\n"
    assert (tmp_path / "file").read_bytes() == DATA
    assert results[0] is not None
    assert results == [results[0]] * 5
    pieces = [
        DATA[at : at + protocol.DRAWN_PIECE_BYTES] for at in range(0, len(DATA), protocol.DRAWN_PIECE_BYTES)
    ]
    assert results[0][:3] == (name, len(DATA), b"".join(hashlib.sha256(piece).digest() for piece in pieces))


def test_the_file_is_private_and_goes(tmp_path: Path) -> None:
    there = origin(f'echo "$RELSTORE_FILE" > {tmp_path}/path; stat -c %a "$RELSTORE_FILE" > {tmp_path}/mode')
    placed(there, Heard())
    assert (tmp_path / "mode").read_text() == f"{stat.S_IRUSR | stat.S_IWUSR:o}\n"
    assert not Path((tmp_path / "path").read_text().strip()).exists()


def test_after_a_failure_it_is_left_alone(tmp_path: Path) -> None:
    heard = Heard()
    there = origin(f"echo x >> {tmp_path}/tries; exit 3")
    assert placed(there, heard, times=3) == [None, None, None]
    assert placed(there, heard) == [None]
    assert (tmp_path / "tries").read_text() == "x\n"
    (notice,) = heard.notices
    assert "`origin-put` ended with exit code 3" in notice


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    heard = Heard()
    assert placed(origin("sleep 600", patience_s=0), heard) == [None]
    assert "were not there after" in heard.notices[0]


def test_an_artifact_that_changed_is_no_failure_of_the_origin() -> None:
    def changes() -> Iterator[bytes]:
        yield b"x"
        raise ArtifactError("it changed", path="web")

    heard = Heard()
    with pytest.raises(ArtifactError):
        asyncio.run(origin("true").placed("a", changes, 1e6, heard))
    assert heard.notices == []


def test_a_host_has_as_long_as_the_uplink_would_take() -> None:
    there = origin("true")

    async def run() -> protocol.Draw | None:
        found = await there.placed("a", read, 1e6, Heard())
        assert found is not None
        return await there.request(found, 99.2, Heard())

    asked = asyncio.run(run())
    assert asked is not None
    assert (asked.patience, asked.within, asked.size) == (5, 105, len(DATA))
    assert asked.url == f"https://origin.example/web/v1/{hashlib.sha256(DATA).hexdigest()}"
