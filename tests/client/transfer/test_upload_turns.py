"""How many hosts are sent to at once, and which come first."""

from __future__ import annotations

import asyncio
import threading

import pytest

from relstore.client.transfer.upload_turns import UploadTurns

HOSTS = [f"web{number}" for number in range(8)]


def test_no_more_than_so_many_at_once_and_those_in_front_first() -> None:
    begun: list[str] = []
    under_way = most = 0

    async def upload(turns: UploadTurns, label: str) -> None:
        nonlocal under_way, most
        async with turns.turn(label):
            begun.append(label)
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.001)
            under_way -= 1

    async def main() -> None:
        turns = UploadTurns(HOSTS, at_once=2)
        await asyncio.gather(*(upload(turns, label) for label in (*reversed(HOSTS), "another")))

    asyncio.run(main())
    assert most == 2
    # The first two are there before there is anybody to choose from.
    assert begun == ["web7", "web6", *HOSTS[:6], "another"]


def test_who_gives_up_takes_nobodys_turn() -> None:
    async def main() -> None:
        turns = UploadTurns(HOSTS, at_once=1)
        entered = asyncio.Event()

        async def wait(label: str) -> None:
            async with turns.turn(label):
                entered.set()

        async with turns.turn("web0"):
            first, second = (asyncio.create_task(wait(label)) for label in ("web1", "web2"))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
        await asyncio.wait_for(second, 5)
        # One who is cancelled after it was called hands its turn on.
        entered.clear()
        async with turns.turn("web0"):
            called, other = (asyncio.create_task(wait(label)) for label in ("web1", "web2"))
            await asyncio.sleep(0)
        called.cancel()
        await asyncio.gather(called, return_exceptions=True)
        await asyncio.wait_for(other, 5)
        assert entered.is_set()

    asyncio.run(main())


def test_it_has_threads_of_its_own() -> None:
    async def main() -> None:
        turns = UploadTurns()
        name = await turns.in_thread(lambda: threading.current_thread().name)
        assert name.startswith("upload")
        with pytest.raises(ZeroDivisionError):
            await turns.in_thread(lambda: 1 // 0)
        turns.close()

    asyncio.run(main())
