"""What ssh_config says about a host, for our own code and for asyncssh: read once for hosts that are alike.

Not for what ssh_config means (``config``, ``ssh_answer``).
"""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import asyncssh
from asyncssh.misc import encode_env, lookup_env

from relstore.client.connection.account import Account
from relstore.client.connection.transport.address import SSHTarget
from relstore.client.connection.transport.ssh.alike import common_part
from relstore.client.connection.transport.ssh.config import HostSettings, existing
from relstore.client.connection.transport.ssh.options import INERT
from relstore.client.connection.transport.ssh.ssh_answer import answer_about, told


@dataclass(frozen=True)
class Configured:
    """A host's settings, and how asyncssh is told of them."""

    settings: HostSettings
    words: dict[str, Any]
    """Arguments for ``asyncssh.connect``: files to read, or options that were read already."""


async def configured(target: SSHTarget, account: Account, files: ExitStack) -> Configured:
    """What holds for ``target``, until ``files`` is closed. Raises ConnectError, TargetError."""
    answer = await answer_about(target, account)
    if answer is None:
        return _from_files(target, account)
    text = common_part(answer, target)
    # With a token, or a name or port of its own, it means something else to each host.
    if "%" in text or "hostname " in text:
        try:
            told_account = files.enter_context(told(answer, account))
        except OSError:
            return _from_files(target, account)
        return _from_files(target, told_account)
    known: dict[Hashable, Configured] = account.shared.running.configured
    key = (account.ssh_config_paths, text, target.user, target.port is None)
    if key not in known:
        with ExitStack() as short:
            try:
                told_account = short.enter_context(told(text, account))
            except OSError:
                return _from_files(target, account)
            settings = HostSettings.load(target, told_account)
            try:
                options = _options(list(told_account.ssh_config_paths))
            except ValueError:
                # asyncssh cannot use it; it will say so when it is to connect.
                return _from_files(target, files.enter_context(told(answer, account)))
        known[key] = Configured(settings, {"config": None, "options": options})
    found = known[key]
    port = found.settings.port if target.port is None else target.port
    return replace(found, settings=replace(found.settings, host=target.host, port=port))


def _options(config: list[str]) -> asyncssh.SSHClientConnectionOptions:
    """With the variables of SendEnv: asyncssh would go through the environment again for each host.

    Raises ValueError, OSError.
    """
    options = asyncssh.SSHClientConnectionOptions(config=config, **INERT)
    if not options.send_env:
        return options
    variables = dict(lookup_env(options.send_env)) | dict(encode_env(options.env or {}))
    return asyncssh.SSHClientConnectionOptions(options, config=None, env=variables, send_env=None)


def _from_files(target: SSHTarget, account: Account) -> Configured:
    settings = HostSettings.load(target, account)
    return Configured(settings, {"config": existing(account.ssh_config_paths)})
