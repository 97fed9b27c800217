"""The command lines with which relstore and its peers bring a file or a directory to the host.

Each peer uses the best settings that we know of. A tool that needs several steps is a shell script with its
words quoted. Not for what is measured (``cells``).
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.room import HOSTS, Room

OURS = "relstore"

Tool = Callable[[Room, Path], list[str]]
"""The command line with which a tool brings an artifact to the host of a room."""

_PROGRAMS = {"capistrano": "cap"}
"""The programs of tools whose program has another name."""

_NIX = "nix --extra-experimental-features nix-command"


def available(tool: str) -> bool:
    """Whether the tool's program is on this machine."""
    program = _PROGRAMS.get(tool, tool.partition(" ")[0])
    return tool == OURS or shutil.which(program) is not None


def relstore(room: Room, artifact: Path) -> list[str]:
    return room.relstore("push", str(room.as_built(artifact)))


def back(room: Room, artifact: Path) -> list[str]:
    return room.relstore("switch-generation", "-1")


def to_all(room: Room, artifact: Path) -> list[str]:
    return room.relstore("push", str(room.as_built(artifact)), stores=HOSTS)


def scp(room: Room, artifact: Path) -> list[str]:
    return [*room.ssh_words("scp"), "-q", str(artifact), f"{room.place}:{room.remote}/by-scp"]


def cat(room: Room, artifact: Path) -> list[str]:
    return _script(f"{room.shell} {room.place} 'cat > {room.remote}/by-cat' < {_word(artifact)}")


def ssh_ln(room: Room, artifact: Path) -> list[str]:
    there = f"cd {room.remote} && ln -sfn previous next && mv -T next current"
    return room.ssh(there)


def rsync(*options: str) -> Tool:
    """Into one place, over the previous release."""

    def words(room: Room, artifact: Path) -> list[str]:
        source = f"{artifact}/" if artifact.is_dir() else str(artifact)
        return ["rsync", "-e", room.shell, *options, source, f"{room.place}:{room.remote}/by-rsync/app"]

    return words


def rsync_fuzzy(room: Room, artifact: Path) -> list[str]:
    """Beside the previous release, under another name."""
    place = f"{room.place}:{room.remote}/by-releases/app-{artifact.parent.name}"
    return ["rsync", "-e", room.shell, "-z", "--fuzzy", str(artifact), place]


def rsync_releases(options: str) -> Tool:
    """One directory for each release, with hard links to the previous one, then the link, as scripts do."""

    def words(room: Room, artifact: Path) -> list[str]:
        there = f"{room.remote}/by-releases"
        release = f"{there}/{artifact.parent.name}"
        return _script(
            f"rsync -e {shlex.quote(room.shell)} {options} --link-dest={there}/previous {_word(artifact)}/ "
            f"{room.place}:{release} && {room.shell} {room.place} ln -sfn {release} {there}/current"
        )

    return words


def rsync_to_all(room: Room, artifact: Path) -> list[str]:
    """One host after the other."""
    return _script(" && ".join(_rsync_to(room, artifact, number) for number in range(HOSTS)))


def rsync_to_all_at_once(room: Room, artifact: Path) -> list[str]:
    runs = " & ".join(_rsync_to(room, artifact, number) for number in range(HOSTS))
    return _script(f"{runs} & wait")


def _rsync_to(room: Room, artifact: Path, number: int) -> str:
    place = f"{room.place}:{room.remote}/by-rsync/app-{number}"
    return f"rsync -z -e {shlex.quote(room.shell)} {_word(artifact)} {place}"


def nix(room: Room, artifact: Path) -> list[str]:
    """Two stores without a daemon, and a generation of a profile."""
    ours, theirs = f"local?root={room.home}/nix", f"local?root={room.remote}/by-nix"
    remote = f"ssh://{room.place}?compress=true&remote-store=local%3Froot%3D{room.remote}/by-nix"
    profile = f"{room.remote}/by-nix/profile"
    # A profile must be a store path as the host sees it, so nix-env gets the path itself.
    there = f"nix-env --store {shlex.quote(theirs)} -p {profile} --set $path"
    return _script(
        f"path=$(nix-store --store {shlex.quote(ours)} --add {_word(artifact)}) && "
        f"{_NIX} copy --no-check-sigs --from {shlex.quote(ours)} --to {shlex.quote(remote)} $path && "
        f'{room.shell} {room.place} "{there}"'
    )


def casync(room: Room, artifact: Path) -> list[str]:
    """Chunks to a store of chunks; the release is assembled at the host."""
    ours, theirs = f"{room.home}/casync", f"{room.remote}/by-casync"
    more = "caidx" if artifact.is_dir() else "caibx"
    return _script(
        f"mkdir -p {ours} && casync make --store={ours}/default.castr {ours}/app.{more} {_word(artifact)} && "
        f"rsync -r -e {shlex.quote(room.shell)} {ours}/ {room.place}:{theirs}/ && "
        f"{room.shell} {room.place} 'casync extract --store={theirs}/default.castr {theirs}/app.{more} "
        f"{theirs}/app-{artifact.parent.name}'"
    )


def ostree(room: Room, artifact: Path) -> list[str]:
    """A commit and a static delta (bsdiff) to it from the previous one, checked out at the host."""
    ours, theirs = f"{room.home}/ostree", f"{room.remote}/by-ostree/repo"
    commit = (
        f"test -d {ours} || ostree --repo={ours} init --mode=archive; "
        f"old=$(ostree --repo={ours} rev-parse app 2>/dev/null || true); "
        f"new=$(ostree --repo={ours} commit --branch=app --canonical-permissions "
        f"--tree=dir={_word(artifact.parent)})"
    )
    delta = (
        f"ostree --repo={ours} static-delta generate ${{old:+--from=$old}} ${{old:---empty}} --to=$new "
        f"--inline --min-fallback-size=0 --filename={ours}/delta"
    )
    apply = (
        f"test -d {theirs} || ostree --repo={theirs} init --mode=bare-user; cat > {theirs}.delta && "
        f"ostree --repo={theirs} static-delta apply-offline {theirs}.delta && "
        f"ostree --repo={theirs} checkout -U $new {room.remote}/by-ostree/{artifact.parent.name}"
    )
    return _script(f'{commit} && {delta} && {room.shell} {room.place} "new=$new; {apply}" < {ours}/delta')


def _seed_app(room: Room, artifact: Path) -> None:
    """Put the previous release in place without sending it."""
    place = room.remote / "by-rsync" / "app"
    if artifact.is_dir():
        shutil.copytree(artifact, place)
        _give(room, place)
    else:
        shutil.copy2(artifact, place)


def _seed_all(room: Room, artifact: Path) -> None:
    for number in range(HOSTS):
        shutil.copy2(artifact, room.remote / "by-rsync" / f"app-{number}")


def _seed_release(room: Room, artifact: Path) -> None:
    place = room.remote / "by-releases" / artifact.parent.name
    if artifact.is_dir():
        shutil.copytree(artifact, place)
        _give(room, place)
    else:
        shutil.copy2(artifact, place.with_name(f"app-{place.name}"))


def _give(room: Room, place: Path) -> None:
    """Make the account that we log in to the owner: it can link and change only its own files."""
    if room.account is not None:
        subprocess.run(["chown", "-R", room.account, str(place)], check=True)


def _nothing(room: Room, artifact: Path) -> None:
    """The tool has no use for the previous release."""


SEEDS: dict[str, Callable[[Room, Path], None]] = {
    "scp": _nothing,
    "capistrano": _nothing,
    "rsync -z": _seed_app,
    "rsync -z --zc=zstd": _seed_app,
    "rsync -z --fuzzy": _seed_release,
    "rsync -z, in turn": _seed_all,
    "rsync -z, at once": _seed_all,
    "rsync -az": _seed_app,
    "rsync -az --link-dest": _seed_release,
    "rsync -a --link-dest": _seed_release,
}
"""How the previous release gets to the host, for tools that do not care how it got there."""


def _script(text: str) -> list[str]:
    return ["sh", "-c", text]


def _word(path: Path) -> str:
    return shlex.quote(str(path))
