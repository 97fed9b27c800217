"""Metrics in Prometheus' text format, version 0.0.4. Pure.

Not for which metrics there are (``metrics_view``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from relstore.cli import text
from relstore.formats.names import as_text

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True)
class MetricSample:
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Gauge:
    """A metric that goes up and down, with all its samples."""

    name: str
    help: str
    samples: Sequence[MetricSample]

    def lines(self) -> Iterator[str]:
        if not _NAME.match(self.name):
            raise ValueError(f"{self.name!r} is no name of a metric")
        if not self.samples:
            return
        yield f"# HELP {self.name} {_escaped(self.help)}"
        yield f"# TYPE {self.name} gauge"
        for sample in self.samples:
            labels = ",".join(f'{name}="{_quoted(value)}"' for name, value in sample.labels.items())
            yield (
                f"{self.name}{{{labels}}} {_number(sample.value)}"
                if labels
                else (f"{self.name} {_number(sample.value)}")
            )


def exposition(gauges: Sequence[Gauge]) -> str:
    """All of it; an empty text without any sample."""
    return "".join(f"{line}\n" for gauge in gauges for line in gauge.lines())


def _escaped(words: str) -> str:
    return as_text(words).replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(value: str) -> str:
    """A label's value. It may end up on a terminal, so what would move the cursor is made visible first."""
    return _escaped(text.one_line(value)).replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
