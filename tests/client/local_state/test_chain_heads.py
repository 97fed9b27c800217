"""What is remembered of each chain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relstore.client.local_state.chain_heads import NOTHING, Heads
from relstore.formats.names import AppName, Digest

APP = AppName("site")
DIGEST = Digest("ab" * 32)


def test_it_comes_back_for_its_place_and_app_alone(tmp_path: Path) -> None:
    heads = Heads(tmp_path / "state" / "heads.json")
    assert heads.get("web1:/srv", APP) is None
    heads.keep("web1:/srv", APP, 7, DIGEST)
    seen = heads.get("web1:/srv", APP)
    assert seen is not None
    assert (seen.number, seen.digest) == (7, DIGEST)
    assert heads.get("web2:/srv", APP) is None
    assert heads.get("web1:/srv", AppName("other")) is None


def test_nothing_is_remembered_nowhere() -> None:
    NOTHING.keep("web1:/srv", APP, 7, DIGEST)
    assert NOTHING.get("web1:/srv", APP) is None


@pytest.mark.parametrize(
    "kept",
    [None, 7, [], ["7", DIGEST, 0], [7, "no digest", 0], [0, DIGEST, 0], [10**12, DIGEST, 0], [7, DIGEST]],
)
def test_what_is_damaged_is_nothing(kept: object, tmp_path: Path) -> None:
    place = tmp_path / "heads.json"
    place.write_text(json.dumps({"site at web1:/srv": kept}))
    assert Heads(place).get("web1:/srv", APP) is None


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "\xff"])
def test_a_damaged_file_is_nothing_and_is_replaced(text: str, tmp_path: Path) -> None:
    place = tmp_path / "heads.json"
    place.write_text(text, "latin-1")
    heads = Heads(place)
    assert heads.get("web1:/srv", APP) is None
    heads.keep("web1:/srv", APP, 7, DIGEST)
    assert heads.get("web1:/srv", APP) is not None


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    Heads(tmp_path / "file" / "heads.json").keep("web1:/srv", APP, 7, DIGEST)
