"""Would this host run it? Each answer in a person's words, with what to do."""

from __future__ import annotations

import grp
import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from relstore.errors import RefusedError
from relstore.formats.executable import Executable
from relstore.formats.names import UnitName
from relstore.formats.recipe import Recipe
from relstore.host.job import survival
from relstore.host.machine import access, logind, selinux
from relstore.host.machine.logind import Logout
from relstore.host.requests import preflight, preflight_programs, preflight_units
from relstore.host.service.members import Member
from relstore.host.service.systemd import UnitState
from relstore.protocol import Preflight
from tests.support.host_side import WEB

MACHINE = os.uname().machine
OTHER = "aarch64" if MACHINE != "aarch64" else "x86_64"


def ask(*programs: Executable) -> list[tuple[str, str]]:
    found = preflight.preflight("/srv/web", Preflight(WEB, Recipe(), programs, False), "")
    return [(problem.what, problem.hint) for problem in found.problems]


def program(path: str = "web", machine: str = MACHINE, loader: str = "", interpreter: str = "") -> Executable:
    return Executable(path, machine, loader, interpreter)


def test_what_this_host_runs_is_no_problem() -> None:
    assert ask(program(), program(loader="/"), program(machine="", interpreter="/bin/sh")) == []


def test_programs_for_another_machine_are_named_together() -> None:
    (found,) = ask(*(program(name, OTHER) for name in "abcde"))
    assert found == (
        f"a, b, c and 2 more are built for {OTHER}, and this host is {MACHINE} [program-machine]", f"Build for {MACHINE}.",
    )  # fmt: skip
    ((what, _),) = ask(program("setup.exe", "windows"))
    assert what.startswith("setup.exe is built for windows")


MIXED = [program("web"), program("x", OTHER)]
SCRIPT = program("run", "", "", "/bin/sh")
CARRIAGE = program("bad", "", "", "/bin/sh\r")
PERL = program("x.pl", "", "", "/no/perl")


@pytest.mark.parametrize(
    ("programs", "started", "stopping", "noted"),
    [
        (MIXED, "", "", "x"),
        (MIXED, "web", "", "x"),
        (MIXED, "x", "x", ""),
        ([program("x", OTHER), SCRIPT], "run", "x", ""),
        ([program("x", OTHER), SCRIPT], "", "x", ""),
        ([program("x", OTHER), program("y", OTHER)], "x", "x y", ""),
        (
            [program("web"), program("setup.exe", "windows"), program("x", loader="/no/ld")],
            "web",
            "",
            "setup.exe x",
        ),
        ([program("web"), PERL], "web", "", "x.pl"),
        ([program("web"), PERL], "", "x.pl", ""),
        ([SCRIPT, CARRIAGE], "run", "", "bad"),
        ([SCRIPT, CARRIAGE], "bad", "bad", ""),
    ],
)
def test_what_stops_a_push_is_what_is_started_or_a_build_of_which_nothing_runs(
    programs: list[Executable], started: str, stopping: str, noted: str
) -> None:
    judged = preflight_programs.judge(programs, started.split())

    def named(texts: Iterable[str]) -> str:
        return " ".join(re.split(" (?:is|are) ", text)[0].replace(",", "") for text in texts)

    assert named(problem.what for problem in judged.problems) == stopping
    assert named(judged.notes) == noted


def test_a_script_with_a_carriage_return_is_named() -> None:
    ((what, hint),) = ask(program("run", "", "", "/bin/sh\r"))
    assert (
        what == "run is no script that Linux runs: a carriage return ends its #! line [program-line-ending]"
    )
    assert "sed -i" in hint


def test_a_loader_and_an_interpreter_that_are_missing() -> None:
    ((what, hint),) = ask(program(loader="/lib/ld-nothing.so.1"))
    assert what == (
        "web is linked for the dynamic loader /lib/ld-nothing.so.1, which this host does not have [program-loader]"
    )
    assert "Link statically" in hint
    ((what, hint),) = ask(program(machine="", interpreter="/usr/bin/nothing9"))
    assert (
        what == "web is to be run by /usr/bin/nothing9, which this host does not have [program-interpreter]"
    )


def test_an_interpreter_of_the_release_itself_is_not_missed(tmp_path: Path) -> None:
    """A virtual environment's scripts name its own python, which is there once the release is current."""

    def asked(interpreter: str, root: Path) -> list[str]:
        programs = (program(machine="", interpreter=interpreter),)
        found = preflight.preflight(str(root), Preflight(WEB, Recipe(), programs, False), "")
        return [problem.what for problem in found.problems]

    link = tmp_path / "link"
    link.symlink_to(tmp_path / "store")
    for root in (tmp_path / "store", link):
        for own in (root, tmp_path / "store"):
            assert asked(f"{own}/apps/web/current/venv/bin/python3", root) == []
    other = f"{tmp_path}/store/apps/web2/current/venv/bin/python3"
    assert asked(other, tmp_path / "store") == [
        f"web is to be run by {other}, which this host does not have [program-interpreter]"
    ]


@pytest.mark.parametrize(
    ("systemd", "root", "logout", "way"),
    [
        (True, True, Logout(False, False, "root"), survival.SCOPE),
        (True, True, Logout(True, False, "root"), survival.SCOPE),
        (True, False, Logout(False, False, "deploy"), survival.SESSION),
        (True, False, Logout(False, True, "deploy"), survival.SESSION),
        (True, False, Logout(True, True, "deploy"), survival.USER_SCOPE),
        (False, False, Logout(False, False, "deploy"), survival.SESSION),
        (False, True, Logout(False, False, "root"), survival.SESSION),
    ],
)
def test_how_a_job_is_kept_alive(systemd: bool, root: bool, logout: Logout, way: str) -> None:
    assert survival.choose(systemd=systemd, root=root, logout=logout) == way


def test_where_it_would_die_it_is_refused() -> None:
    with pytest.raises(RefusedError, match="ends all processes of deploy") as caught:
        survival.choose(systemd=True, root=False, logout=Logout(True, False, "deploy"))
    assert "loginctl enable-linger deploy" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("0::/user.slice/user-1000.slice/session-3.scope\n", "/user.slice/user-1000.slice/session-3.scope"),
        ("1:name=systemd:/old\n0::/new\n", "/new"),
        ("12:cpu,cpuacct:/x\n1:name=systemd:/user.slice/session-1.scope\n", "/user.slice/session-1.scope"),
        ("", ""),
    ],
)
def test_the_control_group_of_a_process(text: str, place: str, tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text(text)
    assert logind.cgroup(str(tmp_path / "cgroup")) == place


def test_modes_on_the_way() -> None:
    mine = os.stat_result((0o040700, 1, 1, 1, 1000, 1000, 0, 0, 0, 0))
    may = access.may_enter
    assert may(mine, 1000, {5})
    assert may(mine, 0, set())
    assert not may(mine, 1001, {1000})
    group = os.stat_result((0o040710, 1, 1, 1, 1000, 1000, 0, 0, 0, 0))
    assert may(group, 1001, {1000})
    assert not may(group, 1001, {5})
    # Whoever the group's bits are for does not get those of the others.
    odd = os.stat_result((0o040701, 1, 1, 1, 1000, 1000, 0, 0, 0, 0))
    assert not may(odd, 1001, {1000})
    assert may(odd, -1, set())


def test_groups_that_the_unit_gives_count(monkeypatch: pytest.MonkeyPatch) -> None:
    number = os.getgid()
    status = os.stat_result((0o040710, 1, 1, 1, 0, number, 0, 0, 0, 0))
    monkeypatch.setattr(os, "stat", lambda _: status)
    assert access.barrier("/srv", "", ["no-such-group"]) == "/"
    for name in (grp.getgrgid(number).gr_name, str(number)):
        assert access.barrier("/srv", "", ["no-such-group", name]) == ""


LINK = "/srv/web/apps/web/current"
LOADED = UnitState.parse(f"LoadState=loaded\nType=exec\nExecStart={{ path={LINK}/bin/web ; }}\n")
UNIT = UnitName("web.service")


@pytest.mark.parametrize(
    ("state", "user", "what", "hint"),
    [
        (LOADED, False, "", ""),
        (LOADED._replace(load="not-found"), False, "does not exist", "systemctl status"),
        (LOADED._replace(load="masked"), False, "it is masked", "systemctl status"),
        (
            LOADED._replace(needs_reload=True),
            False,
            "have changed since systemd read",
            "`systemctl daemon-reload`",
        ),
        (LOADED._replace(needs_reload=True), True, "have changed", "`systemctl --user daemon-reload`"),
    ],
)
def test_whether_systemd_has_the_unit(state: UnitState, user: bool, what: str, hint: str) -> None:
    found = list(preflight_units.loaded(UNIT, state, user=user))
    assert bool(found) is bool(what)
    for problem in found:
        assert what in problem.what
        assert hint in problem.hint
        assert problem.kind in ("unit-not-loaded", "unit-changed")


@pytest.mark.parametrize(
    ("state", "members", "what"),
    [
        (LOADED, (), ""),
        (LOADED._replace(places="/opt/web"), (), "a switch would not change what it runs"),
        (LOADED._replace(places=""), (Member(UnitName("a.service"), True, True),), ""),
        (
            LOADED._replace(places=""),
            (Member(UnitName("a.service"), False, True),),
            "a switch would not change",
        ),
        (
            LOADED._replace(places=""),
            (Member(UnitName("a.service"), True, False),),
            "does not restart a.service",
        ),
    ],
)
def test_whether_the_unit_runs_what_the_link_leads_to(
    state: UnitState, members: tuple[Member, ...], what: str
) -> None:
    found = list(preflight_units.runs_release(UNIT, state, members, LINK, Recipe()))
    assert bool(found) is bool(what)
    assert all(what in problem.what for problem in found)


def test_an_account_that_does_not_exist_meets_no_barrier() -> None:
    assert access.barrier("/root", "nobody-of-that-name") == ""


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("unconfined_u:object_r:user_home_t:s0", "user_home_t"),
        ("system_u:object_r:admin_home_t:s0", "admin_home_t"),
        ("system_u:object_r:bin_t:s0", ""),
        ("system_u:object_r:var_t:s0", ""),
        ("", ""),
        ("user_home_t", ""),
    ],
)
def test_types_that_systemd_may_not_execute(label: str, found: str) -> None:
    assert selinux.forbidden_type(label) == found


def test_without_selinux_nothing_is_forbidden(tmp_path: Path) -> None:
    assert selinux.forbids(str(tmp_path), str(tmp_path / "none")) == ""
    (tmp_path / "enforce").write_text("0")
    assert selinux.forbids(str(tmp_path), str(tmp_path / "enforce")) == ""
