"""Whether the best way to send a content is chosen: every way is measured, for contents of many kinds.

For each pair and each way the chunks are made, and undone by the host's own code; their processor seconds and
bytes are taken. From these follow the seconds that the way takes over a link: making, sending and undoing
overlap, chunk by chunk. The program prints which way is chosen, and how much longer that takes than the best
one. ``--write`` keeps the figures for ``test_choice.py``. Needs the network once. Not for
whole pushes (``bench``).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.choice_pairs import pairs
from relstore.client.artifact.scan import Scan, scan
from relstore.client.coding import Coding
from relstore.client.local_state.cache import Cache
from relstore.client.transfer import cost_model, streams
from relstore.client.transfer.cost_model import Case, Option
from relstore.client.transfer.delta.__main__ import with_layout
from relstore.client.transfer.delta.arrangement import arranged
from relstore.client.transfer.delta.matcher import Matcher, mapped
from relstore.client.transfer.delta.patch import write
from relstore.client.transfer.encoders import encode
from relstore.client.transfer.sampling import take_sample
from relstore.client.transfer.streams import Payload
from relstore.formats.codecs import PATCHES, RAW
from relstore.formats.manifest import contents
from relstore.host.upload import decoders
from relstore.host.upload.base_file import BaseFile
from relstore.host.upload.delta_bases import candidates
from relstore.protocol import Base, Wanted

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "tests" / "client" / "transfer" / "choices.json"
LINKS = (5, 20, 100, 1000)
"""Mbit/s."""

MOST = 1.15
"""How much longer than the best way the chosen one may take."""

_START_S = 0.05
"""A process that makes a patch starts first."""

_EACH_OF_TWO = 0.55
"""Two threads compress the columns of a patch."""

_RUNS, _LONG_S = 3, 1.0

_RAW = Coding(RAW, 0)


@dataclass(frozen=True)
class Way:
    """What one way of sending a content costs, whatever the link."""

    codec: str
    level: int
    delta: bool
    before: float
    """Seconds before the first chunk."""
    making: list[float]
    undoing: list[float]
    """Seconds of each chunk."""
    sizes: list[int]
    """Bytes of each chunk on the wire."""

    @property
    def name(self) -> str:
        """As ``cost_model.Option`` calls it."""
        return str(Option(Coding(self.codec, self.level), self.delta, 0.0, 0))

    def seconds(self, mbit: float) -> float:
        """How long it takes over a link of so many Mbit/s."""
        made, sent, undone = self.before, 0.0, 0.0
        for making, size, undoing in zip(self.making, self.sizes, self.undoing, strict=True):
            made += making
            sent = max(made, sent) + size * 8 / (mbit * 1e6)
            undone = max(sent, undone) + undoing
        return undone


@dataclass(frozen=True)
class Content:
    """One stream of a pair: what is known when it is chosen, and what every way costs."""

    kind: str
    case: Case
    sampled: float
    """Seconds that the sample took."""
    ways: list[Way]

    def at(self, mbit: float) -> Option:
        """The way that is chosen for a link."""
        link = mbit * 1e6 / 8
        sample = self.case.sample if link < cost_model.PATCH_LINK else self.case.sample._replace(patch=None)
        return cost_model.best(self.case._replace(link=link, sample=sample))

    def way(self, option: Option) -> Way:
        """The figures of a way."""
        wanted = (*option.coding, option.delta)
        return next(way for way in self.ways if (way.codec, way.level, way.delta) == wanted)


def contents_of(kind: str, place: Path, directory: Path) -> Iterator[Content]:
    """The streams of a pair, the large ones; small files together are one."""
    pair = pairs(place)[kind]()
    before, after = scan(pair.previous), scan(pair.next)
    cache = Cache(directory / "cache", 1 << 40)
    for ref in contents(before.manifest):
        cache.add(ref.blake3, before.sources[ref.blake3], ref.size)
    refs = contents(after.manifest)
    had = set(before.sources)
    new = {file.content.blake3: file for file in after.manifest.files() if file.content.blake3 not in had}
    alike = candidates(new, [before.manifest])
    wanted = [
        Wanted(index, 0, tuple(Base(base.blake3, base.size) for base in alike.get(ref.blake3, ())))
        for index, ref in enumerate(refs)
        if ref.blake3 in new
    ]
    for payload in streams.payloads(wanted, refs):
        base = payload.bases[0] if payload.bases else None
        began = time.perf_counter()
        samples = [
            take_sample(cache, payload, base, refs, after, patch=base is not None) for _ in range(_RUNS)
        ]
        sampled = (time.perf_counter() - began) / _RUNS
        sample = max(samples, key=lambda sample: sample.speed)
        case = Case(payload.size, sample, base.size if base is not None else 0, 1e6, decoders.available())
        options = ((_RAW, False), *((coding, False) for coding in cost_model.PLAIN))
        if base is not None:
            options += tuple((coding, True) for coding in (*cost_model.DELTA, *cost_model.PATCH))
        ways = [_measured(*option, payload, base, after, cache) for option in options]
        yield Content(kind, case, sampled, ways)


def _measured(
    coding: Coding, delta: bool, payload: Payload, base: Base | None, artifact: Scan, cache: Cache
) -> Way:
    """The fastest of a few runs, but one run of what takes long."""
    ways: list[Way] = []
    while len(ways) < _RUNS and sum(sum(way.making) for way in ways) < _LONG_S:
        ways.append(_once(coding, payload, base if delta else None, artifact, cache))
    return min(ways, key=lambda way: sum(way.making) + sum(way.undoing))


def _once(coding: Coding, payload: Payload, base: Base | None, artifact: Scan, cache: Cache) -> Way:
    making, undoing, sizes = [], [], []
    with contextlib.ExitStack() as stack:
        before, chunks = 0.0, iter(())
        began = time.process_time()
        if coding.codec in PATCHES and base is not None:
            source = artifact.sources[contents(artifact.manifest)[payload.segments[0].content].blake3]
            chunks = _patch(stack, coding, cache.content_path(base.blake3), Path(source))
            before = _START_S
        else:
            known = cache.get(base.blake3) if base is not None else None
            pieces = streams.pieces(payload, contents(artifact.manifest), artifact)
            chunks = pieces if coding.codec == RAW else encode(coding, pieces, payload.size, known)
        made = []
        for chunk in chunks:
            making.append(time.process_time() - began)
            sizes.append(len(chunk))
            made.append(chunk)
            began = time.process_time()
        view: BaseFile | memoryview | None = None
        if base is not None:
            file = stack.enter_context(open(cache.content_path(base.blake3), "rb"))
            patched = coding.codec in PATCHES
            view = BaseFile(file.fileno(), base.size) if patched else memoryview(bytearray(file.read()))
        decoder = decoders.decoder(coding.codec, view, payload.size)
        count = 0
        for chunk in made:
            began = time.process_time()
            count += sum(map(len, decoder.decode(chunk)))
            undoing.append(time.process_time() - began)
        decoder.close()
        assert count == payload.size, coding
    if coding.codec in PATCHES:
        making[1:] = [_EACH_OF_TWO * seconds for seconds in making[1:]]
    return Way(*coding, base is not None, before, making, undoing, sizes)


def _patch(stack: contextlib.ExitStack, coding: Coding, base: Path, source: Path) -> Iterator[bytes]:
    """As the process that makes one (``delta/__main__.py``)."""
    old, new = (stack.enter_context(mapped(path)) for path in (base, source))
    with Matcher(old) as matcher:
        covers = matcher.find(new)
    layout = None
    if with_layout(coding):
        covers, layout = arranged(matcher, old, new, covers)
    return write(matcher, new, covers, coding, threads=1, layout=layout)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.choice", description=__doc__)
    parser.add_argument("--kind", action="append", help="part of the name of a kind (default: all)")
    parser.add_argument("--write", action="store_true", help=f"write {KEPT.relative_to(ROOT)}")
    chosen = parser.parse_args()
    place = Path(tempfile.gettempdir()) / "relstore-bench"
    place.mkdir(exist_ok=True)
    found: list[Content] = []
    for kind in pairs(place):
        if chosen.kind and not any(part in kind for part in chosen.kind):
            continue
        with tempfile.TemporaryDirectory(prefix="relstore-") as directory:
            streams_of = list(contents_of(kind, place, Path(directory)))
        print(report(streams_of), flush=True)
        found += streams_of
    if chosen.write:
        lines = ",\n".join(json.dumps(kept(content)) for content in found)
        KEPT.write_text(f"[\n{lines}\n]\n")
    worst = max(excess(list(group), mbit) for group in by_kind(found) for mbit in LINKS)
    print(f"the worst choice takes {worst:.2f} of the best way's time")
    return int(worst > MOST)


def by_kind(found: Sequence[Content]) -> Iterator[list[Content]]:
    """The streams of each pair."""
    for _, group in groupby(found, key=lambda content: content.kind):
        yield list(group)


def excess(group: Sequence[Content], mbit: float) -> float:
    """How long the chosen ways of a pair's streams take together, relative to the best ones."""
    taken = sum(content.way(content.at(mbit)).seconds(mbit) for content in group)
    return taken / sum(min(way.seconds(mbit) for way in content.ways) for content in group)


def report(group: Sequence[Content]) -> str:
    """For each link: how the largest stream is sent, what would be best, and what that costs the pair."""
    first = group[0]
    lines = [
        f"{first.kind}: {len(group)} streams, {first.case.size:,} bytes, sampled in {first.sampled:.3f} s"
    ]
    for mbit in LINKS:
        option = first.at(mbit)
        best = min(first.ways, key=lambda way: way.seconds(mbit))
        taken, expected = first.way(option).seconds(mbit), option.seconds
        lines.append(
            f"  {mbit:>4} Mbit/s: {option} {taken:.3f} s (expected {expected:.3f}); best {best.name} "
            f"{best.seconds(mbit):.3f} s; together {excess(group, mbit):.2f}"
        )
    return "\n".join(lines)


def kept(content: Content) -> dict[str, Any]:
    """A content with the seconds of each way over each link, rounded, as the tests read it."""
    ways = [
        {"way": way.name, "seconds": [float(f"{way.seconds(mbit):.4g}") for mbit in LINKS]}
        for way in content.ways
    ]
    return {"kind": content.kind, "case": content.case, "ways": ways}


if __name__ == "__main__":
    sys.exit(main())
