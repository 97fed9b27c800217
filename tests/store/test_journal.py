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
from relstore.formats.journal import EVENTS, HEADER, MAX_REASON, WITHDRAWN, Event, Journal
from relstore.store import journal
from relstore.store.directory import Dir
from tests.support.host_side import need_strace, program, strace

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


def append_at_once(directory: Dir, count: int) -> tuple[int, bytes, list[Event]]:
    """Several events in one append after three others: where it begins, all bytes, and the three events."""
    before, raw, _ = three(directory)
    journal.append(
        directory, *(EVENT._replace(generation=number, reason="y" * 90) for number in range(4, 4 + count))
    )
    return len(raw), (Path(directory.path) / "journal").read_bytes(), before


@pytest.mark.slow
def test_zeros_from_any_point_of_an_append_on_are_a_tear(directory: Dir, here: Path) -> None:
    """What ext4 leaves of an append of several events, when another process syncs at the wrong moment."""
    begin, raw, before = append_at_once(directory, 5)
    for cut in range(begin, len(raw)):
        torn = Journal.parse(raw[:cut] + b"\0" * (len(raw) - cut))
        assert torn.events[:3] == before
        assert len(torn.events) < 8
        assert torn.length <= cut
    (here / "journal").write_bytes(raw[: begin + 200] + b"\0" * (len(raw) - begin - 200))
    journal.append(directory, EVENT._replace(generation=9))
    events = journal.read(directory).events
    assert [event.generation for event in events] == [1, 2, 3, 4, 9]


def test_zeros_in_the_middle_are_a_change(directory: Dir) -> None:
    begin, raw, _ = append_at_once(directory, 5)
    for first, last in ((begin, begin + 60), (begin + 40, begin + 100), (begin + 4, begin + 36)):
        with pytest.raises(DamagedError):
            Journal.parse(raw[:first] + b"\0" * (last - first) + raw[last:])
    with pytest.raises(DamagedError):  # a change in an entry before the torn one
        Journal.parse(raw[: begin - 3] + b"?" + raw[begin - 2 : begin + 200] + b"\0" * 500)


@pytest.mark.parametrize("written", [0, 7, len(HEADER)])
def test_the_first_append_may_be_torn_too(directory: Dir, here: Path, written: int) -> None:
    (here / "journal").write_bytes(HEADER[:written] + b"\0" * 200)
    assert journal.read(directory).events == []
    journal.append(directory, EVENT)
    assert journal.read(directory).events == [EVENT]


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
        [1, "Won", 1, 0, "", "", ""],
        [1, "", 1, 0, "", "", ""],
        [1, "\x1b[31m", 1, 0, "", "", ""],
        [1, "w" * 41, 1, 0, "", "", ""],
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


def test_an_event_of_a_later_relstore_is_kept_and_says_nothing(directory: Dir) -> None:
    later = Event.parse(pack.encode([7, "adopted", 3, 0, "j", "ada@laptop", "by hand"]))
    journal.append(directory, EVENT, later, EVENT._replace(generation=2))
    assert journal.read(directory).events[1] == later
    assert (later.event, later.generation) == ("adopted", 3)


def test_a_withdrawal_is_a_mark_of_bad_to_an_older_relstore(directory: Dir) -> None:
    event = Event(7, WITHDRAWN, 3, 0, "20261201T094500Z-0a1b2c3d", "ada@laptop", "1 host failed")
    assert pack.decode(event.encode(), what="entry", limit=1000) == [
        7,
        "marked-bad",
        3,
        0,
        "rollout/20261201T094500Z-0a1b2c3d",
        "ada@laptop",
        "1 host failed",
    ]
    journal.append(directory, event)
    assert journal.read(directory).events == [event]


def test_a_long_reason_is_cut_and_not_refused(directory: Dir) -> None:
    journal.append(directory, EVENT._replace(reason="é" * 100_000))
    assert journal.read(directory).events[0].reason == "é" * MAX_REASON


def test_a_text_that_is_too_long_or_not_utf_8_leaves_the_journal_readable(directory: Dir) -> None:
    journal.append(directory, EVENT._replace(who="w" * 70_000, reason="caf\udce9"))
    (event,) = journal.read(directory).events
    assert (event.who, event.reason) == ("w" * 255, "caf\\xe9")


@pytest.mark.parametrize("wrong", [{"event": "Won"}, {"generation": 0}, {"job": "j" * 70_000}])
def test_what_could_not_be_read_again_is_not_written(
    directory: Dir, here: Path, wrong: dict[str, str | int]
) -> None:
    _, raw, _ = three(directory)
    with pytest.raises(FormatError):
        journal.append(directory, EVENT, Event(**{**EVENT._asdict(), **wrong}))
    assert (here / "journal").read_bytes() == raw


FAILING = """
from relstore.errors import NotRecordedError
from relstore.store import journal
from relstore.store.directory import Dir
with Dir.open_path(sys.argv[1]) as directory:
    try:
        journal.append(directory, journal.Event(1, "active", 7, 0, "", "me", ""))
    except NotRecordedError as error:
        sys.exit(10 + error.certain)
    except OSError:
        sys.exit(20)
"""


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("fsync:error=EIO:when=1", 11),
        ("fsync:error=EIO:when=2", 11),
        ("fsync:error=EIO:when=1+", 10),
        ("write:error=ENOSPC:when=1", 20),
    ],
)
def test_what_the_disk_did_not_take_is_taken_back(directory: Dir, here: Path, fault: str, code: int) -> None:
    """The page cache would show it, and a restart would not."""
    need_strace()
    events, raw, _ = three(directory)
    call, _, rest = fault.partition(":")
    words = [*strace(call, rest), *program(FAILING, here)]
    assert subprocess.run(words, capture_output=True).returncode == code
    assert (here / "journal").read_bytes() == raw
    assert journal.read(directory).events == events


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
