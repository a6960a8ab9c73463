"""`Observation`: the state of an example as the API, the sandbox's transactions and its log show it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from local.scenarios.client import Json
from tests.e2e.state_machine.driver import Driver

HOLDING = ("pending_payment", "confirmed")
SHOWN = 46
"""How many days ahead the nights are read."""


@dataclass
class Observation:
    """Bookings by id as an operator sees them; events, sandbox transactions and sandbox log by tx_ref."""

    now: datetime
    listing: Json
    nights: dict[str, Json]
    bookings: dict[str, Json] = field(default_factory=dict)
    events: dict[str, list[Json]] = field(default_factory=dict)
    transactions: dict[str, Json] = field(default_factory=dict)
    log: dict[str, list[Json]] = field(default_factory=dict)

    def payments(self) -> Iterator[tuple[Json, Json]]:
        """Yield every payment with its booking."""
        for booking in self.bookings.values():
            for payment in booking["payments"]:
                yield booking, payment

    def refunds(self, status: str) -> list[str]:
        """Return the ids of refunds with this status."""
        return [
            refund["refund_id"]
            for _, payment in self.payments()
            for refund in payment["refunds"]
            if refund["status"] == status
        ]

    def sold(self, night: str) -> int:
        """Return how many units are held or confirmed on a night."""
        return sum(
            booking["units"]
            for booking in self.bookings.values()
            if booking["status"] in HOLDING and booking["check_in"] <= night < booking["check_out"]
        )

    def pending(self, booking_ids: list[str]) -> int:
        """Return how many of these bookings are unpaid holds."""
        return sum(self.bookings[booking_id]["status"] == "pending_payment" for booking_id in booking_ids)

    def given_up(self, booking_ids: list[str]) -> int:
        """Return how many of these bookings ended unpaid."""
        ended = [self.bookings[booking_id] for booking_id in booking_ids]
        return sum(each["status"] in ("expired", "cancelled") and not self.was_confirmed(each) for each in ended)

    def events_of(self, booking: Json) -> list[Json]:
        """Return the events of a booking, from the events of its payments."""
        return self.events[booking["payment"]["tx_ref"]]

    def was_confirmed(self, booking: Json) -> bool:
        return any(event["kind"] == "booking_confirmed" for event in self.events_of(booking))

    def was_cancelled_by_others(self, booking: Json) -> bool:
        """Whether it was the host or an operator who cancelled the booking."""
        events = self.events_of(booking)
        return any(event["kind"] == "booking_cancelled" and event["cause"] != "guest" for event in events)

    def confirms(self, booking: Json, payment: Json) -> bool:
        """Whether the booking was confirmed with this payment."""
        return self.was_confirmed(booking) and booking["payment"]["tx_ref"] == payment["tx_ref"]

    # The gateway's answers to Guzo

    def answers_paid(self, payment: Json) -> list[Json]:
        """Return the verify answers that report this payment as paid in all four points."""
        return [entry for entry in self._answers(payment["tx_ref"], "verify") if _reports_paid(entry, payment)]

    def answered_refunded(self, tx_ref: str) -> bool:
        """Whether some answer reported money of this payment as refunded or reversed."""
        answers = [*self._answers(tx_ref, "verify"), *self._answers(tx_ref, "refund_verify")]
        return any(entry["answer"]["data"].get("status") in ("refunded", "reversed") for entry in answers)

    def answered(self, tx_ref: str, *, since: datetime) -> bool:
        """Whether the gateway answered about this payment since then; a fault is no answer."""
        asked = [entry for entry in self.log[tx_ref] if entry.get("call") == "verify" and instant(entry["at"]) >= since]
        unknown = [entry for entry in asked if entry["status"] in (400, 404) and isinstance(entry["answer"], dict)]
        return bool(unknown) or any(entry in asked for entry in self._answers(tx_ref, "verify"))

    def posts(self, tx_ref: str, refund_id: str) -> list[Json]:
        """Return the refund calls that the gateway may have executed."""
        certainly_not = ("401", "403_html", "429")
        asked = [entry for entry in self.log[tx_ref] if entry.get("call") == "refund"]
        return [
            entry
            for entry in asked
            if (entry["body"] or {}).get("reference") == refund_id and entry["behaviour"] not in certainly_not
        ]

    def _answers(self, tx_ref: str, call: str) -> Iterator[Json]:
        for entry in self.log[tx_ref]:
            answer = entry.get("answer")
            readable = isinstance(answer, dict) and isinstance(answer.get("data"), dict)
            if entry.get("call") == call and entry["status"] == 200 and readable:
                yield entry


def observe(driver: Driver) -> Observation:
    """Read the state of an example."""
    now = driver.client.now()
    bookings = {
        booking_id: driver.read(f"/v1/bookings/{booking_id}", driver.operator) for booking_id in driver.requests
    }
    last = max(
        [now.date() + timedelta(days=SHOWN), *(date.fromisoformat(each["check_out"]) for each in bookings.values())]
    )
    path = f"/v1/listings/{driver.listing_id}"
    nights = driver.read(f"{path}/availability?from={driver.first_day}&to={last}")["nights"]
    observation = Observation(now, driver.read(path), {night["date"]: night for night in nights}, bookings)
    truth = {each["tx_ref"]: each for each in driver.client.call_local("GET", "/chapa/_transactions")}
    for _, payment in observation.payments():
        tx_ref = payment["tx_ref"]
        observation.events[tx_ref] = driver.listed(f"/v1/payments/{tx_ref}/events", driver.operator)
        observation.log[tx_ref] = driver.client.gateway_log(tx_ref)
        if tx_ref in truth:
            observation.transactions[tx_ref] = truth[tx_ref]
        if payment["checkout_url"]:
            driver.links[tx_ref] = payment["checkout_url"]
    return observation


def instant(text: str) -> datetime:
    """Parse an instant of the API."""
    return datetime.fromisoformat(text)


def major(money: Json) -> Decimal:
    """Return an amount of the API in major units, as the sandbox writes it."""
    return Decimal(money["amount"]) / 100


def _reports_paid(entry: Json, payment: Json) -> bool:
    data = entry["answer"]["data"]
    return (
        data.get("status") == "success"
        and data.get("tx_ref") == payment["tx_ref"]
        and data.get("currency") == payment["amount"]["currency"]
        and data.get("mode") == "test"
        and data.get("amount") is not None
        and Decimal(str(data["amount"])) == major(payment["amount"])
    )
