"""The command that looks for what a restore lost: it shows first, and acts when told so."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.domain.finance.settlement import StatementRow, TransactionPage
from tests.builders import NOW
from tests.fakes import Fakes
from tests.ops.commands import Terminal

WINDOW = ("--from", "2027-01-02T00:00:00Z", "--to", "2027-01-03T00:00:00+00:00")


@pytest.fixture
def ports() -> Fakes:
    ports = Fakes()
    row = StatementRow(reference="APlost", status="paid", amount="2450.000", currency="ETB", at=NOW, payer="hanna@x.et")
    ports.gateway.listed = [TransactionPage((row,), more=False)]
    return ports


def test_it_shows_and_then_acts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ports: Fakes
) -> None:
    terminal = Terminal(capsys, monkeypatch, ports=ports)
    shown = terminal.run("after-restore", *WINDOW, "--as", "sara")
    assert (shown.code, ports.tables.orphans) == (0, {})
    assert "APlost" in shown.out
    assert "--yes" in shown.err
    done = terminal.run("after-restore", *WINDOW, "--as", "sara", "--yes", "--json")
    assert [(line["outcome"], line["subject"]) for line in done.lines] == [("orphan", "APlost")]
    assert list(ports.tables.orphans) == ["APlost"]


def test_a_list_that_cannot_be_read_ends_with_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ports: Fakes
) -> None:
    ports.gateway.listed = [None]
    assert Terminal(capsys, monkeypatch, ports=ports).run("after-restore", *WINDOW, "--as", "sara").code == 1


@pytest.mark.parametrize("window", [("--from", "2027-01-02", "--to", "2027-01-03"), ("--from", "x", "--to", "y"), ()])
def test_a_window_has_two_instants(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ports: Fakes, window: tuple[str, ...]
) -> None:
    assert Terminal(capsys, monkeypatch, ports=ports).run("after-restore", *window, "--as", "sara").code == 2


def test_erasures_that_were_kept_elsewhere_are_done_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ports: Fakes
) -> None:
    ports.gateway.listed = []
    terminal = Terminal(capsys, monkeypatch, ports=ports)
    erased = terminal.run("erase", "--as", "sara", "--yes", "--note", "A letter.", typed="hanna.tesfaye@gmail.com")
    assert erased.code == 0
    told = terminal.run("erasures", "--as", "sara")
    assert "by sara" in told.out
    kept = terminal.run("erasures", "--as", "sara", "--json")
    assert "hanna" not in kept.out
    file = tmp_path / "erasures.jsonl"
    file.write_text(kept.out)
    # A copy that knows nothing of it, in another region.
    ports.tables.erasures.clear()
    ports.tables.accesses.clear()
    again = terminal.run("after-restore", *WINDOW, "--as", "sara", "--yes", "--json", "--erasures", f"{file}")
    [erasure] = kept.lines
    assert [line["outcome"] for line in again.lines if line["subject"] == erasure["erasure_id"]] == ["erased"]
    assert [line["erasure_id"] for line in terminal.run("erasures", "--as", "sara", "--json").lines] == []


def test_a_file_that_is_no_list_of_erasures_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ports: Fakes
) -> None:
    file = tmp_path / "erasures.jsonl"
    for content in ("{}", "nothing"):
        file.write_text(content)
        refused = Terminal(capsys, monkeypatch, ports=ports).run(
            "after-restore", *WINDOW, "--as", "sara", "--erasures", f"{file}"
        )
        assert (refused.code, "is no list of erasures" in refused.err) == (1, True)
