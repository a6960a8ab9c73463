from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.booking import REFUND_TRIES_BEFORE_ATTENTION, Actor, Booking, Event, Refund, get_refund
from chalicelib.domain.errors import RefundExceedsPayment
from chalicelib.domain.ids import RefundId
from chalicelib.domain.money import Money
from chalicelib.domain.refunds import (
    MAX_REFUNDS,
    claim,
    defer_start,
    left_to_refund,
    owe_refund,
    put_before_person,
    record_accepted,
    record_lookup,
    record_reversal,
    requeue_rejected,
    resolve,
)
from chalicelib.domain.schedule import back_off
from chalicelib.domain.timing import OUTBOX_LEASE, REFUND_POLL_EARLY, REFUND_POLL_LATE, REFUND_SILENCE
from tests.builders import NOW, a_booking, another_attempt, change_payment, expired, move_refund, opened, paid, verified
from tests.invariants import check_booking
from tests.replacing import replace

MS = timedelta(milliseconds=1)
HOUR = timedelta(hours=1)
LATER = NOW + timedelta(minutes=7)
CONFIRMED = paid(opened(a_booking()))
TX_REF = CONFIRMED.payments[0].tx_ref
R1 = f"{TX_REF}-R1"


def etb(minor: int) -> Money:
    return Money(minor, "ETB")


def owing(minor: int = 300_000, booking: Booking = CONFIRMED, *, now: datetime = NOW, tell: bool = False) -> Booking:
    return owe_refund(
        booking, TX_REF, amount=etb(minor), reason="a broken shower", actor=Actor("host"), now=now, tell=tell
    )


def claimed(now: datetime = NOW) -> Booking:
    return claim(owing(), R1, owner="worker", actor=Actor("sweep"), now=now)


# Owing


def test_a_refund_is_owed_and_due_at_once() -> None:
    booking = owe_refund(
        CONFIRMED, TX_REF, amount=etb(5), reason="a gift", actor=Actor("host"), now=LATER, key="k", fingerprint="f"
    )
    assert booking.refunds == (
        Refund(
            refund_id=RefundId(R1),
            amount=etb(5),
            reason="a gift",
            created_at=LATER,
            updated_at=LATER,
            due_at=LATER,
            key="k",
            fingerprint="f",
        ),
    )
    assert booking.payments[0].updated_at == LATER
    assert booking.history[-1] == Event(LATER, "refund_owed", "host", R1, None, "owed", "ETB 0.05")
    email = booking.outbox[-1]
    assert (email.kind, email.about, email.due_at) == ("money_returned", R1, LATER + OUTBOX_LEASE)


def test_a_refund_may_be_told_of_elsewhere() -> None:
    assert owing(tell=False).outbox == CONFIRMED.outbox


def test_refunds_of_a_payment_are_numbered() -> None:
    booking = owing(2, owing(1))
    assert [refund.refund_id for refund in booking.refunds] == [R1, f"{TX_REF}-R2"]
    assert get_refund(booking, f"{TX_REF}-R2").amount == etb(2)
    for missing in (f"{TX_REF}-R3", TX_REF, ""):
        with pytest.raises(KeyError):
            get_refund(booking, missing)


def test_all_that_was_received_and_not_a_cent_more() -> None:
    assert left_to_refund(CONFIRMED.payments[0]) == etb(735_000)
    owing(735_000)
    with pytest.raises(RefundExceedsPayment, match=r"ETB 7,350\.00"):
        owing(735_001)
    part = owing(700_000)
    assert left_to_refund(part.payments[0]) == etb(35_000)
    assert left_to_refund(owing(35_000, part).payments[0]) == etb(0)
    with pytest.raises(RefundExceedsPayment, match=r"ETB 350\.00"):
        owing(35_001, part)


@pytest.mark.parametrize("minor", [0, -1])
def test_nothing_is_not_a_refund(minor: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        owing(minor)


@pytest.mark.parametrize(
    "booking", [a_booking(), opened(a_booking()), expired(a_booking()), verified(opened(a_booking()), mode="live")]
)
def test_only_completed_money_can_go_back(booking: Booking) -> None:
    assert left_to_refund(booking.payments[0]) == etb(0)
    with pytest.raises(RefundExceedsPayment):
        owing(1, booking)


def test_what_is_left_counts_refunds_in_every_state() -> None:
    booking = owing(300_000)
    for state in (booking, claimed(), move_refund(booking, R1, "attention", actor=Actor("sweep"), now=NOW)):
        assert left_to_refund(state.payments[0]) == etb(435_000)


@given(st.lists(st.integers(1, 400_000), max_size=6))
def test_refunds_never_exceed_what_was_received(amounts: list[int]) -> None:
    booking = CONFIRMED
    for minor in amounts:
        left = left_to_refund(booking.payments[0]).minor
        if minor <= left:
            booking = owing(minor, booking)
        else:
            with pytest.raises(RefundExceedsPayment):
                owing(minor, booking)
    assert booking.payments[0].refunded_or_owed <= etb(735_000)


def test_a_refund_of_a_payment_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        owe_refund(CONFIRMED, f"{TX_REF}0", amount=etb(1), reason="", actor=Actor("host"), now=NOW)


def test_people_have_twenty() -> None:
    assert MAX_REFUNDS == 20


# On its way


def test_a_claim_names_the_one_who_may_post_it() -> None:
    booking = claim(owing(), R1, owner="worker", actor=Actor("sweep"), now=LATER)
    refund = get_refund(booking, R1)
    assert (refund.status, refund.owner, refund.answered_at, refund.updated_at) == (
        "requested",
        "worker",
        LATER,
        LATER,
    )
    assert refund.due_at == LATER + HOUR
    assert booking.history[-1] == Event(LATER, "refund_requested", "sweep", R1, "owed", "requested")
    with pytest.raises(ValueError, match="never goes"):
        claim(booking, R1, owner="another", actor=Actor("sweep"), now=LATER)


def test_what_the_gateway_took_over_is_looked_up() -> None:
    booking = record_accepted(claimed(), R1, provider_refund_id="RFND-1", actor=Actor("sweep"), now=LATER)
    refund = get_refund(booking, R1)
    assert (refund.status, refund.provider_refund_id, refund.answered_at) == ("processing", "RFND-1", LATER)
    assert refund.due_at == LATER + HOUR
    assert booking.history[-1] == Event(LATER, "refund_processing", "sweep", R1, "requested", "processing")


def test_what_it_certainly_did_not_take_over_is_tried_again_after_a_pause() -> None:
    booking = claimed()
    for tries in range(1, 5):
        booking = requeue_rejected(
            booking, R1, actor=Actor("sweep"), now=LATER, jitter=0.5, detail="gateway_unreachable"
        )
        refund = get_refund(booking, R1)
        assert (refund.status, refund.owner, refund.start_failures) == ("owed", "", tries)
        assert refund.due_at == LATER + back_off(tries, jitter=0.5)
        assert booking.history[-1] == Event(
            LATER, "refund_owed", "sweep", R1, "requested", "owed", "gateway_unreachable"
        )
        booking = claim(booking, R1, owner="worker", actor=Actor("sweep"), now=LATER)


def test_what_could_not_even_be_asked_about_stays_owed_without_a_word() -> None:
    before = owing()
    booking = defer_start(defer_start(before, R1, now=LATER, jitter=0.5), R1, now=LATER, jitter=0.5)
    refund = get_refund(booking, R1)
    assert refund == replace(get_refund(before, R1), start_failures=2, due_at=LATER + timedelta(seconds=22.5))
    assert booking.history == before.history


def test_what_is_done_or_waits_for_a_person_is_due_no_more() -> None:
    for to in ("refunded", "attention"):
        booking = move_refund(claimed(), R1, to, actor=Actor("webhook"), now=LATER)
        assert get_refund(booking, R1).due_at is None


def test_an_operator_has_it_posted_again() -> None:
    put_off_once = requeue_rejected(claimed(), R1, actor=Actor("sweep"), now=NOW, jitter=0, detail="")
    for waiting in (put_off_once, claimed()):
        booking = resolve(
            move_refund(waiting, R1, "attention", actor=Actor("sweep"), now=NOW),
            R1,
            as_="post_again",
            note="",
            actor=Actor("operator"),
            now=LATER,
        )
        refund = get_refund(booking, R1)
        assert (refund.status, refund.due_at, refund.start_failures, refund.owner) == ("owed", LATER, 0, "")
        assert booking.history[-1] == Event(LATER, "refund_owed", "operator", R1, "attention", "owed")
        check_booking(booking)


def test_another_refund_is_never_touched() -> None:
    booking = owing(2, owing(1))
    second = booking.refunds[1]
    booking = claim(booking, R1, owner="worker", actor=Actor("sweep"), now=LATER)
    booking = record_lookup(booking, R1, answered=True, actor=Actor("sweep"), now=LATER)
    booking = move_refund(booking, R1, "refunded", actor=Actor("sweep"), now=LATER)
    assert booking.refunds[1] == second


# Looking it up


def test_hourly_for_six_hours_then_six_hourly() -> None:
    assert (REFUND_POLL_EARLY, REFUND_POLL_LATE, REFUND_SILENCE) == (HOUR, 6 * HOUR, 24 * HOUR)
    booking = claimed()
    for now, pause in (
        (NOW + HOUR, HOUR),
        (NOW + 6 * HOUR - MS, HOUR),
        (NOW + 6 * HOUR, 6 * HOUR),
        (NOW + 12 * HOUR, 6 * HOUR),
    ):
        refund = get_refund(record_lookup(booking, R1, answered=True, actor=Actor("sweep"), now=now), R1)
        assert (refund.due_at, refund.answered_at, refund.status) == (now + pause, now, "requested")


def test_the_hours_count_from_the_latest_request() -> None:
    booking = requeue_rejected(claimed(), R1, actor=Actor("sweep"), now=NOW, jitter=0, detail="")
    again = claim(booking, R1, owner="worker", actor=Actor("sweep"), now=NOW + 20 * HOUR)
    refund = get_refund(record_lookup(again, R1, answered=True, actor=Actor("sweep"), now=NOW + 21 * HOUR), R1)
    assert refund.due_at == NOW + 22 * HOUR
    # Neither from what happened to it since, nor from the request of another.
    booking = record_accepted(claimed(), R1, provider_refund_id=None, actor=Actor("sweep"), now=NOW + 5 * HOUR)
    booking = claim(owing(1, booking), f"{TX_REF}-R2", owner="worker", actor=Actor("sweep"), now=NOW + 5 * HOUR)
    refund = get_refund(record_lookup(booking, R1, answered=True, actor=Actor("sweep"), now=NOW + 6 * HOUR), R1)
    assert refund.due_at == NOW + 12 * HOUR


def test_a_refund_of_an_older_form_is_looked_up_all_the_same() -> None:
    """Nothing says when the gateway was last heard of it, nor when it was asked for."""
    booking = owing()
    old = replace(get_refund(booking, R1), status="requested", answered_at=None, updated_at=LATER)
    booking = change_payment(booking, TX_REF, refunds=(old,))
    refund = get_refund(record_lookup(booking, R1, answered=False, actor=Actor("sweep"), now=LATER + 23 * HOUR), R1)
    assert (refund.status, refund.answered_at, refund.due_at) == ("requested", LATER, LATER + 24 * HOUR)
    early = record_lookup(booking, R1, answered=False, actor=Actor("sweep"), now=NOW + 6 * HOUR - MS)
    assert get_refund(early, R1).due_at == NOW + 7 * HOUR - MS
    late = record_lookup(booking, R1, answered=False, actor=Actor("sweep"), now=NOW + 6 * HOUR)
    assert get_refund(late, R1).due_at == NOW + 12 * HOUR


def test_a_day_without_a_word_is_put_before_a_person() -> None:
    nearly = record_lookup(claimed(), R1, answered=False, actor=Actor("sweep"), now=NOW + 24 * HOUR - MS)
    refund = get_refund(nearly, R1)
    assert (refund.status, refund.answered_at) == ("requested", NOW)
    silent = record_lookup(claimed(), R1, answered=False, actor=Actor("sweep"), now=NOW + 24 * HOUR)
    assert get_refund(silent, R1).status == "attention"
    assert silent.history[-1] == Event(
        NOW + 24 * HOUR, "refund_attention", "sweep", R1, "requested", "attention", "no word for a day"
    )
    heard = record_lookup(claimed(), R1, answered=True, actor=Actor("sweep"), now=NOW + 24 * HOUR)
    assert get_refund(heard, R1).status == "requested"


def test_the_last_look_is_at_the_end_of_the_day_but_not_at_once() -> None:
    refund = get_refund(record_lookup(claimed(), R1, answered=False, actor=Actor("sweep"), now=NOW + 20 * HOUR), R1)
    assert refund.due_at == NOW + 24 * HOUR
    refund = get_refund(
        record_lookup(claimed(), R1, answered=False, actor=Actor("sweep"), now=NOW + 24 * HOUR - MS), R1
    )
    assert refund.due_at == NOW + 24 * HOUR - MS + timedelta(minutes=1)


def test_a_look_up_without_a_change_makes_no_entry() -> None:
    booking = record_lookup(claimed(), R1, answered=True, actor=Actor("sweep"), now=LATER)
    assert booking.history == claimed().history


# Where a person is needed


def test_money_that_the_gateway_took_back_is_recorded() -> None:
    twice = verified(another_attempt(opened(a_booking())), tx_ref=TX_REF)
    booking = record_reversal(twice, twice.payments[0], "reversed", actor=Actor("webhook"), now=LATER)
    assert booking.payments == (replace(twice.payments[0], reversal="reversed", updated_at=LATER), twice.payments[1])
    assert booking.history[-1] == Event(
        LATER, "payment_reversed", "webhook", TX_REF, "completed", "completed", "reversed"
    )


@pytest.mark.parametrize(
    ("status", "put_offs", "asks"),
    [
        ("owed", REFUND_TRIES_BEFORE_ATTENTION - 1, False),
        ("owed", REFUND_TRIES_BEFORE_ATTENTION, True),
        ("requested", REFUND_TRIES_BEFORE_ATTENTION, False),
        ("refunded", REFUND_TRIES_BEFORE_ATTENTION, False),
        ("attention", 0, True),
    ],
)
def test_a_person_is_asked_about_what_does_not_get_on(status: str, put_offs: int, asks: bool) -> None:
    refund = replace(get_refund(owing(), R1), status=status, start_failures=put_offs)  # type: ignore[arg-type]
    assert refund.needs_a_person is asks


def test_fifty_vain_tries_last_most_of_a_day() -> None:
    shortest = sum((back_off(tries, jitter=0) for tries in range(1, REFUND_TRIES_BEFORE_ATTENTION)), timedelta())
    longest = sum((back_off(tries, jitter=1) for tries in range(1, REFUND_TRIES_BEFORE_ATTENTION)), timedelta())
    assert REFUND_TRIES_BEFORE_ATTENTION == 50
    assert 10 * HOUR < shortest < longest < 24 * HOUR


def test_a_new_claim_forgets_the_name_of_an_earlier_post() -> None:
    refused = record_accepted(claimed(), R1, provider_refund_id="RFND-1", actor=Actor("sweep"), now=NOW)
    waiting = put_before_person(refused, R1, actor=Actor("sweep"), now=NOW, detail="it came back")
    again = resolve(waiting, R1, as_="post_again", note="Once more.", actor=Actor("operator"), now=LATER)
    assert get_refund(again, R1).provider_refund_id == "RFND-1"
    anew = claim(again, R1, owner="another", actor=Actor("sweep"), now=LATER)
    assert get_refund(anew, R1).provider_refund_id is None
