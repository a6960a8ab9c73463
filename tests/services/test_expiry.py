"""The end of a hold: asked first, closed second, given back third; and money that comes later."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from chalicelib.domain.booking import Cause
from chalicelib.domain.calendar import Night
from chalicelib.domain.errors import GatewayRejected, GatewayTimeout
from chalicelib.domain.money import Money
from chalicelib.services.ports import VersionLost
from chalicelib.services.reconcile import reconcile
from tests.builders import NOW, a_stay, another_attempt
from tests.call_log import raises
from tests.fakes import Fakes
from tests.scenes import GUEST_DAWIT, HOLD_ENDS, NIGHTS, Scene, id_of

FIRST = id_of("first")
ONE, TWO = f"{FIRST}-1", f"{FIRST}-2"
MS = timedelta(milliseconds=1)
SILENCE = GatewayTimeout("silence", definitely_not_executed=False)
GRACE_ENDS = HOLD_ENDS + timedelta(hours=12)


def kinds(scene: Scene) -> list[str]:
    return [email.kind for email in scene.now(FIRST).emails]


# -- at the end of the hold


def test_the_gateway_is_asked_and_the_link_closed_before_the_nights_go(scene: Scene, ports: Fakes) -> None:
    booking = scene.booked()
    ports.clock.move_to(HOLD_ENDS)
    scene.work(booking)
    assert ports.call_log.names() == [
        "bookings.load",
        "gateway.verify",
        "gateway.cancel",
        "bookings.save",
        "bookings.give_back_slot",
        "queue.emails",
    ]
    booking = scene.now(FIRST)
    [payment] = booking.payments
    assert (booking.status, payment.status, payment.link_cancelled) == ("expired", "expired", True)
    assert kinds(scene) == ["hold_expired"]
    assert scene.taken == {}
    assert ports.bookings.free_slot(booking.guest_id, HOLD_ENDS) == 1
    # Money that was on its way may still come: it is watched for.
    assert payment.next_look_at == HOLD_ENDS + timedelta(minutes=30)


def test_a_hold_lasts_to_its_last_moment(scene: Scene, ports: Fakes) -> None:
    booking = scene.booked()
    ports.clock.move_to(HOLD_ENDS - MS)
    scene.work(booking)
    assert scene.now(FIRST).status == "pending_payment"
    assert scene.taken == dict.fromkeys(NIGHTS, 1)
    assert ports.call_log.count("gateway.cancel") == 0


def test_money_in_the_last_moment_confirms(scene: Scene, ports: Fakes) -> None:
    booking = scene.booked()
    ports.clock.move_to(HOLD_ENDS)
    ports.gateway.pay(ONE)
    scene.work(booking)
    assert (scene.now(FIRST).status, kinds(scene)) == ("confirmed", ["booking_confirmed", "host_new_booking"])
    assert scene.now(FIRST).confirmed_late_at is None
    assert ports.call_log.count("gateway.cancel") == 0


def test_an_opening_counts_as_an_open_payment(scene: Scene, ports: Fakes) -> None:
    """Nobody knows whether it was opened: the gateway is asked about it too."""
    ports.gateway.trouble("initialize", SILENCE, done=True)
    scene.book()
    ports.gateway.pay(ONE)
    ports.clock.move_to(HOLD_ENDS)
    scene.work(scene.now(FIRST))
    assert scene.now(FIRST).status == "confirmed"


def test_a_payment_that_was_never_opened_does_not_hold_up_the_end(scene: Scene, ports: Fakes) -> None:
    ports.gateway.trouble("initialize", SILENCE)
    scene.book()
    ports.clock.move_to(HOLD_ENDS)
    scene.work(scene.now(FIRST))
    assert (scene.now(FIRST).status, scene.payment(ONE).status) == ("expired", "expired")
    scene.run(hours=80)
    assert ports.call_log.count("gateway.cancel") == 0


@pytest.mark.parametrize("said", ["pending", "failed"])
def test_an_unpaid_payment_expires(scene: Scene, ports: Fakes, said: Literal["pending", "failed"]) -> None:
    booking = scene.booked()
    ports.gateway.settle(ONE, said)
    ports.clock.move_to(HOLD_ENDS)
    scene.work(booking)
    assert scene.now(FIRST).status == "expired"


def test_a_booking_whose_attempts_all_failed_expires_unasked(scene: Scene, ports: Fakes) -> None:
    ports.gateway.trouble("initialize", GatewayRejected("refused", definitely_not_executed=True))
    scene.book()
    scene.forget()
    ports.clock.move_to(HOLD_ENDS)
    ports.gateway.down = SILENCE
    scene.work(scene.now(FIRST))
    assert scene.now(FIRST).status == "expired"


def test_any_door_may_find_the_hold_over(scene: Scene, ports: Fakes) -> None:
    booking = scene.booked()
    ports.clock.move_to(HOLD_ENDS)
    done = reconcile(ports, booking.booking_id, named=ONE, cause="return")
    assert done is not None
    assert done.booking.status == "expired"
    assert ports.call_log.count("gateway.verify") == 1


def test_a_payment_under_a_nudge_limit_is_asked_about_all_the_same(scene: Scene, ports: Fakes) -> None:
    """An expiry never rests on an older answer."""
    booking = scene.booked()
    ports.clock.move_to(HOLD_ENDS - timedelta(seconds=1))
    scene.work(booking, ONE)
    ports.gateway.pay(ONE)
    scene.forget()
    ports.clock.move_to(HOLD_ENDS)
    reconcile(ports, FIRST, named=ONE, cause="callback")
    assert ports.call_log.count("gateway.verify") == 1
    assert scene.now(FIRST).status == "confirmed"


def test_the_end_of_the_hold_waits_for_no_later_look(scene: Scene, ports: Fakes) -> None:
    """The gateway was silent a moment before, and would be asked again after the end."""
    booking = scene.booked()
    scene.run(minutes=3)
    scene.forget()
    ports.clock.move_to(HOLD_ENDS - timedelta(seconds=1))
    ports.gateway.trouble("verify", SILENCE)
    scene.work(booking, ONE)
    again = scene.payment(ONE).next_look_at
    assert again is not None
    assert again > HOLD_ENDS
    ports.clock.move_to(HOLD_ENDS)
    scene.work(booking)
    assert ports.call_log.count("gateway.verify") == 2
    assert scene.now(FIRST).status == "expired"


def test_a_review_does_not_end_with_the_hold_unseen(scene: Scene, ports: Fakes) -> None:
    """Money is there; the nights go with the hold, and the person still sees it."""
    booking = scene.booked()
    ports.gateway.pay(ONE, amount=Money(1, "ETB"))
    scene.webhook(ONE)
    ports.clock.move_to(HOLD_ENDS)
    scene.work(booking)
    assert scene.payment(ONE).status == "review"
    [concern] = ports.bookings.concerns(limit=9, after=None).items
    assert (concern.subject, concern.kind) == (FIRST, "payment_review")


# -- a link that cannot be closed


def test_a_link_that_was_paid_while_it_was_being_closed_confirms(scene: Scene, ports: Fakes) -> None:
    booking = scene.booked()
    ports.clock.move_to(HOLD_ENDS)
    ports.run_before("gateway.cancel", lambda: ports.gateway.pay(ONE))
    scene.work(booking)
    assert ports.call_log.names("gateway") == ["gateway.verify", "gateway.cancel", "gateway.verify"]
    assert scene.now(FIRST).status == "confirmed"
    assert scene.taken == dict.fromkeys(NIGHTS, 1)


def test_a_link_that_cannot_be_closed_is_asked_about_again(scene: Scene, ports: Fakes) -> None:
    booking = scene.booked()
    ports.clock.move_to(HOLD_ENDS)
    ports.gateway.trouble("cancel", SILENCE)
    scene.work(booking)
    assert ports.call_log.names("gateway") == ["gateway.verify", "gateway.cancel", "gateway.verify"]
    assert (scene.now(FIRST).status, scene.payment(ONE).link_cancelled) == ("expired", False)
    # It is closed at the next look.
    scene.run(minutes=31)
    assert scene.payment(ONE).link_cancelled
    assert ports.gateway.charges[ONE].cancelled


def test_a_gateway_that_falls_silent_while_closing_keeps_the_nights(scene: Scene, ports: Fakes) -> None:
    booking = scene.booked()
    ports.clock.move_to(HOLD_ENDS)

    def falls_silent() -> None:
        ports.gateway.down = SILENCE

    ports.run_before("gateway.cancel", falls_silent)
    scene.work(booking)
    assert scene.now(FIRST).status == "pending_payment"
    assert scene.taken == dict.fromkeys(NIGHTS, 1)


def test_a_link_is_closed_once(scene: Scene, ports: Fakes) -> None:
    scene.expired()
    scene.run(hours=80)
    assert ports.call_log.count("gateway.cancel") == 0
    assert scene.due_at(scene.now(FIRST)) is None


# -- while the gateway is silent


def test_without_an_answer_the_nights_stay_held(scene: Scene, ports: Fakes) -> None:
    booking = scene.booked()
    ports.gateway.down = SILENCE
    ports.clock.move_to(HOLD_ENDS)
    scene.work(booking)
    booking = scene.now(FIRST)
    assert (booking.status, booking.emails) == ("pending_payment", ())
    assert scene.taken == dict.fromkeys(NIGHTS, 1)
    assert booking.expiry_retry_at == booking.payments[0].next_look_at
    assert HOLD_ENDS < booking.expiry_retry_at <= HOLD_ENDS + timedelta(minutes=30)  # type: ignore[operator]
    assert scene.due_at(booking) == booking.expiry_retry_at
    # Nobody can open or use a link any more.
    assert ports.call_log.count("gateway.initialize") == 0


def test_the_grace_is_twelve_hours_and_no_more(scene: Scene, ports: Fakes) -> None:
    scene.booked()
    ports.gateway.down = SILENCE
    ports.clock.move_to(HOLD_ENDS)
    scene.tick()
    scene.run(hours=12, milliseconds=-1)
    assert scene.now(FIRST).status == "pending_payment"
    assert scene.taken == dict.fromkeys(NIGHTS, 1)
    asked = ports.call_log.count("gateway.verify")
    assert asked >= 24
    scene.run(minutes=1)
    assert (scene.now(FIRST).status, scene.taken) == ("expired", {})
    [moved] = [event for event in scene.now(FIRST).history if event.kind == "booking_expired"]
    assert moved.at - GRACE_ENDS < timedelta(seconds=2)
    # An outage does not end the watching.
    assert scene.payment(ONE).next_look_at is not None
    ports.gateway.down = None
    scene.run(hours=7)
    assert scene.payment(ONE).link_cancelled


@pytest.mark.parametrize(("moment", "status"), [(-MS, "pending_payment"), (0 * MS, "expired")])
def test_the_grace_ends_at_its_very_end(scene: Scene, ports: Fakes, moment: timedelta, status: str) -> None:
    booking = scene.booked()
    ports.gateway.down = SILENCE
    ports.clock.move_to(GRACE_ENDS + moment)
    scene.work(booking)
    assert scene.now(FIRST).status == status


def test_in_the_grace_only_what_is_open_is_asked_about(scene: Scene, ports: Fakes) -> None:
    ports.gateway.trouble("initialize", GatewayRejected("refused", definitely_not_executed=True))
    scene.book()
    scene.pay(scene.now(FIRST))
    ports.clock.move_to(HOLD_ENDS)
    ports.run_before("gateway.verify", raises(SILENCE), skip=1)
    scene.work(scene.now(FIRST))
    assert scene.now(FIRST).status == "pending_payment"
    scene.forget()
    ports.clock.move(minutes=1)
    scene.work(scene.now(FIRST))
    assert scene.now(FIRST).status == "expired"
    assert [call.args[0] for call in ports.call_log.calls if call.name == "gateway.verify"] == [TWO]


def test_a_payment_that_was_not_asked_about_keeps_the_nights(scene: Scene, ports: Fakes) -> None:
    """Somebody whose clock is behind opens another one, while we are at the gateway about the first."""
    scene.booked()
    ports.clock.move_to(HOLD_ENDS)

    def slow_clock() -> None:
        booking = scene.now(FIRST)
        ports.bookings.save(booking, another_attempt(booking, now=HOLD_ENDS))

    ports.run_before("bookings.save", slow_clock)
    scene.work(scene.now(FIRST))
    booking = scene.now(FIRST)
    assert (booking.status, booking.expiry_retry_at) == ("pending_payment", HOLD_ENDS + timedelta(seconds=5))
    ports.gateway.charges[TWO] = replace(ports.gateway.charges[ONE], cancelled=False)
    ports.gateway.pay(TWO, tx_ref=TWO)
    scene.run(minutes=1)
    assert scene.now(FIRST).status == "confirmed"


def test_an_answer_within_the_grace_ends_it(scene: Scene, ports: Fakes) -> None:
    scene.booked()
    ports.gateway.down = SILENCE
    ports.clock.move_to(HOLD_ENDS)
    scene.run(hours=3)
    ports.gateway.down = None
    ports.gateway.pay(ONE)
    scene.run(hours=1)
    assert scene.now(FIRST).status == "confirmed"
    assert scene.now(FIRST).confirmed_late_at is None


def test_in_the_grace_the_gateway_is_not_hammered(scene: Scene, ports: Fakes) -> None:
    booking = scene.booked()
    ports.gateway.down = SILENCE
    ports.clock.move_to(HOLD_ENDS)
    for _ in range(20):
        scene.work(booking)
    assert ports.call_log.count("gateway.verify") == 1


# -- late money


@pytest.mark.parametrize("cause", ["webhook", "callback", "verify", "sweep"])
def test_late_money_takes_free_nights_again(scene: Scene, ports: Fakes, cause: Cause) -> None:
    scene.expired()
    ports.gateway.pay(ONE, on_its_way=True)
    ports.clock.move(hours=1)
    reconcile(ports, FIRST, named=ONE, cause=cause)
    booking = scene.now(FIRST)
    assert (booking.status, booking.confirmed_late_at) == ("confirmed", ports.clock.now())
    assert scene.taken == dict.fromkeys(NIGHTS, 1)
    assert kinds(scene) == ["hold_expired", "booking_confirmed", "host_new_booking"]
    assert ports.call_log.names("listings", "bookings") == ["bookings.load", "listings.load", "bookings.save"]


def late_and_owed(scene: Scene, *, reason: str = "place_gone") -> None:
    """Late money comes, and goes back: said, owed, and told."""
    ports = scene.ports
    before = scene.taken
    ports.gateway.pay(ONE, on_its_way=True)
    scene.webhook(ONE)
    booking = scene.now(FIRST)
    [payment] = booking.payments
    [refund] = payment.refunds
    assert (booking.status, payment.status, payment.accepted) == ("expired", "completed", False)
    assert (refund.amount, refund.reason, refund.status) == (Money(735000, "ETB"), reason, "owed")
    assert kinds(scene)[-1] == "money_returned"
    assert scene.taken == before
    assert scene.due_at(booking) == ports.clock.now()


def test_late_money_for_nights_that_were_sold_is_owed(scene: Scene, ports: Fakes) -> None:
    scene.expired()
    scene.booked(key="other", guest=GUEST_DAWIT, stay=a_stay(units=4))
    late_and_owed(scene)


def test_late_money_for_the_last_night_sold_meanwhile_is_owed(scene: Scene, ports: Fakes) -> None:
    scene.expired()
    rival = a_stay(NIGHTS[2], 1, units=4)
    ports.run_before("bookings.save", lambda: scene.book(key="other", guest=GUEST_DAWIT, stay=rival))
    late_and_owed_beside(scene, {NIGHTS[2]: 4})


def late_and_owed_beside(scene: Scene, taken: dict[object, int]) -> None:
    scene.ports.gateway.pay(ONE, on_its_way=True)
    scene.webhook(ONE)
    assert (scene.now(FIRST).status, scene.payment(ONE).status) == ("expired", "completed")
    assert [refund.status for refund in scene.payment(ONE).refunds] == ["owed"]
    assert scene.taken == taken


def test_late_money_for_a_closed_night_is_owed(scene: Scene, ports: Fakes) -> None:
    scene.expired()
    ports.tables.nights[scene.listing.listing_id, NIGHTS[1]] = Night(NIGHTS[1], closed=True)
    late_and_owed(scene)


def test_late_money_for_a_closed_listing_is_owed(scene: Scene, ports: Fakes) -> None:
    scene.expired()
    ports.tables.listings[scene.listing.listing_id] = replace(scene.listing, status="closed")
    late_and_owed(scene)


def test_late_money_for_a_listing_that_is_gone_is_owed(scene: Scene, ports: Fakes) -> None:
    scene.expired()
    del ports.tables.listings[scene.listing.listing_id]
    late_and_owed(scene)


def test_late_money_for_a_listing_with_fewer_units_is_owed(scene: Scene, ports: Fakes) -> None:
    scene.expired(stay=a_stay(units=3))
    ports.tables.listings[scene.listing.listing_id] = replace(scene.listing, units=2)
    ports.gateway.pay(ONE, on_its_way=True)
    scene.webhook(ONE)
    assert (scene.now(FIRST).status, scene.taken) == ("expired", {})


def test_late_money_after_check_in_is_owed(scene: Scene, ports: Fakes) -> None:
    scene.expired()
    # Two in the afternoon in Addis Ababa.
    ports.clock.move_to(NOW.replace(day=14, hour=11, minute=0, second=0))
    late_and_owed(scene)


def test_late_money_before_check_in_confirms(scene: Scene, ports: Fakes) -> None:
    scene.expired()
    ports.clock.move_to(NOW.replace(day=14, hour=11, minute=0, second=0) - MS)
    ports.gateway.pay(ONE, on_its_way=True)
    scene.webhook(ONE)
    assert scene.now(FIRST).status == "confirmed"


def test_late_money_that_loses_a_race_is_decided_again(scene: Scene, ports: Fakes) -> None:
    scene.expired()
    ports.gateway.pay(ONE, on_its_way=True)
    ports.run_before("bookings.save", raises(VersionLost()))
    scene.webhook(ONE)
    assert scene.now(FIRST).status == "confirmed"
    assert scene.taken == dict.fromkeys(NIGHTS, 1)


# -- a second payment


def test_a_second_payment_is_owed_back(scene: Scene, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=2))
    booking = scene.booked()
    ports.clock.move(minutes=61)
    scene.pay(booking)
    ports.gateway.pay(TWO)
    scene.webhook(TWO)
    ports.gateway.pay(ONE, on_its_way=True)
    scene.webhook(ONE)
    booking = scene.now(FIRST)
    assert booking.status == "confirmed"
    assert [(payment.status, payment.accepted) for payment in booking.payments] == [
        ("completed", False),
        ("completed", True),
    ]
    [refund] = booking.payments[0].refunds
    assert (refund.amount, refund.reason) == (Money(735000, "ETB"), "paid_twice")
    assert booking.payments[1].refunds == ()
    assert scene.taken == dict.fromkeys(NIGHTS, 1)


def test_other_links_are_closed_once_one_was_paid(scene: Scene, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=2))
    booking = scene.booked()
    ports.clock.move(minutes=61)
    scene.pay(booking)
    # The first attempt's link was paid on after all.
    ports.gateway.pay(ONE)
    scene.webhook(ONE)
    assert [payment.status for payment in scene.now(FIRST).payments] == ["completed", "expired"]
    assert scene.due_at(booking) == ports.clock.now()
    assert FIRST in [task.booking_id for task in ports.queue.tasks]
    scene.tick()
    assert ports.gateway.charges[TWO].cancelled
    assert scene.payment(TWO).link_cancelled
    assert ports.gateway.charges[ONE].cancelled is False
