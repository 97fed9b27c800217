"""A very small supervisor for the demo, which does what systemd with a socket unit does on a real host.

``supervisor.py run CONTROL SERVICE`` holds the web service's listening socket, so that no request is refused
while the service changes, and prints its port. ``supervisor.py restart CONTROL`` starts the service again
from its path, waits until it is ready and stops the previous one; when the new one does not become ready, the
previous one stays and the exit code is 1. Standard library only.
"""

import os
import select
import signal
import socket
import subprocess
import sys

READY_TIMEOUT_S = 5


class DemoSupervisor:
    """Holds the socket, and at most one service."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.process: subprocess.Popen[bytes] | None = None

    def restart(self) -> str:
        """``""`` when the new service is ready and the previous one has ended; otherwise what went wrong."""
        ready, theirs = os.pipe()
        process = subprocess.Popen(
            [sys.executable, self.service, str(self.listener.fileno()), str(theirs)],
            pass_fds=(self.listener.fileno(), theirs),
            stderr=subprocess.PIPE,
        )
        os.close(theirs)
        readable, _, _ = select.select([ready], [], [], READY_TIMEOUT_S)
        message = os.read(ready, 16) if readable else b""
        os.close(ready)
        if message != b"ready":
            process.kill()
            _, complaint = process.communicate()
            return complaint.decode("utf-8", "replace").strip() or "the service did not become ready"
        self.stop()
        self.process = process
        return ""

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.communicate()
            self.process = None


def run(control: str, service: str) -> None:
    supervisor = DemoSupervisor(service)
    server = socket.socket(socket.AF_UNIX)
    server.bind(control)
    server.listen()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.stdout.write(f"{supervisor.listener.getsockname()[1]}\n")
    sys.stdout.flush()
    try:
        while True:
            client, _ = server.accept()
            with client:
                if client.recv(16) == b"restart":
                    client.sendall(supervisor.restart().encode())
    finally:
        supervisor.stop()


def request_restart(control: str) -> int:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(control)
        client.sendall(b"restart")
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile("rb").read().decode()
    if answer:
        sys.stderr.write(answer + "\n")
    return 1 if answer else 0


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run(*sys.argv[2:])
    else:
        sys.exit(request_restart(sys.argv[2]))
