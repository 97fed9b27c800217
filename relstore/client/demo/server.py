"""An SSH server inside the demo: on loopback, with throw-away keys, running commands with sh.

It gives the demo a real host to deploy to where no sshd is installed. Not for anything else: whoever has the
throw-away key can run commands as the account that runs the demo.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path

import asyncssh

ADDRESS = "127.0.0.1"
_START_TIMEOUT_S = 20
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Keys:
    """Where the throw-away keys and the client's ssh configuration are."""

    host: Path
    client: Path
    config: Path
    known_hosts: Path

    @classmethod
    def create(cls, home: Path) -> Keys:
        """Make them below the home directory of the demo's client."""
        directory = home / ".ssh"
        directory.mkdir(mode=0o700, parents=True)
        keys = cls(*(directory / name for name in ("host_key", "id_demo", "config", "known_hosts")))
        for path in (keys.host, keys.client):
            key = asyncssh.generate_private_key("ssh-ed25519")
            key.write_private_key(str(path))
            key.write_public_key(f"{path}.pub")
        return keys

    def write_config(self, port: int, user: str) -> None:
        """Let the name ``demo`` stand for the server, so that the demo's commands look like anybody's."""
        public = Path(f"{self.host}.pub").read_text(encoding="ascii")
        self.known_hosts.write_text(f"[{ADDRESS}]:{port} {public}", encoding="ascii")
        self.config.write_text(
            f"Host demo\n    HostName {ADDRESS}\n    Port {port}\n    User {user}\n"
            f"    IdentityFile {self.client}\n    IdentitiesOnly yes\n"
            f"    UserKnownHostsFile {self.known_hosts}\n    StrictHostKeyChecking yes\n",
            encoding="utf-8",
        )
        self.config.chmod(0o600)


class Server:
    """A running server, in a thread of its own. ``stop`` it."""

    def __init__(self, keys: Keys) -> None:
        self.port = 0
        self._keys = keys
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not self._listening.wait(_START_TIMEOUT_S):
            raise OSError("the demo's SSH server did not start")

    def stop(self) -> None:
        """End the server and its connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        acceptor = self._loop.run_until_complete(self._listen())
        self.port = acceptor.get_port()
        self._listening.set()
        self._loop.run_forever()
        acceptor.close()
        self._loop.run_until_complete(acceptor.wait_closed())
        self._loop.run_until_complete(_end_all())
        self._loop.close()

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            ADDRESS,
            0,
            server_host_keys=[str(self._keys.host)],
            authorized_client_keys=f"{self._keys.client}.pub",
            process_factory=_run_command,
            encoding=None,
        )


async def _run_command(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run the command with a shell in a session of its own, as sshd does."""
    if process.command is None:
        process.exit(1)
        return
    child = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        process.command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise OSError("a command has no standard streams")
    feeding = asyncio.create_task(_feed(process.stdin, child.stdin))
    try:
        await asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
        code = await child.wait()
    finally:
        feeding.cancel()
    process.exit(code if code >= 0 else 128 - code)


async def _feed(source: asyncssh.SSHReader[bytes], sink: asyncio.StreamWriter) -> None:
    """Copy what the client sends to the command, until one of the two closes."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, asyncssh.Error):
        while data := await source.read(_PIECE):
            sink.write(data)
            await sink.drain()
    sink.close()


async def _copy(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    """Copy what the command writes to the client; read it to its end even when the client has gone."""
    while data := await source.read(_PIECE):
        with contextlib.suppress(OSError, asyncssh.Error):
            sink.write(data)
            await sink.drain()


async def _end_all() -> None:
    """Cancel the tasks of connections that are still open."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
