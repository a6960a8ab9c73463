"""E-mails: each that is owed goes out, almost always once; and none is lost, wherever a worker dies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.booking import OutboxEntry
from chalicelib.domain.errors import Busy
from chalicelib.domain.host import Notify
from chalicelib.domain.people.suppression import Suppression
from chalicelib.domain.timing import OUTBOX_CLAIM_BEFORE
from chalicelib.services.cancel import cancel
from chalicelib.services.deliver import deliver
from chalicelib.services.hosts import profile as hosts
from chalicelib.services.ports.mail import MailBusy, MailRefused
from chalicelib.services.ports.outcomes import StoreBusy
from tests.builders import HANNA, NOW, a_booking_id
from tests.call_log import Crash, raises
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, HOLD_ENDS, HOST_ABEBE, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
GUESTS, HOSTS = "booking_confirmed 1", "host_new_booking 2"
LEASE = timedelta(minutes=2)
MS = timedelta(milliseconds=1)


def emails(harness: Harness) -> tuple[OutboxEntry, ...]:
    return harness.stored_booking(FIRST).letters


def statuses(harness: Harness) -> list[str]:
    return [email.status for email in emails(harness)]


# -- all is well


def test_all_that_a_booking_owes_goes_out_in_one_claim_and_one_mark(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    assert deliver(ports, FIRST) == 2
    assert ports.call_log.names() == [
        "bookings.load",
        "bookings.save",
        "suppressions.view_for_letters",
        "bookings.salt",
        "bookings.count_letter",
        "letters.render",
        "mailer.send",
        "letters.render",
        "mailer.send",
        "ledger.write",
        "bookings.save",
    ]
    assert [(message.to, message.subject) for message in ports.mailer.sent] == [
        ("hanna.tesfaye@gmail.com", GUESTS),
        ("abebe.kebede@gmail.com", HOSTS),
    ]
    assert [(email.status, email.lease, email.tries) for email in emails(harness)] == [("sent", None, 0)] * 2
    assert [event.kind for event in harness.stored_booking(FIRST).history][-3:] == [
        "email_sent",
        "email_sent",
        "line_sent",
    ]
    assert {event.cause for event in harness.stored_booking(FIRST).history[-3:]} == {"email"}
    assert harness.due_at(harness.stored_booking(FIRST)) is None


def test_a_host_s_new_address_is_looked_up_by_itself(harness: Harness, ports: Fakes) -> None:
    """The one read asks about the address of old; a suppressed new one is written to no more for that."""
    harness.confirmed_booking()
    new = Notify(email="lodge@host.example")
    hosts.change(ports, HOST_ABEBE, notify=new, tax=None)
    bounced = Suppression(outcome="bounced", since=NOW, booking_id=FIRST, entry_id="9")
    ports.suppressions.put(new.email, bounced)
    ports.call_log.forget()
    assert deliver(ports, FIRST) == 1
    assert ports.call_log.names("suppressions") == ["suppressions.view_for_letters", "suppressions.find"]
    assert [(email.status, email.why) for email in emails(harness)] == [("sent", ""), ("failed", "suppressed")]


def test_an_address_whose_record_cannot_be_read_keeps_back_its_own_letter_only(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.tables.unreadable.add(HANNA.email)
    assert deliver(ports, FIRST) == 1
    assert statuses(harness) == ["owed", "sent"]
    ports.tables.unreadable.clear()


def test_what_was_sent_is_not_sent_again(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    deliver(ports, FIRST)
    before = harness.stored_booking(FIRST)
    harness.clear_logs()
    assert deliver(ports, FIRST) == 0
    assert ports.call_log.names() == ["bookings.load"]
    assert harness.stored_booking(FIRST) == before
    assert ports.mailer.subjects == [GUESTS, HOSTS]


def test_what_came_to_be_owed_since_goes_out_too(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    deliver(ports, FIRST)
    cancel(ports, GUEST_HANNA, FIRST, reason="")
    assert deliver(ports, FIRST) == 2
    assert statuses(harness) == ["sent"] * 4


def test_a_refused_card_is_told_of_while_the_hold_runs(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=3))
    harness.held_booking()
    ports.gateway.set_status(ONE, "failed")
    harness.advance(hours=2)
    assert [(email.kind, email.status) for email in emails(harness)] == [("payment_failed", "sent")]


def test_a_booking_that_is_not_there_owes_nothing(harness: Harness, ports: Fakes) -> None:
    assert deliver(ports, a_booking_id("nobody's")) == 0
    assert ports.call_log.names() == ["bookings.load"]


# -- the first delivery of a message claims nothing: the queue hides it meanwhile


def test_a_first_delivery_is_one_load_and_one_mark(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    [message] = ports.queue.letters
    assert deliver(ports, FIRST, message.entries, first_delivery=True) == 2
    # The guest's letter is counted towards its address; a host's address is the host's own.
    assert ports.call_log.names("bookings") == [
        "bookings.load",
        "bookings.salt",
        "bookings.count_letter",
        "bookings.save",
    ]
    assert statuses(harness) == ["sent", "sent"]
    assert ports.observe.of("email_maybe_twice") == []


def test_a_message_carries_the_entries_that_it_names_and_no_others(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    assert deliver(ports, FIRST, ("2",), first_delivery=True) == 1
    assert (statuses(harness), ports.mailer.subjects) == (["owed", "sent"], [HOSTS])


def test_a_message_that_comes_again_is_claimed_and_its_letters_are_counted(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    [message] = ports.queue.letters
    ports.run_after("mailer.send", raises(Crash()))
    with pytest.raises(Crash):
        deliver(ports, FIRST, message.entries, first_delivery=True)
    assert deliver(ports, FIRST, message.entries) == 2
    names = [name for name in ports.call_log.names("bookings") if name != "bookings.salt"]
    assert names[-4:] == ["bookings.load", "bookings.save", "bookings.count_letter", "bookings.save"]
    assert [line["entry_id"] for line in ports.observe.of("email_maybe_twice")] == ["1", "2"]
    assert ports.mailer.subjects == [GUESTS, GUESTS, HOSTS]


@pytest.mark.parametrize(("left", "claims"), [(OUTBOX_CLAIM_BEFORE, 0), (OUTBOX_CLAIM_BEFORE - MS, 1)])
def test_an_entry_that_is_nearly_due_is_claimed_first(left: timedelta, claims: int) -> None:
    """The clock would enqueue it again while it is being delivered."""
    harness = Harness()
    booking = harness.confirmed_booking()
    harness.ports.clock.move_to(booking.letters[0].due_at - left)
    assert deliver(harness.ports, FIRST, ("1", "2"), first_delivery=True) == 2
    assert harness.ports.call_log.count("bookings.save") == 1 + claims


def test_two_first_deliveries_of_one_message_are_counted(harness: Harness, ports: Fakes) -> None:
    """SQS may hand the same message out twice at once: both send, and the second mark finds the first."""
    harness.confirmed_booking()
    ports.run_before("mailer.send", lambda: deliver(ports, FIRST, ("1", "2"), first_delivery=True))
    deliver(ports, FIRST, ("1", "2"), first_delivery=True)
    assert statuses(harness) == ["sent", "sent"]
    assert len(ports.mailer.sent) == 4
    assert [line["entry_id"] for line in ports.observe.of("email_maybe_twice")] == ["1", "2"]


# -- claims


def test_a_claim_keeps_others_away_for_two_minutes(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    claimed_at = ports.clock.move(minutes=1)

    def rival() -> None:
        assert [email.due_at for email in emails(harness)] == [claimed_at + LEASE] * 2
        ports.clock.move_to(claimed_at + LEASE - MS)
        assert deliver(ports, FIRST) == 0

    ports.run_before("mailer.send", rival)
    assert deliver(ports, FIRST) == 2
    assert ports.mailer.subjects == [GUESTS, HOSTS]


def test_two_workers_at_once_send_each_once(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("bookings.save", lambda: deliver(ports, FIRST))
    assert deliver(ports, FIRST) == 0
    assert ports.mailer.subjects == [GUESTS, HOSTS]


def test_a_worker_that_was_too_slow_is_counted(harness: Harness, ports: Fakes) -> None:
    """Its lease was over, and another one has sent it too: twice is the price of never losing one."""
    harness.confirmed_booking()

    def clock_hands_over() -> None:
        ports.clock.move_to(NOW + LEASE)
        harness.process_task(harness.stored_booking(FIRST))

    ports.run_after("mailer.send", clock_hands_over)
    deliver(ports, FIRST)
    # The lease was over, so the e-mails were handed over anew and are owed still.
    assert statuses(harness) == ["owed", "owed"]
    assert [line["booking_id"] for line in ports.observe.of("email_sent_twice")] == [FIRST, FIRST]
    harness.advance(minutes=11)
    assert statuses(harness) == ["sent", "sent"]
    assert sorted(ports.mailer.subjects) == [GUESTS, GUESTS, HOSTS, HOSTS]


def test_a_mark_never_undoes_anothers_mark(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()

    def another() -> None:
        ports.clock.move_to(NOW + LEASE)
        assert deliver(ports, FIRST) == 2

    ports.run_after("letters.render", another)
    ports.run_before("mailer.send", raises(MailBusy()), skip=2)
    deliver(ports, FIRST)
    assert statuses(harness) == ["sent", "sent"]


def test_a_claim_whose_answer_was_lost_is_still_ours(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("bookings.save", lambda: ports.bookings.save(*ports.call_log.calls[-1].args))
    assert deliver(ports, FIRST) == 2
    assert ports.mailer.subjects == [GUESTS, HOSTS]


def test_a_mark_whose_answer_was_lost_is_no_duplicate(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("bookings.save", lambda: ports.bookings.save(*ports.call_log.calls[-1].args), skip=1)
    assert deliver(ports, FIRST) == 2
    assert statuses(harness) == ["sent", "sent"]
    assert ports.observe.of("email_sent_twice") == []


def test_nothing_is_sent_without_a_claim(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("bookings.save", raises(StoreBusy()))
    with pytest.raises(Busy):
        deliver(ports, FIRST)
    assert ports.mailer.sent == []


# -- whether it is still true


def test_a_letter_that_is_no_longer_true_is_not_sent(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    ports.gateway.pay(ONE, on_its_way=True)
    harness.webhook(ONE)
    assert deliver(ports, FIRST) == 2
    assert [(email.kind, email.status) for email in emails(harness)] == [
        ("hold_expired", "superseded"),
        ("booking_confirmed", "sent"),
        ("host_new_booking", "sent"),
    ]
    assert ports.mailer.subjects == ["booking_confirmed 2", "host_new_booking 3"]
    assert ports.observe.of("email_superseded") == [{"level": "info", "booking_id": FIRST, "kind": "hold_expired"}]


def test_truth_is_asked_of_what_was_claimed(harness: Harness, ports: Fakes) -> None:
    """Late money that comes before the claim counts: the claim loads it."""
    harness.expired_booking()

    def late_money() -> None:
        ports.gateway.pay(ONE, on_its_way=True)
        harness.webhook(ONE)

    ports.run_before("bookings.save", late_money)
    deliver(ports, FIRST)
    assert "hold_expired 1" not in ports.mailer.subjects


def test_a_letter_that_comes_to_be_owed_meanwhile_is_left_alone(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()

    def late_money() -> None:
        ports.gateway.pay(ONE, on_its_way=True)
        harness.webhook(ONE)

    ports.run_before("mailer.send", late_money)
    assert deliver(ports, FIRST) == 1
    assert [(email.kind, email.status, email.lease) for email in emails(harness)] == [
        ("hold_expired", "sent", None),
        ("booking_confirmed", "owed", None),
        ("host_new_booking", "owed", None),
    ]
    assert ports.observe.of("email_sent_twice") == []


def test_a_slow_worker_that_sent_nothing_is_no_duplicate(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()

    def busy_for_too_long() -> None:
        ports.clock.move(minutes=2)
        harness.process_task(harness.stored_booking(FIRST))
        raise MailBusy

    ports.run_before("mailer.send", busy_for_too_long)
    assert deliver(ports, FIRST) == 0
    assert ports.observe.of("email_sent_twice") == []
    harness.advance(minutes=9)
    assert ports.mailer.subjects == ["hold_expired 1"]


def test_a_letter_whose_worker_died_is_counted_when_it_is_taken_up(harness: Harness, ports: Fakes) -> None:
    """It may have been sent: nobody knows."""
    harness.confirmed_booking()
    ports.run_before("mailer.send", raises(MailBusy()))
    ports.run_after("mailer.send", raises(Crash()), skip=0)
    with pytest.raises(Crash):
        deliver(ports, FIRST, first_delivery=True)
    ports.clock.move(minutes=2)
    assert deliver(ports, FIRST) == 2
    left = [{"level": "warning", "booking_id": FIRST, "entry_id": number} for number in ("1", "2")]
    assert ports.observe.of("email_maybe_twice") == left
    # An entry that was only deferred is not among them.
    deliver(ports, FIRST)
    assert len(ports.observe.of("email_maybe_twice")) == 2


def test_a_letter_that_only_waited_is_not_counted(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.clock.move(minutes=3)
    deliver(ports, FIRST, first_delivery=True)
    assert ports.observe.of("email_maybe_twice") == []


# -- the mail service


def test_a_busy_mail_service_is_tried_again_ever_later(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.queue.letters.clear()
    for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
        ports.run_before("mailer.send", raises(MailBusy()))
        ports.run_before("mailer.send", raises(MailBusy()), skip=1)
        assert deliver(ports, FIRST) == 0
        again = ports.clock.now() + timedelta(minutes=minutes)
        assert [(email.status, email.due_at) for email in emails(harness)] == [("owed", again)] * 2
        assert harness.due_at(harness.stored_booking(FIRST)) == again
        # Nobody is in a hurry: neither the queue, nor a message that comes twice.
        assert ports.queue.letters == []
        ports.clock.move_to(again - MS)
        assert deliver(ports, FIRST) == 0
        ports.clock.move_to(again)
    assert deliver(ports, FIRST) == 2
    assert ports.mailer.subjects == [GUESTS, HOSTS]


def test_a_letter_that_was_put_off_was_certainly_not_sent(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("mailer.send", raises(MailBusy()))
    deliver(ports, FIRST, first_delivery=True)
    harness.advance(minutes=10)
    assert statuses(harness) == ["sent", "sent"]
    assert ports.observe.of("email_maybe_twice") == []


def test_one_busy_letter_does_not_keep_back_the_other(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("mailer.send", raises(MailBusy()))
    assert deliver(ports, FIRST) == 1
    assert statuses(harness) == ["owed", "sent"]
    harness.advance(minutes=5)
    assert statuses(harness) == ["sent", "sent"]
    assert ports.mailer.subjects == [HOSTS, GUESTS]


def test_a_letter_that_was_put_off_is_handed_over_by_the_clock(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.queue.letters.clear()
    ports.run_before("mailer.send", raises(MailBusy()))
    ports.run_before("mailer.send", raises(MailBusy()), skip=1)
    deliver(ports, FIRST)
    harness.advance(seconds=59)
    assert ports.mailer.subjects == []
    harness.advance(seconds=2)
    assert ports.mailer.subjects == [GUESTS, HOSTS]


def test_a_refused_address_is_final_and_shown_to_a_person(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("mailer.send", raises(MailRefused()))
    assert deliver(ports, FIRST) == 1
    assert statuses(harness) == ["failed", "sent"]
    [entry] = ports.bookings.attention_entries(limit=9, after=None).items
    assert (entry.subject, entry.kind) == (FIRST, "email")
    harness.advance(days=2)
    assert ports.mailer.subjects == [HOSTS]


def test_a_letter_that_cannot_be_written_does_not_keep_back_the_others(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("letters.render", raises(KeyError("template")))
    assert deliver(ports, FIRST) == 1
    assert statuses(harness) == ["owed", "sent"]
    assert emails(harness)[0].due_at == NOW + timedelta(minutes=1)
    harness.advance(minutes=5)
    assert statuses(harness) == ["sent", "sent"]


def test_a_letter_that_can_never_be_written_is_shown_to_a_person(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()

    def broken() -> None:
        ports.run_before("letters.render", broken)
        raise KeyError("template")

    ports.run_before("letters.render", broken)
    harness.advance(hours=24)
    assert statuses(harness) == ["owed", "owed"]
    [entry] = ports.bookings.attention_entries(limit=9, after=None).items
    assert (entry.subject, entry.kind) == (FIRST, "email")
    ports.call_log._before.clear()


# -- crashes


def crash_at(harness: Harness, step: int, *, after: bool) -> bool:
    """Send, and die before (or after) the ``step``-th call; whether there was such a call."""
    arm = harness.ports.run_after if after else harness.ports.run_before
    arm("*", raises(Crash()), skip=step)
    try:
        deliver(harness.ports, FIRST)
    except Crash:
        return True
    harness.ports.call_log._before.clear()
    harness.ports.call_log._after.clear()
    return False


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_step_loses_no_letter(after: bool) -> None:
    steps = 0
    while True:
        harness = Harness()
        harness.confirmed_booking()
        if not crash_at(harness, steps, after=after):
            break
        harness.advance(minutes=10)
        assert statuses(harness) == ["sent", "sent"]
        subjects = harness.ports.mailer.subjects
        assert set(subjects) == {GUESTS, HOSTS}
        assert len(subjects) <= 4
        assert list(harness.ports.tables.lines) == [f"{FIRST}-1.payment"]
        harness.check_invariants()
        steps += 1
    assert steps == 11


def test_a_letter_about_an_expired_hold_goes_out_in_time(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    harness.advance(minutes=31)
    assert ports.mailer.subjects == ["hold_expired 1"]
    assert ports.clock.now() == HOLD_ENDS + timedelta(minutes=1)
