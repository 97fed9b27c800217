"""A real dropbear, the small SSH server of routers and appliances, as an ordinary process (root only).

It reads authorized_keys from the account's home alone, so it runs in a mount namespace where that is a
directory of ours.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.hosts.sshd import ADDRESS, free_port, make_key

DROPBEAR = shutil.which("dropbear")

_CLIENT_CONFIG = """\
Host *
    User root
    Port {port}
    IdentityFile {directory}/client_key
    IdentitiesOnly yes
    UserKnownHostsFile {directory}/known_hosts
    StrictHostKeyChecking yes
"""


@contextlib.contextmanager
def dropbear(directory: Path) -> Iterator[tuple[int, str]]:
    """Its port, and the ssh_config with which a client gets in."""
    port = free_port()
    home = directory / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    make_key(directory / "client_key")
    shutil.copyfile(directory / "client_key.pub", home / ".ssh" / "authorized_keys")
    made = subprocess.run(
        ["dropbearkey", "-t", "ed25519", "-f", str(directory / "host_key")],
        check=True,
        capture_output=True,
        text=True,
    )
    public = next(line for line in made.stdout.splitlines() if line.startswith("ssh-ed25519 "))
    (directory / "known_hosts").write_text(f"[{ADDRESS}]:{port} {' '.join(public.split()[:2])}\n")
    script = 'mount --bind "$1" /root && exec "$2" -F -E -s -p "$3" -r "$4"'
    words = [
        "sh",
        "-c",
        script,
        "sh",
        str(home),
        str(DROPBEAR),
        f"{ADDRESS}:{port}",
        str(directory / "host_key"),
    ]
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        _wait_until_it_accepts(port, process)
        yield port, _CLIENT_CONFIG.format(port=port, directory=directory)
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_accepts(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((ADDRESS, port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError("dropbear did not start")
