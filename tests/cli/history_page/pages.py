"""Pages for the tests: an ordinary one, and one whose every text is hostile."""

from __future__ import annotations

from relstore.cli.history_page.app_history import AppHistory
from relstore.cli.history_page.page import HistoryPage
from relstore.formats.names import AppName
from relstore.protocol import LogRow
from tests.cli.history_page.test_html import HOSTILE
from tests.support.deploy_history import MadeHistory, commit_of, made

WEB = AppName("storefront")
SUBJECTS = {commit_of(number): f"Subject {number}" for number in range(1, 400)}


def history_of(released: MadeHistory, host: str = "deploy@web1", app: AppName = WEB) -> AppHistory:
    return AppHistory.of(app, host, released.rows, released.events)


def ordinary(count: int = 40, limit: int = 20) -> HistoryPage:
    """Two apps at two hosts, of which one went back; a third host did not answer."""
    one, two, worker = made(count), made(count), made(3)
    two.switch(count - 1, "grace@desk")
    histories = [
        history_of(one),
        history_of(two, "deploy@web2"),
        history_of(worker, "deploy@web2", AppName("worker")),
        history_of(MadeHistory(), "deploy@web1", AppName("zero")),
    ]
    missing = [("deploy@web3", "connection refused")]
    return HistoryPage(histories, missing, SUBJECTS, limit, two.now + 600)


def hostile() -> HistoryPage:
    """Every text of it, and times and numbers that no host has."""
    released = MadeHistory()
    for text in HOSTILE:
        released.release("rolled-back", who=text, note=text * 4, reason=text + "\n" + "x" * 1500)
        released.release(who=text, note=text, reason=text)
    released.rows = [row._replace(pins=(row.note,)) for row in released.rows]
    odd = [0, -1, 1 << 62, -(1 << 62), 253_402_300_800, 1]
    for number, time in enumerate(odd):
        row = released.rows[number]
        released.rows[number] = row._replace(
            created=time, outcome_at=time, size=time, files=time, commit="<b>"
        )
        released.events.append(LogRow(time, "active", 900 + number, 1 << 60, "", "<i>", "<u>"))
    histories = [history_of(released, host) for host in ("<b>host", 'web"1', "y" * 300)]
    subjects = {row.commit or "": HOSTILE[number % len(HOSTILE)] for number, row in enumerate(released.rows)}
    return HistoryPage(histories, [("<b>gone", "<i>why\x1b[0m")], subjects, 100, 1_800_000_000)
