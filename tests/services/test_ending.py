"""Ending a stay after check-in, and cancelling a booking with the refund of all its money."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import Booking
from chalicelib.domain.disputes import DisputeFacts
from chalicelib.domain.errors import (
    BookingNotFound,
    CancelBookingRequired,
    IdempotencyKeyReused,
    InvalidRequest,
    PaymentDisputed,
    RefundExceedsPayment,
    RefundUnderWay,
    StayBegun,
    StayEndedAlready,
    StayNotBegun,
    StayNotOver,
    StayOver,
)
from chalicelib.domain.money import Money
from chalicelib.domain.refunds import MAX_REFUNDS
from chalicelib.services.cancel import cancel
from chalicelib.services.ending import end_stay
from chalicelib.services.operators.lists import resolve_review
from chalicelib.services.queries import events
from chalicelib.services.refunds import refund
from chalicelib.services.reviews import review
from tests.builders import a_stay
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, GUEST_HANNA, HOST_ABEBE, NIGHTS, OPERATOR, OTHER_HOST, Harness, booking_id_of

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"
CHECK_IN = datetime.fromisoformat("2027-01-14T11:00:00Z")
"""Two in the afternoon in Addis Ababa."""
CHECK_OUT = datetime.fromisoformat("2027-01-17T08:00:00Z")
MS = timedelta(milliseconds=1)
DAY = timedelta(days=1)


def end(ports: Fakes, as_: Any = "no_show", *, who: Any = HOST_ABEBE, **changes: Any) -> Booking:
    arguments: dict[str, Any] = {"last_night": None, "refund": 0, "note": "nobody rang"}
    return end_stay(ports, who, FIRST, as_=as_, **(arguments | changes))[0]


def all_back(
    ports: Fakes, *, cancels: bool | None, amount: int | None = None, key: str = "k", who: Any = OPERATOR
) -> Any:
    return refund(ports, who, ONE, amount=amount, reason="a flood", key=key, cancel_booking=cancels)


@pytest.mark.parametrize("who", [HOST_ABEBE, OPERATOR], ids=lambda who: who.person_id)
@pytest.mark.parametrize(
    ("at", "kept"),
    [
        (CHECK_IN, ()),
        # Nine in the evening of the first day, and ten past midnight: another day has begun there.
        (CHECK_IN + timedelta(hours=7), ()),
        (CHECK_IN + timedelta(hours=10, minutes=10), NIGHTS[:1]),
        (CHECK_IN + 2 * DAY, NIGHTS[:2]),
        (CHECK_OUT - MS, NIGHTS),
    ],
)
def test_a_no_show_frees_every_night_from_tonight_on(
    harness: Harness, ports: Fakes, who: Any, at: datetime, kept: tuple[date, ...]
) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(at)
    booking = end(ports, who=who)
    assert harness.units_taken == dict.fromkeys(kept, 1)
    assert (booking.status, booking.ended.as_ if booking.ended else "") == ("confirmed", "no_show")
    assert booking.free_from == (kept[-1] + DAY if kept else NIGHTS[0])
    [event] = [event for event in booking.history if event.kind == "stay_ended"]
    assert (event.cause, event.by, event.detail) == (
        "host" if who is HOST_ABEBE else "operator",
        who.person_id,
        "nobody rang",
    )
    assert ports.call_log.count("bookings.save") == 1
    harness.check_invariants()


@pytest.mark.parametrize("last", [0, 1])
def test_who_leaves_early_frees_the_nights_after_her_last_one(harness: Harness, ports: Fakes, last: int) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN + 2 * DAY)
    booking = end(ports, "left_early", last_night=NIGHTS[last])
    assert harness.units_taken == dict.fromkeys(NIGHTS[: last + 1], 1)
    assert booking.check_out_at == CHECK_OUT - (2 - last) * DAY
    harness.check_invariants()


def test_the_freed_nights_are_sold_again_and_never_twice(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking(stay=a_stay(units=4, guests=4))
    ports.clock.move_to(CHECK_IN + DAY)
    end(ports, "left_early", last_night=NIGHTS[0])
    other = harness.book(
        key="b", guest=GUEST_DAWIT, stay=a_stay(check_in=NIGHTS[1], nights=2, units=4, guests=4)
    ).booking
    assert harness.units_taken == dict.fromkeys(NIGHTS, 4)
    # Whatever becomes of the first booking, it gives back none of them again.
    end(ports, "left_early", last_night=NIGHTS[0])
    harness.sweep_and_drain()
    assert harness.units_taken == dict.fromkeys(NIGHTS, 4)
    assert harness.stored_booking(other).status == "pending_payment"
    harness.check_invariants()


@pytest.mark.parametrize("last_night", [NIGHTS[0] - DAY, NIGHTS[2], NIGHTS[2] + DAY])
def test_the_last_night_of_who_leaves_early_is_hers_and_not_the_stays(
    harness: Harness, ports: Fakes, last_night: date
) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN + DAY)
    with pytest.raises(InvalidRequest) as refused:
        end(ports, "left_early", last_night=last_night)
    assert [error.field for error in refused.value.errors] == ["last_night"]
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


def test_a_stay_is_ended_while_it_lasts(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN - MS)
    with pytest.raises(StayNotBegun):
        end(ports)
    ports.clock.move_to(CHECK_OUT)
    with pytest.raises(StayOver):
        end(ports)
    assert harness.stored_booking(FIRST).ended is None
    ports.clock.move_to(CHECK_OUT - MS)
    end(ports)
    # A repeat is no new end.
    ports.clock.move_to(CHECK_OUT + DAY)
    assert end(ports) == harness.stored_booking(FIRST)


def test_a_booking_that_is_not_confirmed_has_no_stay(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    ports.clock.move_to(CHECK_IN)
    with pytest.raises(StayNotBegun):
        end(ports)


@pytest.mark.parametrize("who", [GUEST_HANNA, GUEST_DAWIT, OTHER_HOST], ids=lambda who: who.person_id)
def test_only_its_host_and_operators_end_a_stay(harness: Harness, ports: Fakes, who: Any) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN)
    with pytest.raises(BookingNotFound):
        end(ports, who=who)


def test_a_repeat_changes_nothing_and_another_end_is_refused(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN + DAY)
    first = end(ports, "left_early", last_night=NIGHTS[0], refund=100)
    ports.clock.move_to(CHECK_IN + 2 * DAY)
    harness.clear_logs()
    assert end(ports, "left_early", last_night=NIGHTS[0], refund=100, note="said otherwise") == first
    assert ports.call_log.count("bookings.save") == 0
    for as_, changes in (
        ("no_show", {"refund": 100}),
        ("left_early", {"last_night": NIGHTS[1], "refund": 100}),
        ("left_early", {"last_night": NIGHTS[0]}),
    ):
        with pytest.raises(StayEndedAlready):
            end(ports, as_, **changes)
    assert harness.stored_booking(FIRST) == first


def test_two_who_end_a_stay_at_once_end_it_once(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN)
    ports.run_before("bookings.save", lambda: end(ports, who=OPERATOR, refund=100))
    booking = end(ports, refund=100)
    assert [each.amount.minor for each in booking.refunds] == [100]
    assert [event.cause for event in booking.history if event.kind == "stay_ended"] == ["operator"]
    harness.check_invariants()


def test_what_goes_back_by_hand_stays_within_what_came(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN)
    with pytest.raises(RefundExceedsPayment):
        end(ports, refund=735001)
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    booking = end(ports, refund=735000)
    assert [(each.amount.minor, each.reason) for each in booking.refunds] == [(735000, "no_show")]
    [letter] = [entry for entry in booking.letters if entry.kind == "stay_ended"]
    assert letter.about == booking.refunds[0].refund_id
    harness.sweep_and_drain()
    assert harness.stored_booking(FIRST).refunds[0].status == "processing"
    # One letter tells of the end and of the money.
    sent = [entry.kind for entry in harness.stored_booking(FIRST).letters if entry.status == "sent"]
    assert sent.count("stay_ended") == 1
    assert "money_returned" not in sent


def test_an_end_is_no_way_around_the_bound_of_refunds(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    for number in range(MAX_REFUNDS):
        all_back(ports, cancels=None, amount=1, key=f"{number}")
        harness.end_refunds(FIRST)
    ports.clock.move_to(CHECK_IN)
    with pytest.raises(RefundExceedsPayment):
        end(ports, refund=1)
    assert end(ports).ended is not None


def test_an_end_gives_nothing_back_beside_a_refund_under_way(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    all_back(ports, cancels=None, amount=100, key="part")
    ports.clock.move_to(CHECK_IN)
    with pytest.raises(RefundExceedsPayment):
        end(ports, refund=735000)
    with pytest.raises(RefundUnderWay):
        end(ports, refund=100)
    assert harness.stored_booking(FIRST).ended is None
    assert [each.amount.minor for each in end(ports, refund=101).refunds] == [100, 101]


def test_letters_that_its_end_overtook_are_not_sent(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.queue.letters.clear()
    ports.clock.move_to(CHECK_IN)
    end(ports)
    harness.sweep_and_drain()
    letters = {entry.kind: entry.status for entry in harness.stored_booking(FIRST).letters}
    assert letters == {"booking_confirmed": "superseded", "host_new_booking": "superseded", "stay_ended": "sent"}


def test_an_ended_stay_cannot_be_cancelled(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN)
    end(ports)
    for who in (GUEST_HANNA, HOST_ABEBE, OPERATOR):
        with pytest.raises(StayBegun):
            cancel(ports, who, FIRST, reason="")
    assert harness.units_taken == {}


def test_who_left_early_reviews_from_then_on_and_who_never_came_does_not(harness: Harness, ports: Fakes) -> None:
    def praise(key: str, who: Any) -> None:
        listing_id = harness.listing.listing_id
        review(ports, who, listing_id, booking_id_of(key, who), rating=5, text="Quiet.")

    harness.confirmed_booking()
    harness.confirmed_booking(key="other", guest=GUEST_DAWIT)
    ports.clock.move_to(CHECK_IN + timedelta(hours=1))
    end_stay(ports, HOST_ABEBE, booking_id_of("other", GUEST_DAWIT), as_="no_show", last_night=None, refund=0, note="")
    end(ports, "left_early", last_night=NIGHTS[0])
    ports.clock.move_to(CHECK_OUT - 2 * DAY - MS)
    with pytest.raises(StayNotOver):
        praise("first", GUEST_HANNA)
    ports.clock.move_to(CHECK_OUT - 2 * DAY)
    praise("first", GUEST_HANNA)
    ports.clock.move_to(CHECK_OUT + DAY)
    with pytest.raises(StayNotOver):
        praise("other", GUEST_DAWIT)


def test_its_guest_reads_that_it_ended_and_not_the_note(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN)
    end(ports)
    for who, detail in ((GUEST_HANNA, ""), (OPERATOR, "nobody rang")):
        found = events(ports, who, ONE, limit=100, after=None).items
        assert [event.detail for event in found if event.kind == "stay_ended"] == [detail]


# -- a refund of all of a confirmed booking's money


@pytest.mark.parametrize("before", [0, 735])
def test_a_refund_of_all_says_what_becomes_of_the_booking(harness: Harness, ports: Fakes, before: int) -> None:
    harness.confirmed_booking()
    if before:
        all_back(ports, cancels=None, amount=before, key="part")
        harness.end_refunds(FIRST)
    for amount in (None, 735000 - before):
        with pytest.raises(CancelBookingRequired):
            all_back(ports, cancels=None, amount=amount)
    # One unit less asks nothing.
    all_back(ports, cancels=None, amount=735000 - before - 1, key="nearly")
    assert harness.stored_booking(FIRST).status == "confirmed"
    harness.check_invariants()


def test_it_cancels_the_booking_with_it(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    made, _ = all_back(ports, cancels=True)
    booking = harness.stored_booking(FIRST)
    assert (booking.status, booking.refunds, harness.units_taken) == ("cancelled", (made,), {})
    assert (made.amount.minor, made.reason) == (735000, "a flood")
    assert ports.call_log.count("bookings.save") == 1
    # One letter to each tells of both.
    assert [entry.kind for entry in booking.letters[2:]] == ["booking_cancelled", "host_cancelled"]
    assert all_back(ports, cancels=True) == (made, True)
    with pytest.raises(IdempotencyKeyReused):
        all_back(ports, cancels=False)
    harness.check_invariants()


def test_it_keeps_the_booking(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    all_back(ports, cancels=False, who=HOST_ABEBE)
    booking = harness.stored_booking(FIRST)
    assert (booking.status, harness.units_taken) == ("confirmed", dict.fromkeys(NIGHTS, 1))
    assert booking.letters[-1].kind == "money_returned"


def test_part_of_the_money_cancels_nothing(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    with pytest.raises(InvalidRequest) as refused:
        all_back(ports, cancels=True, amount=100)
    assert [error.field for error in refused.value.errors] == ["cancel_booking"]
    assert harness.stored_booking(FIRST).refunds == ()


def test_a_stay_that_has_begun_is_not_cancelled_with_its_refund(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN)
    with pytest.raises(StayBegun):
        all_back(ports, cancels=True)
    assert harness.stored_booking(FIRST).refunds == ()
    all_back(ports, cancels=False)


def test_money_that_confirmed_nothing_asks_nothing(harness: Harness, ports: Fakes) -> None:
    """Of a cancelled booking what the policy kept may go back."""
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN - timedelta(hours=1))
    cancel(ports, GUEST_HANNA, FIRST, reason="")
    assert all_back(ports, cancels=None)[0].amount.minor == 735000


@pytest.mark.parametrize("how", ["needs_response", "under_review", "reversed"])
def test_money_at_risk_does_not_go_back_with_the_end_of_a_stay(harness: Harness, ports: Fakes, how: Any) -> None:
    harness.confirmed_booking()
    if how == "reversed":
        ports.gateway.set_status(ONE, "reversed")
        harness.webhook(ONE, "charge.reversed")
    else:
        told = DisputeFacts(provider_dispute_id="2867", status=how, tx_ref=ONE)
        ports.gateway.disputes["2867"] = told
        harness.webhook(ONE, "charge.dispute.create", dispute=told)
    assert harness.stored_payment(ONE).at_risk.minor == 735000
    ports.clock.move_to(CHECK_IN)
    with pytest.raises(PaymentDisputed):
        end(ports, refund=100)
    booking = harness.stored_booking(FIRST)
    assert (booking.ended, booking.refunds, harness.units_taken) == (None, (), dict.fromkeys(NIGHTS, 1))
    assert end(ports).ended is not None


def test_a_save_whose_answer_was_lost_is_one_end(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.clock.move_to(CHECK_IN)
    ports.run_after("bookings.save", raises(OSError("the process died")))
    with pytest.raises(OSError, match="died"):
        end(ports, refund=100)
    ports.clock.move(minutes=3)
    assert [each.amount.minor for each in end(ports, refund=100).refunds] == [100]
    harness.advance(minutes=10)
    assert harness.stored_booking(FIRST).letters[-1].status == "sent"
    harness.check_invariants()


@pytest.mark.parametrize("received", [Money(900000, "ETB"), Money(5000, "USD")])
def test_what_goes_back_with_the_end_of_a_stay_is_in_the_money_that_came(
    harness: Harness, ports: Fakes, received: Money
) -> None:
    booking = harness.held_booking()
    tx_ref = booking.payments[0].tx_ref
    ports.gateway.pay(tx_ref, amount=received)
    harness.webhook(tx_ref)
    resolve_review(ports, OPERATOR, tx_ref, as_="accept", note="It is enough.")
    ports.clock.move_to(booking.check_in_at)
    ended = end(ports, refund=100)
    assert [refund.amount for refund in ended.refunds] == [Money(100, received.currency)]
