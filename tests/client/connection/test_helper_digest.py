"""The digest of the helper is remembered, and never for longer than the helper stays the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import relstore

DIGESTS = """
import sys
from pathlib import Path
from relstore.client.connection.helper_digest import helper_digest
remembered = helper_digest(Path(sys.argv[1]))
made = "relstore.client.connection.bundle" in sys.modules
from relstore.client.connection.bundle import bundle
print(remembered == bundle().digest, made)
"""


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A copy of relstore."""
    place = tmp_path / "installation"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(relstore.__file__).parent, place / "relstore", ignore=ignored)
    return place


def looked_up(installation: Path, tmp_path: Path) -> str:
    """Whether it is the bundle's digest, and whether the bundle was made for it."""
    environment = {**os.environ, "PYTHONPATH": str(installation), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, "-c", DIGESTS, str(tmp_path / "helper.json")]
    return subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def test_it_is_made_once(installation: Path, tmp_path: Path) -> None:
    assert looked_up(installation, tmp_path) == "True True"
    assert looked_up(installation, tmp_path) == "True False"


def _written(file: Path) -> None:
    file.write_text(file.read_text() + "# more\n")


def _as_long_and_as_old(file: Path) -> None:
    """As when another build of the same wheel is installed."""
    before = file.stat()
    new = file.with_name("new")
    new.write_bytes(file.read_bytes().replace(b"a", b"b", 1))
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(file)


@pytest.mark.parametrize(
    "change",
    [_written, _as_long_and_as_old, Path.unlink, lambda file: file.rename(file.with_name("other.py"))],
)
@pytest.mark.parametrize("name", ["store/store.py", "vendored/msgpack/ext.py", "protocol/upload.py"])
def test_a_change_makes_another(
    name: str, change: Callable[[Path], None], installation: Path, tmp_path: Path
) -> None:
    looked_up(installation, tmp_path)
    file = installation / "relstore" / name
    kept = file.read_bytes()
    helper = tmp_path / "helper.json"
    change(file)
    # The changed program may not run; only what is remembered of it counts here.
    before = helper.read_text()
    from relstore.client.connection.helper_digest import _stamp

    (entry,) = json.loads(before).values()
    assert _stamp(str(installation / "relstore")) != entry[0]
    file.write_bytes(kept)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"PLACE": 1}', '{"PLACE": ["x", "y"]}', '{"PLACE": ["STAMP", "short"]}']
)
def test_what_is_not_understood_is_not_believed(content: str, installation: Path, tmp_path: Path) -> None:
    looked_up(installation, tmp_path)
    file = tmp_path / "helper.json"
    ((place, (stamp, _)),) = json.loads(file.read_text()).items()
    file.write_text(content.replace("PLACE", place).replace("STAMP", stamp))
    assert looked_up(installation, tmp_path) == "True True"


def test_without_a_place_to_remember_it(installation: Path) -> None:
    nowhere = Path("/proc/nowhere")
    assert looked_up(installation, nowhere) == "True True"
    assert looked_up(installation, nowhere) == "True True"


def test_in_a_zip_there_is_nothing_to_look_at(installation: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "relstore"), "zip", installation)
    code = "from relstore.client.connection.helper_digest import _stamp; import relstore; print([_stamp(relstore.__path__[0])])"
    environment = {**os.environ, "PYTHONPATH": archive}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True, cwd="/"
    )
    assert found.stdout.strip() == "['']"
