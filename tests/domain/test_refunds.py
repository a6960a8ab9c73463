from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.attention import attention
from chalicelib.domain.booking import Actor, Booking, Event, Refund, get_refund
from chalicelib.domain.errors import RefundExceedsPayment
from chalicelib.domain.ids import RefundId
from chalicelib.domain.money import Money
from chalicelib.domain.refunds import (
    MAX_REFUNDS,
    Outlook,
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
from chalicelib.domain.timing import (
    OUTBOX_MESSAGE,
    REFUND_ACTION_PATIENCE,
    REFUND_MOVING_PATIENCE,
    REFUND_POLL_EARLY,
    REFUND_POLL_LATE,
    REFUND_START_PATIENCE,
)
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


def lookup(booking: Booking, outlook: Outlook, *, now: datetime) -> Booking:
    return record_lookup(booking, R1, outlook=outlook, business_days=3, actor=Actor("sweep"), now=now)


def deferred(booking: Booking, *, now: datetime) -> Booking:
    """The gateway gave no answer before a post; or it definitely did not execute the post."""
    step = defer_start if get_refund(booking, R1).status == "owed" else requeue_rejected
    return step(booking, R1, actor=Actor("sweep"), now=now, jitter=0.5, detail="gateway_timeout")


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
    email = booking.letters[-1]
    assert (email.kind, email.about, email.due_at) == ("money_returned", R1, LATER + OUTBOX_MESSAGE)


def test_a_refund_may_be_told_of_elsewhere() -> None:
    assert owing(tell=False).letters == CONFIRMED.letters


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
    booking = deferred(deferred(before, now=LATER), now=LATER)
    refund = get_refund(booking, R1)
    assert refund == replace(get_refund(before, R1), start_failures=2, due_at=LATER + timedelta(seconds=22.5))
    assert booking.history == before.history


@pytest.mark.parametrize("posted", [False, True], ids=["asking failed", "the post was certainly not executed"])
def test_what_could_not_be_started_for_a_day_waits_for_a_person_and_is_posted_no_more(*, posted: bool) -> None:
    assert REFUND_START_PATIENCE == 24 * HOUR
    start = owing(now=LATER)
    status = "requested" if posted else "owed"

    def tried(now: datetime) -> Booking:
        booking = claim(start, R1, owner="worker", actor=Actor("sweep"), now=now) if posted else start
        return deferred(booking, now=now)

    nearly = get_refund(tried(LATER + 24 * HOUR - MS), R1)
    assert (nearly.status, nearly.start_failures, nearly.due_at is None) == ("owed", 1, False)
    booking = tried(LATER + 24 * HOUR)
    refund = get_refund(booking, R1)
    assert (refund.status, refund.due_at, refund.may_be_executed) == ("attention", None, False)
    assert booking.history[-1] == Event(
        LATER + 24 * HOUR,
        "refund_attention",
        "sweep",
        R1,
        status,
        "attention",
        "it could not be started for a day: gateway_timeout",
    )
    # A person has it tried for another day, and so on.
    again = resolve(booking, R1, as_="post_again", note="", actor=Actor("operator"), now=LATER + 30 * HOUR)
    assert get_refund(deferred(again, now=LATER + 54 * HOUR - MS), R1).status == "owed"
    assert get_refund(deferred(again, now=LATER + 54 * HOUR), R1).status == "attention"


def test_a_post_may_be_executed_until_the_gateway_excludes_it() -> None:
    assert not get_refund(owing(), R1).may_be_executed
    assert get_refund(claimed(), R1).may_be_executed
    assert not get_refund(deferred(claimed(), now=LATER), R1).may_be_executed
    for excluded in (False, True):
        booking = put_before_person(
            claimed(), R1, actor=Actor("sweep"), now=LATER, detail="", definitely_not_executed=excluded
        )
        assert get_refund(booking, R1).may_be_executed is not excluded
        # What it was does not change by waiting, or by a person's word.
        again = resolve(booking, R1, as_="post_again", note="", actor=Actor("operator"), now=LATER)
        assert get_refund(again, R1).may_be_executed is not excluded
        assert not get_refund(
            put_before_person(deferred(claimed(), now=LATER), R1, actor=Actor("sweep"), now=LATER, detail=""), R1
        ).may_be_executed


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
    booking = lookup(booking, "moving", now=LATER)
    booking = move_refund(booking, R1, "refunded", actor=Actor("sweep"), now=LATER)
    assert booking.refunds[1] == second


# Looking it up


def test_hourly_for_six_hours_then_six_hourly() -> None:
    assert (REFUND_POLL_EARLY, REFUND_POLL_LATE) == (HOUR, 6 * HOUR)
    booking = claimed()
    for now, pause in (
        (NOW + HOUR, HOUR),
        (NOW + 6 * HOUR - MS, HOUR),
        (NOW + 6 * HOUR, 6 * HOUR),
        (NOW + 12 * HOUR, 6 * HOUR),
    ):
        refund = get_refund(lookup(booking, "moving", now=now), R1)
        assert (refund.due_at, refund.answered_at, refund.status) == (now + pause, now, "requested")


def test_the_hours_count_from_the_latest_request() -> None:
    booking = requeue_rejected(claimed(), R1, actor=Actor("sweep"), now=NOW, jitter=0, detail="")
    again = claim(booking, R1, owner="worker", actor=Actor("sweep"), now=NOW + 20 * HOUR)
    refund = get_refund(lookup(again, "moving", now=NOW + 21 * HOUR), R1)
    assert refund.due_at == NOW + 22 * HOUR
    # Neither from what happened to it since, nor from the request of another.
    booking = record_accepted(claimed(), R1, provider_refund_id=None, actor=Actor("sweep"), now=NOW + 5 * HOUR)
    booking = claim(owing(1, booking), f"{TX_REF}-R2", owner="worker", actor=Actor("sweep"), now=NOW + 5 * HOUR)
    refund = get_refund(lookup(booking, "moving", now=NOW + 6 * HOUR), R1)
    assert refund.due_at == NOW + 12 * HOUR


def test_a_refund_of_an_older_form_is_looked_up_all_the_same() -> None:
    """Nothing says when the gateway was last heard of it, nor when it was asked for."""
    booking = owing()
    old = replace(get_refund(booking, R1), status="requested", answered_at=None, updated_at=LATER)
    booking = change_payment(booking, TX_REF, refunds=(old,))
    refund = get_refund(lookup(booking, "silent", now=LATER + 23 * HOUR), R1)
    assert (refund.status, refund.answered_at, refund.due_at) == ("requested", LATER, LATER + 29 * HOUR)
    early = lookup(booking, "silent", now=NOW + 6 * HOUR - MS)
    assert get_refund(early, R1).due_at == NOW + 7 * HOUR - MS
    late = lookup(booking, "silent", now=NOW + 6 * HOUR)
    assert get_refund(late, R1).due_at == NOW + 12 * HOUR


def test_business_days_without_a_word_are_put_before_a_person() -> None:
    assert NOW.strftime("%A") == "Saturday"
    wednesday = NOW + 4 * 24 * HOUR
    refund = get_refund(lookup(claimed(), "silent", now=wednesday - MS), R1)
    assert (refund.status, refund.answered_at) == ("requested", NOW)
    silent = lookup(claimed(), "silent", now=wednesday)
    assert get_refund(silent, R1).status == "attention"
    assert get_refund(silent, R1).may_be_executed, "nothing excludes that it is on its way"
    assert silent.history[-1] == Event(
        wednesday, "refund_attention", "sweep", R1, "requested", "attention", "no word for 3 business days"
    )
    assert get_refund(lookup(claimed(), "moving", now=wednesday), R1).status == "requested"


def test_a_refund_that_waits_for_an_action_is_put_before_a_person_sooner() -> None:
    assert REFUND_ACTION_PATIENCE == 24 * HOUR
    assert get_refund(lookup(claimed(), "waiting", now=NOW + 24 * HOUR - MS), R1).status == "requested"
    waiting = lookup(claimed(), "waiting", now=NOW + 24 * HOUR)
    assert get_refund(waiting, R1).status == "attention"
    assert waiting.history[-1].detail == "it waits for an action at the gateway"


def heard_of(*, until: datetime) -> Booking:
    """A refund that the gateway called under way at each look-up."""
    booking, now = claimed(), NOW
    while (due_at := get_refund(booking, R1).due_at) is not None and due_at <= until:
        now = due_at
        booking = lookup(booking, "moving", now=now)
    return booking


def test_a_refund_that_is_under_way_for_ever_is_put_before_a_person() -> None:
    end = NOW + REFUND_MOVING_PATIENCE
    before = heard_of(until=end - MS)
    assert (get_refund(before, R1).status, get_refund(before, R1).due_at) == ("requested", end)
    stuck = heard_of(until=end)
    refund = get_refund(stuck, R1)
    assert (refund.status, refund.due_at, attention(stuck)) == ("attention", None, "refund")
    assert refund.may_be_executed, "the gateway says so"
    assert stuck.history[-1].detail == "the gateway has called it under way for 30 days"


def test_the_days_under_way_count_from_the_latest_request() -> None:
    later = NOW + REFUND_MOVING_PATIENCE - HOUR
    booking = requeue_rejected(claimed(), R1, actor=Actor("sweep"), now=NOW, jitter=0, detail="")
    again = claim(booking, R1, owner="worker", actor=Actor("sweep"), now=later)
    assert get_refund(lookup(again, "moving", now=later + HOUR), R1).status == "requested"


@pytest.mark.parametrize(("outlook", "end"), [("silent", NOW + 96 * HOUR), ("waiting", NOW + 24 * HOUR)])
def test_the_last_look_is_at_the_end_of_its_time_but_not_at_once(outlook: Outlook, end: datetime) -> None:
    refund = get_refund(lookup(claimed(), outlook, now=end - 4 * HOUR), R1)
    assert refund.due_at == end
    refund = get_refund(lookup(claimed(), outlook, now=end - MS), R1)
    assert refund.due_at == end - MS + timedelta(minutes=1)


def test_a_look_up_without_a_change_makes_no_entry() -> None:
    booking = lookup(claimed(), "moving", now=LATER)
    assert booking.history == claimed().history


# Where a person is needed


def test_money_that_the_gateway_took_back_is_recorded() -> None:
    twice = verified(another_attempt(opened(a_booking())), tx_ref=TX_REF)
    booking = record_reversal(twice, twice.payments[0], "reversed", actor=Actor("webhook"), now=LATER)
    assert booking.payments == (replace(twice.payments[0], reversal="reversed", updated_at=LATER), twice.payments[1])
    assert booking.history[-1] == Event(
        LATER, "payment_reversed", "webhook", TX_REF, "completed", "completed", "reversed"
    )


def test_a_new_claim_forgets_the_name_of_an_earlier_post() -> None:
    refused = record_accepted(claimed(), R1, provider_refund_id="RFND-1", actor=Actor("sweep"), now=NOW)
    waiting = put_before_person(refused, R1, actor=Actor("sweep"), now=NOW, detail="it came back")
    again = resolve(waiting, R1, as_="post_again", note="Once more.", actor=Actor("operator"), now=LATER)
    assert get_refund(again, R1).provider_refund_id == "RFND-1"
    anew = claim(again, R1, owner="another", actor=Actor("sweep"), now=LATER)
    assert get_refund(anew, R1).provider_refund_id is None
