from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.booking import ENTRY_TRIES_BEFORE_ATTENTION, WAITING, Booking, Email, EmailKind, EmailStatus
from chalicelib.domain.outbox import retry_after, still_true
from chalicelib.domain.timing import OUTBOX_LEASE, OUTBOX_RETRY_MAX
from tests.builders import (
    NOW,
    a_booking,
    another_attempt,
    cancelled,
    expired,
    failed,
    get_refund,
    opened,
    paid,
    verified,
)
from tests.strategies import lives

MS = timedelta(milliseconds=1)


def an_email(kind: EmailKind = "booking_confirmed", about: str = "", **changes: object) -> Email:
    return replace(Email("1", kind, NOW + OUTBOX_LEASE, about), **changes)  # type: ignore[arg-type]


def true_of(booking: Booking) -> set[str]:
    return {kind for kind in get_args(EmailKind) if still_true(an_email(kind), booking, now=NOW)}


# Whether it is still true


def test_what_is_told_of_a_booking_holds_while_it_is_in_that_state() -> None:
    held = opened(a_booking())
    confirmed = paid(held)
    over = expired(held)
    assert true_of(held) == set()
    assert true_of(confirmed) == {"booking_confirmed", "host_new_booking"}
    assert true_of(over) == {"hold_expired"}
    assert true_of(cancelled(confirmed)) == {"booking_cancelled", "host_cancelled"}


def test_an_expired_hold_that_late_money_confirmed_is_no_longer_told_as_expired() -> None:
    over = expired(opened(a_booking()))
    [told_expired] = over.emails
    assert still_true(told_expired, over, now=NOW)
    late = paid(over)
    assert not still_true(told_expired, late, now=NOW)


def a_failed_payment() -> Booking:
    return failed(opened(a_booking(hold_for=timedelta(hours=2))))


def test_a_failed_payment_is_told_while_another_can_be_tried() -> None:
    booking = a_failed_payment()
    [email] = booking.emails
    assert (email.kind, email.about) == ("payment_failed", booking.payments[-1].tx_ref)
    assert still_true(email, booking, now=booking.hold_expires_at - MS)
    assert not still_true(email, booking, now=booking.hold_expires_at)


def test_a_failed_payment_is_not_told_once_something_else_happened() -> None:
    booking = a_failed_payment()
    [email] = booking.emails
    now = booking.updated_at
    assert not still_true(email, another_attempt(booking), now=now)
    assert not still_true(email, paid(booking), now=now)
    assert not still_true(email, expired(booking), now=now)
    assert not still_true(email, verified(booking, "paid", mode="live"), now=now)
    assert not still_true(an_email("payment_failed", about=""), booking, now=now)
    assert not still_true(replace(email, about=f"{email.about}0"), booking, now=now)


def test_of_two_failed_payments_only_the_last_is_told() -> None:
    first = a_failed_payment()
    second = verified(another_attempt(first), "failed", now=first.updated_at + timedelta(minutes=60))
    assert [payment.status for payment in second.payments] == ["failed", "failed"]
    second = replace(second, hold_expires_at=second.hold_expires_at + timedelta(hours=9))
    now = second.updated_at
    assert [still_true(email, second, now=now) for email in second.emails] == [False, True]


def test_money_that_comes_back_stays_true() -> None:
    booking = paid(expired(opened(a_booking())), nights="short")
    [_, email] = booking.emails
    assert (email.kind, email.about) == ("money_returned", get_refund(booking).refund_id)
    assert still_true(email, booking, now=NOW)
    assert still_true(email, cancelled(booking), now=NOW + timedelta(days=9))
    assert not still_true(replace(email, about="GZ00000000000000-1-R1"), booking, now=NOW)


@given(lives(), st.sampled_from(get_args(EmailKind)))
def test_every_kind_has_an_answer_in_every_state(life: object, kind: EmailKind) -> None:
    booking = life.booking  # type: ignore[attr-defined]
    for about in ("", booking.payments[-1].tx_ref, "nothing of ours"):
        assert isinstance(still_true(an_email(kind, about), booking, now=NOW), bool)


# To whom, and who sends it


def test_the_host_is_told_of_new_and_of_cancelled_bookings() -> None:
    to_host = {kind for kind in get_args(EmailKind) if an_email(kind).to_host}
    assert to_host == {"host_new_booking", "host_cancelled"}


def test_an_email_that_nobody_is_sending_may_be_claimed_at_once() -> None:
    assert an_email().may_be_claimed(NOW)


def test_a_claim_holds_until_its_lease_ends() -> None:
    email = an_email(claimed_by="worker")
    assert not email.may_be_claimed(email.due_at - MS)
    assert email.may_be_claimed(email.due_at)
    assert email.may_be_claimed(email.due_at + MS)


@pytest.mark.parametrize("status", ["sent", "superseded", "failed"])
def test_what_is_done_is_never_claimed(status: EmailStatus) -> None:
    email = an_email(status=status)
    assert not email.may_be_claimed(email.due_at + timedelta(days=1))


@pytest.mark.parametrize(
    ("status", "tries", "asks"),
    [
        ("owed", 0, False),
        ("owed", ENTRY_TRIES_BEFORE_ATTENTION - 1, False),
        ("owed", ENTRY_TRIES_BEFORE_ATTENTION, True),
        ("sent", ENTRY_TRIES_BEFORE_ATTENTION, False),
        ("superseded", ENTRY_TRIES_BEFORE_ATTENTION, False),
        ("failed", 1, True),
    ],
)
def test_a_person_is_asked_about_what_fails(status: EmailStatus, tries: int, asks: bool) -> None:
    assert an_email(status=status, tries=tries).needs_a_person is asks


def test_a_letter_is_left_when_its_worker_never_came_back() -> None:
    email = an_email(claimed_by="worker")
    assert not email.was_left(email.due_at - MS)
    assert email.was_left(email.due_at)
    later = email.due_at + MS
    # Nobody had it, it was put off and certainly not sent, or it is done.
    assert not an_email().was_left(later)
    assert not an_email(claimed_by=WAITING).was_left(later)
    for status in ("sent", "superseded", "failed"):
        assert not an_email(claimed_by="worker", status=status).was_left(later)


def test_a_letter_that_was_put_off_waits_for_its_time() -> None:
    email = an_email(claimed_by=WAITING)
    assert not email.may_be_claimed(email.due_at - MS)
    assert email.may_be_claimed(email.due_at)


# Trying again


@pytest.mark.parametrize(
    ("tries", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60), (20, 60), (5000, 60)]
)
def test_pauses_double_up_to_an_hour(tries: int, minutes: int) -> None:
    assert retry_after(tries) == timedelta(minutes=minutes)


def test_the_tries_before_a_person_is_asked_last_most_of_a_day() -> None:
    tried_for = sum((retry_after(tries) for tries in range(1, ENTRY_TRIES_BEFORE_ATTENTION)), timedelta())
    assert timedelta(hours=12) < tried_for < timedelta(hours=24)
    assert timedelta(hours=1) == OUTBOX_RETRY_MAX
