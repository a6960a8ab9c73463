"""The process dies before, or after, any one call of a use case: what is due happens all the same.

`run_with_crashes` runs a use case once for each of its port calls, with a crash at another call each time; then
the guest repeats the request and the clock ticks, but no webhook comes again.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from chalicelib.domain.errors import GatewayTimeout
from chalicelib.services.cancel import cancel
from chalicelib.services.operators.attention import acknowledge
from chalicelib.services.reviews import review
from tests.call_log import Crash, raises
from tests.harness import GUEST_HANNA, HOLD_ENDS, NIGHTS, OPERATOR, Harness, booking_id_of

FIRST = booking_id_of("first")
ONE, TWO = f"{FIRST}-1", f"{FIRST}-2"

Part = Callable[[Harness], object]


def run_with_crashes(begin: Part, act: Part, go_on: Part, *, after: bool) -> int:
    """Run ``act`` with a crash at each of its port calls in turn; return how many calls that were."""
    for step in count():
        harness = Harness()
        begin(harness)
        harness.clear_logs()
        arm = harness.ports.run_after if after else harness.ports.run_before
        arm("*", raises(Crash()), skip=step)
        try:
            act(harness)
        except Crash:
            harness.ports.queue.tasks.clear()
            calls = harness.ports.call_log.names()
            try:
                go_on(harness)
                harness.check_invariants()
            except BaseException as failure:
                failure.add_note(f"the crash was {'after' if after else 'before'} the last of {calls}")
                raise
        else:
            harness.ports.call_log.disarm()
            return step
    raise AssertionError


everywhere = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])


def letters(harness: Harness) -> list[str]:
    return sorted(subject.partition(" ")[0] for subject in harness.ports.mailer.subjects)


@everywhere
def test_booking(after: bool) -> None:
    def guest_repeats_and_pays(harness: Harness) -> None:
        harness.ports.clock.move(seconds=30)
        booking = harness.book().booking
        [*_, payment] = booking.payments
        assert (booking.booking_id, payment.status) == (FIRST, "pending")
        assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
        harness.ports.gateway.pay(payment.tx_ref)
        harness.advance(hours=80)
        assert harness.stored_booking(FIRST).status == "confirmed"
        assert letters(harness) == ["booking_confirmed", "host_new_booking"]
        assert harness.ports.gateway.refunds == []

    assert (
        run_with_crashes(lambda harness: None, lambda harness: harness.book(), guest_repeats_and_pays, after=after) >= 7
    )


@everywhere
def test_booking_and_never_coming_back(after: bool) -> None:
    def nobody_cares(harness: Harness) -> None:
        harness.advance(hours=80)
        assert harness.units_taken == {}
        assert all(row.booking.status == "expired" for row in harness.ports.tables.bookings.values())
        assert all(row.due_at is None for row in harness.ports.tables.bookings.values())
        assert harness.free_holds() == 3
        # A link that we know of is closed.
        for row in harness.ports.tables.bookings.values():
            for payment in row.booking.payments:
                if payment.checkout_url:
                    assert harness.ports.gateway.charges[payment.tx_ref].cancelled

    run_with_crashes(lambda harness: None, lambda harness: harness.book(), nobody_cares, after=after)


@everywhere
def test_money(after: bool) -> None:
    """Chapa never sends the webhook again: the clock finds the money."""

    def paid(harness: Harness) -> None:
        harness.held_booking()
        harness.ports.gateway.pay(ONE)

    def clock_finds_it(harness: Harness) -> None:
        harness.advance(minutes=10)
        assert harness.stored_booking(FIRST).status == "confirmed"
        assert letters(harness) == ["booking_confirmed", "host_new_booking"]
        harness.advance(hours=80)
        assert harness.due_at(harness.stored_booking(FIRST)) is None
        assert harness.free_holds() == 3

    assert run_with_crashes(paid, lambda harness: harness.webhook(ONE), clock_finds_it, after=after) == 4


@everywhere
def test_the_end_of_a_hold(after: bool) -> None:
    def over(harness: Harness) -> None:
        harness.held_booking()
        harness.ports.clock.move_to(HOLD_ENDS)

    def clock_ends_it(harness: Harness) -> None:
        harness.advance(hours=13)
        assert (harness.stored_booking(FIRST).status, harness.units_taken) == ("expired", {})
        assert harness.ports.gateway.charges[ONE].cancelled
        assert letters(harness) == ["hold_expired"]
        assert harness.free_holds() == 3

    assert (
        run_with_crashes(
            over, lambda harness: harness.process_task(harness.stored_booking(FIRST)), clock_ends_it, after=after
        )
        == 6
    )


@everywhere
def test_late_money(after: bool) -> None:
    def late(harness: Harness) -> None:
        harness.expired_booking()
        harness.ports.gateway.pay(ONE, on_its_way=True)

    def clock_finds_it(harness: Harness) -> None:
        harness.advance(hours=1)
        assert (harness.stored_booking(FIRST).status, harness.units_taken) == ("confirmed", dict.fromkeys(NIGHTS, 1))

    assert run_with_crashes(late, lambda harness: harness.webhook(ONE), clock_finds_it, after=after) == 5


@everywhere
def test_paying_again(after: bool) -> None:
    def failed(harness: Harness) -> None:
        harness.ports.gateway.fail_next(
            "initialize", GatewayTimeout("silence", definitely_not_executed=False), done=True
        )
        harness.book()

    def guest_tries_again(harness: Harness) -> None:
        harness.ports.clock.move(seconds=30)
        paid = harness.pay(harness.stored_booking(FIRST))
        assert paid.payment.status == "pending"
        harness.ports.gateway.pay(paid.payment.tx_ref)
        harness.advance(hours=1)
        assert harness.stored_booking(FIRST).status == "confirmed"

    assert (
        run_with_crashes(
            failed, lambda harness: harness.pay(harness.stored_booking(FIRST)), guest_tries_again, after=after
        )
        >= 5
    )


@everywhere
def test_cancelling(after: bool) -> None:
    def guest_repeats(harness: Harness) -> None:
        cancel(harness.ports, GUEST_HANNA, FIRST, reason="")
        harness.advance(hours=2)
        [refund] = harness.stored_booking(FIRST).refunds
        assert refund.status == "processing"
        assert harness.ports.gateway.refunds == [(refund.refund_id, refund.amount, refund.reason)]
        assert harness.units_taken == {}
        assert letters(harness).count("booking_cancelled") == 1

    steps = run_with_crashes(
        lambda harness: harness.confirmed_booking(),
        lambda harness: cancel(harness.ports, GUEST_HANNA, FIRST, reason=""),
        guest_repeats,
        after=after,
    )
    assert steps >= 4


@everywhere
def test_giving_money_back(after: bool) -> None:
    """Posted at most once, wherever it dies; and if nobody can know, a person is asked."""

    def owed(harness: Harness) -> None:
        harness.confirmed_booking()
        cancel(harness.ports, GUEST_HANNA, FIRST, reason="")

    def clock_goes_on(harness: Harness) -> None:
        harness.advance(days=5)
        [refund] = harness.stored_booking(FIRST).refunds
        posted = harness.ports.gateway.refunds
        assert len(posted) <= 1
        assert refund.status in ("processing", "attention")
        if not posted:
            # Claimed, and never posted: nobody dares to post it again.
            assert refund.status == "attention"

    assert (
        run_with_crashes(
            owed, lambda harness: harness.process_task(harness.stored_booking(FIRST)), clock_goes_on, after=after
        )
        >= 5
    )


@everywhere
def test_a_crash_of_the_clock_itself(after: bool) -> None:
    def clock_goes_on(harness: Harness) -> None:
        harness.advance(minutes=1)
        assert harness.stored_booking(FIRST).payments[0].schedule.verified_at is not None

    def due(harness: Harness) -> None:
        harness.held_booking()
        harness.ports.clock.move(minutes=2)

    assert run_with_crashes(due, lambda harness: harness.sweep_and_drain(), clock_goes_on, after=after) == 8


@everywhere
def test_a_review_is_said_once_under_its_key(*, after: bool) -> None:
    def begin(harness: Harness) -> None:
        harness.confirmed_booking()
        harness.ports.clock.move(days=30)

    def say(harness: Harness) -> None:
        review(harness.ports, GUEST_HANNA, harness.listing.listing_id, FIRST, rating=5, text="Quiet.", key="k")

    def go_on(harness: Harness) -> None:
        say(harness)
        assert len(harness.ports.tables.reviews) == 1
        assert harness.ports.tables.listings[harness.listing.listing_id].rating_count == 1

    assert run_with_crashes(begin, say, go_on, after=after) >= 4


@everywhere
def test_a_key_that_is_shown_the_open_link(*, after: bool) -> None:
    def ask(harness: Harness) -> None:
        harness.pay(harness.stored_booking(FIRST), key="k")

    def go_on(harness: Harness) -> None:
        ask(harness)
        again = harness.pay(harness.stored_booking(FIRST), key="k")
        assert (again.payment.tx_ref, again.opened, again.replayed) == (ONE, False, True)

    assert run_with_crashes(lambda harness: harness.held_booking(), ask, go_on, after=after) >= 2


@everywhere
def test_what_an_operator_settles_is_settled_once(*, after: bool) -> None:
    def begin(harness: Harness) -> None:
        harness.confirmed_booking()
        harness.ports.gateway.set_status(ONE, "reversed")
        harness.webhook(ONE)

    def deal(harness: Harness) -> None:
        acknowledge(harness.ports, OPERATOR, f"payment_reversed.{ONE}", note="Seen to.")

    def go_on(harness: Harness) -> None:
        deal(harness)
        entries = [
            event.by for event in harness.stored_booking(FIRST).history if event.kind == "payment_reversed_acknowledged"
        ]
        assert entries == [OPERATOR.person_id]
        assert harness.ports.bookings.attention_entries(limit=9, after=None).items == ()

    assert run_with_crashes(begin, deal, go_on, after=after) >= 2
