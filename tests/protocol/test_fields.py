"""Messages are read field by field, and only what their annotations allow."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Optional

import pytest

from relstore.errors import FormatError, ProtocolError, RelstoreError, UsageError
from relstore.formats.names import AppName, Digest
from relstore.protocol import fields as shape


class Inner(NamedTuple):
    number: int


class Message(NamedTuple):
    app: AppName
    count: int
    flag: bool
    text: str
    data: bytes
    maybe: Optional[int]  # noqa: UP045 - as the host side writes it
    words: tuple[str, ...]
    inner: Inner
    inners: tuple[Inner, ...]
    build: Optional[Digest]  # noqa: UP045


GOOD: list[Any] = ["web", 1, True, "t", b"d", None, ["a", "b"], [2], [[3], [4]], "ab" * 32]


def test_what_is_taken_apart_is_put_together() -> None:
    message = shape.from_values(Message, GOOD)
    assert message == Message(
        AppName("web"),
        1,
        True,
        "t",
        b"d",
        None,
        ("a", "b"),
        Inner(2),
        (Inner(3), Inner(4)),
        Digest("ab" * 32),
    )
    assert shape.to_values(message) == GOOD
    assert type(shape.to_values(message)[0]) is str


@pytest.mark.parametrize(
    ("index", "value", "kind"),
    [
        (0, "Web", UsageError),
        (0, "../web", UsageError),
        (0, b"web", ProtocolError),
        (0, None, ProtocolError),
        (1, True, ProtocolError),
        (1, 1.0, ProtocolError),
        (1, "1", ProtocolError),
        (1, 1 << 63, ProtocolError),
        (1, -(1 << 63), ProtocolError),
        (2, 1, ProtocolError),
        (2, None, ProtocolError),
        (3, b"t", ProtocolError),
        (4, "d", ProtocolError),
        (5, "1", ProtocolError),
        (6, ["a", 1], ProtocolError),
        (6, "ab", ProtocolError),
        (6, {"a": "b"}, ProtocolError),
        (7, [], ProtocolError),
        (7, [1, 2], ProtocolError),
        (7, 2, ProtocolError),
        (8, [3, 4], ProtocolError),
        (8, [["3"]], ProtocolError),
        (9, "ab", FormatError),
        (9, "AB" * 32, FormatError),
    ],
)
def test_a_field_of_another_kind_is_refused(index: int, value: Any, kind: type[RelstoreError]) -> None:
    with pytest.raises(kind):
        shape.from_values(Message, [*GOOD[:index], value, *GOOD[index + 1 :]])


@pytest.mark.parametrize("values", [[], GOOD[:-1], [*GOOD, 1], None, "web", {}, tuple(GOOD)])
def test_another_number_of_fields_is_refused(values: Any) -> None:
    with pytest.raises(ProtocolError, match="without its 10 fields"):
        shape.from_values(Message, values)


def test_a_class_that_no_message_may_be_is_a_mistake_of_ours() -> None:
    class Wrong(NamedTuple):
        table: dict[str, int]

    with pytest.raises(TypeError, match="no type that a message may have"):
        shape.from_values(Wrong, [{}])


class Moving(NamedTuple):
    pace: Literal["slow", "fast"]


def test_a_literal_is_read_as_text_so_that_a_newer_side_may_send_a_new_word() -> None:
    assert shape.from_values(Moving, ["fast"]) == Moving("fast")
    assert shape.from_values(Moving, ["faster"]) == ("faster",)
    with pytest.raises(ProtocolError, match=r"Moving\.pace is bytes, not str"):
        shape.from_values(Moving, [b"fast"])
