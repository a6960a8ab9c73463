"""A stage on which an act can be tried: everything is read as it is, nothing is written, and nobody is told.

What only the store decides as it writes (whether nights that were given back are still free) is not foreseen.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from chalicelib.domain.booking import Booking, Lease
from chalicelib.domain.ids import BookingId
from chalicelib.domain.record import replace
from chalicelib.services.ports.outcomes import Acknowledgement
from chalicelib.services.ports.stage import Ports

PAGE = 100
"""How many entries of the attention list are read at once."""


def rehearsed(ports: Ports) -> Ports:
    """The ports of a stage, of which no act writes anything, and over which no money moves."""
    return cast(Ports, _Rehearsal(ports))


class _Rehearsal:
    """What the acts of people use; whatever else they might come to use is not there, and nothing is written."""

    def __init__(self, ports: Ports) -> None:
        self.bookings = _UnwrittenBookings(ports)
        self.listings = _UnwrittenListings(ports.listings, "load")
        self.closings = _UnwrittenClosings(ports.closings, "load")
        self.hosts = _Reads(ports.hosts, "load")
        self.suppressions = _Reads(ports.suppressions, "find")
        self.ledger = _UnwrittenLedger(ports.ledger, "of_day", "of_reference", "settlement")
        self.search_secrets, self.rules = ports.search_secrets, ports.rules
        self.gateways = _Gateways(ports.gateways)
        self.clock, self.chance = ports.clock, ports.chance
        self.queue = self
        self.only_versions = getattr(ports, "only_versions", None)

    def observe(self, event: str, /, **fields: Any) -> None:
        """Nothing happened."""

    def enqueue_reconcile(self, *tasks: Any, **delay: Any) -> None:
        """Nothing is to be done."""

    def enqueue_outbox(self, task: Any) -> None:
        """Nothing is to be told."""


class _Reads:
    """Of a store, only these calls."""

    def __init__(self, store: object, *names: str) -> None:
        for name in names:
            setattr(self, name, getattr(store, name))


class _UnwrittenBookings(_Reads):
    def __init__(self, ports: Ports) -> None:
        super().__init__(
            ports.bookings, "salt", "load", "load_many", "is_failing", "attention_entries", "of_listing", "arrivals"
        )
        self._ports = ports

    def save(self, _before: Booking, after: Booking, _listing: object = None) -> Booking:
        """What would be stored."""
        return after

    def lease_verification(self, booking_id: BookingId, lease: Lease, now: datetime) -> Booking | None:
        """The booking with the lease, where nobody else has it."""
        known = self._ports.bookings.load(booking_id)
        if known is None or (known.verify_lease is not None and known.verify_lease.is_held(now)):
            return None
        return replace(known, verify_lease=lease)

    def acknowledge_orphan(self, tx_ref: str, acknowledgement: Acknowledgement) -> Acknowledgement | None:
        """What would stand, of an orphan that still waits."""
        after: str | None = None
        while True:
            page = self._ports.bookings.attention_entries(limit=PAGE, after=after)
            if any(entry.kind == "orphan" and entry.subject == tx_ref for entry in page.items):
                return acknowledgement
            after = page.next_cursor
            if after is None:
                return None


class _UnwrittenListings(_Reads):
    def save(self, _before: object, after: Any) -> Any:
        """What would be stored."""
        return after


class _UnwrittenClosings(_Reads):
    def save(self, after: Any) -> Any:
        """What would be stored."""
        return after


class _UnwrittenLedger(_Reads):
    def keep_settlement(self, settlement: object) -> None:
        """Nothing is kept."""


class _Gateways:
    """The stage's gateways, of which only questions are asked."""

    def __init__(self, gateways: Any) -> None:
        self._gateways = gateways

    def named(self, name: str) -> Any:
        return _Questions(self._gateways.named(name))

    def of(self, payment: Any) -> Any:
        return _Questions(self._gateways.of(payment))


class _Questions:
    """A gateway that moves no money, and closes no link."""

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway

    def __getattr__(self, name: str) -> Any:
        if name in ("initialize", "refund"):
            raise AttributeError(name)
        return getattr(self._gateway, name)

    def cancel(self, _tx_ref: str) -> bool:
        """The link would be closed."""
        return True
