"""A checkpoint reads back as it was written, and anything else is refused."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.errors import FormatError
from relstore.formats import journal
from relstore.formats.checkpoint import HEAD, WAYMARK_EVERY, Checkpoint, Draft, Facts, Reputation, empty
from relstore.formats.journal import JournalPart
from relstore.formats.names import AppName, Digest

WEB = AppName("web")
MARK = JournalPart(5000, 4900, b"s" * 32, b"h" * 32)
DIGESTS = st.binary(min_size=32, max_size=32).map(Digest.from_bytes)
COMMITS = st.none() | st.sampled_from([20, 32]).flatmap(
    lambda size: st.binary(min_size=size, max_size=size).map(bytes.hex)
)
REPUTATIONS = st.builds(
    Reputation,
    st.sampled_from(["", *journal.JUDGEMENTS]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 4999),
)
FACTS = st.builds(Facts, DIGESTS, DIGESTS, COMMITS, st.integers(0, 1 << 40), REPUTATIONS)


def made_of(facts: list[Facts], events: int) -> Checkpoint:
    draft = Draft(empty(WEB))
    for each in facts:
        draft.add(each)
    for place in range(events):
        draft.count_event(100 + place)
    return draft.finish(WEB, MARK, 200, 300)


@given(st.lists(FACTS, max_size=5), st.integers(1, 200))
def test_what_is_written_is_read(facts: list[Facts], events: int) -> None:
    made = made_of(facts, events)
    read = Checkpoint.parse(made.encode())
    assert read == made
    assert [read.facts(number + 1) for number in range(read.generations)] == facts


@given(FACTS, FACTS)
def test_one_that_is_carried_on_keeps_what_it_had(first: Facts, other: Facts) -> None:
    draft = Draft(made_of([first, first], 10))
    draft.replace(1, other)
    draft.add(other)
    found = draft.finish(WEB, MARK, 0, 0)
    assert [found.facts(number) for number in (1, 2, 3)] == [other, first, other]


@pytest.mark.parametrize("last", [1, 2, 63, 64, 65, 128, 200, 1000])
def test_a_waymark_leaves_at_least_so_many_events(last: int) -> None:
    begin = made_of([], 200).waymark(last) - 100
    assert begin % WAYMARK_EVERY == 0
    assert 200 - begin >= min(last, 200)
    assert begin == 0 or 200 - begin < last + WAYMARK_EVERY


def test_every_byte_and_every_end_counts() -> None:
    facts = Facts(
        Digest("a" * 64), Digest("b" * 64), "c" * 40, 5, Reputation(journal.ACTIVE, True, True, True, 9)
    )
    raw = made_of([facts], 3).encode()
    for at in range(len(raw)):
        for wrong in (raw[:at], raw[:at] + bytes([raw[at] ^ 0x10]) + raw[at + 1 :]):
            with pytest.raises(FormatError):
                Checkpoint.parse(wrong)
    with pytest.raises(FormatError):
        Checkpoint.parse(raw + b"\0")


def resealed(raw: bytes, at: int, new: bytes) -> bytes:
    """``raw`` with a change, counted from its end, by somebody who knows how to make the checksum."""
    body = raw[len(HEAD) + 32 :]
    begin = len(body) + at
    body = body[:begin] + new + body[begin + len(new) :]
    return HEAD + hashlib.sha256(body).digest() + body


@pytest.mark.parametrize(
    ("at", "new"), [(-51, b"\x13"), (-51, b"\xff"), (-10, b"\x09"), (-9, b"\xff")], ids=str
)
def test_a_row_that_no_generation_has_is_refused(at: int, new: bytes) -> None:
    raw = made_of([Facts(Digest("a" * 64), Digest("b" * 64), None, 5)], 3).encode()
    assert Checkpoint.parse(resealed(raw, -1, b"\0"))
    with pytest.raises(FormatError):
        Checkpoint.parse(resealed(raw, at, new))


@pytest.mark.parametrize(
    "wrong",
    [
        {"intent": 5000},
        {"switching": 5000},
        {"intent": -1},
        {"journal": JournalPart(0, 0, b"", b"")},
        {"events": 0},
        {"events": 100},
        {"waymarks": b""},
        {"rows": b"x"},
        {"journal": JournalPart(True, 0, b"", b"")},
    ],
    ids=str,
)
def test_a_header_that_does_not_fit_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        Checkpoint.parse(made_of([], 3)._replace(**wrong).encode())  # type: ignore[arg-type]


def test_another_version_is_not_read() -> None:
    raw = made_of([], 3).encode()
    with pytest.raises(FormatError):
        Checkpoint.parse(raw.replace(b"checkpoint 1", b"checkpoint 2"))
