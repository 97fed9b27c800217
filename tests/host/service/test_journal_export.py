"""The journal export format, in pieces of any size and as hostile as it may be."""

from __future__ import annotations

import pytest

from relstore.host.service.journal_export import MAX_VALUE, ExportReader


def binary(name: bytes, value: bytes) -> bytes:
    return name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"


PLAIN = b"__CURSOR=s=1;i=2\nMESSAGE=hello=you\n_PID=12\n\n"
LINES = binary(b"MESSAGE", b"two\nlines\n\nMESSAGE=no\n") + b"_PID=13\n\n"
HUGE = binary(b"MESSAGE", b"\n" * (MAX_VALUE + 1)) + b"_PID=14\n\n"
LONG = b"MESSAGE=" + b"x" * (2 * MAX_VALUE) + b"\n_PID=15\n\n"
EXPECTED = [
    {b"__CURSOR": b"s=1;i=2", b"MESSAGE": b"hello=you", b"_PID": b"12"},
    {b"MESSAGE": b"two\nlines\n\nMESSAGE=no\n", b"_PID": b"13"},
    {b"_PID": b"14"},
    {b"_PID": b"12", b"MESSAGE": b"hello=you", b"__CURSOR": b"s=1;i=2"},
]


@pytest.mark.parametrize("size", [1, 7, 4096, 10**9])
def test_entries_come_whole_however_they_arrive(size: int) -> None:
    if size < 100:
        data, expected = PLAIN + LINES + PLAIN, [*EXPECTED[:2], EXPECTED[3]]
    else:
        data, expected = PLAIN + LINES + HUGE + PLAIN, EXPECTED
    reader = ExportReader()
    found = [
        dict(entry)
        for start in range(0, len(data), size)
        for entry in reader.feed(data[start : start + size])
    ]
    assert found == expected


def test_a_line_that_does_not_end_is_not_held() -> None:
    reader = ExportReader()
    found = [
        dict(entry)
        for start in range(0, len(LONG), 4096)
        for entry in reader.feed(LONG[start : start + 4096])
    ]
    assert found == [{b"_PID": b"15"}]
    assert len(reader._rest) < MAX_VALUE


def test_what_belongs_to_no_entry_is_what_the_program_says() -> None:
    reader = ExportReader()
    said = b"Failed to search journal ACL: No such file\nlower=case\nNo journal files were found.\n"
    assert list(reader.feed(said)) == []
    assert reader.complaint == b"No journal files were found."


def test_the_first_of_several_values_counts() -> None:
    assert list(ExportReader().feed(b"MESSAGE=first\nMESSAGE=second\n\n")) == [{b"MESSAGE": b"first"}]
