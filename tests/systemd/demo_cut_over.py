"""``make demo-cut-over``: `relstore demo --cut-over` as an ordinary account of a host that is made for it.

For a machine whose account has no systemd. It needs root, for the namespaces.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.support.hosts.base_tree import ACCOUNT
from tests.support.hosts.systemd import Network, SystemdHost, why_no_systemd_hosts

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"/opt/relstore": str(ROOT), "/opt/packages": sysconfig.get_path("platlib")}
"""What the host sees of this machine, wherever it is here. It runs them with its own Python."""


def start(directory: Path, network: Network) -> SystemdHost:
    """The host, with a manager of the account's own."""
    host = SystemdHost.start(directory, network, "demo", "10.99.1.6")
    host.power_cut()
    for there, here in PACKAGES.items():
        bind = 'mkdir -p "$2"; mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"'
        network.in_files(bind, here, f"{host.directory}/disk/root{there}")
    host.boot()
    host.wait_running()
    host.run("loginctl", "enable-linger", ACCOUNT)
    return host


def command(host: SystemdHost, *words: str) -> list[str]:
    """The demo there."""
    demo = "PYTHONPATH=" + ":".join(PACKAGES) + " python3 -m relstore demo --cut-over"
    return [*host.ssh_command(), " ".join((demo, *words))]


def main() -> int:
    """Show it. The exit code is the demo's."""
    if reason := why_no_systemd_hosts():
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as directory, Network() as network:
        host = start(Path(directory), network)
        return subprocess.run(command(host), stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
