"""What a host is owed: stays that ended, later refunds, fees, commissions, payouts and what is taken back of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from chalicelib.domain.errors import Forbidden, InvalidRequest, PayoutNotFound
from chalicelib.domain.finance.ledger import LedgerLine
from chalicelib.domain.finance.statements import AccountEntry, Statement, following
from chalicelib.domain.ids import PersonId
from chalicelib.domain.money import Money
from chalicelib.services.operators.payouts import (
    mark_paid,
    owed,
    own_statements,
    set_commission,
    statements_of,
    take_back,
)
from tests.adapters.ledger_contract import a_line
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, HOST_ABEBE, OPERATOR, OPERATOR_SELAM, OTHER_HOST, Harness
from tests.replacing import replace

HOST = HOST_ABEBE.person_id
JANUARY, FEBRUARY, MARCH = date(2027, 1, 1), date(2027, 2, 1), date(2027, 3, 1)


@pytest.fixture
def ports() -> Fakes:
    ports = Fakes()
    ports.rules = replace(ports.rules, commission=1000)
    ports.clock.move(days=100)
    return ports


def put(ports: Fakes, *lines: LedgerLine) -> None:
    for line in lines:
        ports.ledger.write(line, reference_key=None, late=False)


def back(number: int, minor: int, **changes: Any) -> LedgerLine:
    known = {"line_id": f"back-{number}", "kind": "refund", "gross": Money(-minor, "ETB"), "fee": None}
    return a_line(number, **(known | changes))


def statement(ports: Fakes, month: date) -> Statement:
    [made] = own_statements(ports, HOST_ABEBE, month)
    return made


def paid(ports: Fakes, minor: int, on: date, **changes: Any) -> AccountEntry:
    known: dict[str, Any] = {"reference": "FT1", "note": "January.", "key": f"{minor} {on}"}
    return mark_paid(ports, OPERATOR, HOST, amount=Money(minor, "ETB"), on=on, **(known | changes))


def test_a_stay_that_ended_brings_what_is_left_of_it(ports: Fakes) -> None:
    put(ports, a_line(1))
    made = statement(ports, JANUARY)
    [row] = made.stays
    assert (row.gross, row.refunded, row.fee, row.commission) == (245000, 0, 6125, 24500)
    assert (made.earned.minor, made.brought_forward.minor, made.balance.minor) == (214375, 0, 214375)
    assert statements_of(ports, OPERATOR, HOST, JANUARY) == (made,)
    # The next month begins with it.
    assert statement(ports, FEBRUARY).brought_forward.minor == 214375
    assert statement(ports, FEBRUARY).stays == ()


def test_what_is_not_over_is_not_owed(ports: Fakes) -> None:
    put(ports, a_line(1, counts_on=date(2027, 4, 30)))
    assert own_statements(ports, HOST_ABEBE, date(2027, 4, 1)) == ()
    ports.clock.move(days=60)
    assert statement(ports, date(2027, 4, 1)).earned.minor == 214375


def test_a_refund_of_the_same_stay_takes_its_commission_with_it(ports: Fakes) -> None:
    put(ports, a_line(1), back(1, 245000))
    [row] = statement(ports, JANUARY).stays
    assert (row.gross, row.refunded, row.commission, row.earned) == (245000, 245000, 0, -6125)


def test_money_that_goes_back_later_counts_then_and_may_leave_a_debt(ports: Fakes) -> None:
    put(ports, a_line(1), back(1, 245000, counts_on=date(2027, 3, 5)))
    paid(ports, 214375, FEBRUARY)
    january = statement(ports, JANUARY)
    assert january.balance.minor == 214375
    march = statement(ports, MARCH)
    assert (march.brought_forward.minor, march.earned.minor, march.balance.minor) == (0, -220500, -220500)


def test_who_bears_the_fee_is_the_stages_rule(ports: Fakes) -> None:
    ports.rules = replace(ports.rules, host_bears_fee=False)
    put(ports, a_line(1), a_line(2, fee=None))
    assert [row.fee for row in statement(ports, JANUARY).stays] == [0, 0]


def test_a_host_has_her_own_commission_from_a_day_on(ports: Fakes) -> None:
    put(ports, a_line(1, counts_on=date(2027, 1, 20)), a_line(2, counts_on=date(2027, 1, 21)))
    before = set_commission(
        ports, OPERATOR, HOST, commission=0, on=date(2027, 1, 21), note="As agreed.", key="1", dry_run=True
    )
    assert [row.commission for row in statement(ports, JANUARY).stays] == [24500, 24500]
    assert before.commission == 0
    set_commission(ports, OPERATOR, HOST, commission=0, on=date(2027, 1, 21), note="As agreed.", key="1")
    assert [row.commission for row in statement(ports, JANUARY).stays] == [24500, 0]
    set_commission(ports, OPERATOR, HOST, commission=None, on=date(2027, 1, 21), note="No more.", key="2")
    ports.clock.move(seconds=1)
    assert len(ports.ledger.account(HOST)) == 2


def test_a_host_without_a_commission_of_her_own_is_charged_the_stages_again(ports: Fakes) -> None:
    put(ports, a_line(1))
    for number, commission in enumerate((0, None)):
        set_commission(ports, OPERATOR, HOST, commission=commission, on=JANUARY, note="As agreed.", key=f"{number}")
        ports.clock.move(seconds=1)
        [row] = statement(ports, JANUARY).stays
        assert row.commission == (24500 if commission is None else 0)


@pytest.mark.parametrize("minor", [1, 4, 5, 6, 15, 99, 245_005])
def test_what_goes_back_on_another_day_takes_all_of_its_commission_along(ports: Fakes, minor: int) -> None:
    put(ports, a_line(1, gross=Money(minor, "ETB"), fee=None), back(1, minor, counts_on=date(2027, 1, 25)))
    came, went = statement(ports, JANUARY).stays
    # Half a cent is a cent, whichever way it goes.
    assert (came.commission, went.commission) == ((minor + 5) // 10, -((minor + 5) // 10))
    assert statement(ports, JANUARY).balance.minor == 0


@pytest.mark.parametrize("month", range(1, 13))
def test_a_month_ends_where_the_next_begins(ports: Fakes, month: int) -> None:
    begins = date(2026, month, 1)
    follows = date(2026 + month // 12, month % 12 + 1, 1)
    days = (begins - timedelta(days=1), begins, follows - timedelta(days=1), follows)
    put(ports, *(a_line(number, fee=None, counts_on=day) for number, day in enumerate(days)))
    for number, day in enumerate(days):
        paid(ports, 1, day, key=f"{number}")
    made = statement(ports, begins)
    assert [row.counts_on for row in made.stays] == list(days[1:3])
    assert (sorted(entry.on for entry in made.payouts), made.paid_out.minor) == (list(days[1:3]), 2)
    assert made.brought_forward.minor == 220_500 - 1
    assert statement(ports, follows).brought_forward == made.balance


@pytest.mark.parametrize(
    ("agreed", "charged"),
    [
        # From a day of January on, so many hundredths; entered in this order. What counts on the 20th and the 25th.
        ([], [1000, 1000]),
        ([(20, 500)], [500, 500]),
        ([(21, 500)], [1000, 500]),
        ([(26, 500)], [1000, 1000]),
        ([(10, 500), (22, 200)], [500, 200]),
        ([(22, 200), (10, 500)], [500, 200]),
        ([(10, 500), (10, 200)], [200, 200]),
        ([(22, 200), (22, 300), (10, 500)], [500, 300]),
    ],
)
def test_the_commission_is_the_one_agreed_for_that_day_whenever_it_was_entered(
    ports: Fakes, agreed: list[tuple[int, int]], charged: list[int]
) -> None:
    put(ports, *(a_line(day, gross=Money(10_000, "ETB"), fee=None, counts_on=date(2027, 1, day)) for day in (20, 25)))
    for number, (day, hundredths) in enumerate(agreed):
        on = date(2027, 1, day)
        set_commission(ports, OPERATOR, HOST, commission=hundredths, on=on, note="As agreed.", key=f"{number}")
        ports.clock.move(seconds=1)
    assert [row.commission for row in statement(ports, JANUARY).stays] == charged


def test_a_payout_is_marked_once_and_taken_back_by_another_entry(ports: Fakes) -> None:
    put(ports, a_line(1))
    assert paid(ports, 1, FEBRUARY, dry_run=True).amount == Money(1, "ETB")
    assert ports.ledger.account(HOST) == ()
    entry = paid(ports, 214375, date(2027, 1, 25), key="first")
    assert paid(ports, 214375, date(2027, 1, 25), key="first") == entry
    assert (entry.by, entry.by_name, entry.reference) == (OPERATOR.person_id, OPERATOR.email, "FT1")
    assert statement(ports, JANUARY).balance.minor == 0
    counter = take_back(ports, OPERATOR, HOST, entry.entry_id, note="It came back.")
    ports.clock.move(hours=1)
    assert take_back(ports, OPERATOR, HOST, entry.entry_id, note="Once more.") == counter
    assert (counter.amount, counter.reverses) == (Money(-214375, "ETB"), entry.entry_id)
    # The month in which it was paid stays as it was; the counter-entry stands in its own.
    assert statement(ports, JANUARY).paid_out.minor == 214375
    assert statement(ports, counter.on.replace(day=1)).balance.minor == 214375


def test_currencies_are_never_added_up(ports: Fakes) -> None:
    put(ports, a_line(1), a_line(2, gross=Money(100, "USD"), fee=None))
    assert [(made.currency, made.earned.minor) for made in own_statements(ports, HOST_ABEBE, JANUARY)] == [
        ("ETB", 214375),
        ("USD", 90),
    ]


def test_each_sees_and_does_what_is_theirs(ports: Fakes) -> None:
    put(ports, a_line(1))
    assert own_statements(ports, OTHER_HOST, JANUARY) == ()
    for principal in (GUEST_HANNA, HOST_ABEBE):
        with pytest.raises(Forbidden):
            statements_of(ports, principal, HOST, JANUARY)
        with pytest.raises(Forbidden):
            mark_paid(
                ports,
                principal,
                HOST,
                amount=Money(1, "ETB"),
                on=JANUARY,
                reference="x",
                note="x",
                key="k",
                dry_run=True,
            )
        with pytest.raises(Forbidden):
            take_back(ports, principal, HOST, "x", note="x")
    with pytest.raises(Forbidden):
        own_statements(ports, GUEST_HANNA, JANUARY)
    with pytest.raises(PayoutNotFound):
        take_back(ports, OPERATOR, HOST, "payout_x", note="x")
    with pytest.raises(InvalidRequest):
        paid(ports, 0, JANUARY)


def test_a_stay_from_the_hold_to_the_statement() -> None:
    harness = Harness()
    booking = harness.confirmed_booking()
    harness.sweep_and_drain()
    harness.ports.clock.move_to(booking.check_out_at + timedelta(days=1))
    [made] = own_statements(harness.ports, HOST_ABEBE, booking.stay.check_out.replace(day=1))
    fee = booking.total.minor * 35 // 1000
    assert (made.earned.minor, [row.booking_id for row in made.stays]) == (
        booking.total.minor - fee,
        [booking.booking_id],
    )
    assert PersonId(HOST) == booking.place.host_id


@pytest.mark.parametrize("since", [date(2027, 1, 1), date(2027, 1, 15), date(2027, 1, 31)])
@pytest.mark.parametrize("days", [31, 58, 59, 100])
def test_who_is_owed_is_every_host_whose_guests_moved_money_in_those_months(
    ports: Fakes, since: date, days: int
) -> None:
    """From the first day of the first of the months on, up to today: whatever day of it is named."""
    ports.clock.move_to(datetime(2027, 1, 1, 12, tzinfo=UTC) + timedelta(days=days))
    today = ports.clock.now().date()
    moved = [date(2026, 12, 31), JANUARY, date(2027, 1, 31), FEBRUARY, date(2027, 2, 28), MARCH, date(2027, 3, 31)]
    moved = [day for day in moved if day <= today]
    for number, day in enumerate(moved):
        put(ports, a_line(number, day=day, host_id=PersonId(f"host-{day}"), counts_on=max(day, JANUARY)))
    for month in (FEBRUARY, MARCH):
        end = following(month)
        found = list(owed(ports, OPERATOR, month, since=since))
        assert [host for host, _ in found] == [f"host-{day}" for day in moved if JANUARY <= day < end]
        assert all(made == statements_of(ports, OPERATOR, host, month) for host, made in found)


OTHERS = (OPERATOR, OPERATOR_SELAM)
TIMES = ("first", "second")
HOSTS = (HOST, OTHER_HOST.person_id)


def test_an_entry_is_one_persons_of_one_kind_for_one_host_under_one_key(ports: Fakes) -> None:
    """The same key of another person, or for another host, is another entry; the very same call again is the same."""
    made = []
    for who, host, key in product(OTHERS, HOSTS, TIMES):
        more: dict[str, Any] = {"on": FEBRUARY, "note": f"Of {who.person_id}.", "key": key}
        payout = mark_paid(ports, who, host, amount=Money(5, "ETB"), reference="FT1", **more)
        share = set_commission(ports, who, host, commission=500, **more)
        ports.clock.move(seconds=1)
        assert mark_paid(ports, who, host, amount=Money(5, "ETB"), reference="FT1", **more) == payout
        assert set_commission(ports, who, host, commission=500, **more) == share
        for entry in (payout, share):
            assert (entry.by, entry.by_name, entry.note) == (who.person_id, who.email, f"Of {who.person_id}.")
        made += [payout, share]
    assert len({(entry.host_id, entry.entry_id) for entry in made}) == len(made)
    assert len({entry.entry_id for entry in made}) == len(made)
    for host in HOSTS:
        assert len(ports.ledger.account(host)) == len(made) // len(HOSTS)


def test_only_a_payout_of_this_host_is_taken_back(ports: Fakes) -> None:
    mine = paid(ports, 5, FEBRUARY)
    other = mark_paid(
        ports, OPERATOR, HOSTS[1], amount=Money(5, "ETB"), on=FEBRUARY, reference="FT1", note="x", key="k"
    )
    share = set_commission(ports, OPERATOR, HOST, commission=500, on=FEBRUARY, note="x", key="k")
    counter = take_back(ports, OPERATOR, HOST, mine.entry_id, note="It came back.")
    for entry in (other, share, counter):
        with pytest.raises(PayoutNotFound):
            take_back(ports, OPERATOR, HOST, entry.entry_id, note="x")
    assert len(ports.ledger.account(HOST)) == 3
