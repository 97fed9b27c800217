"""The units of an app with slots, held against systemd itself where it is there."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from relstore.client.slot_units import Ports, slot_units
from relstore.client.unit_text import Service
from relstore.errors import UsageError
from relstore.formats.cut_over import LINK, NONE, SOCKET, CutOver
from relstore.formats.names import AppName, TemplateName, UnitName

WEB = Service(AppName("web"), "/srv/web", "bin/web")
SLOTS = CutOver(TemplateName.parse("web@"), LINK, "/run/web-{slot}/sock", 60, False, 10_000)


def test_slots_run_through_their_links_and_stop_after_the_drain() -> None:
    web = replace(WEB, arguments=("--socket", "/run/web-{slot}/sock", "50%"))
    (template,) = slot_units(web, SLOTS, front=None)
    assert template.name == "web@.service"
    lines = template.text.splitlines()
    assert 'ExecStart=/srv/web/apps/web/slots/%i/bin/web --socket /run/web-%i/sock "50%%"' in lines
    assert "ConditionPathExists=/srv/web/apps/web/slots/%i" in lines
    assert "RuntimeDirectory=web-%i" in lines
    assert "TimeoutStopSec=75s" in lines
    assert "UMask=0000" in lines


def test_the_front_connects_to_what_is_live() -> None:
    _, socket, service = slot_units(WEB, SLOTS, front=8080)
    assert (socket.name, service.name) == ("web.socket", "web.service")
    assert "ListenStream=8080" in socket.text.splitlines()
    assert "Type=exec" in service.text.splitlines()
    assert "--connections-max=20000 /srv/web/apps/web/live" in service.text


def test_both_slots_share_an_account_and_nobody_else_has_it() -> None:
    (template,) = slot_units(WEB, SLOTS)
    assert {"DynamicUser=yes", "User=relstore-web"} <= set(template.text.splitlines())
    long = replace(WEB, app=AppName("a.name.of.forty.letters-and-more-than-that"))
    (line,) = [line for line in slot_units(long, SLOTS)[0].text.splitlines() if line.startswith("User=")]
    assert len(line.removeprefix("User=")) <= 31
    assert "." not in line
    (template,) = slot_units(replace(WEB, account="web"), SLOTS)
    assert "DynamicUser=yes" not in template.text


PORTS: Ports = (8001, 8002)


def test_a_program_that_knows_only_a_port_has_a_socket_and_a_proxy() -> None:
    web = replace(WEB, arguments=("--listen", "127.0.0.1:{port}", "$x {slot}"))
    template, socket, service = slot_units(web, SLOTS, ports=PORTS)
    assert (socket.name, service.name) == ("web-port@.socket", "web-port@.service")
    lines = template.text.splitlines()
    assert 'ExecStart=/srv/web/apps/web/slots/%i/bin/web --listen 127.0.0.1:${PORT_%i} "$$x "%i' in lines
    assert {"Environment=PORT_a=8001 PORT_b=8002", "Requires=web-port@%i.socket", "UMask=0077"} <= set(lines)
    assert "RuntimeDirectory=" not in template.text
    assert {"ListenStream=/run/web-%i/sock", "PartOf=web@%i.service"} <= set(socket.text.splitlines())
    assert {"PartOf=web@%i.service", "Before=web@%i.service", "DynamicUser=yes"} <= set(
        service.text.splitlines()
    )
    assert "--connections-max=20000 127.0.0.1:${PORT_%i}" in service.text


def test_without_a_placeholder_the_port_is_in_the_environment() -> None:
    template, *_ = slot_units(WEB, SLOTS, ports=PORTS)
    assert "ExecStart=/usr/bin/env PORT=${PORT_%i} /srv/web/apps/web/slots/%i/bin/web" in template.text


def test_a_port_of_workers_has_no_proxy() -> None:
    workers = SLOTS._replace(way=NONE, socket="")
    (template,) = slot_units(WEB, workers, ports=PORTS)
    assert "web-port@" not in template.text


def test_a_placeholder_without_ports_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="and no ports"):
        slot_units(replace(WEB, arguments=("{port}",)), SLOTS)


def test_units_of_an_accounts_own_manager_need_nothing_of_root() -> None:
    mine = replace(WEB, user=True, arguments=("--socket", "{runtime}/web-{slot}/sock"))
    cut_over = SLOTS._replace(socket="{runtime}/web-{slot}/sock")
    files = slot_units(mine, cut_over, front=8080, ports=PORTS)
    assert not [file.name for file in files if "User=" in file.text]
    assert "bin/web --socket %t/web-%i/sock" in files[0].text
    assert "ListenStream=%t/web-%i/sock" in files[1].text
    assert "WantedBy=default.target" in files[0].text


SHARED = SLOTS._replace(way=SOCKET, announce=True, trial=UnitName("web-trial.service"))


def test_slots_that_share_a_socket_and_the_trial_of_a_release() -> None:
    web = replace(WEB, arguments=("--name", "web-{slot}"))
    template, trial, own, socket = slot_units(web, SHARED, front=80)
    names = (template.name, trial.name, own.name, socket.name)
    assert names == ("web@.service", "web-trial.service", "web-trial.socket", "web.socket")
    lines = template.text.splitlines()
    assert {"Sockets=web.socket", "NonBlocking=yes", "TimeoutStopSec=75s", "UMask=0077"} <= set(lines)
    lines = trial.text.splitlines()
    assert "ExecStart=/srv/web/apps/web/slots/trial/bin/web --name web-trial" in lines
    assert {"NonBlocking=yes", "Requires=web-trial.socket", "User=relstore-web"} <= set(lines)
    assert "[Install]" not in trial.text + own.text
    assert "ListenStream=/run/web-trial/sock" in own.text.splitlines()
    assert {"ListenStream=80", "Service=web@a.service"} <= set(socket.text.splitlines())


def test_a_program_at_a_shared_socket_needs_no_port() -> None:
    with pytest.raises(UsageError, match="takes the socket from systemd"):
        slot_units(WEB, SHARED, ports=PORTS)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
@pytest.mark.parametrize(("cut_over", "ports"), [(SLOTS, None), (SLOTS, PORTS), (SHARED, None)])
def test_systemd_has_nothing_against_slots(cut_over: CutOver, ports: Ports | None, tmp_path: Path) -> None:
    web = Service(AppName("web"), str(tmp_path), "bin/web")
    for place in ("a", "trial"):
        program = tmp_path / f"apps/web/slots/{place}/bin/web"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    checked = []
    for file in slot_units(web, cut_over, front=80, ports=ports):
        (tmp_path / file.name).write_text(file.text)
        checked.append(str(tmp_path / file.name.replace("@.", "@a.")))
        if "@." in file.name:
            Path(checked[-1]).symlink_to(file.name)
    done = subprocess.run(["systemd-analyze", "verify", *checked], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
