"""What the handshake says of a host."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

import relstore
from relstore import protocol
from relstore.host import hello as capabilities
from relstore.host.hello import Mount
from relstore.store.store import Store

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
tmpfs /srv tmpfs rw,nosuid,noexec 0 0
/dev/sdb1 /srv/x\\040y xfs ro,relatime 0 0
overlay /srv/x\\040y/over overlay rw,lowerdir=/a,volatile 0 0
/dev/sdc1 /srv btrfs rw,relatime 0 0
"""


def test_a_place_without_a_store(tmp_path: Path) -> None:
    hello = capabilities.hello(str(tmp_path / "not" / "there"))
    assert hello.version == protocol.VERSION
    assert (hello.helper, hello.python) == (relstore.__version__, platform.python_version())
    assert hello.machine == os.uname().machine
    assert hello.root == str(tmp_path / "not" / "there")
    assert hello.exists is False
    assert hello.free_bytes > 0
    assert list(tmp_path.iterdir()) == []


def test_a_store_by_a_way_round(
    store: Store, top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(top)
    monkeypatch.chdir(tmp_path)
    for way in ("link", "store", "./store/../link/"):
        hello = capabilities.hello(way)
        assert (hello.root, hello.exists) == (str(top), True)


def test_it_can_be_said(tmp_path: Path) -> None:
    hello = capabilities.hello(str(tmp_path))
    assert protocol.decode(protocol.encode(hello), (protocol.Hello,)).value == hello


def test_a_place_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert capabilities.hello(str(tmp_path / "file" / "store")).exists is False


@pytest.mark.parametrize(
    ("path", "kind", "option"),
    [
        ("/", "ext4", "relatime"),
        ("/home/x", "ext4", "relatime"),
        ("/srvx", "ext4", "relatime"),
        ("/srv", "btrfs", "rw"),
        ("/srv/a", "btrfs", "rw"),
        ("/srv/x y", "xfs", "ro"),
        ("/srv/x y/z", "xfs", "ro"),
        ("/srv/x y/over/z", "overlay", "volatile"),
    ],
)
def test_the_mount_that_holds_a_path(tmp_path: Path, path: str, kind: str, option: str) -> None:
    """The deepest one, and of several at the same place the last, which covers the others."""
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    found = capabilities.find_mount(path, str(mounts))
    assert found.kind == kind
    assert option in found.options


def test_without_a_list_of_mounts(tmp_path: Path) -> None:
    assert capabilities.find_mount("/", str(tmp_path / "missing")) == Mount("", frozenset())


def test_the_real_list_of_mounts() -> None:
    assert capabilities.find_mount("/proc/self").kind == "proc"
