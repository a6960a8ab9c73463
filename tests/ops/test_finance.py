"""A statement is matched and a host is paid at a terminal, each after it was tried."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.finance.settlement import Payout, PayoutPage, StatementRow, TransactionPage
from chalicelib.domain.ids import PersonId
from chalicelib.domain.money import Money
from tests.builders import HOST, NOW
from tests.harness import NIGHTS, Harness, booking_id_of
from tests.ops.commands import Terminal
from tests.replacing import replace

SARA = ("--as", "sara")
BOOKING = booking_id_of("first")
DAYS = ("--from", f"{NOW.date()}", "--to", f"{NOW.date() + timedelta(days=1)}")
MONTH = ("--month", f"{NIGHTS[0]:%Y-%m}")
PAID = (
    "payouts", "paid", HOST, "--amount", "1200.50", "--currency", "ETB", "--date", f"{NIGHTS[0]}",
    "--reference", "FT1", "--note", "January.",
)  # fmt: skip


@pytest.fixture
def harness() -> Harness:
    harness = Harness()
    harness.confirmed_booking()
    harness.sweep_and_drain()
    return harness


@pytest.fixture
def terminal(harness: Harness, capsys: Any, monkeypatch: Any) -> Terminal:
    return Terminal(capsys, monkeypatch, ports=harness.ports)


def written(tmp_path: Path, *rows: str) -> str:
    file = tmp_path / "statement.csv"
    file.write_text("\n".join(["reference,amount,currency", *rows]), encoding="utf-8-sig")
    return str(file)


def test_a_statement_that_agrees_ends_with_0(harness: Harness, terminal: Terminal, tmp_path: Path) -> None:
    facts = harness.stored_payment(f"{BOOKING}-1").facts
    assert facts.received is not None
    row = f"{facts.provider_reference},{facts.received.decimal},ETB"
    ran = terminal.run("match", written(tmp_path, row), "--gateway", "chapa", *DAYS, *SARA, "--json")
    assert [(line["verdict"], line["booking_id"]) for line in ran.lines] == [("matched", BOOKING)]
    assert (ran.code, ran.err.count("1 matched")) == (0, 1)


def test_a_statement_that_differs_ends_with_1(terminal: Terminal, tmp_path: Path) -> None:
    ran = terminal.run("match", written(tmp_path, "APnobody,10.00,ETB"), "--gateway", "chapa", *DAYS, *SARA)
    assert ran.code == 1
    assert "APnobody" in ran.out
    assert "matched" not in ran.err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_a_statement_as_a_spreadsheet_saves_it(
    harness: Harness, terminal: Terminal, tmp_path: Path, encoding: str, between: str
) -> None:
    facts = harness.stored_payment(f"{BOOKING}-1").facts
    assert facts.received is not None
    rows = (
        ("Reference", "Amount", "Currency", "Café"),
        (f"{facts.provider_reference}", facts.received.decimal, "ETB", "é"),
    )
    file = tmp_path / "statement.csv"
    file.write_bytes("\r\n".join(between.join(row) for row in rows).encode(encoding))
    ran = terminal.run("match", str(file), "--gateway", "chapa", *DAYS, *SARA, "--json")
    assert [(line["verdict"], line["booking_id"]) for line in ran.lines] == [("matched", BOOKING)]


def test_a_file_that_is_no_text_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "statement.csv"
    file.write_bytes(b"\x81\x8d")
    ran = terminal.run("match", str(file), "--gateway", "chapa", *DAYS, *SARA)
    assert (ran.code, "Save it as CSV in UTF-8" in ran.err) == (1, True)


def test_a_file_that_is_not_there_is_refused(terminal: Terminal) -> None:
    assert terminal.run("match", "nothing.csv", "--gateway", "chapa", *DAYS, *SARA).code == 1
    assert terminal.run("match", "--gateway", "chapa", *DAYS, *SARA).code == 2


def test_what_a_gateway_paid_out_is_pulled(harness: Harness, terminal: Terminal) -> None:
    facts = harness.stored_payment(f"{BOOKING}-1").facts
    assert facts.received is not None
    row = StatementRow(
        reference=facts.provider_reference or "",
        status="paid",
        amount=facts.received.decimal,
        currency="ETB",
        fee="1.00",
    )
    payout = Payout(
        payout_id="359143", status="success", on=date(2027, 1, 3), currency="ETB", gross=facts.received.minor, fees=100,
        net=facts.received.minor - 100, paid=facts.received.minor - 100,
    )  # fmt: skip
    harness.ports.gateway.paid_out = [PayoutPage((payout,), more=False)]
    harness.ports.gateway.inside = {"359143": [TransactionPage((row,), more=False)]}
    asked = ("match", "--pull", "--payouts", "--gateway", "chapa", *DAYS, *SARA)
    ran = terminal.run(*asked)
    assert ran.code == 0
    assert "payout 359143  2027-01-03  success" in ran.out
    assert f"net {(facts.received - Money(100, 'ETB')).formatted}  payout 359143" in ran.out
    harness.ports.gateway.paid_out = [PayoutPage((replace(payout, fees=0, net=payout.gross),), more=False)]
    differs = terminal.run(*asked)
    assert (differs.code, "✗ their fees add up to 1.00" in differs.out) == (1, True)


def test_payouts_are_asked_of_the_api_alone(terminal: Terminal, tmp_path: Path) -> None:
    ran = terminal.run("match", written(tmp_path), "--payouts", "--gateway", "chapa", *DAYS, *SARA)
    assert (ran.code, "--pull" in ran.err) == (1, True)


def test_a_host_is_paid_once_and_it_is_taken_back(harness: Harness, terminal: Terminal) -> None:
    (tried,) = terminal.run(*PAID, *SARA, "--json").lines
    assert payouts_of(terminal) == []
    (entered,) = terminal.run(*PAID, *SARA, "--json", "--yes").lines
    assert entered["entry_id"] == tried["entry_id"]
    assert (entered["amount"]["amount"], entered["by"]) == (120050, "sara")
    terminal.run(*PAID, *SARA, "--yes")
    assert payouts_of(terminal) == [entered["entry_id"]]
    back = ("payouts", "take-back", HOST, entered["entry_id"], "--note", "It came back.")
    assert "Nothing was changed" in terminal.run(*back, *SARA).err
    assert len(payouts_of(terminal)) == 1
    assert terminal.run(*back, *SARA, "--yes").code == 0
    assert len(payouts_of(terminal)) == 2
    assert terminal.run("payouts", "take-back", HOST, "nothing", "--note", "None.", *SARA).code == 1


def test_a_payout_is_shown_with_what_is_owed_after_it(harness: Harness, terminal: Terminal) -> None:
    """One entered under another reference, or in another currency than the host's, is seen before it is entered."""
    month = PAID[PAID.index("--date") + 1][:7]
    assert (
        f"{HOST}  {month}  balance with it ETB -1,200.50: more was paid than is owed" in terminal.run(*PAID, *SARA).err
    )
    assert "balance with it ETB -1,200.50: more" in terminal.run(*PAID, *SARA, "--yes").err
    # The same again is the same entry; under another reference it is another one.
    assert "balance with it ETB -1,200.50: more" in terminal.run(*PAID, *SARA, "--yes").err
    again = tuple("FT2" if word == "FT1" else word for word in PAID)
    assert "balance with it ETB -2,401.00: more" in terminal.run(*again, *SARA).err
    dollars = tuple("USD" if word == "ETB" else word for word in PAID)
    assert "balance with it USD -1,200.50: more" in terminal.run(*dollars, *SARA).err
    [entry] = payouts_of(terminal)
    harness.ports.clock.move_to(NOW + (NIGHTS[0] - NOW.date()))
    back = terminal.run("payouts", "take-back", HOST, entry, "--note", "It came back.", *SARA)
    assert f"{HOST}  {month}  balance with it ETB 0.00\n" in back.err
    told = terminal.run("payouts", "statement", HOST, "--month", month, *SARA).out
    assert f"{entry}  payout  {month}" in told
    assert "ETB 1,200.50  FT1" in told


def payouts_of(terminal: Terminal) -> list[str]:
    ran = terminal.run("payouts", "statement", HOST, *MONTH, *SARA, "--json")
    assert ran.code == 0
    return [payout["entry_id"] for made in ran.lines for payout in made["payouts"]]


def test_what_every_host_is_owed_names_each_with_its_balance_and_the_sum(harness: Harness, terminal: Terminal) -> None:
    month = f"{NIGHTS[-1] + timedelta(days=1):%Y-%m}"
    assert terminal.run("payouts", "owed", "--month", month, *SARA).err.count("hosts: 1; owed in all: nothing") == 1
    harness.ports.clock.move_to(NOW + (NIGHTS[-1] + timedelta(days=2) - NOW.date()))
    (line,) = terminal.run("payouts", "owed", "--month", month, *SARA, "--json").lines
    (statement,) = terminal.run("payouts", "statement", HOST, "--month", month, *SARA, "--json").lines
    assert line == {"host_id": HOST, **{name: statement[name] for name in line if name != "host_id"}}
    assert line["balance"]["amount"] > 0
    ran = terminal.run("payouts", "owed", "--month", month, *SARA)
    assert (HOST in ran.out, f"hosts: 1; owed in all: {line['balance']['formatted']}" in ran.err) == (True, True)
    # Her guests paid before the month; whoever's did long before it is looked for where --since says.
    late = ("payouts", "owed", "--month", "2035-01")
    assert terminal.run(*late, *SARA, "--json").lines == []
    assert [each["host_id"] for each in terminal.run(*late, "--since", f"{NOW.date()}", *SARA, "--json").lines] == [
        HOST
    ]


def test_a_hosts_own_commission_counts_from_a_day_on_and_is_the_stages_again(
    harness: Harness, terminal: Terminal
) -> None:
    command = ("payouts", "commission", HOST, "12.5", "--from", f"{NIGHTS[0]}", "--note", "As agreed.")
    (tried,) = terminal.run(*command, *SARA, "--json").lines
    assert (tried["commission"], harness.ports.ledger.account(PersonId(HOST))) == (1250, ())
    assert "12.5 %" in terminal.run(*command, *SARA, "--yes").out
    terminal.run(*command, *SARA, "--yes")
    assert [entry.commission for entry in harness.ports.ledger.account(PersonId(HOST))] == [1250]
    (again,) = terminal.run(*command[:3], "stage", *command[4:], *SARA, "--json", "--yes").lines
    assert again["commission"] == harness.ports.rules.commission
    for wrong in ("a lot", "12.505", "101", "-1", "nan", "inf"):
        assert terminal.run(*command[:3], f" {wrong}", *command[4:], *SARA, "--yes").code == 2
    assert len(harness.ports.ledger.account(PersonId(HOST))) == 2
