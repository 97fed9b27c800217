"""The file that says what was adopted: its bytes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.errors import FormatError, NewerFormatError
from relstore.formats import pack
from relstore.formats.adoption import MAGIC, Adoption, Place

GOLDEN = Path(__file__).parent.parent / "golden" / "adoption.bin"
ADOPTION = Adoption(
    "capistrano",
    "/srv/web/current",
    "/srv/web/releases/20210301120000",
    "",
    "/srv/web-store/apps/web/current",
    (Place(1, "/srv/web/releases/20210228120000"), Place(2, "/srv/web/releases/20210301120000")),
)


def test_golden() -> None:
    assert ADOPTION.encode() == GOLDEN.read_bytes()
    assert Adoption.parse(GOLDEN.read_bytes()) == ADOPTION


def test_where_a_generation_is() -> None:
    assert ADOPTION.place(2) == "/srv/web/releases/20210301120000"
    assert ADOPTION.place(3) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "make"},
        {"live": "srv/web"},
        {"live": "/a\0b"},
        {"live": "/" + "a" * 5000},
        {"target": ""},
        {"was": "", "aside": ""},
        {"aside": "old"},
        {"was": "", "aside": "a/b"},
        {"was": "", "aside": ".."},
        {"places": (Place(0, "/a"),)},
        {"places": (Place(1, "a"),)},
    ],
)
def test_what_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        ADOPTION._replace(**changes).encode()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        [],
        [MAGIC],
        [MAGIC, 1],
        ["relstore-retention", 1, *ADOPTION[:5], []],
        [MAGIC, 1, *ADOPTION[:5], {}],
        [MAGIC, 1, *ADOPTION[:5], [[1]]],
        [MAGIC, 1, *ADOPTION[:5], [["1", "/a"]]],
        [MAGIC, 1, 7, *ADOPTION[1:5], []],
        [MAGIC, 1, *ADOPTION[:5], [], None],
    ],
)
def test_what_is_no_adoption(value: object) -> None:
    with pytest.raises(FormatError):
        Adoption.parse(pack.encode(value))


def test_a_later_version() -> None:
    with pytest.raises(NewerFormatError):
        Adoption.parse(pack.encode([MAGIC, 2, *ADOPTION[:5], []]))
