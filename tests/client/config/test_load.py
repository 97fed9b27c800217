"""relstore.toml: what it may say, and what is reported when it is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relstore.client.config.file import MAX_BYTES
from relstore.client.config.keys.release import ALLOW_OUTSIDE_LINKS, ARTIFACT, BUILD
from relstore.client.config.keys.retention import KEEP, KEEP_WITHIN
from relstore.client.config.keys.service import RESTART_COMMAND, RESTART_TIMEOUT
from relstore.client.config.keys.target import APP, CONNECT_TIMEOUT, PYTHON, TO
from relstore.client.config.load import EMPTY, Config, find, load
from relstore.client.target import Target
from relstore.errors import ConfigError


def write(directory: Path, text: str) -> Path:
    path = directory / "relstore.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


# --- what it may say ------------------------------------------------------------------------------


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    assert load(path) == Config(path=path)


def test_a_byte_order_mark_says_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffapp = 'web'\n")
    assert load(path).values.get(APP) == "web"


def test_keys_of_every_kind(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        app = "web"
        to = ["deploy@web1:/srv/web", "/srv/web"]
        artifact = "dist/site"
        build = "make dist"
        restart = ["systemctl", "restart", "web"]
        restart-timeout = "2m"
        keep = 5
        keep-within = "30d"
        python = "/usr/bin/python3.11"
        allow-outside-links = true
        connect-timeout = "5s"
        """,
    )
    config = load(path)
    values = config.values
    assert (config.path, config.env) == (path, None)
    assert values.get(APP) == "web"
    assert values.get(TO) == (
        Target("deploy", "web1", None, "/srv/web"),
        Target(None, None, None, "/srv/web"),
    )
    assert values.get(ARTIFACT) == tmp_path.resolve() / "dist/site"
    assert values.get(BUILD) == ("sh", "-c", "make dist")
    assert values.get(RESTART_COMMAND) == ("systemctl", "restart", "web")
    assert values.get(RESTART_TIMEOUT) == 120
    assert values.get(KEEP) == 5
    assert values.get(KEEP_WITHIN) == 30 * 86_400
    assert values.get(PYTHON) == "/usr/bin/python3.11"
    assert values.get(ALLOW_OUTSIDE_LINKS) is True
    assert values.get(CONNECT_TIMEOUT) == 5


ENVIRONMENTS = """
default-env = "staging"
app = "web"
to = "web1"
keep = 5
[env.staging]
to = "staging"
[env.production]
to = ["web1", "web2"]
keep = 20
"""


@pytest.mark.parametrize(
    ("env", "chosen", "hosts", "keep"),
    [
        (None, "staging", ["staging"], 5),
        ("staging", "staging", ["staging"], 5),
        ("production", "production", ["web1", "web2"], 20),
    ],
)
def test_environments(tmp_path: Path, env: str | None, chosen: str, hosts: list[str], keep: int) -> None:
    config = load(write(tmp_path, ENVIRONMENTS), env)
    assert config.env == chosen
    assert [target.host for target in config.values.get(TO) or ()] == hosts
    assert (config.values.get(APP), config.values.get(KEEP)) == ("web", keep)


def test_no_environment_is_chosen_without_a_default(tmp_path: Path) -> None:
    config = load(write(tmp_path, 'to = "web1"\n[env.staging]\nto = "staging"'))
    assert config.env is None
    assert [target.host for target in config.values.get(TO) or ()] == ["web1"]


def test_local_targets_are_relative_to_the_file(tmp_path: Path) -> None:
    config = load(write(tmp_path, 'to = ["./store", "~/store", "host:store"]'), home="/home/ada")
    assert [target.path for target in config.values.get(TO) or ()] == [
        f"{tmp_path.resolve()}/store",
        "/home/ada/store",
        "store",
    ]


def test_no_file_says_nothing() -> None:
    assert Config() == EMPTY
    assert EMPTY.values.get(TO) is None
    assert EMPTY.values.get(CONNECT_TIMEOUT) == 10


# --- what is wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "key", "what", "hint"),
    [
        # No TOML.
        ("app = ", 1, "", "not valid TOML", "key = value"),
        ("\n\napp = web", 3, "", "not valid TOML: Invalid value", "key = value"),
        ('app = "a"\n\napp = "b"\nkeep = 1', 3, "", "Cannot overwrite a value", ""),
        ('app = "a"\napp = "b"\n', 2, "", "Cannot overwrite a value", ""),
        ("[env.a]\n[env.a]\n", 2, "", "Cannot declare ('env', 'a') twice", ""),
        ("build = '''\n\n", 1, "", "not valid TOML", ""),
        pytest.param("keep = " + "9" * 5000, 0, "", "not valid TOML", "", id="digits"),
        pytest.param("app = " + "[" * 5000, 0, "", "nested too deeply", "", id="deep"),
        ('keep = 1\napp = "\udcff"', 2, "", "not UTF-8", "UTF-8"),
        pytest.param("#" * (MAX_BYTES + 1), 0, "", "larger than 256 KiB", "", id="large"),
        # Unknown keys.
        ("\nkep = 3", 2, "kep", "unknown key", "Do you mean 'keep'?"),
        ("restart_timeout = '1s'", 1, "restart_timeout", "unknown key", "'restart-timeout'"),
        ("Keep-Within = '1d'", 1, "Keep-Within", "unknown key", "'keep-within'"),
        ("default_env = 'a'", 1, "default_env", "unknown key", "'default-env'"),
        ("zzz = 3", 1, "zzz", "unknown key", "The keys are to, app,"),
        ('"a\\u001bb" = 3', 1, "'a\\x1bb'", "unknown key", ""),
        ("\n[target]\nx = 1", 2, "target", "unknown key", ""),
        ("keep = 1\n[env.a]\nkep = 3", 3, "env.a.kep", "unknown key", "'keep'"),
        ("[env.a]\n[env.a.b]\nx = 1", 2, "env.a.b", "unknown key", ""),
        ("[env.a]\ndefault-env = 'a'", 2, "env.a.default-env", "unknown key", "top level"),
        # Environments.
        ("env = 3", 1, "env", "must be a table, not an integer", "default-env"),
        ("[[env]]\nx = 1", 1, "env", "must be a table, not an array", "[env.NAME]"),
        ("[env]\n\nto = 'a'", 3, "env.to", "must be a table, not a string", "[env.staging]"),
        ("[env.'a b']\nkeep = 1", 1, "env.a b", "cannot be the name", "letters"),
        ("default-env = 'x'\n[env.a]\n[env.b]", 1, "default-env", "'x' is not", "It has: a, b."),
        ("default-env = 'x'", 1, "default-env", "'x' is not an env", "It has none"),
        ("default-env = ['a']\n[env.a]", 1, "default-env", "['a'] is not an env", "It has: a."),
        # Types.
        ("app = 3", 1, "app", "must be a string, not an integer", "quotes"),
        ("app = 2026-01-01", 1, "app", "must be a string, not a date or time", "quotes"),
        ("to = 3", 1, "to", "must be a string or an array of strings, not an integer", ""),
        ("to = [\n'a',\n3]", 1, "to", "must be a string, not an integer", ""),
        ("artifact = true", 1, "artifact", "must be a string, not a boolean", ""),
        ("build = 1.5", 1, "build", "for sh -c) or an array of strings, not a float", "make"),
        ("build = ['make', 1]", 1, "build", "must hold strings only, not an integer", ""),
        ("restart-timeout = 60", 1, "restart-timeout", "a duration, not an integer", '"60s"'),
        ("keep = '5'", 1, "keep", "must be an integer, not a string", "without quotes"),
        ("keep = true", 1, "keep", "must be an integer, not a boolean", ""),
        ("keep = 5.0", 1, "keep", "must be an integer, not a float", ""),
        ("allow-outside-links = 1", 1, "allow-outside-links", "a boolean, not an integer", "true"),
        ("python = {}", 1, "python", "must be a string, not a table", ""),
        # Values.
        ("app = 'Web'", 1, "app", "'Web'", "lower-case"),
        ("app = ''", 1, "app", "is empty", ""),
        ("to = []", 1, "to", "has no target", ""),
        ("to = ''", 1, "to", "is empty", ""),
        ("to = ['a', '-x']", 1, "to", "the host '-x'", ""),
        ("to = 'a:2222'", 1, "to", "can mean a port", "a:~/2222"),
        ("to = ['a:/x', 'a:/x/']", 1, "to", "names 'a:/x' twice", ""),
        ("to = ['./x', 'x/../x']", 1, "to", "no ':'", ""),
        ("to = '~/x'", 1, "to", "home directory is not known", ""),
        ('artifact = "a\\u0000b"', 1, "artifact", "NUL", ""),
        ('build = "a\\u0000b"', 1, "build", "NUL", ""),
        ('build = ["a", "\\u0000b"]', 1, "build", "NUL", ""),
        ("build = ' '", 1, "build", "is empty", ""),
        ("build = []", 1, "build", "has no program", ""),
        ("build = ['']", 1, "build", "is empty", ""),
        ("keep-within = '3 weeks'", 1, "keep-within", "'3 weeks' is not a duration", "30d"),
        ("keep = 0", 1, "keep", "out of range", "1 to"),
        ("keep = -1", 1, "keep", "out of range", "1 to"),
        ("keep = 9223372036854775808", 1, "keep", "out of range", "1 to"),
        ("python = 'python3'", 1, "python", "not the absolute path", "from '/'"),
        ("python = '/usr/bin/python3 -E'", 1, "python", "not the absolute path", ""),
        ("python = '/bin/$(id)'", 1, "python", "not the absolute path", ""),
        ('python = "/bin/python3\\n"', 1, "python", "not the absolute path", ""),
        # Also in an environment that was not chosen.
        ("keep = 1\n[env.a]\nkeep = 2\n[env.b]\nkeep = 0", 5, "env.b.keep", "out of range", ""),
    ],
)
def test_says_what_is_wrong_and_where(
    tmp_path: Path, text: str, line: int, key: str, what: str, hint: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    error = caught.value
    assert (error.path, error.key) == (str(path), key)
    assert what in error.what
    assert hint in error.hint
    assert error.line == line
    assert error.what.startswith(f"{path}:{line}: " if line else f"{path}: ")


@pytest.mark.parametrize(
    ("text", "hint"),
    [("[env.a]\n[env.b]", "It has: a, b."), ("", "It has none"), (ENVIRONMENTS, "staging, production")],
)
def test_an_unknown_environment(tmp_path: Path, text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="there is no environment 'prod'") as caught:
        load(write(tmp_path, text), "prod")
    assert hint in caught.value.hint


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


# --- finding it -----------------------------------------------------------------------------------


def test_finds_the_nearest_one_upwards(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    outer = write(tmp_path, "")
    assert find(deep) == outer.resolve()
    assert find(tmp_path) == outer.resolve()
    inner = write(tmp_path / "a", "")
    assert find(deep) == inner.resolve()


def test_a_directory_of_that_name_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "a" / "relstore.toml").mkdir(parents=True)
    outer = write(tmp_path, "")
    assert find(tmp_path / "a") == outer.resolve()


def test_finds_none(tmp_path: Path) -> None:
    assert find(tmp_path) is None


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_a_stranger_above_is_refused(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    path = write(tmp_path, 'build = "anything"')
    os.chown(path, 4242, 4242)
    with pytest.raises(ConfigError, match="belongs to another user") as caught:
        find(below)
    assert f"--config {path.resolve()}" in caught.value.hint

    assert find(tmp_path) == path.resolve(), "whoever went there sees it, as with a Makefile"
    os.chown(below, 4242, 4242)
    assert find(below) == path.resolve(), "all of one owner: a checkout in a container"
