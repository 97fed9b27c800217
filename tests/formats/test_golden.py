"""Golden files: bytes that must be read and written the same for as long as their version lives.

They are never made anew by a test; a format that changes gets a new version and a new file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from relstore import protocol
from relstore.errors import DamagedError, FormatError
from relstore.formats.blake3 import digest as blake3_digest
from relstore.formats.checkpoint import Checkpoint, Facts, Reputation
from relstore.formats.command import Command
from relstore.formats.generation import Description, Generation, record_digest
from relstore.formats.journal import HEADER, Event, Journal
from relstore.formats.manifest import Directory, File, Manifest, ObjectRef, Symlink
from relstore.formats.names import AppName, Digest, UnitName
from relstore.formats.recipe import Health, Http, Recipe, Units
from relstore.protocol import framing
from relstore.store import journal, ledger
from relstore.store.directory import Dir

GOLDEN = Path(__file__).parent.parent / "golden"
BUILD = Digest("be25134d9e56f10d5e530a892da110724d6d7959911f84b60d03cdc58935440a")


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def ref(content: bytes, *, executable: bool = False) -> ObjectRef:
    name = Digest.from_bytes(blake3_digest(content))
    return ObjectRef(name, hashlib.sha256(content).digest(), len(content), executable)


MANIFEST = Manifest.from_entries(
    [
        Symlink("web", "bin/web"),
        File("static/näme", ref(b"hello\n")),
        Directory("static"),
        File("empty", ref(b"")),
        File("bin/web", ref(b"#!/bin/sh\necho web\n", executable=True)),
        Directory("bin"),
    ]
)

COPIES = Manifest.from_entries(
    [
        Directory("bin"),
        File("bin/twin", ref(b"#!/bin/sh\necho web\n", executable=True)),
        File("bin/web", ref(b"#!/bin/sh\necho web\n", executable=True), copied=True),
        File("hello", ref(b"hello\n"), copied=True),
    ]
)

FIRST = Generation(
    AppName("web"), 1, BUILD, None, 1795409261, 25, 3, Description("ada@laptop", None, False, "")
)
SECOND = Generation(
    AppName("web"), 2, BUILD, record_digest(FIRST.encode()), 1795409300, 25, 3,
    Description(
        "ada@laptop", "0123456789abcdef0123456789abcdef01234567", True, "new words ✓\nsecond line"
    ),
)  # fmt: skip

EVENTS = [
    Event(1795409262, "switching", 1, 0, "20261123T044742Z-0a1b2c3d", "ada@laptop", ""),
    Event(1795409263, "active", 1, 0, "20261123T044742Z-0a1b2c3d", "ada@laptop", ""),
    Event(1795409301, "switching", 2, 1, "20261123T044821Z-0a1b2c3e", "ada@laptop", ""),
    Event(
        1795409302, "rolled-back", 2, 1, "20261123T044821Z-0a1b2c3e", "ada@laptop",
        "`false` ended with exit code 1",
    ),
]  # fmt: skip


def test_a_manifest_is_written_and_read() -> None:
    assert MANIFEST.encode() == golden("manifest.bin")
    assert Manifest.parse(golden("manifest.bin")) == MANIFEST
    assert Digest.from_bytes(blake3_digest(golden("manifest.bin"))) == BUILD
    assert (MANIFEST.size, len(MANIFEST.objects())) == (25, 2)


def test_a_manifest_with_copies_is_written_and_read() -> None:
    assert COPIES.encode() == golden("manifest-2.bin")
    assert Manifest.parse(golden("manifest-2.bin")) == COPIES
    assert (COPIES.copied_size, len(COPIES.objects())) == (25, 2)


@pytest.mark.parametrize(("name", "generation"), [("record-1.bin", FIRST), ("record-2.bin", SECOND)])
def test_a_record_is_written_and_read(name: str, generation: Generation) -> None:
    assert generation.encode() == golden(name)
    assert Generation.parse(golden(name)) == generation


def test_the_chain_of_records() -> None:
    assert record_digest(golden("record-1.bin")) == SECOND.parent
    assert (
        record_digest(golden("record-2.bin"))
        == "474065a4f7bbfdcc4ea96201391968f9fdf2658d8fee740d0a791b33a39a7c72"
    )


def test_a_journal_is_read() -> None:
    assert Journal.parse(golden("journal.bin")).events == EVENTS


def test_a_journal_is_written(tmp_path: Path) -> None:
    with Dir.open_path(str(tmp_path)) as directory:
        for event in EVENTS:
            journal.append(directory, event)
    assert (tmp_path / "journal").read_bytes() == golden("journal.bin")


def test_a_checkpoint_is_written_and_read(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    for number in (1, 2):
        (tmp_path / "records" / str(number)).write_bytes(golden(f"record-{number}.bin"))
    (tmp_path / "journal").write_bytes(golden("journal.bin"))
    with Dir.open_path(str(tmp_path)) as app, app.sub("records") as records:
        found = ledger.read(AppName("web"), app, records, None).checkpoint
        assert found.encode() == golden("checkpoint.bin")
        assert Checkpoint.parse(golden("checkpoint.bin")) == found
        assert ledger.read(AppName("web"), app, records, found).went_on
    places = [len(HEADER), *(place for place in Journal.parse(golden("journal.bin")).places[1:])]
    assert found.journal.length == len(golden("journal.bin"))
    assert (found.events, found.intent, found.switching, found.journal.last) == (4, 0, places[2], places[3])
    assert found.facts(1) == Facts(
        record_digest(FIRST.encode()),
        BUILD,
        None,
        FIRST.created,
        Reputation("active", True, True, True, places[1]),
    )
    assert found.facts(2).reputation == Reputation("rolled-back", True, False, False, places[3])
    assert found.facts(2).commit == SECOND.description.commit


def test_a_message_is_written_and_read() -> None:
    recipe = Recipe(
        Units((UnitName("web.service"),), become="sudo"),
        health=Health(
            http=(Http("http://127.0.0.1:8080/health", 200, "ok"),),
            tcp=("127.0.0.1:8080",),
            commands=(Command(("sh", "-c", "true"), 10),),
        ),
        before=Command(("./migrate",), 300),
        confirm=60,
    )
    message = protocol.Activate(AppName("web"), "-1", "ada@laptop", recipe, 300, False, bytes(32))
    assert framing.encode(framing.MESSAGE, protocol.encode(message)) == golden("activate-2.bin")
    decoder = framing.FrameDecoder()
    decoder.feed(golden("activate-2.bin"))
    frame = decoder.next()
    assert frame is not None
    assert protocol.decode(frame.payload, protocol.REQUESTS).value == message


@pytest.mark.parametrize("name", ["record-1.bin", "record-2.bin"])
def test_every_changed_byte_of_a_record_is_refused_or_shows(name: str) -> None:
    """Either it is no record any more, or it is another one, with another digest."""
    raw = golden(name)
    for position in range(len(raw)):
        changed = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
        try:
            assert Generation.parse(changed).encode() == changed
        except FormatError:
            continue
        assert record_digest(changed) != record_digest(raw)


@pytest.mark.parametrize("cut", [*range(1, 19), 100, 200, 300, 400, 415])
def test_a_torn_journal_reads_up_to_the_tear_and_is_mended(tmp_path: Path, cut: int) -> None:
    raw = golden("journal.bin")[:cut]
    found = Journal.parse(raw)
    assert found.events == EVENTS[: len(found.events)]
    (tmp_path / "journal").write_bytes(raw)
    with Dir.open_path(str(tmp_path)) as directory:
        journal.append(directory, EVENTS[0])
        assert journal.read(directory).events == [*found.events, EVENTS[0]]


@pytest.mark.parametrize("zeros", [1, 36, 37, 5000])
def test_a_tail_of_zeros_is_a_tear_too(zeros: int) -> None:
    assert Journal.parse(golden("journal.bin") + bytes(zeros)).events == EVENTS


@pytest.mark.slow
def test_a_change_before_the_last_entry_is_noticed() -> None:
    raw = golden("journal.bin")
    last = len(raw) - (4 + 32 + 0x58)
    for position in range(last):
        changed = raw[:position] + bytes([raw[position] ^ 0x40]) + raw[position + 1 :]
        with pytest.raises(DamagedError):
            Journal.parse(changed)
