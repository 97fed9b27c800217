"""A stream is made once for all hosts, begun early when it is known, and made by another plan when it must be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from relstore.client.artifact.scan import Scan, scan
from relstore.client.coding import Coding
from relstore.client.local_state.cache import Cache
from relstore.client.local_state.last_push import Recent
from relstore.client.local_state.link_speeds import Links
from relstore.client.transfer import patch_process
from relstore.client.transfer.keep import keep
from relstore.client.transfer.send_options import SendOptions
from relstore.client.transfer.stream_maker import StreamMaker
from relstore.client.transfer.stream_plan import Receiver, not_as_asked
from relstore.formats.codecs import PATCH_LZMA, RAW, XZ, ZLIB, ZSTD
from relstore.formats.names import AppName
from relstore.protocol import Base, Wanted
from tests.support.matcher import needs_matcher
from tests.support.moved_programs import release

APP = AppName("app")
SLOW, FAST = 200e3, 300e6
FUNCTIONS = 5_000
"""Enough for a MB."""


@pytest.fixture
def options(tmp_path: Path) -> SendOptions:
    cache = tmp_path / "cache"
    return SendOptions(Cache(cache), Links(cache / "links.json"), Recent(cache / "recent"))


def built(tmp_path: Path, number: int) -> Scan:
    program = tmp_path / f"release{number}" / "program"
    program.parent.mkdir(exist_ok=True)
    program.write_bytes(release(number, FUNCTIONS))
    return scan(program)


@pytest.fixture
def makers(options: SendOptions, tmp_path: Path) -> Iterator[tuple[StreamMaker, Wanted]]:
    """What makes the streams of release 2 after release 1 was pushed, and what a host wants of it."""
    previous, following = built(tmp_path, 1), built(tmp_path, 2)
    keep(options, APP, previous)
    (file,) = previous.manifest.files()
    maker = StreamMaker(options, APP, following)
    yield maker, Wanted(0, 0, (Base(file.content.blake3, file.content.size),))
    maker.close()


def host(name: str = "web1", codecs: tuple[str, ...] = (ZSTD, PATCH_LZMA, RAW)) -> Receiver:
    return Receiver(name, local=False, round_trip=None, codecs=codecs)


@needs_matcher
def test_a_slow_link_gets_a_patch_and_a_fast_one_none(
    options: SendOptions, makers: tuple[StreamMaker, Wanted]
) -> None:
    maker, wanted = makers
    options.links.learn("web1", SLOW)
    options.links.learn("web2", FAST)
    (slow,) = maker.plans([wanted], host("web1"), 0)
    (fast,) = maker.plans([wanted], host("web2", (ZSTD, RAW)), 0)
    assert slow.patched
    assert not fast.patched
    made = maker.open(slow)
    assert sum(chunk.size for chunk in made.chunks) == slow.payload.size


def test_what_is_begun_is_what_the_host_is_sent(
    options: SendOptions, makers: tuple[StreamMaker, Wanted]
) -> None:
    maker, wanted = makers
    options.links.learn("web1", SLOW)
    maker.begin(["web1"])
    assert len(maker._shared) == 1
    (plan,) = maker.plans([wanted], host(), 0)
    made = maker.open(plan)
    assert sum(chunk.size for chunk in made.chunks) == plan.payload.size
    assert len(maker._shared) == 1


@pytest.mark.parametrize("reason", ["an unknown host", "never pushed", "the same again"])
def test_nothing_is_begun_without_a_reason(
    reason: str, options: SendOptions, makers: tuple[StreamMaker, Wanted]
) -> None:
    maker, _ = makers
    if reason != "an unknown host":
        options.links.learn("web1", SLOW)
    if reason == "never pushed":
        maker._app = AppName("other")
    if reason == "the same again":
        keep(options, APP, maker._scan)
    maker.begin(["web1"])
    assert not maker._shared


def test_a_base_that_is_lost_costs_the_difference(
    options: SendOptions, makers: tuple[StreamMaker, Wanted]
) -> None:
    maker, wanted = makers
    options.links.learn("web1", SLOW)
    (plan,) = maker.plans([wanted], host(), 0)
    options.cache.clear()
    made = maker.open(plan)
    assert made.plan.base is None
    assert not made.plan.patched
    assert sum(chunk.size for chunk in made.chunks) == plan.payload.size


def test_the_second_attempt_has_no_base_and_the_third_no_codec(
    options: SendOptions, makers: tuple[StreamMaker, Wanted]
) -> None:
    maker, wanted = makers
    options.links.learn("web1", SLOW)
    (second,) = maker.plans([wanted], host(), 1)
    (third,) = maker.plans([wanted], host(), 2)
    assert second.base is None
    assert third.option.coding == Coding(RAW, 0)


@pytest.mark.parametrize("codec", [XZ, ZSTD])
def test_a_codec_that_the_host_lacks_is_named(
    options: SendOptions, makers: tuple[StreamMaker, Wanted], codec: str
) -> None:
    maker, wanted = makers
    asked = replace(options, compression=Coding(codec, 0))
    plans = maker.plans([wanted], host("web1", (ZLIB, RAW)), 0)
    refusal = not_as_asked(asked, host("web1", (ZLIB, RAW)), plans)
    instead = plans[0].option.coding.codec
    assert refusal == f"web1 cannot decode {codec}, so `--compression {codec}` sends {instead} to it"
    as_asked = [replace(plan, option=plan.option._replace(coding=Coding(codec, 0))) for plan in plans]
    assert not_as_asked(asked, host("web1", (codec, RAW)), as_asked) == ""
    assert not_as_asked(options, host("web1", (RAW,)), plans) == ""


def test_a_difference_that_cannot_be_made_is_said(
    options: SendOptions, makers: tuple[StreamMaker, Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    maker, wanted = makers
    web1 = host("web1", (PATCH_LZMA, ZLIB, RAW))
    plans = [
        replace(plan, option=plan.option._replace(coding=Coding(ZLIB, 6), delta=False))
        for plan in maker.plans([wanted], web1, 0)
    ]
    said = not_as_asked(replace(options, delta=True), web1, plans)
    assert said == "the cache here has no base for it, so `--delta` sends no difference to web1"
    patched = replace(options, compression=Coding(PATCH_LZMA, 0))
    assert not_as_asked(patched, web1, plans).startswith("the cache here has no base for it")
    monkeypatch.setattr(patch_process, "available", lambda: False)
    assert not_as_asked(patched, web1, plans).startswith("this installation has no compiled matcher")


def test_without_a_matcher_differences_are_zstds_and_that_is_said_once(
    options: SendOptions, makers: tuple[StreamMaker, Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    maker, wanted = makers
    options.links.learn("web1", SLOW)
    monkeypatch.setattr(patch_process, "available", lambda: False)
    plans = maker.plans([wanted], host(), 0)
    assert [(plan.option.coding.codec, plan.option.delta) for plan in plans] == [(ZSTD, True)]
    assert "no compiled matcher" in maker.notice(host(), plans)
    assert maker.notice(host("web2"), plans) == ""


def test_nothing_is_said_of_a_matcher_that_would_not_help(
    options: SendOptions, makers: tuple[StreamMaker, Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    maker, wanted = makers
    options.links.learn("web1", SLOW)
    assert maker.notice(host(), maker.plans([wanted], host(), 0)) == ""
    monkeypatch.setattr(patch_process, "available", lambda: False)
    for codecs in ((ZSTD, RAW), (ZLIB, RAW)):  # the host cannot undo patches, or there is no difference
        web1 = host("web1", codecs)
        assert maker.notice(web1, maker.plans([wanted], web1, 0)) == ""
