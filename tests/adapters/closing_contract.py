"""What every ClosingStore must do: one suite, run on the fakes and on DynamoDB."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chalicelib.domain.booking import Actor
from chalicelib.domain.ids import derive_listing_id
from chalicelib.domain.money import Money
from chalicelib.domain.operators.closing import Closing, begin, closing_task, decided, propose, unbegun
from chalicelib.domain.proposal import CloseListingAct
from chalicelib.domain.timing import FAILING_PAUSE
from chalicelib.services.ports.outcomes import VersionLost
from tests.adapters.store_contract import Bench
from tests.builders import HOST, NOW, SALT
from tests.replacing import replace

LISTING = derive_listing_id(SALT, HOST, "closed")
BEGUN = begin(
    LISTING,
    by=Actor("operator", "operator-sara", "sara@guzo.example.et"),
    reason="The host has left.",
    cancel_bookings=True,
    expected=3,
    now=NOW,
)
LATER = NOW + timedelta(minutes=2)


class ClosingContract:
    """Subclasses give a ``bench`` fixture."""

    def test_a_closing_is_read_as_it_was_saved(self, bench: Bench) -> None:
        assert bench.closings.load(LISTING) is None
        saved = bench.closings.save(BEGUN)
        assert saved == replace(BEGUN, version=1) == bench.closings.load(LISTING)
        full = replace(
            saved, cancelled=2, returned=(Money(5, "ETB"), Money(7, "USD")), position="2027-01-14#GZ1", due_at=LATER
        )
        assert bench.closings.save(full) == replace(full, version=2) == bench.closings.load(LISTING)

    def test_an_open_proposal_waits_for_a_person(self, bench: Bench) -> None:
        def waiting() -> list[tuple[str, str, datetime]]:
            page = bench.bookings.attention_entries(limit=9, after=None)
            return [(entry.subject, entry.kind, entry.since) for entry in page.items]

        by = Actor("operator", "operator-sara", "sara@guzo.example.et")
        act = CloseListingAct("The host has left.", 3, (Money(5, "ETB"),))
        base = unbegun(LISTING, by=by, reason="The host has left.", now=NOW)
        made = bench.closings.save(propose(base, act, amount=Money(5, "ETB"), by=by, request_id="r", now=NOW))
        assert bench.closings.load(LISTING) == made
        assert waiting() == [(closing_task(LISTING), "proposal", NOW)]
        bench.closings.save(decided(made, made.proposals[0], "rejected", by=by, note="No.", now=NOW))
        assert waiting() == []

    def test_nobody_saves_over_what_they_have_not_seen(self, bench: Bench) -> None:
        first = bench.closings.save(BEGUN)
        for stale in (BEGUN, replace(first, version=2)):
            with pytest.raises(VersionLost):
                bench.closings.save(stale)
        assert bench.closings.load(LISTING) == first

    def test_the_clock_has_it_until_it_is_finished(self, bench: Bench) -> None:
        def due(closing: Closing) -> list[str]:
            return [str(name) for name in bench.bookings.due(closing.due_at or LATER, 9)]

        first = bench.closings.save(BEGUN)
        assert due(first) == [closing_task(LISTING)]
        assert bench.bookings.due(NOW - timedelta(milliseconds=1), 9) == []
        second = bench.closings.save(replace(first, due_at=LATER))
        assert bench.bookings.due(NOW, 9) == []
        assert due(second) == [closing_task(LISTING)]
        bench.closings.save(replace(second, due_at=None, finished_at=LATER))
        assert bench.bookings.due(LATER + timedelta(days=9), 9) == []

    def test_one_that_raised_is_backed_off_and_keeps_what_it_says(self, bench: Bench) -> None:
        saved = bench.closings.save(BEGUN)
        bench.bookings.back_off_failing(closing_task(LISTING), NOW)
        assert bench.bookings.due(NOW + FAILING_PAUSE - timedelta(milliseconds=1), 9) == []
        assert bench.bookings.due(NOW + FAILING_PAUSE, 9) == [closing_task(LISTING)]
        assert bench.closings.load(LISTING) == saved
