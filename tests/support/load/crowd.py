"""Many connections that stay open: ``python -m tests.support.load.crowd HOST PORT COUNT SECONDS``.

Each asks once at the beginning and once after SECONDS. Prints how many were answered each time.
"""

from __future__ import annotations

import asyncio
import resource
import sys

_AT_ONCE = 100
_ANSWER_S = 20
_ASK = b"GET / HTTP/1.1\r\nHost: web\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _ask(streams: Streams) -> bool:
    reader, writer = streams
    try:
        writer.write(_ASK)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _ANSWER_S)
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await asyncio.wait_for(reader.readexactly(length), _ANSWER_S)
    except (OSError, EOFError, IndexError, ValueError):
        return False
    return b" 200 " in head


async def _ask_all(connections: list[Streams]) -> int:
    answered = 0
    for begin in range(0, len(connections), _AT_ONCE):
        answered += sum(await asyncio.gather(*map(_ask, connections[begin : begin + _AT_ONCE])))
    return answered


async def main() -> None:
    host, port, count, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
    connections: list[Streams] = []
    for _ in range(0, count, _AT_ONCE):
        connections += await asyncio.gather(*(asyncio.open_connection(host, port) for _ in range(_AT_ONCE)))
    first = await _ask_all(connections)
    print(first, flush=True)
    await asyncio.sleep(seconds)
    print(await _ask_all(connections))


if __name__ == "__main__":
    asyncio.run(main())
