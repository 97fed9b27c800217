"""A journal that somebody changed is made readable again: what is proved is kept, and what was lost is said."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from relstore.errors import DamagedError
from relstore.formats import journal as journal_format
from relstore.formats.journal import HEADER, Event
from relstore.host.requests.checking import verify
from relstore.protocol import FindingOut, Step
from relstore.store import journal, journal_repair
from relstore.store.store import Store
from tests.support.host_side import WEB, release

EVENT = Event(1_790_000_000, journal_format.ACTIVE, 1, 0, "", "me@desk", "")


@pytest.fixture
def path(store: Store, top: Path) -> Path:
    """The journal of an app, with ten events about its one generation."""
    release(store, {"a": b"one"})
    with store.app(WEB) as app:
        journal.append(app.directory, *(EVENT._replace(time=number) for number in range(10)))
    return top / "apps" / WEB / "journal"


def ends(raw: bytes) -> list[int]:
    found, at = [], len(HEADER)
    while at < len(raw):
        at = journal_format.entry_at(raw, at).end
        found.append(at)
    return found


def times(store: Store) -> list[int]:
    with store.app(WEB) as app:
        return [event.time for event in app.events()]


def silent(step: Step) -> None:
    pass


@pytest.mark.parametrize(
    ("offset", "lost"),
    [
        pytest.param(0, [4], id="the length"),
        pytest.param(2, [4], id="the length's end"),
        pytest.param(10, [4], id="the checksum"),
        pytest.param(50, [4], id="the body"),
    ],
)
def test_one_changed_byte_costs_one_event(
    store: Store, top: Path, path: Path, offset: int, lost: list[int]
) -> None:
    raw = path.read_bytes()
    at = ends(raw)[3] + offset
    changed = raw[:at] + bytes([raw[at] ^ 0x41]) + raw[at + 1 :]
    path.write_bytes(changed)
    with pytest.raises(DamagedError):
        times(store)
    with store.app(WEB) as app:
        repaired = journal_repair.repair(store, app.directory)
    assert repaired == (9, [(ends(raw)[3], ends(raw)[4])])
    assert times(store) == [number for number in range(10) if number not in lost]
    (kept,) = (top / "quarantine").iterdir()
    assert kept.read_bytes() == changed
    with store.app(WEB) as app:
        journal.append(app.directory, EVENT._replace(time=11))
        assert journal_repair.repair(store, app.directory) is None
    assert times(store)[-1] == 11


def test_more_than_one_place(store: Store, path: Path) -> None:
    raw = path.read_bytes()
    end = ends(raw)
    path.write_bytes(b"x" * 30 + raw[30 : end[5]] + b"?" * 300 + raw[end[7] :])
    with store.app(WEB) as app:
        assert journal_repair.repair(store, app.directory) is not None
    # Nothing is left that could prove the first event after each place.
    assert times(store) == [2, 3, 4, 5, 9]


def test_nothing_can_be_read(store: Store, path: Path) -> None:
    path.write_bytes(b"\x97" * 5000)
    with store.app(WEB) as app:
        assert journal_repair.repair(store, app.directory) == (0, [(0, 5000)])
    assert times(store) == []


def test_an_entry_too_long_to_be_read_costs_itself_alone(store: Store, path: Path) -> None:
    """As older relstores wrote them for a very long name of whoever asked."""
    raw = path.read_bytes()
    long = EVENT._replace(job="j" * 70_000).encode()
    end = ends(raw)[-1]
    before = journal_format.Journal.parse(raw).sum
    checksum = hashlib.sha256(before + long).digest()
    raw += len(long).to_bytes(4, "big") + checksum + long
    raw += journal_format.encode_entries([EVENT._replace(time=11)], checksum)
    path.write_bytes(raw)
    with store.app(WEB) as app:
        assert journal_repair.repair(store, app.directory) == (11, [(end, end + 36 + len(long))])
    assert times(store) == [*range(10), 11]


def test_verify_repairs_it_and_says_what_was_lost(store: Store, path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[:100] + b"?" + raw[101:])
    assert [finding.path for finding in verify(store, silent, fix=False).findings] == ["apps/web/journal"]
    (finding,) = verify(store, silent, fix=True).findings
    begin, end = ends(raw)[:2]
    assert finding == FindingOut(
        "apps/web/journal",
        f"web: the journal was changed at byte {begin}: 9 events are kept; what the bytes {begin} to "
        f"{end - 1} held is lost; the journal as it was is in quarantine/",
        True,
    )
    assert verify(store, silent, fix=False).findings == []


@pytest.mark.parametrize("kind", ["directory", "link"])
def test_a_journal_that_is_no_file_is_replaced(store: Store, top: Path, path: Path, kind: str) -> None:
    path.unlink()
    if kind == "directory":
        (path / "inside").mkdir(parents=True)
    else:
        path.symlink_to("/etc/hostname")
    assert [finding.repaired for finding in verify(store, silent, fix=False).findings] == [False]
    (finding,) = verify(store, silent, fix=True).findings
    assert finding.repaired
    assert "no event is kept; what was there is in quarantine/" in finding.problem
    assert times(store) == []
    assert verify(store, silent, fix=False).findings == []
    with store.app(WEB) as app:
        journal.append(app.directory, EVENT)
