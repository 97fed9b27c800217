"""Would the units of a recipe run the release, and may this account restart them? Part of ``preflight``.

Judges what systemd has loaded, not the unit files: those may have changed since, and are not all there is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from relstore.formats import systemctl
from relstore.formats.cut_over import LIVE, MAX_SOCKET_BYTES, SLOTS, TRIAL, CutOver, Place
from relstore.formats.cut_over import SLOTS_DIRECTORY as DIRECTORY
from relstore.formats.names import AppName, UnitName
from relstore.formats.recipe import RELOAD, RESTART, Recipe
from relstore.host.machine import access, logind, selinux
from relstore.host.machine.privilege import Privilege, Refusal
from relstore.host.requests import preflight_front
from relstore.host.service import link_use
from relstore.host.service.members import Member, expand
from relstore.host.service.systemd import Systemd, UnitState
from relstore.protocol import Problem
from relstore.store.app import CURRENT


def unit_problems(
    root: str, app: AppName, recipe: Recipe, password: str, link_name: str = CURRENT
) -> Iterator[Problem]:
    """What is wrong with the units for an app of the store at ``root``. ``link_name``: they run that link."""
    if recipe.cut_over is not None and not recipe.units.names:
        yield from _slot_problems(root, app, recipe, recipe.cut_over, password)
        return
    if not recipe.units.names:
        return
    if not Systemd.is_here():
        yield Problem.of(
            "no-systemd",
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
        yield Problem.of(
            "systemd-silent",
            f"systemd does not answer: {silent}",
            advice if recipe.units.user else "Is D-Bus there?",
        )
        return
    link = f"{root}/apps/{app}/{link_name}"
    members = expand(recipe.units.names, systemd.state, link)
    for unit in recipe.units.names:
        state = systemd.state(unit)
        yield from loaded(unit, state, user=recipe.units.user)
        if state.load == "loaded":
            yield from runs_release(unit, state, expand([unit], systemd.state, link), link, recipe)
            if not recipe.units.user:
                yield from _may_act(unit, state, recipe, privilege)
    yield from _members(members, systemd.state, root, recipe)
    label = selinux.forbids(root)
    if label:
        yield Problem.of(
            "selinux",
            f"SELinux is enforcing and {root} has the type {label}, which systemd may not execute",
            f"semanage fcontext -a -t bin_t '{root}(/.*)?' && restorecon -R {root}",
        )


def _slot_problems(
    root: str, app: AppName, recipe: Recipe, cut_over: CutOver, password: str
) -> Iterator[Problem]:
    yield from preflight_front.front_problems(cut_over)
    live = f"{root}/apps/{app}/{LIVE}"
    if cut_over.has_link and len(os.fsencode(live)) > MAX_SOCKET_BYTES:
        yield Problem.of(
            "live-too-long",
            f"{live} is longer than the {MAX_SOCKET_BYTES} bytes that the path of a Unix socket may have",
            "Use a shorter path for the store, or a shorter name for the app.",
        )
    seen = set()
    places: tuple[Place, ...] = SLOTS if cut_over.trial is None else (*SLOTS, TRIAL)
    for slot in places:
        for problem in unit_problems(root, app, recipe.for_slot(slot), password, f"{DIRECTORY}/{slot}"):
            if problem not in seen:
                seen.add(problem)
                yield problem
    if cut_over.trial is not None and not seen:
        yield from _sharing(recipe, cut_over)


def _sharing(recipe: Recipe, cut_over: CutOver) -> Iterator[Problem]:
    """Whether both slots accept from one socket, and neither keeps the other from that."""
    systemd = Systemd(recipe.units, Privilege())
    states = {unit: systemd.state(unit) for unit in map(cut_over.unit, SLOTS)}
    sockets = [{name for name in state.triggered_by if name.endswith(".socket")} for state in states.values()]
    if not set.intersection(*sockets):
        yield Problem.of(
            "socket-not-shared",
            f"no socket of systemd's passes connections to both {' and '.join(states)}",
            f"Add Sockets=NAME.socket to {cut_over.template}; then `systemctl daemon-reload`.",
        )
    for unit, state in states.items():
        if not state.non_blocking:
            yield Problem.of(
                "socket-blocks",
                f"{unit} has no NonBlocking=yes, so the release that serves would stall in accept when the "
                "next one starts",
                f"Add NonBlocking=yes to {cut_over.template}; then `systemctl daemon-reload`.",
            )
            break


def started(root: str, app: AppName, recipe: Recipe) -> frozenset[str]:
    """The paths, inside the build, of all that the units name: programs, and what is given to them."""
    link_name = CURRENT
    if recipe.cut_over is not None:
        recipe, link_name = recipe.for_slot("a"), f"{DIRECTORY}/a"
    if not recipe.units.names or not Systemd.is_here():
        return frozenset()
    systemd = Systemd(recipe.units, Privilege())
    link = f"{root}/apps/{app}/{link_name}"
    return frozenset(
        os.path.normpath(path)
        for member in expand(recipe.units.names, systemd.state, link)
        for path in link_use.paths_through(systemd.state(member.unit).places, link)
        if path
    )


def _lingering() -> Iterator[Problem]:
    logout = logind.at_logout()
    if not logout.lingers:
        yield Problem.of(
            "unit-ends-at-logout",
            f"the units of {logout.account} stop when its last session ends",
            f"Once, as root there: loginctl enable-linger {logout.account}",
        )


def loaded(unit: UnitName, state: UnitState, *, user: bool) -> Iterator[Problem]:
    """Whether systemd can start the unit, and would start what its files say."""
    scope = "--user " if user else ""
    if state.load != "loaded":
        known = "does not exist" if state.load in ("not-found", "") else f"cannot be used: it is {state.load}"
        yield Problem.of(
            "unit-not-loaded",
            f"the unit {unit} {known}",
            f"`relstore unit --install` makes one; `systemctl {scope}status {unit}` says what systemd sees.",
        )
    elif state.needs_reload:
        yield Problem.of(
            "unit-changed",
            f"the files of the unit {unit} have changed since systemd read them, so it would run as before",
            f"Run `systemctl {scope}daemon-reload` there.",
        )


def runs_release(
    unit: UnitName, state: UnitState, members: tuple[Member, ...], link: str, recipe: Recipe
) -> Iterator[Problem]:
    """Whether a restart of the unit, whose ``members`` those are, starts what the link leads to."""
    if not recipe.units.run_build or recipe.units.action == RELOAD:
        return
    behind = [member for member in members if member.unit != unit and member.must_run]
    if not behind and not link_use.goes_through(state.places, link):
        yield Problem.of(
            "unit-runs-other",
            f"the unit {unit} does not run {link}/…, so a switch would not change what it runs",
            f"Let ExecStart= begin with {link}/ and run `systemctl daemon-reload`, or set "
            "unit-runs-build = false if it only serves files from there.",
        )
    for member in behind:
        if recipe.units.action == RESTART and not member.restarted:
            yield Problem.of(
                "unit-not-restarted",
                f"a restart of {unit} does not restart {member.unit}",
                f"Add PartOf={unit} to the [Unit] section of {member.unit}; then `systemctl daemon-reload`.",
            )


def _members(
    members: tuple[Member, ...], state: Callable[[UnitName], UnitState], root: str, recipe: Recipe
) -> Iterator[Problem]:
    """Whether what runs the release may reach it."""
    for member in members:
        seen = state(member.unit)
        if not member.must_run or seen.load != "loaded":
            continue
        if member.unit not in recipe.units.names:
            yield from loaded(member.unit, seen, user=recipe.units.user)
        yield from reaches_store(member.unit, seen, root, user=recipe.units.user)


def reaches_store(unit: UnitName, state: UnitState, root: str, *, user: bool) -> Iterator[Problem]:
    """Whether the unit's processes may enter and see the store."""
    account = "" if state.dynamic_user else state.user or "root"
    if state.type and not user and account != "root":
        barrier = access.barrier(root, account, state.groups)
        if barrier:
            yield Problem.of(
                "store-unreachable",
                f"{unit} runs as {account or 'an account of its own'}, which may not enter {barrier}",
                f"chmod o+x {barrier}, or put the store elsewhere (/srv, /opt).",
            )
    if state.protect_home in ("yes", "tmpfs") and root.startswith(("/home/", "/root/", "/run/user/")):
        yield Problem.of(
            "store-hidden",
            f"the unit {unit} has ProtectHome={state.protect_home} and would not see the store at {root}",
            "Set ProtectHome=read-only, or put the store elsewhere (/srv, /opt).",
        )


def _may_act(unit: UnitName, state: UnitState, recipe: Recipe, privilege: Privilege) -> Iterator[Problem]:
    if os.geteuid() == 0:
        return
    if not recipe.units.become:
        yield Problem.of(
            "unit-needs-root",
            f"restarting {unit} needs root",
            'Set become = "sudo" (`relstore sudoers` prints the rule), or use a unit of the account '
            "(user = true).",
        )
        return
    refused: dict[Refusal, list[str]] = {}
    needed = systemctl.commands(recipe.units.action)
    if recipe.cut_over is not None:
        is_trial = unit == recipe.cut_over.trial
        needed = systemctl.trial_commands() if is_trial else systemctl.slot_commands()
    for words in needed:
        refusal = privilege.refusal(["systemctl", *words, unit])
        if refusal is not None:
            refused.setdefault(refusal, []).append(f"`systemctl {' '.join(words)} {unit}`")
            if not refusal.of_command:
                break  # the others would be refused for the same reason
    if not refused and state.active != "failed":
        # It changes nothing about a unit that has not failed.
        refusal = privilege.asks_for(["systemctl", *systemctl.RESET_FAILED, unit])
        if refusal is not None:
            refused[refusal] = [f"`systemctl {recipe.units.action} {unit}`"]
    for refusal, commands in refused.items():
        yield Problem.of("sudo-refuses", f"{refusal.what}: {', '.join(commands)}", refusal.hint)
