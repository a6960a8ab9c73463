"""What operators do at a terminal is checked, tried before it is done, and stands in the history with their name."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from chalicelib.domain.booking import Booking
from chalicelib.domain.ids import BookingId
from chalicelib.domain.money import Money
from chalicelib.services.deliver import deliver
from chalicelib.services.operators import lists
from chalicelib.services.operators.accounts import read_account
from chalicelib.services.operators.audit import accesses
from chalicelib.services.ports.mail import MailRefused
from chalicelib.services.ports.outcomes import StoreBusy
from tests.builders import GUEST, a_booking_id
from tests.call_log import raises
from tests.harness import OPERATOR, Harness, booking_id_of
from tests.ops.commands import Ran, Terminal
from tests.replacing import replace

SARA = ("--as", "sara")
BOOKING = booking_id_of("first")
ONE = f"{BOOKING}-1"
NOTE = ("--note", "Spoke with the guest.")


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.fixture
def terminal(harness: Harness, capsys: Any, monkeypatch: Any) -> Terminal:
    return Terminal(capsys, monkeypatch, ports=harness.ports)


def kept(harness: Harness) -> Any:
    """Everything that is stored or waits in a queue, but for who looked at what."""
    stored = {name: table for name, table in vars(harness.ports.tables).items() if name not in ("lock", "accesses")}
    return deepcopy((stored, harness.ports.queue.tasks, harness.ports.queue.letters))


def tried_then_done(harness: Harness, terminal: Terminal, *arguments: str, typed: str = "") -> Ran:
    """Try an act, which changes and tells nothing; then do it, and answer what it printed."""
    before = kept(harness)
    tried = terminal.run(*arguments, *SARA, "--json", typed=typed)
    assert tried.code == 0, tried.err
    assert "Nothing was changed" in tried.err
    assert kept(harness) == before
    done = terminal.run(*arguments, *SARA, "--json", "--yes", typed=typed)
    assert done.code == 0, done.err
    assert "Nothing was changed" not in done.err
    assert kept(harness) != before
    assert done.lines[0].keys() == tried.lines[0].keys()
    return done


def last_event(harness: Harness, kind: str, booking_id: BookingId = BOOKING) -> Any:
    return [event for event in harness.stored_booking(booking_id).history if event.kind == kind][-1]


def in_review(harness: Harness) -> Booking:
    booking = harness.held_booking()
    harness.ports.gateway.pay(ONE, amount=Money(700000, "ETB"))
    harness.webhook(ONE)
    return booking


# -- money


def test_part_of_a_payment_goes_back_once(harness: Harness, terminal: Terminal) -> None:
    harness.confirmed_booking()
    command = ("refund", ONE, "--amount", "1200.50", "--reason", "The shower was cold.")
    (made,) = tried_then_done(harness, terminal, *command).lines
    assert (made["amount"]["amount"], made["status"]) == (120050, "owed")
    event = last_event(harness, "refund_owed")
    assert (event.by, event.by_name) == ("ops:sara", "sara")
    (again,) = terminal.run(*command, *SARA, "--json", "--yes").lines
    assert again["refund_id"] == made["refund_id"]
    assert "nothing is added" in terminal.run(*command, *SARA, "--yes").out
    harness.end_refunds(BOOKING)
    (second,) = terminal.run(*command, *SARA, "--json", "--yes", "--key", "a second shower").lines
    assert second["refund_id"] != made["refund_id"]


def test_all_of_it_says_what_becomes_of_the_booking(harness: Harness, terminal: Terminal) -> None:
    harness.confirmed_booking()
    command = ("refund", ONE, "--reason", "The house is closed.")
    ran = terminal.run(*command, *SARA, "--yes")
    assert ran.code == 1
    assert "(cancel_booking_required)" in ran.err
    assert harness.stored_payment(ONE).refunds == ()
    tried_then_done(harness, terminal, *command, "--cancel-booking")
    assert harness.stored_booking(BOOKING).status == "cancelled"


@pytest.mark.parametrize("amount", ["much", "-1", "0", "1.234"])
def test_an_amount_that_is_none_is_a_wrong_command(amount: str, harness: Harness, terminal: Terminal) -> None:
    harness.confirmed_booking()
    assert terminal.run("refund", ONE, f"--amount={amount}", "--reason", "Cold.", *SARA, "--yes").code == 2
    assert harness.stored_payment(ONE).refunds == ()


def test_more_than_there_is_is_refused_when_it_is_tried(harness: Harness, terminal: Terminal) -> None:
    harness.confirmed_booking()
    ran = terminal.run("refund", ONE, "--amount", "99000", "--reason", "Cold.", *SARA)
    assert ran.code == 1
    assert "(refund_exceeds_payment)" in ran.err


@pytest.mark.parametrize(("way", "status"), [("accept", "confirmed"), ("refund", "pending_payment")])
def test_a_payment_in_review_is_resolved(way: str, status: str, harness: Harness, terminal: Terminal) -> None:
    in_review(harness)
    tried_then_done(harness, terminal, "resolve", ONE, way, *NOTE)
    assert harness.stored_payment(ONE).status == "completed"
    assert (harness.stored_booking(BOOKING).status == "confirmed") is (status == "confirmed")
    assert [event.detail for event in harness.stored_booking(BOOKING).history if event.by == "ops:sara"]


def test_what_waits_for_nobody_is_not_resolved(harness: Harness, terminal: Terminal) -> None:
    harness.confirmed_booking()
    for resolution, code in (("accept", "not_in_review"), ("paid_otherwise", "refund_not_found")):
        ran = terminal.run("resolve", ONE, resolution, *NOTE, *SARA)
        assert ran.code == 1
        assert f"({code})" in ran.err
    assert terminal.run("resolve", ONE, "perhaps", *NOTE, *SARA).code == 2


# -- the attention list


def reversal(harness: Harness) -> str:
    harness.confirmed_booking()
    harness.ports.gateway.set_status(ONE, "reversed")
    harness.webhook(ONE)
    return f"payment_reversed.{ONE}"


def orphan(harness: Harness) -> str:
    harness.held_booking()
    nobodys = f"{a_booking_id('nobody')}-1"
    harness.ports.gateway.charges[nobodys] = harness.ports.gateway.charges[ONE]
    harness.ports.gateway.pay(nobodys)
    harness.webhook(nobodys)
    return f"orphan.{nobodys}"


@pytest.mark.parametrize("make", [reversal, orphan], ids=lambda make: make.__name__)
def test_what_was_dealt_with_leaves_the_list(
    make: Callable[[Harness], str], harness: Harness, terminal: Terminal
) -> None:
    item_id = make(harness)
    (line,) = tried_then_done(harness, terminal, "acknowledge", item_id, *NOTE).lines
    assert (line["acknowledged_by"], line["note"]) == ("ops:sara", NOTE[1])
    assert lists.attention(harness.ports, OPERATOR, kind=None, limit=9, after=None).items == ()


def test_an_act_wants_a_note_that_says_something(harness: Harness, terminal: Terminal) -> None:
    item_id = reversal(harness)
    assert terminal.run("acknowledge", item_id, *SARA, "--yes").code == 2
    ran = terminal.run("acknowledge", item_id, "--note", "", *SARA, "--yes")
    assert ran.code == 2
    assert "note:" in ran.err


@pytest.mark.parametrize("item_id", ["orphan.GZ4T1B8WCD7K2M9Q-1", "payment_reversed.GZ4T1B8WCD7K2M9Q-1", "nothing"])
def test_what_is_not_on_the_list_is_refused(item_id: str, harness: Harness, terminal: Terminal) -> None:
    harness.confirmed_booking()
    for yes in ((), ("--yes",)):
        assert terminal.run("acknowledge", item_id, *NOTE, *SARA, *yes).code == 1


# -- contacts and letters


def test_a_contact_is_corrected_by_what_is_typed(harness: Harness, terminal: Terminal) -> None:
    harness.confirmed_booking()
    typed = "email=hanna.t@example.com\n\nphone = 0911 22 33 45\n"
    (shown,) = tried_then_done(harness, terminal, "contact", "set", BOOKING, typed=typed).lines
    assert (shown["contact"]["email"], shown["contact"]["phone"]) == ("hanna.t@example.com", "0911223345")
    assert harness.stored_booking(BOOKING).contact.email == "hanna.t@example.com"
    assert looks(harness) == [("view", 1), ("view", 1), ("correct_contact", 1)]


@pytest.mark.parametrize("typed", ["", "email=nobody", "mail=hanna@example.com", "email"])
def test_a_contact_that_cannot_be_is_a_wrong_command(typed: str, harness: Harness, terminal: Terminal) -> None:
    booking = harness.confirmed_booking()
    assert terminal.run("contact", "set", BOOKING, *SARA, "--yes", typed=typed).code == 2
    assert harness.stored_booking(BOOKING).contact == booking.contact


def test_a_letter_is_sent_again(harness: Harness, terminal: Terminal) -> None:
    harness.confirmed_booking()
    harness.ports.run_before("mailer.send", raises(MailRefused()))
    deliver(harness.ports, BOOKING)
    (letter, *_) = harness.stored_booking(BOOKING).letters
    (shown,) = tried_then_done(harness, terminal, "resend", BOOKING, letter.entry_id, *NOTE).lines
    assert (shown["status"], shown["address"]) == ("owed", "hanna.tesfaye@gmail.com")
    assert last_event(harness, "email_resent").by == "ops:sara"
    assert terminal.run("resend", BOOKING, "99", *SARA).code == 1


def test_nothing_is_done_that_could_not_be_noted(harness: Harness, terminal: Terminal) -> None:
    booking = harness.confirmed_booking()
    (letter, *_) = booking.letters
    for command in (["contact", "set", BOOKING], ["resend", BOOKING, letter.entry_id]):
        harness.ports.run_before("ledger.note_access", raises(StoreBusy("throttled")))
        ran = terminal.run(*command, *SARA, "--yes", typed="email=hanna.t@example.com")
        assert (ran.code, ran.out) == (3, "")
    assert harness.stored_booking(BOOKING) == booking


def looks(harness: Harness) -> list[tuple[str, int]]:
    found = accesses(harness.ports, OPERATOR, day=harness.ports.clock.now().date(), limit=50, after=None)
    return [(access.act, access.found) for access in found.items if access.by == "ops:sara"]


# -- accounts


def test_an_account_is_blocked_and_unblocked(harness: Harness, terminal: Terminal) -> None:
    harness.held_booking()
    (blocked,) = tried_then_done(harness, terminal, "account", "block", GUEST, *NOTE).lines
    assert (blocked["block"]["by_name"], blocked["block"]["note"]) == ("sara", NOTE[1])
    assert f"{GUEST}  blocked" in terminal.run("account", "show", GUEST, *SARA).out
    tried_then_done(harness, terminal, "account", "unblock", GUEST, *NOTE)
    assert read_account(harness.ports, OPERATOR, GUEST).account.block is None
    (shown,) = terminal.run("account", "show", GUEST, *SARA, "--json").lines
    assert [act["act"] for act in shown["acts"]] == ["block", "unblock"]
    assert [each["booking_id"] for each in shown["bookings"]] == [BOOKING]


def test_an_accounts_limits_are_raised_and_are_the_stages_again(harness: Harness, terminal: Terminal) -> None:
    (raised,) = tried_then_done(harness, terminal, "account", "limits", GUEST, "--open-holds", "7", *NOTE).lines
    assert (raised["caps"]["open_holds"], raised["acts"][0]["caps"]["unpaid_unit_nights"]) == (7, 0)
    assert "open_holds 7" in terminal.run("account", "show", GUEST, *SARA).out
    (again,) = tried_then_done(harness, terminal, "account", "limits", GUEST, *NOTE).lines
    assert again["caps"]["open_holds"] < raised["caps"]["open_holds"]
    refused = terminal.run("account", "limits", GUEST, "--open-holds", "0", *NOTE, *SARA)
    assert (refused.code, "open_holds" in refused.err) == (2, True)


def test_an_account_that_cannot_be_is_refused(terminal: Terminal) -> None:
    assert terminal.run("account", "show", "no one", *SARA).code == 1


def test_two_people_give_back_more_than_one_may(harness: Harness, terminal: Terminal) -> None:
    harness.ports.rules = replace(harness.ports.rules, second_person_above={})
    harness.confirmed_booking()
    first = terminal.run("refund", ONE, "--amount", "100", "--reason", "A flood.", *SARA, "--yes")
    assert first.code == 1
    assert f"{BOOKING}-P1" in first.err
    (waiting,) = terminal.run("proposals", *SARA, "--json").lines
    assert (waiting["proposal_id"], waiting["status"]) == (f"{BOOKING}-P1", "open")
    own = terminal.run("approve", f"{BOOKING}-P1", "--note", "My own.", *SARA, "--yes")
    assert (own.code, "(second_person_needed)" in own.err) == (1, True)
    selam = ("--as", "selam")
    tried = terminal.run("approve", f"{BOOKING}-P1", "--note", "Seen.", *selam, "--json")
    assert (tried.lines[0]["status"], harness.stored_booking(BOOKING).refunds) == ("approved", ())
    terminal.run("approve", f"{BOOKING}-P1", "--note", "Seen.", *selam, "--yes")
    assert [each.amount.minor for each in harness.stored_booking(BOOKING).refunds] == [10000]
    assert terminal.run("proposals", *SARA, "--json").lines == []
