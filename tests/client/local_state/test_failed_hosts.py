"""What ``--hosts failed`` means."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.client.local_state.failed_hosts import FailedHosts


def test_what_is_kept_is_found_by_another_run(tmp_path: Path) -> None:
    path = tmp_path / "state" / "failed-hosts.json"
    FailedHosts(path).keep("/p/relstore.toml production", ["web1", "web2"])
    FailedHosts(path).keep("/q/relstore.toml", [])
    assert FailedHosts(path).get("/p/relstore.toml production") == ["web1", "web2"]
    assert FailedHosts(path).get("/q/relstore.toml") == []
    assert FailedHosts(path).get("/r") == []


@pytest.mark.parametrize("text", ["", "{", '{"/p": 5}', '{"/p": [5, null]}', "[]"])
def test_a_file_that_makes_no_sense_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "failed-hosts.json"
    path.write_text(text)
    assert FailedHosts(path).get("/p") == []
