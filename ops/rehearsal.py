"""A stage on which an act can be tried: everything is read as it is, nothing is written, and nobody is told.

What only the store decides as it writes (whether nights that were given back are still free) is not foreseen.
"""

from __future__ import annotations

from typing import Any, cast

from chalicelib.domain.booking import Booking
from chalicelib.services.ports import Acknowledgement, AttentionEntry, Ports
from ops.desk import every


def rehearsed(ports: Ports) -> Ports:
    """The ports of a stage, of which no act writes anything."""
    return cast(Ports, _Rehearsal(ports))


class _Rehearsal:
    """What the acts of operators use; whatever else they might come to use is not there, and nothing is written."""

    def __init__(self, ports: Ports) -> None:
        self.bookings = _UnwrittenBookings(ports)
        self.listings = _Reads(ports.listings, "load")
        self.hosts = _Reads(ports.hosts, "load")
        self.suppressions = _Reads(ports.suppressions, "find")
        self.search_secrets, self.gateways, self.rules = ports.search_secrets, ports.gateways, ports.rules
        self.clock, self.chance = ports.clock, ports.chance
        self.queue = self

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
        super().__init__(ports.bookings, "salt", "load", "is_failing", "attention_entries")
        self._ports = ports

    def save(self, _before: Booking, after: Booking, _listing: object = None) -> Booking:
        """What would be stored."""
        return after

    def acknowledge_orphan(self, tx_ref: str, acknowledgement: Acknowledgement) -> Acknowledgement | None:
        """What would stand, of an orphan that still waits."""
        waiting = every(self._ports.bookings.attention_entries)
        return acknowledgement if any(_is_orphan(entry, tx_ref) for entry in waiting) else None


def _is_orphan(entry: AttentionEntry, tx_ref: str) -> bool:
    return entry.kind == "orphan" and entry.subject == tx_ref
