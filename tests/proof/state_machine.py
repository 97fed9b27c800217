"""P1, P4, P6, P7, P8: pushes, switches, pins, deletions, collections, checks, broken connections, dead jobs and disks
that lose a byte, in any order.

Hypothesis drives the host side as clients do, against a model of a few lines that knows only the promises. After
each step, the store is checked and compared with the model. Activations are processes of their own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from relstore import protocol
from relstore.formats.names import PinName
from relstore.formats.retention import Policy
from relstore.protocol import Collect, Delete, FindingOut, RowOut
from relstore.store.store import Store
from tests.proof.scenarios import Kit, heal_of, push_of
from tests.proof.tally import Tally
from tests.support.conversation import talk, talk_bytes
from tests.support.host_side import WEB, Content, artifact, run_job
from tests.support.host_state import problems
from tests.support.jobs_by_hand import create, leave_half_done

_STEPS = 50
TREES: tuple[dict[str, Content], ...] = (
    {"version": b"0", "shared": b"in all"},
    {"version": b"1", "shared": b"in all", "deep/er": b"1"},
    {"version": b"2", "shared": b"in all", "empty": b""},
    {"version": b"3", "shared": b"in all", "bad": b"it does not start"},
    {"version": b"4", "bad": b"it does not start"},
)
BUILDS = [artifact(tree).build for tree in TREES]


@dataclass
class Gen:
    """What the model knows of a generation."""

    number: int
    tree: int
    good: bool = False
    failed: bool = False
    deleted: bool = False
    pins: set[str] = field(default_factory=set)


class Machine(RuleBasedStateMachine):
    """One store, one app, several clients."""

    kit: ClassVar[Kit]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="relstore-machine-"))
        self.top = self.directory / "store"
        Store.open(str(self.top), create=True).close()
        self.gens: list[Gen] = []
        self.current = 0
        self.dead: tuple[int, int] | None = None
        """A job that died: the generation that it activated, and the previous one."""

    def teardown(self) -> None:
        shutil.rmtree(self.directory)

    # -- what clients do ---------------------------------------------------------------------------

    @rule(tree=st.integers(0, len(TREES) - 1))
    def push(self, tree: int) -> None:
        published = talk_bytes(self.top, self.kit.bundle, push_of(TREES[tree]).bytes).last
        assert published.number == len(self.gens) + 1
        self.gens.append(Gen(published.number, tree))

    @rule(tree=st.integers(0, len(TREES) - 1), share=st.floats(0, 1, exclude_max=True))
    def push_cut_off(self, tree: int, share: float) -> None:
        """An interrupted push leaves only staged contents."""
        said = push_of(TREES[tree]).bytes
        talk_bytes(self.top, self.kit.bundle, said[: int(len(said) * share)])

    @precondition(lambda self: self.gens)
    @rule(data=st.data())
    def activate(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from([gen.number for gen in self.gens if not gen.deleted] or [0]))
        if number:
            self._activate(number)

    @rule(step=st.sampled_from([-1, 1]))
    def switch(self, step: int) -> None:
        """``-1`` and ``+1`` count only good generations."""
        good = [gen.number for gen in self._here() if gen.good and gen.number != self.current]
        if step < 0:
            wanted = [number for number in good if not self.current or number < self.current][-1:]
        else:
            wanted = [number for number in good if self.current and number > self.current][:1]
        answer = (
            talk(self.top, self.kit.bundle, protocol.Fetch(WEB, f"{step:+d}")).last if self.gens else None
        )
        assert (answer.number if isinstance(answer, RowOut) else 0) == (wanted[0] if wanted else 0)
        if wanted:
            self._activate(wanted[0])

    @precondition(lambda self: self.gens and self.dead is None)
    @rule(data=st.data(), switched=st.booleans())
    def activation_that_dies(self, data: st.DataObject, switched: bool) -> None:
        number = data.draw(st.sampled_from([gen.number for gen in self.gens if not gen.deleted] or [0]))
        if not number:
            return
        with Store.open(str(self.top)) as store, store.app(WEB) as app:
            leave_half_done(app, number, self._restart, previous=self.current, switched=switched).close()
        self.dead = (number, self.current)
        if switched:
            self.current = number

    @precondition(lambda self: self.gens)
    @rule(data=st.data(), name=st.sampled_from(["stable", "best"]))
    def pin(self, data: st.DataObject, name: str) -> None:
        gen = data.draw(st.sampled_from(self.gens))
        answer = talk(self.top, self.kit.bundle, protocol.Pin(WEB, PinName(name), str(gen.number))).last
        assert isinstance(answer, protocol.Failure if gen.deleted else RowOut)
        if not gen.deleted:
            for other in self.gens:
                other.pins.discard(name)
            gen.pins.add(name)

    @precondition(lambda self: any(gen.pins for gen in self.gens))
    @rule()
    def unpin(self) -> None:
        gen = next(gen for gen in self.gens if gen.pins)
        talk(self.top, self.kit.bundle, protocol.Unpin(WEB, PinName(gen.pins.pop())))

    @precondition(lambda self: self.gens)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        gen = data.draw(st.sampled_from(self.gens))
        answer = talk(self.top, self.kit.bundle, Delete(WEB, (str(gen.number),), "me@desk", False)).last
        refused = gen.deleted or bool(gen.pins) or gen.number in {*self._needed(), *(self.dead or ())}
        assert isinstance(answer, protocol.Failure) == refused, answer
        gen.deleted = gen.deleted or not refused

    @precondition(lambda self: self.gens)
    @rule(keep=st.none() | st.integers(1, 3))
    def collect(self, keep: int | None) -> None:
        ask = Collect(None, None if keep is None else Policy(keep, None), None, "me@desk", False)
        answer = talk(self.top, self.kit.bundle, ask).last
        assert isinstance(answer, protocol.Collected), answer
        if keep is not None:
            last = {gen.number for gen in [gen for gen in self._here() if gen.good][-keep:]}
            stay = {*last, *self._needed(), *(self.dead or ())}
            for gen in self.gens:
                waits = not gen.good and not gen.failed and gen.number > self.current
                gen.deleted = gen.deleted or not (gen.number in stay or gen.pins or waits)
        with Store.open(str(self.top)) as store:
            assert set(store.builds.ids()) == {BUILDS[gen.tree] for gen in self._here()}

    @rule()
    def verify(self) -> None:
        """A check finds nothing wrong, whatever happened before."""
        assert talk(self.top, self.kit.bundle, protocol.Verify(False)).rows(FindingOut) == []

    @precondition(lambda self: self._here())
    @rule(data=st.data())
    def rot(self, data: st.DataObject) -> None:
        """A check finds the damage, and the same push again repairs it."""
        tree = TREES[data.draw(st.sampled_from(self._here())).tree]
        made = artifact(tree)
        file = self.top / "builds" / made.build / "tree" / "version"
        mode = file.stat().st_mode
        file.chmod(0o600)
        file.write_bytes(b"x")
        file.chmod(mode)
        found = talk(self.top, self.kit.bundle, protocol.Verify(True)).last
        assert [damaged.build for damaged in found.damaged] == [made.build]
        asked = talk(self.top, self.kit.bundle, (protocol.Compare(WEB, made.build, False), made.raw))
        wanted = [one.content for one in asked.rows(protocol.Wanted)]
        healed = talk_bytes(self.top, self.kit.bundle, heal_of(tree, wanted).bytes).last
        assert isinstance(healed, protocol.Published), healed
        assert healed.repaired >= 1
        assert file.read_bytes() == tree["version"]

    # -- what must hold at any time ----------------------------------------------------------------

    @invariant()
    def as_the_model_says(self) -> None:
        type(self).steps += 1
        assert problems(self.top) == []
        if not self.gens:
            return
        answer = talk(self.top, self.kit.bundle, protocol.List(WEB))
        assert answer.last.current == self.current
        found = [(row.number, row.build, row.state) for row in answer.rows(RowOut)]
        expected = [(gen.number, BUILDS[gen.tree], self._state(gen)) for gen in self.gens]
        assert found == expected, [*zip(found, expected, strict=False)]
        link = self.top / "apps" / WEB / "current"
        if self.current:
            assert (link / "version").read_bytes() == TREES[self.gens[self.current - 1].tree]["version"]
        else:
            assert not os.path.lexists(link)

    # -- the model ---------------------------------------------------------------------------------

    def _here(self) -> list[Gen]:
        return [gen for gen in self.gens if not gen.deleted]

    def _state(self, gen: Gen) -> str:
        if gen.deleted:
            return "deleted"
        if gen.number == self.current:
            return "current"
        return "good" if gen.good else "failed" if gen.failed else "never-active"

    def _needed(self) -> Iterator[int]:
        """The current generation, and the one to roll back to."""
        if self.current:
            yield self.current
        good = [gen.number for gen in self._here() if gen.good and gen.number != self.current]
        yield from [number for number in good if not self.current or number < self.current][-1:]

    @property
    def _restart(self) -> str:
        return f"! test -e {self.top}/apps/{WEB}/current/bad"

    def _activate(self, number: int) -> None:
        with Store.open(str(self.top)) as store, store.app(WEB) as app:
            job, lock = create(app, number, self._restart)
            run_job(self.kit.unpacked, self.top, job, lock)
        if self.dead is not None:
            about, before = self.dead
            if self.current == about:
                self._judge(about, before)
            self.dead = None
        self._judge(number, self.current)

    def _judge(self, number: int, before: int) -> None:
        """The outcome of a switch: a bad release is rolled back, and is then no longer good."""
        gen = self.gens[number - 1]
        gen.good = "bad" not in TREES[gen.tree]
        gen.failed = not gen.good
        self.current = number if gen.good else before


def missing() -> str:
    """An empty text: this proof runs anywhere."""
    return ""


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: how many runs of 50 steps; None for 10,000 steps and more."""
    tally = Tally("clients in any order, against a model")
    Machine.kit = Kit.make(directory)
    Machine.steps = 0
    run: Any = settings(
        max_examples=220 if most is None else most,
        stateful_step_count=_STEPS,
        derandomize=most is not None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(Machine, settings=run)
    except AssertionError as error:
        steps = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
        where = "".join(traceback.format_tb(error.__traceback__)[-1:])
        tally.violations.append(f"{error}\n{where}{steps}")
    tally.cases = Machine.steps
    yield tally
