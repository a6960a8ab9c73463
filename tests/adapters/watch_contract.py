"""What every WatchStore must do: one suite, run on the fakes and on DynamoDB."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.health import slot_of, slots_between
from chalicelib.domain.timing import COUNTS_SLOT
from tests.adapters.store_contract import Bench
from tests.builders import NOW

SLOT = slot_of(NOW)


class WatchContract:
    """Subclasses give a ``bench`` fixture."""

    def test_counts_of_five_minutes_are_added_up(self, bench: Bench) -> None:
        assert bench.watch.counts([SLOT]) == {}
        bench.watch.add_counts(SLOT, {"opened": 2, "chapa_400": 1})
        bench.watch.add_counts(SLOT, {"opened": 1, "chapa_silent": 3})
        bench.watch.add_counts(SLOT + COUNTS_SLOT, {"paid": 1})
        hour = slots_between(NOW - timedelta(hours=1), NOW + 2 * COUNTS_SLOT)
        assert bench.watch.counts(hour) == {
            SLOT: {"opened": 3, "chapa_400": 1, "chapa_silent": 3},
            SLOT + COUNTS_SLOT: {"paid": 1},
        }
        assert bench.watch.counts([]) == {}

    def test_the_last_sweep_is_remembered(self, bench: Bench) -> None:
        assert bench.watch.last_sweep() is None
        for at in (NOW, NOW + timedelta(minutes=1)):
            bench.watch.note_sweep(at)
            assert bench.watch.last_sweep() == at
