"""Which letters are about a booking for which no money came: few of those go to any address in a day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.money import Money
from chalicelib.domain.people.limits import Limits
from chalicelib.services.cancel import cancel
from chalicelib.services.operators import lists as operators
from chalicelib.services.refunds import refund
from tests.fakes import Fakes
from tests.harness import GUEST_DAWIT, GUEST_HANNA, HOST_ABEBE, OPERATOR, Harness, booking_id_of
from tests.replacing import replace

FIRST = booking_id_of("first")
ONE = f"{FIRST}-1"


def ran_out(harness: Harness) -> None:
    harness.expired_booking()


def failed(harness: Harness) -> None:
    harness.ports.rules = replace(harness.ports.rules, hold_for=3 * harness.ports.rules.checkout_window)
    harness.held_booking()
    harness.ports.gateway.set_status(ONE, "failed")
    harness.ports.clock.move(hours=1)
    harness.webhook(ONE, "charge.failed")


def cancelled_unpaid(harness: Harness) -> None:
    harness.held_booking()
    cancel(harness.ports, OPERATOR, FIRST, reason="the host has left")


def confirmed(harness: Harness) -> None:
    harness.confirmed_booking()


def cancelled_by(who: Any) -> Callable[[Harness], None]:
    def made(harness: Harness) -> None:
        harness.confirmed_booking()
        cancel(harness.ports, who, FIRST, reason="Plans changed.")

    return made


def all_given_back(harness: Harness) -> None:
    harness.confirmed_booking()
    refund(harness.ports, OPERATOR, ONE, amount=None, reason="a flood", key="r", cancel_booking=False)
    harness.end_refunds(FIRST)


def in_review_when_it_ran_out(harness: Harness) -> None:
    booking = harness.held_booking()
    harness.ports.gateway.pay(ONE, amount=Money(1, "ETB"))
    harness.webhook(ONE)
    harness.ports.clock.move_to(booking.hold_expires_at)
    harness.process_task(booking)


def accepted_too_late(harness: Harness) -> None:
    in_review_when_it_ran_out(harness)
    harness.book(key="other", guest=GUEST_DAWIT, stay=replace(harness.stored_booking(FIRST).stay, units=4))
    operators.resolve_review(harness.ports, OPERATOR, ONE, as_="accept", note="It is enough.")


def refused_by_a_person(harness: Harness) -> None:
    in_review_when_it_ran_out(harness)
    operators.resolve_review(harness.ports, OPERATOR, ONE, as_="refund", note="Not enough.")


UNPAID = (ran_out, failed, cancelled_unpaid)
PAID = (
    confirmed,
    cancelled_by(GUEST_HANNA),
    cancelled_by(HOST_ABEBE),
    all_given_back,
    in_review_when_it_ran_out,
    accepted_too_late,
    refused_by_a_person,
)


def letters(harness: Harness, make: Callable[[Harness], None], limits: Limits) -> list[str]:
    """What became of each letter to the guest that is true, with these limits."""
    harness.ports.rules = replace(harness.ports.rules, limits=limits)
    make(harness)
    harness.deliver_outbox()
    entries = [entry for entry in harness.stored_booking(FIRST).letters if not entry.to_host]
    assert entries
    return [entry.status for entry in entries if entry.status != "superseded"]


@pytest.mark.parametrize("make", UNPAID)
def test_without_money_they_are_limited(harness: Harness, make: Callable[[Harness], None]) -> None:
    assert set(letters(harness, make, Limits(unpaid_letters_per_day=0))) == {"limited"}


@pytest.mark.parametrize("make", PAID)
def test_once_money_came_they_are_not_whatever_became_of_it(harness: Harness, make: Callable[[Harness], None]) -> None:
    assert set(letters(harness, make, Limits(unpaid_letters_per_day=0))) == {"sent"}


@pytest.mark.parametrize("make", [*UNPAID, *PAID])
def test_no_address_gets_more_than_there_are_in_a_day(
    harness: Harness, ports: Fakes, make: Callable[[Harness], None]
) -> None:
    assert set(letters(harness, make, Limits(letters_per_day=0))) == {"limited"}
