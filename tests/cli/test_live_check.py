"""A push on a terminal while the release is checked: the host's line says what the probe answered last."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.cli.test_watching import watching
from tests.support.user import User, make_site


class _Missing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


def test_the_last_answer_stands_in_the_line_of_the_host(tmp_path: Path) -> None:
    user = User.create(tmp_path / "home")
    make_site(user.home / "site", "1")
    with HTTPServer(("127.0.0.1", 0), _Missing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/"
            words = ("push", "site", "--to", "./store", "--http", url, "--health-timeout", "8s")
            with watching(user, 24, 60, *words) as watched:
                watched.wait_for(lambda shown: "checking" in shown and "last answer: 404" in shown)
                assert watched.process.wait(60) == 3
        finally:
            server.shutdown()
