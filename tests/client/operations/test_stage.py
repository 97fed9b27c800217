"""What a push asks first: as little as will most likely do."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore import protocol
from relstore.client.artifact.scan import Scan
from relstore.client.local_state.cache import Cache
from relstore.client.local_state.last_push import Recent
from relstore.client.local_state.link_speeds import Links
from relstore.client.operations.stage import Question
from relstore.client.transfer.manifest_difference import ManifestDifferences
from relstore.client.transfer.send_options import SendOptions
from relstore.formats.names import AppName, Digest
from relstore.host.upload.libzstd import ZstdDecoder
from tests.support.host_side import artifact

APP = AppName("web")


def tree(directory: Path, files: int, changed: str = "") -> Scan:
    """The scan of a tree that need not be on disk."""
    contents = [f"{number}\n" for number in range(files)]
    contents[0] += changed
    made = artifact({f"{number:05}": text.encode() for number, text in enumerate(contents)})
    return Scan(directory, made.manifest, made.raw, made.build, {})


class Machine:
    """What a machine remembers of its pushes."""

    def __init__(self, directory: Path) -> None:
        self.options = SendOptions(
            Cache(directory / "cache"), Links(directory / "links"), Recent(directory / "recent")
        )

    def pushed(self, scanned: Scan) -> None:
        self.options.cache.add_manifest(scanned.build, scanned.raw)
        self.options.recent.keep_artifact(APP, scanned.artifact, scanned.build)

    def question(self, scanned: Scan) -> Question:
        differences = ManifestDifferences(self.options, APP, scanned)
        return Question(APP, scanned, differences, allow_outside_links=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_difference_to_what_was_pushed_last(machine: Machine, tmp_path: Path) -> None:
    first = tree(tmp_path / "tree", 4000)
    machine.pushed(first)
    second = tree(tmp_path / "tree", 4000, "changed")
    request, body = machine.question(second).ahead
    assert isinstance(request, protocol.Compare)
    assert (request.build, request.base, request.size) == (second.build, first.build, len(second.raw))
    assert len(body) < len(second.raw) // 100
    decoder = ZstdDecoder(memoryview(bytearray(first.raw)), len(second.raw))
    assert b"".join(decoder.decode(body)) == second.raw
    decoder.close()


@pytest.mark.parametrize(
    ("files", "asked"), [(4000, protocol.Probe), (500, protocol.Probe), (20, protocol.Compare)]
)
def test_what_was_pushed_last_is_most_likely_there(
    machine: Machine, tmp_path: Path, files: int, asked: type
) -> None:
    """A small manifest is sent all the same: it costs nothing."""
    scanned = tree(tmp_path / "tree", files)
    machine.pushed(scanned)
    request, body = machine.question(scanned).ahead
    assert type(request) is asked
    assert body == (b"" if asked is protocol.Probe else scanned.raw)


@pytest.mark.parametrize("lost", ["nothing was pushed", "the cache", "rotten", "all is new"])
@pytest.mark.parametrize(("files", "asked"), [(4000, protocol.Probe), (500, protocol.Compare)])
def test_without_a_use_for_a_difference(
    machine: Machine, tmp_path: Path, lost: str, files: int, asked: type
) -> None:
    first = tree(tmp_path / "tree", 5 if lost == "all is new" else files)
    if lost != "nothing was pushed":
        machine.pushed(first)
    if lost == "the cache":
        machine.options.cache.clear()
    elif lost == "rotten":
        machine.options.cache.content_path(first.build).write_bytes(b"x" * len(first.raw))
    scanned = tree(tmp_path / "tree", files, "changed")
    question = machine.question(scanned)
    request, body = question.ahead
    assert type(request) is asked
    if asked is protocol.Compare:
        assert request.base is None
        assert body == scanned.raw


def test_without_deltas_there_is_none(machine: Machine, tmp_path: Path) -> None:
    machine.pushed(tree(tmp_path / "tree", 500))
    scanned = tree(tmp_path / "tree", 500, "changed")
    options = SendOptions(
        *[getattr(machine.options, name) for name in ("cache", "links", "recent")], delta=False
    )
    assert ManifestDifferences(options, APP, scanned).likely is None


def test_a_build_that_is_no_digest_is_forgotten(machine: Machine, tmp_path: Path) -> None:
    machine.options.recent.keep_artifact(APP, tmp_path, Digest("../../etc"))
    assert machine.options.recent.build(APP) is None
    assert machine.options.recent.artifact(APP) == tmp_path
