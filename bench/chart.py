"""The chart of docs/performance.md and the README: relstore's times relative to a peer's, as one SVG. Pure.

It follows the reader's choice of light or dark. Not for choosing what is measured (``cells``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from bench.aims import ratio
from bench.results import Result
from bench.tools import OURS


@dataclass(frozen=True)
class Bar:
    """One line of the chart."""

    label: str
    peer: str
    ratio: float


_SHOWN = (
    ("unchanged", "uv", "loopback", "rsync -z", "Nothing changed, loopback"),
    ("unchanged", "uv", "100 Mbit/s, 20 ms", "rsync -z", "Nothing changed, 100 Mbit/s"),
    ("unchanged", "uv", "20 Mbit/s, 40 ms", "rsync -z", "Nothing changed, 20 Mbit/s"),
    ("next release", "uv", "20 Mbit/s, 40 ms", "rsync -z", "Next release of uv, 20 Mbit/s"),
    ("next release", "ruff", "20 Mbit/s, 40 ms", "rsync -z", "Next release of ruff, 20 Mbit/s"),
    ("next release", "uv", "100 Mbit/s, 20 ms", "rsync -z", "Next release of uv, 100 Mbit/s"),
    ("next release", "uv", "1 Gbit/s", "rsync -z", "Next release of uv, 1 Gbit/s"),
    ("ten hosts", "uv", "20 Mbit/s, 40 ms", "rsync -z, in turn", "Ten hosts behind 20 Mbit/s"),
    ("1 % of a tree", "tree", "loopback", "rsync -az --link-dest", "1 % of 50,000 files, loopback"),
    ("first push", "uv", "loopback", "scp", "First push of uv, loopback"),
)

_TITLE = "Time of relstore, relative to the peer; shorter is better"
_WIDTH, _LABELS, _FIGURES, _MARGIN = 760, 220, 190, 16
_LINE, _BAR, _TOP, _FOOT = 30, 16, 54, 22
_MOST = 2.0
"""Where the scale ends; a longer bar is cut there, and its figure tells the rest."""


def bars(results: Sequence[Result]) -> list[Bar]:
    """Those lines of the chart that were measured."""
    by_cell = {result.cell: result for result in results}
    lines = []
    for work, program, link, peer, label in _SHOWN:
        result = by_cell.get((work, program, link))
        if result is not None and peer in result.taken:
            figure = ratio(result.taken[OURS].seconds, result.taken[peer].seconds)
            lines.append(Bar(label, peer, figure))
    return lines


def draw(shown: Sequence[Bar]) -> str:
    """The SVG."""
    height = _TOP + _LINE * len(shown) + _FOOT
    scale = (_WIDTH - _LABELS - 2 * _MARGIN - _FIGURES) / _MOST
    begin, one = _LABELS + _MARGIN, _LABELS + _MARGIN + scale
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f"aria-label={quoteattr(_in_words(shown))}>",
        _STYLE,
        f'<text class="title" x="{_MARGIN}" y="24">{_TITLE}</text>',
    ]
    for number, bar in enumerate(shown):
        top = _TOP + _LINE * number
        length = min(bar.ratio, _MOST) * scale
        kind = "ahead" if bar.ratio <= 1 else "behind"
        middle = top + _BAR / 2 + 5
        parts += [
            f'<text x="{begin - 10}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect class="{kind}" x="{begin}" y="{top}" width="{length:.1f}" height="{_BAR}" rx="2"/>',
            f'<text x="{begin + max(length, scale) + 8:.1f}" y="{middle}">{bar.ratio:.2f}'
            f'<tspan class="peer"> of {escape(bar.peer)}</tspan></text>',
        ]
    bottom = _TOP + _LINE * len(shown) - (_LINE - _BAR) + 6
    parts += [
        f'<line x1="{one}" y1="{_TOP - 8}" x2="{one}" y2="{bottom}"/>',
        f'<text class="peer" x="{one}" y="{bottom + 16}" text-anchor="middle">as fast as the peer</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _in_words(shown: Sequence[Bar]) -> str:
    return "; ".join(f"{bar.label}: {bar.ratio:.2f} of {bar.peer}" for bar in shown)


_STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; font-size: 15px; }
.peer { fill: #57606a; font-size: 12px; }
.ahead { fill: #1a7f5a; }
.behind { fill: #b35900; }
line { stroke: #57606a; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.peer { fill: #9da7b3; }
.ahead { fill: #3fb883; }
.behind { fill: #e08a3c; }
line { stroke: #9da7b3; }
}
</style>"""
