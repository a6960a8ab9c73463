"""One room, five doors: when the gateway is asked, and what its answer does. Expiry and late money beside it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any, Literal

import pytest

from chalicelib.domain.booking import Actor, Booking, Cause, VerifySchedule
from chalicelib.domain.errors import Busy, GatewayTimeout
from chalicelib.domain.lifecycle import due_at
from chalicelib.domain.listings.calendar import Night
from chalicelib.domain.money import Money
from chalicelib.domain.timing import API_VERIFY_LEASE, OUTBOX_MESSAGE, WATCHED_FOR
from chalicelib.domain.verification import Availability
from chalicelib.services.deliver import deliver
from chalicelib.services.ports.outcomes import StoreBusy
from chalicelib.services.ports.queues import Task
from chalicelib.services.reconcile import reconcile
from chalicelib.services.updating import TRIES, Decision, Update, update
from tests.builders import NOW, a_booking_id
from tests.call_log import Crash, raises
from tests.fakes import Fakes
from tests.harness import NIGHTS, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE, TWO = f"{FIRST}-1", f"{FIRST}-2"
MS = timedelta(milliseconds=1)
SILENCE = GatewayTimeout("silence", definitely_not_executed=False)
DOORS: tuple[Cause, ...] = ("webhook", "callback", "return", "verify", "sweep")


def look(harness: Harness, cause: Cause, tx_ref: str | None = ONE) -> None:
    reconcile(harness.ports, FIRST, tx_ref=tx_ref, actor=Actor(cause), worker=cause == "sweep")


# -- money


@pytest.mark.parametrize("cause", DOORS)
def test_money_confirms_through_every_door(harness: Harness, ports: Fakes, cause: Cause) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE)
    ports.clock.move(minutes=1)
    done = reconcile(ports, FIRST, tx_ref=ONE, actor=Actor(cause))
    assert done is not None
    assert done.error is None
    booking = done.booking
    assert booking == harness.stored_booking(FIRST)
    assert booking.status == "confirmed"
    [payment] = booking.payments
    assert (payment.status, payment.accepted, payment.facts.received) == ("completed", True, Money(735000, "ETB"))
    assert (payment.facts.provider_reference, payment.facts.mode) == (f"AP{ONE}", "test")
    assert [email.kind for email in booking.letters] == ["booking_confirmed", "host_new_booking"]
    assert {event.cause for event in booking.history if event.at > NOW} == {cause}
    # One question, one save; then the queue.
    assert ports.call_log.names() == [
        "bookings.load",
        "bookings.lease_verification",
        "gateway.verify",
        "bookings.save",
        "queue.enqueue_outbox",
    ]
    assert ports.queue.letters == [Task(FIRST, entries=("1", "2", "3"), request_id="request-first")]
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    assert harness.free_holds() == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(734999, "ETB")},
        {"amount": Money(735001, "ETB")},
        {"amount": Money(735000, "USD")},
        {"amount": None},
        {"mode": "live"},
        {"mode": None},
        {"tx_ref": TWO},
        {"tx_ref": None},
    ],
)
def test_money_that_does_not_match_goes_to_a_person(harness: Harness, ports: Fakes, changes: dict[str, Any]) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE, **changes)
    look(harness, "webhook")
    booking = harness.stored_booking(FIRST)
    assert (booking.status, booking.payments[0].status) == ("pending_payment", "review")
    assert booking.letters == ()
    assert [(entry.subject, entry.kind) for entry in ports.bookings.attention_entries(limit=9, after=None).items] == [
        (FIRST, "payment_review")
    ]


def test_no_money_no_confirmation(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    statuses: tuple[Literal["pending", "failed"], ...] = ("pending", "failed")
    for status in statuses:
        ports.gateway.set_status(ONE, status)
        look(harness, "webhook")
        assert harness.stored_booking(FIRST).status == "pending_payment"
    assert harness.stored_payment(ONE).status == "pending"
    ports.gateway.charges.clear()
    look(harness, "webhook")
    assert (harness.stored_booking(FIRST).status, harness.stored_payment(ONE).status) == ("pending_payment", "pending")


def test_silence_changes_nothing_but_the_time_of_the_next_look(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.gateway.down = SILENCE
    done = reconcile(ports, FIRST, tx_ref=ONE, actor=Actor("verify"))
    assert done is not None
    assert done.error is SILENCE
    [payment] = booking.payments
    # 15 s, times 0.5 to 1: jitter is in the middle.
    again = NOW + timedelta(seconds=15) * 0.75
    expected = replace(
        booking,
        payments=(replace(payment, schedule=VerifySchedule(consecutive_failures=1, next_verify_at=again)),),
        version=4,
    )
    assert harness.stored_booking(FIRST) == expected
    assert harness.due_at(booking) == again
    for _ in range(3):
        look(harness, "webhook")
    assert harness.stored_payment(ONE).schedule.next_verify_at == NOW + timedelta(seconds=120) * 0.75


def test_trouble_is_told_of_the_payment_that_was_named(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.clock.move(minutes=2)
    ports.gateway.down = SILENCE
    done = reconcile(ports, FIRST, actor=Actor("sweep"))
    assert done is not None
    assert done.error is None


def test_a_stale_answer_never_undoes_money(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    statuses: tuple[Literal["pending", "failed"], ...] = ("pending", "failed")
    for status in statuses:
        ports.gateway.set_status(ONE, status)
        look(harness, "webhook")
        now = harness.stored_booking(FIRST)
        assert (now.status, now.payments[0].status, now.history) == ("confirmed", "completed", booking.history)


def test_money_that_the_gateway_took_back_is_shown_to_a_person(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.gateway.set_status(ONE, "reversed")
    look(harness, "webhook")
    assert (harness.stored_booking(FIRST).status, harness.stored_payment(ONE).reversal) == ("confirmed", "reversed")
    [entry] = ports.bookings.attention_entries(limit=9, after=None).items
    assert entry.kind == "payment_reversed"


# -- when the gateway is asked


@pytest.mark.parametrize("cause", DOORS)
def test_a_first_look_is_always_granted(harness: Harness, ports: Fakes, cause: Cause) -> None:
    harness.held_booking()
    look(harness, cause)
    assert ports.call_log.count("gateway.verify") == 1


@pytest.mark.parametrize("cause", ["callback", "return"])
@pytest.mark.parametrize(
    ("age", "since"),
    [
        (timedelta(seconds=10), timedelta(seconds=5)),
        (timedelta(seconds=49), timedelta(seconds=5)),
        # From here on a tenth of its age is longer than 5 s.
        (timedelta(seconds=100), timedelta(seconds=10)),
        (timedelta(seconds=1000), timedelta(seconds=100)),
    ],
)
@pytest.mark.parametrize("asks", [False, True])
def test_public_nudges_do_not_multiply(cause: Cause, age: timedelta, since: timedelta, *, asks: bool) -> None:
    harness = Harness()
    ports = harness.ports
    harness.held_booking()
    since += MS if asks else timedelta(0)
    ports.clock.move_to(NOW + age - since)
    look(harness, "verify")
    before = harness.stored_booking(FIRST)
    harness.clear_logs()
    ports.clock.move_to(NOW + age)
    look(harness, cause)
    assert ports.call_log.count("gateway.verify") == asks
    if not asks:
        assert harness.stored_booking(FIRST) == before
        assert ports.call_log.names() == ["bookings.load"]


@pytest.mark.parametrize("cause", ["callback", "return"])
@pytest.mark.parametrize(
    ("age", "since"), [(timedelta(seconds=400), timedelta(seconds=5)), (timedelta(seconds=1500), timedelta(seconds=15))]
)
def test_after_a_failure_a_nudge_is_granted_sooner(
    harness: Harness, ports: Fakes, cause: Cause, age: timedelta, since: timedelta
) -> None:
    """A card was refused, and another one paid on the same link: the guest who comes back is not told of the first."""
    harness.held_booking()
    ports.gateway.set_status(ONE, "failed")
    ports.clock.move_to(NOW + age - since)
    look(harness, "verify")
    ports.gateway.set_status(ONE, "paid")
    ports.clock.move_to(NOW + age)
    look(harness, cause)
    assert harness.stored_booking(FIRST).status == "pending_payment"
    ports.clock.move_to(NOW + age + MS)
    look(harness, cause)
    assert harness.stored_booking(FIRST).status == "confirmed"


@pytest.mark.parametrize(("since", "asks"), [(timedelta(seconds=2) - MS, False), (timedelta(seconds=2), True)])
def test_verify_calls_do_not_multiply(harness: Harness, ports: Fakes, since: timedelta, asks: bool) -> None:
    harness.held_booking()
    look(harness, "verify")
    harness.clear_logs()
    ports.clock.move_to(NOW + since)
    done = reconcile(ports, FIRST, tx_ref=ONE, actor=Actor("verify"))
    assert done is not None
    assert ports.call_log.count("gateway.verify") == asks


@pytest.mark.parametrize("cause", ["webhook", "sweep"])
def test_what_is_signed_or_named_by_the_clock_is_asked_about_at_once(
    harness: Harness, ports: Fakes, cause: Cause
) -> None:
    harness.held_booking()
    look(harness, "verify")
    look(harness, cause)
    assert ports.call_log.count("gateway.verify") == 2


def test_a_named_payment_is_asked_about_in_whatever_state(harness: Harness, ports: Fakes) -> None:
    for booking in (harness.confirmed_booking(key="confirmed"), harness.expired_booking(key="expired")):
        harness.clear_logs()
        reconcile(ports, booking.booking_id, tx_ref=booking.payments[0].tx_ref, actor=Actor("webhook"))
        assert ports.call_log.count("gateway.verify") == 1


def test_nothing_due_nothing_done(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.clock.move_to(NOW + timedelta(minutes=2) - MS)
    look(harness, "sweep", None)
    # The first may be too old to say so.
    assert ports.call_log.names() == ["bookings.load", "bookings.load"]
    assert harness.stored_booking(FIRST) == booking


def test_the_clock_asks_although_its_first_read_knows_of_nothing(harness: Harness, ports: Fakes) -> None:
    ports.tables.stop_replication()
    harness.held_booking()
    ports.gateway.pay(ONE)
    ports.clock.move(minutes=2)
    look(harness, "sweep", None)
    assert harness.stored_booking(FIRST).status == "confirmed"


def test_the_clock_asks_nobody_about_what_was_only_due_in_its_first_read(harness: Harness, ports: Fakes) -> None:
    """The lease brings the booking as it is, and is given back."""
    harness.held_booking()
    ports.tables.stop_replication()
    ports.clock.move(minutes=2)
    look(harness, "sweep", None)
    asked = harness.stored_booking(FIRST)
    look(harness, "sweep", None)
    assert ports.call_log.count("gateway.verify") == 1
    assert ports.call_log.count("bookings.lease_verification") == 2
    again = harness.stored_booking(FIRST)
    assert again.verify_lease is None
    assert replace(again, version=asked.version) == asked


def test_what_is_due_is_read_eventually_and_leased(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.clock.move(minutes=2)
    look(harness, "sweep", None)
    assert ports.call_log.names("bookings") == ["bookings.load", "bookings.lease_verification", "bookings.save"]


def test_an_open_payment_is_looked_at_in_its_own_time(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=3))
    harness.held_booking()
    asked = []

    def note() -> None:
        asked.append((ports.clock.now() - NOW).total_seconds() / 60)
        ports.run_before("gateway.verify", note)

    ports.run_before("gateway.verify", note)
    harness.advance(hours=3)
    assert asked[:7] == [2, 5, 15, 45, 75, 105, 135]
    harness.advance(days=30)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert max(pauses) <= 6 * 60
    assert asked[-1] == pytest.approx(WATCHED_FOR.total_seconds() / 60)
    assert harness.due_at(harness.stored_booking(FIRST)) is None
    ports.call_log._before.clear()


def test_a_door_asks_about_two_payments_at_most(harness: Harness, ports: Fakes) -> None:
    attempts(harness, 6)
    harness.ports.clock.move(hours=2)
    look(harness, "verify", f"{FIRST}-6")
    asked = [call.args[0] for call in ports.call_log.calls if call.name == "gateway.verify"]
    assert asked == [f"{FIRST}-6", ONE]


def test_the_clock_asks_about_four_and_hands_on_the_rest(harness: Harness, ports: Fakes) -> None:
    attempts(harness, 6)
    harness.ports.clock.move(hours=7)
    harness.clear_logs()
    look(harness, "sweep", None)
    asked = [call.args[0] for call in ports.call_log.calls if call.name == "gateway.verify"]
    assert asked == [f"{FIRST}-{n}" for n in (1, 2, 3, 4)]
    assert ports.queue.tasks == [Task(FIRST, request_id="request-first")]
    look(harness, "sweep", None)
    asked = [call.args[0] for call in ports.call_log.calls if call.name == "gateway.verify"]
    assert asked == [f"{FIRST}-{n}" for n in (1, 2, 3, 4, 5, 6)]
    assert len(ports.queue.tasks) == 1


def test_what_could_not_be_handed_on_stays_due(harness: Harness, ports: Fakes) -> None:
    attempts(harness, 6)
    harness.ports.clock.move(hours=7)
    harness.clear_logs()
    ports.queue.down = True
    look(harness, "sweep", None)
    assert "reconcile_not_enqueued" in ports.observe.events
    due = harness.due_at(harness.stored_booking(FIRST))
    assert due is not None
    assert due <= ports.clock.now()


def test_what_a_webhook_announced_is_asked_for_again_soon(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    harness.webhook(ONE)
    assert harness.stored_payment(ONE).schedule.next_verify_at == NOW + timedelta(seconds=30)
    # Another payment's look is not hurried by it.
    harness.webhook(ONE, "charge.failed")
    assert harness.stored_payment(ONE).schedule.next_verify_at == NOW + timedelta(seconds=30)


def test_an_announcement_is_about_the_named_payment_only(harness: Harness, ports: Fakes) -> None:
    attempts(harness, 2)
    ports.clock.move(minutes=20)
    harness.clear_logs()
    harness.webhook(TWO)
    assert harness.stored_payment(TWO).schedule.next_verify_at == ports.clock.now() + timedelta(seconds=30)
    assert harness.stored_payment(ONE).schedule.next_verify_at != ports.clock.now() + timedelta(seconds=30)


# -- what is not ours


def test_what_we_do_not_hold_is_nobodys(harness: Harness, ports: Fakes) -> None:
    booking_id = a_booking_id("nobody's")
    for cause in DOORS:
        assert reconcile(ports, booking_id, tx_ref=f"{booking_id}-1", actor=Actor(cause)) is None
        assert reconcile(ports, booking_id, actor=Actor(cause)) is None
    assert set(ports.call_log.names()) == {"bookings.load"}
    assert ports.tables.orphans == {}


def test_another_attempt_than_ours_is_not_looked_at(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    assert reconcile(ports, FIRST, tx_ref=TWO, actor=Actor("verify")) is None
    assert ports.call_log.names() == ["bookings.load"]
    assert harness.stored_booking(FIRST) == booking


# -- saving


def test_a_lost_race_is_decided_again_on_what_is_there(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE)
    ports.run_before("bookings.save", lambda: look(harness, "verify"))
    look(harness, "webhook")
    assert [event.kind for event in harness.stored_booking(FIRST).history].count("booking_confirmed") == 1
    assert [email.kind for email in harness.stored_booking(FIRST).letters] == ["booking_confirmed", "host_new_booking"]
    assert ports.call_log.count("queue.enqueue_outbox") == 1


def test_losing_again_and_again_ends(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()

    def rival() -> None:
        ports.clock.move(seconds=3)
        booking = harness.stored_booking(FIRST)
        ports.tables.bookings[FIRST].booking = replace(booking, version=booking.version + 1)

    for skip in range(TRIES):
        ports.run_before("bookings.save", rival, skip=skip)
    with pytest.raises(Busy) as refused:
        look(harness, "verify")
    assert refused.value.retry_after == 1
    assert ports.call_log.count("gateway.verify") == 1


def test_one_race_less_and_it_is_saved(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE)

    def rival() -> None:
        booking = harness.stored_booking(FIRST)
        ports.tables.bookings[FIRST].booking = replace(booking, version=booking.version + 1)

    for skip in range(TRIES - 1):
        ports.run_before("bookings.save", rival, skip=skip)
    look(harness, "verify")
    assert harness.stored_booking(FIRST).status == "confirmed"


def test_a_booking_that_vanishes_is_told_as_busy(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    row = ports.tables.bookings[FIRST]
    ports.run_before("bookings.save", lambda: ports.tables.bookings.pop(FIRST))
    with pytest.raises(Busy):
        look(harness, "verify")
    ports.tables.bookings[FIRST] = row


def test_a_busy_store_is_told(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.gateway.pay(ONE)
    ports.run_before("bookings.save", raises(StoreBusy()))
    with pytest.raises(Busy):
        look(harness, "webhook")
    # All that is left is a lease, which lapses by itself.
    stored = harness.stored_booking(FIRST)
    assert replace(stored, version=booking.version, verify_lease=None) == booking
    assert stored.verify_lease is not None
    assert stored.verify_lease.until == NOW + API_VERIFY_LEASE
    assert ports.call_log.count("queue.enqueue_outbox") == 0


def test_e_mails_that_could_not_be_handed_over_are_due_again(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE)
    ports.queue.down = True
    look(harness, "webhook")
    assert harness.stored_booking(FIRST).status == "confirmed"
    assert due_at(harness.stored_booking(FIRST)) == NOW + OUTBOX_MESSAGE
    ports.queue.down = False
    harness.advance(minutes=9)
    assert sorted(ports.mailer.subjects) == ["booking_confirmed 1", "host_new_booking 2"]


def test_a_hand_over_that_was_lost_is_leased_once_more(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    ports.queue.letters.clear()
    ports.clock.move(seconds=OUTBOX_MESSAGE.total_seconds())
    harness.process_task(booking)
    assert [email.due_at for email in harness.stored_booking(FIRST).letters] == [ports.clock.now() + OUTBOX_MESSAGE] * 2
    assert ports.queue.letters == [Task(FIRST, entries=("1", "2", "3"), request_id="request-first")]


def test_a_confirmed_booking_is_told_of_once(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.pay(ONE)
    look(harness, "webhook")
    assert ports.observe.of("booking_confirmed") == [
        {"level": "info", "booking_id": FIRST, "before": "pending_payment"}
    ]
    look(harness, "webhook")
    assert len(ports.observe.of("booking_confirmed")) == 1
    assert ports.call_log.count("queue.enqueue_outbox") == 1


def test_letters_that_wait_already_are_not_handed_over_again(harness: Harness, ports: Fakes) -> None:
    """Whatever else is saved: only what comes to be owed is for the queue, and what was left is for the clock."""
    booking = harness.confirmed_booking()
    ports.queue.letters.clear()
    saved = update(ports, booking, lambda current, _: Decision(replace(current, language="am"))).after
    assert saved.version == booking.version + 1
    assert ports.queue.letters == []


def test_letters_that_were_sent_are_touched_no_more(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    deliver(ports, FIRST)
    before = harness.stored_booking(FIRST)
    assert {email.status for email in before.letters} == {"sent"}
    ports.clock.move(hours=1)
    harness.process_task(before)
    assert harness.stored_booking(FIRST) == before


def test_a_letter_whose_worker_died_is_counted_by_the_clock(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    ports.run_before("mailer.send", raises(Crash()))
    with pytest.raises(Crash):
        deliver(ports, FIRST)
    ports.observe.lines.clear()
    ports.clock.move(minutes=2)
    harness.process_task(booking)
    assert ports.observe.of("email_maybe_twice") == [
        {"level": "warning", "booking_id": FIRST, "entry_id": entry_id} for entry_id in ("1", "2")
    ]


def test_a_decision_is_told_in_a_word_that_nights_are_short(harness: Harness, ports: Fakes) -> None:
    told: list[Availability] = []

    def decide(current: Booking, availability: Availability) -> Decision:
        told.append(availability)
        return Decision(replace(current, status="confirmed") if availability is Availability.FREE else current)

    booking = harness.expired_booking()
    ports.tables.nights[booking.place.listing_id, NIGHTS[0]] = Night(NIGHTS[0], closed=True)
    assert update(ports, booking, decide) == Update(booking, booking)
    ports.tables.listings[booking.place.listing_id] = replace(harness.listing, status="closed")
    assert update(ports, booking, decide) == Update(booking, booking)
    assert told == [Availability.FREE, Availability.SHORT] * 2


def test_one_silence_does_not_keep_the_clock_from_asking_about_the_others(harness: Harness, ports: Fakes) -> None:
    attempts(harness, 2)
    ports.clock.move(hours=2)
    ports.gateway.fail_next("verify", SILENCE)
    look(harness, "sweep", None)
    asked = [call.args[0] for call in ports.call_log.calls if call.name == "gateway.verify"]
    assert asked == [ONE, TWO]
    assert harness.stored_payment(TWO).schedule.verified_at == ports.clock.now()


def test_what_comes_to_need_a_person_is_told_of_once(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    look(harness, "webhook")
    assert not {event for event in ports.observe.events if event.startswith("booking_") or event == "attention_needed"}
    ports.gateway.pay(ONE, amount=Money(1, "ETB"))
    look(harness, "webhook")
    assert ports.observe.of("attention_needed") == [{"level": "error", "booking_id": FIRST, "kind": "payment_review"}]
    ports.clock.move(minutes=1)
    look(harness, "webhook")
    assert len(ports.observe.of("attention_needed")) == 1


def attempts(harness: Harness, count: int) -> None:
    """A booking with this many attempts, each with a link that grew too old; the hold runs on for a day."""
    ports = harness.ports
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=24))
    booking = harness.held_booking()
    for _ in range(count - 1):
        ports.clock.move(minutes=61)
        harness.pay(booking)
    harness.clear_logs()


def test_the_link_of_a_completed_payment_is_left_alone(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    harness.webhook(booking.payments[0].tx_ref)
    assert ports.call_log.names("gateway") == ["gateway.verify"]
