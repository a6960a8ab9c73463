"""The one instant at which a booking needs something, and whether a person must look at it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.attention import attention, attention_since
from chalicelib.domain.booking import ENTRY_TRIES_BEFORE_ATTENTION, Actor, Booking
from chalicelib.domain.lifecycle import due_at, indexed_due_at
from chalicelib.domain.money import Money
from chalicelib.domain.outbox import with_entries
from chalicelib.domain.refunds import defer_start
from chalicelib.domain.timing import DUE_EARLY, OUTBOX_MESSAGE
from tests.builders import (
    NOW,
    a_booking,
    another_attempt,
    change_entry,
    change_payment,
    expired,
    get_refund,
    move_refund,
    opened,
    paid,
    refund_owed,
    verified,
)
from tests.replacing import replace

MS = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)
LATER = NOW + timedelta(minutes=7)


def done_with_mail(booking: Booking) -> Booking:
    for email in booking.outbox:
        booking = change_entry(booking, replace(email, status="sent"), now=LATER)
    return booking


def looks_at(booking: Booking, *instants: datetime | None) -> Booking:
    for payment, instant in zip(booking.payments, instants, strict=True):
        booking = change_payment(booking, payment.tx_ref, schedule=replace(payment.schedule, next_verify_at=instant))
    return booking


def test_a_hold_is_due_at_its_first_look_and_then_at_its_end() -> None:
    booking = a_booking()
    assert due_at(booking) == NOW + 2 * MINUTE
    assert due_at(looks_at(booking, booking.hold_expires_at + MS)) == booking.hold_expires_at
    assert due_at(looks_at(booking, None)) == booking.hold_expires_at


def test_while_the_gateway_is_silent_the_end_of_the_hold_is_put_off() -> None:
    waiting = looks_at(replace(a_booking(), expiry_retry_at=NOW + 45 * MINUTE), None)
    assert due_at(waiting) == NOW + 45 * MINUTE
    assert due_at(expired(looks_at(waiting, None))) is not None


def test_the_earliest_of_everything() -> None:
    twice = another_attempt(opened(a_booking()))
    assert due_at(looks_at(twice, NOW + 9 * MINUTE, NOW + 8 * MINUTE)) == NOW + 8 * MINUTE
    assert due_at(looks_at(twice, NOW + 9 * MINUTE, NOW + 90 * MINUTE)) == NOW + 9 * MINUTE
    confirmed = paid(opened(a_booking()), now=NOW + 4 * MINUTE)
    assert due_at(confirmed) == NOW + 4 * MINUTE + OUTBOX_MESSAGE
    early, late = confirmed.letters
    confirmed = replace(confirmed, outbox=(replace(early, status="sent"), replace(late, due_at=LATER)))
    assert due_at(confirmed) == LATER
    owing = refund_owed(done_with_mail(confirmed), amount=Money(1, "ETB"))
    assert due_at(owing) == owing.refunds[0].due_at == owing.updated_at


def test_a_confirmed_booking_with_its_mail_sent_rests() -> None:
    booking = done_with_mail(paid(opened(a_booking())))
    assert due_at(booking) is None
    assert due_at(replace(booking, expiry_retry_at=LATER)) is None


def test_a_booking_whose_watch_is_over_rests() -> None:
    over = done_with_mail(expired(opened(a_booking())))
    assert due_at(over) == NOW + 60 * MINUTE
    assert due_at(verified(over, "pending", now=NOW + timedelta(hours=72))) is None


# Who must look at it


def test_attention_is_for_money_first() -> None:
    confirmed = paid(opened(a_booking()))
    assert attention(confirmed) is None
    refund = refund_owed(confirmed, amount=Money(1, "ETB"))
    assert attention(refund) is None
    refused = move_refund(refund, get_refund(refund).refund_id, "attention", actor=Actor("sweep"), now=LATER)
    assert attention(refused) == "refund"
    bounced = change_entry(refused, replace(refused.letters[0], status="failed"), now=LATER)
    assert attention(bounced) == "refund"
    taken = change_payment(bounced, bounced.payments[0].tx_ref, reversal="reversed")
    assert attention(taken) == "payment_reversed"
    reviewed = change_payment(taken, taken.payments[0].tx_ref, status="review")
    assert attention(reviewed) == "payment_review"


def test_attention_for_mail_that_keeps_failing() -> None:
    booking = paid(opened(a_booking()))
    nearly, email = booking.letters
    nearly = replace(nearly, tries=ENTRY_TRIES_BEFORE_ATTENTION - 1)
    assert attention(replace(booking, outbox=(nearly, email))) is None
    assert attention(replace(booking, outbox=(nearly, replace(email, tries=ENTRY_TRIES_BEFORE_ATTENTION)))) == "email"
    assert attention(replace(booking, outbox=(nearly, replace(email, status="failed")))) == "email"


def test_attention_for_a_refund_that_could_not_be_started_for_a_day() -> None:
    booking = refund_owed(paid(opened(a_booking())), amount=Money(1, "ETB"))
    refund = get_refund(booking)

    def deferred(since: timedelta) -> Booking:
        now = refund.created_at + since
        return defer_start(booking, refund.refund_id, actor=Actor("sweep"), now=now, jitter=0, detail="gateway_timeout")

    assert attention(deferred(timedelta(hours=24) - timedelta(milliseconds=1))) is None
    assert attention(deferred(timedelta(hours=24))) == "refund"


def test_attention_for_any_attempt() -> None:
    twice = another_attempt(opened(a_booking()))
    for payment in twice.payments:
        assert attention(change_payment(twice, payment.tx_ref, status="review")) == "payment_review"


def test_a_booking_waits_for_a_person_since_its_trouble_began() -> None:
    booking = opened(a_booking())
    assert attention_since(booking) == booking.created_at
    later = NOW + timedelta(minutes=7)
    reviewed = verified(booking, "paid", now=later, amount=Money(1, "ETB"))
    assert attention(reviewed) == "payment_review"
    assert attention_since(reviewed) == later


def test_a_booking_waits_for_a_person_since_its_latest_trouble() -> None:
    twice = another_attempt(opened(a_booking()))
    first, second = (payment.tx_ref for payment in twice.payments)
    odd = verified(twice, "paid", tx_ref=first, now=NOW + 3 * MINUTE, amount=Money(1, "ETB"))
    again = verified(odd, "paid", tx_ref=second, now=LATER, amount=Money(1, "ETB"))
    assert attention_since(again) == LATER


@pytest.mark.parametrize("status", ["failed", "bounced", "complained"])
def test_a_booking_waits_for_a_person_since_its_letter_did_not_arrive(status: Any) -> None:
    booking = paid(opened(a_booking()))
    letter = replace(booking.letters[0], status=status, why="undetermined")
    booking = with_entries(booking, {letter.entry_id: letter}, now=LATER)
    assert (attention(booking), attention_since(booking)) == ("email", LATER)


def test_a_booking_waits_for_a_person_since_its_money_was_taken_back() -> None:
    gone = verified(paid(opened(a_booking())), "reversed", now=LATER)
    assert (attention(gone), attention_since(gone)) == ("payment_reversed", LATER)


@pytest.mark.parametrize("early", [timedelta(), timedelta(milliseconds=1), DUE_EARLY, timedelta(hours=1)])
def test_a_booking_that_needs_something_sooner_than_it_stands_is_moved_there(early: timedelta) -> None:
    waiting = opened(a_booking())
    confirmed = paid(waiting)
    due, old = due_at(confirmed), due_at(waiting)
    assert due is not None
    assert old is not None
    entry = replace(confirmed.outbox[0], due_at=old - early)
    sooner = replace(confirmed, outbox=(entry, *confirmed.outbox[1:]))
    assert indexed_due_at(waiting, sooner) == due_at(sooner) == min(old - early, due)
