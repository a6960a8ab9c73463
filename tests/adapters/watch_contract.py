"""What every WatchStore must do: one suite, run on the fakes and on DynamoDB."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.ids import PersonId
from chalicelib.domain.people.accounts import Account
from chalicelib.domain.timing import COUNTS_SLOT
from chalicelib.domain.watch.health import slot_of, slots_between
from chalicelib.domain.watch.invariants import Finding
from chalicelib.domain.watch.watching import Check
from chalicelib.services.ports.bookings import AttentionEntry
from chalicelib.services.ports.outcomes import Acknowledgement, VersionLost
from tests.adapters.store_contract import Bench
from tests.builders import NOW, a_booking, a_booking_id, a_listing, opened
from tests.replacing import replace

SLOT = slot_of(NOW)
FINDING = Finding(a_booking_id(), "its history ends with expired, and it is confirmed", a_booking_id())
CHECK = Check(day=NOW.date(), begun_at=NOW, since=NOW - timedelta(days=1))
HANDLED = Acknowledgement(NOW, PersonId("operator-sara"), "Mended by hand.")


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

    def test_a_check_is_saved_over_the_version_that_was_loaded(self, bench: Bench) -> None:
        assert bench.watch.load_check() is None
        saved = bench.watch.save_check(CHECK)
        assert saved == replace(CHECK, version=1) == bench.watch.load_check()
        further = replace(saved, part="older", position="[3, null]", checked=7, suspects=(FINDING,))
        assert bench.watch.save_check(further) == replace(further, version=2) == bench.watch.load_check()
        for stale in (CHECK, saved, replace(further, version=9)):
            with pytest.raises(VersionLost):
                bench.watch.save_check(stale)

    def test_a_finding_is_told_once_until_a_person_has_dealt_with_it(self, bench: Bench) -> None:
        assert bench.watch.findings([FINDING.finding_id]) == {}
        assert bench.watch.acknowledge_finding(FINDING.finding_id, HANDLED) is None
        assert bench.watch.report(FINDING, NOW)
        assert not bench.watch.report(FINDING, NOW + COUNTS_SLOT)
        other = replace(FINDING, says="something else", booking_id=None)
        assert bench.watch.report(other, NOW + COUNTS_SLOT)
        page = bench.bookings.attention_entries(limit=9, after=None)
        assert page.items == (
            AttentionEntry(FINDING.finding_id, "invariant", NOW),
            AttentionEntry(other.finding_id, "invariant", NOW + COUNTS_SLOT),
        )
        found = {FINDING.finding_id: FINDING, other.finding_id: other}
        assert bench.watch.findings(["0" * 16, *found]) == found
        assert bench.watch.acknowledge_finding(FINDING.finding_id, HANDLED) == HANDLED
        # The first one stands, and the same finding asks nobody again.
        later = replace(HANDLED, note="Again.")
        assert bench.watch.acknowledge_finding(FINDING.finding_id, later) == HANDLED
        assert not bench.watch.report(FINDING, NOW + 2 * COUNTS_SLOT)
        left = bench.bookings.attention_entries(limit=9, after=None)
        assert [entry.subject for entry in left.items] == [other.finding_id]

    def test_a_booking_is_read_with_what_stands_beside_its_record(self, bench: Bench) -> None:
        listing, held, kept = a_listing(), opened(a_booking()), a_booking(key="second")
        bench.listings.publish(listing)
        bench.bookings.hold(held, listing, {}, Account())
        bench.bookings.hold(kept, listing, {}, Account(version=1))
        bench.make_unreadable(kept.booking_id)
        batch = bench.bookings.load_stored([held.booking_id, kept.booking_id, a_booking_id("nobody")])
        [stored] = batch.items
        assert (stored.booking, stored.status) == (bench.bookings.load(held.booking_id), "pending_payment")
        assert (stored.is_clocked, stored.is_asked) == (True, False)
        assert batch.unreadable == (kept.booking_id,)
