"""Targets: every form that people write, and every one that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relstore.client.target import Target
from relstore.errors import TargetError


def remote(path: str, *, user: str | None = None, host: str = "web1", port: int | None = None) -> Target:
    return Target(user, host, port, path)


def local(path: str) -> Target:
    return Target(None, None, None, path)


@pytest.mark.parametrize(
    ("text", "target", "canonical"),
    [
        # A host alone: the store `relstore` in the login directory.
        ("web1", remote("relstore"), "web1:~/relstore"),
        ("deploy@web1", remote("relstore", user="deploy"), "deploy@web1:~/relstore"),
        ("10.0.0.7", remote("relstore", host="10.0.0.7"), "10.0.0.7:~/relstore"),
        ("[::1]", remote("relstore", host="::1"), "[::1]:~/relstore"),
        # As scp has it.
        ("web1:/srv/x", remote("/srv/x"), "web1:/srv/x"),
        ("web1:x", remote("x"), "web1:~/x"),
        ("web1:x/y", remote("x/y"), "web1:~/x/y"),
        ("web1:./x", remote("x"), "web1:~/x"),
        ("web1:~/x", remote("x"), "web1:~/x"),
        ("web1:~//x", remote("x"), "web1:~/x"),
        ("web1:-x", remote("-x"), "web1:~/-x"),
        ("u@web1:/srv/x", remote("/srv/x", user="u"), "u@web1:/srv/x"),
        ("u@REALM@web1:/srv/x", remote("/srv/x", user="u@REALM"), "u@REALM@web1:/srv/x"),
        ("web1:/a:b", remote("/a:b"), "web1:/a:b"),
        ("web1:x/a:b", remote("x/a:b"), "web1:~/x/a:b"),
        ("web1:/x@y", remote("/x@y"), "web1:/x@y"),
        # With a port.
        ("web1:2222:/srv/x", remote("/srv/x", port=2222), "web1:2222:/srv/x"),
        ("web1:2222:x", remote("x", port=2222), "web1:2222:~/x"),
        ("web1:2222:~/x", remote("x", port=2222), "web1:2222:~/x"),
        ("u@web1:65535:/x", remote("/x", user="u", port=65535), "u@web1:65535:/x"),
        # Names that look like ports, and do not begin the path.
        ("web1:~/2222", remote("2222"), "web1:~/2222"),
        ("web1:2222/x", remote("2222/x"), "web1:~/2222/x"),
        ("web1:~/80:x", remote("80:x"), "web1:~/80:x"),
        ("web1:22:23", remote("23", port=22), "web1:22:~/23"),
        # URLs.
        ("ssh://web1", remote("relstore"), "web1:~/relstore"),
        ("ssh://web1/", remote("relstore"), "web1:~/relstore"),
        ("ssh://web1:2222", remote("relstore", port=2222), "web1:2222:~/relstore"),
        ("ssh://web1/srv/x", remote("/srv/x"), "web1:/srv/x"),
        ("ssh://web1//srv/x", remote("/srv/x"), "web1:/srv/x"),
        ("SSH://u@web1:2222/srv/x", remote("/srv/x", user="u", port=2222), "u@web1:2222:/srv/x"),
        ("ssh://web1/~/x", remote("x"), "web1:~/x"),
        ("ssh://u@[fe80::1]:22/x", remote("/x", user="u", host="fe80::1", port=22), "u@[fe80::1]:22:/x"),
        # IPv6.
        ("[::1]:/srv/x", remote("/srv/x", host="::1"), "[::1]:/srv/x"),
        ("[::1]:2222:/srv/x", remote("/srv/x", host="::1", port=2222), "[::1]:2222:/srv/x"),
        ("u@[fe80::1]:/p", remote("/p", user="u", host="fe80::1"), "u@[fe80::1]:/p"),
        ("[fe80:0::1%eth0]:/p", remote("/p", host="fe80::1%eth0"), "[fe80::1%eth0]:/p"),
        # Normalised.
        ("web1:/srv//x/./y/", remote("/srv/x/y"), "web1:/srv/x/y"),
        ("web1:x/", remote("x"), "web1:~/x"),
        # This machine.
        ("/srv/x", local("/srv/x"), "/srv/x"),
        ("//srv/./x/", local("/srv/x"), "/srv/x"),
        ("/srv/a:b", local("/srv/a:b"), "/srv/a:b"),
        ("./x", local("x"), "./x"),
        ("./x/", local("x"), "./x"),
        ("./web1:/x", local("web1:/x"), "./web1:/x"),
        ("./-x", local("-x"), "./-x"),
        ("./~x", local("~x"), "./~x"),
        ("./my store", local("my store"), "./my store"),
        (".", local("."), "."),
        ("./", local("."), "."),
        ("..", local(".."), ".."),
        ("../x", local("../x"), "../x"),
        ("./../../x", local("../../x"), "../../x"),
        ("~/x", local("/home/ada/x"), "/home/ada/x"),
        ("~//x/", local("/home/ada/x"), "/home/ada/x"),
    ],
)
def test_parses(text: str, target: Target, canonical: str) -> None:
    parsed = Target.parse(text, home="/home/ada")
    assert parsed == target
    assert str(parsed) == canonical
    assert Target.parse(canonical) == target


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "empty"),
        # No host, or one that ssh could take for something else.
        (":/srv/x", "no host"),
        ("u@:/srv/x", "no host"),
        ("ssh://", "no host"),
        ("ssh:///srv/x", "no host"),
        ("::1:/x", "no host"),
        ("-oProxyCommand=id:/x", "the host '-oProxyCommand=id'"),
        ("ssh://-oProxyCommand=id/x", "the host '-oProxyCommand=id'"),
        ("web1;id:/x", "the host 'web1;id'"),
        ("$(id):/x", "the host '$(id)'"),
        ("`id`", "the host '`id`'"),
        (".hidden", "the host '.hidden'"),
        ("höst:/x", "the host 'höst'"),
        ("-l@web1:/x", "the user '-l'"),
        ("u;id@web1:/x", "the user 'u;id'"),
        ("@web1:/x", "the user ''"),
        # Characters.
        (" web1:/x", "control characters, or spaces"),
        ("web1:/x ", "control characters, or spaces"),
        ("web1:/x\n", "control characters, or spaces"),
        ("web1:/x\0y", "control characters, or spaces"),
        ("web1:/\x1b[31mx", "control characters, or spaces"),
        ("./x\ty", "control characters, or spaces"),
        ("web1:/\u202ex", "control characters, or spaces"),
        ("web1:/\udcff", "is not UTF-8"),
        ("web1:/a b", "holds a space"),
        ("web 1:/x", "holds a space"),
        # Ports.
        ("web1:0:/x", "the port '0'"),
        ("web1:65536:/x", "the port '65536'"),
        ("web1:999999999:/x", "the port '999999999'"),
        ("web1:-1:/x", "the port '-1'"),
        ("web1:ssh:/x", "the port 'ssh'"),
        ("web1:٢٢:/x", "the port '٢٢'"),
        ("web1::/x", "the port ''"),
        ("fe80::1:/x", "the port ''"),
        ("ssh://web1:x/y", "the port 'x'"),
        ("ssh://web1:/y", "the port ''"),
        # A port, or a directory of that name?
        ("web1:2222", "'web1:2222' can mean a port"),
        ("u@[::1]:2222", "'u@[::1]:2222' can mean a port"),
        ("web1:0", "can mean a port"),
        # IPv6.
        ("[web1]:/x", "'web1' in brackets"),
        ("[]:/x", "'' in brackets"),
        ("[::1", "has no ':' between"),
        ("[::1]x:/x", "has no ':' between"),
        ("[fe80::1%]:/x", "in brackets"),
        ("[fe80::1%a;b]:/x", "the name of an interface"),
        # Paths.
        ("web1:", "no path follows"),
        ("web1:2222:", "no path follows"),
        ("web1:.", "cannot be a store"),
        ("web1:~", "cannot be a store"),
        ("web1:~/", "cannot be a store"),
        ("web1:/", "cannot be a store"),
        ("ssh://web1/~", "cannot be a store"),
        ("/", "cannot be a store"),
        ("~", "cannot be a store"),
        ("web1:/srv/../x", "'..' part"),
        ("web1:../x", "'..' part"),
        ("ssh://web1/../x", "'..' part"),
        ("/../x", "'..' part"),
        ("./x/../y", "'..' part"),
        ("web1:~bob/x", "'~bob' is another user's"),
        ("ssh://web1/~bob/x", "'~bob' is another user's"),
        ("~bob/x", "'~bob' is another user's"),
        ("ssh://web1/a%20b", "'%', '?' or '#'"),
        ("ssh://web1/a?b", "'%', '?' or '#'"),
        # Neither one nor the other.
        ("x/y", "has no ':' between"),
        ("u@web1/x", "has no ':' between"),
        ("https://web1/x", "begins with 'https://'"),
        ("web1://srv/x", "begins with 'web1://'"),
        ("sftp://web1/x", "begins with 'sftp://'"),
    ],
)
def test_refuses(text: str, what: str) -> None:
    with pytest.raises(TargetError) as caught:
        Target.parse(text, home="/home/ada")
    assert what in caught.value.what
    assert caught.value.hint.endswith(".")


@pytest.mark.parametrize("text", ["ssh://u:hunter2@web1/x", "u:hunter2@web1:/x"])
def test_a_password_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(TargetError, match="password") as caught:
        Target.parse(text)
    assert "hunter2" not in caught.value.what + caught.value.hint


def test_the_hint_for_a_bare_number_names_both_readings() -> None:
    with pytest.raises(TargetError) as caught:
        Target.parse("u@web1:2222")
    assert Target.parse("u@web1:2222:~/relstore") == remote("relstore", user="u", port=2222)
    assert "u@web1:2222:~/relstore" in caught.value.hint
    assert "u@web1:~/2222" in caught.value.hint


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_a_local_home_must_be_known(home: str | None) -> None:
    with pytest.raises(TargetError, match="home directory is not known"):
        Target.parse("~/x", home=home)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("web1", "web1"),
        ("web1:2222:/x", "web1:2222"),
        ("u@web1:/x", "u@web1"),
        ("u@[::1]:22:/x", "u@[::1]:22"),
        ("/x", "this machine"),
        ("./x", "this machine"),
    ],
)
def test_label(text: str, label: str) -> None:
    target = Target.parse(text)
    assert target.label == label
    assert target.is_local == (label == "this machine")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("./x", "/work/My Site/x"),
        (".", "/work/My Site"),
        ("../x", "/work/x"),
        ("../../../x", "/x"),
        ("/x", "/x"),
        ("web1:x", "x"),
    ],
)
def test_beneath_a_directory(text: str, path: str) -> None:
    target = Target.parse(text).beneath(Path("/work/My Site"))
    assert target.path == path
    assert Target.parse(str(target)) == target


def test_beneath_may_not_become_the_root_directory() -> None:
    with pytest.raises(TargetError, match="cannot be a store"):
        Target.parse("..").beneath(Path("/work"))


PIECES = st.sampled_from(
    [*"abz09:/@~.[]-%# \n\0", "..", "//", "ssh://", "[::1]", "web1", ":22:", "~/", "é", "\u202e"]
)


@example("/ /")
@given(st.lists(PIECES, max_size=12).map("".join))
def test_whatever_parses_is_canonical_and_safe(text: str) -> None:
    try:
        target = Target.parse(text, home="/home/ada")
    except TargetError:
        return
    assert Target.parse(str(target)) == target
    assert str(Target.parse(str(target))) == str(target)
    assert "//" not in target.path
    assert not target.path.endswith("/")
    assert "." not in target.path.split("/") or target.path == "."
    if not target.is_local:
        assert target.host
        assert not target.host.startswith("-")
        assert not (target.user or "").startswith("-")
        assert ".." not in target.path.split("/")


@pytest.mark.parametrize("text", ["caf\udce9:/srv", "./caf\udce9", "web1:/srv/caf\udce9"])
def test_a_target_that_is_not_utf_8_says_so(text: str) -> None:
    with pytest.raises(TargetError, match="is not UTF-8"):
        Target.parse(text)
