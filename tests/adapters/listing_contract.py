"""What every ListingStore must do: one suite, run on the fakes and on DynamoDB."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from chalicelib.domain.ids import ListingId, PersonId, derive_listing_id
from chalicelib.domain.listings.calendar import UNCHANGED, Night, NightChange
from chalicelib.domain.listings.cities import City
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.domain.people.accounts import Account
from chalicelib.domain.people.review import Review, rated
from chalicelib.services.ports.outcomes import Batch, Page, ReviewExists, VersionLost
from tests.adapters.store_contract import DAY, FIRST, MS, SECOND, THIRD, Bench, all_pages, etb, held, published, taken
from tests.builders import HOST, NOW, SALT, a_booking, a_booking_id, a_listing
from tests.replacing import replace


class ListingContract:
    """Subclasses give a ``bench`` fixture."""

    # -- listings

    def test_a_listing_is_published_once(self, bench: Bench) -> None:
        listing = full_listing()
        assert bench.listings.publish(listing) is True
        assert bench.listings.publish(replace(listing, title="Another")) is False
        assert bench.listings.load(listing.listing_id) == listing

    def test_many_listings_are_read_in_the_order_asked(self, bench: Bench) -> None:
        made = [published(bench, name) for name in ("a", "b", "c")]
        ids = [made[2].listing_id, made[0].listing_id]
        missing = derive_listing_id(SALT, HOST, "missing")
        assert bench.listings.load_many([ids[0], missing, ids[1]]) == Batch((made[2], made[0]))

    def test_nights_are_those_of_the_range_only(self, bench: Bench) -> None:
        listing = published(bench, "a")
        other = published(bench, "b")
        for day in range(12, 19):
            bench.put_night(listing.listing_id, Night(date(2027, 1, day), day))
        bench.put_night(other.listing_id, Night(SECOND, taken=99))
        found = bench.listings.nights(listing.listing_id, FIRST, date(2027, 1, 17))
        assert found == {date(2027, 1, day): Night(date(2027, 1, day), day) for day in (14, 15, 16)}
        assert bench.listings.nights(listing.listing_id, FIRST, SECOND) == {FIRST: Night(FIRST, 14)}

    def test_listings_are_read_with_their_nights(self, bench: Bench) -> None:
        made = [published(bench, name) for name in ("a", "b", "c")]
        june, july = date(2027, 6, 30), date(2027, 7, 1)
        for n, listing in enumerate(made[:2], start=1):
            for day in (june - DAY, june, july, july + DAY):
                bench.put_night(listing.listing_id, Night(day, n))
        missing = derive_listing_id(SALT, HOST, "missing")
        ids = [made[2].listing_id, made[1].listing_id, missing, made[0].listing_id]
        assert bench.listings.load_with_nights(ids, june, july + DAY).items == (
            (made[2], {}),
            (made[1], {june: Night(june, 2), july: Night(july, 2)}),
            (made[0], {june: Night(june, 1), july: Night(july, 1)}),
        )
        assert bench.listings.load_with_nights(ids[:1], june, june).items == ((made[2], {}),)
        assert bench.listings.load_with_nights([], june, july).items == ()

    def test_a_hundred_listings_are_read_with_three_months_each(self, bench: Bench) -> None:
        made = [published(bench, f"{n}") for n in range(100)]
        start, end = date(2027, 1, 31), date(2027, 3, 2)
        for listing in (made[0], made[50], made[99]):
            for day in (start, date(2027, 2, 14), end - DAY, end):
                bench.put_night(listing.listing_id, Night(day, 3))
        found = bench.listings.load_with_nights([listing.listing_id for listing in made], start, end).items
        assert [listing for listing, _ in found] == made
        full = {day: Night(day, 3) for day in (start, date(2027, 2, 14), end - DAY)}
        assert [nights for _, nights in found] == [full if n in (0, 50, 99) else {} for n in range(100)]

    def test_a_night_keeps_its_price_and_its_closing(self, bench: Bench) -> None:
        listing_id = a_listing().listing_id
        nights = {FIRST: Night(FIRST, 2, etb(310000), closed=True), SECOND: Night(SECOND, 0, etb(5))}
        for night in (*nights.values(), Night(THIRD)):
            bench.put_night(listing_id, night)
        assert bench.listings.nights(listing_id, FIRST, THIRD + DAY) == nights

    @pytest.mark.parametrize("limit", [1, 2, 4, 100])
    def test_a_city_cheapest_first(self, bench: Bench, limit: int) -> None:
        prices = {"b": 90000, "a": 1000000, "d": 245000, "c": 5}
        made = {name: published(bench, name, nightly_price=Money(p, "ETB")).listing_id for name, p in prices.items()}
        published(bench, "closed", status="closed")
        published(bench, "elsewhere", city="Bahir Dar")
        pages = all_pages(lambda after: in_bishoftu(bench, limit=limit, after=after))
        assert [listing_id for page in pages for listing_id in page.items] == [made[name] for name in "cbda"]
        assert all(len(page.items) <= limit for page in pages)

    @pytest.mark.parametrize(
        ("max_price", "names"), [(4, ""), (5, "c"), (244999, "cb"), (245000, "cbd"), (245001, "cbd")]
    )
    def test_a_city_up_to_a_price(self, bench: Bench, max_price: int, names: str) -> None:
        prices = {"b": 90000, "a": 1000000, "d": 245000, "c": 5}
        made = {name: published(bench, name, nightly_price=Money(p, "ETB")).listing_id for name, p in prices.items()}
        page = in_bishoftu(bench, max_price=max_price)
        assert page == Page(tuple(made[name] for name in names), None)

    def test_a_city_is_listed_in_one_currency(self, bench: Bench) -> None:
        birr = published(bench, "birr", nightly_price=Money(500000, "ETB"))
        dollars = published(bench, "dollars", nightly_price=Money(9900, "USD"))
        assert in_bishoftu(bench).items == (birr.listing_id,)
        assert in_bishoftu(bench, currency="USD").items == (dollars.listing_id,)
        assert in_bishoftu(bench, currency="KES").items == ()

    def test_a_city_is_found_by_any_of_its_names(self, bench: Bench) -> None:
        names = ("Bishoftu", "BISHOFTU ", "Debre-Zeit", "ደብረ ዘይት", "Bi\u200bshoftu")
        made = [published(bench, name, city=name).listing_id for name in names]
        assert set(in_bishoftu(bench).items) == set(made)

    # -- the directory of cities

    def test_the_directory_counts_open_listings_by_spelling(self, bench: Bench) -> None:
        for n, city in enumerate(("Hawassa", "ሐዋሳ", "Awassa", "Hawassa", "Bishoftu")):
            published(bench, f"{n}", city=city)
        published(bench, "closed", city="Adama", status="closed")
        bishoftu = City("bishoftu", 1, {"Bishoftu": 1})
        hawassa = City("hawasa", 4, {"Hawassa": 2, "ሐዋሳ": 1, "Awassa": 1})
        assert bench.listings.cities("", limit=9, after=None) == Page((bishoftu, hawassa), None)
        assert bench.listings.cities("haw", limit=9, after=None).items == (hawassa,)
        assert bench.listings.cities("x", limit=9, after=None).items == ()
        pages = all_pages(lambda after: bench.listings.cities("", limit=1, after=after))
        assert [city for page in pages for city in page.items] == [bishoftu, hawassa]
        assert bench.listings.find_cities(["hawasa", "adama", "bishoftu"]) == [hawassa, bishoftu]
        assert bench.listings.find_cities([]) == []

    def test_the_directory_follows_what_becomes_of_a_listing(self, bench: Bench) -> None:
        def directory() -> list[tuple[str, int, dict[str, int]]]:
            found = bench.listings.cities("", limit=9, after=None).items
            return [(city.key, city.listings, dict(city.spellings)) for city in found]

        first, second = (published(bench, name, city="Adama") for name in ("first", "second"))
        assert directory() == [("adama", 2, {"Adama": 2})]
        first = bench.listings.save(first, replace(first, title="Another"))
        assert directory() == [("adama", 2, {"Adama": 2})]
        first = bench.listings.save(first, replace(first, city="Nazret"))
        assert directory() == [("adama", 2, {"Adama": 1, "Nazret": 1})]
        first = bench.listings.save(first, replace(first, city="Bishoftu"))
        assert directory() == [("adama", 1, {"Adama": 1}), ("bishoftu", 1, {"Bishoftu": 1})]
        closed = bench.listings.save(first, replace(first, status="closed"))
        assert directory() == [("adama", 1, {"Adama": 1})]
        bench.listings.save(closed, replace(closed, city="Gondar"))
        assert directory() == [("adama", 1, {"Adama": 1})]
        bench.listings.publish(second)
        assert directory() == [("adama", 1, {"Adama": 1})]
        with pytest.raises(VersionLost):
            bench.listings.save(first, replace(first, city="Gondar"))
        assert directory() == [("adama", 1, {"Adama": 1})]
        opened = bench.listings.load(closed.listing_id)
        assert opened is not None
        bench.listings.save(opened, replace(opened, status="open"))
        assert directory() == [("adama", 1, {"Adama": 1}), ("gondar", 1, {"Gondar": 1})]
        bench.listings.save(second, replace(second, status="closed"))
        assert directory() == [("gondar", 1, {"Gondar": 1})]

    @pytest.mark.parametrize("limit", [1, 100])
    def test_a_hosts_listings_newest_first_closed_ones_too(self, bench: Bench, limit: int) -> None:
        made = {}
        for n in (2, 1, 3):
            status = "closed" if n == 2 else "open"
            made[n] = published(bench, f"{n}", created_at=NOW + timedelta(days=n), status=status).listing_id
        published(bench, "other", host_id=PersonId("host-other"))
        pages = all_pages(lambda after: bench.listings.of_host(HOST, limit=limit, after=after))
        assert all(len(page.items) <= limit for page in pages)
        assert [listing_id for page in pages for listing_id in page.items] == [made[3], made[2], made[1]]

    def test_a_saved_listing_has_the_next_version_and_is_read_back(self, bench: Bench) -> None:
        listing = published(bench, "a")
        saved = bench.listings.save(listing, replace(listing, title="Another", units=9))
        assert saved == replace(listing, title="Another", units=9, version=2)
        assert bench.listings.load(listing.listing_id) == saved

    def test_a_save_over_another_version_is_lost(self, bench: Bench) -> None:
        listing = published(bench, "a")
        newer = bench.listings.save(listing, replace(listing, units=9))
        for version in (1, 3):
            with pytest.raises(VersionLost):
                bench.listings.save(replace(listing, version=version), replace(listing, units=1))
        assert bench.listings.load(listing.listing_id) == newer

    def test_a_closed_listing_leaves_its_city_and_comes_back(self, bench: Bench) -> None:
        listing = published(bench, "a")
        closed = bench.listings.save(listing, replace(listing, status="closed"))
        assert in_bishoftu(bench).items == ()
        assert bench.listings.of_host(HOST, limit=9, after=None).items == (listing.listing_id,)
        bench.listings.save(closed, replace(closed, status="open", nightly_price=Money(7, "ETB")))
        assert in_bishoftu(bench, max_price=7).items == (listing.listing_id,)

    # -- nights

    def test_nights_are_priced_and_closed_without_touching_what_is_taken(self, bench: Bench) -> None:
        held(bench)
        listing_id = a_listing().listing_id
        bench.listings.set_nights(listing_id, [FIRST, SECOND], NightChange(etb(310000), closed=True))
        assert bench.listings.nights(listing_id, FIRST, THIRD + DAY) == {
            FIRST: Night(FIRST, 1, etb(310000), closed=True),
            SECOND: Night(SECOND, 1, etb(310000), closed=True),
            THIRD: Night(THIRD, 1),
        }
        bench.listings.set_nights(listing_id, [FIRST], NightChange(None, closed=False))
        assert bench.listings.nights(listing_id, FIRST, SECOND) == {FIRST: Night(FIRST, 1)}

    @pytest.mark.parametrize(
        ("change", "night"),
        [
            (NightChange(), Night(SECOND, 1, etb(310000), closed=True)),
            (NightChange(UNCHANGED, closed=False), Night(SECOND, 1, etb(310000))),
            (NightChange(None), Night(SECOND, 1, closed=True)),
            (NightChange(etb(5)), Night(SECOND, 1, etb(5), closed=True)),
        ],
    )
    def test_what_a_change_leaves_out_stays(self, bench: Bench, change: NightChange, night: Night) -> None:
        listing_id = a_listing().listing_id
        before = {day: Night(day, 1, etb(310000), closed=True) for day in (FIRST, SECOND, THIRD)}
        for each in before.values():
            bench.put_night(listing_id, each)
        bench.listings.set_nights(listing_id, [SECOND], change)
        assert bench.listings.nights(listing_id, FIRST, THIRD + DAY) == before | {SECOND: night}

    def test_a_change_of_nothing_leaves_untouched_nights_untouched(self, bench: Bench) -> None:
        bench.listings.set_nights(a_listing().listing_id, [FIRST], NightChange())
        assert bench.listings.nights(a_listing().listing_id, FIRST, SECOND) == {}

    def test_ninety_nights_are_set_at_once(self, bench: Bench) -> None:
        days = [FIRST + timedelta(days=n) for n in range(90)]
        bench.listings.set_nights(a_listing().listing_id, days, NightChange(etb(5), closed=False))
        found = bench.listings.nights(a_listing().listing_id, FIRST, FIRST + timedelta(days=99))
        assert found == {day: Night(day, 0, etb(5)) for day in days}

    def test_a_night_set_back_to_the_listings_price_is_sold_at_it(self, bench: Bench) -> None:
        listing = a_listing()
        bench.listings.set_nights(listing.listing_id, [SECOND], NightChange(etb(310000), closed=True))
        bench.listings.set_nights(listing.listing_id, [SECOND], NightChange(None, closed=False))
        read = bench.listings.nights(listing.listing_id, FIRST, THIRD)
        bench.bookings.hold(a_booking(), listing, read, Account())
        assert taken(bench) == {FIRST: 1, SECOND: 1, THIRD: 1}

    # -- reviews

    def test_a_review_is_kept_and_counted_once(self, bench: Bench) -> None:
        listing = published(bench, "a")
        said = review(key="key")
        bench.listings.add_review(listing, rated(listing, said), said)
        now = bench.listings.load(listing.listing_id)
        assert now == replace(rated(listing, said), version=2)
        assert bench.listings.review_under(listing.listing_id, "key") == said
        assert bench.listings.reviews(listing.listing_id, limit=9, after=None).items == (said,)
        # Whatever its words, and whatever the version.
        again = replace(said, rating=1, text="No", created_at=NOW + DAY, key="another")
        # Nor under the same key, whatever its booking.
        keyed = replace(review("second"), key="key")
        for version in (1, 2):
            for each in (again, keyed):
                with pytest.raises(ReviewExists):
                    bench.listings.add_review(replace(listing, version=version), rated(now, each), each)
        assert bench.listings.load(listing.listing_id) == now
        assert bench.listings.reviews(listing.listing_id, limit=9, after=None).items == (said,)

    def test_a_review_over_another_version_of_the_listing_is_lost(self, bench: Bench) -> None:
        listing = published(bench, "a")
        newer = bench.listings.save(listing, replace(listing, units=9))
        with pytest.raises(VersionLost):
            bench.listings.add_review(listing, rated(listing, review()), review(key="key"))
        assert bench.listings.load(listing.listing_id) == newer
        assert bench.listings.review_under(listing.listing_id, "key") is None
        assert bench.listings.reviews(listing.listing_id, limit=9, after=None).items == ()

    @pytest.mark.parametrize("limit", [1, 2, 100])
    def test_reviews_newest_first(self, bench: Bench, limit: int) -> None:
        listing = published(bench, "a")
        other = published(bench, "b")
        bench.listings.add_review(other, other, review("other"))
        said = [review(f"{n}", at=n) for n in (2, 0, 3, 1)]
        for each in said:
            bench.listings.add_review(listing, listing, each)
            listing = replace(listing, version=listing.version + 1)
        pages = all_pages(lambda after: bench.listings.reviews(listing.listing_id, limit=limit, after=after))
        assert all(len(page.items) <= limit for page in pages)
        found = [each for page in pages for each in page.items]
        assert found == sorted(said, key=lambda each: each.created_at, reverse=True)

    def test_reviews_and_nights_do_not_mix(self, bench: Bench) -> None:
        listing = a_listing()
        bench.listings.publish(listing)
        held(bench)
        bench.listings.add_review(listing, listing, review())
        assert len(bench.listings.reviews(listing.listing_id, limit=9, after=None).items) == 1
        assert len(bench.listings.nights(listing.listing_id, date(2026, 1, 1), date(2028, 1, 1))) == 3


def in_bishoftu(
    bench: Bench, *, currency: str = "ETB", max_price: int | None = None, limit: int = 100, after: str | None = None
) -> Page[ListingId]:
    return bench.listings.in_city("bishoftu", currency=currency, max_price=max_price, limit=limit, after=after)


def review(of: str = "first", *, at: int = 0, key: str = "") -> Review:
    return Review(a_booking_id(of), 5, "Quiet, and the lake is near. እናመሰግናለን", NOW + at * MS, "fingerprint", key)


def full_listing() -> Listing:
    """One with no field left at its default."""
    return a_listing(
        check_in_time="15:00",
        check_out_time="10:00",
        photos=("https://shop.example.et/1.jpg",),
        status="closed",
        rating_sum=9,
        rating_count=2,
        fingerprint="f",
    )
