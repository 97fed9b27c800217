"""Connections are counted from the kernel's table, whoever has them open."""

from __future__ import annotations

import socket
from pathlib import Path

from relstore.host.service import connections


def test_each_open_connection_counts_and_one_that_waits_too(tmp_path: Path) -> None:
    path = str(tmp_path / "with a blank")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(5)
        assert connections.count(path) == 0
        clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for client in clients:
            client.connect(path)
        assert connections.count(path) == 3  # none is accepted yet
        accepted = [server.accept()[0] for _ in clients]
        assert connections.count(path) == 3
        assert connections.count(path[:-1]) == 0
        accepted[0].close()
        assert connections.count(path) == 2
        for end in (*accepted, *clients):
            end.close()
        assert connections.count(path) == 0


def test_lines_that_are_cut_off_count_as_nothing(tmp_path: Path) -> None:
    table = tmp_path / "unix"
    table.write_text("Num RefCount\n0: 1 2 3 4 03\n\n0: 1 2 3 4 03 77 /run/web-a/sock\n")
    assert connections.count("/run/web-a/sock", str(table)) == 1
