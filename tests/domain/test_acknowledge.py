"""What a person has dealt with waits for nobody, and its entry says who and how."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain import outbox
from chalicelib.domain.attention import Acknowledgeable, acknowledge, acknowledgements, attention
from chalicelib.domain.booking import ENTRY_TRIES_BEFORE_ATTENTION, Actor, Booking, Event
from chalicelib.domain.errors import AttentionItemNotFound
from chalicelib.domain.lifecycle import due_at
from chalicelib.domain.refunds import record_reversal
from tests.builders import NOW, a_booking, change_entry, change_payment, paid
from tests.invariants import check_booking
from tests.replacing import replace

WHO = ("operator-1", "sara@guzo.example.et")
LATER = NOW + timedelta(hours=5)
BY = Actor("operator", "operator-1", "sara@guzo.example.et")
TX_REF = a_booking().payments[0].tx_ref


def acknowledged(booking: Booking, kind: Acknowledgeable, subject: str) -> Booking:
    after = acknowledge(booking, kind, subject, actor=BY, note="Told by telephone.", now=LATER)
    check_booking(after)
    return after


def reversal() -> Booking:
    return record_reversal(
        paid(a_booking()), paid(a_booking()).payments[0], "reversed", actor=Actor("webhook"), now=NOW
    )


def with_email(*, failed: bool) -> Booking:
    booking = paid(a_booking())
    email = replace(booking.letters[0], tries=ENTRY_TRIES_BEFORE_ATTENTION)
    email = replace(email, status="failed") if failed else outbox.claim(email, owner="worker", now=NOW)
    return change_entry(booking, email, now=NOW)


def test_a_payment_that_was_reversed() -> None:
    booking = acknowledged(reversal(), "payment_reversed", TX_REF)
    assert attention(booking) is None
    entry = Event(
        LATER,
        "payment_reversed_acknowledged",
        "operator",
        TX_REF,
        "completed",
        "completed",
        "Told by telephone.",
        "operator-1",
        "sara@guzo.example.et",
    )
    assert booking.history[-1] == entry
    assert acknowledgements(booking, "payment_reversed", TX_REF) == (entry,)
    # What the gateway did stays written down, and changes nothing else.
    assert booking.payments[0] == replace(reversal().payments[0], reversal_acknowledged=True)
    assert (booking.status, booking.refunds) == ("confirmed", ())


@pytest.mark.parametrize("failed", [True, False])
def test_an_email(failed: bool) -> None:
    before = with_email(failed=failed)
    email_id = before.letters[0].entry_id
    assert attention(before) == "email"
    booking = acknowledged(before, "email", email_id)
    assert attention(booking) is None
    assert (booking.letters[0].status, booking.letters[0].lease) == ("acknowledged", None)
    assert booking.letters[1:] == before.letters[1:]
    status = "failed" if failed else "owed"
    entry = booking.history[-1]
    assert (entry.kind, entry.subject, entry.before, entry.after) == (
        "email_acknowledged",
        email_id,
        status,
        "acknowledged",
    )
    assert (entry.cause, entry.by, entry.by_name, entry.detail) == ("operator", *WHO, "Told by telephone.")
    assert due_at(replace(booking, outbox=booking.letters[:1])) is None


def test_a_booking_that_keeps_failing() -> None:
    before = paid(a_booking())
    booking = acknowledged(before, "failing", "")
    entry = Event(LATER, "failing_acknowledged", "operator", "", "confirmed", "confirmed", "Told by telephone.", *WHO)
    assert booking == replace(before, history=(*before.history, entry))
    again = acknowledged(booking, "failing", "")
    assert acknowledgements(again, "failing", "") == (entry, entry)


def test_what_waits_for_nobody_is_not_acknowledged() -> None:
    once = acknowledged(reversal(), "payment_reversed", TX_REF)
    mailed = acknowledged(with_email(failed=True), "email", "1")
    wrong: list[tuple[Booking, Acknowledgeable, str]] = [
        (paid(a_booking()), "payment_reversed", TX_REF),
        (reversal(), "payment_reversed", TX_REF[:-1] + "2"),
        (once, "payment_reversed", TX_REF),
        (change_payment(a_booking(), TX_REF, status="review"), "payment_reversed", TX_REF),
        (paid(a_booking()), "email", "1"),
        (with_email(failed=True), "email", "2"),
        (with_email(failed=True), "email", "9"),
        (mailed, "email", "1"),
    ]
    for booking, kind, subject in wrong:
        with pytest.raises(AttentionItemNotFound):
            acknowledge(booking, kind, subject, actor=BY, note="", now=LATER)


def test_one_of_two_leaves_the_other() -> None:
    failed = with_email(failed=True)
    both = record_reversal(failed, failed.payments[0], "refunded", actor=Actor("webhook"), now=NOW)
    assert attention(acknowledged(both, "payment_reversed", TX_REF)) == "email"
    assert attention(acknowledged(both, "email", "1")) == "payment_reversed"
    assert acknowledgements(acknowledged(both, "email", "1"), "payment_reversed", TX_REF) == ()
