"""Takes pictures of the built site in a real browser, for a person to look at: two widths, light and dark.

    make docs-pictures

They are put into build/pictures. It fails where a page asks another origin for something, says something in
the browser's console, or is wider than its window.
"""

from __future__ import annotations

import functools
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from tests.support.browser import browser  # noqa: E402

_PICTURES = ROOT / "build/pictures"
_WIDTHS = (1280, 420)
_PAUSE = "new Promise((done) => setTimeout(done, 300))"


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(site: Path, names: list[str]) -> int:
    _PICTURES.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_port}/"
    wrong = []
    with browser() as tab:
        for name in names or sorted(
            path.parent.relative_to(site).as_posix() for path in site.glob("**/index.html")
        ):
            for width in _WIDTHS:
                for dark in (False, True):
                    tab.show(f"{origin}{'' if name == '.' else name + '/'}", width, dark=dark)
                    tab.value(_PAUSE)
                    wide = tab.value("document.documentElement.scrollWidth > innerWidth")
                    foreign = [url for url in tab.requests if not url.startswith((origin, "data:", "blob:"))]
                    page, scheme = (
                        "front" if name == "." else name.replace("/", "-"),
                        "dark" if dark else "light",
                    )
                    picture = f"{page}-{width}-{scheme}"
                    tab.picture(_PICTURES / f"{picture}.png")
                    wrong += [
                        f"{picture}: {what}" for what in (*foreign, *tab.messages, *(["too wide"] * wide))
                    ]
    server.shutdown()
    print("\n".join(wrong) or f"{_PICTURES.relative_to(ROOT)}: look at them")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
