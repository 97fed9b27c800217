"""Links: what a push learns of a host's speed, and that the file is never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.client.local_state.link_speeds import Links, guess

MB = 1_000_000


@pytest.fixture
def links(tmp_path: Path) -> Links:
    return Links(tmp_path / "cache" / "links.json")


def test_a_host_that_was_never_measured(links: Links) -> None:
    assert links.speed("web1") is None


def test_what_was_seen_last_is_remembered_of_each_host(links: Links) -> None:
    links.learn("web1", 10 * MB)
    links.learn("web2", MB)
    assert (links.speed("web1"), links.speed("web2")) == (10 * MB, MB)
    links.learn("web1", 2 * MB)
    links.learn("web1", None)
    assert links.speed("web1") == 2 * MB


def test_what_may_be_more_only_raises_what_is_known(links: Links) -> None:
    links.learn("web1", MB, at_least=True)
    assert links.speed("web1") is None
    links.learn("web1", 2 * MB)
    links.learn("web1", MB, at_least=True)
    assert links.speed("web1") == 2 * MB
    links.learn("web1", 3 * MB, at_least=True)
    assert links.speed("web1") == 3 * MB


def test_a_near_host_is_taken_to_have_a_fast_link() -> None:
    guesses = [guess(seconds) for seconds in (0.0001, 0.001, 0.02, 0.2)]
    assert guesses == sorted(guesses, reverse=True)
    assert len(set(guesses)) == 4
    assert guess(None) == guess(0.02)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"web1": "fast"}', '{"web1": -1}', '{"web1": true}', '{"web1": 1e99}', "\xff"],
)
def test_a_file_that_is_not_ours(links: Links, tmp_path: Path, text: str) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "links.json").write_bytes(text.encode("latin-1"))
    assert links.speed("web1") is None
    links.learn("web1", 10 * MB)
    assert links.speed("web1") == 10 * MB


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    links = Links(tmp_path / "file" / "links.json")
    links.learn("web1", 10 * MB)
    links.flush()
    assert Links(tmp_path / "file" / "links.json").speed("web1") is None
