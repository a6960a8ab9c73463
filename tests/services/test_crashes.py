"""The process dies before, or after, any one call of a use case: what is due happens all the same.

Each story is told as often as its first act has calls, with a crash at another one each time; then the world goes
on as it does: the guest repeats, the clock ticks, webhooks do not come again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest

from chalicelib.domain.errors import GatewayTimeout, Refusal
from chalicelib.services.cancel import cancel
from chalicelib.services.operators.attention import settle
from chalicelib.services.reviews import review
from tests.builders import GUEST
from tests.call_log import Crash, raises
from tests.scenes import GUEST_HANNA, HOLD_ENDS, NIGHTS, OPERATOR, Scene, id_of

FIRST = id_of("first")
ONE, TWO = f"{FIRST}-1", f"{FIRST}-2"

Part = Callable[[Scene], object]


def tell(begin: Part, act: Part, go_on: Part, *, after: bool) -> int:
    """Tell the story with a crash at each call of ``act``; answers how many calls that were."""
    for step in count():
        scene = Scene()
        begin(scene)
        scene.forget()
        arm = scene.ports.run_after if after else scene.ports.run_before
        arm("*", raises(Crash()), skip=step)
        try:
            act(scene)
        except Crash:
            scene.ports.queue.tasks.clear()
            calls = scene.ports.call_log.names()
            try:
                go_on(scene)
                scene.check()
            except BaseException as failure:
                failure.add_note(f"the crash was {'after' if after else 'before'} the last of {calls}")
                raise
        else:
            scene.ports.call_log.disarm()
            return step
    raise AssertionError


everywhere = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])


def letters(scene: Scene) -> list[str]:
    return sorted(subject.partition(" ")[0] for subject in scene.ports.mailer.subjects)


@everywhere
def test_booking(after: bool) -> None:
    def guest_repeats_and_pays(scene: Scene) -> None:
        scene.ports.clock.move(seconds=30)
        booking = scene.book().booking
        [*_, payment] = booking.payments
        assert (booking.booking_id, payment.status) == (FIRST, "pending")
        assert scene.taken == dict.fromkeys(NIGHTS, 1)
        scene.ports.gateway.pay(payment.tx_ref)
        scene.run(hours=80)
        assert scene.now(FIRST).status == "confirmed"
        assert letters(scene) == ["booking_confirmed", "host_new_booking"]
        assert scene.ports.gateway.refunds == []

    assert tell(lambda scene: None, lambda scene: scene.book(), guest_repeats_and_pays, after=after) >= 8


@everywhere
def test_booking_and_never_coming_back(after: bool) -> None:
    def nobody_cares(scene: Scene) -> None:
        scene.run(hours=80)
        assert scene.taken == {}
        assert all(row.booking.status == "expired" for row in scene.ports.tables.bookings.values())
        assert all(row.due_at is None for row in scene.ports.tables.bookings.values())
        assert scene.ports.bookings.free_slot(GUEST, scene.ports.clock.now()) == 1
        # A link that we know of is closed.
        for row in scene.ports.tables.bookings.values():
            for payment in row.booking.payments:
                if payment.checkout_url:
                    assert scene.ports.gateway.charges[payment.tx_ref].cancelled

    tell(lambda scene: None, lambda scene: scene.book(), nobody_cares, after=after)


@everywhere
def test_money(after: bool) -> None:
    """Chapa never sends the webhook again: the clock finds the money."""

    def paid(scene: Scene) -> None:
        scene.booked()
        scene.ports.gateway.pay(ONE)

    def clock_finds_it(scene: Scene) -> None:
        scene.run(minutes=10)
        assert scene.now(FIRST).status == "confirmed"
        assert letters(scene) == ["booking_confirmed", "host_new_booking"]
        scene.run(hours=80)
        assert scene.due_at(scene.now(FIRST)) is None
        assert scene.ports.bookings.free_slot(GUEST, scene.ports.clock.now()) == 1

    assert tell(paid, lambda scene: scene.webhook(ONE), clock_finds_it, after=after) == 5


@everywhere
def test_the_end_of_a_hold(after: bool) -> None:
    def over(scene: Scene) -> None:
        scene.booked()
        scene.ports.clock.move_to(HOLD_ENDS)

    def clock_ends_it(scene: Scene) -> None:
        scene.run(hours=13)
        assert (scene.now(FIRST).status, scene.taken) == ("expired", {})
        assert scene.ports.gateway.charges[ONE].cancelled
        assert letters(scene) == ["hold_expired"]
        assert scene.ports.bookings.free_slot(GUEST, scene.ports.clock.now()) == 1

    assert tell(over, lambda scene: scene.work(scene.now(FIRST)), clock_ends_it, after=after) == 6


@everywhere
def test_late_money(after: bool) -> None:
    def late(scene: Scene) -> None:
        scene.expired()
        scene.ports.gateway.pay(ONE, on_its_way=True)

    def clock_finds_it(scene: Scene) -> None:
        scene.run(hours=1)
        assert (scene.now(FIRST).status, scene.taken) == ("confirmed", dict.fromkeys(NIGHTS, 1))

    assert tell(late, lambda scene: scene.webhook(ONE), clock_finds_it, after=after) == 5


@everywhere
def test_paying_again(after: bool) -> None:
    def failed(scene: Scene) -> None:
        scene.ports.gateway.trouble("initialize", GatewayTimeout("silence", definitely_not_executed=False), done=True)
        scene.book()

    def guest_tries_again(scene: Scene) -> None:
        scene.ports.clock.move(seconds=30)
        paid = scene.pay(scene.now(FIRST))
        assert paid.payment.status == "pending"
        scene.ports.gateway.pay(paid.payment.tx_ref)
        scene.run(hours=1)
        assert scene.now(FIRST).status == "confirmed"

    assert tell(failed, lambda scene: scene.pay(scene.now(FIRST)), guest_tries_again, after=after) >= 5


@everywhere
def test_cancelling(after: bool) -> None:
    def guest_repeats(scene: Scene) -> None:
        cancel(scene.ports, GUEST_HANNA, FIRST, reason="")
        scene.run(hours=2)
        [refund] = scene.now(FIRST).refunds
        assert refund.status == "processing"
        assert scene.ports.gateway.refunds == [(refund.refund_id, refund.amount, refund.reason)]
        assert scene.taken == {}
        assert letters(scene).count("booking_cancelled") == 1

    steps = tell(
        lambda scene: scene.confirmed(),
        lambda scene: cancel(scene.ports, GUEST_HANNA, FIRST, reason=""),
        guest_repeats,
        after=after,
    )
    assert steps >= 4


@everywhere
def test_giving_money_back(after: bool) -> None:
    """Posted at most once, wherever it dies; and if nobody can know, a person is asked."""

    def owed(scene: Scene) -> None:
        scene.confirmed()
        cancel(scene.ports, GUEST_HANNA, FIRST, reason="")

    def clock_goes_on(scene: Scene) -> None:
        scene.run(hours=30)
        [refund] = scene.now(FIRST).refunds
        posted = scene.ports.gateway.refunds
        assert len(posted) <= 1
        assert refund.status in ("processing", "attention")
        if not posted:
            # Claimed, and never posted: nobody dares to post it again.
            assert refund.status == "attention"

    assert tell(owed, lambda scene: scene.work(scene.now(FIRST)), clock_goes_on, after=after) >= 5


@everywhere
def test_a_crash_of_the_clock_itself(after: bool) -> None:
    def clock_goes_on(scene: Scene) -> None:
        scene.run(minutes=1)
        assert scene.now(FIRST).payments[0].looked_at is not None

    def due(scene: Scene) -> None:
        scene.booked()
        scene.ports.clock.move(minutes=2)

    assert tell(due, lambda scene: scene.tick(), clock_goes_on, after=after) == 6


def test_a_slot_lost_in_a_crash_frees_itself() -> None:
    scene = Scene()
    scene.booked()
    scene.ports.gateway.pay(ONE)
    scene.ports.run_before("bookings.give_back_slot", raises(Crash()))
    with suppress(Crash, Refusal):
        scene.webhook(ONE)
    frees = HOLD_ENDS + timedelta(hours=12)
    assert scene.ports.bookings.free_slot(GUEST, frees) == 2
    assert scene.ports.bookings.free_slot(GUEST, frees + timedelta(milliseconds=1)) == 1


@everywhere
def test_a_review_is_said_once_under_its_key(*, after: bool) -> None:
    def begin(scene: Scene) -> None:
        scene.confirmed()
        scene.ports.clock.move(days=30)

    def say(scene: Scene) -> None:
        review(scene.ports, GUEST_HANNA, scene.listing.listing_id, FIRST, rating=5, text="Quiet.", key="k")

    def go_on(scene: Scene) -> None:
        say(scene)
        assert len(scene.ports.tables.reviews) == 1
        assert scene.ports.tables.listings[scene.listing.listing_id].rating_count == 1

    assert tell(begin, say, go_on, after=after) >= 4


@everywhere
def test_a_key_that_is_shown_the_open_link(*, after: bool) -> None:
    def ask(scene: Scene) -> None:
        scene.pay(scene.now(FIRST), key="k")

    def go_on(scene: Scene) -> None:
        ask(scene)
        again = scene.pay(scene.now(FIRST), key="k")
        assert (again.payment.tx_ref, again.opened, again.replayed) == (ONE, False, True)

    assert tell(lambda scene: scene.booked(), ask, go_on, after=after) >= 2


@everywhere
def test_what_an_operator_settles_is_settled_once(*, after: bool) -> None:
    def begin(scene: Scene) -> None:
        scene.confirmed()
        scene.ports.gateway.settle(ONE, "reversed")
        scene.webhook(ONE)

    def deal(scene: Scene) -> None:
        settle(scene.ports, OPERATOR, f"payment_reversed.{ONE}", note="Seen to.")

    def go_on(scene: Scene) -> None:
        deal(scene)
        entries = [event.by for event in scene.now(FIRST).history if event.kind == "payment_reversed_settled"]
        assert entries == [OPERATOR.person_id]
        assert scene.ports.bookings.concerns(limit=9, after=None).items == ()

    assert tell(begin, deal, go_on, after=after) >= 2
