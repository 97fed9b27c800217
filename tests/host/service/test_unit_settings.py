"""What the text of a unit says about whom it runs as, and what it runs."""

from __future__ import annotations

import pytest

from relstore.host.service import unit_settings


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("", True),
        ("ExecStart=/bin/true", True),
        ("User=", True),
        ("User=root", True),
        ("User = 0", True),
        ("User=deploy", False),
        ("User=deploy\nUser=", True),
        ("User=root\nUser=deploy", False),
        ("#User=deploy", True),
        ("; User=deploy", True),
        ("Description=User=deploy", True),
        ("DynamicUser=yes", False),
        ("DynamicUser=true\nUser=web", False),
        ("DynamicUser=no", True),
        ("DynamicUser=yes\nUser=root", True),
        ("User=deploy\nExecStartPre=+/srv/web/prepare", True),
        ("User=deploy\nExecStart=-!/srv/web/run", True),
        ("User=deploy\nExecStart=-@/srv/web/run", False),
        ("User=\\\ndeploy", False),
    ],
)
def test_whether_it_runs_as_root(text: str, root: bool) -> None:
    assert unit_settings.runs_as_root(f"[Service]\n{text}\n") is root


def test_a_socket_runs_nothing_unless_it_says_so() -> None:
    assert not unit_settings.runs_as_root("[Socket]\nListenStream=80\n")
    assert unit_settings.runs_as_root("[Socket]\nListenStream=80\nExecStartPost=/bin/true\n")


def test_what_has_nothing_to_be_enabled() -> None:
    assert unit_settings.is_enabled("[Socket]\nListenStream=80\n\n[Install]\nWantedBy=sockets.target\n")
    assert not unit_settings.is_enabled("[Service]\nExecStart=/bin/echo [Install]\n")


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("ExecStart=/usr/bin/python3 -I /srv/web/helpers/newest recover /srv/web",
         ("/usr/bin/python3", "/srv/web/helpers/newest", "/srv/web")),
        ("ExecStart=-/srv/web/run --config=/etc/x", ("/srv/web/run",)),
        ('ExecStart="/srv/my web/run" "a \\"b"', ("/srv/my web/run",)),
        ("ExecStart='/srv/50%%/$$x'", ("/srv/50%/$x",)),
        ("ExecReload=/bin/a\nExecStart=/bin/a \\\n  /bin/b", ("/bin/a", "/bin/b")),
        ("#ExecStart=/bin/a\nWorkingDirectory=/srv", ()),
    ],
)  # fmt: skip
def test_the_paths_of_its_commands(line: str, paths: tuple[str, ...]) -> None:
    assert unit_settings.absolute_paths(f"[Service]\n{line}\n") == paths
