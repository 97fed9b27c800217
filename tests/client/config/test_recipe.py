"""The keys that say how a release goes live: what each may hold, and the recipe that they make together."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.client.config.load import load
from relstore.client.config.recipe import policy
from relstore.client.config.recipe import recipe as recipe_of
from relstore.errors import ConfigError, UsageError
from relstore.formats.command import Command
from relstore.formats.cut_over import LINK, CutOver
from relstore.formats.front import Front, HaproxyApi
from relstore.formats.names import BackendName, TemplateName, UnitName
from relstore.formats.recipe import Health, Http, Recipe, Units


def recipe(tmp_path: Path, text: str) -> Recipe:
    path = tmp_path / "relstore.toml"
    path.write_text(text)
    return recipe_of(load(path).values)


def test_no_setting_restarts_and_checks_nothing(tmp_path: Path) -> None:
    assert recipe(tmp_path, "") == Recipe()


def test_every_setting_is_in_the_recipe(tmp_path: Path) -> None:
    made = recipe(
        tmp_path,
        """
        unit = ["web", "worker@1.service"]
        user = true
        unit-action = "try-reload-or-restart"
        unit-runs-build = false
        become = "sudo"
        restart = "supervisorctl restart web"
        reload = ["kill", "-HUP", "1"]
        restart-timeout = "2m"
        http = ["http://127.0.0.1:80/", { url = "http://web/x", status = 204, body = "ok", headers = ["A: b"] }]
        http-status = 200
        http-socket = "/run/web.sock"
        tcp = ["127.0.0.1:80", "[::1]:81"]
        health-command = "./check"
        health-timeout = "1m"
        health-interval = "250ms"
        health-stable = "0s"
        before = "./migrate"
        after = ["./warm", "up"]
        on-failure = "./tell"
        hook-timeout = "1h"
        confirm = "90s"
        """,
    )
    assert made == Recipe(
        Units((UnitName("web.service"), UnitName("worker@1.service")), True, "try-reload-or-restart", False, "sudo"),
        Command(("sh", "-c", "supervisorctl restart web"), 120),
        Command(("kill", "-HUP", "1"), 120),
        120,
        Health(
            60_000, 250, 0,
            (
                Http("http://127.0.0.1:80/", 200, "", (), "/run/web.sock"),
                Http("http://web/x", 204, "ok", ("A: b",), "/run/web.sock"),
            ),
            ("127.0.0.1:80", "[::1]:81"),
            (Command(("sh", "-c", "./check"), 10),),
        ),
        Command(("sh", "-c", "./migrate"), 3600),
        Command(("./warm", "up"), 3600),
        Command(("sh", "-c", "./tell"), 3600),
        90,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("action", "runs"), [("restart", True), ("reload", False), ("try-reload-or-restart", True)]
)
def test_a_unit_that_only_reloads_need_not_run_the_build(action: str, runs: bool, tmp_path: Path) -> None:
    assert recipe(tmp_path, f'unit = "web"\nunit-action = "{action}"').units.run_build is runs
    said = f'unit = "web"\nunit-action = "{action}"\nunit-runs-build = true'
    assert recipe(tmp_path, said).units.run_build is True


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('unit = "../web"', "cannot be the name of a unit"),
        ("unit = []", "has no unit"),
        ('unit = ["web", "web.service"]', "names web.service twice"),
        ("unit = 1", "must be a string or an array"),
        ('unit-action = "stop"', "is not an action"),
        ('become = "doas"', "is not known"),
        ('user = "yes"', "must be a boolean"),
        ('http = "https://web/"', "is not a URL"),
        ("http = { status = 200 }", "has no url"),
        ('http = { url = "http://web/", statsu = 200 }', "has the unknown key 'statsu'"),
        ('http = { url = "http://web/", status = 99 }', "is not a status"),
        ('http = { url = "http://web/", status = true }', "is not a status"),
        ('http = { url = "http://web/", body = "(" }', "is not a regular expression"),
        ('http = { url = "http://web/", headers = ["A: b\\r\\nC: d"] }', "is not a header"),
        ('http = { url = "http://web/", headers = ["no colon"] }', "is not a header"),
        ('http-socket = "run/web.sock"', "is not an absolute path"),
        ("http = []", "has no URL"),
        ('tcp = "8080"', "is not HOST:PORT"),
        ('tcp = "web:99999"', "is not HOST:PORT"),
        ('health-timeout = "25h"', "is out of range"),
        ('health-interval = "0.5s"', "is not a duration"),
        ("health-stable = 3", "must be a string with a duration"),
        ('confirm = "0s"', "is out of range"),
        ('confirm = "2d"', "is out of range"),
        ("before = []", "has no program"),
    ],
)
def test_mistakes_are_named_with_their_line(line: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        recipe(tmp_path, f"# a comment\n{line}\n")
    assert what in caught.value.what
    assert caught.value.line == 2


def test_an_environment_overrides_them(tmp_path: Path) -> None:
    path = tmp_path / "relstore.toml"
    path.write_text('unit = "web"\nconfirm = "60s"\n[env.staging]\nunit = "web-staging"\n')
    made = recipe_of(load(path, "staging").values)
    assert (made.units.names, made.confirm) == (("web-staging.service",), 60)


def test_what_is_to_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "relstore.toml"
    path.write_text('keep = 3\nmax-size = "1K"\n')
    assert policy(load(path).values) == (3, None, 1024)
    path.write_text("")
    assert policy(load(path).values) is None


def test_a_template_makes_slots(tmp_path: Path) -> None:
    made = recipe(
        tmp_path,
        'unit = "web@"\nhttp = "http://localhost/"\ndrain = "5s"\nwatch = "2s"\ndrain-announce = true',
    )
    assert made.cut_over == CutOver(TemplateName("web@.service"), LINK, "/run/web-{slot}/sock", 5, True, 2000)
    assert made.units == Units()
    assert made.health.http == (Http("http://localhost/", socket="/run/web-{slot}/sock"),)


def front(tmp_path: Path, text: str) -> tuple[str, Front | None]:
    made = recipe(tmp_path, f'unit = "web@"\n{text}').cut_over
    assert made is not None
    return made.way, made.front


def test_what_is_told_of_the_shares(tmp_path: Path) -> None:
    api = HaproxyApi("/run/haproxy/admin.sock", BackendName("web"))
    assert front(tmp_path, 'cut-over = "link"') == ("link", None)
    assert front(tmp_path, 'cut-over = "haproxy"') == ("haproxy", Front((), api, None))
    set_by_hand = 'cut-over = "haproxy"\nshares = [10, 50]\nhaproxy-socket = "/x"\nhaproxy-backend = "be"'
    assert front(tmp_path, set_by_hand)[1] == Front((10, 50), HaproxyApi("/x", BackendName("be")), None)
    by_line = 'cut-over = { command = "move" }\nhook-timeout = "7s"\nshares = [1]'
    assert front(tmp_path, by_line) == ("command", Front((1,), None, Command(("sh", "-c", "move"), 7)))
    by_words = 'cut-over = { command = ["bin/move", "now"] }'
    assert front(tmp_path, by_words)[1] == Front((), None, Command(("bin/move", "now"), 300))


def test_slots_of_an_accounts_own_manager_listen_in_its_directory(tmp_path: Path) -> None:
    made = recipe(tmp_path, 'unit = "web@"\nuser = true\nhttp = "http://localhost/"')
    assert made.cut_over is not None
    assert made.cut_over.socket == made.health.http[0].socket == "{runtime}/web-{slot}/sock"


def test_slots_may_share_a_socket(tmp_path: Path) -> None:
    made = recipe(tmp_path, 'unit = "web@"\ncut-over = "socket"\nhttp = "http://localhost/"')
    assert made.cut_over is not None
    assert (made.cut_over.way, made.cut_over.trial, made.cut_over.announce) == (
        "socket", "web-trial.service", True,
    )  # fmt: skip
    trial = made.for_slot("trial")
    assert trial.units.names == ("web-trial.service",)
    assert trial.health.http[0].socket == "/run/web-trial/sock"
    assert made.for_slot("a").health.http == ()


def test_workers_have_no_socket(tmp_path: Path) -> None:
    made = recipe(tmp_path, 'unit = "work@"\ncut-over = "none"\nhealth-command = "check {slot}"')
    assert made.cut_over is not None
    assert made.cut_over.socket == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('cut-over = "link"', "cut-over without a template"),
        ('unit = "web@"\nrestart = "x"', "restart beside the template"),
        ('unit = ["web@", "worker"]', "is a template and something else"),
        ('unit = "web@"\ncut-over = "socket"\nshares = [10]', "both releases accept from the one socket"),
        ('unit = "web@"\ncut-over = "socket"\nstandby = true', "accepts connections for as long as it runs"),
        ('unit = "web@"\ncut-over = "magic"', "is not a way to cut over"),
        ('unit = "web@"\nslot-socket = "/run/web"', "cannot be where slots listen"),
        ('unit = "web@"\nshares = [10]', "a link leads to one socket"),
        ('unit = "web@"\ncut-over = "none"\nshares = [10]', "no traffic is moved"),
        ('unit = "web@"\ncut-over = "command"', "is not a way to cut over"),
        ('unit = "web@"\ncut-over = { command = "" }', "is empty"),
        ('unit = "web@"\ncut-over = { commands = "x" }', "must have the one key command"),
        ('unit = "web@"\ncut-over = {}', "must have the one key command"),
        ('unit = "web@"\ncut-over = 1', "must be a string"),
        ('unit = "web@"\nshares = 10', "must be an array of integers"),
        ('unit = "web@"\nshares = [0]', "is not a percentage"),
        ('unit = "web@"\nshares = [100]', "is not a percentage"),
        ('unit = "web@"\nshares = [true]', "is not a percentage"),
        ('unit = "web@"\nshares = ["10"]', "is not a percentage"),
        ('unit = "web@"\nshares = [50, 10]', "10 does not exceed 50"),
        ('unit = "web@"\nshares = [10, 10]', "10 does not exceed 10"),
        ('unit = "web@"\nhaproxy-backend = "a b"', "cannot be the name of a backend"),
        ('unit = "web@"\nhaproxy-socket = "admin.sock"', "is not an absolute path"),
    ],
)
def test_keys_of_slots_that_do_not_go_together(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        recipe(tmp_path, text)
