"""The demo's web service with two slots: answers every request with its version, at a Unix socket of its own.

``slot_service.py SOCKET``; systemd makes the directory of that, another one for each slot. The demo pushes
it; it runs on the host. Standard library only.
"""

import os
import socketserver
import sys
from http.server import BaseHTTPRequestHandler

BUILD = os.path.dirname(os.path.realpath(__file__))


class SlotServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """One thread for each connection."""

    daemon_threads = True
    request_queue_size = 1024


class Handler(BaseHTTPRequestHandler):
    """Answers with the version; a release that is broken answers with an error."""

    def do_GET(self) -> None:
        self.send_response(500 if broken else 200)
        self.send_header("Content-Length", str(len(version)))
        self.end_headers()
        self.wfile.write(version)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    with open(os.path.join(BUILD, "VERSION"), "rb") as file:
        version = file.read()
    broken = os.path.exists(os.path.join(BUILD, "BROKEN"))
    SlotServer(sys.argv[1], Handler).serve_forever()
