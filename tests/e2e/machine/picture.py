"""What can be seen of an example from outside, at one moment: the API's answers, the sandbox's ledger and its log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from local.stack.world import Json
from tests.e2e.machine.town import Town

HOLDING = ("pending_payment", "confirmed")
SHOWN = 46
"""How many days ahead the nights are looked at."""


@dataclass
class Picture:
    """Bookings by id, as an operator sees them; the trail, the ledger and what the gateway said, by tx_ref."""

    now: datetime
    listing: Json
    nights: dict[str, Json]
    bookings: dict[str, Json] = field(default_factory=dict)
    events: dict[str, list[Json]] = field(default_factory=dict)
    ledger: dict[str, Json] = field(default_factory=dict)
    said: dict[str, list[Json]] = field(default_factory=dict)

    def payments(self) -> Iterator[tuple[Json, Json]]:
        """Every payment, with its booking."""
        for booking in self.bookings.values():
            for payment in booking["payments"]:
                yield booking, payment

    def refunds(self, status: str) -> list[str]:
        """The ids of refunds with this status."""
        return [
            refund["refund_id"]
            for _, payment in self.payments()
            for refund in payment["refunds"]
            if refund["status"] == status
        ]

    def sold(self, night: str) -> int:
        """How many units are held or confirmed on a night."""
        return sum(
            booking["units"]
            for booking in self.bookings.values()
            if booking["status"] in HOLDING and booking["check_in"] <= night < booking["check_out"]
        )

    def pending(self, booking_ids: list[str]) -> int:
        """How many of these bookings wait for their payment."""
        return sum(self.bookings[booking_id]["status"] == "pending_payment" for booking_id in booking_ids)

    def trail(self, booking: Json) -> list[Json]:
        """What happened to a booking: all of its payments' trails tell of it."""
        return self.events[booking["payment"]["tx_ref"]]

    def was_confirmed(self, booking: Json) -> bool:
        return any(event["kind"] == "booking_confirmed" for event in self.trail(booking))

    def confirms(self, booking: Json, payment: Json) -> bool:
        """Whether this is the payment that the booking was confirmed with."""
        return self.was_confirmed(booking) and booking["payment"]["tx_ref"] == payment["tx_ref"]

    # What the gateway said to Guzo

    def told_paid(self, payment: Json) -> list[Json]:
        """The verify answers that say that this payment was paid: our reference, amount, currency and mode."""
        return [entry for entry in self._answers(payment["tx_ref"], "verify") if _says_paid(entry, payment)]

    def told_back(self, tx_ref: str) -> bool:
        """Some answer says that money of this payment went back."""
        answers = [*self._answers(tx_ref, "verify"), *self._answers(tx_ref, "refund_verify")]
        return any(entry["answer"]["data"].get("status") in ("refunded", "reversed") for entry in answers)

    def answered(self, tx_ref: str, *, since: datetime) -> bool:
        """The gateway gave some word about this payment, also that it knows none; trouble is no word."""
        asked = [
            entry for entry in self.said[tx_ref] if entry.get("call") == "verify" and instant(entry["at"]) >= since
        ]
        unknown = [entry for entry in asked if entry["status"] in (400, 404) and isinstance(entry["answer"], dict)]
        return bool(unknown) or any(entry in asked for entry in self._answers(tx_ref, "verify"))

    def posts(self, tx_ref: str, refund_id: str) -> list[Json]:
        """The calls that asked for this refund and may have been heard."""
        certainly_not = ("401", "403_html", "429")
        asked = [entry for entry in self.said[tx_ref] if entry.get("call") == "refund"]
        return [
            entry
            for entry in asked
            if (entry["body"] or {}).get("reference") == refund_id and entry["behaviour"] not in certainly_not
        ]

    def _answers(self, tx_ref: str, call: str) -> Iterator[Json]:
        for entry in self.said[tx_ref]:
            answer = entry.get("answer")
            readable = isinstance(answer, dict) and isinstance(answer.get("data"), dict)
            if entry.get("call") == call and entry["status"] == 200 and readable:
                yield entry


def take(town: Town) -> Picture:
    """Look at all of it."""
    now = town.world.now()
    bookings = {wish: town.read(f"/v1/bookings/{wish}", town.operator) for wish in town.wishes}
    last = max(
        [now.date() + timedelta(days=SHOWN), *(date.fromisoformat(each["check_out"]) for each in bookings.values())]
    )
    path = f"/v1/listings/{town.listing_id}"
    nights = town.read(f"{path}/availability?from={town.first_day}&to={last}")["nights"]
    picture = Picture(now, town.read(path), {night["date"]: night for night in nights}, bookings)
    truth = {each["tx_ref"]: each for each in town.world.at_local("GET", "/chapa/_ledger")}
    for _, payment in picture.payments():
        tx_ref = payment["tx_ref"]
        picture.events[tx_ref] = town.listed(f"/v1/payments/{tx_ref}/events", town.operator)
        picture.said[tx_ref] = town.world.gateway_log(tx_ref)
        if tx_ref in truth:
            picture.ledger[tx_ref] = truth[tx_ref]
        if payment["checkout_url"]:
            town.links[tx_ref] = payment["checkout_url"]
    return picture


def instant(text: str) -> datetime:
    """An instant as the API writes it."""
    return datetime.fromisoformat(text)


def major(money: Json) -> Decimal:
    """An amount of the API's, as the sandbox writes it: birr, not santim."""
    return Decimal(money["amount"]) / 100


def _says_paid(entry: Json, payment: Json) -> bool:
    data = entry["answer"]["data"]
    return (
        data.get("status") == "success"
        and data.get("tx_ref") == payment["tx_ref"]
        and data.get("currency") == payment["amount"]["currency"]
        and data.get("mode") == "test"
        and data.get("amount") is not None
        and Decimal(str(data["amount"])) == major(payment["amount"])
    )
