"""Names from outside become checked types, or are refused with the reason."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.errors import FormatError, UsageError
from relstore.formats.names import (
    MAX_GENERATION,
    AppName,
    Digest,
    JobId,
    PinName,
    parse_generation,
    random_suffix,
)

DIGITS = "0123456789abcdef" * 4

GOOD_NAMES = ["a", "0", "web", "web-1.2_3", "a..b", "a-", "a" * 64, "current"]
BAD_NAMES = [
    pytest.param("", id="empty"),
    pytest.param("a" * 65, id="65 characters"),
    pytest.param("Web", id="upper case"),
    pytest.param(".web", id="begins with a dot"),
    pytest.param("-web", id="begins with a dash"),
    pytest.param("_web", id="begins with an underscore"),
    pytest.param(".", id="dot"),
    pytest.param("..", id="dot dot"),
    pytest.param("a/b", id="slash"),
    pytest.param("a b", id="space"),
    pytest.param("a\n", id="newline at the end"),
    pytest.param("a\0", id="NUL"),
    pytest.param("wéb", id="a letter beyond ASCII"),
    pytest.param("٣", id="a digit beyond ASCII"),
    pytest.param("a;rm -rf", id="a shell's words"),
]


@pytest.mark.parametrize("kind", [AppName, PinName])
@pytest.mark.parametrize("text", GOOD_NAMES)
def test_names_of_apps_and_pins(kind: Any, text: str) -> None:
    assert kind.parse(text) == text
    assert type(kind.parse(text)) is kind


@pytest.mark.parametrize("kind", [AppName, PinName])
@pytest.mark.parametrize("text", BAD_NAMES)
def test_no_names_of_apps_and_pins(kind: Any, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        kind.parse(text)
    assert "lower-case letters" in caught.value.hint


@pytest.mark.parametrize(
    ("file_name", "app"),
    [
        ("web", "web"),
        ("Site.d", "site.d"),
        ("My Site", "my-site"),
        ("--x--", "x"),
        ("a" * 100, "a" * 64),
        ("Ünïcode", "n-code"),
        ("...", None),
        ("日本", None),
        ("", None),
    ],
)
def test_the_name_that_an_artifact_suggests(file_name: str, app: Any) -> None:
    assert AppName.from_artifact(file_name) == app


@given(st.text(max_size=200))
def test_a_suggested_name_is_always_a_name(file_name: str) -> None:
    app = AppName.from_artifact(file_name)
    assert app is None or AppName.parse(app) == app


def test_a_digest_as_text_and_as_bytes() -> None:
    digest = Digest.parse(DIGITS)
    assert Digest.from_bytes(digest.raw) == digest
    assert digest.raw == bytes.fromhex(DIGITS)
    assert digest.short == "0123456789ab"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(DIGITS[:-1], id="63 digits"),
        pytest.param(DIGITS + "0", id="65 digits"),
        pytest.param(DIGITS.upper(), id="upper case"),
        pytest.param(DIGITS[:-1] + "g", id="no digit"),
        pytest.param(DIGITS[:-1] + "\n", id="newline"),
        pytest.param(DIGITS + "\n", id="newline after"),
        pytest.param("../" + DIGITS[3:], id="a path"),
    ],
)
def test_no_digest(text: str) -> None:
    with pytest.raises(FormatError, match="is not a digest"):
        Digest.parse(text)


def test_the_message_does_not_repeat_a_long_text() -> None:
    with pytest.raises(FormatError) as caught:
        Digest.parse("x" * 10_000)
    assert len(caught.value.what) < 120


@pytest.mark.parametrize("size", [0, 31, 33])
def test_no_digest_as_bytes(size: int) -> None:
    with pytest.raises(FormatError, match=f"a digest of {size} bytes, not 32"):
        Digest.from_bytes(bytes(size))


def test_a_new_job_id() -> None:
    ident = JobId.new(1795435200, 999_999)
    assert re.match(r"20261123T120000Z-f423f[0-9a-f]{3}\Z", ident)
    assert JobId.parse(ident) == ident


@given(
    st.tuples(st.integers(0, 2**32), st.integers(0, 999_999)),
    st.tuples(st.integers(0, 2**32), st.integers(0, 999_999)),
)
def test_job_ids_sort_by_time(one: tuple[int, int], other: tuple[int, int]) -> None:
    if one < other:
        assert JobId.new(*one) < JobId.new(*other)


@pytest.mark.parametrize(
    "text",
    ["", "20261123T120000Z", "20261123T120000Z-0123ABCD", "../../etc/passwd", "20261123T120000Z-0123abcd\n"],
)
def test_no_job_id(text: str) -> None:
    with pytest.raises(UsageError, match="is not the id of a job"):
        JobId.parse(text)


@pytest.mark.parametrize("text", ["1", "42", str(MAX_GENERATION)])
def test_numbers_of_generations(text: str) -> None:
    assert parse_generation(text) == int(text)


@pytest.mark.parametrize(
    "text", ["", "0", "01", "-1", "+1", "1.0", " 1", "1\n", "1_0", "٣", str(MAX_GENERATION + 1), "9" * 5000]
)
def test_no_numbers_of_generations(text: str) -> None:
    with pytest.raises(FormatError, match="is not the number of a generation"):
        parse_generation(text)


def test_random_suffixes_are_names_and_differ() -> None:
    suffixes = {random_suffix() for _ in range(100)}
    assert len(suffixes) > 90
    assert all(re.match(r"[0-9a-f]{8}\Z", suffix) for suffix in suffixes)
