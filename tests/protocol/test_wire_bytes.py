"""The bytes of every message, one by one: which class holds a value may change, its bytes may not.

``golden/messages.txt`` has a line for each message and each row of a body, filled and as empty as it may be. It
is changed together with the version of the protocol only.
"""

from __future__ import annotations

import itertools
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relstore import protocol
from relstore.formats import pack
from relstore.formats.cut_over import CutOver
from relstore.formats.front import Front
from relstore.formats.journal import Event
from relstore.formats.names import (
    AppName,
    BackendName,
    Digest,
    JobId,
    PinName,
    TemplateName,
    UnitFileName,
    UnitName,
)
from relstore.protocol import EVENTS, REPLIES, REQUESTS, fields

GOLDEN = dict(
    line.split(": ")
    for line in (Path(__file__).parent.parent / "golden" / "messages.txt").read_text().splitlines()
)
ROWS = {
    "event": Event,
    "log row": protocol.LogRow,
    "finding": protocol.FindingOut,
    "generation": protocol.RowOut,
    "plan line": protocol.PlanLine,
    "wanted content": protocol.Wanted,
    "adopted release": protocol.AdoptedOut,
    "rollout": protocol.RolloutRow,
    "slots": CutOver,
    "slot": protocol.SlotOut,
    "front": Front,
}
"""What the bodies of replies consist of, and what came into a recipe or a status later."""
TRIAL = UnitName("u8.service")


def value(hint: Any, numbers: Iterator[int], *, empty: bool) -> Any:
    """A value of an annotation, another one for each field, so that exchanged fields show."""
    if typing.get_origin(hint) is typing.Union:
        return None if empty else value(typing.get_args(hint)[0], numbers, empty=empty)
    if typing.get_origin(hint) is tuple:
        item = typing.get_args(hint)[0]
        return () if empty else tuple(value(item, numbers, empty=empty) for _ in range(2))
    if hasattr(hint, "_fields"):
        hints = typing.get_type_hints(hint)
        # Without what a class got later, the bytes are what they always were.
        names = hint._fields[: len(hint._fields) - fields._GREW.get(hint, 0)]
        return hint(*(value(hints[name], numbers, empty=empty) for name in names))
    if typing.get_origin(hint) is typing.Literal:
        hint = str  # any word travels; which ones there are is for the type checker
    number = next(numbers)
    if hint is bool:
        return number % 2 == 0
    if hint in (int, bytes):
        return number if hint is int else b"%d" % number
    texts = {
        Digest: f"{number:064x}",
        JobId: f"20261123T044741Z-{number:08x}",
        UnitName: f"u{number}.service",
        UnitFileName: f"u{number}.service",
        TemplateName: f"u{number}@.service",
    }
    names = (AppName, PinName, Digest, JobId, UnitName, UnitFileName, TemplateName, BackendName)
    assert hint is str or hint in names
    return hint(texts.get(hint, f"text-{number}"))


def filled(kind: Any, *, empty: bool) -> Any:
    return value(kind, itertools.count(1), empty=empty)


@pytest.mark.parametrize("kind", [*REQUESTS, *EVENTS, *REPLIES], ids=lambda kind: str(kind.__name__))
def test_the_bytes_of_a_message(kind: Any) -> None:
    found = [protocol.encode(filled(kind, empty=empty), 5).hex() for empty in (False, True)]
    assert found == GOLDEN[kind.__name__].split(" ")


@pytest.mark.parametrize("name", ROWS)
def test_the_bytes_of_a_row_of_a_body(name: str) -> None:
    found = [pack.encode(fields.to_values(filled(ROWS[name], empty=empty))).hex() for empty in (False, True)]
    assert found == GOLDEN[name].split(" ")


def test_the_bytes_of_slots_that_share_a_socket() -> None:
    """One more field than an older relstore reads, so that it refuses them."""
    found = [
        pack.encode(fields.to_values(filled(CutOver, empty=empty)._replace(trial=TRIAL))).hex()
        for empty in (False, True)
    ]
    assert found == GOLDEN["slots that share a socket"].split(" ")


@pytest.mark.parametrize("kind", fields._GREW, ids=lambda kind: str(kind.__name__))
def test_what_a_class_got_later_follows_what_it_had(kind: Any) -> None:
    name = kind._fields[-1]
    later = value(typing.get_type_hints(kind)[name], itertools.count(100), empty=False)
    before = filled(kind, empty=True)
    values = fields.to_values(before._replace(**{name: later}))
    had = fields.to_values(before)
    assert values[: len(had)] == had
    assert fields.from_values(kind, values)._asdict()[name] == later


def test_every_line_is_used() -> None:
    assert set(GOLDEN) == {kind.__name__ for kind in (*REQUESTS, *EVENTS, *REPLIES)} | set(ROWS) | {
        "slots that share a socket"
    }
