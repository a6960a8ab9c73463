"""Who comes, who is in the house and who leaves: for operators on a day, for hosts by arrival."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import Forbidden, InvalidRequest, ListingNotFound
from chalicelib.domain.ids import PersonId, derive_listing_id
from chalicelib.domain.listings.calendar import MAX_NIGHTS
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.operators.presence import movement_on
from chalicelib.domain.people.limits import Limits
from chalicelib.services.access import Principal
from chalicelib.services.cancel import cancel
from chalicelib.services.ending import end_stay
from chalicelib.services.hosts import arrivals
from chalicelib.services.ports.outcomes import Page
from tests.builders import HOST, SALT, a_listing, a_stay
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, HOST_ABEBE, OPERATOR, OTHER_HOST, Harness
from tests.replacing import replace

DAY = date(2027, 1, 20)


def day(number: int) -> date:
    return date(2027, 1, number)


@pytest.fixture
def harness() -> Harness:
    return Harness(units=99)


def listed(harness: Harness, name: str, host: Principal = HOST_ABEBE) -> Listing:
    listing = a_listing(
        listing_id=derive_listing_id(SALT, host.person_id, name), host_id=host.person_id, title=name, units=99
    )
    return harness.ports.tables.listings.setdefault(listing.listing_id, listing)


def booked(harness: Harness, check_in: int, nights: int, *, at: Listing | None = None, paid: bool = True) -> Booking:
    """A booking of a guest of its own, in this month."""
    number = len(harness.ports.tables.bookings)
    harness.listing = at or harness.ports.tables.listings[a_listing().listing_id]
    guest = Principal(PersonId(f"guest-{number}"), "guest@gmail.com")
    make = harness.confirmed_booking if paid else harness.held_booking
    return make(key=f"key-{number}", guest=guest, stay=a_stay(day(check_in), nights))


def every(ports: Fakes, limit: int = 100, *, on: date = DAY, **filters: Any) -> list[Booking]:
    """All pages of a day."""
    found: list[Booking] = []
    after: str | None = None
    while True:
        page = arrivals.on_day(
            ports, OPERATOR, day=on, limit=limit, after=after, **({"listing_id": None, "host_id": None} | filters)
        )
        assert len(page.items) <= limit
        found += page.items
        after = page.next_cursor
        if after is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_who_is_where_on_a_day(harness: Harness, ports: Fakes, limit: int) -> None:
    lake, hill = listed(harness, "lake"), listed(harness, "hill", OTHER_HOST)
    comes = [booked(harness, 20, 3, at=lake), booked(harness, 20, 1, at=hill)]
    stays = [booked(harness, 18, 5, at=lake), booked(harness, 19, 2, at=hill)]
    leaves = [booked(harness, 17, 3, at=lake), booked(harness, 19, 1, at=lake)]
    booked(harness, 20, 1, at=lake, paid=False)
    gone = booked(harness, 20, 2, at=lake)
    cancel(ports, OPERATOR, gone.booking_id, reason="")
    booked(harness, 17, 2, at=lake)
    booked(harness, 21, 2, at=lake)

    def told(bookings: list[Booking]) -> dict[str, str | None]:
        assert [each.stay.check_in for each in bookings] == sorted((b.stay.check_in for b in bookings), reverse=True)
        assert len({each.booking_id for each in bookings}) == len(bookings)
        return {each.booking_id: movement_on(each, DAY) for each in bookings}

    right = {
        **{each.booking_id: "arrives" for each in comes},
        **{each.booking_id: "stays" for each in stays},
        **{each.booking_id: "departs" for each in leaves},
    }

    def of(listing: Listing) -> dict[str, str]:
        own = {each.booking_id for each in (*comes, *stays, *leaves) if each.place.listing_id == listing.listing_id}
        return {key: what for key, what in right.items() if key in own}

    assert told(every(ports, limit)) == right
    assert told(every(ports, limit, listing_id=lake.listing_id)) == of(lake)
    assert told(every(ports, limit, host_id=OTHER_HOST.person_id)) == of(hill)
    assert told(every(ports, limit, host_id=HOST_ABEBE.person_id, listing_id=lake.listing_id)) == of(lake)
    assert every(ports, limit, host_id=OTHER_HOST.person_id, listing_id=lake.listing_id) == []


def test_whoever_stays_longest_is_in_the_house_to_the_last_day(harness: Harness, ports: Fakes) -> None:
    ports.rules = replace(ports.rules, limits=Limits(unpaid_unit_nights=90))
    booking = booked(harness, 14, 90)
    everywhere: dict[str, Any] = {}
    for filters in (everywhere, {"listing_id": booking.place.listing_id}, {"host_id": HOST_ABEBE.person_id}):
        for ahead, there in ((89, "stays"), (90, "departs"), (91, None)):
            on = day(14) + timedelta(days=ahead)
            assert [movement_on(each, on) for each in every(ports, on=on, **filters)] == ([there] if there else [])


def test_an_ended_stay_is_out_of_the_house(harness: Harness, ports: Fakes) -> None:
    early, never = booked(harness, 18, 5), booked(harness, 18, 5)
    ports.clock.move_to(early.check_in_at + timedelta(hours=20))
    end_stay(ports, OPERATOR, early.booking_id, as_="left_early", last_night=day(19), refund=0, note="")
    end_stay(ports, OPERATOR, never.booking_id, as_="no_show", last_night=None, refund=0, note="")
    everywhere: dict[str, Any] = {}
    for filters in (everywhere, {"listing_id": early.place.listing_id}):
        seen = {
            number: sorted(str(movement_on(each, day(number))) for each in every(ports, on=day(number), **filters))
            for number in (18, 19, 20, 21)
        }
        assert seen == {18: ["arrives", "no_show"], 19: ["no_show", "stays"], 20: ["departs"], 21: []}


def test_many_that_were_not_paid_do_not_hide_those_that_come(harness: Harness, ports: Fakes) -> None:
    lake = listed(harness, "lake")
    for _ in range(9):
        expired = booked(harness, 20, 1, at=lake)
        cancel(ports, OPERATOR, expired.booking_id, reason="")
    comes = booked(harness, 19, 2, at=lake)
    page = arrivals.on_day(ports, OPERATOR, day=DAY, listing_id=lake.listing_id, host_id=None, limit=2, after=None)
    assert [each.booking_id for each in page.items] == [comes.booking_id]


def test_a_day_that_is_left_out_is_today_where_it_matters(harness: Harness, ports: Fakes) -> None:
    east = a_listing(listing_id=derive_listing_id(SALT, HOST, "east"), time_zone="Pacific/Auckland")
    ports.tables.listings[east.listing_id] = east
    ports.clock.move_to(ports.clock.now().replace(hour=21, minute=30))
    today = ports.clock.now().date()
    # Half past nine in the evening in UTC: after midnight in Addis Ababa, and mid-morning in Auckland.
    assert arrivals.day_asked_for(ports, None, None) == today + timedelta(days=1)
    ports.clock.move_to(ports.clock.now().replace(hour=12))
    assert arrivals.day_asked_for(ports, None, None) == today
    assert arrivals.day_asked_for(ports, None, east.listing_id) == today + timedelta(days=1)
    assert arrivals.day_asked_for(ports, DAY, "lst_NONE") == DAY


def hosted(ports: Fakes, limit: int = 100, *, who: Principal = HOST_ABEBE, **asked: Any) -> list[Booking]:
    found: list[Booking] = []
    after: str | None = None
    given: dict[str, Any] = {"arriving_from": day(15), "arriving_to": day(20), "listing_id": None, "status": None}
    while True:
        page: Page[Booking] = arrivals.hosted(ports, who, limit=limit, after=after, **(given | asked))
        assert len(page.items) <= limit
        found += page.items
        after = page.next_cursor
        if after is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_a_host_sees_who_arrives_over_all_listings_in_order(
    harness: Harness, ports: Fakes, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, hill, others = listed(harness, "lake"), listed(harness, "hill"), listed(harness, "others", OTHER_HOST)
    ins = [booked(harness, n, 1, at=at) for n, at in ((20, lake), (15, hill), (17, lake), (17, hill), (16, lake))]
    for number, at in ((14, lake), (21, hill), (16, others)):
        booked(harness, number, 1, at=at)
    unpaid = booked(harness, 18, 1, at=hill, paid=False)
    right = sorted([*ins, unpaid], key=lambda each: (each.stay.check_in, each.booking_id))
    assert [each.booking_id for each in hosted(ports, limit)] == [each.booking_id for each in right]
    confirmed = [each.booking_id for each in right if each is not unpaid]
    assert [each.booking_id for each in hosted(ports, limit, status="confirmed")] == confirmed
    of_hill = [each.booking_id for each in right if each.place.listing_id == hill.listing_id]
    assert [each.booking_id for each in hosted(ports, limit, listing_id=hill.listing_id)] == of_hill
    # A host with more listings than are put in one order gets them group by group, and none is lost.
    monkeypatch.setattr(arrivals, "MERGED_LISTINGS", 1)
    assert sorted(each.booking_id for each in hosted(ports, limit)) == sorted(each.booking_id for each in right)


def test_what_is_asked_must_fit(harness: Harness, ports: Fakes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        hosted(ports, arriving_to=day(14))
    assert [error.field for error in refused.value.errors] == ["arriving_to"]
    with pytest.raises(ListingNotFound):
        hosted(ports, who=OTHER_HOST, listing_id=harness.listing.listing_id)
    for who in (GUEST_HANNA, OPERATOR):
        with pytest.raises(Forbidden):
            hosted(ports, who=who)
    for who in (GUEST_HANNA, HOST_ABEBE):
        with pytest.raises(Forbidden):
            arrivals.on_day(ports, who, day=DAY, listing_id=None, host_id=None, limit=9, after=None)
    with pytest.raises(ListingNotFound):
        every(ports, listing_id="lst_NONE")


@pytest.mark.parametrize("host", [None, HOST_ABEBE, OTHER_HOST])
@pytest.mark.parametrize("named", [True, False])
def test_a_listing_and_a_host_are_asked_for_together(
    harness: Harness, ports: Fakes, host: Principal | None, *, named: bool
) -> None:
    """A listing of another host has nobody that this host's guests are."""
    own, other = listed(harness, "own"), listed(harness, "other", OTHER_HOST)
    here, there = booked(harness, 20, 1, at=own), booked(harness, 20, 1, at=other)
    filters: dict[str, Any] = {
        "listing_id": own.listing_id if named else None,
        "host_id": host.person_id if host else None,
    }
    wanted = [
        each.booking_id
        for each in (here, there)
        if (not named or each is here) and (host is None or each.place.host_id == host.person_id)
    ]
    assert sorted(each.booking_id for each in every(ports, **filters)) == sorted(wanted)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_whoever_came_longest_ago_is_on_the_last_page(harness: Harness, ports: Fakes, limit: int) -> None:
    ports.rules = replace(ports.rules, limits=Limits(unpaid_unit_nights=1000))
    made = [booked(harness, 20, nights) for nights in (MAX_NIGHTS, MAX_NIGHTS)]
    last = made[0].stay.check_out
    ports.clock.move(days=60)
    guest = Principal(PersonId("guest-late"), "late@gmail.com")
    made.append(harness.confirmed_booking(key="late", guest=guest, stay=a_stay(last - timedelta(days=2), 2)))
    found = [booking.booking_id for booking in every(ports, limit, on=last)]
    assert sorted(found) == sorted(booking.booking_id for booking in made)
