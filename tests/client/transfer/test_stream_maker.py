"""The workshop: a stream is made once for all hosts, begun when it can be told, and made otherwise when it must."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from relstore.client.artifact.scan import Scan, scan
from relstore.client.coding import RAW, ZSTD, Coding
from relstore.client.local_state.cache import Cache
from relstore.client.local_state.last_push import Recent
from relstore.client.local_state.link_speeds import Links
from relstore.client.transfer.cost_model import Sample
from relstore.client.transfer.stream_maker import StreamMaker
from relstore.client.transfer.stream_plan import Receiver, SendOptions, take_sample
from relstore.client.transfer.streams import loads
from relstore.formats.manifest import contents
from relstore.formats.names import AppName, Digest
from relstore.formats.patch import LZMA
from relstore.protocol import Base, Wanted
from tests.support.moved_programs import release

APP = AppName("app")
SLOW, FAST = 200e3, 300e6
FUNCTIONS = 5_000
"""Enough for a MB."""


@pytest.fixture
def how(tmp_path: Path) -> SendOptions:
    cache = tmp_path / "cache"
    return SendOptions(Cache(cache), Links(cache / "links.json"), Recent(cache / "recent"))


def built(tmp_path: Path, number: int) -> Scan:
    place = tmp_path / f"release{number}" / "program"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(release(number, FUNCTIONS))
    return scan(place)


@pytest.fixture
def shops(how: SendOptions, tmp_path: Path) -> Iterator[tuple[StreamMaker, Wanted]]:
    """The workshop of release 2, when release 1 was pushed before, and what a host wants of it."""
    former, following = built(tmp_path, 1), built(tmp_path, 2)
    before = StreamMaker(how, APP, former)
    before.keep()
    before.close()
    (file,) = former.manifest.files()
    shop = StreamMaker(how, APP, following)
    yield shop, Wanted(0, 0, (Base(file.content.blake3, file.content.size),))
    shop.close()


def host(name: str = "web1", codecs: tuple[str, ...] = (ZSTD, LZMA, RAW)) -> Receiver:
    return Receiver(name, local=False, round_trip=None, codecs=codecs)


def test_a_slow_link_gets_a_patch_and_a_fast_one_none(
    how: SendOptions, shops: tuple[StreamMaker, Wanted]
) -> None:
    shop, wanted = shops
    how.links.learn("web1", SLOW)
    how.links.learn("web2", FAST)
    (slow,) = shop.ways([wanted], host("web1"), 0)
    (fast,) = shop.ways([wanted], host("web2", (ZSTD, RAW)), 0)
    assert slow.patched
    assert not fast.patched
    made = shop.open(slow)
    assert sum(chunk.size for chunk in made.chunks) == slow.load.size


def test_what_is_begun_is_what_the_host_is_sent(how: SendOptions, shops: tuple[StreamMaker, Wanted]) -> None:
    shop, wanted = shops
    how.links.learn("web1", SLOW)
    shop.begin(["web1"])
    assert len(shop._shared) == 1
    (way,) = shop.ways([wanted], host(), 0)
    made = shop.open(way)
    assert sum(chunk.size for chunk in made.chunks) == way.load.size
    assert len(shop._shared) == 1


@pytest.mark.parametrize("why", ["an unknown host", "never pushed", "the same again"])
def test_nothing_is_begun_without_a_reason(
    why: str, how: SendOptions, shops: tuple[StreamMaker, Wanted]
) -> None:
    shop, _ = shops
    if why != "an unknown host":
        how.links.learn("web1", SLOW)
    if why == "never pushed":
        shop._app = AppName("other")
    if why == "the same again":
        shop.keep()
    shop.begin(["web1"])
    assert not shop._shared


def test_a_base_that_is_lost_costs_the_difference(
    how: SendOptions, shops: tuple[StreamMaker, Wanted]
) -> None:
    shop, wanted = shops
    how.links.learn("web1", SLOW)
    (way,) = shop.ways([wanted], host(), 0)
    how.cache.clear()
    made = shop.open(way)
    assert made.way.base is None
    assert not made.way.patched
    assert sum(chunk.size for chunk in made.chunks) == way.load.size


def test_the_second_attempt_has_no_base_and_the_third_no_codec(
    how: SendOptions, shops: tuple[StreamMaker, Wanted]
) -> None:
    shop, wanted = shops
    how.links.learn("web1", SLOW)
    (second,) = shop.ways([wanted], host(), 1)
    (third,) = shop.ways([wanted], host(), 2)
    assert second.base is None
    assert third.option.coding == Coding(RAW, 0)


def test_a_sample_tells_how_like_the_base_is(
    how: SendOptions, shops: tuple[StreamMaker, Wanted], tmp_path: Path
) -> None:
    _, wanted = shops
    following = built(tmp_path, 2)
    refs = contents(following.manifest)
    (alike,) = loads([wanted], refs)
    assert take_sample(how, alike, refs, following).likeness < 0.5
    random = tmp_path / "random"
    random.write_bytes(os.urandom(refs[0].size))
    name = Digest(blake3(random.read_bytes()).hexdigest())
    how.cache.add(name, random, refs[0].size)
    (unlike,) = loads([Wanted(0, 0, (Base(name, refs[0].size),))], refs)
    assert take_sample(how, unlike, refs, following).likeness > 0.9
    (without,) = loads([Wanted(0, 0)], refs)
    assert take_sample(how, without, refs, following).likeness == Sample(0, 0).likeness
