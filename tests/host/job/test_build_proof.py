"""What a session proved and hands to a job: when it counts, and that anything else is read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from relstore.formats import journal, pack
from relstore.formats.names import Digest
from relstore.host.job import build_proof
from relstore.host.job.build_proof import HAND_OVER_S, BuildProof, Instant
from relstore.host.job.directory import Job
from relstore.store import fingerprint
from relstore.store.app import App
from relstore.store.store import Store
from tests.support import jobs_by_hand
from tests.support.host_side import build_of

NOW = Instant("boot", 1_000_000, 1_790_000_000_000)


class Then(NamedTuple):
    boot: str = "boot"
    age_ms: int = 5000
    wall_age_ms: int = 5000
    counts: bool = False


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(Then(counts=True), id="a moment ago"),
        pytest.param(Then(age_ms=0, wall_age_ms=0, counts=True), id="now"),
        pytest.param(Then(age_ms=600_000, wall_age_ms=600_000, counts=True), id="just in time"),
        pytest.param(Then(age_ms=600_001, wall_age_ms=600_001), id="too long ago"),
        pytest.param(Then(age_ms=-1, wall_age_ms=-1), id="in the future of this boot"),
        pytest.param(Then(boot="another"), id="another boot"),
        pytest.param(Then(boot=""), id="no boot is known"),
        pytest.param(Then(wall_age_ms=-3_600_000), id="the clock was set back"),
        pytest.param(Then(wall_age_ms=3_600_000), id="the clock was set ahead, or the host slept"),
        pytest.param(Then(wall_age_ms=5300, counts=True), id="the clock is slewed"),
    ],
)
def test_when_it_counts(then: Then) -> None:
    instant = Instant(then.boot, NOW.boot_ms - then.age_ms, NOW.wall_ms - then.wall_age_ms)
    assert instant.is_within(HAND_OVER_S, NOW) == then.counts


def test_where_no_boot_is_known_nothing_counts() -> None:
    unknown = NOW._replace(boot="")
    assert not unknown.is_within(HAND_OVER_S, unknown)


@pytest.fixture
def job(app: App) -> Job:
    made, lock = jobs_by_hand.create(app, 2)
    os.close(lock)
    return made


def proof_of(store: Store, build: Digest, since: Instant | None = None) -> BuildProof:
    with store.builds.directory.sub(build) as directory:
        return BuildProof(build, fingerprint.take(directory), since or Instant.now())


def test_it_is_read_as_it_was_written(store: Store, job: Job) -> None:
    assert BuildProof.read(job) is None
    proof = proof_of(store, build_of(store, 2))
    proof.write(job)
    assert BuildProof.read(job) == proof
    assert proof.holds(store, Instant.now())


def encoded(*fields: object, magic: str = "relstore-proved", version: int = 1) -> bytes:
    return pack.encode_fields(magic, version, fields)


D, F = b"d" * 32, b"f" * 32


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        b"x" * 100_000,
        encoded(D, F, "boot", 1, 1)[:-1],
        encoded(D, F, "boot", 1, 1) + b"\0",
        encoded(D, F, "boot", 1, 1, magic="relstore-job"),
        encoded(D, F, "boot", 1, 1, version=2),
        encoded(D, F, "boot", 1),
        encoded(D, F, "boot", 1, 1, 1),
        encoded(D[:31], F, "boot", 1, 1),
        encoded(D, F[:31], "boot", 1, 1),
        encoded(D, b"", "boot", 1, 1),
        encoded(D.hex(), F, "boot", 1, 1),
        encoded(D, F, b"boot", 1, 1),
        encoded(D, F, "boot", True, 1),
        encoded(D, F, "boot", 1, None),
    ],
)
def test_what_is_no_proof_is_none(job: Job, raw: bytes) -> None:
    (Path(job.directory.path) / "proved").write_bytes(raw)
    assert BuildProof.read(job) is None


def test_a_link_in_its_place_is_none(job: Job, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(encoded(D, F, "boot", 1, 1))
    (Path(job.directory.path) / "proved").symlink_to(tmp_path / "elsewhere")
    assert BuildProof.read(job) is None


def damage(top: Path, build: Digest) -> None:
    """Other bytes, with the size, the mode and the time of before."""
    file = top / "builds" / build / "tree" / "version"
    before = file.stat()
    file.chmod(0o644)
    file.write_bytes(b"3")
    file.chmod(0o444)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def activate_with(store: Store, app: App, proof: BuildProof, monkeypatch: pytest.MonkeyPatch) -> str:
    """The outcome of an activation of generation 2 whose job was handed the proof."""
    create = jobs_by_hand.create

    def with_proof(*arguments: object) -> tuple[Job, int]:
        job, lock = create(*arguments)  # type: ignore[arg-type]
        proof.write(job)
        return job, lock

    monkeypatch.setattr(jobs_by_hand, "create", with_proof)
    return jobs_by_hand.activate_here(store, app, 2).ending.outcome


def test_what_was_proved_is_not_read(
    store: Store, app: App, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shown by a false proof, of a build that was damaged before."""
    build = build_of(store, 2)
    damage(top, build)
    assert activate_with(store, app, proof_of(store, build), monkeypatch) == journal.ACTIVE


def test_what_changed_since_is_read(
    store: Store, app: App, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = build_of(store, 2)
    proof = proof_of(store, build)
    damage(top, build)
    assert activate_with(store, app, proof, monkeypatch) == journal.FAILED


@pytest.mark.parametrize("doubt", ["another boot", "long ago", "the clock was set", "another build"])
def test_a_proof_in_doubt_counts_for_nothing(
    store: Store, app: App, top: Path, monkeypatch: pytest.MonkeyPatch, doubt: str
) -> None:
    build = build_of(store, 2)
    damage(top, build)
    now = Instant.now()
    proof = proof_of(store, build)
    if doubt == "another build":
        proof = proof._replace(build=build_of(store, 1))
    else:
        since = {
            "another boot": now._replace(boot="75e3e8bf-0000-4a08-9ac2-bce8c58fb2e7"),
            "long ago": now._replace(boot_ms=now.boot_ms - 3_600_000, wall_ms=now.wall_ms - 3_600_000),
            "the clock was set": now._replace(wall_ms=now.wall_ms - 3_600_000),
        }[doubt]
        proof = proof._replace(since=since)
    assert activate_with(store, app, proof, monkeypatch) == journal.FAILED


def test_what_somebody_added_to_the_tree_stops_nothing(
    store: Store, app: App, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = build_of(store, 2)
    proof = proof_of(store, build)
    tree = top / "builds" / build / "tree"
    tree.chmod(0o755)
    (tree / "written by a service").write_bytes(b"")
    assert not proof.holds(store, Instant.now())
    assert activate_with(store, app, proof, monkeypatch) == journal.ACTIVE


def test_a_build_that_is_gone_holds_nothing(store: Store, app: App) -> None:
    proof = BuildProof(Digest("0" * 64), F, Instant.now())
    assert not proof.holds(store, Instant.now())


def test_the_bounds_are_the_ones_that_are_documented() -> None:
    assert build_proof.HAND_OVER_S == 600
