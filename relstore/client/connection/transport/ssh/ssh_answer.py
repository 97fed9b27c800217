"""What ssh(1) itself makes of ssh_config for one host, where it is installed: the answer of ``ssh -G``.

The answer is written as a small ssh_config that leaves nothing to decide (no Match, Host, Include), so that
the reader of the files (``config``), and asyncssh, take it instead of them. ``Match exec`` runs its command,
as it would with ssh. Not for what the options mean (``config``).
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

from relstore.client.connection.account import Account
from relstore.client.connection.transport.address import SSHTarget
from relstore.errors import ConnectError

_PROGRAM = "ssh"
_MAX_BYTES = 256 * 1024
_SYSTEM_CONFIG = "/etc/ssh/ssh_config"

_QUOTED = (
    *("hostname", "user", "hostkeyalias", "identityfile", "certificatefile", "identityagent", "bindaddress"),
    "revokedhostkeys",
)
"""Options with one text, which ssh prints without its quotes."""
_PLAIN = (
    *("port", "proxyjump", "proxycommand", "addressfamily", "tcpkeepalive", "preferredauthentications"),
    *("pubkeyauthentication", "stricthostkeychecking", "hashknownhosts", "userknownhostsfile"),
    *("ciphers", "macs", "kexalgorithms", "hostkeyalgorithms", "casignaturealgorithms"),
    *("globalknownhostsfile", "identitiesonly", "sendenv", "setenv", "knownhostscommand", "verifyhostkeydns"),
)


class _NoAnswerError(Exception):
    """ssh is not there, or is not one that answers."""


@asynccontextmanager
async def resolved(target: SSHTarget, account: Account) -> AsyncIterator[Account]:
    """``account`` with ssh's answer about ``target`` as its configuration; unchanged where ssh has none.

    Raises ConnectError for a configuration that ssh refuses. ``target`` has passed ``check_address``.
    """
    with contextlib.ExitStack() as files:
        try:
            answer = await _answer(target, account, files)
            path = files.enter_context(_file(answer))
        except (_NoAnswerError, OSError):
            yield account
        else:
            yield replace(account, ssh_config_paths=(path,))


async def _answer(target: SSHTarget, account: Account, files: contextlib.ExitStack) -> str:
    words = ["--", target.host]
    if target.port is not None:
        words = ["-p", str(target.port), *words]
    if target.user is not None:
        words = ["-l", target.user, *words]
    asked, defaults = await asyncio.gather(
        _run([*_configuration(account, files), *words], account.connect_timeout, target.host),
        _run(["-F", "none", "--", target.host], account.connect_timeout, target.host),
    )
    return translate(asked, defaults)


def translate(answer: str, defaults: str) -> str:
    """ssh's answer as an ssh_config, without what nobody has set. Pure.

    Defaults are left to ``config``: those of ssh name the account's directory whatever HOME says, and
    algorithms that only ssh has.
    """
    own = _options(defaults)
    lines = []
    for option, values in _options(answer).items():
        if option == "hostname":
            values = [value.replace("%", "%%") for value in values]  # ssh has expanded it already
        elif values == own.get(option):
            continue
        if option in _QUOTED:
            lines += [f'{option} "{_escaped(value)}"' for value in values]
        elif option in _PLAIN:
            lines += [f"{option} {value}" for value in values]
    return "".join(f"{line}\n" for line in lines)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _options(answer: str) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for line in answer.split("\n"):
        option, _, value = line.partition(" ")
        if value:
            options.setdefault(option.lower(), []).append(value)
    return options


def _configuration(account: Account, files: contextlib.ExitStack) -> list[str]:
    """Arguments that name the account's files, unless they are those that ssh reads by itself."""
    usual = os.path.join(_home_of_account(), ".ssh", "config")
    if account.ssh_config_paths == (usual, _SYSTEM_CONFIG):
        return []
    includes = [f'Include "{glob.escape(path)}"\n' for path in account.ssh_config_paths]
    return ["-F", files.enter_context(_file("".join(includes)))]


def _home_of_account() -> str:
    """Where ssh looks for the account's files, whatever HOME says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        raise _NoAnswerError("ssh does not run for an account without an entry in passwd") from None


@contextmanager
def _file(text: str) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(
        "w", prefix="relstore-", encoding="utf-8", errors="surrogateescape"
    ) as file:
        file.write(text)
        file.flush()
        yield file.name


async def _run(words: list[str], timeout_s: float, host: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(_PROGRAM, "-G", *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        limit=_MAX_BYTES,
    )
    if process.stdout is None or process.stderr is None:
        raise RuntimeError("a process that was started with pipes has none")
    try:
        async with asyncio.timeout(timeout_s):
            output, errors = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
            code = await process.wait()
    except TimeoutError:
        raise _unusable(f"ssh did not resolve it within {timeout_s:g} s", host) from None
    finally:
        # What a Match exec has started ends with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if code == 0 and "\nhostname " in f"\n{output}":
        return output
    if code == 0 or "-- G" in errors or "No user exists for uid" in errors:
        raise _NoAnswerError(errors)
    said = [line.strip() for line in errors.splitlines() if line.strip() and "Pseudo-terminal" not in line]
    raise _unusable("; ".join(said[:3]) or f"ssh ended with exit code {code}", host)


async def _bounded(stream: asyncio.StreamReader) -> str:
    data = bytearray()
    while piece := await stream.read(_MAX_BYTES):
        data += piece
        if len(data) > _MAX_BYTES:
            raise _NoAnswerError("ssh said more than it can mean")
    return data.decode("utf-8", "surrogateescape")


def _unusable(why: str, host: str) -> ConnectError:
    return ConnectError(
        f"its SSH configuration cannot be used: {why}",
        state="Nothing was contacted.",
        hint=f"Correct it until `ssh -G {host}` answers.",
    )
