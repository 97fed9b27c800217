"""How long a service is down when relstore deploys it, compared with a plain ``systemctl restart``.

A host with a real systemd runs in namespaces (root only), a client requests a page all the time, and both
kinds of restart alternate, pair by pair. The program prints the longest time without an answer and the share
of requests that failed. Run it with ``python -m bench.downtime``.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
from pathlib import Path

from tests.support.hosts.systemd import Network, SystemdHost
from tests.systemd.deployer import Deployer, Request
from tests.systemd.releases import UNIT


def away(requests: list[Request]) -> float:
    """The longest time from one answer to the next, in seconds."""
    answered = [request.began + request.seconds for request in requests if request.body != "-"]
    return max(after - before for before, after in itertools.pairwise(answered))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    with Network() as network, tempfile.TemporaryDirectory() as directory:
        host = SystemdHost.start(
            Path(directory), network, "web1", "10.99.1.1", files={"/etc/systemd/system/web.service": UNIT}
        )
        host.wait_running()
        deployer = Deployer.at(host, Path(directory) / "home")
        assert deployer.push("good", "0").code == 0
        plain: list[float] = []
        ours: list[float] = []
        failed = total = 0
        for number in range(1, runs + 1):
            with deployer.under_load() as requests:
                host.run("sh", "-c", "sleep 0.5; systemctl restart web; sleep 0.5")
            plain.append(away(requests))
            with deployer.under_load() as requests:
                ran = deployer.push("good", str(number))
                assert ran.code == 0, ran.err
            ours.append(away(requests))
            failed += sum(request.body == "-" for request in requests)
            total += len(requests)
        host.stop()
    for name, seconds in (("systemctl restart", plain), ("relstore push", ours)):
        middle = statistics.median(seconds)
        print(
            f"{name:18} {middle * 1000:6.0f} ms down ({min(seconds) * 1000:.0f} to {max(seconds) * 1000:.0f})"
        )
    more = statistics.median(one - other for one, other in zip(ours, plain, strict=True))
    print(f"relstore push: {more * 1000:+.0f} ms in the median pair; {failed} of {total} requests failed "
          f"({100 * failed / total:.2f} %)")  # fmt: skip


if __name__ == "__main__":
    main()
