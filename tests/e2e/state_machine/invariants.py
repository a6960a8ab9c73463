"""The invariants that must hold after every step, checked on observations. The transitions are the contract's."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from local.scenarios.client import Json
from tests.e2e.state_machine.driver import Driver
from tests.e2e.state_machine.observation import Observation, instant, major

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
MOST_GIVEN_UP = 3
MOST_AN_HOUR = 10
GRACE = timedelta(hours=12)
"""How long a hold may outlive its end while the gateway does not answer."""
VERIFY_PAUSE_MAX = timedelta(minutes=30)
"""How long after an outage the next verify call may take."""
SWEEP_DELAY = timedelta(minutes=2)


def check(before: Observation | None, now: Observation, driver: Driver) -> None:
    """Raise AssertionError for the first invariant that is broken."""
    for booking in now.bookings.values():
        _check_transitions(booking, now)
        _check_hold_end(booking, now, driver)
        _check_verified_before_end(booking, now)
    for booking, payment in now.payments():
        _check_events(booking, payment, now)
        _check_money(booking, payment, now, driver)
        for refund in payment["refunds"]:
            _check_refund(payment, refund, now, driver)
    _check_nights(before, now)
    for guest in driver.guests:
        own = [request.booking_id for request in driver.requests.values() if request.guest is guest]
        assert now.pending(own) <= MOST_HOLDS, f"{guest.name} holds more than {MOST_HOLDS}"
    if before is not None:
        _check_nothing_retracted(before, now, driver)


def _check_transitions(booking: Json, now: Observation) -> None:
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


def _check_hold_end(booking: Json, now: Observation, driver: Driver) -> None:
    if booking["status"] != "pending_payment":
        return
    ends = instant(booking["hold_expires_at"])
    summary = f"{booking['booking_id']} is held at {now.now}, until {ends}"
    assert now.now < ends + GRACE + SWEEP_DELAY, summary
    if driver.gateway_is_healthy:
        assert now.now < max(ends, driver.healthy_since + VERIFY_PAUSE_MAX) + SWEEP_DELAY, (
            f"{summary}, and the gateway is healthy"
        )


def _check_verified_before_end(booking: Json, now: Observation) -> None:
    """Check that a hold ended unpaid only after an answer about each open payment, or after the grace."""
    ends = instant(booking["hold_expires_at"])
    for payment in booking["payments"]:
        events = now.events[payment["tx_ref"]]
        over = next((event["at"] for event in events if event["kind"] == "booking_expired"), None)
        at_that = any(event["kind"] == "payment_expired" and event["at"] == over for event in events)
        if over is not None and at_that and instant(over) < ends + GRACE:
            answered = now.answered(payment["tx_ref"], since=ends)
            assert answered, f"{booking['booking_id']} expired, and the gateway gave no word about {payment['tx_ref']}"


def _check_events(booking: Json, payment: Json, now: Observation) -> None:
    at = None
    for event in now.events[payment["tx_ref"]]:
        if event["to"] is None:
            continue
        summary = f"{payment['tx_ref']}: {event}"
        assert event["from"] == at, summary
        assert event["to"] == "created" if at is None else event["to"] in PAYMENT[at] | {at}, summary
        at = event["to"]
    assert at == payment["status"], f"{payment['tx_ref']} is {payment['status']}, and its trail ends with {at}"
    if payment["status"] in ("created", "pending"):
        assert booking["status"] == "pending_payment", f"{payment['tx_ref']} can be paid, and nobody should"


def _check_money(booking: Json, payment: Json, now: Observation, driver: Driver) -> None:
    tx_ref, completed = payment["tx_ref"], payment["status"] == "completed"
    answers = now.answers_paid(payment)
    assert completed or not answers, f"the gateway reported {tx_ref} as paid, and it is {payment['status']}"
    if completed and tx_ref not in driver.resolved:
        assert answers, f"{tx_ref} is completed, and the gateway never reported it as paid"
        truth = now.transactions.get(tx_ref, {})
        paid = truth.get("status") == "paid" and truth["amount"] == f"{major(payment['amount']):.2f}"
        misreported = any(entry["behaviour"] == "success_unpaid" for entry in answers)
        assert paid or misreported, f"{tx_ref} is completed, and the ledger says {truth}"
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


def _check_refund(payment: Json, refund: Json, now: Observation, driver: Driver) -> None:
    tx_ref, refund_id = payment["tx_ref"], refund["refund_id"]
    truth = {each["reference"]: each["amount"] for each in now.transactions.get(tx_ref, {}).get("refunds", [])}
    ours = {each["refund_id"]: f"{major(each['amount']):.2f}" for each in payment["refunds"]}
    assert truth.items() <= ours.items(), f"{tx_ref}: the gateway gave back {truth}, and we wanted {ours}"
    again = driver.posted_again[refund_id]
    assert len(now.posts(tx_ref, refund_id)) <= 1 + again, f"{refund_id} was asked for more than once"
    if refund_id in truth:
        assert refund["status"] != "owed" or again, f"{refund_id} went back already, and is owed"
    if refund["status"] == "refunded":
        known = refund_id in truth or refund_id in driver.resolved_refunds or now.answered_refunded(tx_ref)
        assert known, f"{refund_id} is called refunded, and no answer reported it"


def _check_nights(before: Observation | None, now: Observation) -> None:
    units = now.listing["units"]
    for day, night in now.nights.items():
        sold = now.sold(day)
        if before is not None and sold > before.sold(day):
            most = max(units, before.listing["units"])
            assert sold <= most, f"{sold} units of {most} are sold on {day}"
        over = day < now.now.astimezone(ZoneInfo(now.listing["time_zone"])).date().isoformat()
        closed = night["closed"] or now.listing["status"] == "closed"
        left = 0 if closed or over else max(0, units - sold)
        assert night["left"] == left, f"{day}: {sold} of {units} are sold, and {night['left']} are left"
        assert night["bookable"] is (left > 0), f"{day}: {left} are left, and bookable: {night['bookable']}"


def _check_nothing_retracted(before: Observation, now: Observation, driver: Driver) -> None:
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
            if was == "processing" and not driver.posted_again[refund_id]:
                assert became in ("processing", "refunded", "attention"), f"{refund_id} was taken, and is {became}"
