"""What a person has dealt with waits for nobody, and its entry says who and how."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.attention import Acknowledgeable, attention, settle, settlements
from chalicelib.domain.booking import ENTRY_TRIES_BEFORE_ATTENTION, Booking, Event, update_payment
from chalicelib.domain.errors import AttentionItemNotFound
from chalicelib.domain.ids import PersonId
from chalicelib.domain.lifecycle import due_at
from chalicelib.domain.outbox import replace_email
from chalicelib.domain.refunds import record_reversal
from tests.builders import NOW, a_booking, paid
from tests.invariants import check_booking

LATER = NOW + timedelta(hours=5)
BY = PersonId("operator-1")
TX_REF = a_booking().payments[0].tx_ref


def settled(booking: Booking, kind: Acknowledgeable, subject: str) -> Booking:
    after = settle(booking, kind, subject, by=BY, said="Told by telephone.", now=LATER)
    check_booking(after)
    return after


def reversal() -> Booking:
    return record_reversal(paid(a_booking()), TX_REF, "reversed", cause="webhook", now=NOW)


def with_email(*, failed: bool) -> Booking:
    booking = paid(a_booking())
    email = replace(booking.emails[0], tries=ENTRY_TRIES_BEFORE_ATTENTION)
    email = replace(email, status="failed") if failed else replace(email, claimed_by="worker")
    return replace_email(booking, email, now=NOW)


def test_a_payment_that_was_taken_back() -> None:
    booking = settled(reversal(), "payment_reversed", TX_REF)
    assert attention(booking) is None
    entry = Event(
        LATER,
        "payment_reversed_settled",
        "operator",
        TX_REF,
        "completed",
        "completed",
        "Told by telephone.",
        "operator-1",
    )
    assert booking.history[-1] == entry
    assert settlements(booking, "payment_reversed", TX_REF) == (entry,)
    # What the gateway did stays written down, and changes nothing else.
    assert booking.payments[0] == replace(reversal().payments[0], reversal_acknowledged=True)
    assert (booking.status, booking.refunds) == ("confirmed", ())


@pytest.mark.parametrize("failed", [True, False])
def test_an_email(failed: bool) -> None:
    before = with_email(failed=failed)
    email_id = before.emails[0].email_id
    assert attention(before) == "email"
    booking = settled(before, "email", email_id)
    assert attention(booking) is None
    assert (booking.emails[0].status, booking.emails[0].claimed_by) == ("settled", "")
    assert booking.emails[1:] == before.emails[1:]
    status = "failed" if failed else "owed"
    entry = booking.history[-1]
    assert (entry.kind, entry.subject, entry.before, entry.after) == ("email_settled", email_id, status, "settled")
    assert (entry.cause, entry.by, entry.detail) == ("operator", BY, "Told by telephone.")
    assert not booking.emails[0].may_be_claimed(LATER + timedelta(days=9))
    assert due_at(replace(booking, emails=booking.emails[:1])) is None


def test_a_booking_that_keeps_failing() -> None:
    before = paid(a_booking())
    booking = settled(before, "failing", "")
    entry = Event(
        LATER, "failing_settled", "operator", "", "confirmed", "confirmed", "Told by telephone.", "operator-1"
    )
    assert booking == replace(before, history=(*before.history, entry))
    again = settled(booking, "failing", "")
    assert settlements(again, "failing", "") == (entry, entry)


def test_what_waits_for_nobody_is_not_settled() -> None:
    once = settled(reversal(), "payment_reversed", TX_REF)
    mailed = settled(with_email(failed=True), "email", "1")
    wrong: list[tuple[Booking, Acknowledgeable, str]] = [
        (paid(a_booking()), "payment_reversed", TX_REF),
        (reversal(), "payment_reversed", TX_REF[:-1] + "2"),
        (once, "payment_reversed", TX_REF),
        (update_payment(a_booking(), TX_REF, status="review"), "payment_reversed", TX_REF),
        (paid(a_booking()), "email", "1"),
        (with_email(failed=True), "email", "2"),
        (with_email(failed=True), "email", "9"),
        (mailed, "email", "1"),
    ]
    for booking, kind, subject in wrong:
        with pytest.raises(AttentionItemNotFound):
            settle(booking, kind, subject, by=BY, said="", now=LATER)


def test_one_of_two_leaves_the_other() -> None:
    both = record_reversal(with_email(failed=True), TX_REF, "refunded", cause="webhook", now=NOW)
    assert attention(settled(both, "payment_reversed", TX_REF)) == "email"
    assert attention(settled(both, "email", "1")) == "payment_reversed"
    assert settlements(settled(both, "email", "1"), "payment_reversed", TX_REF) == ()
