from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.booking import SWEEP, Actor, Booking, GatewayStatus
from chalicelib.domain.cancellation import back_if_cancelled, cancel
from chalicelib.domain.errors import StayBegun
from chalicelib.domain.money import Money
from chalicelib.domain.refunds import left_to_refund, owe_refund
from chalicelib.domain.verification import Availability, Verification, apply_verification, resolve_review
from tests.builders import NOW, a_booking, a_listing, another_attempt, expired, opened, paid, verified
from tests.invariants import check_booking
from tests.strategies import Life, lives

MS = timedelta(milliseconds=1)
LATER = NOW + timedelta(minutes=7)
By = Literal["guest", "host", "operator"]
EVERYBODY: tuple[By, ...] = ("guest", "host", "operator")


def confirmed(**listing: Any) -> Booking:
    return paid(opened(a_booking(listing=a_listing(**listing))))


def cancelled(booking: Booking, by: By = "guest", *, now: datetime = LATER) -> Booking:
    result = cancel(booking, actor=Actor(by), reason="Plans changed.", now=now)
    check_booking(result)
    return result


def goes_back(booking: Booking) -> list[tuple[int, str]]:
    return [(refund.amount.minor, refund.reason) for refund in booking.refunds]


# A paid booking


@pytest.mark.parametrize(
    ("policy", "notice", "back"),
    [
        ("flexible", timedelta(hours=24), 735_000),
        ("flexible", timedelta(hours=24) - MS, 0),
        ("moderate", timedelta(days=5), 735_000),
        ("moderate", timedelta(days=5) - MS, 367_500),
        ("moderate", timedelta(hours=24), 367_500),
        ("moderate", timedelta(hours=24) - MS, 0),
        ("strict", timedelta(days=7), 367_500),
        ("strict", timedelta(days=7) - MS, 0),
    ],
)
def test_a_guest_gets_what_the_policy_gives(policy: str, notice: timedelta, back: int) -> None:
    booking = confirmed(cancellation_policy=policy)
    result = cancelled(booking, now=booking.check_in_at - notice)
    assert result.status == "cancelled"
    assert goes_back(result) == ([(back, "cancelled_by_guest")] if back else [])


def test_what_goes_back_is_of_the_payment_that_confirmed_not_of_the_latest() -> None:
    twice = another_attempt(opened(a_booking()))
    first = twice.payments[0].tx_ref
    result = cancelled(verified(twice, "paid", tx_ref=first), "host")
    assert [refund.refund_id for refund in result.refunds] == [f"{first}-R1"]
    assert result.payments[1].refunds == ()


@pytest.mark.parametrize("by", ["host", "operator"])
@pytest.mark.parametrize("policy", ["flexible", "moderate", "strict"])
def test_a_host_or_an_operator_gives_all_back(by: By, policy: str) -> None:
    booking = confirmed(cancellation_policy=policy)
    result = cancelled(booking, by, now=booking.check_in_at - MS)
    assert goes_back(result) == [(735_000, f"cancelled_by_{by}")]


@pytest.mark.parametrize("by", EVERYBODY)
def test_nobody_cancels_a_stay_that_has_begun(by: By) -> None:
    booking = confirmed()
    for now in (booking.check_in_at, booking.check_in_at + MS, booking.check_out_at + timedelta(days=1)):
        with pytest.raises(StayBegun):
            cancelled(booking, by, now=now)


def test_one_letter_tells_the_guest_all_and_one_the_host() -> None:
    result = cancelled(confirmed())
    assert [email.kind for email in result.letters[2:]] == ["booking_cancelled", "host_cancelled"]
    assert [(event.kind, event.cause, event.detail) for event in result.history[-2:]] == [
        ("booking_cancelled", "guest", "Plans changed."),
        ("refund_owed", "guest", "ETB 7,350.00"),
    ]


def test_late_money_may_be_taken_back_in_full_for_a_day() -> None:
    at = NOW + timedelta(hours=2)
    late = paid(expired(opened(a_booking(listing=a_listing(cancellation_policy="strict")))), now=at)
    assert goes_back(cancelled(late, now=at + timedelta(hours=24) - MS)) == [(735_000, "cancelled_by_guest")]
    assert goes_back(cancelled(late, now=at + timedelta(hours=24))) == [(367_500, "cancelled_by_guest")]


# What went back before, or came otherwise


def partly_returned(minor: int) -> Booking:
    booking = confirmed()
    tx_ref = booking.payments[0].tx_ref
    return owe_refund(
        booking, tx_ref, amount=Money(minor, "ETB"), reason="a broken shower", actor=Actor("host"), now=NOW, tell=False
    )


@pytest.mark.parametrize("by", EVERYBODY)
def test_what_went_back_before_does_not_go_back_again(by: By) -> None:
    result = cancelled(partly_returned(700_000), by)
    assert goes_back(result) == [(700_000, "a broken shower"), (35_000, f"cancelled_by_{by}")]
    assert goes_back(cancelled(partly_returned(735_000), by)) == [(735_000, "a broken shower")]


def test_a_guests_part_is_not_lessened_by_what_a_host_gave_unless_too_little_is_left() -> None:
    booking = confirmed(cancellation_policy="strict")
    tx_ref = booking.payments[0].tx_ref
    gift = owe_refund(booking, tx_ref, amount=Money(100_000, "ETB"), reason="a gift", actor=Actor("host"), now=NOW)
    assert goes_back(cancelled(gift))[1:] == [(367_500, "cancelled_by_guest")]


@pytest.mark.parametrize("by", EVERYBODY)
def test_money_of_another_currency_goes_back_as_it_came(by: By) -> None:
    odd = verified(opened(a_booking()), amount=Money(5_000, "USD"))
    accepted = resolve_review(
        odd,
        odd.payments[0].tx_ref,
        as_="accept",
        availability=Availability.FREE,
        note="",
        actor=Actor("operator"),
        now=NOW,
    )
    result = cancelled(accepted, by)
    assert [refund.amount for refund in result.refunds] == [Money(5_000, "USD")]


# A booking without money


@pytest.mark.parametrize("booking", [a_booking(), opened(a_booking()), another_attempt(opened(a_booking()))])
def test_a_hold_is_given_up_and_its_links_are_closed(booking: Booking) -> None:
    result = cancelled(booking)
    assert (result.status, result.holds_nights, result.refunds) == ("cancelled", False, ())
    assert [payment.status for payment in result.payments] == ["expired"] * len(booking.payments)
    assert result.payments[-1].schedule.next_verify_at == LATER
    assert result.history[-2].detail == "booking cancelled"
    # The guest knows, and the host was never told of it.
    assert result.letters == ()


@pytest.mark.parametrize("by", ["host", "operator"])
@pytest.mark.parametrize("booking", [opened(a_booking()), expired(opened(a_booking()))])
def test_a_guest_reads_that_others_gave_up_the_hold(booking: Booking, by: By) -> None:
    assert cancelled(booking, by, now=booking.updated_at + MS).letters[-1].kind == "booking_cancelled"


def answered(booking: Booking, status: GatewayStatus, *, now: datetime, attempt: int = -1) -> Booking:
    """The booking after the gateway was asked about one of its payments."""
    tx_ref = booking.payments[attempt].tx_ref
    result = apply_verification(
        booking, tx_ref, Verification(status), now=now, actor=SWEEP, window=timedelta(hours=1), jitter=0
    )
    check_booking(result)
    return result


def test_a_guest_reads_what_becomes_of_money_that_the_gateway_does_not_tell_of() -> None:
    booking = cancelled(opened(a_booking()))
    silent = answered(booking, "no_answer", now=LATER)
    assert [email.kind for email in silent.letters] == ["booking_cancelled"]
    # Once, however long the gateway stays silent.
    assert answered(silent, "no_answer", now=LATER + timedelta(hours=1)).letters == silent.letters


@pytest.mark.parametrize("status", ["pending", "failed", "unknown"])
def test_a_guest_whose_payment_the_gateway_tells_of_is_sent_no_letter(status: GatewayStatus) -> None:
    booking = answered(cancelled(opened(a_booking())), status, now=LATER)
    assert answered(booking, "no_answer", now=LATER + timedelta(hours=6)).letters == ()


def test_silence_about_other_payments_than_the_one_that_was_open_is_no_news() -> None:
    before = another_attempt(opened(a_booking()))
    assert answered(cancelled(before), "no_answer", now=LATER, attempt=0).letters == ()
    over = expired(opened(a_booking()))
    told = cancelled(over, now=over.updated_at + MS)
    assert answered(told, "no_answer", now=told.updated_at).letters == over.letters
    confirmed_once = cancelled(confirmed())
    assert answered(confirmed_once, "no_answer", now=LATER).letters == confirmed_once.letters


def test_an_expired_booking_can_be_cancelled_also_after_its_check_in() -> None:
    over = expired(opened(a_booking()))
    assert cancelled(over, now=over.check_in_at + MS).status == "cancelled"
    assert opened(a_booking()).check_in_at > NOW
    assert cancelled(opened(a_booking()), now=over.check_in_at + MS).status == "cancelled"


@pytest.mark.parametrize("by", EVERYBODY)
def test_cancelling_again_changes_nothing(by: By) -> None:
    for booking in (confirmed(), opened(a_booking())):
        once = cancelled(booking)
        assert cancel(once, actor=Actor(by), reason="Again.", now=once.check_in_at + MS) is once


@given(lives(), st.sampled_from(EVERYBODY))
def test_every_booking_can_be_cancelled_until_its_stay_begins(life: Life, by: By) -> None:
    booking = life.booking
    if booking.status == "confirmed" and life.now >= booking.check_in_at:
        with pytest.raises(StayBegun):
            cancel(booking, actor=Actor(by), reason="", now=life.now)
        return
    was_confirmed = booking.status == "confirmed"
    promised, changes_at = back_if_cancelled(booking, now=life.now)
    assert changes_at is None or (changes_at >= life.now and promised.minor)
    result = cancelled(booking, by, now=life.now)
    assert result.status == "cancelled"
    new = result.refunds[len(booking.refunds) :]
    given = left_to_refund(booking.current_payment) if by != "guest" and was_confirmed else promised
    assert [refund.amount for refund in new] == [given] * bool(given.minor)
