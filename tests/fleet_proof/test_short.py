"""What the proof is made of, apart from hosts."""

from __future__ import annotations

from tests.fleet_proof import balancer
from tests.fleet_proof.__main__ import DOCUMENT
from tests.fleet_proof.balancer import Server
from tests.fleet_proof.fleet import RESTARTED, SLOTS, kinds


def test_the_document_says_what_was_tried() -> None:
    page = DOCUMENT.read_text()
    assert balancer.LOOKS_AND_RETRIES.replace("\n  ", "\n    ") in page
    assert "<!-- proof -->\n\n| hosts | what |" in page


def test_every_host_is_a_server() -> None:
    text = balancer.config(
        [Server("web1", "10.99.1.1", 80), Server("web2", "10.99.1.2", 8080)], "  retries 0"
    )
    assert "  retries 0\n  server web1 10.99.1.1:80\n  server web2 10.99.1.2:8080\n" in text


def test_canaries_have_slots_and_the_others_take_turns() -> None:
    assert kinds(3, 2) == [SLOTS, SLOTS, RESTARTED, SLOTS, RESTARTED]
    assert kinds(2, 2) == [SLOTS, SLOTS, RESTARTED, RESTARTED]
    assert kinds(0, 1) == [RESTARTED]
