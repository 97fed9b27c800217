"""Asking from this machine whether the service as a whole works: a URL, or a command.

Not for the checks of a host, which the host makes itself (``host.service``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence

import relstore
from relstore.client.fleet.course import OutsideCheck
from relstore.client.reporter import Reporter

AGAIN_S = 1.0
"""A check that fails is asked once more after this."""
_TIMEOUT_S = 30.0
_MAX_OUTPUT = 64 * 1024


async def problem(
    check: OutsideCheck, rollout: str, wave: int, hosts: Sequence[str], reporter: Reporter
) -> str:
    """Why the check failed twice, or ``""``. ``hosts``: the names of those that run the release."""
    found = await _ask(check, rollout, wave, hosts, reporter)
    if found:
        await asyncio.sleep(AGAIN_S)
        found = await _ask(check, rollout, wave, hosts, reporter)
    return found


async def _ask(check: OutsideCheck, rollout: str, wave: int, hosts: Sequence[str], reporter: Reporter) -> str:
    if check.url:
        found = await asyncio.to_thread(_http, check.url)
        if found:
            return f"{check.url}: {found}"
    if check.command:
        variables = {
            "RELSTORE_ROLLOUT": rollout,
            "RELSTORE_WAVE": str(wave),
            "RELSTORE_HOSTS": " ".join(hosts),
        }
        return await _run(check, variables, reporter)
    return ""


def _http(url: str) -> str:
    # The configuration has read it as http or https.
    agent = {"User-Agent": f"relstore/{relstore.__version__}"}
    request = urllib.request.Request(url, headers=agent)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310
            return ""  # any other status is an HTTPError
    except urllib.error.HTTPError as error:
        return f"status {error.code}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, ValueError) as error:
        return str(error)


async def _run(check: OutsideCheck, variables: Mapping[str, str], reporter: Reporter) -> str:
    name = check.command[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *check.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=check.directory,
            env={**check.environment, **variables},
            start_new_session=True,
        )
    except OSError as error:
        return f"check-command: {name!r} cannot be run: {error.strerror}"
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        return f"check-command: it did not end within {_TIMEOUT_S:.0f} s"
    finally:
        if process.returncode is None:
            _kill_group(process.pid)
            await process.wait()
    reporter.output("", output[-_MAX_OUTPUT:])
    return f"check-command: exit code {process.returncode}" if process.returncode else ""


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
