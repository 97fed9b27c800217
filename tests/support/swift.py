"""A real OpenStack Swift with its S3 API, as ordinary processes: one replica, one disk, in one directory.

It is in an environment of its own, since what it depends on is not what relstore depends on: RELSTORE_TEST_SWIFT
names that, else ``.venv-swift`` of the checkout (`make .venv-swift/.installed`). TLS, where it is wanted, ends
in a process before it (``tests.support.tls_front``).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.sigv4 import presigned

ACCESS_KEY, SECRET_KEY = "relstore:deploy", "Seen-Nowhere-5f31"
_START_TIMEOUT_S = 90.0
_SERVERS = ("account", "container", "object", "proxy")

_SWIFT = """\
[swift-hash]
swift_hash_path_prefix = relstore
swift_hash_path_suffix = tests
[storage-policy:0]
name = one
default = yes
"""
_COMMON = """\
[DEFAULT]
bind_ip = {address}
bind_port = {port}
devices = {directory}/disks
mount_check = false
swift_dir = {directory}/etc
workers = 0
user = {user}
log_level = WARNING
log_address = {directory}/no-log
"""
_STORAGE = """\
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""
_PROXY = """\
[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
auth_pipeline_check = false
[filter:tempauth]
use = egg:swift#tempauth
user_relstore_deploy = {secret} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""
_RINGS = """\
import sys
from swift.common.ring import RingBuilder
for name, port in zip(("account", "container", "object"), sys.argv[2:]):
    ring = RingBuilder(4, 1, 0)
    ring.add_dev(dict(region=1, zone=1, ip="127.0.0.1", port=int(port), device="one", weight=1))
    ring.rebalance()
    ring.get_ring().save(f"{sys.argv[1]}/{name}.ring.gz")
"""


_WAIT = """\
import socket, sys, time
until = time.monotonic() + float(sys.argv[1])
for place in zip(sys.argv[2::2], sys.argv[3::2]):
    while True:
        try:
            socket.create_connection((place[0], int(place[1])), 1).close()
            break
        except OSError:
            if time.monotonic() > until:
                sys.exit(1)
            time.sleep(0.05)
"""
_ASK = """\
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[2], method=sys.argv[1])).close()
"""


def environment() -> Path | None:
    """Where Swift is installed, or None."""
    named = os.environ.get("RELSTORE_TEST_SWIFT")
    place = Path(named) if named else Path(__file__).parents[2] / ".venv-swift"
    return place if (place / "bin" / "swift-proxy-server").exists() else None


class Swift:
    """One that runs."""

    def __init__(self, address: str, port: int, directory: Path, prefix: Sequence[str] = ()) -> None:
        self._prefix = prefix
        self.address = address
        self.port = port
        self.directory = directory
        self.endpoint = f"http://{address}:{port}"
        self.variables = {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
        }

    def make_bucket(self, name: str) -> None:
        """A bucket of the deployer's account."""
        url = presigned("PUT", self.endpoint, f"/{name}", ACCESS_KEY, SECRET_KEY)
        subprocess.run([*self._prefix, sys.executable, "-c", _ASK, "PUT", url], check=True)

    def put(self, path: str, data: bytes) -> None:
        """An object at `/bucket/key`."""
        request = urllib.request.Request(self.url("PUT", path), data=data, method="PUT")
        with urllib.request.urlopen(request):
            pass

    def url(self, method: str, path: str, secret: str = SECRET_KEY, at: float | None = None) -> str:
        """A presigned URL, by default one that is valid for an hour from now."""
        return presigned(method, self.endpoint, path, ACCESS_KEY, secret, at=at)

    def objects(self) -> list[Path]:
        """The files of what is stored."""
        return sorted((self.directory / "disks").rglob("*.data"))


@contextlib.contextmanager
def swift(directory: Path, address: str = "127.0.0.1", prefix: Sequence[str] = ()) -> Iterator[Swift]:
    """Start it, and stop it at the end.

    ``address``, ``prefix``: where it listens, and words that bring it into another network namespace.
    """
    place = environment()
    assert place is not None
    etc = directory / "etc"
    etc.mkdir(parents=True)
    (directory / "disks" / "one").mkdir(parents=True)
    (etc / "swift.conf").write_text(_SWIFT)
    ports = _free_ports(len(_SERVERS))
    user = pwd.getpwuid(os.geteuid()).pw_name
    for name, port in zip(_SERVERS, ports, strict=True):
        at = address if name == "proxy" else "127.0.0.1"
        text = _COMMON.format(address=at, port=port, directory=directory, user=user)
        text += _PROXY.format(secret=SECRET_KEY) if name == "proxy" else _STORAGE.format(name=name)
        (etc / f"{name}.conf").write_text(text)
    variables = {**os.environ, "SWIFT_CONF": str(etc), "PATH": f"{place}/bin:{os.environ['PATH']}"}
    variables.pop("PYTHONPATH", None)
    python = str(place / "bin" / "python")
    subprocess.run([python, "-c", _RINGS, str(etc), *map(str, ports[:3])], env=variables, check=True)
    processes = []
    try:
        for name in _SERVERS:
            with open(directory / f"{name}.log", "wb") as log:
                processes.append(
                    subprocess.Popen(
                        [
                            *prefix,
                            python,
                            str(place / "bin" / f"swift-{name}-server"),
                            str(etc / f"{name}.conf"),
                        ],
                        env=variables,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )
        _wait_for(prefix, address, ports, directory)
        yield Swift(address, ports[3], directory, prefix)
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_for(prefix: Sequence[str], address: str, ports: Sequence[int], directory: Path) -> None:
    places = [word for port in ports[:3] for word in ("127.0.0.1", str(port))]
    words = [*prefix, sys.executable, "-c", _WAIT, str(_START_TIMEOUT_S), *places, address, str(ports[3])]
    if subprocess.run(words, check=False).returncode:
        said = "".join((directory / f"{name}.log").read_text("utf-8", "replace")[-500:] for name in _SERVERS)
        raise RuntimeError(f"swift did not start: {said}")
