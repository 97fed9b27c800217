"""Messages of the protocol: each is carried as it is, and none is taken where it is not expected."""

from __future__ import annotations

import re
import typing
from typing import Any

import pytest

from relstore import errors, protocol
from relstore.errors import FormatError, ProtocolError
from relstore.formats import pack
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
from relstore.protocol import (
    EVENTS,
    EVENTS_OF,
    REPLIES,
    REPLY_OF,
    REQUESTS,
    activation,
    adopting,
    checking,
    collecting,
    exporting,
    host_check,
    keeping,
    logs,
    reading,
    removing,
    rollouts,
    upload,
)

EXAMPLES: dict[Any, Any] = {
    int: 7, bool: True, str: "text", bytes: b"bytes",
    AppName: AppName("web"), PinName: PinName("stable"), Digest: Digest("ab" * 32),
    JobId: JobId("20261123T044741Z-0a1b2c3d"), UnitName: UnitName("web.service"),
    UnitFileName: UnitFileName("web@.service"), TemplateName: TemplateName("web@.service"),
    BackendName: BackendName("web"),
}  # fmt: skip


def example(hint: Any, *, empty: bool) -> Any:
    """A value of an annotation; ``empty`` takes None and () where they may be."""
    if hint in EXAMPLES:
        return EXAMPLES[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return arguments[0]
    if origin is tuple:
        return () if empty else (example(arguments[0], empty=empty),) * 2
    if origin is typing.Union:
        return None if empty else example(arguments[0], empty=empty)
    hints = typing.get_type_hints(hint)
    return hint(*(example(hints[name], empty=empty) for name in hint._fields))


@pytest.mark.parametrize("kind", [*REQUESTS, *EVENTS, *REPLIES], ids=lambda kind: str(kind.__name__))
@pytest.mark.parametrize("empty", [False, True])
def test_each_message_comes_back_as_it_was(kind: Any, empty: bool) -> None:
    message = example(kind, empty=empty)
    assert protocol.decode(protocol.encode(message, 5), (kind,)) == (message, 5)


def test_names_are_of_one_message_each() -> None:
    names = [kind.__name__ for kind in (*REQUESTS, *EVENTS, *REPLIES)]
    assert len(names) == len(set(names))


REPLY_IN_WORDS = re.compile(r"Reply: (\w+)|No reply unless it fails|Events and reply as of (\w+)")


@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: str(kind.__name__))
def test_a_request_is_described_with_the_reply_that_belongs_to_it(kind: Any) -> None:
    said = REPLY_IN_WORDS.search(kind.__doc__)
    assert said is not None
    reply = REPLY_OF[getattr(protocol, said[2])] if said[2] else said[1] and getattr(protocol, said[1])
    assert REPLY_OF[kind] is reply


def test_every_event_belongs_to_a_request() -> None:
    assert set(EVENTS_OF) <= set(REQUESTS)
    assert {event for events in EVENTS_OF.values() for event in events} == set(EVENTS)


def test_what_answers_a_request() -> None:
    assert protocol.answers_to(protocol.Apps) == (protocol.AppsOut,)
    assert protocol.answers_to(protocol.Verify) == (protocol.Step, protocol.Verified)
    assert protocol.answers_to(protocol.Put) == ()


def test_every_class_of_a_subject_that_names_a_reply_is_a_request() -> None:
    """A request that somebody forgot to list would only fail when it is sent."""
    subjects = (
        *(activation, adopting, checking, collecting, exporting, host_check, keeping, logs),
        *(reading, removing, rollouts, upload),
    )
    classes = {kind for subject in subjects for kind in vars(subject).values() if hasattr(kind, "_fields")}
    assert {kind for kind in classes if REPLY_IN_WORDS.search(kind.__doc__ or "")} == set(REQUESTS)


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (pack.encode(["Apps", [], 0, 0]), "not \\[name, fields, body\\]"),
        (pack.encode(["Apps", []]), "not \\[name, fields, body\\]"),
        (pack.encode({"Apps": []}), "not \\[name, fields, body\\]"),
        (pack.encode([b"Apps", [], 0]), "not \\[name, fields, body\\]"),
        (pack.encode(["Done", [], 0]), "'Done' is not expected"),
        (pack.encode(["Nothing", [], 0]), "'Nothing' is not expected"),
        (pack.encode(["__class__", [], 0]), "'__class__' is not expected"),
        (pack.encode(["Apps", [], -1]), "a body of -1 bytes"),
        (pack.encode(["Apps", [], True]), "a body of True bytes"),
        (pack.encode(["Apps", [], protocol.MAX_BODY_BYTES + 1]), "a body of"),
        (pack.encode(["Apps", [1], 0]), "without its 0 fields"),
        (pack.encode(["Apps", None, 0]), "without its 0 fields"),
    ],
)
def test_a_message_that_is_none_is_refused(payload: bytes, what: str) -> None:
    with pytest.raises(ProtocolError, match=what):
        protocol.decode(payload, REQUESTS)


@pytest.mark.parametrize(
    "payload", [b"", b"\xc1", pack.encode(["Apps", [], 0]) + b"\0", b"\x93\xd9\x04Apps\x90\x00"]
)
def test_bytes_that_are_no_canonical_msgpack_are_refused(payload: bytes) -> None:
    with pytest.raises(FormatError):
        protocol.decode(payload, REQUESTS)


@pytest.mark.parametrize("kind", errors.WIRE_KINDS.values(), ids=lambda kind: str(kind.__name__))
def test_an_error_crosses_the_wire_with_its_kind(kind: type[errors.RelstoreError]) -> None:
    sent = protocol.Failure.of(kind("what", state="state", hint="hint"))
    found = sent.error()
    assert type(found) is kind
    assert (found.what, found.state, found.hint) == ("what", "state", "hint")


def test_an_unknown_or_endless_error_is_still_one() -> None:
    assert type(protocol.Failure("Surprise", "w", "", "").error()) is errors.RelstoreError
    assert type(protocol.Failure("ConnectError", "w", "", "").error()) is errors.RelstoreError
    endless = protocol.Failure.of(errors.StoreError("x" * 10**6))
    assert len(endless.what) == protocol.MAX_TEXT
