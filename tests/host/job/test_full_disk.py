"""A disk that is full, of bytes or of inodes, after the switch or before it: the way back, recovery and gc work.

On a small file system of its own for each test: tmpfs, and ext4 where a loop device can be had.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.formats import journal
from relstore.host.job import activation
from relstore.host.job import process as job_process
from relstore.host.job.log import LIMIT
from relstore.host.job.values import DONE
from relstore.host.requests import collecting
from relstore.protocol import Collect
from relstore.store import reserve
from relstore.store.app import App
from relstore.store.store import Store
from tests.support.host_side import outcomes
from tests.support.host_state import problems
from tests.support.jobs_by_hand import create, leave_half_done, run, text_of

pytestmark = pytest.mark.root

BYTES, INODES = "bytes", "inodes"
FILL = {
    BYTES: "for round in 1 2 3; do cat /dev/zero 2>/dev/null >> {disk}/filler; sync -f {disk}; done",
    INODES: "cd {disk} && number=0 && while true 2>/dev/null > filler-$number; do number=$((number + 1)); done",
}
"""Until nothing is left of it."""


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system with some 20 MB and 1,000 inodes."""
    place = tmp_path / "disk"
    place.mkdir()
    if request.param == "tmpfs":
        words = ["mount", "-t", "tmpfs", "-o", "size=20m,nr_inodes=1000,mode=755", "none", str(place)]
    else:
        image = tmp_path / "image"
        subprocess.run(["truncate", "-s", "24M", image], check=True)
        # Without blocks that are reserved for root, who runs the test.
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-N", "1000", image], check=True)
        words = ["mount", "-o", "loop", str(image), str(place)]
    mounted = subprocess.run(words, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def top(disk: Path) -> Path:
    return disk / "store"


def fill(disk: Path, kind: str) -> None:
    """Until not even a small file can be written; ext4 counts what it has not written yet too high."""
    for number in range(1000):
        subprocess.run(["sh", "-c", FILL[kind].format(disk=disk)], check=False)
        try:
            small = os.open(disk / f"filler-{kind}-{number}", os.O_CREAT | os.O_WRONLY | os.O_SYNC)
            os.write(small, b"x" * 4096)
            os.close(small)
        except OSError:
            return
    raise AssertionError("the disk is never full")


def restart_that_fills(disk: Path, kind: str, *, told: Path) -> str:
    """A restart that goes well with generation 1 alone; ``told`` gets each generation that it is run for."""
    filling = FILL[kind].format(disk=disk)
    return (
        f'echo $RELSTORE_GENERATION >> {told}; test "$RELSTORE_GENERATION" = 1 || {{ ({filling}); exit 7; }}'
    )


@pytest.mark.parametrize("kind", [BYTES, INODES])
@pytest.mark.parametrize("reserved", [True, False])
def test_a_release_that_fills_the_disk_goes_back(
    helper: str,
    app: App,
    disk: Path,
    tmp_path: Path,
    kind: str,
    reserved: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where there never was room for a reserve: then only the record may have to wait."""
    if not reserved:
        (disk / "store" / reserve.NAME).touch()
    told = tmp_path / "told"
    job = run(helper, app, 2, restart_that_fills(disk, kind, told=told))
    assert app.current() == 1
    assert told.read_text() == "2\n1\n"
    if reserved:
        assert outcomes(app)[1:] == [("switching", 2), ("rolled-back", 2)]
        assert (job.state().step, job.state().outcome) == (DONE, journal.ROLLED_BACK)
        assert "ended with exit code 7" in job.state().reason
    for path in disk.glob("filler*"):
        path.unlink()
    run(helper, app, 1)
    assert [outcome for outcome in outcomes(app) if outcome[1] == 2] == [("switching", 2), ("rolled-back", 2)]
    assert told.read_text() == "2\n1\n", "what was done is not done again, only recorded"
    assert [row.state for row in app.rows()] == ["current", "failed"]


@pytest.mark.parametrize("kind", [BYTES, INODES])
def test_recovery_at_boot_works_on_a_full_disk(store: Store, app: App, disk: Path, kind: str) -> None:
    job = leave_half_done(
        app, 2, 'test "$RELSTORE_GENERATION" = 1', step=activation.RESTARTING, switched=True
    )
    reserve.fill(store.root)
    fill(disk, kind)
    assert job_process.recover_all(str(disk / "store")) == 0
    assert app.current() == 1
    assert outcomes(app)[1:] == [("switching", 2), ("rolled-back", 2)]
    assert job.state().outcome == journal.ROLLED_BACK
    assert problems(disk / "store") == []


@pytest.mark.parametrize("kind", [BYTES, INODES])
def test_a_switch_back_works_on_a_full_disk(
    helper: str, store: Store, app: App, disk: Path, kind: str
) -> None:
    assert run(helper, app, 2).state().outcome == journal.ACTIVE
    fill(disk, kind)
    assert reserve.release_if_full(store.root)  # as the session does before it makes the job
    job = run(helper, app, 1, "echo restarted")
    assert job.state().outcome == journal.ACTIVE
    assert app.current() == 1
    assert outcomes(app)[-2:] == [("switching", 1), ("active", 1)]


@pytest.mark.parametrize("kind", [BYTES, INODES])
def test_gc_frees_the_logs_of_ended_jobs_on_a_full_disk(
    helper: str, store: Store, app: App, disk: Path, kind: str
) -> None:
    """Nothing but what is current and the one to roll back to is there."""
    job = run(helper, app, 2, "seq 200000")
    # As a version before the limit has left it.
    Path(job.directory.path, "log").write_bytes(b"x" * 3_000_000 + b"last words\n")
    fill(disk, kind)
    collected, _ = collecting.collect(store, Collect(None, None, None, "me@desk", False))
    assert collected.bytes > 2_900_000
    assert text_of(job).endswith("last words\n")
    assert os.stat(f"{job.directory.path}/log").st_size <= 16 * 1024


def test_gc_cuts_what_is_longer_than_a_log_may_be(store: Store, app: App, disk: Path) -> None:
    job, lock = create(app, 2)
    log = Path(job.directory.path, "log")
    log.write_bytes(b"x" * (LIMIT + 1000))
    collecting.collect(store, Collect(None, None, None, "me@desk", False))
    assert log.stat().st_size == LIMIT + 1000, "its job lives"
    os.close(lock)
    collected, _ = collecting.collect(store, Collect(None, None, None, "me@desk", False))
    assert log.stat().st_size == LIMIT
    assert collected.bytes == 1000


def test_the_reserve_is_made_let_go_and_made_again(helper: str, store: Store, app: App, disk: Path) -> None:
    run(helper, app, 2)
    place = disk / "store" / reserve.NAME
    allocated = sum(path.stat().st_blocks * 512 for path in place.iterdir())
    assert (len(list(place.iterdir())), allocated) == (reserve.FILES, reserve.FILES * reserve.FILE_BYTES)
    assert not reserve.release_if_full(store.root)
    fill(disk, BYTES)
    assert reserve.release_if_full(store.root)
    assert list(place.iterdir()) == []
    reserve.fill(store.root)
    assert list(place.iterdir()) == [], "it takes what others need"
    (disk / "filler").unlink()
    run(helper, app, 1)
    assert len(list(place.iterdir())) == reserve.FILES
