"""The catalogue: publish once, find what is free, see the nights."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from chalicelib.domain.errors import Busy, IdempotencyKeyReused, InvalidRequest, ListingNotFound
from chalicelib.domain.fingerprint import fingerprint
from chalicelib.domain.ids import derive_listing_id
from chalicelib.domain.listings.calendar import MAX_DAYS_AHEAD, Night
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.services.hosts.calendars import availability
from chalicelib.services.hosts.hosting import of_host, publish
from chalicelib.services.ports.outcomes import StoreBusy, Unreadable
from chalicelib.services.search import MOST_LISTINGS, Search, SearchPage, listing_of, listing_with_nights, search
from tests.builders import HOST, NOW, SALT, a_listing, a_stay
from tests.call_log import raises
from tests.fakes import Fakes, OneGateway
from tests.harness import DRAFT, HOST_ABEBE, NIGHTS, OTHER_HOST, Harness
from tests.replacing import replace

IN, OUT = NIGHTS[0], NIGHTS[-1] + timedelta(days=1)
ONE = timedelta(days=1)


def another(harness: Harness, name: str, **changes: Any) -> Listing:
    listing = a_listing(listing_id=derive_listing_id(SALT, HOST, name), **changes)
    harness.ports.tables.listings[listing.listing_id] = listing
    return listing


def shown(page: SearchPage) -> list[Listing]:
    return [result.listing for result in page.items]


# -- publishing


def test_a_currency_that_no_gateway_takes_is_not_published(harness: Harness, ports: Fakes) -> None:
    ports.gateways = OneGateway(ports.gateway, frozenset({"ETB"}))
    publish(ports, HOST_ABEBE, DRAFT, key="birr")
    with pytest.raises(InvalidRequest) as refused:
        publish(ports, HOST_ABEBE, replace(DRAFT, nightly_price=Money(9900, "USD")), key="dollars")
    assert [(error.field, error.message) for error in refused.value.errors] == [
        ("nightly_price.currency", "no payment gateway of this stage takes USD")
    ]
    assert ports.call_log.count("listings.publish") == 1


def test_a_listing_is_its_publishers(harness: Harness, ports: Fakes) -> None:
    listing, replayed = publish(ports, OTHER_HOST, DRAFT, key="k")
    assert not replayed
    assert listing == ports.tables.listings[listing.listing_id]
    assert listing == Listing(
        listing_id=derive_listing_id(SALT, OTHER_HOST.person_id, "k"),
        host_id=OTHER_HOST.person_id,
        host_email="other@gmail.com",
        created_at=NOW,
        updated_at=NOW,
        fingerprint=fingerprint(DRAFT),
        **{field.name: getattr(DRAFT, field.name) for field in structs.fields(DRAFT)},
    )


def test_a_repeat_answers_the_same_listing(harness: Harness, ports: Fakes) -> None:
    listing, _ = publish(ports, HOST_ABEBE, DRAFT, key="k")
    ports.clock.move(days=1)
    assert publish(ports, HOST_ABEBE, DRAFT, key="k") == (listing, True)
    assert ports.tables.listings[listing.listing_id] == listing


def test_a_key_belongs_to_one_listing(harness: Harness, ports: Fakes) -> None:
    listing, _ = publish(ports, HOST_ABEBE, DRAFT, key="k")
    with pytest.raises(IdempotencyKeyReused):
        publish(ports, HOST_ABEBE, replace(DRAFT, units=5), key="k")
    assert ports.tables.listings[listing.listing_id] == listing
    assert publish(ports, OTHER_HOST, DRAFT, key="k")[0].listing_id != listing.listing_id


def test_without_a_key_each_call_is_a_new_one(harness: Harness, ports: Fakes) -> None:
    first, second = (publish(ports, HOST_ABEBE, DRAFT, key=None) for _ in range(2))
    assert first[0].listing_id != second[0].listing_id
    assert (first[1], second[1]) == (False, False)


def test_a_busy_store_is_told(harness: Harness, ports: Fakes) -> None:
    ports.run_before("listings.publish", raises(StoreBusy()))
    with pytest.raises(Busy) as refused:
        publish(ports, HOST_ABEBE, DRAFT, key="k")
    assert refused.value.retry_after == 1
    assert len(ports.tables.listings) == 1


# -- finding


def test_without_dates_all_open_listings_cheapest_first(harness: Harness, ports: Fakes) -> None:
    cheap = another(harness, "cheap", nightly_price=Money(100, "ETB"))
    another(harness, "closed", status="closed")
    another(harness, "elsewhere", city="Bahir Dar")
    found = search(ports, Search("  BISHOFTU "))
    assert shown(found) == [cheap, harness.listing]
    assert found.next_cursor is None


def test_a_price_limit(harness: Harness, ports: Fakes) -> None:
    assert shown(search(ports, Search("bishoftu", max_price=245000))) == [harness.listing]
    assert search(ports, Search("bishoftu", max_price=244999)).items == ()


def test_page_by_page(harness: Harness, ports: Fakes) -> None:
    for n in range(4):
        another(harness, f"{n}", nightly_price=Money(n + 1, "ETB"))
    prices = []
    after: str | None = None
    while True:
        page = search(ports, Search("bishoftu", limit=2, after=after))
        assert len(page.items) <= 2
        prices += [listing.nightly_price.minor for listing in shown(page)]
        after = page.next_cursor
        if after is None:
            break
    assert prices == [1, 2, 3, 4, 245000]


def test_a_listing_that_was_just_closed_is_not_shown(harness: Harness, ports: Fakes) -> None:
    """The index may lag behind. What follows it is shown all the same."""
    dearer = another(harness, "dearer", nightly_price=Money(900000, "ETB"))

    def closed() -> None:
        ports.tables.listings[harness.listing.listing_id] = replace(harness.listing, status="closed")

    ports.run_before("listings.load_many", closed)
    assert shown(search(ports, Search("bishoftu"))) == [dearer]


@pytest.mark.parametrize(("guests", "fits"), [(8, True), (9, False)])
def test_without_dates_it_must_be_large_enough(harness: Harness, ports: Fakes, guests: int, *, fits: bool) -> None:
    assert bool(search(ports, Search("bishoftu", guests=guests)).items) is fits


def test_with_dates_each_has_its_quote(harness: Harness, ports: Fakes) -> None:
    ports.tables.nights[harness.listing.listing_id, NIGHTS[1]] = Night(NIGHTS[1], 0, Money(300000, "ETB"))
    [found] = search(ports, Search("bishoftu", IN, OUT)).items
    assert (found.listing, found.stay) == (harness.listing, a_stay(IN, 3, guests=1))
    assert found.quote is not None
    assert found.quote.total == Money(790000, "ETB")


@pytest.mark.parametrize(("guests", "units"), [(1, 1), (2, 1), (3, 2), (8, 4)])
def test_as_many_units_as_the_guests_need(harness: Harness, ports: Fakes, guests: int, units: int) -> None:
    [found] = search(ports, Search("bishoftu", IN, OUT, guests=guests)).items
    assert found.stay is not None
    assert found.quote is not None
    assert (found.stay.units, found.quote.total) == (units, Money(735000 * units, "ETB"))


def test_with_dates_the_cheapest_stay_comes_first(harness: Harness, ports: Fakes) -> None:
    """Whatever a night costs otherwise, and however many units the guests need."""
    festival = another(harness, "festival", nightly_price=Money(1000, "ETB"))
    for day in NIGHTS:
        ports.tables.nights[festival.listing_id, day] = Night(day, 0, Money(400000, "ETB"))
    small = another(harness, "small", nightly_price=Money(130000, "ETB"), guests_per_unit=1)
    offer = another(harness, "offer", nightly_price=Money(900000, "ETB"))
    ports.tables.nights[offer.listing_id, NIGHTS[0]] = Night(NIGHTS[0], 0, Money(0, "ETB"))
    assert shown(search(ports, Search("bishoftu", guests=2))) == [festival, small, harness.listing, offer]
    whole = search(ports, Search("bishoftu", IN, OUT, guests=2))
    assert shown(whole) == [harness.listing, small, festival, offer]
    assert [each.quote.total.minor for each in whole.items if each.quote] == [735000, 780000, 1200000, 1800000]
    paged: list[Listing] = []
    after: str | None = None
    for _ in range(4):
        page = search(ports, Search("bishoftu", IN, OUT, guests=2, limit=1, after=after))
        assert not page.partial
        paged += shown(page)
        after = page.next_cursor
    assert (paged, after) == (shown(whole), None)


def test_with_dates_a_price_limit_is_the_average_night_of_one_unit(harness: Harness, ports: Fakes) -> None:
    ports.tables.nights[harness.listing.listing_id, NIGHTS[1]] = Night(NIGHTS[1], 0, Money(245003, "ETB"))
    for guests in (1, 3, 8):
        assert shown(search(ports, Search("bishoftu", IN, OUT, guests=guests, max_price=245001)))
        assert not shown(search(ports, Search("bishoftu", IN, OUT, guests=guests, max_price=245000)))


def test_stays_that_cost_the_same_come_once_each_page_by_page(harness: Harness, ports: Fakes) -> None:
    same = [harness.listing, *(another(harness, f"{n}") for n in range(4))]
    paged: list[Listing] = []
    after: str | None = None
    for _ in range(3):
        page = search(ports, Search("bishoftu", IN, OUT, limit=2, after=after))
        paged += shown(page)
        after = page.next_cursor
    assert paged == sorted(same, key=lambda listing: listing.listing_id)
    assert after is None


def test_a_city_beyond_the_bound_is_said_to_be_shown_in_part(harness: Harness, ports: Fakes) -> None:
    for n in range(MOST_LISTINGS - 1):
        another(harness, f"{n}", nightly_price=Money(245000 + n, "ETB"))
    assert not search(ports, Search("bishoftu", IN, OUT)).partial
    beyond = another(harness, "beyond", nightly_price=Money(900000, "ETB"))
    ports.tables.nights |= {(beyond.listing_id, day): Night(day, 0, Money(1, "ETB")) for day in NIGHTS}
    page = search(ports, Search("bishoftu", IN, OUT))
    assert page.partial
    assert beyond not in shown(page)
    assert not search(ports, Search("bishoftu")).partial


def test_a_search_is_in_one_currency(harness: Harness, ports: Fakes) -> None:
    dollars = another(harness, "dollars", nightly_price=Money(9900, "USD"))
    for check_in, check_out in ((None, None), (IN, OUT)):
        wanted = Search("bishoftu", check_in, check_out)
        assert shown(search(ports, wanted)) == [harness.listing]
        assert shown(search(ports, replace(wanted, currency="USD"))) == [dollars]
        assert shown(search(ports, replace(wanted, currency="KES"))) == []


@pytest.mark.parametrize("city", ["BISHO FTU", "Bi\u00adshoftu", "ደብረ ዘይት", "Debre-Zeit", "ቢሾፍቱ"])
def test_a_city_is_found_by_any_of_its_names(harness: Harness, ports: Fakes, city: str) -> None:
    assert shown(search(ports, Search(city))) == [harness.listing]
    assert shown(search(ports, Search(city, IN, OUT))) == [harness.listing]


@pytest.mark.parametrize(("guests", "free"), [(4, True), (5, False)])
def test_only_what_is_free_on_every_night(harness: Harness, ports: Fakes, guests: int, *, free: bool) -> None:
    harness.book(stay=a_stay(NIGHTS[1], 1, units=2))
    assert bool(search(ports, Search("bishoftu", IN, OUT, guests=guests)).items) is free
    assert len(search(ports, Search("bishoftu", NIGHTS[2], OUT, guests=8)).items) == 1


def test_a_closed_night_is_not_free(harness: Harness, ports: Fakes) -> None:
    ports.tables.nights[harness.listing.listing_id, NIGHTS[2]] = Night(NIGHTS[2], closed=True)
    assert search(ports, Search("bishoftu", IN, OUT)).items == ()
    assert len(search(ports, Search("bishoftu", IN, NIGHTS[2])).items) == 1


@pytest.mark.parametrize(("days", "wrong"), [(-1, True), (0, False), (540, False), (541, True)])
def test_only_stays_that_can_be_booked_are_searched(harness: Harness, ports: Fakes, days: int, *, wrong: bool) -> None:
    check_in = NOW.date() + timedelta(days=days)
    wanted = Search("bishoftu", check_in, check_in + timedelta(days=1))
    if wrong:
        with pytest.raises(InvalidRequest) as refused:
            search(ports, wanted)
        assert [error.field for error in refused.value.errors] == ["check_in"]
    else:
        assert shown(search(ports, wanted)) == [harness.listing]


@pytest.mark.parametrize(
    ("days", "zone", "free"), [(0, "Pacific/Kiritimati", False), (540, "Pacific/Pago_Pago", False)]
)
def test_where_it_is_another_day_nothing_is_offered_that_booking_refuses(
    harness: Harness, ports: Fakes, days: int, zone: str, *, free: bool
) -> None:
    ports.clock.move_to(datetime(2027, 1, 2, 10, 30, tzinfo=UTC))
    elsewhere = another(harness, "elsewhere", time_zone=zone)
    check_in = date(2027, 1, 2) + timedelta(days=days)
    found = shown(search(ports, Search("bishoftu", check_in, check_in + timedelta(days=1))))
    assert (elsewhere in found) is free
    assert harness.listing in found


@pytest.mark.parametrize(
    ("check_in", "check_out", "field"),
    [
        (IN, None, "check_out"),
        (None, OUT, "check_in"),
        (IN, IN, "check_out"),
        (OUT, IN, "check_out"),
        (IN, IN + timedelta(days=31), "check_out"),
    ],
)
def test_dates_that_make_no_stay(
    harness: Harness, ports: Fakes, check_in: date | None, check_out: date | None, field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        search(ports, Search("bishoftu", check_in, check_out))
    assert [error.field for error in refused.value.errors] == [field]
    assert ports.call_log.calls == []


def test_thirty_nights_are_searched(harness: Harness, ports: Fakes) -> None:
    assert len(search(ports, Search("bishoftu", IN, IN + timedelta(days=30))).items) == 1


@pytest.mark.parametrize(("days", "currency"), [(-1, "ETB"), (-1, "USD"), (541, "ETB")])
def test_where_no_listing_is_the_stages_own_day_counts(
    harness: Harness, ports: Fakes, days: int, currency: str
) -> None:
    check_in = NOW.date() + timedelta(days=days)
    for city in ("atlantis", "bishoftu") if currency == "USD" else ("atlantis",):
        with pytest.raises(InvalidRequest) as refused:
            search(ports, Search(city, check_in, check_in + timedelta(days=1), currency=currency))
        assert [error.field for error in refused.value.errors] == ["check_in"]


@pytest.mark.parametrize(
    ("zone", "today"),
    [
        ("UTC", date(2027, 1, 2)),
        ("Africa/Addis_Ababa", date(2027, 1, 3)),
        ("Pacific/Kiritimati", date(2027, 1, 3)),
        ("Pacific/Pago_Pago", date(2027, 1, 2)),
    ],
)
def test_where_no_listing_is_it_is_the_day_in_the_stages_own_zone(
    harness: Harness, ports: Fakes, zone: str, today: date
) -> None:
    ports.clock.move_to(datetime(2027, 1, 2, 22, 30, tzinfo=UTC))
    ports.rules = replace(ports.rules, time_zone=zone)
    first, last = today, today + timedelta(days=MAX_DAYS_AHEAD)
    wrong = {}
    for check_in in (first - ONE, first, last, last + ONE):
        try:
            assert search(ports, Search("atlantis", check_in, check_in + ONE)).items == ()
        except InvalidRequest as refused:
            wrong[check_in] = refused.errors[0].field
    assert wrong == {first - ONE: "check_in", last + ONE: "check_in"}


@pytest.mark.parametrize("days", [-3, -2, 2, 100, 538, 543, 9999])
def test_what_is_so_everywhere_asks_no_listing(harness: Harness, ports: Fakes, days: int) -> None:
    check_in = NOW.date() + timedelta(days=days)
    try:
        search(ports, Search("bishoftu", check_in, check_in + timedelta(days=1)))
    except InvalidRequest:
        assert ports.call_log.calls == []
    assert ports.call_log.count("listings.load_many") == 0


# -- one listing


def test_one_listing(harness: Harness, ports: Fakes) -> None:
    assert listing_of(ports, harness.listing.listing_id) == harness.listing
    for text in ("", "lst_", "LISTING", derive_listing_id(SALT, HOST, "none")):
        with pytest.raises(ListingNotFound):
            listing_of(ports, text)
    assert ports.call_log.count("listings.load") == 2


def test_every_night_of_a_range(harness: Harness, ports: Fakes) -> None:
    harness.book(stay=a_stay(NIGHTS[1], 1, units=2))
    listing, nights = availability(ports, harness.listing.listing_id, IN, OUT)
    assert listing == harness.listing
    assert nights == (Night(NIGHTS[0]), Night(NIGHTS[1], 2), Night(NIGHTS[2]))


@pytest.mark.parametrize("days", [0, -1, 121])
def test_a_range_that_does_not_fit(harness: Harness, ports: Fakes, days: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        availability(ports, harness.listing.listing_id, IN, IN + timedelta(days=days))
    assert [error.field for error in refused.value.errors] == ["to"]
    assert ports.call_log.calls == []


@pytest.mark.parametrize("days", [1, 120])
def test_a_range_that_just_fits(harness: Harness, ports: Fakes, days: int) -> None:
    _, nights = availability(ports, harness.listing.listing_id, IN, IN + timedelta(days=days))
    assert [night.date for night in nights] == [IN + timedelta(days=n) for n in range(days)]


def test_a_hosts_own_listings(harness: Harness, ports: Fakes) -> None:
    closed = another(harness, "closed", status="closed", created_at=NOW + timedelta(days=1))
    another(harness, "other", host_id=OTHER_HOST.person_id)
    assert of_host(ports, HOST_ABEBE, limit=9, after=None).items == (closed, harness.listing)
    first = of_host(ports, HOST_ABEBE, limit=1, after=None)
    assert first.items == (closed,)
    assert of_host(ports, HOST_ABEBE, limit=1, after=first.next_cursor).items == (harness.listing,)


def test_a_listing_that_cannot_be_read_takes_no_page_down(harness: Harness, ports: Fakes) -> None:
    broken = harness.listing.listing_id
    ports.tables.unreadable.add(broken)
    for check_in, check_out in ((None, None), (IN, OUT)):
        ports.observe.lines.clear()
        page = search(ports, Search(harness.listing.city, check_in, check_out))
        assert broken not in [result.listing.listing_id for result in page.items]
        assert ports.observe.of("record_unreadable") == [{"level": "error", "listing_id": broken}]
    with pytest.raises(Unreadable):
        listing_with_nights(ports, broken, IN, OUT)
