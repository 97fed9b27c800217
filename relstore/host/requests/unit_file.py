"""Putting a unit file in place, for ``relstore unit --install``. Not for its text, which the client makes."""

from __future__ import annotations

import os

from relstore.errors import RefusedError, StoreError
from relstore.host.machine import tools
from relstore.host.machine.privilege import Privilege
from relstore.protocol import Installed, InstallUnit
from relstore.store import durable
from relstore.store.directory import Dir

_SYSTEM = "/etc/systemd/system"
_TOOL_S = 30


def install(request: InstallUnit, password: str) -> Installed:
    """Write the file and have systemd read it; nothing when it is there already, word for word.

    Raises RefusedError for another file of that name, StoreError.
    """
    directory = os.path.expanduser("~/.config/systemd/user") if request.user else _SYSTEM
    path = f"{directory}/{request.name}"
    present = _read(path)
    if present == request.text:
        return Installed(path, False)
    if present is not None and not request.replace:
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
    for words in (["daemon-reload"], ["enable", "--quiet", request.name]):
        result = privilege.run(["systemctl", *scope, *words], seconds=_TOOL_S)
        if result.code != 0:
            raise StoreError(
                f"`systemctl {' '.join([*scope, *words])}`: {result.said}", state=f"{path} was written."
            )
    return Installed(path, True)


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
    """Through a file of our own: sudo's standard input is for the password alone."""
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
