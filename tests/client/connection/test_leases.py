"""Things that several users share: made once, closed after the last."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from relstore.client.connection.leases import Leases


@dataclass
class Thing:
    number: int
    is_usable: bool = True


@dataclass
class Maker:
    """Makes things, and knows what was made and closed."""

    made: int = 0
    closed: list[int] = field(default_factory=list)
    fails: bool = False

    async def make(self, stack: AsyncExitStack) -> Thing:
        self.made += 1
        number = self.made
        await asyncio.sleep(0.01)
        if self.fails:
            raise ConnectionError("refused")
        stack.callback(self.closed.append, number)
        return Thing(number)


@pytest.fixture
def leases() -> Leases[Thing]:
    return Leases(lambda thing: thing.is_usable)


def test_many_users_share_one_until_the_last_has_gone(leases: Leases[Thing]) -> None:
    maker = Maker()

    async def use(seconds: float) -> int:
        async with leases.lease("jump", maker.make) as thing:
            await asyncio.sleep(seconds)
            assert maker.closed == []
            return thing.number

    async def run() -> list[int]:
        return await asyncio.gather(*(use(number / 1000) for number in range(20)))

    assert set(asyncio.run(run())) == {1}
    assert (maker.made, maker.closed) == (1, [1])


def test_each_key_has_its_own(leases: Leases[Thing]) -> None:
    maker = Maker()

    async def run() -> None:
        async with leases.lease("a", maker.make) as first, leases.lease("b", maker.make) as second:
            assert first is not second

    asyncio.run(run())
    assert sorted(maker.closed) == [1, 2]


def test_all_who_wait_get_its_error_and_the_next_one_tries_again(leases: Leases[Thing]) -> None:
    maker = Maker(fails=True)

    async def use() -> int:
        async with leases.lease("jump", maker.make) as thing:
            return thing.number

    async def run() -> int:
        answers = await asyncio.gather(*(use() for _ in range(5)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [ConnectionError] * 5
        assert maker.made == 1
        maker.fails = False
        return await use()

    assert asyncio.run(run()) == 2


def test_what_broke_is_made_again_while_others_still_hold_it(leases: Leases[Thing]) -> None:
    maker = Maker()

    async def run() -> None:
        async with leases.lease("jump", maker.make) as broken:
            broken.is_usable = False
            async with leases.lease("jump", maker.make) as again:
                assert again.number == 2
            assert maker.closed == [2]

    asyncio.run(run())
    assert maker.closed == [2, 1]


def test_during_a_run_nothing_is_closed_between_two_users(leases: Leases[Thing]) -> None:
    maker = Maker()

    async def run() -> None:
        async with leases.lasting():
            for _ in range(3):
                async with leases.lease("jump", maker.make):
                    pass
                assert maker.closed == []

    asyncio.run(run())
    assert (maker.made, maker.closed) == (1, [1])


def test_a_user_that_is_cancelled_leaves_it_to_the_others(leases: Leases[Thing]) -> None:
    maker = Maker()

    async def use() -> int:
        async with leases.lease("jump", maker.make) as thing:
            return thing.number

    async def run() -> None:
        first, second = asyncio.create_task(use()), asyncio.create_task(use())
        await asyncio.sleep(0)
        first.cancel()
        assert await second == 1
        alone = asyncio.create_task(use())
        await asyncio.sleep(0)
        alone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await alone

    asyncio.run(run())
    assert maker.closed == [1]
