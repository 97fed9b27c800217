"""What was begun ahead is taken over once, and ended otherwise."""

from __future__ import annotations

from relstore.client.connection.head_start import HeadStart


class Connection:
    def __init__(self) -> None:
        self.is_ended = False

    def end(self) -> None:
        self.is_ended = True


def test_each_is_taken_over_once_even_by_the_same_key() -> None:
    head_start: HeadStart[Connection] = HeadStart()
    first, second, other = Connection(), Connection(), Connection()
    head_start.put("web1", first)
    head_start.put("web1", second)
    head_start.put("web2", other)
    assert {head_start.take("web1"), head_start.take("web1")} == {first, second}
    assert head_start.take("web1") is None
    head_start.end()
    assert [each.is_ended for each in (first, second, other)] == [False, False, True]
    assert head_start.take("web2") is None
