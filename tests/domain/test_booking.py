from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given

from chalicelib.domain import lifecycle
from chalicelib.domain.booking import (
    BOOKING_TRANSITIONS,
    HOLDING_STATUSES,
    PAYMENT_TRANSITIONS,
    REFUND_TRANSITIONS,
    Actor,
    Booking,
    BookingStatus,
    Event,
    Lease,
    OpeningProblem,
    PaymentStatus,
    Place,
    RefundStatus,
    get_payment,
    transition_booking,
)
from chalicelib.domain.checkout import opening_failed
from chalicelib.domain.lifecycle import confirm, due_at
from chalicelib.domain.money import Money
from chalicelib.domain.outbox import enqueue
from chalicelib.domain.timing import OUTBOX_MESSAGE
from tests.builders import (
    GUEST,
    HANNA,
    NOW,
    a_booking,
    a_booking_id,
    a_listing,
    a_stay,
    another_attempt,
    change_entry,
    change_payment,
    expired,
    move_payment,
    move_refund,
    opened,
    paid,
    refund_owed,
    verified,
)
from tests.invariants import check_booking, statuses_from_history, statuses_of
from tests.replacing import replace
from tests.strategies import Life, lives

MS = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)
LATER = NOW + timedelta(minutes=7)


# Hold


def test_a_hold_is_a_booking_with_its_first_payment_in_opening() -> None:
    booking = a_booking(return_url="https://shop.example.et/thanks")
    listing = a_listing()
    assert booking.booking_id == a_booking_id()
    assert (booking.status, booking.guest_id, booking.stay, booking.contact) == (
        "pending_payment",
        GUEST,
        a_stay(),
        HANNA,
    )
    assert booking.total == Money(735_000, "ETB")
    assert [line.description for line in booking.lines] == ["3 nights × 1 unit"]
    assert booking.hold_expires_at == NOW + timedelta(minutes=30)
    assert (booking.created_at, booking.updated_at, booking.version) == (NOW, NOW, 1)
    assert (booking.language, booking.fingerprint, booking.request_id) == ("en", "fingerprint", "request-1")
    assert booking.return_url == "https://shop.example.et/thanks"
    assert (booking.expiry_retry_at, booking.confirmed_late_at, booking.letters) == (None, None, ())
    assert booking.place == Place.of(listing)
    [payment] = booking.payments
    assert payment.tx_ref == f"{booking.booking_id}-1"
    assert (payment.status, payment.gateway, payment.expected_mode) == ("created", "chapa", "test")
    assert (payment.amount, payment.facts.received, payment.accepted) == (booking.total, None, False)
    assert payment.opening == Lease("opener", NOW + timedelta(seconds=25))
    assert (payment.created_at, payment.updated_at, payment.schedule.next_verify_at) == (NOW, NOW, NOW + 2 * MINUTE)
    assert booking.history == (
        Event(NOW, "booking_held", "guest", "", None, "pending_payment", by=GUEST),
        Event(NOW, "payment_created", "guest", payment.tx_ref, None, "created", by=GUEST),
    )


def test_a_booking_remembers_its_listing_as_it_was() -> None:
    listing = a_listing(check_in_time="15:30", check_out_time="10:15", cancellation_policy="strict")
    place = Place.of(listing)
    for name in (
        "listing_id",
        "host_id",
        "host_email",
        "title",
        "city",
        "address",
        "time_zone",
        "check_in_time",
        "check_out_time",
        "cancellation_policy",
    ):
        assert getattr(place, name) == getattr(listing, name)


def test_the_slot_frees_itself_when_the_nights_would_go_at_the_latest() -> None:
    booking = a_booking()
    assert booking.hold_counts_until == booking.hold_expires_at + timedelta(hours=12)


def test_the_payment_that_counts_is_the_accepted_one_else_the_latest() -> None:
    twice = opened(another_attempt(opened(a_booking())))
    assert twice.current_payment is twice.payments[1]
    first = twice.payments[0].tx_ref
    assert verified(twice, tx_ref=first).current_payment.tx_ref == first


def test_payments_are_found_by_their_reference() -> None:
    booking = another_attempt(a_booking())
    for payment in booking.payments:
        assert booking.payment(payment.tx_ref) is payment
        assert get_payment(booking, payment.tx_ref) is payment
    for tx_ref in ("", booking.booking_id, f"{booking.booking_id}-3"):
        assert booking.payment(tx_ref) is None
        with pytest.raises(KeyError):
            get_payment(booking, tx_ref)


# Confirm


def test_confirming_closes_the_links_that_are_still_open() -> None:
    twice = opened(another_attempt(opened(a_booking()), now=NOW + 4 * MINUTE))
    booking = verified(twice, tx_ref=twice.payments[0].tx_ref, now=LATER)
    first, second = booking.payments
    assert (booking.status, booking.confirmed_late_at) == ("confirmed", None)
    assert (first.status, first.accepted, first.schedule.next_verify_at) == ("completed", True, None)
    assert (second.status, second.accepted) == ("expired", False)
    # At once: to close the link, and to see whether it was paid on.
    assert second.schedule.next_verify_at == LATER
    assert due_at(booking) == LATER
    assert [(email.kind, email.due_at, email.entry_id) for email in booking.letters] == [
        ("booking_confirmed", LATER + OUTBOX_MESSAGE, "1"),
        ("host_new_booking", LATER + OUTBOX_MESSAGE, "2"),
    ]
    assert [(event.kind, event.detail) for event in booking.history[-3:]] == [
        ("payment_completed", ""),
        ("payment_expired", "paid by another attempt"),
        ("booking_confirmed", ""),
    ]


def test_confirming_leaves_what_was_closed_before_as_it_is() -> None:
    failed_once = verified(opened(a_booking(hold_for=timedelta(hours=3))), "failed", now=NOW + 60 * MINUTE)
    booking = paid(opened(another_attempt(failed_once)), now=NOW + 70 * MINUTE)
    assert booking.payments[0] == failed_once.payments[0]


def test_a_booking_that_was_waiting_for_an_answer_forgets_it_once_confirmed() -> None:
    waiting = replace(opened(a_booking()), expiry_retry_at=LATER)
    assert paid(waiting).expiry_retry_at is None


def test_late_money_is_remembered_as_late() -> None:
    late = paid(expired(opened(a_booking())), now=NOW + 45 * MINUTE)
    assert late.confirmed_late_at == NOW + 45 * MINUTE
    assert late.history[-1].detail == "late"


# Expire


def test_expiring_gives_the_nights_back_and_keeps_watching() -> None:
    held = opened(a_booking())
    booking = expired(replace(held, expiry_retry_at=LATER))
    [payment] = booking.payments
    assert (booking.status, booking.holds_nights, booking.expiry_retry_at) == ("expired", False, None)
    assert (payment.status, payment.schedule.next_verify_at) == ("expired", NOW + 60 * MINUTE)
    [email] = booking.letters
    assert (email.kind, email.due_at) == ("hold_expired", booking.hold_expires_at + OUTBOX_MESSAGE)


def test_expiring_ends_an_opening_too() -> None:
    [payment] = expired(a_booking()).payments
    assert (payment.status, payment.opening) == ("expired", None)


def test_expiring_leaves_a_failed_payment_as_it_is() -> None:
    failed_once = verified(opened(a_booking(hold_for=timedelta(hours=3))), "failed", now=NOW + 60 * MINUTE)
    assert expired(failed_once).payments == failed_once.payments


# Moves


@pytest.mark.parametrize("before", get_args(BookingStatus))
@pytest.mark.parametrize("to", get_args(BookingStatus))
def test_a_booking_moves_only_as_the_table_says(before: BookingStatus, to: BookingStatus) -> None:
    booking = replace(a_booking(), status=before)
    if to not in BOOKING_TRANSITIONS[before]:
        with pytest.raises(ValueError, match=f"never goes from {before} to {to}"):
            transition_booking(booking, to, actor=Actor("sweep"), now=LATER)
        return
    moved = transition_booking(booking, to, actor=Actor("sweep"), now=LATER, detail="why")
    assert (moved.status, moved.updated_at) == (to, LATER)
    assert moved.history[-1] == Event(LATER, f"booking_{to}", "sweep", "", before, to, "why")
    assert replace(moved, status=before, updated_at=NOW, history=booking.history) == booking


@pytest.mark.parametrize("before", get_args(PaymentStatus))
@pytest.mark.parametrize("to", get_args(PaymentStatus))
def test_a_payment_moves_only_as_the_table_says(before: PaymentStatus, to: PaymentStatus) -> None:
    booking = another_attempt(a_booking())
    other, payment = booking.payments
    booking = change_payment(booking, payment.tx_ref, status=before)
    if to not in PAYMENT_TRANSITIONS[before]:
        with pytest.raises(ValueError, match=f"never goes from {before} to {to}"):
            move_payment(booking, payment.tx_ref, to, actor=Actor("sweep"), now=LATER)
        return
    moved = move_payment(booking, payment.tx_ref, to, actor=Actor("sweep"), now=LATER, detail="why")
    assert moved.payments == (other, replace(booking.payments[1], status=to, updated_at=LATER))
    assert moved.updated_at == LATER
    assert moved.history[-1] == Event(LATER, f"payment_{to}", "sweep", payment.tx_ref, before, to, "why")


@pytest.mark.parametrize("before", get_args(RefundStatus))
@pytest.mark.parametrize("to", get_args(RefundStatus))
def test_a_refund_moves_only_as_the_table_says(before: RefundStatus, to: RefundStatus) -> None:
    booking = refund_owed(refund_owed(paid(opened(a_booking())), amount=Money(5, "ETB")), amount=Money(7, "ETB"))
    first, second = booking.refunds
    tx_ref = booking.payments[0].tx_ref
    booking = change_payment(booking, tx_ref, refunds=(first, replace(second, status=before)))
    if to not in REFUND_TRANSITIONS[before]:
        with pytest.raises(ValueError, match=f"never goes from {before} to {to}"):
            move_refund(booking, second.refund_id, to, actor=Actor("sweep"), now=LATER)
        return
    moved = move_refund(booking, second.refund_id, to, actor=Actor("sweep"), now=LATER, detail="why")
    assert moved.refunds[0] == first
    assert (moved.refunds[1].status, moved.refunds[1].updated_at, moved.payments[0].updated_at) == (to, LATER, LATER)
    assert moved.history[-1] == Event(LATER, f"refund_{to}", "sweep", second.refund_id, before, to, "why")


def test_bookings_end_cancelled_and_only_two_states_hold_nights() -> None:
    assert set(BOOKING_TRANSITIONS) == set(get_args(BookingStatus))
    assert [status for status, moves in BOOKING_TRANSITIONS.items() if not moves] == ["cancelled"]
    assert {"pending_payment", "confirmed"} == HOLDING_STATUSES
    for status in get_args(BookingStatus):
        assert replace(a_booking(), status=status).holds_nights is (status in HOLDING_STATUSES)


def test_whats_confirmed_cannot_expire_and_whats_expired_cannot_expire_again() -> None:
    for booking in (paid(opened(a_booking())), expired(a_booking())):
        with pytest.raises(ValueError, match="never goes"):
            lifecycle.expire(booking, actor=Actor("sweep"), now=LATER)


# E-mails


def test_what_is_owed_is_numbered_and_has_the_lease_of_its_hand_over() -> None:
    booking = enqueue(enqueue(a_booking(), "hold_expired", now=NOW), "payment_failed", now=LATER, about="ref")
    first, second = booking.letters
    assert (first.entry_id, first.kind, first.about, first.due_at) == ("1", "hold_expired", "", NOW + OUTBOX_MESSAGE)
    assert (second.entry_id, second.kind, second.about, second.due_at) == (
        "2",
        "payment_failed",
        "ref",
        LATER + OUTBOX_MESSAGE,
    )
    assert all((email.status, email.lease, email.tries) == ("owed", None, 0) for email in booking.letters)


def test_what_a_host_is_owed_does_not_hang_on_what_is_known_of_her_now() -> None:
    booking = a_booking(listing=a_listing(host_email=""))
    assert [email.kind for email in paid(opened(booking)).letters] == ["booking_confirmed", "host_new_booking"]


def test_an_email_that_is_sent_is_noted_and_a_claim_is_not() -> None:
    booking = paid(opened(a_booking()))
    first, second = booking.letters
    claimed = change_entry(booking, replace(second, lease=Lease("worker", LATER), tries=1), now=LATER)
    assert claimed.history == booking.history
    assert claimed.letters[0] == first
    assert claimed.letters[1].lease == Lease("worker", LATER)
    sent = change_entry(claimed, replace(claimed.letters[1], status="sent"), now=LATER)
    assert sent.letters[0] == first
    assert sent.history[-1] == Event(LATER, "email_sent", "email", "2", "owed", "sent", "host_new_booking")


# History


@given(lives())
def test_at_every_time_all_is_in_order(life: Life) -> None:
    for booking in life.states:
        check_booking(booking)


@given(lives())
def test_the_history_alone_tells_every_status(life: Life) -> None:
    for booking in life.states:
        assert statuses_from_history(booking) == statuses_of(booking)


@given(lives())
def test_nothing_is_ever_taken_out_or_changed_in_place(life: Life) -> None:
    for before, after in zip(life.states, life.states[1:], strict=False):
        assert after.history[: len(before.history)] == before.history
        assert len(after.payments) >= len(before.payments)
        assert [email.kind for email in after.letters[: len(before.letters)]] == [
            email.kind for email in before.letters
        ]
        # A change of a status makes entries, and nothing else does: looks, leases and claims come too often.
        if statuses_of(before) == statuses_of(after):
            assert _status_changes(before) == _status_changes(after)


def _status_changes(booking: Booking) -> int:
    return sum(event.before != event.after for event in booking.history)


def test_a_confirmed_payment_is_in_nobodys_hands_and_looked_at_no_more() -> None:
    booking = a_booking()
    assert (booking.payments[0].key, booking.payments[0].is_opened_by("opener")) == ("", True)
    [payment] = confirm(booking, booking.payments[0], actor=Actor("webhook"), now=NOW).payments
    assert (payment.accepted, payment.schedule.next_verify_at, payment.opening) == (True, None, None)


def test_links_are_closed_by_whatever_confirms() -> None:
    booking = another_attempt(opened(a_booking()))
    booking = confirm(booking, booking.payments[0], actor=Actor("webhook"), now=NOW + timedelta(minutes=1))
    closed = booking.payments[1]
    assert (closed.status, closed.opening) == ("expired", None)
    [event] = [event for event in booking.history if event.detail == "paid by another attempt"]
    assert (event.cause, event.subject) == ("webhook", closed.tx_ref)


def test_a_new_attempt_is_a_change_of_its_booking() -> None:
    later = NOW + timedelta(minutes=7)
    failed = opening_failed(
        a_booking(),
        a_booking().payments[0].tx_ref,
        OpeningProblem("refused", ""),
        definitely_not_executed=True,
        actor=Actor("guest"),
        now=NOW,
    )
    assert another_attempt(failed, now=later).updated_at == later
