"""The generations and pins of each app as this machine saw them last, for the completion of the shell.

Losing it costs nothing, and it may be out of date: nothing but completion reads it. What a host says goes
into a person's command line from here, so it is checked again when it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from relstore.client.local_state.state_file import StateFile
from relstore.errors import UsageError
from relstore.formats.names import MAX_GENERATION, AppName, PinName

_MAX_APPS = 200
MAX_GENERATIONS = 50


@dataclass(frozen=True)
class SeenGeneration:
    """A generation, with words that tell it from the others."""

    number: int
    words: str


@dataclass(frozen=True)
class SeenApp:
    """What a store had of an app."""

    store: str
    """Its ``Session.store_label``."""
    app: AppName
    generations: tuple[SeenGeneration, ...]
    """The newest ones, newest first."""
    pins: tuple[PinName, ...]


class SeenGenerations:
    """What was seen, in the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._file = StateFile(path, _MAX_APPS)

    def keep(
        self, store: str, app: AppName, generations: Sequence[SeenGeneration], pins: Sequence[str]
    ) -> None:
        """Remember all generations that an app has, oldest first, and its pins."""
        newest = [[one.number, one.words] for one in reversed(generations[-MAX_GENERATIONS:])]
        self._file.put(f"{app} at {store}", {"generations": newest, "pins": list(pins)})

    def forget(self, store: str, app: AppName) -> None:
        """Offer it no more."""
        self._file.put(f"{app} at {store}", None)

    def flush(self) -> None:
        """Write what is not written yet."""
        self._file.flush()

    def apps(self) -> Iterator[SeenApp]:
        """What is remembered and still makes sense, what was seen last first."""
        for key, entry in reversed(self._file.entries.items()):
            name, _, store = key.partition(" at ")
            match entry:
                case {"generations": list(generations), "pins": list(pins)}:
                    try:
                        yield SeenApp(
                            store,
                            AppName.parse(name),
                            tuple(_generation(*one) for one in generations),
                            tuple(map(PinName.parse, pins)),
                        )
                    except (UsageError, TypeError, ValueError):
                        continue


def _generation(number: object, words: object) -> SeenGeneration:
    if not isinstance(number, int) or not 1 <= number <= MAX_GENERATION or not isinstance(words, str):
        raise ValueError("not a generation")
    return SeenGeneration(number, words)
