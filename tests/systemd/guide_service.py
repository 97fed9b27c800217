#!/usr/bin/python3
"""The program ``web`` of the guide. It answers on port 8080 with the last version that its own comments name.

Comments that a release adds at the end make it unhealthy. It runs on the test hosts; no test imports it.
"""

import os
import socket
import sys
import threading

with open(__file__) as source:
    notes = [line[2:].strip() for line in source if line.startswith("# ")]
if "broken" in notes:
    sys.exit("this release is broken")
if "crashes after 1 s" in notes:
    threading.Timer(1, lambda: os._exit(7)).start()
status = b"500 Oops" if "answers 500" in notes else b"200 OK"
body = [note for note in notes if note.startswith("version ")][-1].encode()
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("0.0.0.0", 8080))
server.listen(100)
while True:
    client, _ = server.accept()
    with client:
        client.settimeout(10)
        try:
            client.recv(4096)
            client.sendall(b"HTTP/1.0 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        except OSError:
            pass
