"""The demo's web service: answers every request with its version. The demo pushes it; it runs on the host.

``service.py LISTENER READY``: two inherited descriptors, a listening socket and a pipe on which it reports
that it is ready. On SIGTERM it finishes the current request and stops. Standard library only.
"""

import os
import signal
import socket
import sys


def main(listener: socket.socket, ready: int, version: str) -> None:
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    listener.settimeout(0.05)
    os.write(ready, b"ready")
    os.close(ready)
    body = version.encode()
    head = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    while not stopping:
        try:
            client, _ = listener.accept()
        except TimeoutError:
            continue
        with client:
            client.settimeout(5)
            client.recv(4096)
            client.sendall(head + body)


if __name__ == "__main__":
    directory = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(directory, "VERSION"), encoding="ascii") as file:
        own_version = file.read().strip()
    if os.path.exists(os.path.join(directory, "BROKEN")):
        sys.exit(f"service {own_version}: the configuration cannot be read, giving up")
    main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), own_version)
