"""An app in the store: its chain of generations, its ``current`` link, its pins and its lock.

Numbers are taken by link(2), so that two deployers never write one record. The link is switched by
rename alone. What to switch to, and whether it went well, is decided elsewhere (``host``).
"""

from __future__ import annotations

import contextlib
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from relstore.errors import DamagedError, FormatError, NotFoundError, StoreError
from relstore.formats.generation import MAX_BYTES, Description, Generation, record_digest
from relstore.formats.journal import Event
from relstore.formats.names import AppName, Digest, PinName, is_generation, is_name, parse_generation
from relstore.formats.retention import Policy
from relstore.store import durable, journal, ledger, retention
from relstore.store.directory import Dir
from relstore.store.durable import Durability
from relstore.store.history import Brief, Row, row_of
from relstore.store.ledger import ContradictionError, Ledger, numbers_in
from relstore.store.memory import Memory
from relstore.store.table import Table

CURRENT = "current"
RETURN = "return"
GENERATIONS = "generations"
RECORDS = "records"
PINS = "pins"
JOBS = "jobs"
ROLLOUTS = "rollouts"
"""Made when it is needed."""
LOCK = "lock"
AREAS = (GENERATIONS, RECORDS, PINS, JOBS)
_CURRENT_TARGET = re.compile(rf"{GENERATIONS}/([1-9][0-9]{{0,9}})\Z")


T = TypeVar("T")


class NewBuild(NamedTuple):
    """What a new generation is of."""

    build: Digest
    size: int
    files: int


class App:
    """``apps/NAME`` of a store, open."""

    def __init__(
        self, name: AppName, directory: Dir, durability: Durability, memory: Memory | None = None
    ) -> None:
        """``memory``: what was read of this app before; without it, all is read and nothing is kept."""
        self.name = name
        self.directory = directory
        self._durability = durability
        self._memory = Memory(is_kept=False) if memory is None else memory

    def close(self) -> None:
        self.directory.close()

    def area(self, name: str) -> Dir:
        """One of ``AREAS``, open. Raises DamagedError when it is not there, or is none."""
        try:
            return self.directory.sub_of_owner(name)
        except (FileNotFoundError, NotADirectoryError):
            raise DamagedError(
                f"the app {self.name} has no directory {name!r} in the store",
                hint="Something else removed it: compare with a backup.",
            ) from None

    # -- the chain -------------------------------------------------------------------------------

    def numbers(self) -> list[int]:
        """The numbers of all records, ascending."""
        with self.area(RECORDS) as records:
            return numbers_in(records)

    def generations(self) -> list[Generation]:
        """The whole chain, read and proved link by link. Raises DamagedError."""
        with self.area(RECORDS) as records:
            chain = ledger.read_chain(self.name, records, numbers_in(records), 0, None)
        return [generation for _, generation in chain]

    def last(self) -> int | None:
        """The number of the last record; None when there is none."""
        numbers = self.numbers()
        return numbers[-1] if numbers else None

    def last_from(self, number: int) -> int | None:
        """As ``last``, at once where ``number`` is the last one."""
        with self.area(RECORDS) as records:
            is_last = records.lstat(str(number)) and records.lstat(str(number + 1)) is None
        return number if is_last and number > 0 else self.last()

    def record(self, number: int) -> bytes:
        """The record as it is on disk. Raises DamagedError."""
        with self.area(RECORDS) as records:
            try:
                return records.read(str(number), MAX_BYTES)
            except FileNotFoundError:
                raise DamagedError(f"the record of generation {number} of {self.name} is missing") from None

    def append(self, new: NewBuild, description: Description, now: int) -> Generation:
        """Record the next generation, durably, and make its link. The store's lock must be held.

        Raises FormatError for what could not be read again.
        """
        with self.area(RECORDS) as records:
            while True:
                numbers = self.numbers()
                last = numbers[-1] if numbers else 0
                parent = record_digest(records.read(str(last), MAX_BYTES)) if last else None
                generation = Generation(self.name, last + 1, new.build, parent, now, *new[1:], description)
                raw = generation.encode()
                Generation.parse(raw)
                try:
                    durable.create_file(records, str(last + 1), raw)
                except FileExistsError:
                    continue  # another deployer won this number
                break
        self.ensure_link(generation)
        return generation

    def ensure_link(self, generation: Generation) -> None:
        """Make ``generations/N`` if a crash came between the record and it."""
        with self.area(GENERATIONS) as links:
            target = link_target(generation.build)
            if links.readlink(str(generation.number)) != target:
                durable.replace_symlink(links, str(generation.number), target, self._durability)

    def linked(self) -> list[int]:
        """The numbers that have a link, which keeps their build alive."""
        with self.area(GENERATIONS) as links:
            return numbers_in(links)

    def is_linked(self, number: int) -> bool:
        with self.area(GENERATIONS) as links:
            return links.lstat(str(number)) is not None

    def unlink_generations(self, numbers: Iterable[int]) -> None:
        """Let go of the builds of ``numbers``; their records stay."""
        with self.area(GENERATIONS) as links:
            durable.remove_names(links, map(str, numbers))

    # -- what is current -------------------------------------------------------------------------

    def current(self) -> int | None:
        """The number that ``current`` names, or None without a link. Raises StoreError for another link."""
        path = f"{self.directory.path}/{CURRENT}"
        status = self.directory.lstat(CURRENT)
        if status is None:
            return None
        if not stat.S_ISLNK(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "a file"
            raise StoreError(
                f"{path} is {kind}, and relstore keeps a symlink there",
                state="relstore left it alone, so no generation is current.",
                hint=f"Move it away (mv {path} {path}.old), then make a generation current with "
                "`relstore switch-generation NUMBER`.",
            )
        target = self.directory.readlink(CURRENT)
        if target is None:
            return None
        match = _CURRENT_TARGET.match(target)
        if not match:
            raise StoreError(
                f"{path} points to {target!r}, which is not a generation",
                state="Somebody changed it by hand; relstore left it alone.",
                hint=f"Point it back: ln -sfn {GENERATIONS}/NUMBER {path}",
            )
        return int(match.group(1))

    def switch(self, number: int | None) -> None:
        """Make ``number`` current, atomically and durably; None removes the link."""
        if number is None:
            durable.remove_name(self.directory, CURRENT)
        else:
            durable.replace_symlink(self.directory, CURRENT, _current_target(number), self._durability)

    def prepare_return(self, number: int | None) -> None:
        """Make the link that ``switch_back`` needs, while that is possible; durable with the next sync."""
        self.forget_return()
        if number is not None:
            self.directory.symlink(_current_target(number), RETURN)

    def switch_back(self, number: int | None) -> None:
        """As ``switch``, with the link that was prepared: nothing that a full disk could refuse is needed."""
        if number is None or self.directory.readlink(RETURN) != _current_target(number):
            self.switch(number)
            return
        self.directory.rename(RETURN, self.directory, CURRENT)
        durable.sync_directory(self.directory)

    def forget_return(self) -> None:
        """The way back is not needed any more."""
        with contextlib.suppress(FileNotFoundError):
            self.directory.unlink(RETURN)

    def retention(self) -> Policy:
        """What holds for the app; empty where nothing was said. Raises DamagedError."""
        return retention.read(self.directory)

    def set_retention(self, policy: Policy) -> None:
        """Durably, unless it holds already."""
        if self.directory.lstat(retention.FILE) is None or self.retention() != policy:
            retention.write(self.directory, policy)

    # -- pins ------------------------------------------------------------------------------------

    def pins(self) -> list[tuple[str, int]]:
        """The (pin, number) pairs, sorted, without those that cannot be read: see ``damaged_pins``."""
        return [(name, number) for name, number in self._pins() if isinstance(number, int)]

    def damaged_pins(self) -> list[DamagedError]:
        """Why some pins cannot be read."""
        return [error for _, error in self._pins() if isinstance(error, DamagedError)]

    def check_pins(self) -> None:
        """Before anything is removed. Raises DamagedError for a pin that cannot be read."""
        damaged = self.damaged_pins()
        if damaged:
            raise damaged[0]

    def _pins(self) -> Iterator[tuple[str, int | DamagedError]]:
        with self.area(PINS) as pins:
            for name in pins.names():
                if not is_name(name):
                    continue
                try:
                    yield name, parse_generation(pins.read(name, 64).decode("ascii").strip())
                except FileNotFoundError:
                    pass  # removed meanwhile
                except (FormatError, UnicodeDecodeError):
                    yield name, self._damaged_pin(name, "does not hold the number of a generation")
                except OSError as error:
                    yield name, self._damaged_pin(name, f"cannot be read: {error.strerror}")
                except StoreError:
                    yield name, self._damaged_pin(name, "is not a regular file")

    def _damaged_pin(self, name: str, problem: str) -> DamagedError:
        return DamagedError(
            f"the pin {name!r} of {self.name} {problem} ({self.directory.path}/{PINS}/{name})",
            state="What it keeps is not known, so nothing is removed.",
            hint=f"`relstore unpin {name}` removes it.",
        )

    def foreign_names(self) -> list[str]:
        """The paths, from the app's directory, of what is not named as anything that relstore keeps there."""
        with self.area(RECORDS) as records, self.area(GENERATIONS) as links, self.area(PINS) as pins:
            areas = (
                (RECORDS, records, is_generation),
                (GENERATIONS, links, is_generation),
                (PINS, pins, is_name),
            )
            return [
                f"{area}/{name}"
                for area, directory, is_known in areas
                for name in directory.names()
                if not is_known(name)
            ]

    def pin(self, name: PinName, number: int) -> None:
        with self.area(PINS) as pins:
            durable.replace_file(pins, name, b"%d\n" % number)

    def unpin(self, name: PinName) -> None:
        """Raises NotFoundError."""
        with self.area(PINS) as pins:
            if pins.lstat(name) is None:
                raise NotFoundError(f"{self.name} has no pin {name!r}")
            durable.remove_name(pins, name)

    # -- what became of the generations ----------------------------------------------------------

    def events(self, last: int | None = None) -> list[Event]:
        """The journal, or only so many of its ``last`` events. Raises DamagedError."""
        if last is not None:
            return self._ask(lambda found: found.events(last))
        raw = self.directory.read_or_none(journal.NAME, journal.MAX_BYTES) or b""
        return ledger.read_journal(self.name, raw).events

    def unresolved(self) -> Event | None:
        """The intent that has no outcome, or None. Raises DamagedError."""
        return self._ask(Ledger.intent)

    def unresolved_in(self, table: Table) -> Event | None:
        """As ``unresolved``, by what was read for the table. Raises DamagedError."""
        try:
            return table.ledger.intent()
        except ContradictionError:
            return self.unresolved()

    def last_switch(self) -> Event | None:
        """The last intent, whatever became of it. Raises DamagedError."""
        return self._ask(Ledger.last_switch)

    def was_active(self, number: int) -> bool:
        """Whether a generation has served before. Raises DamagedError."""
        known = self._ledger().checkpoint
        return 1 <= number <= known.generations and known.facts(number).reputation.was_active

    def generations_of(self, numbers: Collection[int]) -> dict[int, Generation]:
        """Those of ``numbers`` that have a record. Raises DamagedError."""
        try:
            known = self._ledger().checkpoint
            wanted = [number for number in numbers if 1 <= number <= known.generations]
            with self.area(RECORDS) as records:
                found = ledger.read_some(self.name, records, known, wanted)
        except (DamagedError, ContradictionError):  # what is damaged may be the journal, or another record
            found = [each for each in self.generations() if each.number in numbers]
        return {each.number: each for each in found}

    def in_play(self) -> set[int]:
        """The generations that an activation goes to, or back to: the current one, and those of an intent."""
        numbers: set[int] = set()
        with contextlib.suppress(StoreError):
            numbers.add(self.current() or 0)
        intent = self.unresolved()
        return numbers if intent is None else {*numbers, intent.generation, intent.previous}

    def table(self) -> Table:
        """All generations, to choose from. Raises DamagedError, and StoreError for a foreign link."""
        return self.table_with(self.current())

    def table_with(self, current: int | None) -> Table:
        """As ``table``, for a ``current`` that was read already (None: none is, or it is unclear)."""
        return Table(self._ledger(), current, frozenset(self.linked()), self.pins())

    def rows(self) -> list[Row]:
        """The chain with what became of each generation. Raises as ``table``."""
        table = self.table()
        return self.rows_of(table, table)

    def row(self, table: Table, chosen: Brief) -> Row:
        """What there is to know about one. Raises DamagedError."""
        return self.rows_of(table, [chosen])[0]

    def rows_of(self, table: Table, chosen: Sequence[Brief]) -> list[Row]:
        """What there is to know about those that were ``chosen`` from a table. Raises DamagedError."""
        try:
            return self._read_rows(table, chosen)
        except ContradictionError:
            with self._for_the_last_time():
                fresh = table.of(self.prove())
                return self._read_rows(fresh, [fresh[one.number - 1] for one in chosen])

    def _read_rows(self, table: Table, chosen: Sequence[Brief]) -> list[Row]:
        found = table.ledger
        with self.area(RECORDS) as records:
            numbers = [one.number for one in chosen]
            generations = ledger.read_some(self.name, records, found.checkpoint, numbers)
        return [
            row_of(one, generation, found.said_of(one.number)) for one, generation in zip(chosen, generations)
        ]

    def prove(self) -> Ledger:
        """Read everything again, and believe nothing that was kept. Raises DamagedError."""
        self._memory.forget()
        return self._ledger()

    def _ledger(self) -> Ledger:
        with self.area(RECORDS) as records:
            found = ledger.read(self.name, self.directory, records, self._memory.known(self.directory))
        self._memory.keep(self.directory, found)
        return found

    def _ask(self, question: Callable[[Ledger], T]) -> T:
        try:
            return question(self._ledger())
        except ContradictionError:
            with self._for_the_last_time():
                return question(self.prove())

    @contextlib.contextmanager
    def _for_the_last_time(self) -> Iterator[None]:
        """After a contradiction: a changed record ends the block, and a checkpoint that was wrong is renewed.

        Raises DamagedError.
        """
        try:
            yield
        except ContradictionError:
            raise DamagedError(
                f"the history of {self.name} was changed while it was read", hint="Run the command again."
            ) from None


def _current_target(number: int) -> str:
    return f"{GENERATIONS}/{number}"


def link_target(build: Digest) -> str:
    """What ``generations/N`` points to."""
    return f"../../../builds/{build}/tree"
