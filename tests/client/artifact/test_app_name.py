"""The name of an app for which nobody gave one."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from relstore.client.artifact.app_name import suggest


@pytest.mark.parametrize(
    ("path", "name", "from_above"),
    [
        ("/src/shop/site", "site", False),
        ("/src/shop/dist", "shop", True),
        ("/src/My Shop/target/release", "my-shop", True),
        ("/src/shop/target/release/web", "web", False),
        ("/src/shop/dist/web", "web", False),
        ("/dist", "dist", False),
        ("/build/dist", "dist", False),
        ("/src/\u5e97/dist", "src", True),
        ("/src/\u5e97", None, False),
    ],
)
def test_the_name(path: str, name: str | None, from_above: bool) -> None:
    assert suggest(PurePosixPath(path)) == (name, from_above)
