"""The least that a program on asyncssh can do: log in to all hosts and run ``true``. Run by ``bench.fleet``.

It knows the hosts' keys and its own key from the start, and reads no configuration. When it talks, it has a
conversation as short as that of an unchanged push instead: a question of some kilobytes and a few answers.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import asyncssh

from relstore.client.connection.transport.ssh.options import FAST_CIPHERS

QUESTION = b"?" * 8_000
TALK = f"head -c {len(QUESTION)} >/dev/null; for i in 1 2 3 4; do echo $i; sleep 0.01; done; cat >/dev/null"
ANSWER = b"1\n2\n3\n4\n"

LOGINS_AT_ONCE = 16
"""As relstore."""


async def main(hosts: list[str], port: int, user: str, directory: str, *, talks: bool) -> None:
    options: dict[str, Any] = {
        "port": port,
        "username": user,
        "client_keys": asyncssh.load_keypairs(f"{directory}/client_key"),
        "known_hosts": asyncssh.import_known_hosts(Path(directory, "known_hosts").read_text()),
        "agent_path": None,
        "config": None,
        "encryption_algs": FAST_CIPHERS,
        "compression_algs": None,
        "gss_kex": False,
    }
    logins = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def one(host: str) -> None:
        async with logins:
            connection = await asyncssh.connect(host, **options)
        async with connection:
            if not talks:
                await connection.run("true", check=True)
                return
            process = await connection.create_process(TALK, encoding=None, env={"LANG": "C.UTF-8"})
            process.stdin.write(QUESTION)
            await process.stdout.readexactly(len(ANSWER))
            process.stdin.write_eof()
            await process.wait_closed()

    await asyncio.gather(*map(one, hosts))


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.stdin.read())))
