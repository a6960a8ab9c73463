"""What a host does with a listing: change it, close it, set its nights, see who comes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import Booking
from chalicelib.domain.errors import (
    Busy,
    DatesUnavailable,
    Forbidden,
    InvalidRequest,
    ListingNotFound,
    PreconditionFailed,
    Unauthenticated,
)
from chalicelib.domain.ids import PersonId, derive_listing_id
from chalicelib.domain.listings.calendar import Night, NightChange
from chalicelib.domain.money import Money
from chalicelib.services.access import Principal
from chalicelib.services.hosts import calendars, hosting
from chalicelib.services.ports.outcomes import StoreBusy, VersionLost
from tests.builders import HOST, NOW, SALT, a_listing, a_stay
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import GUEST_HANNA, HOST_ABEBE, NIGHTS, OPERATOR, OTHER_HOST, Harness
from tests.replacing import replace

FIRST, END = NIGHTS[0], NIGHTS[-1] + timedelta(days=1)


def change(
    harness: Harness, who: Principal | None = HOST_ABEBE, *, only_version: int | None = None, **changes: Any
) -> Any:
    only_versions = None if only_version is None else {only_version}
    return hosting.update(harness.ports, who, harness.listing.listing_id, changes, only_versions=only_versions)


CLOSING = NightChange(closed=True)


def set_nights(
    harness: Harness, who: Principal | None = HOST_ABEBE, change: NightChange = CLOSING
) -> tuple[Night, ...]:
    return calendars.set_nights(harness.ports, who, harness.listing.listing_id, FIRST, END, change=change)[1]


USES: list[Any] = [
    lambda harness, who: change(harness, who, title="Mine"),
    lambda harness, who: hosting.close(harness.ports, who, harness.listing.listing_id),
    set_nights,
    lambda harness, who: hosting.bookings(
        harness.ports, who, listing_id=harness.listing.listing_id, status=None, limit=9, after=None
    ),
]


@pytest.mark.parametrize("use", USES)
def test_a_listing_is_its_hosts_alone(harness: Harness, ports: Fakes, use: Any) -> None:
    with pytest.raises(Unauthenticated):
        use(harness, None)
    for who in (GUEST_HANNA, OPERATOR, Principal(HOST)):
        with pytest.raises(Forbidden):
            use(harness, who)
    assert ports.call_log.calls == []
    with pytest.raises(ListingNotFound):
        use(harness, OTHER_HOST)
    assert ports.call_log.names() == ["listings.load"]
    assert ports.tables.listings[harness.listing.listing_id] == harness.listing
    assert ports.tables.nights == {}


# -- changing and closing


def test_what_is_changed_is_changed_and_nothing_else(harness: Harness, ports: Fakes) -> None:
    ports.clock.move(days=1)
    changed = change(harness, title="Lake villa", units=7)
    assert changed == ports.tables.listings[harness.listing.listing_id]
    expected = replace(harness.listing, title="Lake villa", units=7, version=2, updated_at=NOW + timedelta(days=1))
    assert changed == expected


def test_no_change_is_no_save(harness: Harness, ports: Fakes) -> None:
    assert change(harness, title=harness.listing.title) == harness.listing
    assert ports.call_log.count("listings.save") == 0


def test_a_change_of_the_version_that_was_read(harness: Harness, ports: Fakes) -> None:
    assert change(harness, only_version=1, units=5).version == 2
    for stale in (1, 3):
        with pytest.raises(PreconditionFailed):
            change(harness, only_version=stale, units=6)
    assert ports.tables.listings[harness.listing.listing_id].units == 5
    # Any of those that If-Match names will do.
    place = harness.listing.listing_id
    assert hosting.update(ports, HOST_ABEBE, place, {"units": 6}, only_versions=(1, 2, 9)).version == 3


def test_a_change_meanwhile_loses_nothing(harness: Harness, ports: Fakes) -> None:
    ports.run_before("listings.save", lambda: change(harness, units=9))
    changed = change(harness, title="Lake villa")
    assert (changed.units, changed.title, changed.version) == (9, "Lake villa", 3)


def test_a_change_meanwhile_is_another_version(harness: Harness, ports: Fakes) -> None:
    ports.run_before("listings.save", lambda: change(harness, units=9))
    with pytest.raises(PreconditionFailed):
        change(harness, only_version=1, title="Lake villa")


def test_the_currency_stays(harness: Harness, ports: Fakes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        change(harness, nightly_price=Money(100, "USD"))
    assert [error.field for error in refused.value.errors] == ["nightly_price.currency"]
    assert change(harness, nightly_price=Money(100, "ETB")).nightly_price == Money(100, "ETB")


@pytest.mark.parametrize("error", [VersionLost, StoreBusy])
def test_a_store_that_never_takes_it(harness: Harness, ports: Fakes, error: type[Exception]) -> None:
    tries = hosting.TRIES if error is VersionLost else 1
    for skip in range(tries):
        ports.run_before("listings.save", raises(error()), skip=skip)
    with pytest.raises(Busy) as refused:
        change(harness, units=9)
    assert refused.value.retry_after == 1
    assert ports.call_log.count("listings.save") == tries


def test_a_closed_listing_takes_no_more_bookings_and_keeps_its_own(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    hosting.close(ports, HOST_ABEBE, harness.listing.listing_id)
    assert ports.tables.listings[harness.listing.listing_id].status == "closed"
    assert harness.stored_booking(booking) == booking
    hosting.close(ports, HOST_ABEBE, harness.listing.listing_id)
    assert ports.call_log.count("listings.save") == 1


# -- nights


def test_nights_are_priced_and_closed(harness: Harness, ports: Fakes) -> None:
    harness.held_booking()
    dear = Money(300000, "ETB")
    assert set_nights(harness, change=NightChange(dear, closed=True)) == tuple(
        Night(day, 1, dear, closed=True) for day in NIGHTS
    )
    with pytest.raises(DatesUnavailable):
        harness.book(key="second")
    assert set_nights(harness, change=NightChange(None, closed=False)) == tuple(Night(day, 1) for day in NIGHTS)
    assert harness.book(key="second").booking.total == Money(735000, "ETB")


def test_closing_nights_and_opening_them_again_keeps_their_price(harness: Harness, ports: Fakes) -> None:
    dear = Money(300000, "ETB")
    set_nights(harness, change=NightChange(dear))
    assert set_nights(harness, change=NightChange(closed=True)) == tuple(
        Night(day, 0, dear, closed=True) for day in NIGHTS
    )
    assert set_nights(harness, change=NightChange(closed=False)) == tuple(Night(day, 0, dear) for day in NIGHTS)


@pytest.mark.parametrize(
    ("start", "end", "currency", "fields"),
    [
        (FIRST, FIRST, "ETB", ["to"]),
        (END, FIRST, "ETB", ["to"]),
        (FIRST, FIRST + timedelta(days=91), "ETB", ["to"]),
        (FIRST, END, "USD", ["price.currency"]),
        (END, FIRST, "USD", ["to", "price.currency"]),
    ],
)
def test_nights_that_do_not_fit(start: date, end: date, currency: str, fields: list[str]) -> None:
    harness = Harness()
    place = harness.listing.listing_id
    with pytest.raises(InvalidRequest) as refused:
        calendars.set_nights(harness.ports, HOST_ABEBE, place, start, end, change=NightChange(Money(1, currency)))
    assert [error.field for error in refused.value.errors] == fields
    assert harness.ports.tables.nights == {}


def test_ninety_nights_fit(harness: Harness, ports: Fakes) -> None:
    end = FIRST + timedelta(days=90)
    _, nights = calendars.set_nights(ports, HOST_ABEBE, harness.listing.listing_id, FIRST, end, change=CLOSING)
    assert [night.date for night in nights if night.closed] == [FIRST + timedelta(days=n) for n in range(90)]


def test_nights_of_a_busy_store(harness: Harness, ports: Fakes) -> None:
    ports.run_before("listings.set_nights", raises(StoreBusy()))
    with pytest.raises(Busy):
        set_nights(harness)


# -- who comes


def houses(harness: Harness, bookings: list[int]) -> list[Booking]:
    """One listing for each number, with so many bookings; all of them, listings and stays latest first."""
    made = []
    for n, count in enumerate(bookings):
        listing = a_listing(
            listing_id=derive_listing_id(SALT, HOST, f"{n}"), created_at=NOW + timedelta(days=n + 1), units=9
        )
        harness.ports.tables.listings[listing.listing_id] = harness.listing = listing
        own = [
            harness.held_booking(
                key="k", guest=Principal(PersonId(f"guest-{n}-{day}")), stay=a_stay(FIRST + timedelta(day), 1)
            )
            for day in range(count)
        ]
        made.append(own[::-1])
    return [booking for own in reversed(made) for booking in own]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("bookings", [[0], [3], [2, 0, 3], [1] * 12, [0] * 11, [4, 0, 0, 0, 0, 0, 2]])
def test_bookings_of_all_listings_page_by_page(harness: Harness, ports: Fakes, limit: int, bookings: list[int]) -> None:
    expected = houses(harness, bookings)
    found: list[Booking] = []
    after: Any = None
    for _ in range(60):
        page = hosting.bookings(ports, HOST_ABEBE, listing_id=None, status=None, limit=limit, after=after)
        assert len(page.items) <= limit
        found += page.items
        if (after := page.next_cursor) is None:
            break
    assert after is None
    assert found == expected


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_bookings_of_all_listings_of_a_status(harness: Harness, ports: Fakes, limit: int) -> None:
    every = houses(harness, [2, 3])
    tx_ref = every[1].payments[0].tx_ref
    ports.gateway.pay(tx_ref)
    harness.webhook(tx_ref)
    found: list[Booking] = []
    after: Any = None
    for _ in range(20):
        page = hosting.bookings(ports, HOST_ABEBE, listing_id=None, status="confirmed", limit=limit, after=after)
        found += page.items
        if (after := page.next_cursor) is None:
            break
    assert found == [harness.stored_booking(every[1])]


def test_a_full_page_looks_into_no_further_listing(harness: Harness, ports: Fakes) -> None:
    houses(harness, [1, 2])
    harness.clear_logs()
    page = hosting.bookings(ports, HOST_ABEBE, listing_id=None, status=None, limit=2, after=None)
    assert (len(page.items), ports.call_log.count("bookings.of_listing")) == (2, 1)
    assert page.next_cursor is not None


def test_bookings_of_one_listing_of_a_status(harness: Harness, ports: Fakes) -> None:
    paid = harness.confirmed_booking(key="paid")
    harness.held_booking(key="open", stay=a_stay(END, 1))
    place = harness.listing.listing_id
    of_status = hosting.bookings(ports, HOST_ABEBE, listing_id=place, status="confirmed", limit=9, after=None)
    assert of_status.items == (paid,)
    every = hosting.bookings(ports, HOST_ABEBE, listing_id=place, status=None, limit=1, after=None)
    assert [booking.stay.check_in for booking in every.items] == [END]
    rest = hosting.bookings(ports, HOST_ABEBE, listing_id=place, status=None, limit=1, after=every.next_cursor)
    assert rest.items == (paid,)
    mine = hosting.bookings(ports, OTHER_HOST, listing_id=None, status=None, limit=9, after=None)
    assert (mine.items, mine.next_cursor) == ((), None)
