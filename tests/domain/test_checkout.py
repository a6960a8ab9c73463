from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.booking import Actor, Booking, Event, Lease, OpeningProblem
from chalicelib.domain.checkout import (
    MAX_ATTEMPTS,
    MAX_KEYS,
    check_payable,
    lease_opening,
    link_cancelled,
    link_opened,
    may_try_again,
    new_attempt,
    opening_failed,
    reference_used,
    remember_shown,
    usable_link,
)
from chalicelib.domain.errors import BookingNotPayable, PaymentInReview
from chalicelib.domain.timing import LAST_MINUTES
from tests.builders import (
    NOW,
    WINDOW,
    a_booking,
    another_attempt,
    cancelled,
    change_payment,
    expired,
    opened,
    paid,
    verified,
)
from tests.replacing import replace

MS = timedelta(milliseconds=1)
LATER = NOW + timedelta(minutes=7)
PROBLEM = OpeningProblem("gateway_timeout", "The payment gateway gave no answer in time.")


def usable(booking: Booking, now: object) -> bool:
    return usable_link(booking, window=WINDOW, now=now) is not None  # type: ignore[arg-type]


# A link that can still be paid on


def test_a_link_is_usable_until_the_hold_ends() -> None:
    booking = opened(a_booking())
    assert usable_link(booking, window=WINDOW, now=NOW) is booking.payments[0]
    assert usable(booking, booking.hold_expires_at - MS)
    assert not usable(booking, booking.hold_expires_at)


def test_a_link_is_usable_while_it_is_younger_than_the_checkout_window() -> None:
    booking = opened(a_booking(hold_for=timedelta(hours=2)))
    assert usable(booking, NOW + WINDOW - MS)
    assert not usable(booking, NOW + WINDOW)


def test_only_the_latest_payments_link_counts_and_only_while_it_is_pending() -> None:
    booking = opened(a_booking())
    for other in (
        a_booking(),
        another_attempt(booking),
        paid(booking),
        expired(booking),
        cancelled(booking),
        verified(booking, mode="live"),
        change_payment(booking, booking.payments[0].tx_ref, checkout_url=None),
        replace(booking, status="confirmed"),
    ):
        assert not usable(other, NOW)


# Whether another payment may be opened


def test_payable_until_two_minutes_before_the_end_of_the_hold() -> None:
    booking = opened(a_booking())
    end = booking.hold_expires_at - LAST_MINUTES
    assert timedelta(minutes=2) == LAST_MINUTES
    check_payable(booking, now=end - MS)
    assert may_try_again(booking, now=end - MS)
    for now in (end, booking.hold_expires_at, booking.hold_expires_at + MS):
        with pytest.raises(BookingNotPayable, match="hold is over"):
            check_payable(booking, now=now)
        assert not may_try_again(booking, now=now)


@pytest.mark.parametrize(
    ("booking", "shown"),
    [
        (paid(opened(a_booking())), "confirmed"),
        (expired(a_booking()), "expired"),
        (cancelled(a_booking()), "cancelled"),
    ],
)
def test_only_a_booking_that_waits_for_money_is_payable(booking: Booking, shown: str) -> None:
    with pytest.raises(BookingNotPayable, match=shown):
        check_payable(booking, now=NOW)
    assert not may_try_again(booking, now=NOW)


def test_nothing_is_opened_while_a_person_looks_at_a_payment() -> None:
    first = verified(opened(a_booking()), mode="live")
    for booking in (
        first,
        verified(another_attempt(opened(a_booking())), mode="live", tx_ref=first.payments[0].tx_ref),
    ):
        with pytest.raises(PaymentInReview):
            check_payable(booking, now=NOW)
        assert not may_try_again(booking, now=NOW)


def test_twenty_attempts_and_no_more() -> None:
    booking = a_booking()
    while len(booking.payments) < MAX_ATTEMPTS - 1:
        booking = another_attempt(booking)
    assert may_try_again(booking, now=NOW)
    booking = another_attempt(booking)
    assert len(booking.payments) == MAX_ATTEMPTS == 20
    assert not may_try_again(booking, now=NOW)
    with pytest.raises(BookingNotPayable, match="20 payments"):
        another_attempt(booking)


# Who opens it


def test_a_lease_makes_one_owner_and_forgets_the_last_problem() -> None:
    failed = opening_failed(
        a_booking(),
        a_booking().payments[0].tx_ref,
        PROBLEM,
        definitely_not_executed=False,
        actor=Actor("guest"),
        now=NOW,
    )
    payment = failed.payments[0]
    booking = lease_opening(failed, payment.tx_ref, owner="another", key="hashed", api_version="", now=LATER)
    assert booking.payments == (
        replace(payment, opening=Lease("another", LATER + timedelta(seconds=25)), key="hashed", problem=None),
    )
    assert booking.history == failed.history
    again = lease_opening(booking, payment.tx_ref, owner="third", key="", api_version="v2", now=LATER)
    assert (again.payments[0].key, again.payments[0].api_version) == ("hashed", "v2")
    later = lease_opening(again, payment.tx_ref, owner="third", key="", api_version="v1", now=LATER)
    assert later.payments[0].api_version == "v2", "the key that a payment may have been opened with is the one"
    with pytest.raises(KeyError):
        lease_opening(booking, f"{booking.booking_id}-2", owner="third", key="", api_version="", now=LATER)


def test_a_new_attempt_closes_the_open_one_and_has_a_schedule_of_its_own() -> None:
    first = opened(a_booking())
    booking = new_attempt(
        first, gateway="other", mode="live", api_version="v2", owner="me", key="k", actor=Actor("return"), now=LATER
    )
    old, new = booking.payments
    assert (old.status, old.schedule.next_verify_at) == ("expired", LATER)
    assert new.api_version == "v2"
    assert (new.tx_ref, new.status, new.gateway, new.expected_mode) == (
        f"{booking.booking_id}-2",
        "created",
        "other",
        "live",
    )
    assert (new.key, new.amount) == ("k", booking.total)
    assert new.opening == Lease("me", LATER + timedelta(seconds=25))
    assert new.schedule.next_verify_at == LATER + timedelta(minutes=2)
    assert (new.created_at, booking.updated_at) == (LATER, LATER)
    assert [(event.kind, event.cause, event.detail) for event in booking.history[-2:]] == [
        ("payment_expired", "return", "link replaced"),
        ("payment_created", "return", ""),
    ]


def test_a_key_that_was_shown_the_link_is_remembered_once_and_up_to_a_number() -> None:
    booking = opened(a_booking())
    tx_ref = booking.payments[0].tx_ref
    once = remember_shown(booking, tx_ref, "k")
    assert once.payments == (replace(booking.payments[0], shown_under=("k",)),)
    assert remember_shown(once, tx_ref, "k") == once
    many = once
    for n in range(MAX_KEYS - 1):
        many = remember_shown(many, tx_ref, f"{n}")
    assert len(many.payments[0].shown_under) == MAX_KEYS == 50
    assert remember_shown(many, tx_ref, "one more") == many


# What came of it


@pytest.mark.parametrize("fate_unknown", [False, True])
def test_a_link_makes_it_pending(fate_unknown: bool) -> None:
    before = a_booking()
    tx_ref = before.payments[0].tx_ref
    assert before.payments[0].opening
    if fate_unknown:
        before = opening_failed(before, tx_ref, PROBLEM, definitely_not_executed=False, actor=Actor("guest"), now=NOW)
    booking = link_opened(before, tx_ref, "https://pay.example/1", actor=Actor("return"), now=LATER)
    [payment] = booking.payments
    assert (payment.status, payment.checkout_url, payment.problem) == ("pending", "https://pay.example/1", None)
    assert (payment.opening, payment.updated_at) == (None, LATER)
    assert payment.schedule.next_verify_at == NOW + timedelta(minutes=2)
    assert booking.history[-1] == Event(LATER, "payment_pending", "return", tx_ref, "created", "pending")


def test_only_what_was_created_gets_a_link() -> None:
    booking = opened(a_booking())
    for other in (booking, expired(booking), paid(booking)):
        with pytest.raises(ValueError, match="never goes"):
            link_opened(other, other.payments[0].tx_ref, "https://pay.example/2", actor=Actor("guest"), now=LATER)


@pytest.mark.parametrize(("definitely_not_executed", "status"), [(True, "failed"), (False, "created")])
def test_a_payment_fails_only_when_its_fate_is_known(definitely_not_executed: bool, status: str) -> None:
    before = a_booking()
    tx_ref = before.payments[0].tx_ref
    booking = opening_failed(
        before, tx_ref, PROBLEM, definitely_not_executed=definitely_not_executed, actor=Actor("return"), now=LATER
    )
    [payment] = booking.payments
    assert (payment.status, payment.problem, payment.updated_at) == (status, PROBLEM, LATER)
    assert payment.opening is None
    assert len(booking.history) - len(before.history) == definitely_not_executed
    if definitely_not_executed:
        assert booking.history[-1] == Event(
            LATER, "payment_failed", "return", tx_ref, "created", "failed", "gateway_timeout"
        )
    # Still watched, whatever it said.
    assert payment.schedule.next_verify_at == NOW + timedelta(minutes=2)


def test_a_reference_that_was_used_is_closed_and_still_watched() -> None:
    before = a_booking()
    tx_ref = before.payments[0].tx_ref
    booking = reference_used(before, tx_ref, PROBLEM, actor=Actor("return"), now=LATER)
    [payment] = booking.payments
    assert (payment.status, payment.problem, payment.checkout_url) == ("expired", PROBLEM, None)
    assert payment.opening is None
    assert payment.schedule.next_verify_at == NOW + timedelta(minutes=2)
    assert booking.history[-1] == Event(LATER, "payment_expired", "return", tx_ref, "created", "expired", "link lost")


def test_a_cancelled_link_changes_nothing_else() -> None:
    before = another_attempt(opened(a_booking()))
    booking = link_cancelled(before, before.payments[0].tx_ref)
    assert booking.payments == (replace(before.payments[0], link_cancelled=True), before.payments[1])
    assert booking.history == before.history
