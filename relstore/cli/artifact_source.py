"""What a push is made of: a file or a directory, or an archive that is unpacked for it.

Not for scanning and sending that (``pushing``), nor for the rules of archives (``client.artifact.archive``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from relstore.cli.build_command import run_build
from relstore.cli.invocation import Invocation
from relstore.cli.temporary import private_directory
from relstore.client.artifact.app_name import suggest
from relstore.client.artifact.archive.names import is_archive_name, suggest_from
from relstore.client.config.keys.release import ARTIFACT, BUILD, STANDARD_INPUT, UNPACK
from relstore.client.config.values import Values
from relstore.errors import ArtifactError, UsageError
from relstore.formats.names import AppName

_STREAM = Path("standard input")
"""What messages call it."""


class Source(NamedTuple):
    """What is scanned."""

    path: Path
    project: Path
    """A directory of what it was made from, whose commit it is."""
    unpacked_from: Path | None


@contextmanager
def source(invocation: Invocation) -> Iterator[tuple[Source, AppName]]:
    """What is pushed, once it is built, and unpacked for as long as the block lasts; and the app's name.

    Raises UsageError, ArtifactError.
    """
    settings = invocation.settings
    path = _artifact(settings)
    if path == STANDARD_INPUT:
        app = _app_of_stream(invocation)
        with private_directory() as directory:
            from relstore.client.artifact.archive.unpack import unpack_stream

            unpack_stream(str(_STREAM), sys.stdin.buffer, directory)
            yield Source(directory, Path.cwd(), _STREAM), app
        return
    run_build(invocation)
    app = invocation.app or _app_named_after(path, invocation, unpack=settings.get(UNPACK) is True)
    real = Path(os.path.realpath(path))
    if not settings.get(UNPACK):
        if settings.get(UNPACK) is None and is_archive_name(path.name) and path.is_file():
            invocation.console.note(f"{path} is pushed as one file; --unpack pushes what is in it")
        yield Source(path, real if real.is_dir() else real.parent, None), app
        return
    if path.exists() and not path.is_file():
        raise ArtifactError(
            f"{path} is no file, so there is nothing to unpack",
            path=str(path),
            hint="Push it without --unpack; a tar from a pipe is `-`.",
        )
    with private_directory() as directory:
        from relstore.client.artifact.archive.unpack import unpack_file

        unpack_file(path, directory)
        yield Source(directory, real.parent, path), app


def _artifact(settings: Values) -> Path:
    path = settings.get(ARTIFACT)
    if path is None:
        raise UsageError(
            "nothing to push", hint="Name it: relstore push PATH, or set `artifact` in relstore.toml."
        )
    if path == STANDARD_INPUT and settings.get(UNPACK) is False:
        raise UsageError(
            "--no-unpack with `-`: a tar on standard input is always unpacked", hint="Push a file instead."
        )
    return path


def _app_of_stream(invocation: Invocation) -> AppName:
    """Before anything is read. Raises UsageError."""
    if invocation.app is None:
        raise UsageError(
            "a tar on standard input does not name the app",
            hint="Give --app NAME, or set `app` in relstore.toml.",
        )
    if sys.stdin.isatty():
        raise UsageError(
            "standard input is a terminal, and no tar", hint="For example: tar -c -C dist . | relstore push -"
        )
    if invocation.settings.get(BUILD) is not None:
        invocation.console.note("`build` is not run: the artifact comes from standard input")
    return invocation.app


def _app_named_after(path: Path, invocation: Invocation, *, unpack: bool) -> AppName:
    real = Path(os.path.realpath(path))
    app, from_above = suggest_from(real) if unpack else suggest(real)
    if app is None:
        raise UsageError(f"{real.name!r} does not make a name for the app", hint="Give --app NAME.")
    if from_above:
        invocation.console.note(
            f"the app is named {app} after the project's directory, since {real.name!r} names no app; "
            "--app, or `app` in relstore.toml, gives it another name"
        )
    return app
