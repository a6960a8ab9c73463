"""The ledger as operators read it: lines by day and host, totals that cost the same whatever the days hold."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from chalicelib.domain.errors import Busy, Forbidden, InvalidRequest
from chalicelib.domain.finance.ledger import LedgerLine, day_of, totals_begin
from chalicelib.domain.money import Money
from chalicelib.domain.timing import LEDGER_LATE_MARGIN
from chalicelib.services.operators import ledger
from chalicelib.services.ports.ledger import DayTotals
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.search_keys import reference_key
from tests.adapters.ledger_contract import DAY, a_line
from tests.call_log import raises
from tests.fakes import Fakes, FakeSecrets
from tests.harness import GUEST_HANNA, OPERATOR, Harness

BY_DAY = frozenset({"day", "gateway"})
ONE = timedelta(days=1)


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.fixture
def ports(harness: Harness) -> Fakes:
    return harness.ports


def read(
    ports: Fakes, start: date, end: date, *, host: str | None = None, gateway: str | None = None, limit: int = 20
) -> list[Page[LedgerLine]]:
    """Every page."""
    pages: list[Page[LedgerLine]] = []
    while not pages or pages[-1].next_cursor is not None:
        after = pages[-1].next_cursor if pages else None
        pages.append(ledger.lines(ports, OPERATOR, start, end, host_id=host, gateway=gateway, limit=limit, after=after))
    return pages


def read_all(ports: Fakes, start: date, end: date, **filters: str) -> list[str]:
    return [line.line_id for page in read(ports, start, end, **filters) for line in page.items]  # type: ignore[arg-type]


def put(ports: Fakes, *lines: LedgerLine, late: bool = False) -> None:
    for line in lines:
        ports.ledger.write(line, reference_key=None, late=late)


def test_a_paid_booking_leaves_one_line_with_its_key(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    harness.advance(minutes=5)
    [(line, key)] = ports.tables.lines.values()
    assert (line.booking_id, line.kind, line.gross) == (booking.booking_id, "payment", booking.total)
    assert line.fee == Money(booking.total.minor * 35 // 1000, "ETB")
    assert key == reference_key(ports, f"AP{booking.payments[0].tx_ref}")
    assert harness.stored_booking(booking).outbox[-1].status == "sent"


def test_a_line_waits_for_the_key_that_it_is_found_by(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    ports.search_secrets = FakeSecrets()
    harness.sweep_and_drain()
    assert ports.tables.lines == {}
    assert len(ports.mailer.sent) == 2
    ports.search_secrets = FakeSecrets(key="back again")
    harness.advance(hours=2)
    assert len(ports.tables.lines) == 1
    assert len(ports.mailer.sent) == 2
    assert harness.due_at(booking) is None


def test_a_line_that_cannot_be_made_keeps_no_letter_back(harness: Harness, ports: Fakes) -> None:
    harness.confirmed_booking()
    ports.run_before("ledger.write", raises(RuntimeError()))
    harness.sweep_and_drain()
    assert len(ports.mailer.sent) == 2
    assert [line["kind"] for line in ports.observe.of("line_broken")] == ["payment"]
    harness.advance(hours=2)
    assert len(ports.tables.lines) == 1


def test_a_line_long_after_its_day_is_late(harness: Harness, ports: Fakes) -> None:
    booking = harness.confirmed_booking()
    ports.queue.letters.clear()
    day = ports.clock.now().date()
    assert ports.ledger.keep_totals(day, DayTotals(0, ()))
    ports.clock.move(days=3)
    harness.sweep_and_drain()
    assert ports.ledger.totals(day, day, hosts=True)[day].rows is None
    [row] = ledger.totals(ports, OPERATOR, day, day, by=BY_DAY)
    assert row.amounts == {"payment": booking.total.minor}


@pytest.mark.parametrize(
    ("before", "late"),
    [(LEDGER_LATE_MARGIN + timedelta(seconds=1), False), (LEDGER_LATE_MARGIN, True), (timedelta(), True)],
)
def test_a_line_is_late_from_a_margin_before_its_day_may_be_kept(
    harness: Harness, ports: Fakes, before: timedelta, *, late: bool
) -> None:
    harness.confirmed_booking()
    ports.queue.letters.clear()
    zone = ports.rules.time_zone
    day = day_of(ports.clock.now(), zone)
    ports.clock.move_to(totals_begin(day, zone) - before)
    harness.sweep_and_drain()
    assert len(ports.tables.lines) == 1
    assert (day in ports.ledger.totals(day, day, hosts=False)) is late, "whoever adds the day up now is told"


def test_lines_by_day_host_and_gateway(ports: Fakes) -> None:
    put(ports, a_line(1), a_line(2, gateway="paystack"), a_line(3, day=DAY + ONE), a_line(4, host_id="host-other"))
    ids = {number: a_line(number).line_id for number in range(1, 5)}
    assert read_all(ports, DAY, DAY) == [ids[1], ids[2], ids[4]]
    assert read_all(ports, DAY, DAY + ONE, gateway="chapa") == [ids[1], ids[4], ids[3]]
    assert read_all(ports, DAY, DAY, host="host-abebe") == [ids[1], ids[2]]
    assert read_all(ports, DAY + ONE, DAY + ONE, host="host-abebe") == [ids[3]]
    assert read_all(ports, DAY, DAY, host="host-abebe", gateway="paystack") == [ids[2]]
    assert read_all(ports, DAY - ONE, DAY - ONE, host="host-abebe") == []


def test_no_line_is_lost_between_pages(ports: Fakes) -> None:
    put(ports, *(a_line(number, day=DAY + timedelta(days=number % 7)) for number in range(1, 60)))
    pages = read(ports, DAY, DAY + timedelta(days=10), limit=4)
    found = [line.line_id for page in pages for line in page.items]
    assert len(found) == len(set(found)) == 59
    assert all(len(page.items) <= 4 for page in pages)


def test_a_page_looks_on_until_it_finds_something(ports: Fakes) -> None:
    put(ports, a_line(1, day=DAY + timedelta(days=30)))
    page = read(ports, DAY, DAY + timedelta(days=400))[0]
    assert len(page.items) == 1


def test_a_hosts_page_looks_on_past_lines_of_other_days_and_gateways(ports: Fakes) -> None:
    put(ports, *(a_line(number, day=DAY - ONE) for number in range(1, 6)))
    put(ports, *(a_line(number, gateway="paystack") for number in range(6, 11)))
    put(ports, a_line(11, counts_on=date(2027, 1, 21)))
    pages = read(ports, DAY, DAY, host="host-abebe", gateway="chapa", limit=2)
    assert [line.line_id for line in pages[0].items] == [a_line(11).line_id]


def test_a_host_whose_lines_are_all_of_other_days_comes_in_bounded_pages(ports: Fakes) -> None:
    put(ports, *(a_line(number, day=DAY - ONE) for number in range(1, 36)))
    pages = read(ports, DAY, DAY, host="host-abebe", limit=1)
    assert [len(page.items) for page in pages] == [0, 0]
    assert ports.call_log.names().count("ledger.of_host") == 35


def test_a_long_empty_period_comes_in_bounded_pages(ports: Fakes) -> None:
    pages = read(ports, DAY, DAY + timedelta(days=100))
    assert [len(page.items) for page in pages] == [0, 0, 0, 0]
    assert ports.call_log.names().count("ledger.of_day") == 101


@pytest.mark.parametrize("lines_a_day", [1, 1000])
def test_totals_of_days_that_are_over_cost_the_same_whatever_they_hold(ports: Fakes, lines_a_day: int) -> None:
    days = [DAY + timedelta(days=number) for number in range(10)]
    number = 0
    for day in days:
        for _ in range(lines_a_day):
            number += 1
            put(ports, a_line(number, day=day))
    ports.clock.move_to(totals_begin(days[-1], ports.rules.time_zone))
    first = ledger.totals(ports, OPERATOR, days[0], days[-1], by=BY_DAY)
    ports.call_log.forget()
    again = ledger.totals(ports, OPERATOR, days[0], days[-1], by=BY_DAY)
    assert ports.call_log.names() == ["ledger.totals"]
    assert first == again
    assert [row.counts["payment"] for row in again] == [lines_a_day] * 10
    [every] = ledger.totals(ports, OPERATOR, days[0], days[-1], by=frozenset())
    assert every.amounts == {"payment": 10 * lines_a_day * 245000}


def test_a_day_that_is_not_over_is_added_up_each_time(ports: Fakes) -> None:
    ports.clock.move_to(totals_begin(DAY, ports.rules.time_zone) - timedelta(seconds=1))
    for number in (1, 2):
        put(ports, a_line(number))
        [row] = ledger.totals(ports, OPERATOR, DAY, DAY, by=BY_DAY)
        assert row.counts == {"payment": number}
    assert ports.ledger.totals(DAY, DAY, hosts=True) == {}


def test_a_line_that_comes_while_its_day_is_added_up_is_not_forgotten(ports: Fakes) -> None:
    put(ports, a_line(1))
    ports.clock.move_to(totals_begin(DAY, ports.rules.time_zone))
    ports.run_before("ledger.keep_totals", lambda: put(ports, a_line(2), late=True))
    ledger.totals(ports, OPERATOR, DAY, DAY, by=BY_DAY)
    [row] = ledger.totals(ports, OPERATOR, DAY, DAY, by=BY_DAY)
    assert row.counts == {"payment": 2}
    # From then on the day is kept again, and costs no more.
    assert ports.ledger.totals(DAY, DAY, hosts=False)[DAY].rows is not None


def test_more_days_than_one_call_can_add_up_are_added_up_by_the_next(ports: Fakes) -> None:
    days = [DAY + timedelta(days=number) for number in range(4)]
    put(ports, *(a_line(number, day=day) for number, day in enumerate(days, 1)))
    ports.clock.move_to(totals_begin(days[-1], ports.rules.time_zone))
    ports.run_before("ledger.keep_totals", lambda: ports.clock.move_to(ports.clock.now() + timedelta(seconds=16)))
    with pytest.raises(Busy) as busy:
        ledger.totals(ports, OPERATOR, days[0], days[-1], by=BY_DAY)
    assert busy.value.retry_after is not None
    assert len(ledger.totals(ports, OPERATOR, days[0], days[-1], by=BY_DAY)) == 4


def test_the_ledger_is_for_operators_and_a_period_has_a_beginning(ports: Fakes) -> None:
    with pytest.raises(Forbidden):
        ledger.totals(ports, GUEST_HANNA, DAY, DAY, by=BY_DAY)
    with pytest.raises(Forbidden):
        ledger.lines(ports, GUEST_HANNA, DAY, DAY, host_id=None, gateway=None, limit=1, after=None)
    for end in (DAY - ONE, DAY + timedelta(days=3660)):
        with pytest.raises(InvalidRequest):
            ledger.totals(ports, OPERATOR, DAY, end, by=BY_DAY)
