"""What docs/services.md shows is what happens, on a host with systemd."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.support.hosts.systemd import SystemdHost
from tests.systemd.releases import SERVICE
from tests.test_docs_stories import ROOT, run_steps, shows, steps_of

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]


def test_what_the_document_shows_is_what_happens(host: SystemdHost, tmp_path: Path) -> None:
    host.run("rm", "/etc/systemd/system/web.service")
    host.run("install", "-d", "-o", "deploy", "-g", "deploy", "/srv/web")
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    (home / ".ssh/config").write_text(host.ssh_config("deploy"))
    environment = {
        "HOME": str(home),
        "LOGNAME": "ada",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SERVICE": str(SERVICE),
    }
    steps = steps_of(ROOT / "docs/services.md")
    results = run_steps(steps, home, environment, host.network.prefix)
    wrong = []
    for index, (step, (code, output)) in enumerate(zip(steps, results, strict=True)):
        output = re.sub(rf"@{re.escape(os.uname().nodename)}\b", "@laptop", output)
        failed = code != 0 and not step.may_fail
        if failed or (step.output is not None and not shows(step.output, output)):
            wrong.append(
                f"docs/services.md:{step.line}: {step.command}\nended with {code}, printed:\n{output}"
            )
        assert index or not failed, wrong
    assert not wrong, "\n".join(wrong)
