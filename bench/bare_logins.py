"""The least that a program on asyncssh can do: log in to all hosts and run ``true``. Run by ``bench.fleet``.

It knows the hosts' keys and its own key from the start, and reads no configuration.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import asyncssh

from relstore.client.connection.transport.ssh.options import FAST_CIPHERS

LOGINS_AT_ONCE = 16
"""As relstore."""


async def main(hosts: list[str], port: int, user: str, directory: str) -> None:
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
            await connection.run("true", check=True)

    await asyncio.gather(*map(one, hosts))


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.stdin.read())))
