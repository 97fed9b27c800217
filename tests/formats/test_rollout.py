"""The record of a rollout: what is written is read again, and nothing else is."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.errors import FormatError, NewerFormatError
from relstore.formats import pack
from relstore.formats.rollout import RolloutRecord
from tests.support.rollouts import RECORD


def changed(**fields: Any) -> bytes:
    written: dict[str, Any] = {**RECORD._asdict(), "keepers": list(RECORD.keepers), **fields}
    return pack.encode_fields("relstore-rollout", 1, [written])


def test_it_is_read_as_it_was_written() -> None:
    assert RolloutRecord.parse(RECORD.encode()) == RECORD


def test_what_a_later_relstore_adds_is_passed_over_and_a_later_version_is_not() -> None:
    assert RolloutRecord.parse(changed(approved_by=["carol"])) == RECORD
    assert RolloutRecord.parse(changed(state="proving")).state == "proving"
    with pytest.raises(NewerFormatError):
        RolloutRecord.parse(pack.encode_fields("relstore-rollout", 2, [{}]))


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "../../etc"}, {"id": 5}, {"epoch": 0}, {"epoch": -1}, {"epoch": 2**40}, {"epoch": True}, {"claim": "x"},
        {"who": "a" * 300}, {"plan": "ff"}, {"keepers": ["a"] * 4}, {"keepers": [1]}, {"keepers": "web1"},
        {"state": "No"}, {"state": ""}, {"state": "a" * 30}, {"generation": 2**40}, {"command": "rm -rf"}, {"why": None},
        {"rejects": 5}, {"cut_old": 1}, {"wave": -1}, {"since": -5},
    ],
)  # fmt: skip
def test_what_nobody_wrote_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        RolloutRecord.parse(changed(**fields))


def test_a_record_with_a_field_less_is_refused() -> None:
    for name in RECORD._fields:
        fields = {**RECORD._asdict(), "keepers": list(RECORD.keepers)}
        del fields[name]
        with pytest.raises(FormatError):
            RolloutRecord.parse(pack.encode_fields("relstore-rollout", 1, [fields]))


def test_texts_that_are_too_long_are_cut() -> None:
    long = RECORD._replace(who="é" * 1000, why="w" * 10_000, keepers=("h" * 1000,))
    assert len(RolloutRecord.parse(long.encode()).why) == 4000


@given(st.binary(max_size=200) | st.just(RECORD.encode()), st.integers(0, 300), st.integers(0, 255))
def test_any_bytes_are_read_or_refused(raw: bytes, at: int, byte: int) -> None:
    bent = bytearray(raw)
    if at < len(bent):
        bent[at] = byte
    with contextlib.suppress(FormatError):
        RolloutRecord.parse(bytes(bent))
