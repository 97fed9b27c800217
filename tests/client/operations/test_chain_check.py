"""A host whose history changed is found out, whatever it says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from relstore.client.local_state.chain_heads import Heads
from relstore.client.operations import chain_check
from relstore.errors import ProtocolError
from relstore.formats import pack
from relstore.formats.generation import Description, Generation, record_digest
from relstore.formats.names import AppName, Digest
from relstore.protocol import MAX_PAST, Past, PastOut

APP = AppName("site")
STORE = "web1:/srv"


def chain(length: int, *, note: str = "", after: list[bytes] | None = None) -> list[bytes]:
    """Records, raw; those of ``after`` first."""
    records = list(after or [])
    while len(records) < length:
        parent = record_digest(records[-1]) if records else None
        description = Description("tester", None, False, note)
        number = len(records) + 1
        records.append(Generation(APP, number, Digest("ab" * 32), parent, number, 1, 1, description).encode())
    return records


class Host:
    """A session with a host that has these records."""

    label, store_label = "web1", STORE

    def __init__(self, records: list[bytes]) -> None:
        self.records = records
        self.asked = 0

    async def ask(self, request: Past, kind: type[PastOut]) -> tuple[PastOut, bytes]:
        self.asked += 1
        last, number = len(self.records), request.number
        head = record_digest(self.records[-1]) if self.records else None
        known = 1 <= number <= last
        seen = record_digest(self.records[number - 1]) if known else None
        after = self.records[number : number + MAX_PAST] if known else []
        return self.answer(PastOut(last, head, seen), after)

    def answer(self, reply: PastOut, after: list[Any]) -> tuple[PastOut, bytes]:
        return reply, pack.encode_stream(after)


def look(host: Host, heads: Heads) -> list[str]:
    notices: list[str] = []
    asked = chain_check.request(STORE, APP, heads)
    asyncio.run(chain_check.check(host, asked, heads, notices.append))  # type: ignore[arg-type]
    return notices


@pytest.fixture
def heads(tmp_path: Path) -> Heads:
    return Heads(tmp_path / "heads.json")


def seen(heads: Heads) -> tuple[int, Digest] | None:
    found = heads.get(STORE, APP)
    return (found.number, found.digest) if found else None


def test_the_first_look_believes_and_remembers(heads: Heads) -> None:
    records = chain(3)
    assert look(Host(records), heads) == []
    assert seen(heads) == (3, record_digest(records[-1]))


def test_an_app_that_is_not_there_yet(heads: Heads) -> None:
    assert look(Host([]), heads) == []
    assert seen(heads) is None


@pytest.mark.parametrize("more", [0, 1, 5, MAX_PAST, MAX_PAST + 1, 3 * MAX_PAST])
def test_a_chain_that_grew_is_followed(heads: Heads, more: int) -> None:
    look(Host(chain(3)), heads)
    host = Host(chain(3 + more))
    assert look(host, heads) == []
    assert host.asked == max(1, -(-more // MAX_PAST))
    assert seen(heads) == (3 + more, record_digest(host.records[-1]))


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_shorter_history_is_said_once(heads: Heads, left: int) -> None:
    look(Host(chain(3)), heads)
    (said,) = look(Host(chain(left)), heads)
    assert said.startswith("web1: the history is shorter than it was: 3 generations on ")
    if left:
        assert look(Host(chain(left)), heads) == []


@pytest.mark.parametrize("length", [3, 4, 300])
def test_another_history_is_said_once(heads: Heads, length: int) -> None:
    look(Host(chain(3)), heads)
    other = chain(length, note="other")
    (said,) = look(Host(other), heads)
    assert "the record of generation 3 has changed" in said
    assert look(Host(other), heads) == []


class Liar(Host):
    """Says that it has the record that is asked about, whatever it has."""

    def __init__(self, records: list[bytes], claims: Digest) -> None:
        super().__init__(records)
        self.claims = claims

    def answer(self, reply: PastOut, after: list[Any]) -> tuple[PastOut, bytes]:
        return super().answer(reply._replace(seen=self.claims), after)


def test_a_liar_cannot_continue_what_it_does_not_have(heads: Heads) -> None:
    records = chain(3)
    look(Host(records), heads)
    with pytest.raises(ProtocolError, match="does not continue"):
        look(Liar(chain(5, note="other"), record_digest(records[-1])), heads)
    with pytest.raises(ProtocolError, match="contradicts itself"):
        look(Liar(chain(3, note="other"), record_digest(records[-1])), heads)
    assert seen(heads) == (3, record_digest(records[-1]))


class Withholder(Host):
    """Has more, and does not show it."""

    def answer(self, reply: PastOut, after: list[Any]) -> tuple[PastOut, bytes]:
        return super().answer(reply, [])


class Babbler(Host):
    def answer(self, reply: PastOut, after: list[Any]) -> tuple[PastOut, bytes]:
        return super().answer(reply, ["text", 7])


@pytest.mark.parametrize("kind", [Withholder, Babbler])
def test_a_host_that_does_not_answer_what_was_asked(heads: Heads, kind: type[Host]) -> None:
    records = chain(3)
    look(Host(records), heads)
    with pytest.raises(ProtocolError):
        look(kind(chain(5, after=records)), heads)


def test_what_a_push_recorded_is_remembered_when_it_continues(heads: Heads) -> None:
    records = chain(5)
    chain_check.remember(STORE, APP, records[0], heads)
    assert seen(heads) == (1, record_digest(records[0]))
    chain_check.remember(STORE, APP, records[1], heads)
    assert seen(heads) == (2, record_digest(records[1]))
    for raw in (records[3], chain(3, note="other")[2], b"", b"nonsense"):
        chain_check.remember(STORE, APP, raw, heads)
    assert seen(heads) == (2, record_digest(records[1]))
