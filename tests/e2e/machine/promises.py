"""What must be true of an example after every step, seen from outside only. The arrows are those of the contract."""

from __future__ import annotations

from datetime import timedelta

from local.stack.world import Json
from tests.e2e.machine.picture import Picture, instant, major
from tests.e2e.machine.town import Town

BOOKING = {
    "pending_payment": {"confirmed", "expired", "cancelled"},
    "confirmed": {"cancelled"},
    "expired": {"confirmed", "cancelled"},
    "cancelled": set(),
}
PAYMENT = {
    "created": {"pending", "completed", "failed", "expired", "review"},
    "pending": {"completed", "failed", "expired", "review"},
    "failed": {"completed", "review"},
    "expired": {"completed", "review"},
    "review": {"completed"},
    "completed": set(),
}
MOST_HOLDS = 3
GRACE = timedelta(hours=12)
"""How long a hold may outlive its end while the gateway cannot be asked."""
VERIFY_PAUSE_MAX = timedelta(minutes=30)
"""How long after an outage it may take until the gateway is asked again."""
A_TICK = timedelta(minutes=2)


def hold(before: Picture | None, now: Picture, town: Town) -> None:
    """Raises AssertionError for the first promise that is not kept."""
    for booking in now.bookings.values():
        _moves_are_allowed(booking, now)
        _holds_end(booking, now, town)
        _asked_before_the_end(booking, now)
    for booking, payment in now.payments():
        _trail(booking, payment, now)
        _money(booking, payment, now, town)
        for refund in payment["refunds"]:
            _refund(payment, refund, now, town)
    _nights(before, now)
    for guest in town.guests:
        own = [request.booking_id for request in town.wishes.values() if request.guest is guest]
        assert now.pending(own) <= MOST_HOLDS, f"{guest.name} holds more than {MOST_HOLDS}"
    if before is not None:
        _nothing_is_unsaid(before, now, town)


def _moves_are_allowed(booking: Json, now: Picture) -> None:
    for payment in booking["payments"]:
        at = ""
        for event in now.events[payment["tx_ref"]]:
            kind, _, status = event["kind"].partition("_")
            if kind == "booking" and status == "held":
                assert not at, f"{booking['booking_id']} is held twice"
                at = "pending_payment"
            elif kind == "booking":
                assert status in BOOKING[at], f"{booking['booking_id']} goes from {at} to {status}"
                at = status
        assert at == booking["status"], f"{booking['booking_id']} is {booking['status']}, and its trail ends with {at}"


def _holds_end(booking: Json, now: Picture, town: Town) -> None:
    if booking["status"] != "pending_payment":
        return
    ends = instant(booking["hold_expires_at"])
    told = f"{booking['booking_id']} is held at {now.now}, until {ends}"
    assert now.now < ends + GRACE + A_TICK, told
    if town.gateway_is_well:
        assert now.now < max(ends, town.well_since + VERIFY_PAUSE_MAX) + A_TICK, f"{told}, and the gateway is well"


def _asked_before_the_end(booking: Json, now: Picture) -> None:
    """A hold ends unpaid only when the gateway has answered for each open payment, or the grace is over too."""
    ends = instant(booking["hold_expires_at"])
    for payment in booking["payments"]:
        events = now.events[payment["tx_ref"]]
        over = next((event["at"] for event in events if event["kind"] == "booking_expired"), None)
        at_that = any(event["kind"] == "payment_expired" and event["at"] == over for event in events)
        if over is not None and at_that and instant(over) < ends + GRACE:
            answered = now.answered(payment["tx_ref"], since=ends)
            assert answered, f"{booking['booking_id']} expired, and the gateway gave no word about {payment['tx_ref']}"


def _trail(booking: Json, payment: Json, now: Picture) -> None:
    at = None
    for event in now.events[payment["tx_ref"]]:
        if event["to"] is None:
            continue
        told = f"{payment['tx_ref']}: {event}"
        assert event["from"] == at, told
        assert event["to"] == "created" if at is None else event["to"] in PAYMENT[at] | {at}, told
        at = event["to"]
    assert at == payment["status"], f"{payment['tx_ref']} is {payment['status']}, and its trail ends with {at}"
    if payment["status"] in ("created", "pending"):
        assert booking["status"] == "pending_payment", f"{payment['tx_ref']} can be paid, and nobody should"


def _money(booking: Json, payment: Json, now: Picture, town: Town) -> None:
    tx_ref, completed = payment["tx_ref"], payment["status"] == "completed"
    told = now.told_paid(payment)
    assert completed or not told, f"the gateway said that {tx_ref} is paid, and it is {payment['status']}"
    if completed and tx_ref not in town.resolved:
        assert told, f"{tx_ref} is completed, and the gateway never said so"
        truth = now.ledger.get(tx_ref, {})
        paid = truth.get("status") == "paid" and truth["amount"] == f"{major(payment['amount']):.2f}"
        lied = any(entry["behaviour"] == "success_unpaid" for entry in told)
        assert paid or lied, f"{tx_ref} is completed, and the ledger says {truth}"
        assert payment["received"] == payment["amount"], f"{tx_ref}: {payment['received']}"
    back = sum(refund["amount"]["amount"] for refund in payment["refunds"])
    if not completed:
        assert back == 0, f"{tx_ref} is {payment['status']}, and {back} goes back"
        assert not now.confirms(booking, payment), (
            f"{booking['booking_id']} was confirmed by {payment['status']} {tx_ref}"
        )
        return
    assert back <= payment["received"]["amount"], f"more of {tx_ref} goes back than came: {back}"
    if not now.confirms(booking, payment):
        assert back == payment["received"]["amount"], f"{tx_ref} confirms nothing, and only {back} goes back"


def _refund(payment: Json, refund: Json, now: Picture, town: Town) -> None:
    tx_ref, refund_id = payment["tx_ref"], refund["refund_id"]
    truth = {each["reference"]: each["amount"] for each in now.ledger.get(tx_ref, {}).get("refunds", [])}
    ours = {each["refund_id"]: f"{major(each['amount']):.2f}" for each in payment["refunds"]}
    assert truth.items() <= ours.items(), f"{tx_ref}: the gateway gave back {truth}, and we wanted {ours}"
    again = town.posted_again[refund_id]
    assert len(now.posts(tx_ref, refund_id)) <= 1 + again, f"{refund_id} was asked for more than once"
    if refund_id in truth:
        assert refund["status"] != "owed" or again, f"{refund_id} went back already, and is owed"
    if refund["status"] == "refunded":
        known = refund_id in truth or refund_id in town.settled or now.told_back(tx_ref)
        assert known, f"{refund_id} is called refunded, and nobody said so"


def _nights(before: Picture | None, now: Picture) -> None:
    units = now.listing["units"]
    for day, night in now.nights.items():
        sold = now.sold(day)
        if before is not None and sold > before.sold(day):
            most = max(units, before.listing["units"])
            assert sold <= most, f"{sold} units of {most} are sold on {day}"
        closed = night["closed"] or now.listing["status"] == "closed"
        left = 0 if closed else max(0, units - sold)
        assert night["left"] == left, f"{day}: {sold} of {units} are sold, and {night['left']} are left"


def _nothing_is_unsaid(before: Picture, now: Picture, town: Town) -> None:
    for tx_ref, events in before.events.items():
        assert now.events[tx_ref][: len(events)] == events, f"the trail of {tx_ref} was changed: {now.events[tx_ref]}"
    after = {refund["refund_id"]: refund for _, payment in now.payments() for refund in payment["refunds"]}
    for _, payment in before.payments():
        for refund in payment["refunds"]:
            refund_id, was = refund["refund_id"], refund["status"]
            assert refund_id in after, f"{refund_id} is gone"
            became = after[refund_id]["status"]
            assert after[refund_id]["amount"] == refund["amount"], f"{refund_id} is of another amount"
            if was == "refunded":
                assert became == "refunded", f"{refund_id} was refunded, and is {became}"
            if was == "processing" and not town.posted_again[refund_id]:
                assert became in ("processing", "refunded", "attention"), f"{refund_id} was taken, and is {became}"
