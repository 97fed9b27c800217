"""The demo of the cut-over: releases take over from each other at an ordinary account's own systemd."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.hosts.systemd import Network
from tests.support.json_output import hold_to_documents
from tests.systemd import demo_cut_over

pytestmark = [pytest.mark.root, pytest.mark.slow]

LEFT = "ls -d /tmp/relstore-demo-* $XDG_RUNTIME_DIR/systemd/user/*; systemctl --user list-units --all --plain 'relstore*'"


def test_it_goes_as_told_and_leaves_nothing_behind(network: Network, tmp_path: Path) -> None:
    host = demo_cut_over.start(tmp_path, network)
    try:
        words = demo_cut_over.command(host, "--json")
        ran = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        hold_to_documents(words, ran.stdout, ran.returncode)
        figures = json.loads(ran.stdout)
        assert figures["as_told"] is True
        assert figures["failed"] == 0
        assert set(figures["versions"]) == {"1", "2"}
        assert min(figures["versions"].values()) > 100
        left = host.ssh(LEFT, check=False).stdout
        assert "relstore-demo" not in left, left
    finally:
        host.stop()
