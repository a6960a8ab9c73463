"""What the table does not say: its boundaries in time, when it is asked again, and what holds whatever happened."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import refunds as refunding
from chalicelib.domain.attention import attention
from chalicelib.domain.booking import Actor, Booking, Event, get_payment
from chalicelib.domain.money import Money
from chalicelib.domain.timing import UNKNOWN_FOR_GOOD, WEBHOOK_RECHECK
from chalicelib.domain.verification import (
    NO_ANSWER,
    Availability,
    Verification,
    WebhookClaim,
    apply_verification,
    matches,
)
from tests.builders import NOW, WINDOW, a_booking, change_payment, expired, paid, verification_of, verified
from tests.domain.states import (
    CHECK_IN,
    CONFIRMED,
    HALF,
    HELD,
    LESS,
    LONG_HELD,
    MS,
    TWICE,
    after,
    applied,
    ignoring_verify_schedule,
    in_review,
    processing,
    refused,
    requested,
    with_refund,
)
from tests.invariants import check_booking
from tests.replacing import replace
from tests.strategies import Life, jitters, lives, verifications

# Only the four together are "paid"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount": LESS}, "ETB 7,349.99 instead of ETB 7,350.00"),
        ({"amount": Money(735_001, "ETB")}, "ETB 7,350.01 instead of ETB 7,350.00"),
        ({"amount": Money(735_000, "USD")}, "USD 7,350.00 instead of ETB 7,350.00"),
        ({"amount": None, "reported": "7,350 ETB"}, "7,350 ETB instead of ETB 7,350.00"),
        ({"amount": None, "reported": ""}, "nothing readable instead of ETB 7,350.00"),
        ({"mode": "live"}, "mode live instead of test"),
        ({"mode": None}, "mode missing instead of test"),
        ({"mode": ""}, "mode missing instead of test"),
        ({"tx_ref": "GZ00000000000000-1"}, "another reference"),
        ({"tx_ref": None}, "another reference"),
        (
            {"tx_ref": None, "mode": "live", "amount": LESS},
            "another reference; ETB 7,349.99 instead of ETB 7,350.00; mode live instead of test",
        ),
    ],
)
@pytest.mark.parametrize("booking", [HELD, expired(HELD)], ids=lambda booking: booking.status)
def test_what_differs_goes_to_review_and_says_how(booking: Booking, changes: dict[str, Any], why: str) -> None:
    payment = booking.payments[0]
    verification = verification_of(payment, **changes)
    assert not matches(payment, verification)
    result = applied(booking, payment.tx_ref, verification, now=after(40))
    [reviewed] = result.payments
    assert result.status == booking.status
    assert reviewed.status == "review"
    assert reviewed.facts.received == verification.amount
    assert result.history[-1] == Event(
        after(40), "payment_review", "webhook", payment.tx_ref, payment.status, "review", why
    )
    assert attention(result) == "payment_review"
    assert result.letters == booking.letters


def test_what_does_not_differ_matches() -> None:
    payment = HELD.payments[0]
    assert matches(payment, verification_of(payment))
    assert not matches(replace(payment, expected_mode="live"), verification_of(payment))


def test_a_later_answer_unsays_nothing_of_the_first() -> None:
    """Else an operator who resolves the review could give back more than had come."""
    reviewed = in_review(HELD)
    before = reviewed.payments[0]
    result = applied(reviewed, before.tx_ref, Verification("reversed"), now=after(9))
    assert (result.payments[0].facts, result.payments[0].status) == (before.facts, before.status)
    assert result.payments[0].gateway_status == "reversed"


def test_nights_are_free_unless_it_is_said_that_they_are_short() -> None:
    booking = expired(HELD)
    payment = booking.payments[0]
    result = apply_verification(
        booking,
        payment.tx_ref,
        verification_of(payment),
        now=after(40),
        actor=Actor("sweep"),
        window=WINDOW,
        jitter=0.0,
    )
    assert result.status == "confirmed"


def test_whoever_asked_is_the_cause_of_what_is_found_gone() -> None:
    for booking, kind in ((CONFIRMED, "payment_reversed"), (requested(with_refund(CONFIRMED)), "refund_refunded")):
        event = verified(booking, "refunded", now=after(40), actor=Actor("verify")).history[-1]
        assert (event.kind, event.cause, event.at) == (kind, "verify", after(40))


# Boundaries of time


@pytest.mark.parametrize(("moment", "status"), [(-MS, "pending"), (0 * MS, "failed"), (MS, "failed")])
def test_a_failure_counts_from_the_end_of_the_checkout_window(moment: timedelta, status: str) -> None:
    for booking in (HELD, LONG_HELD):
        result = verified(booking, "failed", now=NOW + WINDOW + moment, actor=Actor("verify"))
        assert result.payments[0].status == status
        if status == "failed":
            tx_ref = booking.payments[0].tx_ref
            assert result.history[-1] == Event(result.updated_at, "payment_failed", "verify", tx_ref, "pending", status)


@pytest.mark.parametrize(("moment", "status"), [(-MS, "pending"), (0 * MS, "expired"), (MS, "expired")])
def test_a_reference_is_unknown_for_good_an_hour_after_the_hold(moment: timedelta, status: str) -> None:
    assert timedelta(hours=1) == UNKNOWN_FOR_GOOD
    for booking in (HELD, LONG_HELD):
        result = verified(booking, "unknown", now=booking.hold_expires_at + UNKNOWN_FOR_GOOD + moment)
        assert (result.status, result.payments[0].status) == ("pending_payment", status)


@pytest.mark.parametrize(("moment", "status"), [(-MS, "confirmed"), (0 * MS, "expired"), (MS, "expired")])
def test_late_money_takes_the_place_until_check_in(moment: timedelta, status: str) -> None:
    result = paid(expired(HELD), now=CHECK_IN + moment)
    assert result.status == status
    assert [refund.reason for refund in result.refunds] == ([] if status == "confirmed" else ["place_gone"])


def test_money_for_a_hold_that_nobody_ended_yet_confirms_it_however_late() -> None:
    for now in (HELD.hold_expires_at - MS, HELD.hold_expires_at, HELD.hold_expires_at + MS, CHECK_IN + MS):
        result = verified(HELD, now=now, availability=Availability.SHORT)
        assert result.status == "confirmed"
        assert result.confirmed_late_at is None


def test_a_failure_is_told_only_of_the_latest_payment() -> None:
    closed = verified(TWICE, "failed", now=NOW + timedelta(hours=2), tx_ref=TWICE.payments[0].tx_ref)
    assert closed.payments[0].status == "expired"
    assert closed.letters == ()


def test_no_letter_where_no_other_payment_could_be_tried() -> None:
    """No such booking comes to be: an open payment is the latest of a booking that waits for money."""
    late = NOW + timedelta(hours=2)
    for status in ("confirmed", "expired", "cancelled"):
        assert verified(replace(HELD, status=status), "failed", now=late).letters == ()
    first = TWICE.payments[0].tx_ref
    reopened = change_payment(TWICE, first, status="pending")
    result = verified(reopened, "failed", now=late, tx_ref=first)
    assert (result.payments[0].status, result.letters) == ("failed", ())


# When it is asked again


@pytest.mark.parametrize(
    ("booking", "said", "webhook_claim", "again"),
    [
        (HELD, "pending", "", after(5)),
        (HELD, "pending", "paid", after(3) + WEBHOOK_RECHECK),
        (HELD, "pending", "other", after(3) + WEBHOOK_RECHECK),
        (HELD, "unknown", "paid", after(3) + WEBHOOK_RECHECK),
        (CONFIRMED, "paid", "", None),
        (CONFIRMED, "paid", "paid", None),
        (CONFIRMED, "paid", "other", after(3) + WEBHOOK_RECHECK),
        (in_review(HELD), "pending", "", None),
        (in_review(HELD), "pending", "paid", None),
        (in_review(HELD), "pending", "other", after(3) + WEBHOOK_RECHECK),
        (HELD, "paid", "paid", None),
        (HELD, "paid", "other", None),
    ],
)
def test_what_a_webhook_announced_is_soon_asked_for_again(
    booking: Booking, said: str, webhook_claim: WebhookClaim, again: datetime | None
) -> None:
    payment = booking.payments[0]
    result = applied(booking, payment.tx_ref, verification_of(payment, said), now=after(3), claim=webhook_claim)
    assert result.payments[0].schedule.next_verify_at == again


def test_an_announcement_never_puts_the_next_look_off() -> None:
    nearly = after(5) - timedelta(seconds=10)
    for webhook_claim in ("", "paid", "other"):
        result = applied(
            HELD,
            HELD.payments[0].tx_ref,
            verification_of(HELD.payments[0], "pending"),
            now=nearly,
            claim=webhook_claim,
        )
        assert result.payments[0].schedule.next_verify_at == after(5)


def test_after_72_hours_only_an_announcement_is_followed_up() -> None:
    over = expired(HELD)
    payment = over.payments[0]
    end = NOW + timedelta(hours=72)
    assert verified(over, "pending", now=end - MS).payments[0].schedule.next_verify_at == end
    assert verified(over, "pending", now=end).payments[0].schedule.next_verify_at is None
    webhook_claim = applied(over, payment.tx_ref, verification_of(payment, "pending"), now=end, claim="paid")
    assert webhook_claim.payments[0].schedule.next_verify_at == end + WEBHOOK_RECHECK


@pytest.mark.parametrize(
    ("booking", "webhook_claim", "watched"),
    [
        (HELD, "", True),
        (expired(HELD), "", True),
        (refused(a_booking()), "", True),
        (CONFIRMED, "", False),
        (CONFIRMED, "paid", True),
        (CONFIRMED, "other", True),
        (in_review(HELD), "", False),
        (in_review(HELD), "paid", True),
    ],
)
def test_silences_are_asked_into_ever_more_patiently(
    booking: Booking, webhook_claim: WebhookClaim, watched: bool
) -> None:
    now = after(1)
    tx_ref = booking.payments[0].tx_ref
    for seconds in (15, 30, 60, 120, 240, 480, 960, 1800, 1800):
        for jitter in (0.0, 0.5):
            result = applied(booking, tx_ref, NO_ANSWER, now=now, claim=webhook_claim, jitter=jitter)
            pause = timedelta(seconds=seconds) * (0.5 + jitter / 2)
            assert result.payments[0].schedule.next_verify_at == (now + pause if watched else None)
        booking = result
    assert booking.payments[0].schedule.consecutive_failures == 9
    assert booking.payments[0].schedule.verified_at is None or booking.payments[0].schedule.verified_at <= NOW
    heard = applied(booking, tx_ref, verification_of(booking.payments[0], "pending"), now=now)
    assert heard.payments[0].schedule.consecutive_failures == 0


def test_a_look_that_was_announced_goes_on_through_silences() -> None:
    tx_ref = CONFIRMED.payments[0].tx_ref
    once = applied(CONFIRMED, tx_ref, NO_ANSWER, now=after(3), claim="other")
    twice = applied(once, tx_ref, NO_ANSWER, now=after(4))
    assert twice.payments[0].schedule.next_verify_at == after(4) + timedelta(seconds=22.5)
    heard = applied(twice, tx_ref, verification_of(CONFIRMED.payments[0]), now=after(5))
    assert heard.payments[0].schedule.next_verify_at is None


def test_a_silence_after_the_72_hours_is_asked_into_again() -> None:
    """Somebody named this payment once more, so it is not let go without an answer."""
    end = NOW + timedelta(hours=72)
    over = verified(expired(HELD), "pending", now=end)
    assert over.payments[0].schedule.next_verify_at is None
    silent = applied(over, over.payments[0].tx_ref, NO_ANSWER, now=end + timedelta(hours=1))
    assert silent.payments[0].schedule.next_verify_at == end + timedelta(hours=1, seconds=11.25)


def test_silence_changes_nothing_else() -> None:
    result = applied(HELD, HELD.payments[0].tx_ref, NO_ANSWER, now=after(3))
    payment = replace(result.payments[0], schedule=HELD.payments[0].schedule)
    assert replace(result, payments=(payment,)) == HELD


def test_a_payment_that_is_not_there() -> None:
    for verification in (NO_ANSWER, verification_of(HELD.payments[0])):
        with pytest.raises(KeyError):
            applied(HELD, f"{HELD.booking_id}-2", verification, now=NOW)


# Several refunds of one payment


def two_refunds() -> Booking:
    booking = requested(with_refund(CONFIRMED, HALF))
    booking = with_refund(booking, HALF)
    return refunding.claim(booking, booking.refunds[1].refund_id, owner="worker", actor=Actor("sweep"), now=NOW)


def test_a_payment_that_went_back_tells_of_one_refund_only() -> None:
    """The gateway goes on saying "refunded" after the first; the second may not have begun."""
    booking = two_refunds()
    for _ in range(3):
        booking = verified(booking, "refunded")
        assert [refund.status for refund in booking.refunds] == ["refunded", "requested"]
    assert booking.payments[0].reversal == ""


def test_the_oldest_that_was_asked_for_is_meant() -> None:
    booking = with_refund(with_refund(CONFIRMED, HALF), Money(100, "ETB"))
    second = booking.refunds[1].refund_id
    booking = refunding.claim(booking, second, owner="worker", actor=Actor("sweep"), now=NOW)
    assert [refund.status for refund in verified(booking, "refunded").refunds] == ["owed", "refunded"]


def test_every_refund_that_the_gateway_has_a_name_for_is_asked_about_once_its_payment_is_reversed() -> None:
    booking = with_refund(processing(with_refund(CONFIRMED, HALF), "RF1"), Money(100, "ETB"))
    second = booking.refunds[1].refund_id
    booking = refunding.claim(booking, second, owner="worker", actor=Actor("sweep"), now=NOW)
    booking = refunding.record_accepted(booking, second, provider_refund_id="RF2", actor=Actor("sweep"), now=NOW)
    told_so = verified(booking, "reversed", now=after(5))
    assert [(refund.status, refund.due_at) for refund in told_so.refunds] == [("processing", after(5))] * 2
    assert told_so.payments[0].reversal == ""


def test_a_refund_without_a_name_is_not_asked_about_sooner_for_a_reversal() -> None:
    booking = with_refund(processing(with_refund(CONFIRMED, HALF), "RF1"), Money(100, "ETB"))
    second = booking.refunds[1].refund_id
    booking = refunding.claim(booking, second, owner="worker", actor=Actor("sweep"), now=NOW)
    booking = refunding.record_accepted(booking, second, provider_refund_id=None, actor=Actor("sweep"), now=NOW)
    first, other = verified(booking, "reversed", now=after(5)).refunds
    assert (first.due_at, other.due_at) == (after(5), booking.refunds[1].due_at)


def test_a_whole_refund_that_waits_is_what_a_reversal_did_already() -> None:
    taken = verified(CONFIRMED, "reversed")
    assert taken.payments[0].reversal == "reversed"
    owed = with_refund(taken)
    assert verified(owed, "reversed").refunds[0].status == "refunded"


# Whatever happened, whatever is said, whenever


@given(lives(), st.data())
def test_every_answer_has_a_meaning_in_every_state(life: Life, data: st.DataObject) -> None:
    booking = life.booking
    payment = data.draw(st.sampled_from(booking.payments))
    verification = data.draw(verifications(payment))
    now = life.now + data.draw(st.timedeltas(timedelta(0), timedelta(days=40)))
    webhook_claim: WebhookClaim = data.draw(st.sampled_from(("", "paid", "other")))
    availability = data.draw(st.sampled_from(Availability))
    jitter = data.draw(jitters)
    result = applied(
        booking, payment.tx_ref, verification, now=now, availability=availability, claim=webhook_claim, jitter=jitter
    )
    check_booking(result)
    after_all = get_payment(result, payment.tx_ref)

    # Confirmed only by this answer, of this payment, in all four points, and never late without the place.
    if result.status == "confirmed" and booking.status != "confirmed":
        assert verification.status == "paid"
        assert matches(payment, verification)
        assert after_all.accepted
        assert booking.status == "pending_payment" or (availability is Availability.FREE and now < booking.check_in_at)
    elif result.status != booking.status:
        pytest.fail("an answer moves a booking to confirmed, or not at all")

    # What is completed stays so; the others' money is not this answer's business.
    if payment.status == "completed":
        assert after_all.status == "completed"
        assert after_all.facts.received == payment.facts.received
    elif verification.status == "paid":
        assert after_all.status == ("completed" if matches(payment, verification) else "review")
    if verification.status == "no_answer":
        # Silence decides nothing; only a guest who gave up a payment that was open is told of money, once.
        told = [entry.kind for entry in result.letters[len(booking.letters) :]]
        assert told in ([], ["booking_cancelled"])
        assert not told or (
            result.status == "cancelled" and "booking_cancelled" not in {e.kind for e in booking.letters}
        )
        unsaid = replace(result, outbox=booking.outbox)
        assert ignoring_verify_schedule(unsaid) == ignoring_verify_schedule(booking)
    for before, later in zip(booking.payments, result.payments, strict=True):
        if before is not payment:
            assert later.refunds == before.refunds
            assert later.status == before.status or (before.status in ("created", "pending") and after_all.accepted)

    # Money that came is told of; nothing that was owed is forgotten.
    assert result.letters[: len(booking.letters)] == booking.letters
    assert result.history[: len(booking.history)] == booking.history

    again = applied(
        result, payment.tx_ref, verification, now=now, availability=availability, claim=webhook_claim, jitter=jitter
    )
    assert ignoring_verify_schedule(again) == ignoring_verify_schedule(result)


@given(lives(), st.data())
def test_late_or_early_money_is_never_forgotten(life: Life, data: st.DataObject) -> None:
    booking = life.booking
    payment = data.draw(st.sampled_from(booking.payments))
    result = applied(
        booking,
        payment.tx_ref,
        verification_of(payment),
        now=life.now,
        availability=data.draw(st.sampled_from(Availability)),
    )
    known = get_payment(result, payment.tx_ref)
    assert known.status == "completed"
    assert known.facts.received is not None
    # What a dispute took back before the money was seen is not owed once more.
    # A refund that was owed before its dispute was lost stays: to verify again changes nothing of it.
    owed = max(known.facts.received - known.lost, payment.refunded_or_owed, key=lambda money: money.minor)
    assert known.accepted or known.refunded_or_owed == owed
