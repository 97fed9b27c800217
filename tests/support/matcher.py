"""Whether tests can make patches: not every checkout has the compiled matcher, but CI must."""

from __future__ import annotations

import os

import pytest

from relstore.client.transfer.delta import matcher

REQUIRED = os.environ.get("RELSTORE_REQUIRE_MATCHER") == "1"

needs_matcher = pytest.mark.skipif(
    not REQUIRED and not matcher.available(),
    reason="no compiled matcher: python packaging/compile_matcher.py",
)
