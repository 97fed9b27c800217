"""What a delta may build on: the same path, then a like name, then the only file there is."""

from __future__ import annotations

import pytest

from relstore.formats.manifest import File, Manifest, ObjectRef
from relstore.formats.names import Digest
from relstore.host.upload.delta_bases import MAX_CANDIDATES, MIN_BYTES, candidates


def file(path: str, name: int, size: int = MIN_BYTES) -> File:
    return File(path, ObjectRef(Digest(f"{name:064x}"), bytes(32), size, False))


def build(*files: File) -> Manifest:
    return Manifest(files)


def found(wanted: File, *builds: Manifest) -> list[int]:
    (refs,) = candidates({wanted.content.blake3: wanted}, builds).values()
    return [int(ref.blake3, 16) for ref in refs]


@pytest.mark.parametrize(
    ("path", "former", "alike"),
    [
        ("bin/web", "bin/web", True),
        ("uv-0.13.8", "uv-0.13.9", True),
        ("assets/index-3f9ac012.js", "assets/index-77b1e0d4.js", True),
        ("lib/libfoo.so.1.2", "lib/libfoo.so.1.3", True),
        ("bin/web", "bin/worker", False),
        ("assets/index-3f9ac012.js", "assets/index-77b1e0d4.css", False),
        ("a/facade", "a/decade", False),
    ],
)
def test_which_names_are_alike(path: str, former: str, alike: bool) -> None:
    more = file("something else", 9)
    assert (found(file(path, 1), build(file(former, 2), more)) == [2]) is alike


def test_the_same_path_comes_before_a_like_name_and_the_nearest_in_size_first() -> None:
    former = build(
        file("app-1.js", 2, MIN_BYTES + 900), file("app-2.js", 3), file("app-3.js", 4, MIN_BYTES + 50)
    )
    assert found(file("app-2.js", 1, MIN_BYTES + 60), former) == [3, 4, 2]


def test_the_only_file_of_a_build_is_tried_whatever_its_name() -> None:
    assert found(file("server", 1), build(file("web", 2))) == [2]


def test_the_first_build_comes_first_and_each_object_once() -> None:
    current, older = build(file("web", 2)), build(file("web", 3))
    assert found(file("web", 1), current, older, build(file("web", 2))) == [2, 3]


def test_small_files_are_no_bases_and_there_are_not_too_many() -> None:
    assert found(file("web", 1), build(file("web", 2, MIN_BYTES - 1))) == []
    many = build(*(file(f"app-{number}.js", number + 10) for number in range(20)))
    assert len(found(file("app-99.js", 1), many)) == MAX_CANDIDATES
