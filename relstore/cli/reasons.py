"""The errors of many hosts, those with the same reason once. Pure.

Not for printing them (``console``), nor for what a host's outcome means (``client.fleet.result``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from relstore.cli.rollout_lines import several
from relstore.errors import RelstoreError

_DIFFERS = re.compile(
    r"(?<=\bgeneration )\d+"
    r"|(?<=`relstore show )\d+"
    r"|\b\d[\d.,]*(?= (?:attempts?|times|connections?|ms|s|min)\b)",
    re.IGNORECASE,
)
"""What may differ between hosts for one reason: their numbers of the same release, and how long it took."""


def by_reason(errors: Iterable[tuple[str, RelstoreError]]) -> list[RelstoreError]:
    """One for each reason, in the order in which they come first. ``errors``: by the names of their hosts."""
    same: dict[tuple[str, ...], list[tuple[str, RelstoreError]]] = {}
    for name, error in errors:
        same.setdefault(_reason(error), []).append((name, error))
    return [_together(group) for group in same.values()]


def _together(group: Sequence[tuple[str, RelstoreError]]) -> RelstoreError:
    first, shown = group[0]
    if len(group) == 1:
        return shown
    texts = {(error.what, error.state, error.hint) for _, error in group}
    where = f"; on {first}" if len(texts) > 1 else ""
    what = f"{len(group)} hosts, same reason: {several([name for name, _ in group])}{where}: {shown.what}"
    return RelstoreError(what, state=shown.state, hint=shown.hint)


def _reason(error: RelstoreError) -> tuple[str, ...]:
    """The same for errors that say the same. Of a reason with a program's output, its first line counts."""
    machine = error.host.rpartition("@")[2]
    texts = (error.what.partition("\n")[0], error.state, error.hint)
    return (type(error).__name__, *(_without(machine, _DIFFERS.sub("#", each)) for each in texts))


def _without(machine: str, text: str) -> str:
    return re.sub(rf"(?<![\w.-]){re.escape(machine)}(?![\w-])", "#", text) if machine else text
