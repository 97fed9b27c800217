"""A report that goes into a file: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from relstore.errors import RelstoreError, UsageError


def check_place(path: Path) -> None:
    """Raises UsageError where no file of that name can be."""
    real = Path(os.path.realpath(path))
    try:
        mode = os.stat(real).st_mode
    except FileNotFoundError:
        if not real.parent.is_dir():
            raise UsageError(f"{path}: there is no directory {real.parent}", hint="Make it first.") from None
        return
    except OSError as error:
        raise _not_written(path, error) from None
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "not a file"
        raise UsageError(f"{path} is {kind}", hint="Name a file; `-` is standard output.")


def write(path: Path, content: str) -> None:
    """Put ``content`` in the place of what was there, by rename; a link stays, and so do the rights.

    Raises RelstoreError.
    """
    real = Path(os.path.realpath(path))
    try:
        with tempfile.NamedTemporaryFile(dir=real.parent, prefix=f".{real.name[:80]}.", delete=False) as file:
            try:
                file.write(content.encode())
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), _mode(real))
                os.replace(file.name, real)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(file.name)
                raise
    except OSError as error:
        raise _not_written(path, error) from None


def _mode(path: Path) -> int:
    """That of the file which is there; without one, what the umask leaves."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        umask = os.umask(0o077)
        os.umask(umask)
        return 0o666 & ~umask


def _not_written(path: Path, error: OSError) -> RelstoreError:
    return RelstoreError(
        f"{path} cannot be written: {error.strerror or error}",
        state="What was there before is still there.",
        hint="Name another file; `-` is standard output.",
    )
