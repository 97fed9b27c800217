"""Python's zstd: its own from 3.14 on, before that ``backports.zstd``, which is the same module."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def zstd_module() -> Any:
    """It is loaded only when it is needed."""
    return importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
