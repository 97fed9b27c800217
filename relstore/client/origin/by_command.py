"""An origin below an https URL, where a command of the deployer puts the streams."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile

from relstore.client.origin.options import OriginOptions
from relstore.client.origin.place import Content
from relstore.errors import OriginError


class CommandPlace:
    """A directory of a web server."""

    def __init__(self, options: OriginOptions) -> None:
        """Raises OriginError."""
        if not options.put:
            raise OriginError("`origin-put` does not say how to put anything there")
        self._options = options
        self._command = options.put

    async def put(self, content: Content) -> bool:
        file = await asyncio.to_thread(_written, content)
        try:
            await self._run({"RELSTORE_FILE": file, "RELSTORE_NAME": content.name})
        finally:
            with contextlib.suppress(OSError):
                os.unlink(file)
        return True

    async def url(self, name: str) -> str:
        return self._options.address.prefix + name

    async def _run(self, variables: dict[str, str]) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                cwd=self._options.directory,
                env={**self._options.environment, **variables},
                start_new_session=True,
            )
        except OSError as error:
            raise OriginError(f"`origin-put` cannot be run: {error.strerror}") from None
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if code:
            raise OriginError(f"`origin-put` ended with exit code {code}")


def _written(content: Content) -> str:
    try:
        with tempfile.NamedTemporaryFile(prefix="relstore-", delete=False) as file:
            try:
                for data in content.read():
                    file.write(data)
            except BaseException:
                os.unlink(file.name)
                raise
            return file.name
    except OSError as error:
        raise OriginError(f"no file could be made for it here: {error.strerror}") from None
