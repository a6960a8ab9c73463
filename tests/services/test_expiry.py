"""The end of a hold: asked first, closed second, given back third; and money that comes later."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest

from chalicelib.domain.booking import Actor, Cause
from chalicelib.domain.errors import GatewayRejected, GatewayTimeout
from chalicelib.domain.listings.calendar import Night
from chalicelib.domain.money import Money
from chalicelib.services.ports.outcomes import VersionLost
from chalicelib.services.reconcile import reconcile
from tests.builders import NOW, a_stay, another_attempt
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, HOLD_ENDS, NIGHTS, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE, TWO = f"{FIRST}-1", f"{FIRST}-2"
MS = timedelta(milliseconds=1)
SILENCE = GatewayTimeout("silence", definitely_not_executed=False)
GRACE_ENDS = HOLD_ENDS + timedelta(hours=12)


def kinds(harness: Harness) -> list[str]:
    return [email.kind for email in harness.stored_booking(FIRST).letters]


# -- at the end of the hold


def test_the_gateway_is_asked_and_the_link_closed_before_the_nights_go(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.clock.move_to(HOLD_ENDS)
    harness.process_task(booking)
    assert ports.call_log.names() == [
        "bookings.load",
        "bookings.lease_verification",
        "gateway.verify",
        "gateway.cancel",
        "bookings.save",
        "queue.enqueue_outbox",
    ]
    booking = harness.stored_booking(FIRST)
    [payment] = booking.payments
    assert (booking.status, payment.status, payment.link_cancelled) == ("expired", "expired", True)
    assert kinds(harness) == ["hold_expired"]
    assert harness.units_taken == {}
    assert harness.free_holds() == 3
    # Money that was on its way may still come: it is watched for.
    assert payment.schedule.next_verify_at == HOLD_ENDS + timedelta(minutes=30)


def test_a_hold_lasts_to_its_last_moment(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.clock.move_to(HOLD_ENDS - MS)
    harness.process_task(booking)
    assert harness.stored_booking(FIRST).status == "pending_payment"
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    assert ports.call_log.count("gateway.cancel") == 0


def test_money_in_the_last_moment_confirms(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.clock.move_to(HOLD_ENDS)
    ports.gateway.pay(ONE)
    harness.process_task(booking)
    assert (harness.stored_booking(FIRST).status, kinds(harness)) == (
        "confirmed",
        ["booking_confirmed", "host_new_booking"],
    )
    assert harness.stored_booking(FIRST).confirmed_late_at is None
    assert ports.call_log.count("gateway.cancel") == 0


def test_an_opening_counts_as_an_open_payment(harness: Harness, ports: Fakes) -> None:
    """Nobody knows whether it was opened: the gateway is asked about it too."""
    ports.gateway.fail_next("initialize", SILENCE, done=True)
    harness.book()
    ports.gateway.pay(ONE)
    ports.clock.move_to(HOLD_ENDS)
    harness.process_task(harness.stored_booking(FIRST))
    assert harness.stored_booking(FIRST).status == "confirmed"


def test_a_payment_that_was_never_opened_does_not_hold_up_the_end(harness: Harness, ports: Fakes) -> None:
    ports.gateway.fail_next("initialize", SILENCE)
    harness.book()
    ports.clock.move_to(HOLD_ENDS)
    harness.process_task(harness.stored_booking(FIRST))
    assert (harness.stored_booking(FIRST).status, harness.stored_payment(ONE).status) == ("expired", "expired")
    harness.advance(hours=80)
    assert ports.call_log.count("gateway.cancel") == 0


@pytest.mark.parametrize("said", ["pending", "failed"])
def test_an_unpaid_payment_expires(harness: Harness, ports: Fakes, said: Literal["pending", "failed"]) -> None:
    booking = harness.held_booking()
    ports.gateway.set_status(ONE, said)
    ports.clock.move_to(HOLD_ENDS)
    harness.process_task(booking)
    assert harness.stored_booking(FIRST).status == "expired"


def test_a_booking_whose_attempts_all_failed_expires_unasked(harness: Harness, ports: Fakes) -> None:
    ports.gateway.fail_next("initialize", GatewayRejected("refused", definitely_not_executed=True))
    harness.book()
    harness.clear_logs()
    ports.clock.move_to(HOLD_ENDS)
    ports.gateway.down = SILENCE
    harness.process_task(harness.stored_booking(FIRST))
    assert harness.stored_booking(FIRST).status == "expired"


def test_any_door_may_find_the_hold_over(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.clock.move_to(HOLD_ENDS)
    done = reconcile(ports, booking.booking_id, tx_ref=ONE, actor=Actor("return"))
    assert done is not None
    assert done.booking.status == "expired"
    assert ports.call_log.count("gateway.verify") == 1


def test_a_payment_under_a_nudge_limit_is_asked_about_all_the_same(harness: Harness, ports: Fakes) -> None:
    """An expiry never rests on an older answer."""
    booking = harness.held_booking()
    ports.clock.move_to(HOLD_ENDS - timedelta(seconds=1))
    harness.process_task(booking, ONE)
    ports.gateway.pay(ONE)
    harness.clear_logs()
    ports.clock.move_to(HOLD_ENDS)
    reconcile(ports, FIRST, tx_ref=ONE, actor=Actor("callback"))
    assert ports.call_log.count("gateway.verify") == 1
    assert harness.stored_booking(FIRST).status == "confirmed"


def test_the_end_of_the_hold_waits_for_no_later_look(harness: Harness, ports: Fakes) -> None:
    """The gateway was silent a moment before, and would be asked again after the end."""
    booking = harness.held_booking()
    harness.advance(minutes=3)
    harness.clear_logs()
    ports.clock.move_to(HOLD_ENDS - timedelta(seconds=1))
    ports.gateway.fail_next("verify", SILENCE)
    harness.process_task(booking, ONE)
    again = harness.stored_payment(ONE).schedule.next_verify_at
    assert again is not None
    assert again > HOLD_ENDS
    ports.clock.move_to(HOLD_ENDS)
    harness.process_task(booking)
    assert ports.call_log.count("gateway.verify") == 2
    assert harness.stored_booking(FIRST).status == "expired"


def test_a_review_does_not_end_with_the_hold_unseen(harness: Harness, ports: Fakes) -> None:
    """Money is there; the nights go with the hold, and the person still sees it."""
    booking = harness.held_booking()
    ports.gateway.pay(ONE, amount=Money(1, "ETB"))
    harness.webhook(ONE)
    ports.clock.move_to(HOLD_ENDS)
    harness.process_task(booking)
    assert harness.stored_payment(ONE).status == "review"
    [entry] = ports.bookings.attention_entries(limit=9, after=None).items
    assert (entry.subject, entry.kind) == (FIRST, "payment_review")


# -- a link that cannot be closed


def test_a_link_that_was_paid_while_it_was_being_closed_confirms(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.clock.move_to(HOLD_ENDS)
    ports.run_before("gateway.cancel", lambda: ports.gateway.pay(ONE))
    harness.process_task(booking)
    assert ports.call_log.names("gateway") == ["gateway.verify", "gateway.cancel", "gateway.verify"]
    assert harness.stored_booking(FIRST).status == "confirmed"
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


def test_a_link_that_cannot_be_closed_is_asked_about_again(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.clock.move_to(HOLD_ENDS)
    ports.gateway.fail_next("cancel", SILENCE)
    harness.process_task(booking)
    assert ports.call_log.names("gateway") == ["gateway.verify", "gateway.cancel", "gateway.verify"]
    assert (harness.stored_booking(FIRST).status, harness.stored_payment(ONE).link_cancelled) == ("expired", False)
    # It is closed at the next look.
    harness.advance(minutes=31)
    assert harness.stored_payment(ONE).link_cancelled
    assert ports.gateway.charges[ONE].cancelled


def test_a_gateway_that_falls_silent_while_closing_keeps_the_nights(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.clock.move_to(HOLD_ENDS)

    def falls_silent() -> None:
        ports.gateway.down = SILENCE

    ports.run_before("gateway.cancel", falls_silent)
    harness.process_task(booking)
    assert harness.stored_booking(FIRST).status == "pending_payment"
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


def test_a_link_is_closed_once(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    harness.advance(hours=80)
    assert ports.call_log.count("gateway.cancel") == 0
    assert harness.due_at(harness.stored_booking(FIRST)) is None


# -- while the gateway is silent


def test_without_an_answer_the_nights_stay_held(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.gateway.down = SILENCE
    ports.clock.move_to(HOLD_ENDS)
    harness.process_task(booking)
    booking = harness.stored_booking(FIRST)
    assert (booking.status, booking.letters) == ("pending_payment", ())
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    assert booking.expiry_retry_at == booking.payments[0].schedule.next_verify_at
    assert HOLD_ENDS < booking.expiry_retry_at <= HOLD_ENDS + timedelta(minutes=30)  # type: ignore[operator]
    assert harness.due_at(booking) == booking.expiry_retry_at
    # Nobody can open or use a link any more.
    assert ports.call_log.count("gateway.initialize") == 0


def test_the_grace_is_twelve_hours_and_no_more(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.down = SILENCE
    ports.clock.move_to(HOLD_ENDS)
    harness.sweep_and_drain()
    harness.advance(hours=12, milliseconds=-1)
    assert harness.stored_booking(FIRST).status == "pending_payment"
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    asked = ports.call_log.count("gateway.verify")
    assert asked >= 24
    harness.advance(minutes=1)
    assert (harness.stored_booking(FIRST).status, harness.units_taken) == ("expired", {})
    [moved] = [event for event in harness.stored_booking(FIRST).history if event.kind == "booking_expired"]
    assert moved.at - GRACE_ENDS < timedelta(seconds=2)
    # An outage does not end the watching.
    assert harness.stored_payment(ONE).schedule.next_verify_at is not None
    ports.gateway.down = None
    harness.advance(hours=7)
    assert harness.stored_payment(ONE).link_cancelled


@pytest.mark.parametrize(("moment", "status"), [(-MS, "pending_payment"), (0 * MS, "expired")])
def test_the_grace_ends_at_its_very_end(harness: Harness, ports: Fakes, moment: timedelta, status: str) -> None:
    booking = harness.held_booking()
    ports.gateway.down = SILENCE
    ports.clock.move_to(GRACE_ENDS + moment)
    harness.process_task(booking)
    assert harness.stored_booking(FIRST).status == status


def test_in_the_grace_only_what_is_open_is_asked_about(harness: Harness, ports: Fakes) -> None:
    ports.gateway.fail_next("initialize", GatewayRejected("refused", definitely_not_executed=True))
    harness.book()
    harness.pay(harness.stored_booking(FIRST))
    ports.clock.move_to(HOLD_ENDS)
    ports.run_before("gateway.verify", raises(SILENCE), skip=1)
    harness.process_task(harness.stored_booking(FIRST))
    assert harness.stored_booking(FIRST).status == "pending_payment"
    harness.clear_logs()
    ports.clock.move(minutes=1)
    harness.process_task(harness.stored_booking(FIRST))
    assert harness.stored_booking(FIRST).status == "expired"
    assert [call.args[0] for call in ports.call_log.calls if call.name == "gateway.verify"] == [TWO]


def test_a_payment_that_was_not_asked_about_keeps_the_nights(harness: Harness, ports: Fakes) -> None:
    """Somebody whose clock is behind opens another one, while we are at the gateway about the first."""
    harness.held_booking()
    ports.clock.move_to(HOLD_ENDS)

    def slow_clock() -> None:
        booking = harness.stored_booking(FIRST)
        ports.bookings.save(booking, another_attempt(booking, now=HOLD_ENDS))

    ports.run_before("bookings.save", slow_clock)
    harness.process_task(harness.stored_booking(FIRST))
    booking = harness.stored_booking(FIRST)
    assert (booking.status, booking.expiry_retry_at) == ("pending_payment", HOLD_ENDS + timedelta(seconds=5))
    ports.gateway.charges[TWO] = replace(ports.gateway.charges[ONE], cancelled=False)
    ports.gateway.pay(TWO, tx_ref=TWO)
    harness.advance(minutes=1)
    assert harness.stored_booking(FIRST).status == "confirmed"


def test_an_answer_within_the_grace_ends_it(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    ports.gateway.down = SILENCE
    ports.clock.move_to(HOLD_ENDS)
    harness.advance(hours=3)
    ports.gateway.down = None
    ports.gateway.pay(ONE)
    harness.advance(hours=1)
    assert harness.stored_booking(FIRST).status == "confirmed"
    assert harness.stored_booking(FIRST).confirmed_late_at is None


def test_in_the_grace_the_gateway_is_not_hammered(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.gateway.down = SILENCE
    ports.clock.move_to(HOLD_ENDS)
    for _ in range(20):
        harness.process_task(booking)
    assert ports.call_log.count("gateway.verify") == 1


# -- late money


@pytest.mark.parametrize("cause", ["webhook", "callback", "verify", "sweep"])
def test_late_money_takes_free_nights_again(harness: Harness, ports: Fakes, cause: Cause) -> None:
    harness.expired_booking()
    ports.gateway.pay(ONE, on_its_way=True)
    ports.clock.move(hours=1)
    reconcile(ports, FIRST, tx_ref=ONE, actor=Actor(cause))
    booking = harness.stored_booking(FIRST)
    assert (booking.status, booking.confirmed_late_at) == ("confirmed", ports.clock.now())
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    assert kinds(harness) == ["hold_expired", "booking_confirmed", "host_new_booking"]
    assert ports.call_log.names("listings", "bookings") == [
        "bookings.load",
        "bookings.lease_verification",
        "listings.load",
        "bookings.save",
    ]


def late_and_owed(harness: Harness, *, reason: str = "place_gone") -> None:
    """Late money comes, and goes back: said, owed, and told."""
    ports = harness.ports
    before = harness.units_taken
    ports.gateway.pay(ONE, on_its_way=True)
    harness.webhook(ONE)
    booking = harness.stored_booking(FIRST)
    [payment] = booking.payments
    [refund] = payment.refunds
    assert (booking.status, payment.status, payment.accepted) == ("expired", "completed", False)
    assert (refund.amount, refund.reason, refund.status) == (Money(735000, "ETB"), reason, "owed")
    assert kinds(harness)[-1] == "money_returned"
    assert harness.units_taken == before
    assert harness.due_at(booking) == ports.clock.now()


def test_late_money_for_nights_that_were_sold_is_owed(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    harness.held_booking(key="other", guest=GUEST_DAWIT, stay=a_stay(units=4))
    late_and_owed(harness)


def test_late_money_for_the_last_night_sold_meanwhile_is_owed(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    rival = a_stay(NIGHTS[2], 1, units=4)
    ports.run_before("bookings.save", lambda: harness.book(key="other", guest=GUEST_DAWIT, stay=rival))
    late_and_owed_beside(harness, {NIGHTS[2]: 4})


def late_and_owed_beside(harness: Harness, taken: dict[object, int]) -> None:
    harness.ports.gateway.pay(ONE, on_its_way=True)
    harness.webhook(ONE)
    assert (harness.stored_booking(FIRST).status, harness.stored_payment(ONE).status) == ("expired", "completed")
    assert [refund.status for refund in harness.stored_payment(ONE).refunds] == ["owed"]
    assert harness.units_taken == taken


def test_late_money_for_a_closed_night_is_owed(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    ports.tables.nights[harness.listing.listing_id, NIGHTS[1]] = Night(NIGHTS[1], closed=True)
    late_and_owed(harness)


def test_late_money_for_a_closed_listing_is_owed(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    ports.tables.listings[harness.listing.listing_id] = replace(harness.listing, status="closed")
    late_and_owed(harness)


def test_late_money_for_a_listing_that_is_gone_is_owed(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    del ports.tables.listings[harness.listing.listing_id]
    late_and_owed(harness)


def test_late_money_for_a_listing_with_fewer_units_is_owed(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking(stay=a_stay(units=3))
    ports.tables.listings[harness.listing.listing_id] = replace(harness.listing, units=2)
    ports.gateway.pay(ONE, on_its_way=True)
    harness.webhook(ONE)
    assert (harness.stored_booking(FIRST).status, harness.units_taken) == ("expired", {})


def test_late_money_after_check_in_is_owed(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    # Two in the afternoon in Addis Ababa.
    ports.clock.move_to(NOW.replace(day=14, hour=11, minute=0, second=0))
    late_and_owed(harness)


def test_late_money_before_check_in_confirms(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    ports.clock.move_to(NOW.replace(day=14, hour=11, minute=0, second=0) - MS)
    ports.gateway.pay(ONE, on_its_way=True)
    harness.webhook(ONE)
    assert harness.stored_booking(FIRST).status == "confirmed"


def test_late_money_that_loses_a_race_is_decided_again(harness: Harness, ports: Fakes) -> None:
    harness.expired_booking()
    ports.gateway.pay(ONE, on_its_way=True)
    ports.run_before("bookings.save", raises(VersionLost()))
    harness.webhook(ONE)
    assert harness.stored_booking(FIRST).status == "confirmed"
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


# -- a second payment


def test_a_second_payment_is_owed_back(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=2))
    booking = harness.held_booking()
    ports.clock.move(minutes=61)
    harness.pay(booking)
    ports.gateway.pay(TWO)
    harness.webhook(TWO)
    ports.gateway.pay(ONE, on_its_way=True)
    harness.webhook(ONE)
    booking = harness.stored_booking(FIRST)
    assert booking.status == "confirmed"
    assert [(payment.status, payment.accepted) for payment in booking.payments] == [
        ("completed", False),
        ("completed", True),
    ]
    [refund] = booking.payments[0].refunds
    assert (refund.amount, refund.reason) == (Money(735000, "ETB"), "paid_twice")
    assert booking.payments[1].refunds == ()
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)


def test_other_links_are_closed_once_one_was_paid(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=2))
    booking = harness.held_booking()
    ports.clock.move(minutes=61)
    harness.pay(booking)
    # The first attempt's link was paid on after all.
    ports.gateway.pay(ONE)
    harness.webhook(ONE)
    assert [payment.status for payment in harness.stored_booking(FIRST).payments] == ["completed", "expired"]
    assert harness.due_at(booking) == ports.clock.now()
    assert FIRST in [task.booking_id for task in ports.queue.tasks]
    harness.sweep_and_drain()
    assert ports.gateway.charges[TWO].cancelled
    assert harness.stored_payment(TWO).link_cancelled
    assert ports.gateway.charges[ONE].cancelled is False
