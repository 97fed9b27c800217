"""The demo's web service: answers every request with its version. It is pushed, and runs on the host.

``service.py LISTENER READY``: two inherited descriptors, a listening socket and a pipe on which it says
that it is ready. It stops on SIGTERM after the request that it is at. Standard library only.
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
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "VERSION"), encoding="ascii") as file:
        release = file.read().strip()
    if os.path.exists(os.path.join(here, "BROKEN")):
        sys.exit(f"service {release}: the configuration cannot be read, giving up")
    main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), release)
