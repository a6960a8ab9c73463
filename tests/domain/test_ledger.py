"""Lines of the ledger: what each says, on which day, and that they add up to what the booking says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from chalicelib.domain.booking import Actor, Booking, StayEnd
from chalicelib.domain.disputes import CloseAs, close, open_dispute
from chalicelib.domain.finance.ledger import ELSEWHERE, LedgerLine, add_up, line_of, merge, money_moved, totals_begin
from chalicelib.domain.money import Money
from chalicelib.domain.refunds import put_before_person, resolve
from chalicelib.domain.verification import Availability, resolve_review
from tests.builders import NOW, a_booking, opened, paid, refund_owed, verified
from tests.invariants import check_booking
from tests.replacing import replace
from tests.strategies import Life, lives

ADDIS = "Africa/Addis_Ababa"
LATER = NOW + timedelta(minutes=7)
OPERATOR = Actor("operator", "operator-sara")


def lines_of(booking: Booking, zone: str = ADDIS) -> list[LedgerLine]:
    return [line_of(booking, entry, time_zone=zone) for entry in booking.outbox if entry.is_line]


def paid_with(**facts: Any) -> Booking:
    return paid(opened(a_booking()), now=LATER, **facts)


def test_a_payment_is_booked_with_its_fee() -> None:
    [line] = lines_of(paid_with(fee=Money(18375, "ETB"), provider_reference="AP1"))
    booking = paid_with()
    assert line.line_id == f"{booking.booking_id}-1.payment"
    assert (line.gross, line.fee, line.net) == (Money(735000, "ETB"), Money(18375, "ETB"), Money(716625, "ETB"))
    assert (line.gateway, line.mode, line.provider_reference) == ("chapa", "test", "AP1")
    assert (line.listing_id, line.host_id) == (booking.place.listing_id, booking.place.host_id)
    assert line.counts_on == booking.stay.check_out


def test_money_that_was_accepted_in_another_mode_is_booked_in_the_bookings_own() -> None:
    booking = verified(opened(a_booking()), now=LATER, mode="live")
    booking = resolve_review(
        booking,
        booking.payments[0].tx_ref,
        as_="accept",
        availability=Availability.FREE,
        note="It is real.",
        actor=OPERATOR,
        now=LATER,
    )
    [line] = lines_of(booking)
    assert (booking.payments[0].facts.mode, line.mode) == ("live", "test")


def test_a_fee_that_is_not_known_is_not_nothing() -> None:
    [line] = lines_of(paid_with(fee=None))
    assert (line.fee, line.net) == (None, None)
    [foreign] = lines_of(paid_with(fee=Money(100, "USD")))
    assert foreign.fee is None
    [row] = add_up([line])
    assert (row.fees, row.fees_unknown, row.net) == (0, 1, Money(735000, "ETB"))


@pytest.mark.parametrize("kind", ["refund", "reversal", "dispute", "dispute_won"])
def test_what_has_no_fee_of_its_own_leaves_none_unknown(kind: Any) -> None:
    [line] = lines_of(paid_with(fee=None))
    moved = replace(line, kind=kind, line_id=f"{line.tx_ref}.{kind}", gross=Money(-100, "ETB"))
    assert moved.net == moved.gross
    [row] = add_up([line, moved, moved])
    assert (row.fees_unknown, row.counts) == (1, {"payment": 1, kind: 2})


@pytest.mark.parametrize(
    ("zone", "day"), [(ADDIS, date(2027, 1, 3)), ("UTC", date(2027, 1, 2)), ("Pacific/Kiritimati", date(2027, 1, 3))]
)
def test_the_day_is_that_of_the_stage(zone: str, day: date) -> None:
    late = datetime(2027, 1, 2, 22, 30, tzinfo=UTC)
    [line] = lines_of(paid(opened(a_booking()), now=late, paid_at=None), zone)
    assert (line.at, line.day) == (late, day)


def test_a_payment_is_booked_when_the_gateway_says_that_it_was_made() -> None:
    said = LATER - timedelta(seconds=40)
    assert lines_of(paid_with(paid_at=said))[0].at == said


@pytest.mark.parametrize("said", [LATER + timedelta(seconds=1), NOW - timedelta(days=2)])
def test_a_time_that_cannot_be_is_not_believed(said: datetime) -> None:
    assert lines_of(paid_with(paid_at=said))[0].at == LATER


def test_money_that_went_back_another_way_is_not_the_gateways() -> None:
    booking = refund_owed(paid(opened(a_booking())), amount=Money(100000, "ETB"))
    refund_id = booking.refunds[0].refund_id
    booking = put_before_person(booking, refund_id, actor=Actor("sweep"), now=LATER, detail="refused")
    booking = resolve(booking, refund_id, as_="paid_otherwise", note="By hand.", actor=OPERATOR, now=LATER)
    _, line = lines_of(booking)
    assert (line.kind, line.gateway, line.refund_id) == ("refund", ELSEWHERE, refund_id)
    assert (line.gross, line.net, line.provider_reference) == (Money(-100000, "ETB"), Money(-100000, "ETB"), None)
    check_booking(booking)


def test_a_reversal_takes_all_back() -> None:
    booking = paid(opened(a_booking()))
    booking = verified(booking, "reversed", now=LATER + timedelta(hours=1))
    _, line = lines_of(booking)
    assert (line.kind, line.gross) == ("reversal", Money(-735000, "ETB"))
    assert money_moved(booking) == {"ETB": 0}


def test_what_moves_after_the_stay_counts_then() -> None:
    booking = paid(opened(a_booking()))
    after = booking.check_out_at + timedelta(days=40)
    booking = verified(booking, "reversed", now=after)
    payment, reversal = lines_of(booking)
    assert payment.counts_on == booking.stay.check_out
    assert reversal.counts_on == reversal.day > booking.stay.check_out


@given(lives())
def test_the_lines_of_any_life_add_up_to_its_booking(life: Life) -> None:
    booking = life.booking
    summed: dict[str, int] = {}
    for line in lines_of(booking):
        summed[line.gross.currency] = summed.get(line.gross.currency, 0) + line.gross.minor
    assert summed == money_moved(booking)


def test_rows_are_added_up_by_what_is_asked_for() -> None:
    line = lines_of(paid_with(fee=Money(18375, "ETB")))[0]
    rows = add_up([line, replace(line, line_id="2", day=line.day + timedelta(days=1))])
    assert [row.day for row in rows] == [line.day, line.day + timedelta(days=1)]
    [row] = merge(rows, by=frozenset({"gateway"}))
    assert (row.day, row.gateway, row.host_id, row.counts) == (None, "chapa", "", {"payment": 2})
    assert row.net == Money(2 * 716625, "ETB")


def test_totals_begin_a_day_after_the_end_of_the_stages_day() -> None:
    assert totals_begin(date(2027, 1, 14), ADDIS) == datetime(2027, 1, 15, 21, tzinfo=UTC)


# Disputes


def disputed(booking: Booking, minor: int, as_: CloseAs, *, number: int = 1) -> Booking:
    tx_ref = booking.payments[0].tx_ref
    booking = open_dispute(
        booking,
        tx_ref,
        amount=Money(minor, "ETB"),
        reason="fraud",
        due_at=None,
        note="Heard.",
        actor=OPERATOR,
        now=LATER,
    )
    return close(booking, f"{tx_ref}-D{number}", as_=as_, note="Told.", actor=OPERATOR, now=LATER)


def kinds(booking: Booking) -> list[tuple[str, int]]:
    return [(line.kind, line.gross.minor) for line in lines_of(booking)]


def test_a_dispute_that_is_lost_takes_its_amount() -> None:
    booking = disputed(paid(opened(a_booking())), 100000, "lost")
    assert kinds(booking)[1:] == [("dispute", -100000)]
    assert money_moved(booking) == {"ETB": 635000}
    check_booking(booking)


def test_a_dispute_that_is_won_moves_nothing() -> None:
    booking = disputed(paid(opened(a_booking())), 100000, "won")
    assert len(kinds(booking)) == 1
    check_booking(booking)


def test_disputes_that_take_all_are_booked_once_though_the_payment_is_reversed() -> None:
    booking = disputed(disputed(paid(opened(a_booking())), 100000, "lost"), 635000, "lost", number=2)
    assert booking.payments[0].reversal
    assert kinds(booking)[1:] == [("dispute", -100000), ("dispute", -635000)]
    assert money_moved(booking) == {"ETB": 0}
    check_booking(booking)


def test_money_that_was_reversed_first_comes_back_by_a_dispute_that_is_won() -> None:
    booking = verified(paid(opened(a_booking())), "reversed", now=LATER)
    assert kinds(disputed(booking, 735000, "lost"))[1:] == [("reversal", -735000)]
    won = disputed(booking, 735000, "won")
    assert kinds(won)[1:] == [("reversal", -735000), ("dispute_won", 735000)]
    assert money_moved(won) == {"ETB": 735000}
    check_booking(won)


@pytest.mark.parametrize("before", [timedelta(), timedelta(seconds=30), timedelta(hours=23)])
def test_a_gateway_whose_clock_is_behind_is_believed(before: timedelta) -> None:
    booking = paid_with(paid_at=NOW - before)
    [line] = lines_of(booking)
    assert line.at == NOW - before


@pytest.mark.parametrize("free_from", [date(2027, 1, 15), date(2027, 1, 16)])
def test_a_stay_that_ended_early_counts_on_the_day_that_was_booked(free_from: date) -> None:
    """Nothing that was agreed with the host comes sooner because her guest left."""
    booking = paid_with()
    ended = StayEnd(as_="left_early", at=NOW, free_from=free_from, last_night=None, refund=0)
    [line] = lines_of(replace(booking, ended=ended))
    assert line.counts_on == booking.stay.check_out
