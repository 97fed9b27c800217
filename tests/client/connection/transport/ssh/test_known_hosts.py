"""Reading known_hosts as OpenSSH does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.client.connection.transport.ssh.host_key import HostKey, HostNames
from relstore.client.connection.transport.ssh.known_hosts import (
    Entry,
    KnownHosts,
    Standing,
    hash_name,
    parse,
    remember,
)

ONE = HostKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + b"\0\0\0\x20" + bytes(32))
TWO = HostKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + b"\0\0\0\x20" + bytes([1]) * 32)
RSA = HostKey("ssh-rsa", b"\0\0\0\x07ssh-rsa")


def judge(text: str, host: str, port: int = 22, key: HostKey = ONE, alias: str | None = None) -> Standing:
    return KnownHosts(tuple(parse("file", text))).judge(HostNames.of(host, port, alias), key).standing


@pytest.mark.parametrize(
    ("hosts", "host", "port", "found"),
    [
        ("web", "web", 22, True),
        ("web", "WEB", 22, True),
        ("Web", "web", 22, True),
        ("web", "web2", 22, False),
        ("a,web,b", "web", 22, True),
        ("*.example.com", "web.example.com", 22, True),
        ("*.example.com", "example.com", 22, False),
        ("w?b", "web", 22, True),
        ("w.b", "web", 22, False),
        ("*,!web", "web", 22, False),
        ("!web,*", "web", 22, False),
        ("!web,*", "db", 22, True),
        ("[web]:2222", "web", 2222, True),
        ("[web]:2222", "web", 22, False),
        ("[web]:2222", "w", 2222, False),
        ("[web]:22", "web", 22, False),
        ("web", "web", 2222, True),
        ("10.0.0.1", "10.0.0.1", 22, True),
        ("10.0.0.0/24", "10.0.0.1", 22, False),
        ("::1", "::1", 22, True),
        ("[::1]:2222", "::1", 2222, True),
        (hash_name("web", b"salt"), "web", 22, True),
        (hash_name("web", b"salt"), "db", 22, False),
        (hash_name("[web]:2222", b"salt"), "web", 2222, True),
        ("|1|nonsense", "web", 22, False),
        ("|2|c2FsdA==|c2FsdA==", "web", 22, False),
        ("|1|%%%|%%%", "web", 22, False),
    ],
)
def test_which_lines_are_about_a_host(hosts: str, host: str, port: int, found: bool) -> None:
    expected = Standing.TRUSTED if found else Standing.NEW
    assert judge(f"{hosts} {ONE.line}", host, port) is expected


@pytest.mark.parametrize(
    ("lines", "port", "alias", "standing"),
    [
        ([], 22, None, Standing.NEW),
        ([f"web {ONE.line}"], 22, None, Standing.TRUSTED),
        ([f"web {TWO.line}"], 22, None, Standing.CHANGED),
        ([f"web {RSA.line}"], 22, None, Standing.CHANGED),
        ([f"web {TWO.line}", f"web {ONE.line}"], 22, None, Standing.TRUSTED),
        # A key without a port can vouch for another port, but it cannot contradict it.
        ([f"web {ONE.line}"], 2222, None, Standing.TRUSTED),
        ([f"web {TWO.line}"], 2222, None, Standing.NEW),
        ([f"[web]:2222 {TWO.line}", f"web {ONE.line}"], 2222, None, Standing.CHANGED),
        ([f"alias {ONE.line}"], 2222, "Alias", Standing.TRUSTED),
        ([f"[web]:2222 {ONE.line}"], 2222, "alias", Standing.NEW),
        ([f"@cert-authority web {ONE.line}"], 22, None, Standing.NEW),
        ([f"@revoked web {ONE.line}"], 22, None, Standing.NEW),
        ([f"@other web {ONE.line}"], 22, None, Standing.NEW),
        (
            [
                "rubbish",
                "web",
                "web ssh-ed25519",
                "web ssh-ed25519 %%%",
                "web ssh-ed25519 ä",
                f"web {ONE.line}",
            ],
            22,
            None,
            Standing.TRUSTED,
        ),
        ([f"# web {ONE.line}", "", f"\t web \t {ONE.line} a comment "], 22, None, Standing.TRUSTED),
        ([f"#web {ONE.line}"], 22, None, Standing.NEW),
        ([f"{'*' * 40}w{'*' * 40}?? {ONE.line}", f"other {TWO.line}"], 22, None, Standing.TRUSTED),
        ([f"{'*' * 60}x {ONE.line}"], 22, None, Standing.NEW),
    ],
)
def test_judging_a_key(lines: list[str], port: int, alias: str | None, standing: Standing) -> None:
    assert judge("\n".join(lines), "web", port, alias=alias) is standing


def test_a_changed_key_names_the_lines() -> None:
    known = KnownHosts(tuple(parse("a", f"db {ONE.line}\nweb {TWO.line}") + parse("b", f"w* {RSA.line}")))
    verdict = known.judge(HostNames.of("web", 22, None), ONE)
    assert [(entry.path, entry.line) for entry in verdict.others] == [("a", 2), ("b", 1)]
    assert known.key_types(HostNames.of("web", 2222, None)) == ("ssh-ed25519", "ssh-rsa")


def test_authorities_and_revocations_count_with_and_without_the_port() -> None:
    text = f"@cert-authority *.example {ONE.line}\n@revoked [web.example]:2222 {TWO.line}"
    known = KnownHosts(tuple(parse("file", text)))
    names = HostNames.of("web.example", 2222, None)
    assert [entry.key for entry in known.authorities(names)] == [ONE]
    assert [entry.key for entry in known.revoked(names)] == [TWO]


def test_fingerprints_are_those_of_ssh_keygen(need_sshd: None, tmp_path: Path) -> None:
    path = tmp_path / "key.pub"
    path.write_text(f"{ONE.line} comment\n")
    printed = subprocess.run(["ssh-keygen", "-lf", path], check=True, capture_output=True, text=True).stdout
    assert printed == f"256 {ONE.fingerprint} comment ({ONE.label})\n"


def test_files_that_are_missing_or_binary(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_bytes(b"\xff\xfe\0\n" + f"web {ONE.line}\n".encode())
    known = KnownHosts.read([str(tmp_path / "none"), f"{path}/none", "/dev/null", str(path)])
    assert [entry.line for entry in known.entries] == [2]


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("before", [None, "", f"db {TWO.line}", f"db {TWO.line}\n"])
def test_remembering_a_key(tmp_path: Path, before: str | None, hashed: bool) -> None:
    path = tmp_path / "new" / "known_hosts"
    if before is not None:
        path.parent.mkdir()
        path.write_text(before)
    remember(str(path), "[web]:2222", ONE, hashed=hashed)
    remember(str(path), "other", TWO, hashed=hashed)
    known = KnownHosts.read([str(path)])
    assert known.judge(HostNames.of("web", 2222, None), ONE).standing is Standing.TRUSTED
    assert known.judge(HostNames.of("other", 22, None), TWO).standing is Standing.TRUSTED
    assert path.read_text().startswith(before or "")
    assert len(path.read_text().splitlines()) == (3 if before else 2)
    assert ("[web]:2222" in path.read_text()) is not hashed  # "web" may be in a key by chance


NAMES = st.sampled_from(["web", "db", "[web]:2222", "[db]:22", "10.0.0.1", "w"])
PATTERNS = st.one_of(
    NAMES,
    NAMES.map(lambda name: hash_name(name, b"salt")),
    st.sampled_from(["w*", "!web", "?b", "WEB", "[web]:*", "", "|1|broken", "|1|!|!", "|2|c2FsdA==|eA=="]),
    st.lists(st.sampled_from(["web", "DB", "!db", "w?b", "10.0.0.*", ""]), min_size=1).map(",".join),
)


@given(st.lists(st.tuples(st.sampled_from(["", "@revoked", "@cert-authority"]), PATTERNS)), NAMES)
def test_the_index_finds_what_a_look_at_every_line_finds(lines: list[tuple[str, str]], name: str) -> None:
    entries = [Entry("file", number, *line, ONE) for number, line in enumerate(lines)]
    known = KnownHosts(entries[:-1])
    known.revoked(HostNames(name, name))
    for entry in entries[-1:]:
        known.add(entry)
    assert known.entries == tuple(entries)
    for marker, found in (
        ("@revoked", known.revoked(HostNames(name, name))),
        ("@cert-authority", known.authorities(HostNames(name, name))),
    ):
        assert found == tuple(entry for entry in entries if entry.marker == marker and entry.names(name))
    types = known.key_types(HostNames(name, name))
    assert bool(types) == any(entry.marker == "" and entry.names(name) for entry in entries)
