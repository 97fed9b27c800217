"""What ssh(1) itself makes of ssh_config for one host, where it is installed: the answer of ``ssh -G``.

The answer is written as a small ssh_config that leaves nothing to decide (no Match, Host, Include), so that
the reader of the files (``config``), and asyncssh, take it instead of them. ``Match exec`` runs its command,
as it would with ssh. Not for what the options mean (``config``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

from relstore.client.connection.account import Account
from relstore.client.connection.transport import config_files
from relstore.client.connection.transport.address import SSHTarget
from relstore.client.connection.transport.login_errors import unusable_configuration
from relstore.client.connection.transport.ssh.alike import Answer, Conditions, SharedAnswers
from relstore.client.connection.transport.ssh.config_lines import UNREAD, ConfigLine, config_lines
from relstore.errors import ConnectError

_PROGRAM = "ssh"
_MAX_BYTES = 256 * 1024
_END_S = 10.0
"""Seconds for a process that was killed to be gone."""

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

_OFF = (None, ["no"], ["false"])

_known_defaults: dict[str, str] = {}
"""What a program answers, by its name: asking once in a run is enough."""


class _NoAnswerError(Exception):
    """ssh is not there, or is not one that answers."""


@asynccontextmanager
async def resolved(target: SSHTarget, account: Account) -> AsyncIterator[Account]:
    """``account`` with ssh's answer about ``target`` as its configuration; unchanged where ssh has none.

    Raises ConnectError for a configuration that ssh refuses. ``target`` has passed ``check_address``.
    """
    answer = await answer_about(target, account)
    with contextlib.ExitStack() as files:
        if answer is not None:
            with contextlib.suppress(OSError):
                account = files.enter_context(told(answer, account))
        yield account


async def answer_about(target: SSHTarget, account: Account) -> str | None:
    """ssh's answer as an ssh_config; None where it has none. Raises as ``resolved``."""
    try:
        with contextlib.ExitStack() as files:
            return await _answer(target, account, files)
    except (_NoAnswerError, OSError):
        return None


@contextmanager
def told(answer: str, account: Account) -> Iterator[Account]:
    """``account`` with this as its configuration. Raises OSError."""
    with _file(answer) as path:
        yield replace(account, ssh_config_paths=(path,))


async def _answer(target: SSHTarget, account: Account, files: contextlib.ExitStack) -> str:
    words = ["--", target.host]
    if target.port is not None:
        words = ["-p", str(target.port), *words]
    if target.user is not None:
        words = ["-l", target.user, *words]

    async def ask() -> Answer:
        # Both are waited for even if one fails, so that no process is left to itself.
        asked, defaults = await asyncio.gather(
            _run([*_configuration(account, files), *words], account.connect_timeout, target.host),
            _defaults(account.connect_timeout, target.host),
            return_exceptions=True,
        )
        if isinstance(asked, BaseException):
            raise asked
        if isinstance(defaults, BaseException):
            raise defaults
        return Answer(translate(asked, defaults), _options(asked).get("canonicalizehostname") in _OFF)

    return await _answers(account).about(target, ask)


def _answers(account: Account) -> SharedAnswers:
    """Those of this run; the files are read once for all hosts."""
    running = account.shared.running
    known: SharedAnswers | None = running.ssh_answers.get(account.ssh_config_paths)
    if known is None:
        try:
            lines = list(config_lines(account.ssh_config_paths, config_files.ssh_home()))
        except KeyError:
            lines = [ConfigLine(UNREAD)]  # no entry in passwd; ssh has no answer either
        known = running.ssh_answers[account.ssh_config_paths] = SharedAnswers(Conditions.of(lines))
    return known


async def _defaults(timeout_s: float, host: str) -> str:
    """What ssh does without any configuration; the same for every host."""
    if _PROGRAM not in _known_defaults:
        _known_defaults[_PROGRAM] = await _run(["-F", "none", "--", host], timeout_s, host)
    return _known_defaults[_PROGRAM]


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
    try:
        return config_files.arguments(account.ssh_config_paths, lambda text: files.enter_context(_file(text)))
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
    loop = asyncio.get_running_loop()
    transport, asked = await loop.subprocess_exec(
        _Asked,
        *(_PROGRAM, "-G", *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout_s):
            await asked.over.wait()
    except TimeoutError:
        raise _unusable(f"ssh did not resolve it within {timeout_s:g} s", host) from None
    finally:
        # What a Match exec has started ends with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(transport.get_pid(), signal.SIGKILL)
        transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await asked.over.wait()
    code, output, errors = transport.get_returncode(), asked.text(1), asked.text(2)
    if code == 0 and "\nhostname " in f"\n{output}":
        return output
    if asked.overflowed or code == 0 or "-- G" in errors or "No user exists for uid" in errors:
        raise _NoAnswerError(errors)
    said = [line.strip() for line in errors.splitlines() if line.strip() and "Pseudo-terminal" not in line]
    raise _unusable("; ".join(said[:3]) or f"ssh ended with exit code {code}", host)


class _Asked(asyncio.SubprocessProtocol):
    """ssh while it answers; ``over`` when it has ended and all that it said has arrived."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.overflowed = False
        self._said = {1: bytearray(), 2: bytearray()}

    def text(self, stream: int) -> str:
        return self._said[stream].decode("utf-8", "surrogateescape")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._said[fd] += data
        if len(self._said[fd]) > _MAX_BYTES:
            self.overflowed = True
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()


def _unusable(why: str, host: str) -> ConnectError:
    return unusable_configuration(why, f"Correct it until `ssh -G {host}` answers.")
