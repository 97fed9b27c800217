"""In which order a rollout goes through its hosts: by groups, by names, or as they are written. Pure.

Not for how many of them go at once (``waves``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relstore.errors import UsageError

EVERY_OTHER = "*"
"""In an order: the hosts that no other word of it names."""


@dataclass(frozen=True)
class OrderedHost:
    """A host, as far as an order can name it."""

    name: str
    groups: tuple[str, ...] = ()

    def is_named(self, word: str) -> bool:
        return word == self.name or word in self.groups


def arranged(members: Sequence[OrderedHost], order: Sequence[str]) -> list[int]:
    """The indexes of all members in the order that ``order`` (hosts, groups, ``*``) says.

    A member that it does not name comes last, unless there is a ``*``. Raises UsageError for a word that
    names nothing.
    """
    words = order if EVERY_OTHER in order else (*order, EVERY_OTHER)
    named = {word: [i for i, each in enumerate(members) if each.is_named(word)] for word in words}
    for word, found in named.items():
        if not found and word != EVERY_OTHER:
            raise UsageError(
                f"{word!r} is neither a host nor a group of this run",
                hint=f"There are {', '.join(_names(members)) or 'none'}.",
            )
    apart = {index for found in named.values() for index in found}
    named[EVERY_OTHER] = [index for index in range(len(members)) if index not in apart]
    return list(dict.fromkeys(index for word in words for index in named[word]))


def of_group(members: Sequence[OrderedHost], word: str) -> frozenset[int]:
    """The indexes of the members that ``word`` names."""
    return frozenset(index for index, each in enumerate(members) if each.is_named(word))


def _names(members: Sequence[OrderedHost]) -> list[str]:
    return list(dict.fromkeys(name for each in members for name in (each.name, *each.groups)))
