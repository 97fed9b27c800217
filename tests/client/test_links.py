"""Links: what a push learns of a host's speed, and that the file is never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.client.links import Links

MB = 1_000_000


@pytest.fixture
def links(tmp_path: Path) -> Links:
    return Links(tmp_path / "cache" / "links.json")


def test_a_host_that_was_never_measured(links: Links) -> None:
    assert links.speed("web1") is None


def test_what_had_to_wait_measures_the_link(links: Links) -> None:
    links.learn("web1", 20 * MB, 2, waited=True)
    links.learn("web2", 20 * MB, 20, waited=True)
    assert (links.speed("web1"), links.speed("web2")) == (10 * MB, MB)
    links.learn("web1", 20 * MB, 10, waited=True)
    assert links.speed("web1") == 2 * MB


def test_what_did_not_wait_says_only_that_it_is_at_least_as_fast(links: Links) -> None:
    links.learn("web1", 20 * MB, 2, waited=True)
    links.learn("web1", 20 * MB, 10, waited=False)
    assert links.speed("web1") == 10 * MB
    links.learn("web1", 20 * MB, 1, waited=False)
    assert links.speed("web1") == 20 * MB


def test_from_little_nothing_is_learned(links: Links) -> None:
    links.learn("web1", 1000, 1, waited=True)
    links.learn("web1", 20 * MB, 0, waited=True)
    assert links.speed("web1") is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"web1": "fast"}', '{"web1": -1}', '{"web1": true}', '{"web1": 1e99}', "\xff"],
)
def test_a_file_that_is_not_ours(links: Links, text: str) -> None:
    links.path.parent.mkdir()
    links.path.write_bytes(text.encode("latin-1"))
    assert links.speed("web1") is None
    links.learn("web1", 20 * MB, 2, waited=True)
    assert links.speed("web1") == 10 * MB


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    links = Links(tmp_path / "file" / "links.json")
    links.learn("web1", 20 * MB, 2, waited=True)
    assert links.speed("web1") is None
