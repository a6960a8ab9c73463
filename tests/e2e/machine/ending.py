"""How an example must end: the gateway is well again, days pass, and nothing is left in the air."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from local.stack.world import Json
from tests.e2e.machine import picture, promises
from tests.e2e.machine.picture import Picture, instant
from tests.e2e.machine.town import Town

WATCHED_FOR = timedelta(hours=72)
STEPS = (timedelta(minutes=31), timedelta(hours=1), timedelta(hours=13), *[timedelta(days=1)] * 12)

LETTERS = {
    "Your stay is booked": "booking_confirmed",
    "The time to pay is over": "hold_expired",
    "Your payment did not go through": "payment_failed",
    "Your booking is cancelled": "booking_cancelled",
    "Your money is coming back": "money_returned",
    "New booking": "host_new_booking",
    "Booking cancelled": "host_cancelled",
}


def come_to_rest(town: Town) -> None:
    """Let days pass until nothing is due, and look at what has become of all. Raises AssertionError."""
    town.tell("in the end the gateway is well, and days pass")
    town.be_well()
    last = None
    for step in STEPS:
        town.advance(hours=step.total_seconds() / 3600)
        now = picture.take(town)
        promises.hold(last, now, town)
        last = now
        if _rests(now):
            break
    assert last is not None
    assert _rests(last), f"not at rest after days: {last.bookings}"
    town.advance(days=4)
    assert town.world.sweep()["due"] == 0, "something is due, and nothing is open"
    now = picture.take(town)
    promises.hold(last, now, town)
    concerns = {each["subject"] for each in town.listed("/v1/ops/attention", town.operator)}
    for booking, payment in now.payments():
        _money_has_its_place(booking, payment, now, concerns)
    assert town.orphans <= concerns, f"nobody is told of {town.orphans - concerns}"
    letters = town.world.at_local("GET", "/emails")
    for booking in now.bookings.values():
        own = [letter for letter in letters if booking["booking_id"] in letter["text"]]
        _letters_are_right(booking, own, now, town)


def _rests(now: Picture) -> bool:
    """Nothing is held, no refund is under way, and no payment is watched any more."""
    open_refunds = [refund for status in ("owed", "requested", "processing") for refund in now.refunds(status)]
    held = [booking for booking in now.bookings.values() if booking["status"] == "pending_payment"]
    born = [instant(payment["created_at"]) for _, payment in now.payments()]
    return not open_refunds and not held and all(now.now > each + WATCHED_FOR for each in born)


def _money_has_its_place(booking: Json, payment: Json, now: Picture, concerns: set[str]) -> None:
    """Money that the gateway has is for a booking, back, kept by the policy, or before a person."""
    tx_ref, status = payment["tx_ref"], payment["status"]
    if status == "review":
        assert tx_ref in concerns, f"{tx_ref} is in review, and nobody is told"
    for refund in payment["refunds"]:
        if refund["status"] == "attention":
            assert refund["refund_id"] in concerns, f"{refund['refund_id']} needs a person, and nobody is told"
    if now.ledger.get(tx_ref, {}).get("status") == "paid":
        assert status in ("completed", "review"), f"{tx_ref} was paid, and is {status}: its money is forgotten"
    if now.confirms(booking, payment):
        assert booking["status"] in ("confirmed", "cancelled"), f"{booking['booking_id']} lost its payment"


def _letters_are_right(booking: Json, letters: list[Json], now: Picture, town: Town) -> None:
    """Everybody who must be told is told, and nobody twice."""
    told = Counter((LETTERS[letter["subject"].partition(":")[0]], letter["to"]) for letter in letters)
    guest, host = town.wishes[booking["booking_id"]].guest.email, town.host.email
    allowed = {
        "payment_failed": len(booking["payments"]),
        "money_returned": sum(len(payment["refunds"]) for payment in booking["payments"]),
    }
    for (kind, to), count in told.items():
        assert to == (host if kind.startswith("host_") else guest), f"{kind} of {booking['booking_id']} went to {to}"
        assert count <= allowed.get(kind, 1), f"{kind} of {booking['booking_id']} was sent {count} times"
    owed = {
        "confirmed": [("booking_confirmed", guest), ("host_new_booking", host)],
        "expired": [("hold_expired", guest)],
        "cancelled": [("booking_cancelled", guest), *[("host_cancelled", host)] * now.was_confirmed(booking)],
    }[booking["status"]]
    for kind, to in owed:
        assert told[kind, to] == 1, f"{kind} of {booking['booking_id']} was sent {told[kind, to]} times to {to}"
