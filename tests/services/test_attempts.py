"""A later attempt is a first one made later: all that is counted, is counted from its own beginning.

Each attempt here is opened at the same instant for a hold that ends at the same instant. Only what came before differs,
and that must not show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from chalicelib.domain.booking import Booking, Refund, get_refund
from chalicelib.domain.errors import BookingNotPayable, GatewayRejected, GatewayTimeout, GatewayUnreachable, InProgress
from chalicelib.domain.finance.business_days import business_days_later
from chalicelib.domain.money import Money
from chalicelib.services.deliver import deliver
from chalicelib.services.refunds import refund
from tests.builders import NOW
from tests.call_log import Crash, raises
from tests.harness import OPERATOR, PUBLIC, Harness, booking_id_of, resolve_refund
from tests.replacing import replace

FIRST = booking_id_of("first")
OPENED = NOW + timedelta(minutes=65)
HOLD_ENDS = NOW + timedelta(hours=24)
WINDOW = timedelta(minutes=60)
MS = timedelta(milliseconds=1)
REFUSAL = GatewayRejected("refused", definitely_not_executed=True)
SILENCE = GatewayTimeout("silence", definitely_not_executed=False)


@dataclass
class Attempt:
    """A payment that was opened at ``OPENED``, and all that is before it."""

    harness: Harness
    tx_ref: str

    @property
    def now(self) -> datetime:
        return self.harness.ports.clock.now()

    @property
    def booking(self) -> Booking:
        return self.harness.stored_booking(FIRST)

    @property
    def status(self) -> str:
        return self.harness.stored_payment(self.tx_ref).status

    def move_to(self, after: timedelta) -> None:
        self.harness.ports.clock.move_to(OPENED + after)

    def looks(self) -> list[timedelta]:
        """Note when the gateway is asked about it, from now on."""
        gateway, at = self.harness.ports.gateway, list[timedelta]()
        verify = gateway.verify

        def noted(tx_ref: str) -> Any:
            if tx_ref == self.tx_ref:
                at.append(self.now - OPENED)
            return verify(tx_ref)

        gateway.verify = noted  # type: ignore[method-assign]
        return at


def hold_from(harness: Harness, begins: datetime) -> None:
    harness.ports.clock.move_to(begins)
    harness.ports.rules = replace(harness.ports.rules, hold_for=HOLD_ENDS - begins)


def the_only(harness: Harness, open_it: Callable[[Harness], object]) -> str:
    hold_from(harness, OPENED)
    open_it(harness)
    return f"{FIRST}-1"


def after_refusals(count: int) -> Callable[..., str]:
    def made(harness: Harness, open_it: Callable[[Harness], object]) -> str:
        hold_from(harness, NOW)
        harness.ports.gateway.fail_next("initialize", REFUSAL, times=count)
        booking = harness.book().booking
        for minute in range(1, count):
            harness.ports.clock.move_to(NOW + timedelta(minutes=minute))
            with pytest.raises(GatewayRejected):
                harness.pay(booking)
        harness.ports.clock.move_to(OPENED)
        open_it(harness)
        return f"{FIRST}-{count + 1}"

    return made


def after_an_old_link(harness: Harness, open_it: Callable[[Harness], object]) -> str:
    hold_from(harness, NOW)
    harness.book()
    harness.ports.clock.move_to(OPENED)
    open_it(harness)
    return f"{FIRST}-2"


def after_a_failed_one(harness: Harness, open_it: Callable[[Harness], object]) -> str:
    hold_from(harness, NOW)
    harness.book()
    harness.ports.gateway.set_status(f"{FIRST}-1", "failed")
    harness.ports.clock.move_to(NOW + WINDOW)
    harness.webhook(f"{FIRST}-1", "charge.failed")
    assert harness.stored_payment(f"{FIRST}-1").status == "failed"
    harness.ports.clock.move_to(OPENED)
    open_it(harness)
    return f"{FIRST}-2"


MADE: dict[str, Callable[..., str]] = {
    "the only one": the_only,
    "after a refused one": after_refusals(1),
    "after three refused ones": after_refusals(3),
    "after an old link": after_an_old_link,
    "after a failed one": after_a_failed_one,
}


def open_it(harness: Harness, *, key: str | None = None) -> object:
    """The guest asks for a link: with the booking, whose key is not one of its payment, or for one that is there."""
    known = harness.ports.tables.bookings.get(FIRST)
    return harness.pay(known.booking, key=key) if known else harness.book()


@pytest.fixture(params=list(MADE))
def made(request: pytest.FixtureRequest) -> Callable[..., str]:
    return MADE[request.param]


@pytest.fixture
def attempt(harness: Harness, made: Callable[..., str]) -> Attempt:
    attempt = Attempt(harness, made(harness, open_it))
    assert (attempt.status, attempt.booking.hold_expires_at) == ("pending", HOLD_ENDS)
    harness.clear_logs()
    return attempt


def test_when_the_gateway_is_asked_about_it(attempt: Attempt) -> None:
    looks = attempt.looks()
    attempt.harness.advance(minutes=120)
    assert looks == [timedelta(minutes=minutes) for minutes in (2, 5, 15, 45, 75, 105)]
    attempt.harness.advance(hours=100)
    # For three days, and never again.
    assert looks[-1] == timedelta(hours=72)
    assert max(later - earlier for earlier, later in pairwise(looks)) <= timedelta(hours=6)


@pytest.mark.parametrize("minutes", [4, 12, 40, 200])
def test_when_the_gateway_is_asked_about_it_once_the_hold_is_over(
    made: Callable[..., str], minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.HOLD_ENDS", OPENED + timedelta(minutes=minutes))
    looks = []
    for each in (the_only, made):
        harness = Harness()
        attempt = Attempt(harness, each(harness, open_it))
        looks.append(attempt.looks())
        harness.advance(hours=73)
        assert (attempt.status, attempt.booking.status) == ("expired", "expired")
    assert looks[1] == looks[0]
    assert timedelta(minutes=minutes) in looks[0]
    assert looks[0][-1] == timedelta(hours=72)


@pytest.mark.parametrize(("age", "shown"), [(timedelta(0), True), (WINDOW - MS, True), (WINDOW, False)])
def test_how_long_its_link_is_shown(attempt: Attempt, age: timedelta, *, shown: bool) -> None:
    attempt.move_to(age)
    paid = attempt.harness.pay(attempt.booking, key="again")
    assert (paid.payment.tx_ref == attempt.tx_ref) is shown
    assert paid.opened is not shown
    repeated = attempt.harness.pay(attempt.booking, key="again")
    assert (repeated.payment.tx_ref, repeated.opened) == (paid.payment.tx_ref, paid.opened)
    assert repeated.replayed


@pytest.mark.parametrize(
    ("age", "status"), [(timedelta(minutes=5), "pending"), (WINDOW - MS, "pending"), (WINDOW, "failed")]
)
def test_when_a_failure_is_the_end_of_it(attempt: Attempt, age: timedelta, status: str) -> None:
    attempt.move_to(age)
    attempt.harness.ports.gateway.set_status(attempt.tx_ref, "failed")
    before = len(attempt.booking.letters)
    attempt.harness.webhook(attempt.tx_ref, "charge.failed")
    assert attempt.status == status
    letters = [(entry.kind, entry.about) for entry in attempt.booking.letters[before:]]
    assert letters == ([("payment_failed", attempt.tx_ref)] if status == "failed" else [])


@pytest.mark.parametrize("retried", [False, True])
def test_nobody_is_written_to_of_a_failure_that_was_tried_again(attempt: Attempt, *, retried: bool) -> None:
    harness = attempt.harness
    harness.sweep_and_drain()
    attempt.move_to(WINDOW)
    harness.ports.gateway.set_status(attempt.tx_ref, "failed")
    harness.webhook(attempt.tx_ref, "charge.failed")
    if retried:
        # It fails, too; but a guest is told of the attempt that is theirs now.
        harness.ports.gateway.fail_next("initialize", REFUSAL)
        with pytest.raises(GatewayRejected):
            harness.pay(attempt.booking)
    before = len(harness.ports.mailer.sent)
    deliver(harness.ports, FIRST)
    assert [message.text for message in harness.ports.mailer.sent[before:]] == [attempt.tx_ref] * (not retried)


def test_its_old_link_may_have_been_paid_on(attempt: Attempt) -> None:
    attempt.harness.ports.gateway.pay(attempt.tx_ref)
    attempt.move_to(WINDOW)
    with pytest.raises(BookingNotPayable):
        attempt.harness.pay(attempt.booking)
    assert (attempt.status, attempt.booking.status) == ("completed", "confirmed")


def test_its_link_is_closed_once_another_takes_its_place(attempt: Attempt) -> None:
    attempt.move_to(WINDOW)
    attempt.harness.pay(attempt.booking)
    attempt.harness.process_task(attempt.booking)
    charges = attempt.harness.ports.gateway.charges
    assert charges[attempt.tx_ref].cancelled
    assert not charges[attempt.booking.payments[-1].tx_ref].cancelled


@pytest.mark.parametrize(("before", "opens"), [(timedelta(minutes=2) + MS, True), (timedelta(minutes=2), False)])
def test_the_last_minutes_are_those_of_the_hold(attempt: Attempt, before: timedelta, *, opens: bool) -> None:
    attempt.harness.ports.clock.move_to(HOLD_ENDS - before)
    if opens:
        assert attempt.harness.pay(attempt.booking).opened
        return
    with pytest.raises(BookingNotPayable):
        attempt.harness.pay(attempt.booking)


# While it is being opened


@pytest.fixture
def lapsed(harness: Harness, made: Callable[..., str]) -> Attempt:
    """The process that was to open it is gone, before the gateway heard of it."""

    def crash(harness: Harness) -> object:
        harness.ports.run_before("gateway.initialize", raises(Crash()))
        with pytest.raises(Crash):
            open_it(harness, key="mine")
        return None

    attempt = Attempt(harness, made(harness, crash))
    assert attempt.status == "created"
    harness.clear_logs()
    return attempt


TAKEN_OVER: dict[str, Callable[[Attempt], object]] = {
    "by the clock": lambda lapsed: lapsed.harness.process_task(lapsed.booking),
    "by the guest": lambda lapsed: lapsed.harness.pay(lapsed.booking),
    "by a repeat of the booking": lambda lapsed: lapsed.harness.book(),
}


@pytest.mark.parametrize("how", list(TAKEN_OVER))
def test_an_opening_that_lapsed_is_taken_over_under_its_own_reference_and_key(lapsed: Attempt, how: str) -> None:
    lapsed.move_to(timedelta(seconds=25))
    TAKEN_OVER[how](lapsed)
    assert (lapsed.status, lapsed.booking.payments[-1].tx_ref) == ("pending", lapsed.tx_ref)
    again = lapsed.harness.pay(lapsed.booking, key="mine")
    own = len(lapsed.booking.payments) > 1
    assert (again.payment.tx_ref, again.opened, again.replayed) == (lapsed.tx_ref, own, own)


def test_until_then_nobody_else_opens_it(lapsed: Attempt) -> None:
    with pytest.raises(InProgress):
        lapsed.harness.pay(lapsed.booking)
    assert lapsed.now - OPENED == pytest.approx(timedelta(seconds=15), abs=timedelta(seconds=0.5))
    assert lapsed.harness.ports.call_log.names("gateway") == []


def test_the_key_of_the_call_that_opened_it_is_its_own(harness: Harness, made: Callable[..., str]) -> None:
    def twice(harness: Harness) -> object:
        if FIRST not in harness.ports.tables.bookings:
            harness.ports.gateway.fail_next("initialize", SILENCE)
            harness.book()
        else:
            harness.ports.gateway.fail_next("initialize", SILENCE)
            with pytest.raises(GatewayTimeout):
                harness.pay(harness.stored_booking(FIRST), key="earlier")
        # Its fate is not known, so the next call tries the same reference, which is now that call's.
        return harness.pay(harness.stored_booking(FIRST), key="later")

    tx_ref = made(harness, twice)
    again = harness.pay(harness.stored_booking(FIRST), key="later")
    assert (again.payment.tx_ref, again.opened, again.replayed) == (tx_ref, True, True)


def test_a_lost_reference_takes_its_key_along(harness: Harness, made: Callable[..., str]) -> None:
    def used(harness: Harness) -> object:
        if FIRST not in harness.ports.tables.bookings:
            # The booking's own call has no key for its payment.
            harness.ports.gateway.fail_next("initialize", REFUSAL)
            harness.book()
        booking = harness.stored_booking(FIRST)
        harness.ports.gateway.fail_next("initialize", SILENCE, done=True)
        with pytest.raises(GatewayTimeout):
            harness.pay(booking, key="mine")
        return harness.pay(booking, key="mine")

    made(harness, used)
    booking = harness.stored_booking(FIRST)
    again = harness.pay(booking, key="mine")
    assert again.payment == booking.payments[-1]
    assert (again.payment.status, again.opened, again.replayed) == ("pending", True, True)


# A refund that is posted again


R1 = f"{FIRST}-1-R1"


def owed(harness: Harness) -> Refund:
    harness.confirmed_booking()
    harness.advance(minutes=1)
    refund(harness.ports, OPERATOR, f"{FIRST}-1", amount=100, reason="kind", key="k")
    harness.clear_logs()
    return get_refund(harness.stored_booking(FIRST), R1)


def refused_before(harness: Harness) -> None:
    harness.ports.gateway.fail_next("refund", REFUSAL)


def went_and_came_back(harness: Harness) -> None:
    harness.process_task(harness.stored_booking(FIRST))
    harness.ports.gateway.reported_refund_status = "reversed"
    harness.advance(hours=2)


def long_unreachable(harness: Harness) -> None:
    down = GatewayUnreachable("down", definitely_not_executed=True)
    harness.ports.gateway.fail_next("refund", down, times=40)
    harness.ports.run_before("gateway.refund", raises(REFUSAL), skip=40)
    harness.advance(hours=30)


EARLIER: dict[str, Callable[[Harness], None] | None] = {
    "posted for the first time": None,
    "refused before": refused_before,
    "went and came back": went_and_came_back,
    "long unreachable": long_unreachable,
}


@pytest.fixture(params=list(EARLIER))
def due_refund(harness: Harness, request: pytest.FixtureRequest) -> Harness:
    """A refund that is to be posted now, and what came before."""
    owed(harness)
    if earlier := EARLIER[request.param]:
        earlier(harness)
        if get_refund(harness.stored_booking(FIRST), R1).status != "attention":
            harness.process_task(harness.stored_booking(FIRST))
        resolve_refund(harness.ports, OPERATOR, R1, as_="post_again", note="Seen at the gateway.")
    assert get_refund(harness.stored_booking(FIRST), R1).status == "owed"
    harness.ports.gateway.reported_refund_status = "unknown"
    harness.clear_logs()
    return harness


def test_when_a_refund_is_looked_up(due_refund: Harness) -> None:
    ports, at = due_refund.ports, list[timedelta]()
    due_refund.process_task(due_refund.stored_booking(FIRST))
    posted, status = ports.clock.now(), ports.gateway.refund_status

    def noted(provider_refund_id: str) -> Any:
        at.append(ports.clock.now() - posted)
        return status(provider_refund_id)

    ports.gateway.reported_refund_status = "processing"
    ports.gateway.refund_status = noted  # type: ignore[method-assign]
    due_refund.advance(hours=30)
    assert at == [timedelta(hours=hours) for hours in (1, 2, 3, 4, 5, 6, 12, 18, 24, 30)]


@pytest.mark.parametrize(("minutes", "status"), [(-6, "processing"), (6, "attention")])
def test_how_long_a_refund_may_be_silent(due_refund: Harness, minutes: int, status: str) -> None:
    """For the three business days in which the gateway says that money goes back."""
    posted = due_refund.ports.clock.now()
    due_refund.process_task(due_refund.stored_booking(FIRST))
    due_refund.advance(hours=(business_days_later(posted, 3) - posted) / timedelta(hours=1) + minutes / 60)
    assert get_refund(due_refund.stored_booking(FIRST), R1).status == status


def test_how_often_a_refund_is_put_off_before_a_person_is_asked(due_refund: Harness) -> None:
    ports = due_refund.ports
    ports.gateway.down = GatewayUnreachable("down", definitely_not_executed=True)
    due_refund.advance(hours=23)
    assert get_refund(due_refund.stored_booking(FIRST), R1).status == "owed"
    due_refund.advance(hours=2)
    assert get_refund(due_refund.stored_booking(FIRST), R1).status == "attention"
    # The gateway comes back, and nothing is posted: a person may have paid by hand meanwhile.
    ports.gateway.down = None
    due_refund.advance(hours=48)
    assert get_refund(due_refund.stored_booking(FIRST), R1).status == "attention"
    assert ports.call_log.count("gateway.refund") == 0


def test_what_was_said_of_an_earlier_post_says_nothing_of_this_one(due_refund: Harness) -> None:
    ports = due_refund.ports
    ports.gateway.fail_next("refund", SILENCE)
    due_refund.process_task(due_refund.stored_booking(FIRST))
    # Its own name was never heard, so nothing can be asked by one.
    ports.gateway.reported_refund_status = "refunded"
    due_refund.clear_logs()
    due_refund.advance(hours=3)
    assert ports.call_log.count("gateway.refund_status") == 0
    assert get_refund(due_refund.stored_booking(FIRST), R1).status == "requested"


def test_the_amount_of_an_attempt_is_the_price() -> None:
    harness = Harness()
    tx_ref = after_refusals(2)(harness, open_it)
    assert harness.ports.gateway.charges[tx_ref].opening.amount == Money(735_000, "ETB")
    assert harness.ports.gateway.charges[tx_ref].opening.return_url == f"{PUBLIC}/pay/{tx_ref}"
