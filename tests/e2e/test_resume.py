"""An upload that broke off goes on where it stopped, and what was staged is verified before it is used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.test_dropped_connections import kill_client, kill_sshd_child, run_cut
from tests.support.host_state import problems, wait_for_uploads
from tests.support.hosts.sshd import Sshd
from tests.support.matcher import needs_matcher
from tests.support.user import User, target_of

pytestmark = pytest.mark.sshd
SIZE = 40_000_000


@pytest.mark.parametrize("another", [False, True], ids=["the same machine", "another"])
@pytest.mark.parametrize("cut", [kill_client, kill_sshd_child])
def test_a_large_file(  # type: ignore[no-untyped-def]
    server: Sshd, store_path: Path, user: User, tmp_path: Path, cut, another: bool
) -> None:
    user.may_log_in_to(server)
    artifact = tmp_path / "artifact"
    artifact.write_bytes(os.urandom(SIZE))
    assert run_cut(user, server, store_path, SIZE // 2, cut, "push", artifact, in_bytes=True)[0]
    wait_for_uploads(store_path)
    (part,) = (path for path in (store_path / "staging").rglob("*") if path.is_file())
    staged = part.stat().st_size
    assert 0 < staged < SIZE
    to = ("--to", target_of(server, store_path))
    if another:  # it knows nothing of what was sent
        user = User.create(tmp_path / "another")
        user.may_log_in_to(server)
    sent = user.does("push", artifact, *to, "--json").document["hosts"][0]["sent_bytes"]
    assert sent <= SIZE - staged
    assert (store_path / "apps/artifact/current/artifact").read_bytes() == artifact.read_bytes()
    assert not list((store_path / "staging").iterdir())


def test_what_was_staged_and_rotted_is_not_believed(
    server: Sshd, store_path: Path, user: User, tmp_path: Path
) -> None:
    user.may_log_in_to(server)
    artifact = tmp_path / "artifact"
    artifact.write_bytes(os.urandom(SIZE))
    assert run_cut(user, server, store_path, SIZE // 2, kill_sshd_child, "push", artifact, in_bytes=True)[0]
    wait_for_uploads(store_path)
    (part,) = (path for path in (store_path / "staging").rglob("*") if path.is_file())
    with part.open("r+b") as file:
        file.write(b"rotten")
    to = ("--to", target_of(server, store_path))
    pushed = user.does("push", artifact, *to)
    assert "sending an object again" in pushed.err
    assert "did not arrive as it was named" in pushed.err
    assert (store_path / "apps/artifact/current/artifact").read_bytes() == artifact.read_bytes()
    assert problems(store_path) == []


@pytest.mark.parametrize("codec", ["zstd", pytest.param("patch-lzma", marks=needs_matcher)])
def test_a_difference_goes_on_in_its_middle(
    codec: str, server: Sshd, store_path: Path, user: User, tmp_path: Path
) -> None:
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path))
    artifact = tmp_path / "artifact"
    base = os.urandom(18_000_000)
    artifact.write_bytes(base)
    user.does("push", artifact, *to)
    parts = [base[at : at + 200_000] + os.urandom(100_000) for at in range(0, len(base), 200_000)]
    artifact.write_bytes(b"".join(parts))
    how = ("--delta", "--compression", f"{codec}:1")
    # 9 MB are new, and a segment of a patch is only of use once it has arrived whole.
    assert run_cut(user, server, store_path, 6_000_000, kill_client, "push", artifact, *how, in_bytes=True)[0]
    wait_for_uploads(store_path)
    (part,) = (path for path in (store_path / "staging").rglob("*") if path.is_file())
    staged = part.stat().st_size
    assert 0 < staged < artifact.stat().st_size
    sent = user.does("push", artifact, *to, *how, "--json").document["hosts"][0]
    assert sent["streams"][0]["codec"] == f"{codec} -1"
    assert sent["streams"][0]["base"] is not None
    new = len(parts) * 100_000
    assert sent["sent_bytes"] < new * (1 - staged / artifact.stat().st_size) * 1.1
    assert (store_path / "apps/artifact/current/artifact").read_bytes() == artifact.read_bytes()
    assert problems(store_path) == []
