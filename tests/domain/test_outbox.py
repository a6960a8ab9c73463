from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.booking import (
    ENTRY_TRIES_BEFORE_ATTENTION,
    Actor,
    Booking,
    EntryStatus,
    Lease,
    LetterKind,
    OutboxEntry,
)
from chalicelib.domain.ending import end_stay
from chalicelib.domain.outbox import abandoned, claim, defer, requeue_overdue, retry_after, still_true, to_enqueue
from chalicelib.domain.timing import OUTBOX_LEASE, OUTBOX_MESSAGE, OUTBOX_RETRY_MAX
from chalicelib.domain.verification import Availability
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
from tests.replacing import replace
from tests.strategies import lives

MS = timedelta(milliseconds=1)


def an_entry(kind: LetterKind = "booking_confirmed", about: str = "", **changes: Any) -> OutboxEntry:
    entry = OutboxEntry(entry_id="1", kind=kind, due_at=NOW + OUTBOX_MESSAGE, about=about)
    return replace(entry, **changes)


def true_of(booking: Booking) -> set[str]:
    return {kind for kind in get_args(LetterKind) if still_true(an_entry(kind), booking, now=NOW)}


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
    [told_expired] = over.letters
    assert still_true(told_expired, over, now=NOW)
    late = paid(over)
    assert not still_true(told_expired, late, now=NOW)


def a_failed_payment() -> Booking:
    return failed(opened(a_booking(hold_for=timedelta(hours=2))))


def test_a_failed_payment_is_told_while_another_can_be_tried() -> None:
    booking = a_failed_payment()
    [email] = booking.letters
    assert (email.kind, email.about) == ("payment_failed", booking.payments[-1].tx_ref)
    assert still_true(email, booking, now=booking.hold_expires_at - MS)
    assert not still_true(email, booking, now=booking.hold_expires_at)


def test_a_failed_payment_is_not_told_once_something_else_happened() -> None:
    booking = a_failed_payment()
    [email] = booking.letters
    now = booking.updated_at
    assert not still_true(email, another_attempt(booking), now=now)
    assert not still_true(email, paid(booking), now=now)
    assert not still_true(email, expired(booking), now=now)
    assert not still_true(email, verified(booking, "paid", mode="live"), now=now)
    assert not still_true(an_entry("payment_failed", about=""), booking, now=now)
    assert not still_true(replace(email, about=f"{email.about}0"), booking, now=now)


def test_of_two_failed_payments_only_the_last_is_told() -> None:
    first = a_failed_payment()
    second = verified(another_attempt(first), "failed", now=first.updated_at + timedelta(minutes=60))
    assert [payment.status for payment in second.payments] == ["failed", "failed"]
    second = replace(second, hold_expires_at=second.hold_expires_at + timedelta(hours=9))
    now = second.updated_at
    assert [still_true(email, second, now=now) for email in second.letters] == [False, True]


def test_money_that_comes_back_stays_true() -> None:
    booking = paid(expired(opened(a_booking())), availability=Availability.SHORT)
    [_, email] = booking.letters
    assert (email.kind, email.about) == ("money_returned", get_refund(booking).refund_id)
    assert still_true(email, booking, now=NOW)
    assert still_true(email, cancelled(booking), now=NOW + timedelta(days=9))
    assert not still_true(replace(email, about="GZ00000000000000-1-R1"), booking, now=NOW)


def test_a_stay_that_ended_is_told_of_its_end_and_not_that_it_is_booked() -> None:
    booking = paid(opened(a_booking()))
    now = booking.check_in_at
    ended = end_stay(booking, as_="no_show", last_night=None, refund=0, note="", actor=Actor("host"), now=now)
    assert not still_true(an_entry("stay_ended"), booking, now=now)
    kinds: tuple[LetterKind, ...] = ("stay_ended", "booking_confirmed", "host_new_booking")
    assert [still_true(an_entry(kind), ended, now=now) for kind in kinds] == [True, False, False]


@given(lives(), st.sampled_from(get_args(LetterKind)))
def test_every_kind_has_an_answer_in_every_state(life: object, kind: LetterKind) -> None:
    booking = life.booking  # type: ignore[attr-defined]
    for about in ("", booking.payments[-1].tx_ref, "nothing of ours"):
        assert isinstance(still_true(an_entry(kind, about), booking, now=NOW), bool)


# To whom


def test_the_host_is_told_of_new_and_of_cancelled_bookings() -> None:
    to_host = {kind for kind in get_args(LetterKind) if an_entry(kind).to_host}
    assert to_host == {"host_new_booking", "host_cancelled"}


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
def test_a_person_is_asked_about_what_fails(status: EntryStatus, tries: int, asks: bool) -> None:
    assert an_entry(status=status, tries=tries).needs_a_person is asks


# Who delivers it


def with_outbox(*entries: OutboxEntry) -> Booking:
    return replace(a_booking(), outbox=entries)


def test_a_claim_is_a_lease_until_which_the_clock_waits() -> None:
    claimed = claim(an_entry(), owner="worker", now=NOW)
    assert claimed.lease == Lease("worker", NOW + OUTBOX_LEASE)
    assert claimed.due_at == NOW + OUTBOX_LEASE
    assert claimed.lease.is_held(claimed.due_at - MS)
    assert not claimed.lease.is_held(claimed.due_at)


def test_an_entry_is_abandoned_when_its_worker_never_came_back() -> None:
    claimed = claim(an_entry(), owner="worker", now=NOW)
    assert abandoned(with_outbox(claimed), now=claimed.due_at - MS) == ()
    assert abandoned(with_outbox(claimed), now=claimed.due_at) == (claimed,)
    # Nobody had it, it was deferred and so definitely not sent, or it is done.
    deferred = defer(claimed, now=NOW)
    done = [replace(claimed, status=status) for status in ("sent", "superseded", "failed", "acknowledged")]
    assert abandoned(with_outbox(an_entry(), deferred, *done), now=NOW + timedelta(days=9)) == ()


def test_an_overdue_entry_is_free_and_goes_to_the_queue_again() -> None:
    claimed = claim(an_entry(), owner="worker", now=NOW)
    booking = with_outbox(claimed)
    assert requeue_overdue(booking, now=claimed.due_at - MS) is booking
    requeued = requeue_overdue(booking, now=claimed.due_at)
    assert requeued.letters == (replace(claimed, lease=None, due_at=claimed.due_at + OUTBOX_MESSAGE),)
    assert to_enqueue(booking, requeued) == ("1",)


@pytest.mark.parametrize("status", ["sent", "superseded", "failed", "acknowledged"])
def test_an_entry_that_is_done_is_never_enqueued(status: EntryStatus) -> None:
    booking = with_outbox(an_entry(status=status))
    assert requeue_overdue(booking, now=NOW + timedelta(days=1)) is booking
    assert to_enqueue(a_booking(), booking) == ()


def test_only_new_and_overdue_entries_are_enqueued() -> None:
    first, second = an_entry(), an_entry(entry_id="2")
    assert to_enqueue(a_booking(), with_outbox(first, second)) == ("1", "2")
    assert to_enqueue(with_outbox(first), with_outbox(first, second)) == ("2",)
    assert to_enqueue(with_outbox(first, second), with_outbox(first, second)) == ()
    # A deferred entry waits for its time, and a claimed one is in a worker's hands.
    deferred = defer(first, now=NOW + OUTBOX_MESSAGE)
    assert deferred.due_at > first.due_at
    assert to_enqueue(with_outbox(first), with_outbox(deferred)) == ()
    assert to_enqueue(with_outbox(first), with_outbox(claim(first, owner="worker", now=NOW + MS))) == ()


def test_a_deferred_entry_counts_its_tries_and_waits_longer_each_time() -> None:
    once = defer(claim(an_entry(), owner="worker", now=NOW), now=NOW)
    assert (once.lease, once.tries, once.due_at) == (None, 1, NOW + timedelta(minutes=1))
    twice = defer(once, now=NOW)
    assert (twice.tries, twice.due_at) == (2, NOW + timedelta(minutes=2))


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
