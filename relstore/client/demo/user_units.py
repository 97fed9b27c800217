"""Puts the units that ``relstore unit`` prints before the systemd of one's own account, until the demo's end.

They are in the runtime directory, so nothing of them stays after a reboot even if the demo is killed. Not for
units that are to stay: ``relstore unit --install`` is for those.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from relstore.errors import RelstoreError

_FILE = re.compile(r"(?m)^# (\S+\.(?:service|socket))\n")
_TIMEOUT_S = 60


def need_systemd(environment: Mapping[str, str]) -> None:
    """Raises RelstoreError where no systemd of the account answers."""
    asked = _systemctl(environment, "show", "-p", "Version")
    if asked.returncode or not Path("/run/systemd/system").is_dir():
        raise RelstoreError(
            "this demo needs systemd, and `systemctl --user` does not answer here",
            hint="Where root may make namespaces, `make demo-cut-over` in a checkout boots a systemd for it.",
        )


@contextlib.contextmanager
def installed(
    printed: str, address: str, environment: Mapping[str, str], directory: Path
) -> Iterator[list[str]]:
    """The printed units, with their sockets listening at ``address``; the names of the units.

    ``directory``: where they go. Raises RelstoreError.
    """
    parts = _FILE.split(printed)
    files = dict(zip(parts[1::2], parts[2::2], strict=True))
    # Nobody but this machine is to reach the demo.
    files = {
        name: re.sub(r"(?m)^ListenStream=\d+$", f"ListenStream={address}", text)
        for name, text in files.items()
    }
    directory.mkdir(parents=True, exist_ok=True)
    try:
        for name, text in files.items():
            with open(directory / name, "x", encoding="utf-8") as file:
                file.write(text)
        _need(environment, "daemon-reload")
        for name in files:
            if name.endswith(".socket"):
                _need(environment, "start", name)
        yield list(files)
    finally:
        units = [one for name in files for one in _instances(name)]
        _systemctl(environment, "stop", *units)
        for name in files:
            (directory / name).unlink(missing_ok=True)
        _systemctl(environment, "daemon-reload")
        _systemctl(environment, "reset-failed", *units)


def _instances(name: str) -> list[str]:
    """Those of a template's slots."""
    return [name.replace("@.", f"@{slot}.") for slot in "ab"] if "@." in name else [name]


def _need(environment: Mapping[str, str], *words: str) -> None:
    done = _systemctl(environment, *words)
    if done.returncode:
        raise RelstoreError(f"`systemctl --user {' '.join(words)}` failed: {done.stderr.strip()}")


def _systemctl(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["systemctl", "--user", *words],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(error.filename, 127, "", str(error))
