"""`run_until_final`: end an example with a healthy gateway and days of time, and check its final state."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from local.scenarios.client import Json
from tests.e2e.state_machine import invariants, observation
from tests.e2e.state_machine.driver import Driver
from tests.e2e.state_machine.observation import Observation, instant

WATCHED_FOR = timedelta(hours=72)
STEPS = (timedelta(minutes=31), timedelta(hours=1), timedelta(hours=13), *[timedelta(days=1)] * 12)

LETTERS = {
    "Your stay is booked": "booking_confirmed",
    "The time to pay is over": "hold_expired",
    "Your payment did not go through": "payment_failed",
    "Your booking is cancelled": "booking_cancelled",
    "The host had to cancel your booking": "booking_cancelled",
    "We had to cancel your booking": "booking_cancelled",
    "Your money is coming back": "money_returned",
    "New booking": "host_new_booking",
    "Booking cancelled": "host_cancelled",
}


ABOUT_UNPAID = ("hold_expired", "payment_failed", "booking_cancelled")
MOST_UNPAID_LETTERS = 3


def run_until_final(driver: Driver) -> None:
    """Move the clock by days until nothing is due, and check bookings, money and letters. Raises AssertionError."""
    driver.record("at the end the gateway is healthy, and days pass")
    driver.restore_gateway()
    last = None
    for step in STEPS:
        driver.advance(hours=step.total_seconds() / 3600)
        now = observation.observe(driver)
        invariants.check(last, now, driver)
        last = now
        if _is_final(now):
            break
    assert last is not None
    assert _is_final(last), f"not final after days: {last.bookings}"
    driver.advance(days=4)
    assert driver.client.sweep()["due"] == 0, "something is due, and nothing is open"
    now = observation.observe(driver)
    invariants.check(last, now, driver)
    waiting = {each["subject"] for each in driver.listed("/v1/ops/attention", driver.operator)}
    for booking, payment in now.payments():
        _check_money(booking, payment, now, waiting)
    assert driver.orphans <= waiting, f"not in attention: {driver.orphans - waiting}"
    letters = driver.client.call_local("GET", "/emails")
    unpaid = Counter(letter["to"] for letter in letters if LETTERS[letter["subject"].partition(":")[0]] in ABOUT_UNPAID)
    full = {to for to, count in unpaid.items() if count >= MOST_UNPAID_LETTERS}
    for booking in now.bookings.values():
        own = [letter for letter in letters if booking["booking_id"] in letter["text"]]
        _check_letters(booking, own, now, driver, full=full)


def _is_final(now: Observation) -> bool:
    """Whether no booking is held, no refund is open and no payment is watched any more."""
    open_refunds = [refund for status in ("owed", "requested", "processing") for refund in now.refunds(status)]
    held = [booking for booking in now.bookings.values() if booking["status"] == "pending_payment"]
    born = [instant(payment["created_at"]) for _, payment in now.payments()]
    return not open_refunds and not held and all(now.now > each + WATCHED_FOR for each in born)


def _check_money(booking: Json, payment: Json, now: Observation, waiting: set[str]) -> None:
    """Check that paid money is for a booking, refunded, kept by the policy, or in attention."""
    tx_ref, status = payment["tx_ref"], payment["status"]
    if status == "review":
        assert tx_ref in waiting, f"{tx_ref} is in review, and is not in attention"
    for refund in payment["refunds"]:
        if refund["status"] == "attention":
            assert refund["refund_id"] in waiting, f"{refund['refund_id']} needs a person, and is not in attention"
    if now.transactions.get(tx_ref, {}).get("status") == "paid":
        assert status in ("completed", "review"), f"{tx_ref} was paid, and is {status}: its money is forgotten"
    if now.confirms(booking, payment):
        assert booking["status"] in ("confirmed", "cancelled"), f"{booking['booking_id']} lost its payment"


def _check_letters(booking: Json, letters: list[Json], now: Observation, driver: Driver, *, full: set[str]) -> None:
    """Check that everybody got the letters that they must get, and no letter twice.

    ``full``: the addresses that may have got as many about unpaid bookings on one day as an address may get.
    """
    sent = Counter((LETTERS[letter["subject"].partition(":")[0]], letter["to"]) for letter in letters)
    guest, host = driver.requests[booking["booking_id"]].guest.email, driver.host.email
    allowed = {
        "payment_failed": len(booking["payments"]),
        "money_returned": sum(len(payment["refunds"]) for payment in booking["payments"]),
    }
    for (kind, to), count in sent.items():
        assert to == (host if kind.startswith("host_") else guest), f"{kind} of {booking['booking_id']} went to {to}"
        assert count <= allowed.get(kind, 1), f"{kind} of {booking['booking_id']} was sent {count} times"
    owed = {
        "confirmed": [("booking_confirmed", guest), ("host_new_booking", host)],
        "expired": [("hold_expired", guest)],
        "cancelled": [
            # A guest who gave up an unpaid booking knows it.
            *[("booking_cancelled", guest)] * (now.was_confirmed(booking) or now.was_cancelled_by_others(booking)),
            *[("host_cancelled", host)] * now.was_confirmed(booking),
        ],
    }[booking["status"]]
    for kind, to in owed:
        if kind in ABOUT_UNPAID and to in full and not now.was_confirmed(booking):
            continue
        assert sent[kind, to] == 1, f"{kind} of {booking['booking_id']} was sent {sent[kind, to]} times to {to}"
