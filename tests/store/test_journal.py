"""The journal: what a crash tears is cut off, what somebody changes is seen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.errors import DamagedError, FormatError
from relstore.formats import journal as journal_format
from relstore.formats import pack
from relstore.formats.journal import EVENTS, HEADER, MAX_REASON, Event, Journal
from relstore.store import journal
from relstore.store.directory import Dir
from tests.support.host_side import program

EVENT = Event(1_790_000_000, journal_format.ACTIVE, 2, 1, "20261123T044741Z-0a1b2c3d", "me@desk", "")


def written(directory: Dir, *events: Event) -> bytes:
    for event in events:
        journal.append(directory, event)
    return (Path(directory.path) / "journal").read_bytes()


def three(directory: Dir) -> tuple[list[Event], bytes, list[int]]:
    """Three events, the journal of them, and where each ends."""
    events = [EVENT._replace(generation=number, reason="x" * number) for number in (1, 2, 3)]
    ends = [len(written(directory, event)) for event in events]
    return events, (Path(directory.path) / "journal").read_bytes(), ends


def test_what_is_appended_is_read_in_order(directory: Dir) -> None:
    assert journal.read(directory).events == []
    events, _, _ = three(directory)
    assert journal.read(directory).events == events


@pytest.mark.slow
def test_a_journal_cut_anywhere_is_what_was_whole(directory: Dir, here: Path) -> None:
    events, raw, ends = three(directory)
    more = EVENT._replace(generation=9)
    for cut in range(len(raw)):
        whole = [event for event, end in zip(events, ends) if end <= cut]
        assert Journal.parse(raw[:cut]).events == whole
    for cut in (3, len(HEADER), len(HEADER) + 2, ends[0], ends[1] - 1, len(raw) - 1):
        (here / "journal").write_bytes(raw[:cut])
        journal.append(directory, more)
        whole = [event for event, end in zip(events, ends) if end <= cut]
        assert journal.read(directory).events == [*whole, more]


def test_zeros_at_the_end_are_a_tear(directory: Dir) -> None:
    """A file system may grow the file before the data arrives."""
    events, raw, _ = three(directory)
    assert Journal.parse(raw + b"\0" * 4096).events == events


@pytest.mark.slow
def test_a_change_before_the_last_entry_is_seen(directory: Dir) -> None:
    _, raw, ends = three(directory)
    for at in range(ends[1]):
        with pytest.raises(DamagedError):
            Journal.parse(raw[:at] + bytes([raw[at] ^ 0x41]) + raw[at + 1 :])


@pytest.mark.slow
def test_a_change_in_the_last_entry_is_a_tear_or_seen(directory: Dir) -> None:
    events, raw, ends = three(directory)
    for at in range(ends[1], len(raw)):
        try:
            found = Journal.parse(raw[:at] + bytes([raw[at] ^ 0x41]) + raw[at + 1 :]).events
        except DamagedError:
            continue
        assert found == events[:2]


def test_an_entry_cannot_be_left_out_or_moved(directory: Dir) -> None:
    _, raw, ends = three(directory)
    first, second, third = raw[len(HEADER) : ends[0]], raw[ends[0] : ends[1]], raw[ends[1] :]
    for body in (second + third, first + third + second, first + second + second + third):
        with pytest.raises(DamagedError):
            Journal.parse(HEADER + body)


@pytest.mark.parametrize("raw", [b"not a journal at all", b"relstore-journal 2\n", b"x", b"relstore-x"])
def test_what_is_no_journal_is_refused(raw: bytes) -> None:
    with pytest.raises(DamagedError):
        Journal.parse(raw)


@given(
    st.builds(
        Event,
        st.integers(0, 1 << 40),
        st.sampled_from(EVENTS),
        st.integers(1, 2**31 - 1),
        st.integers(0, 2**31 - 1),
        st.text(max_size=40),
        st.text(max_size=40),
        st.text(max_size=200),
    )
)
def test_an_event_that_is_written_is_read(event: Event) -> None:
    assert Event.parse(event.encode()) == event


@pytest.mark.parametrize(
    "values",
    [
        [1, "active", 1, 0, "", ""],
        [1, "active", 1, 0, "", "", "", ""],
        ["1", "active", 1, 0, "", "", ""],
        [1, "won", 1, 0, "", "", ""],
        [1, "active", 0, 0, "", "", ""],
        [1, "active", 1, -1, "", "", ""],
        [1, "active", 2**31, 0, "", "", ""],
        [True, "active", 1, 0, "", "", ""],
        {"event": "active"},
    ],
)
def test_an_entry_that_none_would_write_is_refused(values: pack.Value) -> None:
    with pytest.raises(FormatError):
        Event.parse(pack.encode(values))


def test_a_long_reason_is_cut_and_not_refused(directory: Dir) -> None:
    journal.append(directory, EVENT._replace(reason="é" * 100_000))
    assert journal.read(directory).events[0].reason == "é" * MAX_REASON


APPEND = """
from relstore.formats.journal import Event
from relstore.store import journal
from relstore.store.directory import Dir
with Dir.open_path(sys.argv[1]) as directory:
    for number in range(1, 26):
        journal.append(directory, Event(1, "active", number, 0, "", sys.argv[2], ""))
"""


@pytest.mark.slow
def test_several_writers_take_turns(directory: Dir, here: Path) -> None:
    writers = [subprocess.Popen(program(APPEND, here, name)) for name in "abcd"]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0, 0]
    events = journal.read(directory).events
    for name in "abcd":
        assert [event.generation for event in events if event.who == name] == [*range(1, 26)]
