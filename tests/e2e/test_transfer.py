"""How contents travel to real hosts: differences, codecs as the host has them, and never twice."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from relstore.client.local_state.cache import Cache
from relstore.client.local_state.scan_cache import KnownFile, ScanCache, Stamp
from tests.e2e.test_dropped_connections import kill_client, kill_sshd_child, run_cut
from tests.e2e.test_interpreters import FOUND
from tests.support.host_state import problems, wait_for_uploads
from tests.support.hosts.dropbear import DROPBEAR, dropbear
from tests.support.hosts.sshd import Sshd, public_directory
from tests.support.matcher import needs_matcher
from tests.support.moved_programs import release
from tests.support.user import User, make_site, target_of

PROGRAM = Path("/bin/bash")
"""A real program of a MB or so."""


def next_release(path: Path, number: int) -> Path:
    """A program that has moved and changed a little since the one before, as a new build has."""
    data = PROGRAM.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + b"release %d" % number * number + data[middle:])
    path.chmod(0o755)
    return path


def streams(user: User, artifact: Path, *more: object) -> list[dict[str, Any]]:
    """What was sent for a push."""
    host = user.does("push", artifact, *more, "--json").document["hosts"][0]
    assert host["outcome"] == "active"
    assert host["sent_bytes"] == sum(stream["sent_bytes"] for stream in host["streams"])
    found: list[dict[str, Any]] = host["streams"]
    return found


@pytest.mark.sshd
def test_the_next_release_is_a_small_difference(
    server: Sshd, store_path: Path, user: User, tmp_path: Path
) -> None:
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path), "--delta", "--compression", "zstd")
    artifact = next_release(tmp_path / "program", 1)
    (first,) = streams(user, artifact, *to)
    assert first["base"] is None
    (second,) = streams(user, next_release(artifact, 2), *to)
    assert second["base"] is not None
    assert second["sent_bytes"] < first["content_bytes"] // 100
    assert (store_path / "apps/program/current/program").read_bytes() == artifact.read_bytes()
    assert problems(store_path) == []


def test_without_the_former_release_in_the_cache_it_goes_whole(user: User, tmp_path: Path) -> None:
    to = ("--to", tmp_path / "store", "--delta", "--compression", "zstd")
    artifact = next_release(tmp_path / "program", 1)
    streams(user, artifact, *to)
    assert "freed 2 objects" in user.does("cache", "--clear").out
    (sent,) = streams(user, next_release(artifact, 2), *to)
    assert sent["base"] is None


@pytest.mark.parametrize("codec", ["zstd", pytest.param("patch-lzma", marks=needs_matcher)])
@pytest.mark.parametrize("spoil", ["rotten", "gone"])
def test_a_base_that_is_bad_on_the_host_costs_a_second_try(
    spoil: str, codec: str, user: User, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    to = ("--to", store, "--delta", "--compression", codec)
    artifact = next_release(tmp_path / "program", 1)
    streams(user, artifact, *to)
    (base,) = (path for path in (store / "objects").rglob("*") if path.is_file())
    if spoil == "rotten":
        base.chmod(0o755)
        with base.open("r+b") as file:
            file.write(b"rotten")
        base.chmod(0o555)
    else:
        base.unlink()
    pushed = user.does("push", next_release(artifact, 2), *to)
    assert "sending an object again: the " in pushed.err
    assert (store / "apps/program/current/program").read_bytes() == artifact.read_bytes()


def test_what_was_remembered_of_a_file_may_be_wrong(user: User, tmp_path: Path) -> None:
    """A file was changed in a way that its stamp does not show: the host finds out, and it is read again."""
    store, artifact = tmp_path / "store", next_release(tmp_path / "program", 1)
    scans = ScanCache(Cache(user.home / ".cache" / "relstore"))
    scans.keep(artifact, {"program": KnownFile(Stamp.from_stat(artifact.stat()), bytes(32), bytes(32))})
    refused = user.run("push", artifact, "--to", store)
    assert refused.code == 1
    assert f"{artifact} changed while it was being pushed" in refused.err
    assert not (store / "apps" / "program").exists()
    user.does("push", artifact, "--to", store)
    assert (store / "apps/program/current/program").read_bytes() == artifact.read_bytes()
    assert problems(store) == []


@pytest.mark.parametrize("python", [path for path, version in FOUND.items() if version >= (3, 9)])
@pytest.mark.parametrize("compression", ["auto", "none", "zstd:1", "xz:1", "zlib:1"])
def test_every_codec_under_every_interpreter(
    python: str, compression: str, user: User, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    artifact = tmp_path / "program"
    artifact.write_bytes(PROGRAM.read_bytes()[:2_000_000])
    (sent,) = streams(user, artifact, "--to", store, "--python", python, "--compression", compression)
    assert (store / "apps/program/current/program").read_bytes() == artifact.read_bytes()
    if compression not in ("auto", "none"):
        assert sent["codec"] == compression.replace(":", " -")
        assert sent["sent_bytes"] < sent["content_bytes"]


@pytest.mark.parametrize("python", [path for path, version in FOUND.items() if version >= (3, 9)])
@pytest.mark.parametrize("compression", ["patch-lzma:1", "patch-zstd:3"])
@needs_matcher
def test_a_patch_under_every_interpreter(compression: str, python: str, user: User, tmp_path: Path) -> None:
    store = tmp_path / "store"
    artifact = tmp_path / "program"
    to = ("--to", store, "--python", python, "--compression", compression)
    artifact.write_bytes(release(1, 1500))
    (whole,) = streams(user, artifact, *to)
    assert whole["base"] is None
    artifact.write_bytes(release(2, 1500))
    (sent,) = streams(user, artifact, *to)
    assert sent["codec"] == compression.replace(":", " -")
    assert sent["sent_bytes"] < whole["sent_bytes"] / 8
    assert (store / "apps/program/current/program").read_bytes() == artifact.read_bytes()
    assert problems(store) == []


def test_a_build_of_which_every_content_is_there(user: User, tmp_path: Path) -> None:
    site = make_site(tmp_path / "site", "one")
    words = ("--to", tmp_path / "store", "--app", "web", "--json")
    user.does("push", site, *words)
    (site / "index.html").rename(site / "other.html")
    (host,) = user.does("push", site, *words).document["hosts"]
    assert (host["outcome"], host["sent_bytes"]) == ("active", 0)


def test_what_is_not_alike_is_sent_in_another_way(user: User, tmp_path: Path) -> None:
    to = ("--to", tmp_path / "store", "--compression", "patch-lzma")
    artifact = tmp_path / "program"
    for _ in range(2):
        artifact.write_bytes(os.urandom(100_000))
        (sent,) = streams(user, artifact, *to)
        assert not sent["codec"].startswith("patch")
    assert (tmp_path / "store/apps/program/current/program").read_bytes() == artifact.read_bytes()


@needs_matcher
def test_ten_stores_are_sent_the_same(user: User, tmp_path: Path) -> None:
    stores = [tmp_path / f"store{number}" for number in range(10)]
    to = [word for store in stores for word in ("--to", store)]
    artifact = tmp_path / "program"
    for number in (1, 2):
        artifact.write_bytes(release(number, 1500))
        hosts = user.does("push", artifact, *to, "--compression", "patch-lzma:1", "--json").document["hosts"]
        assert len({str(host["streams"]) for host in hosts}) == 1
    assert hosts[0]["streams"][0]["codec"] == "patch-lzma -1"
    for store in stores:
        assert (store / "apps/program/current/program").read_bytes() == artifact.read_bytes()


def minimal_python(directory: Path) -> Path:
    """Debian's python3-minimal, its own files alone: no lzma, no ctypes."""
    version = f"3.{FOUND['/usr/bin/python3'][1]}"
    packages = [f"python{version}-minimal", f"libpython{version}-minimal"]
    listed = subprocess.run(["dpkg-query", "-L", *packages], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        source = Path(line)
        if source.is_file() and line.startswith(("/usr/bin/", f"/usr/lib/python{version}/")):
            place = directory / source.relative_to("/usr")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place)
    return directory / "bin" / f"python{version}"


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="not a Debian")
def test_a_host_with_python_minimal(user: User, tmp_path: Path) -> None:
    python = minimal_python(tmp_path / "minimal")
    for module in ("lzma", "ctypes", "json"):
        words = [python, "-I", "-S", "-c", f"import {module}"]
        assert subprocess.run(words, check=False, capture_output=True).returncode == 1
    store = tmp_path / "store"
    to = ("--to", store, "--python", python)
    artifact = next_release(tmp_path / "program", 1)
    (sent,) = streams(user, artifact, *to, "--compression", "zstd")
    assert sent["codec"].split()[0] in ("zlib", "raw")
    (sent,) = streams(user, next_release(artifact, 2), *to, "--compression", "zlib")
    assert sent["codec"].split()[0] == "zlib"
    assert (store / "apps/program/current/program").read_bytes() == artifact.read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_over_dropbear(user: User, tmp_path: Path) -> None:
    if DROPBEAR is None:
        if os.environ.get("RELSTORE_REQUIRE_SSHD") == "1":
            pytest.fail("no dropbear here (Debian: dropbear-bin)")
        pytest.skip("no dropbear here (Debian: dropbear-bin)")
    with public_directory() as directory, dropbear(directory) as (_port, config):
        (user.home / ".ssh" / "config").write_text(config)
        to = ("--to", f"127.0.0.1:{directory}/store", "--delta", "--compression", "zstd")
        artifact = next_release(tmp_path / "program", 1)
        streams(user, artifact, *to)
        (second,) = streams(user, next_release(artifact, 2), *to)
        assert second["base"] is not None
        assert (directory / "store/apps/program/current/program").read_bytes() == artifact.read_bytes()
        user.does("switch-generation", "-1", *to[:2])


@pytest.mark.sshd
@pytest.mark.slow
@pytest.mark.parametrize("cut", [kill_client, kill_sshd_child])
def test_ten_times_broken_off_costs_little(
    server: Sshd, store_path: Path, user: User, tmp_path: Path, cut: Any
) -> None:
    user.may_log_in_to(server)
    artifact = tmp_path / "artifact"
    size = 400_000_000
    with artifact.open("wb") as file:
        for _ in range(size // 1_000_000):
            file.write(os.urandom(1_000_000))
    moments = random.Random(7)
    total = 0
    for _ in range(10):
        moment = moments.randrange(50, 330)
        came, passed = run_cut(
            user, server, store_path, moment, cut, "push", artifact, "--compression", "none"
        )
        assert came
        wait_for_uploads(store_path)
        total += passed
    to = ("--to", target_of(server, store_path))
    total += user.does("push", artifact, *to, "--json").document["hosts"][0]["sent_bytes"]
    print(f"{total / size:.3f} of one upload")
    assert total <= 1.1 * size
    assert problems(store_path) == []


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A tree whose manifest is worth a difference."""
    for number in range(400):
        file = tmp_path / "many" / f"{number % 20:02}" / f"{number:03}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{number}\n")
    return tmp_path / "many"


def test_a_manifest_goes_as_a_difference_or_whole(user: User, many: Path, tmp_path: Path) -> None:
    """Whatever has become of the former one, at the host and on this machine."""
    store = tmp_path / "store"
    live = store / "apps/many/current/00/000"

    def push(text: str) -> Path:
        before = set((store / "builds").iterdir()) if store.exists() else set()
        (many / "00" / "000").write_text(text)
        user.does("push", many, "--to", store)
        assert live.read_text() == text
        assert problems(store) == []
        (made,) = set((store / "builds").iterdir()) - before
        return made

    push("the first\n")
    former = push("by a difference\n") / "manifest"
    raw = former.read_bytes()
    former.chmod(0o644)
    former.write_bytes(b"x" + raw[1:])
    (many / "00" / "000").write_text("with a damaged base\n")
    user.does("push", many, "--to", store)
    assert live.read_text() == "with a damaged base\n"
    former.write_bytes(raw)
    former.chmod(0o444)
    shutil.rmtree(user.home / ".cache")
    push("without a cache\n")
    push("by a difference again\n")


def test_a_job_is_handed_what_its_session_proved(user: User, many: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"

    def newest() -> Path:
        return sorted((store / "apps/many/jobs").iterdir())[-1]

    user.does("push", many, "--to", store)
    assert 0 < (newest() / "proved").stat().st_size < 512
    (many / "00" / "000").write_text("changed\n")
    user.does("push", many, "--to", store)
    assert 0 < (newest() / "proved").stat().st_size < 512
    user.does("switch-generation", "-1", "--to", store)
    assert not (newest() / "proved").exists()
