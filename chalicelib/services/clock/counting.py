"""Store what this process has counted: how the gateways answered, how payments fare."""

from __future__ import annotations

from chalicelib.counters import counters
from chalicelib.domain.watch.health import slot_of
from chalicelib.services.ports.outcomes import StoreBusy
from chalicelib.services.ports.stage import Ports


def keep_counts(ports: Ports) -> None:
    """Store what this process has counted, every ten seconds at most; what cannot be stored waits. Never raises."""
    taken = counters.take()
    if not taken:
        return
    try:
        ports.watch.add_counts(slot_of(ports.clock.now()), taken)
    except StoreBusy:
        counters.give_back(taken)
        ports.observe("counts_not_kept", level="warning")
