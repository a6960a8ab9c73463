"""Opening a payment at the gateway: whatever it answers, and whoever comes back late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.booking import Actor, OpeningProblem
from chalicelib.domain.errors import (
    FieldError,
    GatewayBadAnswer,
    GatewayError,
    GatewayRejected,
    GatewayTimeout,
    GatewayUnreachable,
    ReferenceUsed,
)
from chalicelib.services.reconcile import reconcile
from tests.builders import NOW
from tests.call_log import Crash, raises
from tests.fakes import Fakes
from tests.harness import NIGHTS, Harness, booking_id_of

FIRST = booking_id_of("first")
ONE, TWO, THREE = (f"{FIRST}-{n}" for n in (1, 2, 3))

REASONS = (FieldError("contact.email", "The payment gateway does not accept this e-mail address."),)
KNOWN: list[GatewayError] = [
    GatewayRejected("refused", definitely_not_executed=True, errors=REASONS),
    GatewayBadAnswer("credentials", definitely_not_executed=True),
    GatewayUnreachable("too many", definitely_not_executed=True, retry_after=timedelta(seconds=30)),
    GatewayTimeout("no connection", definitely_not_executed=True),
]
UNKNOWN: list[GatewayError] = [
    GatewayBadAnswer("html", definitely_not_executed=False),
    GatewayUnreachable("reset", definitely_not_executed=False),
    GatewayTimeout("silence", definitely_not_executed=False),
]
USED = ReferenceUsed("used before", definitely_not_executed=True)


def problem_of(trouble: GatewayError) -> OpeningProblem:
    return OpeningProblem(trouble.code, trouble.detail, trouble.errors, trouble.retry_after)


def statuses(harness: Harness) -> list[str]:
    return [payment.status for payment in harness.stored_booking(FIRST).payments]


# -- what the gateway answers


@pytest.mark.parametrize("trouble", KNOWN, ids=lambda trouble: trouble.detail)
def test_a_payment_that_was_certainly_not_opened_has_failed(
    harness: Harness, ports: Fakes, trouble: GatewayError
) -> None:
    ports.gateway.fail_next("initialize", trouble)
    done = harness.book()
    assert not done.replayed
    assert done.booking == harness.stored_booking(FIRST)
    assert done.booking.status == "pending_payment"
    [payment] = done.booking.payments
    assert (payment.status, payment.checkout_url, payment.problem) == ("failed", None, problem_of(trouble))
    assert payment.opening is None
    assert harness.units_taken == dict.fromkeys(NIGHTS, 1)
    # The next call begins another attempt.
    paid = harness.pay(done.booking)
    assert (paid.opened, paid.payment.tx_ref, statuses(harness)) == (True, TWO, ["failed", "pending"])
    assert ports.call_log.count("gateway.initialize") == 2


@pytest.mark.parametrize("trouble", UNKNOWN, ids=lambda trouble: trouble.detail)
def test_a_payment_whose_fate_is_unknown_stays_created(harness: Harness, ports: Fakes, trouble: GatewayError) -> None:
    ports.gateway.fail_next("initialize", trouble)
    [payment] = harness.book().booking.payments
    assert (payment.status, payment.checkout_url, payment.problem) == ("created", None, problem_of(trouble))
    assert payment.opening is None
    assert payment.schedule.next_verify_at is not None
    # The next call tries the very same reference again.
    paid = harness.pay(harness.stored_booking(FIRST))
    assert (paid.opened, paid.payment.tx_ref, statuses(harness)) == (True, ONE, ["pending"])
    assert paid.payment.problem is None
    assert [call.args[0].tx_ref for call in ports.call_log.calls if call.name == "gateway.initialize"] == [ONE, ONE]


@pytest.mark.parametrize("trouble", UNKNOWN, ids=lambda trouble: trouble.detail)
def test_a_link_that_was_lost_is_replaced(harness: Harness, ports: Fakes, trouble: GatewayError) -> None:
    """The gateway opened it, but we never heard the link: the reference is burnt, and watched."""
    ports.gateway.fail_next("initialize", trouble, done=True)
    harness.book()
    assert statuses(harness) == ["created"]
    paid = harness.pay(harness.stored_booking(FIRST))
    assert (paid.opened, paid.payment.tx_ref, statuses(harness)) == (True, TWO, ["expired", "pending"])
    assert [call.args[0].tx_ref for call in ports.call_log.calls if call.name == "gateway.initialize"] == [
        ONE,
        ONE,
        TWO,
    ]
    lost = harness.stored_payment(ONE)
    assert lost.schedule.next_verify_at is not None
    assert lost.checkout_url is None


def test_money_on_a_lost_link_still_counts(harness: Harness, ports: Fakes) -> None:
    ports.gateway.fail_next("initialize", UNKNOWN[0], done=True)
    harness.book()
    harness.pay(harness.stored_booking(FIRST))
    ports.gateway.pay(ONE)
    harness.webhook(ONE)
    assert harness.stored_booking(FIRST).status == "confirmed"
    assert statuses(harness) == ["completed", "expired"]


def test_a_call_gives_up_one_reference_at_most(harness: Harness, ports: Fakes) -> None:
    ports.gateway.fail_next("initialize", USED, times=2)
    booking = harness.book().booking
    assert statuses(harness) == ["expired", "created"]
    assert booking.payments[-1].problem == OpeningProblem("gateway_bad_answer", USED.detail)
    assert ports.call_log.count("gateway.initialize") == 2
    assert harness.pay(booking).payment.tx_ref == TWO
    assert statuses(harness) == ["expired", "pending"]


def test_a_gateway_that_calls_every_reference_used_costs_one_a_call(harness: Harness, ports: Fakes) -> None:
    ports.gateway.fail_next("initialize", USED, times=6)
    booking = harness.book().booking
    for calls in (2, 3):
        with pytest.raises(GatewayBadAnswer):
            harness.pay(booking)
        assert statuses(harness) == [*["expired"] * calls, "created"]
    assert harness.pay(booking).payment.status == "pending"


def test_a_used_reference_is_not_replaced_when_no_more_may_be_opened(harness: Harness, ports: Fakes) -> None:
    ports.run_before("gateway.initialize", lambda: ports.clock.move(minutes=28))
    ports.gateway.fail_next("initialize", USED)
    harness.book()
    assert statuses(harness) == ["expired"]
    assert ports.call_log.count("gateway.initialize") == 1


# -- whoever comes back late


def test_an_owner_who_comes_back_to_an_expired_booking_cancels_the_link(harness: Harness, ports: Fakes) -> None:
    def hold_ends() -> None:
        ports.clock.move(minutes=30)
        harness.process_task(harness.stored_booking(FIRST))
        assert harness.stored_booking(FIRST).status == "expired"

    ports.run_after("gateway.initialize", hold_ends)
    done = harness.book()
    assert done.booking == harness.stored_booking(FIRST)
    assert done.booking.status == "expired"
    assert done.booking.payments[0].checkout_url is None
    assert ports.gateway.charges[ONE].cancelled
    assert harness.units_taken == {}


def test_an_owner_whose_link_cannot_be_cancelled_keeps_it_to_himself(harness: Harness, ports: Fakes) -> None:
    def hold_ends() -> None:
        ports.clock.move(minutes=30)
        harness.process_task(harness.stored_booking(FIRST))
        ports.gateway.down = GatewayTimeout("silence", definitely_not_executed=False)

    ports.run_after("gateway.initialize", hold_ends)
    done = harness.book()
    assert done.booking.payments[0].checkout_url is None
    assert ports.observe.of("link_not_cancelled") == [{"level": "warning", "tx_ref": ONE, "code": "gateway_timeout"}]


def test_an_owner_who_was_given_up_cancels_his_own_link_only(harness: Harness, ports: Fakes) -> None:
    def another_takes_over() -> None:
        ports.clock.move(seconds=25)
        assert harness.pay(harness.stored_booking(FIRST)).payment.tx_ref == TWO

    ports.run_after("gateway.initialize", another_takes_over)
    done = harness.book()
    assert statuses(harness) == ["expired", "pending"]
    assert ports.gateway.charges[ONE].cancelled
    assert not ports.gateway.charges[TWO].cancelled
    assert done.booking.payments[-1].checkout_url == ports.gateway.charges[TWO].url


def test_an_owner_given_up_before_he_asked_leaves_the_others_link_alone(harness: Harness, ports: Fakes) -> None:
    def another_takes_over() -> None:
        ports.clock.move(seconds=25)
        assert harness.pay(harness.stored_booking(FIRST)).payment.tx_ref == ONE

    ports.run_before("gateway.initialize", another_takes_over)
    done = harness.book()
    assert statuses(harness) == ["pending"]
    assert not ports.gateway.charges[ONE].cancelled
    assert done.booking.payments[0].checkout_url == ports.gateway.charges[ONE].url
    assert ports.call_log.count("gateway.initialize") == 2


@pytest.mark.parametrize("trouble", [*KNOWN, *UNKNOWN], ids=lambda trouble: trouble.detail)
def test_a_late_trouble_changes_nothing_that_others_did(harness: Harness, ports: Fakes, trouble: GatewayError) -> None:
    def another_takes_over() -> None:
        ports.clock.move(seconds=25)
        harness.pay(harness.stored_booking(FIRST))
        raise trouble

    ports.run_before("gateway.initialize", another_takes_over)
    done = harness.book()
    assert done.booking == harness.stored_booking(FIRST)
    [payment] = done.booking.payments
    assert (payment.status, payment.problem) == ("pending", None)


def another_is_at_it(harness: Harness) -> None:
    """The first owner's lease is over; another has it, and is at the gateway, which has not answered yet."""
    harness.ports.clock.move(seconds=25)
    harness.ports.run_before("gateway.initialize", raises(Crash()))
    with pytest.raises(Crash):
        harness.pay(harness.stored_booking(FIRST))


@pytest.mark.parametrize("trouble", [*KNOWN, *UNKNOWN, USED], ids=lambda trouble: trouble.detail)
def test_a_late_trouble_leaves_the_lease_of_another_alone(
    harness: Harness, ports: Fakes, trouble: GatewayError
) -> None:
    def late() -> None:
        another_is_at_it(harness)
        raise trouble

    ports.run_before("gateway.initialize", late)
    harness.book()
    [payment] = harness.stored_booking(FIRST).payments
    assert payment.is_opening(ports.clock.now())
    assert (payment.is_opened_by("token-0000000002"), payment.problem) == (True, None)
    # Once he, once the other: what another holds he does not open.
    assert ports.call_log.count("gateway.initialize") == 2


def test_a_late_link_leaves_the_lease_of_another_alone(harness: Harness, ports: Fakes) -> None:
    """The other hears that the reference was used, and closes it: two links of one reference are never shown."""
    ports.run_after("gateway.initialize", lambda: another_is_at_it(harness))
    harness.book()
    [payment] = harness.stored_booking(FIRST).payments
    assert payment.is_opening(ports.clock.now())
    assert payment.checkout_url is None
    assert ports.gateway.charges[ONE].cancelled


def test_a_late_trouble_never_touches_money(harness: Harness, ports: Fakes) -> None:
    def paid_meanwhile() -> None:
        ports.gateway.pay(ONE)
        harness.webhook(ONE)
        raise GatewayTimeout("silence", definitely_not_executed=False)

    ports.run_after("gateway.initialize", paid_meanwhile)
    done = harness.book()
    assert (done.booking.status, statuses(harness)) == ("confirmed", ["completed"])
    assert not ports.gateway.charges[ONE].cancelled


def test_a_link_of_a_booking_that_was_paid_meanwhile_is_not_shown(harness: Harness, ports: Fakes) -> None:
    def paid_meanwhile() -> None:
        ports.gateway.pay(ONE)
        harness.webhook(ONE)

    ports.run_after("gateway.initialize", paid_meanwhile)
    done = harness.book()
    assert (done.booking.status, done.booking.payments[0].checkout_url) == ("confirmed", None)


# -- saving what came of it


def test_a_save_whose_answer_was_lost_keeps_the_link(harness: Harness, ports: Fakes) -> None:
    ports.run_before("bookings.save", lambda: ports.bookings.save(*ports.call_log.calls[-1].args))
    done = harness.book()
    assert done.booking.payments[0].checkout_url == ports.gateway.charges[ONE].url
    assert ports.call_log.count("gateway.cancel") == 0


def test_a_lost_race_is_decided_again_without_asking_again(harness: Harness, ports: Fakes) -> None:
    ports.run_before("bookings.save", lambda: reconcile(ports, FIRST, tx_ref=ONE, actor=Actor("verify")))
    done = harness.book()
    assert done.booking.payments[0].checkout_url == ports.gateway.charges[ONE].url
    assert done.booking.payments[0].schedule.verified_at == NOW
    assert ports.call_log.count("gateway.initialize") == 1


def test_an_opening_lost_in_a_crash_is_resumed_by_the_clock(harness: Harness, ports: Fakes) -> None:
    ports.run_before("gateway.initialize", raises(Crash()))
    with pytest.raises(Crash):
        harness.book()
    harness.advance(minutes=2)
    assert statuses(harness) == ["pending"]
    assert harness.stored_booking(FIRST).payments[0].checkout_url == ports.gateway.charges[ONE].url


def test_a_link_lost_in_a_crash_is_replaced_by_the_clock(harness: Harness, ports: Fakes) -> None:
    ports.run_after("gateway.initialize", raises(Crash()))
    with pytest.raises(Crash):
        harness.book()
    harness.advance(minutes=2)
    assert statuses(harness) == ["expired", "pending"]
    assert [event.cause for event in harness.stored_booking(FIRST).history] == [
        "guest",
        "guest",
        "sweep",
        "sweep",
        "sweep",
    ]
