"""What is to be kept of an app: read back as written, refused when it is anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.errors import DamagedError, FormatError
from relstore.formats import pack
from relstore.formats.retention import MAGIC, MAX_KEEP, MAX_SECONDS, MAX_SIZE, Policy
from relstore.store.retention import FILE
from relstore.store.store import Store
from tests.support.host_side import WEB, go_live

GOLDEN = Path(__file__).parent.parent / "golden" / "retention.bin"


def test_the_golden_file() -> None:
    policy = Policy(5, 30 * 86_400)
    assert policy.encode() == GOLDEN.read_bytes()
    assert Policy.parse(GOLDEN.read_bytes()) == policy


@given(
    st.none() | st.integers(1, MAX_KEEP),
    st.none() | st.integers(1, MAX_SECONDS),
    st.none() | st.integers(1, MAX_SIZE),
)
def test_it_comes_back(keep: int | None, keep_within: int | None, max_size: int | None) -> None:
    policy = Policy(keep, keep_within, max_size)
    assert Policy.parse(policy.encode()) == policy
    assert policy.is_empty == (keep is None and keep_within is None and max_size is None)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        [MAGIC],
        ["else", 1, 5, None, None],
        [MAGIC, 2, 5, None, None],
        [MAGIC, True, 5, None, None],
        [MAGIC, 1, 5, None],
        [MAGIC, 1, 5, None, None, None],
        [MAGIC, 1, 0, None, None],
        [MAGIC, 1, -1, None, None],
        [MAGIC, 1, True, None, None],
        [MAGIC, 1, "5", None, None],
        [MAGIC, 1, MAX_KEEP + 1, None, None],
        [MAGIC, 1, None, 0, None],
        [MAGIC, 1, None, MAX_SECONDS + 1, None],
        [MAGIC, 1, None, None, 0],
        [MAGIC, 1, None, None, 1.5],
        [MAGIC, 1, None, None, MAX_SIZE + 1],
    ],
)
def test_what_is_none_is_refused(value: object) -> None:
    with pytest.raises(FormatError):
        Policy.parse(pack.encode(value))


@pytest.mark.parametrize("raw", [b"", b"\xff", GOLDEN.read_bytes() + b"\0", GOLDEN.read_bytes()[:-1]])
def test_what_is_no_encoding_is_refused(raw: bytes) -> None:
    with pytest.raises(FormatError):
        Policy.parse(raw)


def test_an_app_has_none_until_it_is_given_one(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "store"), create=True) as store:
        go_live(store, {"version": b"1"})
        with store.app(WEB) as app:
            assert app.retention() == Policy()
            for policy in (Policy(5, None), Policy(None, 60), Policy()):
                app.set_retention(policy)
                assert app.retention() == policy
            place = tmp_path / "store" / "apps" / WEB / FILE
            written = place.stat().st_ino
            app.set_retention(Policy())
            assert place.stat().st_ino == written
            place.write_bytes(b"else")
            with pytest.raises(DamagedError, match="retention"):
                app.retention()
