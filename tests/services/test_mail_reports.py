"""Bounces and complaints: on the booking, before a person, and nobody is written to who cannot or will not read."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.booking import EntryStatus, OutboxEntry
from chalicelib.domain.contact import NOBODY
from chalicelib.domain.errors import (
    AddressSuppressed,
    BookingNotFound,
    Forbidden,
    MessageNotFound,
    MessageNotTrue,
    NoAddress,
)
from chalicelib.domain.host import Notify
from chalicelib.domain.ids import PersonId
from chalicelib.domain.outbox import MAX_RESENDS
from chalicelib.domain.people.suppression import MailReport, Suppression
from chalicelib.domain.timing import OUTBOX_MESSAGE
from chalicelib.services.correcting import correct_contact
from chalicelib.services.deliver import deliver
from chalicelib.services.hosts import profile as hosts
from chalicelib.services.mail_reports import record_report
from chalicelib.services.operators import attention as attending
from chalicelib.services.operators import lists
from chalicelib.services.operators.messages import Resent, resend
from chalicelib.services.ports.mail import MailBusy, MailRefused
from tests.builders import HANNA
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, HOST_ABEBE, OPERATOR, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")


def report(**changes: Any) -> MailReport:
    about: dict[str, Any] = {"booking_id": FIRST, "entry_id": "1", "resends": 0, "addresses": (HANNA.email,)}
    return MailReport(**(about | {"outcome": "bounced", "why": "permanent"} | changes))


COMPLAINT = {"outcome": "complained", "why": "abuse"}


def states(harness: Harness) -> list[tuple[str, str]]:
    return [(entry.status, entry.why) for entry in harness.stored_booking(FIRST).letters]


def send_again(ports: Fakes, entry_id: str = "1", **changes: Any) -> Resent:
    options: dict[str, Any] = {"note": "", "lift": False, "dry_run": False}
    return resend(ports, OPERATOR, FIRST, entry_id, **(options | changes))


def queue_is_worked_off(ports: Fakes) -> int:
    sent = 0
    while ports.queue.letters:
        task = ports.queue.letters.pop(0)
        sent += deliver(ports, task.booking_id, task.entries, first_delivery=True)
    return sent


@pytest.fixture
def sent(harness: Harness) -> Harness:
    """A confirmed booking whose letters went out."""
    harness.confirmed_booking()
    assert queue_is_worked_off(harness.ports) == 2
    harness.clear_logs()
    return harness


@pytest.mark.parametrize(
    ("told", "suppressed"),
    [({}, True), ({"why": "transient"}, False), ({"why": "undetermined"}, False), (COMPLAINT, True)],
)
def test_what_is_reported_stands_on_the_booking_and_before_a_person(
    sent: Harness, ports: Fakes, told: dict[str, Any], suppressed: bool
) -> None:
    status, why = report(**told).outcome, report(**told).why
    for _ in range(3):
        record_report(ports, report(**told))
    assert states(sent) == [(status, why), ("sent", "")]
    [line] = ports.observe.of(f"email_{status}")
    assert line == {"level": "warning", "booking_id": FIRST, "kind": "booking_confirmed", "reason": why}
    assert len(ports.observe.of("attention_needed")) == 1
    [event] = [event for event in sent.stored_booking(FIRST).history if event.kind == f"email_{status}"]
    assert (event.subject, event.detail) == ("1", f"booking_confirmed: {why}")
    known = ports.suppressions.find(HANNA.email)
    assert (known is not None) is suppressed
    assert suppressed is (len(ports.observe.of("address_suppressed")) == 1)
    sent.check_invariants()


def test_a_complaint_is_the_last_word(sent: Harness, ports: Fakes) -> None:
    for told in ({}, COMPLAINT, {}, {"why": "transient"}):
        record_report(ports, report(**told))
    assert states(sent)[0] == ("complained", "abuse")
    sent.check_invariants()


@pytest.mark.parametrize(
    ("told", "state"),
    [({}, ("bounced", "permanent")), (COMPLAINT, ("complained", "abuse"))],
    ids=["bounce", "complaint"],
)
def test_a_report_that_overtakes_the_mark_of_its_letter_is_no_duplicate(
    harness: Harness, ports: Fakes, told: dict[str, Any], state: tuple[str, str]
) -> None:
    harness.confirmed_booking()
    ports.run_after("mailer.send", lambda: record_report(ports, report(**told)))
    queue_is_worked_off(ports)
    assert states(harness) == [state, ("sent", "")]
    assert ports.observe.of("email_sent_twice") == ports.observe.of("email_maybe_twice") == []
    harness.check_invariants()


def test_nobody_is_written_to_where_letters_bounce(sent: Harness, ports: Fakes) -> None:
    record_report(ports, report(addresses=(HANNA.email.upper(),)))
    sent.held_booking(key="second")
    sent.advance(minutes=31)
    [entry] = sent.stored_booking(booking_id_of("second")).letters
    assert (entry.status, entry.why) == ("failed", "suppressed")
    assert [line["kind"] for line in ports.observe.of("email_suppressed")] == ["hold_expired"]
    assert len(ports.mailer.sent) == 2


def test_a_report_of_no_letter_of_ours_is_about_the_address_alone(sent: Harness, ports: Fakes) -> None:
    for unknown in ({"booking_id": ""}, {"booking_id": booking_id_of("none")}, {"entry_id": "9"}, {"entry_id": ""}):
        ports.tables.suppressions.clear()
        record_report(ports, report(**unknown))
        assert ports.suppressions.find(HANNA.email) is not None
    assert states(sent) == [("sent", ""), ("sent", "")]


def test_a_corrected_guest_gets_the_letter_at_the_new_address(sent: Harness, ports: Fakes) -> None:
    record_report(ports, report())
    correct_contact(ports, OPERATOR, FIRST, {"email": "hana@gmail.com"})
    done = send_again(ports, note="A letter was missing.")
    assert (done.entry.status, done.entry.why, done.entry.resends) == ("owed", "", 1)
    event = sent.stored_booking(FIRST).history[-1]
    assert (event.kind, event.by, event.detail) == ("email_resent", OPERATOR.person_id, "A letter was missing.")
    assert queue_is_worked_off(ports) == 1
    assert ports.mailer.sent[-1].to == "hana@gmail.com"
    assert ports.mailer.sent[-1].about is not None
    assert ports.mailer.sent[-1].about.resends == 1
    assert states(sent) == [("sent", ""), ("sent", "")]
    assert ports.bookings.attention_entries(limit=9, after=None).items == ()
    # What is still heard of the first sending is not about the second one.
    record_report(ports, report(**COMPLAINT))
    assert states(sent)[0] == ("sent", "")
    record_report(ports, report(resends=1, addresses=("hana@gmail.com",)))
    assert states(sent)[0] == ("bounced", "permanent")
    sent.check_invariants()


def test_an_address_is_written_to_again_once_somebody_lifts_that(sent: Harness, ports: Fakes) -> None:
    record_report(ports, report())
    with pytest.raises(AddressSuppressed):
        send_again(ports)
    with pytest.raises(AddressSuppressed):
        send_again(ports, dry_run=True)
    send_again(ports, lift=True)
    known = ports.suppressions.find(HANNA.email)
    assert known is not None
    assert (known.lifted_at, known.lifted_by) == (ports.clock.now(), OPERATOR.person_id)
    assert queue_is_worked_off(ports) == 1
    # A repeat of what was lifted lifts nothing back; a new bounce does.
    record_report(ports, report())
    known = ports.suppressions.find(HANNA.email)
    assert known is not None
    assert known.is_lifted
    record_report(ports, report(resends=1))
    known = ports.suppressions.find(HANNA.email)
    assert known is not None
    assert not known.is_lifted


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("lift", [False, True])
@pytest.mark.parametrize("state", ["clean", "suppressed", "lifted"])
@pytest.mark.parametrize("reader", ["guest", "host"])
@pytest.mark.parametrize("erased", [False, True])
def test_to_whom_a_letter_goes_again(
    sent: Harness, ports: Fakes, reader: str, state: str, *, lift: bool, dry_run: bool, erased: bool
) -> None:
    """What is known of the reader's own address decides, and that of the other one says nothing."""
    now = ports.clock.now()
    address = HANNA.email if reader == "guest" else HOST_ABEBE.email
    other = HOST_ABEBE.email if reader == "guest" else HANNA.email
    bounced = Suppression(outcome="bounced", since=now, booking_id=FIRST, entry_id="1")
    by_other = replace(bounced, lifted_at=now, lifted_by=PersonId("operator-selam"))
    ports.suppressions.put(other, bounced)
    if state != "clean":
        ports.suppressions.put(address, bounced if state == "suppressed" else by_other)
    if erased:
        booking = sent.stored_booking(FIRST)
        ports.tables.bookings[FIRST].booking = replace(booking, contact=NOBODY, contact_erased_at=now)
    [entry] = [each for each in sent.stored_booking(FIRST).letters if each.to_host == (reader == "host")]
    before = ports.suppressions.find(address)
    refused = NoAddress if erased and reader == "guest" else AddressSuppressed if state == "suppressed" else None
    if refused is NoAddress or (refused is AddressSuppressed and not lift):
        with pytest.raises(refused):
            send_again(ports, entry.entry_id, lift=lift, dry_run=dry_run)
        assert ports.suppressions.find(address) == before
        return
    assert send_again(ports, entry.entry_id, lift=lift, dry_run=dry_run).entry.status == "owed"
    after = ports.suppressions.find(address)
    if state == "suppressed" and not dry_run:
        assert after is not None
        assert (after.is_lifted, after.lifted_by) == (True, OPERATOR.person_id)
    else:
        # What somebody lifted before, was lifted by them and then.
        assert after == before
    assert ports.suppressions.find(other) == bounced
    assert queue_is_worked_off(ports) == (not dry_run)
    assert [letter.to for letter in ports.mailer.sent[2:]] == [address] * (not dry_run)


def test_trying_out_writes_nothing(sent: Harness, ports: Fakes) -> None:
    record_report(ports, report())
    before = sent.stored_booking(FIRST)
    done = send_again(ports, lift=True, dry_run=True)
    assert (done.entry.status, done.entry.resends) == ("owed", 1)
    assert sent.stored_booking(FIRST) == before
    known = ports.suppressions.find(HANNA.email)
    assert known is not None
    assert not known.is_lifted
    assert ports.queue.letters == []


def test_a_letter_that_is_owed_is_not_sent_twice(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    for _ in range(3):
        assert send_again(ports).entry.resends == 0
    assert queue_is_worked_off(ports) == 2
    for _ in range(3):
        assert send_again(ports).entry.resends == 1
    assert queue_is_worked_off(ports) == 1


def test_a_letter_whose_words_are_not_true_any_more_is_not_sent_again(sent: Harness, ports: Fakes) -> None:
    from chalicelib.services.cancel import cancel

    record_report(ports, report())
    cancel(ports, HOST_ABEBE, FIRST, reason="")
    with pytest.raises(MessageNotTrue):
        send_again(ports, lift=True)
    known = ports.suppressions.find(HANNA.email)
    assert known is not None
    assert not known.is_lifted


@pytest.mark.parametrize("busy", [0, 1, 25])
def test_a_letter_that_is_sent_again_is_as_one_that_was_never_tried(harness: Harness, ports: Fakes, busy: int) -> None:
    harness.confirmed_booking()
    for _ in range(busy):
        ports.run_before("mailer.send", raises(MailBusy()))
        deliver(ports, FIRST, ("1",), first_delivery=True)
    ports.run_before("mailer.send", raises(MailRefused()))
    deliver(ports, FIRST, ("1",), first_delivery=True)
    [refused, _] = harness.stored_booking(FIRST).letters
    assert (refused.status, refused.why, refused.tries) == ("failed", "refused", busy)
    again = send_again(ports).entry
    fresh = OutboxEntry(entry_id="1", kind="booking_confirmed", due_at=ports.clock.now() + OUTBOX_MESSAGE)
    assert again == replace(fresh, resends=1)
    ports.queue.letters.clear()
    # It waits for no pause of before.
    assert deliver(ports, FIRST) == 2


def test_a_report_says_nothing_of_a_letter_that_is_sent_again_at_that_moment(sent: Harness, ports: Fakes) -> None:
    ports.run_before("bookings.save", lambda: send_again(ports))
    record_report(ports, report(why="transient"))
    assert states(sent)[0] == ("owed", "")
    record_report(ports, report(why="transient", resends=1))
    assert states(sent)[0] == ("bounced", "transient")


def test_a_letter_is_sent_again_so_often_and_no_more(sent: Harness, ports: Fakes) -> None:
    for _ in range(MAX_RESENDS):
        send_again(ports)
        assert queue_is_worked_off(ports) == 1
    with pytest.raises(MessageNotTrue):
        send_again(ports)
    sent.check_invariants()


def test_a_host_is_written_to_once_she_gave_an_address(harness: Harness, ports: Fakes) -> None:
    hosts.change(ports, HOST_ABEBE, notify=Notify(), tax=None)
    harness.confirmed_booking()
    queue_is_worked_off(ports)
    assert states(harness) == [("sent", ""), ("failed", "no_address")]
    with pytest.raises(NoAddress):
        send_again(ports, "2")
    hosts.change(ports, HOST_ABEBE, notify=Notify(email="lodge@host.example"), tax=None)
    send_again(ports, "2")
    assert queue_is_worked_off(ports) == 1
    assert ports.mailer.sent[-1].to == "lodge@host.example"
    assert states(harness) == [("sent", ""), ("sent", "")]


def test_what_was_acknowledged_may_fail_again_and_be_acknowledged_again(sent: Harness, ports: Fakes) -> None:
    item = f"email.{FIRST}.1"
    record_report(ports, report(why="transient"))
    first = attending.acknowledge(ports, OPERATOR, item, note="Full, she says.")
    record_report(ports, report(why="transient"))
    assert attending.acknowledge(ports, OPERATOR, item, note="Again?").acknowledgement == first.acknowledgement
    send_again(ports)
    queue_is_worked_off(ports)
    record_report(ports, report(why="transient", resends=1))
    assert states(sent)[0] == ("bounced", "transient")
    second = attending.acknowledge(ports, OPERATOR, item, note="Still full.")
    assert second.acknowledgement.note == "Still full."
    assert ports.bookings.attention_entries(limit=9, after=None).items == ()
    sent.check_invariants()


def test_only_operators_send_again_and_only_what_there_is(sent: Harness, ports: Fakes) -> None:
    options: dict[str, Any] = {"note": "", "lift": False, "dry_run": False}
    for who in (GUEST_HANNA, HOST_ABEBE):
        with pytest.raises(Forbidden):
            resend(ports, who, FIRST, "1", **options)
    for entry_id in ("3", "0", "", "x"):
        with pytest.raises(MessageNotFound):
            resend(ports, OPERATOR, FIRST, entry_id, **options)
    for booking_id in (booking_id_of("none"), "x"):
        with pytest.raises(BookingNotFound):
            resend(ports, OPERATOR, booking_id, "1", **options)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_address_that_a_report_is_about_is_written_to_no_more(sent: Harness, ports: Fakes, count: int) -> None:
    addresses = tuple(f"reader-{number}@gmail.com" for number in range(count))
    record_report(ports, report(addresses=addresses))
    assert all(ports.suppressions.find(address) for address in addresses)


@pytest.mark.parametrize("status", ["owed", "failed", "bounced", "complained"])
def test_what_an_operator_can_do_about_a_letter(sent: Harness, ports: Fakes, status: EntryStatus) -> None:
    """One that is owed goes out by itself: it is not sent again, only known of."""
    booking = sent.stored_booking(FIRST)
    stuck = replace(booking.letters[0], status=status, tries=50)
    row = ports.tables.bookings[FIRST]
    row.booking = replace(booking, outbox=tuple(stuck if each.entry_id == "1" else each for each in booking.outbox))
    row.attention = "email"
    items = lists.attention(ports, OPERATOR, kind="email", limit=9, after=None).items
    row.booking = booking
    assert [item.actions for item in items] == [("acknowledge",) if status == "owed" else ("resend", "acknowledge")]
