"""What every LedgerStore must do: one suite, run on the fake and on DynamoDB."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import pytest

from chalicelib.domain.finance.ledger import LedgerLine, TotalRow, add_up, merge
from chalicelib.domain.finance.settlement import Match, Settlement
from chalicelib.domain.finance.statements import AccountEntry
from chalicelib.domain.ids import BookingId, ListingId, PersonId, TxRef
from chalicelib.domain.money import Money
from chalicelib.domain.people.access import ASKED, DONE, Access
from chalicelib.domain.record import replace
from chalicelib.services.ports.ledger import DayTotals, LedgerStore
from chalicelib.services.ports.outcomes import VersionLost

DAY = date(2027, 1, 14)
NOON = datetime(2027, 1, 14, 9, tzinfo=UTC)
ALL = frozenset({"day", "gateway", "host"})
NO_HOSTS = frozenset({"day", "gateway"})


class Bench(Protocol):
    ledger: LedgerStore


def a_line(number: int = 1, **changes: Any) -> LedgerLine:
    known: dict[str, Any] = {
        "line_id": f"GZ{number:014}-1.payment",
        "kind": "payment",
        "at": NOON + timedelta(minutes=number),
        "day": DAY,
        "gross": Money(245000, "ETB"),
        "fee": Money(6125, "ETB"),
        "gateway": "chapa",
        "mode": "test",
        "booking_id": BookingId(f"GZ{number:014}"),
        "tx_ref": TxRef(f"GZ{number:014}-1"),
        "listing_id": ListingId("lst_0000000000000001"),
        "host_id": PersonId("host-abebe"),
        "counts_on": date(2027, 1, 20),
        "provider_reference": f"AP{number}",
    }
    return LedgerLine(**(known | changes))


def written(bench: Bench, *lines: LedgerLine, late: bool = False) -> None:
    for line in lines:
        assert bench.ledger.write(line, reference_key=f"key-{line.provider_reference}", late=late)


class LedgerContract:
    """Every test is given a ``bench`` with an empty ledger."""

    def test_a_line_is_written_once(self, bench: Bench) -> None:
        written(bench, a_line())
        assert not bench.ledger.write(a_line(), reference_key=None, late=False)
        assert not bench.ledger.write(a_line(), reference_key=None, late=True)
        assert bench.ledger.of_day(DAY, limit=10, after=None).items == (a_line(),)

    def test_the_lines_of_a_day_come_in_order_of_time_and_in_pages(self, bench: Bench) -> None:
        lines = [a_line(number) for number in (3, 1, 2)]
        elsewhere = a_line(4, day=DAY + timedelta(days=1), at=NOON + timedelta(days=1))
        written(bench, *lines, elsewhere)
        first = bench.ledger.of_day(DAY, limit=2, after=None)
        assert first.items == (a_line(1), a_line(2))
        assert first.next_cursor is not None
        assert bench.ledger.of_day(DAY, limit=2, after=first.next_cursor).items == (a_line(3),)
        assert bench.ledger.of_day(DAY + timedelta(days=1), limit=9, after=None).items == (elsewhere,)
        assert bench.ledger.of_day(DAY - timedelta(days=1), limit=9, after=None).items == ()

    def test_what_stands_where_lines_would_stand(self, bench: Bench) -> None:
        written(bench, a_line(1), replace(a_line(2), gross=Money(5, "ETB")))
        kept = bench.ledger.kept([a_line(1), a_line(2), a_line(3)])
        assert kept == {a_line(1).line_id: a_line(1), a_line(2).line_id: replace(a_line(2), gross=Money(5, "ETB"))}
        assert bench.ledger.kept([]) == {}

    def test_a_hosts_lines_come_by_the_day_that_they_count_on(self, bench: Bench) -> None:
        early, late = a_line(1, counts_on=date(2027, 2, 1)), a_line(2, counts_on=date(2027, 1, 31))
        written(bench, early, late, a_line(3, host_id=PersonId("host-other")))
        host = PersonId("host-abebe")
        found = bench.ledger.of_host(host, date(2027, 1, 1), date(2027, 2, 1), limit=1, after=None)
        assert found.items == (late,)
        more = bench.ledger.of_host(host, date(2027, 1, 1), date(2027, 2, 1), limit=1, after=found.next_cursor)
        assert more.items == (early,)
        january = bench.ledger.of_host(host, date(2027, 1, 31), date(2027, 1, 31), limit=9, after=None)
        assert january.items == (late,)
        assert bench.ledger.of_host(host, date(2027, 2, 2), date.max, limit=9, after=None).items == ()

    def test_a_line_is_found_by_its_reference(self, bench: Bench) -> None:
        written(bench, a_line(1), a_line(2))
        bench.ledger.write(a_line(3, provider_reference=None), reference_key=None, late=False)
        assert bench.ledger.of_reference("key-AP2") == (a_line(2),)
        assert bench.ledger.of_reference("key-AP3") == ()

    def test_totals_are_kept_with_and_without_hosts(self, bench: Bench) -> None:
        lines = [a_line(number, host_id=PersonId(f"host-{number % 3}")) for number in range(1, 9)]
        rows = add_up(lines)
        assert len(rows) == 3
        assert bench.ledger.totals(DAY, DAY, hosts=True) == {}
        assert bench.ledger.keep_totals(DAY, DayTotals(0, rows))
        assert bench.ledger.totals(DAY, DAY, hosts=True) == {DAY: DayTotals(0, rows)}
        assert bench.ledger.totals(DAY, DAY, hosts=False) == {DAY: DayTotals(0, merge(rows, by=NO_HOSTS))}
        assert bench.ledger.totals(DAY + timedelta(days=1), date(2027, 3, 1), hosts=True) == {}

    def test_a_day_without_money_is_kept_as_well(self, bench: Bench) -> None:
        assert bench.ledger.keep_totals(DAY, DayTotals(0, ()))
        for hosts in (True, False):
            assert bench.ledger.totals(DAY, DAY, hosts=hosts) == {DAY: DayTotals(0, ())}

    def test_many_hosts_of_one_day(self, bench: Bench) -> None:
        rows = merge(
            (TotalRow(currency="ETB", day=DAY, gateway="chapa", host_id=f"host-{n:05}", fees=n) for n in range(950)),
            by=ALL,
        )
        assert bench.ledger.keep_totals(DAY, DayTotals(0, rows))
        assert bench.ledger.totals(DAY, DAY, hosts=True)[DAY].rows == rows

    def test_totals_of_several_months(self, bench: Bench) -> None:
        days = [date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 31), date(2027, 2, 1)]
        for number, day in enumerate(days, 1):
            bench.ledger.keep_totals(day, DayTotals(0, add_up([a_line(number, day=day)])))
        assert sorted(bench.ledger.totals(days[0], days[-1], hosts=True)) == days
        assert sorted(bench.ledger.totals(days[1], days[2], hosts=False)) == days[1:3]

    def test_a_late_line_drops_what_was_kept(self, bench: Bench) -> None:
        bench.ledger.keep_totals(DAY, DayTotals(0, add_up([a_line(1)])))
        written(bench, a_line(2), late=True)
        for hosts in (True, False):
            assert bench.ledger.totals(DAY, DAY, hosts=hosts) == {DAY: DayTotals(1, None)}
        again = DayTotals(1, add_up([a_line(1), a_line(2)]))
        assert bench.ledger.keep_totals(DAY, again)
        assert bench.ledger.totals(DAY, DAY, hosts=True) == {DAY: again}

    def test_sums_that_a_late_line_overtook_are_not_kept(self, bench: Bench) -> None:
        written(bench, a_line(1), late=True)
        assert not bench.ledger.keep_totals(DAY, DayTotals(0, ()))
        assert bench.ledger.totals(DAY, DAY, hosts=True) == {DAY: DayTotals(1, None)}

    def test_a_late_line_that_is_there_already_drops_nothing(self, bench: Bench) -> None:
        written(bench, a_line(1))
        kept = DayTotals(0, add_up([a_line(1)]))
        bench.ledger.keep_totals(DAY, kept)
        assert not bench.ledger.write(a_line(1), reference_key=None, late=True)
        assert bench.ledger.totals(DAY, DAY, hosts=True) == {DAY: kept}

    def test_what_was_looked_at_is_noted_each_time(self, bench: Bench) -> None:
        seen = Access(
            at=NOON, by=PersonId("sara"), by_name="sara@x.et", act="view", subject="GZ1", found=1, request_id="r"
        )
        for _ in range(2):
            bench.ledger.note_access(seen)
        first = bench.ledger.accesses(DAY, limit=1, after=None)
        assert first.items == (seen,)
        assert bench.ledger.accesses(DAY, limit=9, after=first.next_cursor).items == (seen,)
        assert bench.ledger.accesses(DAY - timedelta(days=1), limit=9, after=None).items == ()

    def test_an_act_is_concluded_once_and_found_under_its_booking(self, bench: Bench) -> None:
        asked = Access(
            at=NOON,
            by=PersonId("sara"),
            by_name="sara@x.et",
            act="refund",
            subject="GZ4T1B8WCD7K2M9Q-1",
            found=0,
            request_id="r",
            note="One night.",
            outcome=ASKED,
        )
        place = bench.ledger.note_access(asked)
        other = replace(asked, at=NOON + timedelta(seconds=1), subject="GZ4T1B8WCD7K2M9Q", act="cancel")
        bench.ledger.note_access(other)
        done = replace(asked, outcome=DONE, found=1)
        bench.ledger.conclude_access(place, asked, done)
        with pytest.raises(VersionLost):
            bench.ledger.conclude_access(place, asked, replace(asked, outcome="busy"))
        assert bench.ledger.accesses(DAY, limit=9, after=None).items == (done, other)
        assert bench.ledger.accesses_about("GZ4T1B8WCD7K2M9Q", limit=9, after=None).items == (done, other)

    def test_notes_of_acts_go_and_the_acts_stay(self, bench: Bench) -> None:
        ours, others = "GZ4T1B8WCD7K2M9Q", "GZ4T1B8WCD7K2M9R"
        acts = [
            Access(
                at=NOON + timedelta(seconds=number),
                by=PersonId("sara"),
                by_name="",
                act="note",
                subject=subject,
                found=1,
                request_id="r",
                note=note,
                outcome=DONE,
            )
            for number, (subject, note) in enumerate([(ours, "She rang."), (f"{ours}-1", ""), (others, "He rang.")])
        ]
        for act in acts:
            bench.ledger.note_access(act)
        bench.ledger.forget_notes(ours)
        silent = replace(acts[0], note="")
        assert bench.ledger.accesses(DAY, limit=9, after=None).items == (silent, *acts[1:])
        assert bench.ledger.accesses_about(ours, limit=9, after=None).items == (silent, acts[1])

    def test_a_report_is_kept_whole_and_replaced_whole(self, bench: Bench) -> None:
        matches = tuple(Match(verdict="matched", reference=f"R{n}", ours=Money(n, "ETB")) for n in range(950))
        made = Settlement(
            settlement_id="stl_1", gateway="chapa", start=DAY, end=DAY, made_at=NOON, complete=True, matches=matches
        )
        assert bench.ledger.settlement("stl_1") is None
        bench.ledger.keep_settlement(made)
        assert bench.ledger.settlement("stl_1") == made
        shorter = replace(made, matches=matches[:3], complete=False)
        bench.ledger.keep_settlement(shorter)
        assert bench.ledger.settlement("stl_1") == shorter
        bench.ledger.keep_settlement(replace(made, settlement_id="stl_2", matches=()))
        found = bench.ledger.settlement("stl_2")
        assert found is not None
        assert found.matches == ()

    def test_an_entry_of_an_account_is_written_once(self, bench: Bench) -> None:
        host = PersonId("host-abebe")
        entry = AccountEntry(
            entry_id="payout_1",
            host_id=host,
            kind="payout",
            at=NOON,
            on=DAY,
            by=PersonId("sara"),
            amount=Money(5, "ETB"),
        )
        assert bench.ledger.account(host) == ()
        assert bench.ledger.enter(entry) == entry
        assert bench.ledger.enter(replace(entry, amount=Money(9, "ETB"))) == entry
        earlier = replace(entry, entry_id="payout_2", at=NOON - timedelta(days=1))
        bench.ledger.enter(earlier)
        bench.ledger.enter(replace(entry, host_id=PersonId("another")))
        assert bench.ledger.account(host) == (earlier, entry)
