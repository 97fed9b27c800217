"""Would this host run the release? Asked before anything is sent, so that a bad answer costs nothing.

Each check gives problems in a person's words, with what to do. Changes nothing. Not for disk space, which
the upload asks for with its exact sizes (``store.room``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from relstore.errors import RelstoreError
from relstore.formats import systemctl
from relstore.formats.executable import Executable
from relstore.formats.names import AppName, UnitName
from relstore.formats.recipe import RELOAD, Recipe
from relstore.host.job import start as detach
from relstore.host.machine import access, logind, selinux
from relstore.host.machine.privilege import Privilege, Refusal
from relstore.host.service.systemd import Systemd, UnitState
from relstore.protocol import Preflight, Preflighted, Problem
from relstore.store.app import CURRENT

_COMPATIBLE = {
    "x86_64": ("x86_64", "i686", "i386"),
    "aarch64": ("aarch64", "arm", "armv7l", "armv8l"),
    "ppc64": ("ppc64", "ppc"),
    "s390x": ("s390x", "s390"),
    "mips64": ("mips64", "mips"),
}
"""What a kernel of the first also runs, as a rule."""
_MAX_NAMED = 3


def preflight(root: str, request: Preflight, password: str) -> Preflighted:
    """All that would go wrong on this host with the store at ``root``."""
    real = os.path.realpath(root)
    problems = [*_programs(request.programs)]
    if request.switch:
        problems += _detaching()
        problems += _services(real, request.app, request.recipe, password)
    return Preflighted(tuple(problems))


def _programs(programs: tuple[Executable, ...]) -> Iterator[Problem]:
    machine = os.uname().machine
    runs = _COMPATIBLE.get(machine, (machine,))
    foreign = [
        one for one in programs if one.machine and one.machine not in runs and not _emulates(one.machine)
    ]
    if foreign:
        kinds = ", ".join(sorted({one.machine for one in foreign}))
        yield Problem(
            f"{_named([one.path for one in foreign])} built for {kinds}, and this host is {machine}",
            f"Build for {machine}.",
        )
    fitting = [one for one in programs if one not in foreign]
    for loader in sorted({one.loader for one in fitting if one.loader and not os.path.exists(one.loader)}):
        paths = [one.path for one in fitting if one.loader == loader]
        yield Problem(
            f"{_named(paths)} linked for the dynamic loader {loader}, which this host does not have",
            "Link statically, or build on a distribution like the host's (glibc or musl, as it has).",
        )
    for name in sorted({one.interpreter for one in fitting if one.interpreter}):
        if not os.path.exists(name):
            paths = [one.path for one in fitting if one.interpreter == name]
            yield Problem(
                f"{_named(paths)} to be run by {name}, which this host does not have",
                f"Install {name} there.",
            )


def _named(paths: list[str]) -> str:
    """The first few, with the verb that follows."""
    first = ", ".join(paths[:_MAX_NAMED])
    if len(paths) > _MAX_NAMED:
        return f"{first} and {len(paths) - _MAX_NAMED} more are"
    return f"{first} {'is' if len(paths) == 1 else 'are'}"


def _emulates(machine: str) -> bool:
    """Whether binfmt_misc has an interpreter for programs of that machine."""
    name = {"i686": "i386", "armv7l": "arm"}.get(machine, machine)
    return os.path.exists(f"/proc/sys/fs/binfmt_misc/qemu-{name}")


def _detaching() -> Iterator[Problem]:
    try:
        detach.method()
    except RelstoreError as error:
        yield Problem(error.what, error.hint)


def _services(root: str, app: AppName, recipe: Recipe, password: str) -> Iterator[Problem]:
    if not recipe.units.names:
        return
    if not Systemd.is_here():
        yield Problem(
            "this host does not run systemd, and the configuration names a unit",
            "Use a `restart` command for whatever supervises the app there.",
        )
        return
    if recipe.units.user:
        yield from _lingering()
    privilege = Privilege(recipe.units.become, password)
    systemd = Systemd(recipe.units, privilege)
    silent = systemd.reachable()
    if silent:
        advice = "Does the account have a manager of its own? (loginctl enable-linger)"
        yield Problem(
            f"systemd does not answer: {silent}", advice if recipe.units.user else "Is D-Bus there?"
        )
        return
    for unit in recipe.units.names:
        state = systemd.state(unit)
        yield from _unit(unit, state, root, app, recipe)
        if state.load == "loaded" and not recipe.units.user:
            yield from _may_act(unit, recipe, privilege)


def _lingering() -> Iterator[Problem]:
    logout = logind.at_logout()
    if not logout.lingers:
        yield Problem(
            f"the units of {logout.account} stop when its last session ends",
            f"Once, as root there: loginctl enable-linger {logout.account}",
        )


def _unit(unit: UnitName, state: UnitState, root: str, app: AppName, recipe: Recipe) -> Iterator[Problem]:
    if state.load != "loaded":
        known = "does not exist" if state.load in ("not-found", "") else f"cannot be used: it is {state.load}"
        scope = "--user " if recipe.units.user else ""
        yield Problem(
            f"the unit {unit} {known}",
            f"`relstore unit --install` makes one; `systemctl {scope}status {unit}` says what systemd sees.",
        )
        return
    link = f"{root}/apps/{app}/{CURRENT}"
    if recipe.units.run_build and recipe.units.action != RELOAD and not _goes_through(state, link):
        yield Problem(
            f"the unit {unit} does not run {link}/…, so a switch would not change what it runs",
            f"Let ExecStart= begin with {link}/ and run `systemctl daemon-reload`, or set "
            "unit-runs-build = false if it only serves files from there.",
        )
    account = "" if state.dynamic_user else state.user or "root"
    if not recipe.units.user and account != "root":
        barrier = access.barrier(root, account)
        if barrier:
            yield Problem(
                f"{unit} runs as {account or 'an account of its own'}, which may not enter {barrier}",
                f"chmod o+x {barrier}, or put the store elsewhere (/srv, /opt).",
            )
    if state.protect_home in ("yes", "tmpfs") and root.startswith(("/home/", "/root/", "/run/user/")):
        yield Problem(
            f"the unit {unit} has ProtectHome={state.protect_home} and would not see the store at {root}",
            "Set ProtectHome=read-only, or put the store elsewhere (/srv, /opt).",
        )
    label = selinux.forbids(root)
    if label:
        yield Problem(
            f"SELinux is enforcing and {root} has the type {label}, which systemd may not execute",
            f"semanage fcontext -a -t bin_t '{root}(/.*)?' && restorecon -R {root}",
        )


def _goes_through(state: UnitState, link: str) -> bool:
    if link in state.places:
        return True
    for path in state.files:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                if link in file.read(1 << 20):
                    return True
        except OSError:
            continue
    return False


def _may_act(unit: UnitName, recipe: Recipe, privilege: Privilege) -> Iterator[Problem]:
    if os.geteuid() == 0:
        return
    if not recipe.units.become:
        yield Problem(
            f"restarting {unit} needs root",
            'Set become = "sudo" (`relstore sudoers` prints the rule), or use a unit of the account '
            "(user = true).",
        )
        return
    refused: dict[Refusal, list[str]] = {}
    for words in systemctl.commands(recipe.units.action):
        refusal = privilege.refusal(["systemctl", *words, unit])
        if refusal is not None:
            refused.setdefault(refusal, []).append(f"`systemctl {' '.join(words)} {unit}`")
            if not refusal.of_command:
                break  # the others would be refused for the same reason
    if not refused:
        refusal = privilege.asks_for(["systemctl", *systemctl.RESET_FAILED, unit])
        if refusal is not None:
            refused[refusal] = [f"`systemctl {recipe.units.action} {unit}`"]
    for refusal, commands in refused.items():
        yield Problem(f"{refusal.what}: {', '.join(commands)}", refusal.hint)
