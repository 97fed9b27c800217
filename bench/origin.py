"""How much sooner a fleet behind one uplink has a release when its hosts fetch from an origin (root only).

A client, an uplink of 20 Mbit/s, and behind it a real Swift and stores of a real sshd. The time is that
of ``push --no-switch``: until every host has the release and has recorded it, for a first push of esbuild
and the next release of uv, with the origin and without. Run it with ``python -m bench.origin``.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench import releases
from bench.links import Shape, link
from bench.room import Room
from tests.support.swift import Swift, swift

UPLINK = Shape("20 Mbit/s", 20, 0)
BUCKET = "releases"


@dataclass
class Fleet:
    """Stores behind the uplink; ``number`` counts those that were used up."""

    room: Room
    store: Swift
    hosts: int
    number: int = 0

    def new_stores(self) -> list[str]:
        self.number += 1
        place = f"{self.room.place}:{self.room.server.port}:{self.room.remote}"
        return [f"{place}/{self.number}-{host}" for host in range(self.hosts)]

    def push(self, artifact: Path, stores: list[str], *, origin: bool) -> tuple[float, int]:
        """Seconds, and the client's memory in bytes."""
        words = ["push", str(self.room.as_built(artifact)), "--no-switch", "--app", "app", "-q"]
        words += [word for store in stores for word in ("--to", store)]
        if origin:
            words += ["--origin", f"s3://{BUCKET}/bench", "--origin-endpoint", self.store.endpoint]
            words += ["--origin-allow-http", "--origin-from", "2"]
        began = time.monotonic()
        used = self.room.run(self.room.relstore(stores=0)[:3] + words)
        return time.monotonic() - began, used.ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument(
        "--memory", type=int, default=0, metavar="N", help="only the client's memory, with N hosts"
    )
    parser.add_argument("--cache", type=Path, default=Path("/var/cache/relstore-tests/releases"))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="relstore-bench-") as name, link(UPLINK) as up:
        directory = Path(name)
        directory.chmod(0o755)
        with (
            Room(up, directory, os.environ.get("RELSTORE_TEST_ACCOUNT")) as room,
            swift(directory / "swift", up.address, up.host) as store,
        ):
            store.make_bucket(BUCKET)
            os.environ.update(store.variables)
            fleet = Fleet(room, store, chosen.memory or chosen.hosts)
            if chosen.memory:
                measure_memory(fleet, directory)
            else:
                learn(fleet, directory)
                measure(fleet, chosen.cache, chosen.runs)


def learn(fleet: Fleet, directory: Path) -> None:
    """A first push of noise, after which the client knows what the uplink carries."""
    noise = directory / "noise"
    noise.write_bytes(random.Random(1).randbytes(1_500_000))
    for origin in (False, True):
        fleet.push(noise, fleet.new_stores(), origin=origin)


def measure(fleet: Fleet, cache: Path, runs: int) -> None:
    for name, with_previous in (("esbuild", False), ("uv", True)):
        pair = releases.pair(name, cache)
        for _ in range(runs):
            seconds, cpu = {}, {}
            for origin in (False, True):
                stores = fleet.new_stores()
                if with_previous:
                    fleet.push(pair.previous, stores, origin=True)
                before = fleet.room.host_cpu()
                seconds[origin], _ = fleet.push(pair.next, stores, origin=origin)
                cpu[origin] = fleet.room.host_cpu() - before
            what = "next release" if with_previous else "first push"
            print(
                f"{name}, {what}, {fleet.hosts} hosts: {seconds[False]:.1f} s over the uplink, "
                f"{seconds[True]:.1f} s by the origin: {seconds[True] / seconds[False]:.2f} of the time; "
                f"{cpu[False]:.1f} and {cpu[True]:.1f} s of the processors that all hosts share here",
                flush=True,
            )


def measure_memory(fleet: Fleet, directory: Path) -> None:
    noise = directory / "noise"
    noise.write_bytes(random.Random(1).randbytes(300_000))
    for origin in (False, True, False, True):
        seconds, memory = fleet.push(noise, fleet.new_stores(), origin=origin)
        way = "by the origin" if origin else "over the uplink"
        print(f"{fleet.hosts} hosts {way}: {memory / 1e6:.0f} MB in the client, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
