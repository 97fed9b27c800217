"""Installs a unit file, for ``relstore unit --install``. Not for its text, which the client makes.

The text comes from the account that deploys. Whoever may have root install a unit may install any unit, so
this file guards against mistakes of that account, not against the account.
"""

from __future__ import annotations

import os

from relstore.errors import RefusedError, StoreError
from relstore.formats.cut_over import SLOTS
from relstore.formats.recipe import Units
from relstore.host.machine import ownership, tools
from relstore.host.machine.privilege import Privilege
from relstore.host.service import unit_settings
from relstore.host.service.systemd import Systemd
from relstore.protocol import Installed, InstallUnit
from relstore.store import durable
from relstore.store.directory import Dir
from relstore.store.root import account

_SYSTEM = "/etc/systemd/system"
_TOOL_S = 30


def install(root: str, request: InstallUnit, password: str) -> Installed:
    """Write the file and have systemd read it; do nothing if it has read the same already.

    ``root``: the path of the store. Raises StoreError; and RefusedError for another file of that name, or
    when root would run what another account can change.
    """
    if not request.user:
        _check_trust(root, request)
    directory = os.path.expanduser("~/.config/systemd/user") if request.user else _SYSTEM
    path = f"{directory}/{request.name}"
    present = _read(path)
    if present == request.text and _is_loaded(request):
        return Installed(path, False)
    if present not in (None, request.text) and not request.replace:
        raise RefusedError(
            f"{path} is there already, and is another one",
            state="Nothing was changed.",
            hint="Look at it; --force replaces it.",
        )
    privilege = Privilege("" if request.user else request.become, password)
    if request.user or os.geteuid() == 0:
        _write(directory, request)
    else:
        _write_as_root(path, request, privilege)
    scope = ["--user"] if request.user else []
    commands = [["daemon-reload"]]
    if unit_settings.is_enabled(request.text):
        commands.append(["enable", "--quiet", *request.name.instances(SLOTS)])
    for words in commands:
        result = privilege.run(["systemctl", *scope, *words], seconds=_TOOL_S)
        if result.code != 0:
            raise StoreError(
                f"`systemctl {' '.join([*scope, *words])}`: {result.said}", state=f"{path} was written."
            )
    return Installed(path, True)


def _check_trust(root: str, request: InstallUnit) -> None:
    """Raises RefusedError if root would run a file of the store that is not root's alone."""
    if not unit_settings.runs_as_root(request.text):
        return
    refusal = f"{request.name} would run as root"
    if os.geteuid() != 0:
        raise RefusedError(
            f"{refusal} what {account(os.geteuid())} can change",
            state="Nothing was changed.",
            hint="Give --account NAME, the account it is to run as.",
        )
    for path in (os.path.abspath(root), *unit_settings.absolute_paths(request.text)):
        exposed = ownership.exposed(path)
        if exposed:
            owner = os.lstat(exposed).st_uid
            raise RefusedError(
                f"{refusal} what {account(owner) if owner else 'other accounts'} can change: {exposed}",
                state="Nothing was changed.",
                hint=f"Give --account {account(owner) if owner else 'NAME'}, the account it is to run as.",
            )


def _is_loaded(request: InstallUnit) -> bool:
    """Whether systemd has read the file as it is; an earlier installation may have ended before that."""
    state = Systemd(Units(user=request.user), Privilege()).state(request.name.instances(SLOTS)[0])
    return state.load == "loaded" and not state.needs_reload


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except FileNotFoundError:
        return None


def _write(directory: str, request: InstallUnit) -> None:
    os.makedirs(directory, mode=0o755, exist_ok=True)
    with Dir.open_path(os.path.realpath(directory)) as opened:
        durable.replace_file(opened, request.name, request.text.encode("utf-8"))


def _write_as_root(path: str, request: InstallUnit, privilege: Privilege) -> None:
    """Through a file of our own: sudo's standard input is for the password alone.

    Processes of this account could replace that file before root reads it. They gain nothing by that: root
    installs whatever unit this account says anyway.
    """
    own = os.path.expanduser("~")
    with Dir.open_path(os.path.realpath(own)) as home:
        name = f".relstore-{request.name}.{os.getpid()}"
        durable.replace_file(home, name, request.text.encode("utf-8"))
        try:
            words = ["install", "-m", "644", "-o", "root", "-g", "root", "--", f"{home.path}/{name}", path]
            result = privilege.run(words, seconds=_TOOL_S)
        finally:
            durable.remove_name(home, name)
    if result.code != 0:
        hint = "" if result.code == tools.TIMED_OUT else 'Log in as root, or set become = "sudo".'
        raise StoreError(f"{path} cannot be written: {result.said}", state="Nothing was changed.", hint=hint)
