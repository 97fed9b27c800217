"""The bundle: the host side and msgpack's pure-Python files in one reproducible zip.

One version of relstore gives the same bytes on every machine: sorted, stored, with one constant time, and
with msgpack as ``relstore/vendored`` has it, whatever is installed. It is compressed only for sending, since
compressors differ between machines. Not for sending it (``bootstrap``).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

from relstore import HOST_MODULES, HOST_PACKAGES

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MAIN = b"from relstore.remote_helper import main\n\nraise SystemExit(main())\n"


@dataclass(frozen=True)
class HelperBundle:
    """The helper as it is sent: ``data`` is a zip, ``digest`` its SHA-256 in hexadecimal."""

    data: bytes
    digest: str

    @cached_property
    def compressed(self) -> bytes:
        """``data`` as a zlib stream."""
        return zlib.compress(self.data, 6)  # 9 takes twice as long for 1 % less


@lru_cache(maxsize=1)
def bundle() -> HelperBundle:
    """The bundle of this relstore."""
    files = dict(sorted(_files().items()))
    files["FILES"] = "".join(f"{name}\n" for name in files).encode("ascii")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    data = buffer.getvalue()
    return HelperBundle(data, hashlib.sha256(data).hexdigest())


def _files() -> dict[str, bytes]:
    ours = resources.files("relstore")
    files = {"__main__.py": _MAIN}
    for module in HOST_MODULES:
        files[f"relstore/{module}.py"] = ours.joinpath(f"{module}.py").read_bytes()
    for package in HOST_PACKAGES:
        files.update(_sources(ours.joinpath(package), f"relstore/{package}"))
    files.update(_sources(ours.joinpath("vendored"), ""))
    return files


def _sources(package: Traversable, prefix: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for entry in package.iterdir():
        path = f"{prefix}/{entry.name}" if prefix else entry.name
        if entry.is_dir():
            files.update(_sources(entry, path))
        elif entry.name.endswith(".py"):
            files[path] = entry.read_bytes()
    return files
