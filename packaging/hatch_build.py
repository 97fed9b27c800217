"""What hatchling does beside copying files: the compiled matcher, in wheels and in checkouts.

Nothing is built of a ``relstore/vendored`` that is not as ``vendored.sha256`` says, since every host runs it.

A wheel has the matcher where there is a compiler, and is for this platform then; without one it is for all
platforms, and so it is with RELSTORE_PURE=1. RELSTORE_MATCHER and RELSTORE_PLATFORM name a library that was
compiled before and the platform that it is for (``build_wheels.py``).
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))
import vendored

_PLACE = "relstore/client/transfer/delta/libmatcher.so.1"


class MatcherHook(BuildHookInterface):
    """Compiles the matcher, or says that it cannot."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        changed = vendored.differences(Path(self.root))
        if changed:
            raise SystemExit(f"not as {vendored.LIST} says: {', '.join(changed)}")
        if self.target_name != "wheel" or os.environ.get("RELSTORE_PURE") == "1":
            return
        if version == "editable":
            self._compiled(Path(self.root, _PLACE))
            return
        library, platform = os.environ.get("RELSTORE_MATCHER"), os.environ.get("RELSTORE_PLATFORM")
        if not library:
            self._directory = tempfile.TemporaryDirectory(prefix="relstore-")
            library = str(Path(self._directory.name, "libmatcher.so.1"))
            if not self._compiled(Path(library)):
                return
        if not platform:
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["force_include"][library] = _PLACE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        directory = getattr(self, "_directory", None)
        if directory is not None:
            directory.cleanup()

    def _compiled(self, output: Path) -> bool:
        script = Path(self.root, "packaging", "compile_matcher.py")
        ended = subprocess.run([sys.executable, str(script), str(output)])
        if ended.returncode:
            self.app.display_warning("relstore is built without its matcher: it will make no patches")
        return not ended.returncode
