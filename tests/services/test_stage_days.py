"""A day begins at midnight of the stage's time zone: for letters that are counted, and for what hosts are owed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.domain.finance.statements import AccountEntry
from chalicelib.domain.listings.calendar import instant_of
from chalicelib.domain.money import Money
from chalicelib.domain.people.limits import Limits
from chalicelib.services.operators.payouts import mark_paid, own_statements, take_back
from tests.adapters.ledger_contract import a_line
from tests.builders import a_stay
from tests.fakes import Fakes
from tests.harness import HOST_ABEBE, OPERATOR, Harness
from tests.replacing import replace

MS = timedelta(milliseconds=1)
FIRST = date(2027, 3, 1)
ZONES = ["Africa/Addis_Ababa", "UTC", "America/Halifax", "Pacific/Kiritimati"]


@pytest.fixture(params=ZONES)
def midnight(request: pytest.FixtureRequest, ports: Fakes) -> datetime:
    """The instant at which the first of March begins."""
    ports.rules = replace(ports.rules, time_zone=request.param)
    return instant_of(FIRST, "00:00", request.param)


def test_a_stay_is_owed_from_the_day_on_which_it_counts(ports: Fakes, midnight: datetime) -> None:
    ports.ledger.write(a_line(counts_on=FIRST), reference_key=None, late=False)
    ports.clock.move_to(midnight - MS)
    assert own_statements(ports, HOST_ABEBE, FIRST) == ()
    ports.clock.move_to(midnight)
    [made] = own_statements(ports, HOST_ABEBE, FIRST)
    assert made.balance.minor > 0


@pytest.mark.parametrize(("after", "on"), [(-MS, FIRST - timedelta(days=1)), (timedelta(), FIRST)])
def test_a_payout_is_taken_back_today(ports: Fakes, midnight: datetime, after: timedelta, on: date) -> None:
    ports.clock.move_to(midnight + after)
    entry: AccountEntry = mark_paid(
        ports, OPERATOR, HOST_ABEBE.person_id, amount=Money(1, "ETB"), on=FIRST, reference="FT1", note="", key="1"
    )
    assert take_back(ports, OPERATOR, HOST_ABEBE.person_id, entry.entry_id, note="It came back.").on == on


def test_letters_to_an_address_are_counted_by_that_day(harness: Harness, ports: Fakes, midnight: datetime) -> None:
    limits = Limits(letters_per_day=1)
    ports.rules = replace(ports.rules, limits=limits)
    sent = []
    for number, after in enumerate((-2 * MS, -MS, timedelta(), timedelta(hours=23), timedelta(days=1))):
        ports.clock.move_to(midnight + after)
        stay = a_stay(date(2027, 6, 1 + 3 * number), nights=1)
        booking = harness.confirmed_booking(key=f"{number}", stay=stay)
        harness.deliver_outbox()
        sent.append(harness.stored_booking(booking).letters[0].status)
    assert sent == ["sent", "limited", "sent", "limited", "sent"]


def test_the_zones_of_the_table_lie_on_both_sides_of_utc() -> None:
    hours = {instant_of(FIRST, "00:00", zone).astimezone(UTC).hour for zone in ZONES}
    assert hours == {21, 0, 4, 10}
