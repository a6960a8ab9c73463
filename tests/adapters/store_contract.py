"""What every BookingStore and ListingStore must do: one suite, run on the fakes and on DynamoDB.

Each condition of each transaction has a test here that fails when the condition is taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

import pytest

from chalicelib.domain.booking import Booking, Lease, StayEnd, without_verify_lease
from chalicelib.domain.ids import BookingId, ListingId, PersonId, derive_listing_id, shard_of
from chalicelib.domain.listings.calendar import Night
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.money import Money
from chalicelib.domain.people.accounts import Account, AccountAct, Caps, Lapse, with_act, with_hold
from chalicelib.domain.people.limits import Limits
from chalicelib.domain.timing import CHECK_LOOKS_BACK
from chalicelib.domain.verification import Verification
from chalicelib.domain.words.search_terms import SearchKeys
from chalicelib.services.ports.bookings import AttentionEntry, BookingStore, HoldView, SearchPart
from chalicelib.services.ports.listings import ClosingStore, ListingStore
from chalicelib.services.ports.outcomes import (
    AccountChanged,
    Acknowledgement,
    Batch,
    BookingExists,
    NightsShort,
    Page,
    Unreadable,
    VersionLost,
)
from chalicelib.services.ports.people import ErasureStore, HostStore, SuppressionStore
from chalicelib.services.ports.watch import WatchStore
from tests.builders import (
    GUEST,
    HOST,
    NOW,
    SALT,
    a_booking,
    a_booking_id,
    a_listing,
    a_stay,
    another_attempt,
    cancelled,
    expired,
    opened,
    paid,
    refund_owed,
    verification_of,
    verified,
)
from tests.replacing import replace

T = TypeVar("T")

OTHER = PersonId("guest-dawit")
MS = timedelta(milliseconds=1)
DUE = NOW + timedelta(minutes=2)
"""When a booking just held is looked at first."""
DAY = timedelta(days=1)
LEASE = timedelta(seconds=25)


def ended(booking: Booking, free_from: date) -> Booking:
    """The booking of a guest who did not come, or not for longer."""
    return replace(booking, ended=StayEnd(as_="no_show", at=booking.check_in_at, free_from=free_from))


FIRST, SECOND, THIRD = (date(2027, 1, day) for day in (14, 15, 16))


class Bench(Protocol):
    """The stores under test, and a look behind them."""

    bookings: BookingStore
    listings: ListingStore
    closings: ClosingStore
    erasures: ErasureStore
    hosts: HostStore
    suppressions: SuppressionStore
    watch: WatchStore

    def another(self) -> BookingStore:
        """A second store over the same tables, as another process has it."""

    def put_night(self, listing_id: ListingId, night: Night) -> None: ...

    def failures(self, booking_id: BookingId) -> int | None: ...

    def remove(self, booking_id: BookingId) -> None: ...

    def make_unreadable(self, booking_id: BookingId) -> None:
        """From now on no release can read what this booking's record holds."""


class StoreContract:
    """Subclasses give a ``bench`` fixture."""

    # -- hold

    def test_a_booking_is_found_by_each_part_of_its_contact(self, bench: Bench) -> None:
        keys = SearchKeys(email="e", phone="p", name="n")
        first = replace(a_booking(key="first"), search_keys=keys)
        second = replace(a_booking(key="second", now=NOW + DAY), search_keys=replace(keys, email="other"))
        listing = a_listing()
        for booking in (first, second):
            bench.bookings.hold(booking, listing, {}, bench.bookings.account(GUEST))

        def found(part: SearchPart, key: str) -> list[str]:
            pages: list[str] = []
            after: str | None = None
            while True:
                page = bench.bookings.of_search_key(part, key, limit=1, after=after)
                pages += page.items
                after = page.next_cursor
                if after is None:
                    return pages

        assert found("email", "e") == [first.booking_id]
        assert found("phone", "p") == found("name", "n") == [second.booking_id, first.booking_id]
        assert found("name", "e") == []
        loaded = bench.bookings.load(first.booking_id)
        assert loaded is not None
        assert loaded.search_keys == keys
        bench.bookings.save(loaded, replace(loaded, search_keys=SearchKeys(phone="p")))
        assert found("email", "e") == []
        assert found("phone", "p") == [second.booking_id, first.booking_id]

    @pytest.mark.parametrize("consistent", [True, False])
    def test_all_that_a_hold_is_decided_on_is_read_together(self, bench: Bench, *, consistent: bool) -> None:
        booking, listing = a_booking(), a_listing()
        bench.listings.publish(listing)
        asked = (booking.booking_id, GUEST, listing.listing_id, FIRST, THIRD)
        view = bench.bookings.view_for_hold(*asked, consistent=consistent)
        assert view == HoldView(None, Account(), listing, {})
        account = with_hold(Account(), booking, now=NOW)
        bench.bookings.hold(booking, listing, {}, account)
        for day in (FIRST - DAY, THIRD):
            bench.put_night(listing.listing_id, Night(day, 5))
        another = (BookingId("GZ0000000000000X"), *asked[1:])
        nights = {FIRST: Night(FIRST, 1), SECOND: Night(SECOND, 1)}
        view = bench.bookings.view_for_hold(*another, consistent=consistent)
        assert view == HoldView(None, replace(account, version=1), listing, nights)

    def test_a_view_for_a_hold_needs_no_listing_and_no_nights(self, bench: Bench) -> None:
        bench.listings.publish(a_listing())
        key = BookingId("GZ0000000000000X")
        nobody = derive_listing_id(SALT, HOST, "missing")
        for listing_id in (None, nobody):
            view = bench.bookings.view_for_hold(key, OTHER, listing_id, FIRST, THIRD)
            assert view == HoldView(None, Account(), None, {})
        empty = bench.bookings.view_for_hold(key, OTHER, a_listing().listing_id, FIRST, FIRST)
        assert empty == HoldView(None, Account(), a_listing(), {})

    def test_who_repeats_a_hold_is_given_the_booking_and_nothing_else(self, bench: Bench) -> None:
        booking = held(bench)
        view = bench.bookings.view_for_hold(booking.booking_id, GUEST, a_listing().listing_id, FIRST, THIRD)
        assert view == HoldView(booking, Account(), None, {})
        bench.make_unreadable(booking.booking_id)
        with pytest.raises(Unreadable):
            bench.bookings.view_for_hold(booking.booking_id, GUEST, None, FIRST, THIRD)

    def test_a_hold_writes_the_booking_its_nights_and_its_account(self, bench: Bench) -> None:
        booking = a_booking(stay=a_stay(units=2, guests=3))
        account = with_hold(Account(), booking, now=NOW)
        bench.bookings.hold(booking, a_listing(), {}, account)
        for consistent in (True, False):
            assert bench.bookings.load(booking.booking_id, consistent=consistent) == booking
            assert bench.bookings.load(BookingId("GZ0000000000000X"), consistent=consistent) is None
        assert taken(bench) == {FIRST: 2, SECOND: 2, THIRD: 2}
        assert bench.bookings.account(GUEST) == replace(account, version=1)

    def test_a_hold_of_ninety_nights_is_one_transaction(self, bench: Bench) -> None:
        booking = a_booking(stay=a_stay(nights=90))
        bench.bookings.hold(booking, a_listing(), {}, Account())
        assert bench.bookings.load(booking.booking_id) == booking
        assert len(bench.listings.nights(booking.place.listing_id, FIRST, date(2027, 12, 1))) == 90

    def test_the_same_booking_is_never_held_twice(self, bench: Bench) -> None:
        first = a_booking(request_id="first")
        bench.bookings.hold(first, a_listing(), {}, Account())
        with pytest.raises(BookingExists):
            bench.bookings.hold(a_booking(request_id="second"), a_listing(), {}, Account())
        assert bench.bookings.load(first.booking_id) == first
        assert taken(bench) == {FIRST: 1, SECOND: 1, THIRD: 1}
        assert bench.bookings.account(GUEST).version == 1

    def test_a_repeat_hears_that_it_exists_before_anything_else(self, bench: Bench) -> None:
        one_unit = a_listing(units=1)
        booking = a_booking()
        bench.bookings.hold(booking, one_unit, {}, Account())
        # Its account has changed and its nights are short now: by itself.
        with pytest.raises(BookingExists):
            bench.bookings.hold(booking, one_unit, {}, Account())

    def test_of_two_bookings_on_one_reading_of_the_account_one_is_held(self, bench: Bench) -> None:
        bench.bookings.hold(a_booking(), a_listing(), {}, Account())
        late = a_booking(key="second")
        with pytest.raises(AccountChanged):
            bench.bookings.hold(late, a_listing(), {}, Account())
        assert bench.bookings.load(late.booking_id) is None
        assert taken(bench) == {FIRST: 1, SECOND: 1, THIRD: 1}

    def test_the_account_is_named_before_the_nights(self, bench: Bench) -> None:
        one_unit = a_listing(units=1)
        bench.bookings.hold(a_booking(), one_unit, {}, Account())
        with pytest.raises(AccountChanged):
            bench.bookings.hold(a_booking(key="second"), one_unit, {}, Account())

    def test_accounts_of_two_guests_are_apart(self, bench: Bench) -> None:
        ours, other = held(bench), held(bench, guest_id=OTHER)
        holds = [bench.bookings.account(guest).holds for guest in (GUEST, OTHER)]
        assert [[hold.booking_id for hold in each] for each in holds] == [[ours.booking_id], [other.booking_id]]

    def test_an_account_is_held_over_the_version_that_was_read(self, bench: Bench) -> None:
        held(bench)
        read = bench.bookings.account(GUEST)
        second = held(bench, key="second")
        late = a_booking(key="late")
        for stale in (read, Account(), replace(read, version=7)):
            with pytest.raises(AccountChanged):
                bench.bookings.hold(late, a_listing(), {}, stale)
        assert bench.bookings.account(GUEST).holds[-1].booking_id == second.booking_id
        assert bench.bookings.load(late.booking_id) is None
        assert taken(bench) == {FIRST: 2, SECOND: 2, THIRD: 2}

    def test_the_last_unit_is_sold_and_no_more(self, bench: Bench) -> None:
        listing = a_listing(units=3)
        bench.put_night(listing.listing_id, Night(SECOND, taken=1))
        bench.bookings.hold(a_booking(stay=a_stay(units=2)), listing, {}, Account())
        late = a_booking(guest_id=OTHER)
        with pytest.raises(NightsShort):
            bench.bookings.hold(late, listing, {}, Account())
        assert bench.bookings.load(late.booking_id) is None
        assert taken(bench) == {FIRST: 2, SECOND: 3, THIRD: 2}
        assert bench.bookings.account(OTHER) == Account()

    @pytest.mark.parametrize("full", [FIRST, SECOND, THIRD])
    def test_each_night_of_the_stay_counts(self, bench: Bench, full: date) -> None:
        bench.put_night(a_listing().listing_id, Night(full, taken=4))
        with pytest.raises(NightsShort):
            bench.bookings.hold(a_booking(), a_listing(), {}, Account())
        assert taken(bench) == {full: 4}

    def test_an_untouched_night_has_no_more_units_than_the_listing(self, bench: Bench) -> None:
        with pytest.raises(NightsShort):
            bench.bookings.hold(a_booking(stay=a_stay(units=2)), a_listing(units=1), {}, Account())
        assert taken(bench) == {}

    def test_a_closed_night_is_not_sold(self, bench: Bench) -> None:
        bench.put_night(a_listing().listing_id, Night(THIRD, closed=True))
        with pytest.raises(NightsShort):
            bench.bookings.hold(a_booking(), a_listing(), {}, Account())
        assert taken(bench) == {}

    def test_a_night_that_was_opened_again_is_sold(self, bench: Bench) -> None:
        bench.put_night(a_listing().listing_id, Night(THIRD, closed=False))
        bench.bookings.hold(a_booking(), a_listing(), {}, Account())
        assert taken(bench)[THIRD] == 1

    @pytest.mark.parametrize(
        ("read", "now"),
        [(None, 300000), (300000, 310000), (300000, None)],
        ids=["newly set", "changed", "taken away"],
    )
    def test_a_night_is_sold_at_the_price_that_was_read(self, bench: Bench, read: int | None, now: int | None) -> None:
        listing_id = a_listing().listing_id
        priced = {SECOND: Night(SECOND, 0, etb(read))} if read else {}
        bench.put_night(listing_id, Night(SECOND, 0, etb(now)))
        with pytest.raises(NightsShort):
            bench.bookings.hold(a_booking(nights=priced), a_listing(), priced, Account())
        assert taken(bench) == {}
        bench.put_night(listing_id, Night(SECOND, 0, etb(read)))
        bench.bookings.hold(a_booking(nights=priced), a_listing(), priced, Account())
        assert bench.listings.nights(listing_id, SECOND, THIRD) == {SECOND: Night(SECOND, 1, etb(read))}

    # -- save

    def test_a_save_answers_the_next_version_and_is_read_back(self, bench: Bench) -> None:
        booking = held(bench)
        saved = bench.bookings.save(booking, opened(booking))
        assert saved == replace(opened(booking), version=2)
        assert bench.bookings.load(booking.booking_id) == saved

    def test_everything_that_happens_to_a_booking_is_kept(self, bench: Bench) -> None:
        booking = held(bench)
        for change in (opened, another_attempt, opened, expired, paid, refund_owed):
            booking = bench.bookings.save(booking, change(booking), a_listing())
            assert bench.bookings.load(booking.booking_id) == booking
        assert booking.version == 7

    def test_a_save_over_a_newer_version_is_lost(self, bench: Bench) -> None:
        booking = held(bench)
        newer = bench.bookings.save(booking, opened(booking))
        with pytest.raises(VersionLost):
            bench.bookings.save(booking, replace(booking, request_id="rival"))
        assert bench.bookings.load(booking.booking_id) == newer

    def test_a_save_that_moves_nights_over_a_newer_version_is_lost(self, bench: Bench) -> None:
        booking = held(bench)
        newer = bench.bookings.save(booking, opened(booking))
        with pytest.raises(VersionLost):
            bench.bookings.save(booking, expired(booking))
        assert bench.bookings.load(booking.booking_id) == newer
        assert taken(bench) == {FIRST: 1, SECOND: 1, THIRD: 1}

    @pytest.mark.parametrize(("free_from", "left"), [(FIRST, ()), (SECOND, (FIRST,)), (THIRD, (FIRST, SECOND))])
    def test_a_stay_that_ends_gives_its_last_nights_back_and_no_others(
        self, bench: Bench, free_from: date, left: tuple[date, ...]
    ) -> None:
        booking = held(bench, stay=a_stay(units=2, guests=2))
        confirmed = bench.bookings.save(booking, paid(opened(booking)))
        saved = bench.bookings.save(confirmed, ended(confirmed, free_from))
        assert bench.bookings.load(booking.booking_id) == saved
        assert taken(bench) == dict.fromkeys(left, 2)
        # A later save gives nothing back again.
        bench.bookings.save(saved, replace(saved, request_id="another"))
        assert taken(bench) == dict.fromkeys(left, 2)
        with pytest.raises(VersionLost):
            bench.bookings.save(confirmed, ended(confirmed, FIRST))
        assert taken(bench) == dict.fromkeys(left, 2)

    def test_a_save_over_an_older_version_is_lost_too(self, bench: Bench) -> None:
        booking = held(bench)
        with pytest.raises(VersionLost):
            bench.bookings.save(replace(booking, version=2), opened(booking))
        assert bench.bookings.load(booking.booking_id) == booking

    def test_a_booking_that_is_gone_is_never_made_again(self, bench: Bench) -> None:
        booking = held(bench)
        bench.remove(booking.booking_id)
        with pytest.raises(VersionLost):
            bench.bookings.save(booking, opened(booking))
        with pytest.raises(VersionLost):
            bench.bookings.save(booking, expired(booking))
        assert bench.bookings.load(booking.booking_id) is None
        assert taken(bench) == {FIRST: 1, SECOND: 1, THIRD: 1}

    def test_a_lost_version_is_named_before_short_nights(self, bench: Bench) -> None:
        booking = gone(bench)
        bench.put_night(booking.place.listing_id, Night(FIRST, taken=4))
        bench.bookings.save(booking, replace(booking, request_id="rival"))
        with pytest.raises(VersionLost):
            bench.bookings.save(booking, paid(booking), a_listing())

    def test_confirming_keeps_the_nights(self, bench: Bench) -> None:
        booking = held(bench)
        bench.bookings.save(booking, paid(booking))
        assert taken(bench) == {FIRST: 1, SECOND: 1, THIRD: 1}

    def test_expiring_gives_the_nights_back(self, bench: Bench) -> None:
        two = held(bench, stay=a_stay(units=2), guest_id=OTHER)
        one = held(bench)
        assert taken(bench) == {FIRST: 3, SECOND: 3, THIRD: 3}
        bench.bookings.save(two, expired(two))
        assert taken(bench) == {FIRST: 1, SECOND: 1, THIRD: 1}
        bench.bookings.save(one, expired(one))
        assert taken(bench) == {}

    @pytest.mark.parametrize("left", [0, 1])
    def test_a_night_is_never_given_back_below_nothing(self, bench: Bench, left: int) -> None:
        booking = held(bench, stay=a_stay(units=2))
        bench.put_night(booking.place.listing_id, Night(SECOND, taken=left))
        with pytest.raises(NightsShort):
            bench.bookings.save(booking, expired(booking))
        assert bench.bookings.load(booking.booking_id) == booking
        assert taken(bench) == {day: n for day, n in {FIRST: 2, SECOND: left, THIRD: 2}.items() if n}

    def test_late_money_takes_the_nights_again(self, bench: Bench) -> None:
        booking = gone(bench, stay=a_stay(units=2))
        bench.put_night(booking.place.listing_id, Night(SECOND, taken=2))
        saved = bench.bookings.save(booking, paid(booking), a_listing())
        assert bench.bookings.load(booking.booking_id) == saved
        assert taken(bench) == {FIRST: 2, SECOND: 4, THIRD: 2}

    def test_late_money_finds_the_nights_short(self, bench: Bench) -> None:
        booking = gone(bench, stay=a_stay(units=2))
        bench.put_night(booking.place.listing_id, Night(SECOND, taken=3))
        with pytest.raises(NightsShort):
            bench.bookings.save(booking, paid(booking), a_listing())
        assert bench.bookings.load(booking.booking_id) == booking
        assert taken(bench) == {SECOND: 3}

    def test_late_money_meets_the_units_that_the_listing_has_now(self, bench: Bench) -> None:
        booking = gone(bench, stay=a_stay(units=2))
        with pytest.raises(NightsShort):
            bench.bookings.save(booking, paid(booking), a_listing(units=1))
        assert taken(bench) == {}

    def test_late_money_finds_a_night_closed(self, bench: Bench) -> None:
        booking = gone(bench)
        bench.put_night(booking.place.listing_id, Night(THIRD, closed=True))
        with pytest.raises(NightsShort):
            bench.bookings.save(booking, paid(booking), a_listing())
        assert taken(bench) == {}

    def test_late_money_pays_the_price_that_was_agreed(self, bench: Bench) -> None:
        booking = gone(bench)
        bench.put_night(booking.place.listing_id, Night(THIRD, 0, etb(900000)))
        bench.bookings.save(booking, paid(booking), a_listing())
        assert taken(bench) == {FIRST: 1, SECOND: 1, THIRD: 1}

    def test_nights_are_not_taken_again_without_knowing_the_units(self, bench: Bench) -> None:
        booking = gone(bench)
        with pytest.raises(ValueError, match="units"):
            bench.bookings.save(booking, paid(booking))
        assert taken(bench) == {}

    # -- accounts

    def test_an_account_comes_back_as_it_was_saved(self, bench: Bench) -> None:
        assert bench.bookings.account(GUEST) == Account()
        booking = held(bench)
        block = AccountAct(at=NOW, act="block", note="Stolen cards.", by=OTHER, by_name="sara@guzo.example.et")
        account = replace(
            with_act(bench.bookings.account(GUEST), block),
            lapses=(Lapse(booking.booking_id, NOW),),
            paused_until=NOW + DAY,
            has_paid=True,
            caps=Caps(open_holds=5, unpaid_unit_nights=900, bookings_per_hour=20, bookings_per_day=60),
        )
        saved = bench.bookings.save_account(GUEST, account)
        assert saved == replace(account, version=2) == bench.bookings.account(GUEST)
        assert bench.bookings.account(OTHER) == Account()

    def test_an_account_is_saved_over_the_version_that_was_read(self, bench: Bench) -> None:
        read = bench.bookings.account(GUEST)
        first = bench.bookings.save_account(GUEST, replace(read, has_paid=True))
        for stale in (read, replace(read, version=2)):
            with pytest.raises(AccountChanged):
                bench.bookings.save_account(GUEST, stale)
        # Neither does a booking write over what an operator decided meanwhile.
        with pytest.raises(AccountChanged):
            bench.bookings.hold(a_booking(), a_listing(), {}, read)
        assert bench.bookings.account(GUEST) == first

    # -- letters

    def test_letters_to_one_mailbox_are_counted_up_to_the_limit(self, bench: Bench) -> None:
        limits = Limits(letters_per_day=4, unpaid_letters_per_day=2)

        def counted(letter: str, *, unpaid: bool = False, mailbox: str = "hanna") -> bool:
            forget_at = NOW + 2 * DAY
            return bench.bookings.count_letter(mailbox, letter, unpaid=unpaid, limits=limits, forget_at=forget_at)

        assert [counted(f"unpaid {n}", unpaid=True) for n in range(4)] == [True, True, False, False]
        # Those about money are not kept back by them.
        assert [counted(f"paid {n}") for n in range(4)] == [True, True, False, False]
        # A letter that was counted may be sent again, and counts once.
        assert counted("unpaid 1", unpaid=True)
        assert counted("paid 0")
        assert not counted("paid 2")
        assert not counted("unpaid 2", unpaid=True)
        assert counted("paid 2", mailbox="dawit")

    def test_a_letter_that_was_refused_leaves_room(self, bench: Bench) -> None:
        limits = Limits(letters_per_day=2, unpaid_letters_per_day=1)
        count = partial(bench.bookings.count_letter, "hanna", limits=limits, forget_at=NOW + DAY)
        assert [count(f"{n}", unpaid=True) for n in range(3)] == [True, False, False]
        assert count("paid", unpaid=False)
        assert not count("another", unpaid=False)

    # -- what is due

    def test_what_is_due_comes_oldest_first_from_all_shards(self, bench: Bench) -> None:
        roomy = a_listing(units=99)
        ids = [
            held(bench, guest_id=PersonId(f"guest-{n}"), now=NOW + timedelta(seconds=40 - n), listing=roomy).booking_id
            for n in range(20)
        ]
        assert {shard_of(booking_id, 4) for booking_id in ids} == {0, 1, 2, 3}
        # The first look at a payment is due two minutes after it was made.
        assert bench.bookings.due(NOW + timedelta(seconds=160), 100) == ids[::-1]
        assert bench.bookings.due(NOW + timedelta(seconds=160), 7) == ids[::-1][:7]
        assert bench.bookings.due(NOW + timedelta(seconds=160), 1) == ids[-1:]

    def test_due_means_now_or_earlier(self, bench: Bench) -> None:
        booking = held(bench)
        look = NOW + timedelta(minutes=2)
        assert bench.bookings.due(look - MS, 10) == []
        assert bench.bookings.due(look, 10) == [booking.booking_id]

    def test_a_save_moves_what_is_due(self, bench: Bench) -> None:
        booking = held(bench)
        later = verified(booking, "pending", now=NOW + timedelta(minutes=2))
        booking = bench.bookings.save(booking, later)
        assert bench.bookings.due(NOW + timedelta(minutes=5) - MS, 10) == []
        assert bench.bookings.due(NOW + timedelta(minutes=5), 10) == [booking.booking_id]

    def test_a_booking_that_rests_is_never_due(self, bench: Bench) -> None:
        booking = held(bench)
        rested = resting(paid(booking))
        bench.bookings.save(booking, rested)
        assert bench.bookings.due(NOW + timedelta(days=900), 10) == []

    # -- bookings that raise

    def test_a_booking_that_raised_is_put_off(self, bench: Bench) -> None:
        booking = held(bench)
        at = NOW + timedelta(minutes=2)
        bench.bookings.back_off_failing(booking.booking_id, at)
        assert bench.bookings.due(at + timedelta(minutes=10) - MS, 10) == []
        assert bench.bookings.due(at + timedelta(minutes=10), 10) == [booking.booking_id]
        assert bench.failures(booking.booking_id) == 1
        assert entries(bench) == []

    def test_putting_off_is_no_change_of_the_booking(self, bench: Bench) -> None:
        booking = held(bench)
        bench.bookings.back_off_failing(booking.booking_id, DUE)
        assert bench.bookings.load(booking.booking_id) == booking
        bench.bookings.save(booking, opened(booking))
        assert bench.failures(booking.booking_id) in (0, None)

    def test_after_a_day_of_failing_a_person_is_asked(self, bench: Bench) -> None:
        booking = held(bench)
        day = timedelta(hours=24)
        for minutes in (0, 10, 20):
            bench.bookings.back_off_failing(booking.booking_id, DUE + timedelta(minutes=minutes))
        bench.bookings.back_off_failing(booking.booking_id, DUE + day - timedelta(minutes=10))
        another = held(bench, key="another")
        bench.bookings.back_off_failing(another.booking_id, DUE)
        bench.bookings.back_off_failing(another.booking_id, DUE + day - MS)
        assert bench.failures(another.booking_id) == 2
        assert entries(bench) == []
        bench.bookings.back_off_failing(booking.booking_id, DUE + day)
        assert entries(bench) == [AttentionEntry(booking.booking_id, "failing", DUE + day)]
        assert bench.failures(booking.booking_id) == 5
        # Put off a moment ago, it is not due: a message that comes twice counts once.
        bench.bookings.back_off_failing(booking.booking_id, DUE + day + MS)
        assert bench.failures(booking.booking_id) == 5
        # It is tried on.
        assert booking.booking_id not in bench.bookings.due(DUE + day + timedelta(minutes=10) - MS, 10)
        assert booking.booking_id in bench.bookings.due(DUE + day + timedelta(minutes=10), 10)
        bench.bookings.back_off_failing(booking.booking_id, DUE + day + day)
        assert bench.failures(booking.booking_id) == 6

    def test_a_success_ends_the_failing(self, bench: Bench) -> None:
        booking = held(bench)
        bench.bookings.back_off_failing(booking.booking_id, DUE)
        bench.bookings.back_off_failing(booking.booking_id, DUE + timedelta(hours=25))
        assert [entry.kind for entry in entries(bench)] == ["failing"]
        bench.bookings.save(booking, opened(booking))
        assert entries(bench) == []
        # The day begins anew.
        bench.bookings.back_off_failing(booking.booking_id, DUE + timedelta(hours=26))
        assert entries(bench) == []

    def test_what_rests_or_is_not_due_yet_is_not_put_off(self, bench: Bench) -> None:
        """It would be in the index for ever: whoever is led to it finds nothing to do, and so saves nothing."""
        booking = held(bench)
        bench.bookings.back_off_failing(booking.booking_id, DUE - MS)
        assert bench.bookings.due(DUE, 10) == [booking.booking_id]
        assert not bench.failures(booking.booking_id)
        bench.bookings.save(booking, resting(paid(booking)))
        bench.bookings.back_off_failing(booking.booking_id, DUE)
        assert bench.bookings.due(NOW + timedelta(days=900), 10) == []
        assert not bench.failures(booking.booking_id)

    def test_what_does_not_exist_is_not_put_off(self, bench: Bench) -> None:
        booking_id = a_booking_id("never made")
        bench.bookings.back_off_failing(booking_id, NOW)
        assert bench.bookings.due(NOW + timedelta(days=1), 10) == []
        assert bench.failures(booking_id) is None
        bench.bookings.hold(a_booking(key="never made"), a_listing(), {}, Account())

    # -- what needs a person

    def test_a_payment_in_review_needs_a_person(self, bench: Bench) -> None:
        booking = held(bench)
        odd = verified(booking, "paid", amount=Money(1, "ETB"), now=NOW + DAY)
        saved = bench.bookings.save(booking, odd)
        # Since it needs one, not since it was made.
        assert entries(bench) == [AttentionEntry(booking.booking_id, "payment_review", NOW + DAY)]
        bench.bookings.save(saved, paid(booking))
        assert entries(bench) == []

    def test_orphaned_money_is_reported_once(self, bench: Bench) -> None:
        tx_ref = f"{a_booking_id('lost')}-1"
        bench.bookings.orphan(tx_ref, verification_of(a_booking().payments[0], tx_ref=tx_ref), NOW)
        bench.bookings.orphan(tx_ref, Verification("paid", tx_ref), NOW + timedelta(hours=1))
        assert entries(bench) == [AttentionEntry(tx_ref, "orphan", NOW)]
        assert bench.bookings.due(NOW + timedelta(days=9), 10) == []

    def test_an_orphan_is_acknowledged_once_and_for_all(self, bench: Bench) -> None:
        tx_ref = f"{a_booking_id('lost')}-1"
        first = Acknowledgement(NOW + timedelta(hours=1), PersonId("operator-1"), "Sent back by hand. እናመሰግናለን")
        again = Acknowledgement(NOW + timedelta(hours=2), PersonId("operator-2"), "")
        assert bench.bookings.acknowledge_orphan(tx_ref, first) is None
        assert entries(bench) == []
        bench.bookings.orphan(tx_ref, Verification("paid", tx_ref), NOW)
        another = f"{a_booking_id('lost')}-2"
        bench.bookings.orphan(another, Verification("paid", another), NOW)
        assert bench.bookings.acknowledge_orphan(tx_ref, first) == first
        assert bench.another().acknowledge_orphan(tx_ref, again) == first
        # Its announcement may still come again.
        bench.bookings.orphan(tx_ref, Verification("paid", tx_ref), NOW)
        assert entries(bench) == [AttentionEntry(another, "orphan", NOW)]
        assert bench.bookings.acknowledge_orphan(another, again) == again

    def test_a_booking_is_no_orphan_to_acknowledge(self, bench: Bench) -> None:
        booking = held(bench)
        said = Acknowledgement(NOW, PersonId("operator-1"), "")
        for subject in ("", booking.booking_id, booking.payments[0].tx_ref):
            assert bench.bookings.acknowledge_orphan(subject, said) is None
        assert bench.bookings.load(booking.booking_id) == booking
        assert entries(bench) == []

    def test_whether_a_booking_keeps_failing(self, bench: Bench) -> None:
        booking = held(bench)
        assert not bench.bookings.is_failing(a_booking_id("never made"))
        bench.bookings.back_off_failing(booking.booking_id, DUE)
        assert not bench.bookings.is_failing(booking.booking_id)
        bench.bookings.back_off_failing(booking.booking_id, DUE + timedelta(hours=25))
        assert bench.bookings.is_failing(booking.booking_id)
        saved = bench.bookings.save(booking, verified(booking, "paid", amount=Money(1, "ETB")))
        assert not bench.bookings.is_failing(saved.booking_id)

    @pytest.mark.parametrize("limit", [1, 2, 100])
    def test_attention_entries_oldest_first(self, bench: Bench, limit: int) -> None:
        listing = a_listing(units=9)
        expected = []
        for n in (2, 0, 1):
            booking = held(bench, guest_id=PersonId(f"guest-{n}"), now=NOW + timedelta(hours=n), listing=listing)
            bench.bookings.save(booking, verified(booking, "paid", amount=Money(1, "ETB")))
            expected.append(AttentionEntry(booking.booking_id, "payment_review", booking.created_at))
        bench.bookings.orphan("GZ0000000000000A-1", Verification("paid"), NOW + timedelta(minutes=30))
        expected.append(AttentionEntry("GZ0000000000000A-1", "orphan", NOW + timedelta(minutes=30)))
        pages = all_pages(lambda after: bench.bookings.attention_entries(limit=limit, after=after))
        assert all(len(page.items) <= limit for page in pages)
        found = [entry for page in pages for entry in page.items]
        assert found == sorted(expected, key=lambda entry: entry.since)

    # -- salt

    def test_the_salt_is_made_once(self, bench: Bench) -> None:
        salt = bench.bookings.salt()
        assert len(salt) == 32
        assert bench.bookings.salt() == salt
        assert bench.another().salt() == salt

    # -- reading bookings

    def test_what_is_not_there_is_none(self, bench: Bench) -> None:
        assert bench.bookings.load(a_booking_id("nobody's")) is None
        assert bench.listings.load(a_listing().listing_id) is None

    def test_many_are_read_in_the_order_asked(self, bench: Bench) -> None:
        listing = a_listing(units=99)
        made = [held(bench, guest_id=PersonId(f"guest-{n}"), listing=listing) for n in range(5)]
        asked = [made[3], made[0], made[4]]
        ids = [booking.booking_id for booking in asked]
        found = bench.bookings.load_many([ids[0], a_booking_id("none"), *ids[1:]])
        assert found == Batch(tuple(asked))
        assert bench.bookings.load_many([]) == Batch(())

    def test_one_record_that_cannot_be_read_takes_no_other_with_it(self, bench: Bench) -> None:
        listing = a_listing(units=99)
        made = [held(bench, guest_id=PersonId(f"guest-{n}"), listing=listing) for n in range(4)]
        ids = [booking.booking_id for booking in made]
        for broken in (ids[2], ids[0]):
            bench.make_unreadable(broken)
        found = bench.bookings.load_many([ids[3], ids[2], a_booking_id("none"), ids[1], ids[0]])
        assert found == Batch((made[3], made[1]), (ids[2], ids[0]))
        with pytest.raises(Unreadable, match=ids[2]):
            bench.bookings.load(ids[2])

    # -- the right to ask the gateway

    def test_one_caller_at_a_time_has_the_right_to_ask(self, bench: Bench) -> None:
        booking = held(bench)
        ours = Lease("ours", NOW + LEASE)
        leased = bench.bookings.lease_verification(booking.booking_id, ours, NOW)
        assert leased == replace(booking, verify_lease=ours, version=2)
        assert bench.bookings.load(booking.booking_id) == leased
        theirs = Lease("theirs", NOW + LEASE + LEASE)
        for now in (NOW, NOW + LEASE - MS):
            assert bench.another().lease_verification(booking.booking_id, theirs, now) is None
        # Whoever has it does not get it a second time either.
        assert bench.bookings.lease_verification(booking.booking_id, Lease("ours", NOW + LEASE + MS), NOW) is None
        assert bench.bookings.load(booking.booking_id) == leased

    def test_a_lease_that_lapsed_can_be_taken(self, bench: Bench) -> None:
        booking = held(bench)
        bench.bookings.lease_verification(booking.booking_id, Lease("ours", NOW + LEASE), NOW)
        theirs = Lease("theirs", NOW + LEASE + LEASE)
        taken_over = bench.bookings.lease_verification(booking.booking_id, theirs, NOW + LEASE)
        assert taken_over == replace(booking, verify_lease=theirs, version=3)

    def test_a_lease_is_given_back_by_the_save_that_follows(self, bench: Bench) -> None:
        booking = held(bench)
        lease = Lease("ours", NOW + LEASE)
        leased = bench.bookings.lease_verification(booking.booking_id, lease, NOW)
        assert leased is not None
        kept = bench.bookings.save(leased, opened(leased))
        assert kept.verify_lease == lease
        assert bench.bookings.lease_verification(booking.booking_id, Lease("theirs", NOW + LEASE), NOW) is None
        saved = bench.bookings.save(kept, without_verify_lease(kept, lease))
        assert bench.bookings.load(booking.booking_id) == saved == replace(opened(booking), version=4)
        assert bench.bookings.lease_verification(booking.booking_id, Lease("theirs", NOW + LEASE), NOW) is not None

    def test_nobody_saves_over_a_lease_without_having_seen_it(self, bench: Bench) -> None:
        booking = held(bench)
        leased = bench.bookings.lease_verification(booking.booking_id, Lease("ours", NOW + LEASE), NOW)
        for late in (opened(booking), expired(booking)):
            with pytest.raises(VersionLost):
                bench.bookings.save(booking, late)
        assert bench.bookings.load(booking.booking_id) == leased
        assert taken(bench) == {FIRST: 1, SECOND: 1, THIRD: 1}

    def test_a_lease_changes_nothing_that_the_clock_or_a_person_goes_by(self, bench: Bench) -> None:
        booking = held(bench)
        odd = bench.bookings.save(booking, verified(booking, "paid", amount=Money(1, "ETB")))
        due, listed = bench.bookings.due(NOW + DAY, 10), entries(bench)
        assert listed
        bench.bookings.lease_verification(odd.booking_id, Lease("ours", NOW + LEASE), NOW)
        assert (bench.bookings.due(NOW + DAY, 10), entries(bench)) == (due, listed)
        assert bench.bookings.of_guest(GUEST, limit=9, after=None).items == (booking.booking_id,)

    def test_what_does_not_exist_is_leased_to_nobody(self, bench: Bench) -> None:
        booking_id = a_booking_id("never made")
        assert bench.bookings.lease_verification(booking_id, Lease("ours", NOW + LEASE), NOW) is None
        assert bench.bookings.load(booking_id) is None
        held(bench, key="never made")

    # -- records that cannot be read

    def test_a_record_that_cannot_be_read_is_put_before_a_person_once(self, bench: Bench) -> None:
        booking = held(bench)
        bench.make_unreadable(booking.booking_id)
        assert entries(bench) == []
        bench.bookings.mark_unreadable(booking.booking_id, NOW)
        bench.another().mark_unreadable(booking.booking_id, NOW + DAY)
        assert entries(bench) == [AttentionEntry(booking.booking_id, "unreadable", NOW)]
        # It is tried on as before.
        assert bench.bookings.due(DUE, 10) == [booking.booking_id]

    def test_what_waits_for_a_person_already_is_not_marked_anew(self, bench: Bench) -> None:
        booking = held(bench)
        bench.bookings.save(booking, verified(booking, "paid", amount=Money(1, "ETB")))
        listed = entries(bench)
        bench.bookings.mark_unreadable(booking.booking_id, NOW + DAY)
        assert entries(bench) == listed

    def test_the_next_save_takes_the_mark_away(self, bench: Bench) -> None:
        """A release that can read it saved it."""
        booking = held(bench)
        bench.bookings.mark_unreadable(booking.booking_id, NOW)
        assert bench.bookings.load(booking.booking_id) == booking
        bench.bookings.save(booking, opened(booking))
        assert entries(bench) == []
        bench.bookings.mark_unreadable(booking.booking_id, NOW + DAY)
        assert entries(bench) == [AttentionEntry(booking.booking_id, "unreadable", NOW + DAY)]

    def test_what_does_not_exist_is_not_marked(self, bench: Bench) -> None:
        booking_id = a_booking_id("never made")
        bench.bookings.mark_unreadable(booking_id, NOW)
        assert entries(bench) == []
        assert bench.bookings.load(booking_id) is None
        held(bench, key="never made")

    # -- indexes of bookings

    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
    def test_a_guests_bookings_newest_first(self, bench: Bench, limit: int) -> None:
        made = []
        for n in (2, 0, 4, 1, 3):
            booking = held(bench, key=f"key {n}", now=NOW + timedelta(days=n), listing=a_listing(units=99))
            made.append(booking.booking_id)
        held(bench, guest_id=OTHER, listing=a_listing(units=99))
        newest_first = [made[n] for n in (2, 4, 0, 3, 1)]
        pages = [
            page.items for page in all_pages(lambda after: bench.bookings.of_guest(GUEST, limit=limit, after=after))
        ]
        assert [booking_id for page in pages for booking_id in page] == newest_first
        assert all(len(page) <= limit for page in pages)
        assert [booking_id for page in pages[:-1] for booking_id in page] == newest_first[: limit * (len(pages) - 1)]

    @pytest.mark.parametrize("limit", [2, 100])
    def test_a_listings_bookings_latest_check_in_first(self, bench: Bench, limit: int) -> None:
        listing = a_listing()
        made = {
            day: held(bench, guest_id=PersonId(f"guest-{day}"), stay=a_stay(date(2027, 1, day), 1)).booking_id
            for day in (20, 15, 25)
        }
        elsewhere = a_listing(listing_id=derive_listing_id(SALT, HOST, "elsewhere"))
        held(bench, guest_id=OTHER, listing=elsewhere)
        pages = all_pages(lambda after: bench.bookings.of_listing(listing.listing_id, limit=limit, after=after))
        assert all(len(page.items) <= limit for page in pages)
        assert [booking_id for page in pages for booking_id in page.items] == [made[25], made[20], made[15]]

    @pytest.mark.parametrize("limit", [1, 2, 5, 100])
    @pytest.mark.parametrize("latest_first", [False, True])
    def test_a_listings_arrivals_of_a_period_in_order(self, bench: Bench, limit: int, *, latest_first: bool) -> None:
        listing = a_listing(units=99)
        days = (13, 14, 14, 14, 16, 20, 21)
        made = [
            held(bench, guest_id=PersonId(f"guest-{n}"), stay=a_stay(date(2027, 1, day), 1), listing=listing)
            for n, day in enumerate(days)
        ]
        elsewhere = a_listing(listing_id=derive_listing_id(SALT, HOST, "elsewhere"))
        held(bench, guest_id=OTHER, listing=elsewhere)
        bench.bookings.save(made[1], expired(made[1]))
        every = sorted((booking.stay.check_in, booking.booking_id) for booking in made[1:6])
        found: list[tuple[date, BookingId]] = []
        while True:
            some = bench.bookings.arrivals(
                listing.listing_id,
                FIRST,
                date(2027, 1, 20),
                limit=limit,
                after=found[-1] if found else None,
                latest_first=latest_first,
            )
            found += some
            if len(some) < limit:
                break
        assert found == (every[::-1] if latest_first else every)

    @pytest.mark.parametrize("limit", [1, 2, 100])
    def test_confirmed_bookings_by_the_day_of_their_arrival(self, bench: Bench, limit: int) -> None:
        """At whichever listing, for as long as they keep their nights."""
        elsewhere = a_listing(listing_id=derive_listing_id(SALT, HOST, "elsewhere"))

        def booked(name: str, nights: int, **at: Any) -> Booking:
            return held(bench, guest_id=PersonId(name), stay=a_stay(FIRST, nights), **at)

        def confirmed(booking: Booking) -> Booking:
            return bench.bookings.save(booking, paid(opened(booking)))

        long, short = confirmed(booked("long", 3)), confirmed(booked("short", 1))
        other = confirmed(booked("other", 4, listing=elsewhere))
        booked("unpaid", 3, listing=elsewhere)
        gone = confirmed(booked("cancelled", 3))
        bench.bookings.save(gone, cancelled(gone))
        confirmed(held(bench, guest_id=PersonId("later"), stay=a_stay(SECOND, 3), listing=elsewhere))

        def staying(until: date) -> list[BookingId]:
            pages = all_pages(lambda after: bench.bookings.staying(FIRST, until=until, limit=limit, after=after))
            assert all(len(page.items) <= limit for page in pages)
            return [booking_id for page in pages for booking_id in page.items]

        assert staying(FIRST) == staying(SECOND) == [each.booking_id for each in (short, long, other)]
        assert staying(THIRD) == [long.booking_id, other.booking_id]
        # One that leaves early is gone from then on.
        bench.bookings.save(long, ended(long, SECOND))
        assert staying(SECOND) == [*sorted((short.booking_id, long.booking_id)), other.booking_id]
        assert staying(THIRD) == [other.booking_id]
        assert staying(date(2027, 1, 18)) == [other.booking_id]
        assert staying(date(2027, 1, 19)) == []

    @pytest.mark.parametrize("limit", [1, 3, 100])
    def test_the_bookings_of_a_day_in_a_time_zone(self, bench: Bench, limit: int) -> None:
        """From nine in the evening to nine in the evening, as UTC has the day of Addis Ababa."""
        listing = a_listing(units=99)
        begins = datetime(2027, 1, 2, 21, tzinfo=UTC)
        made = {
            at: held(bench, guest_id=PersonId(f"guest-{n}"), now=at, listing=listing).booking_id
            for n, at in enumerate([begins - MS, *(begins + timedelta(hours=2 * h) for h in range(12)), begins + DAY])
        }
        ids = list(made.values())
        assert {shard_of(booking_id, 4) for booking_id in ids[1:-1]} == {0, 1, 2, 3}
        pages = all_pages(lambda after: bench.bookings.made_between(begins, begins + DAY, limit=limit, after=after))
        found = [booking_id for page in pages for booking_id in page.items]
        # Those of the first day in UTC come first.
        assert (sorted(found[:2]), sorted(found[2:])) == (sorted(ids[1:3]), sorted(ids[3:-1]))
        assert all(len(page.items) == limit for page in pages[:-1])
        last_moment = all_pages(
            lambda after: bench.bookings.made_between(begins + DAY - MS, begins + DAY, limit=limit, after=after)
        )
        assert [booking_id for page in last_moment for booking_id in page.items] == []

    def test_a_booking_is_of_the_day_on_which_it_was_made(self, bench: Bench) -> None:
        booking = held(bench)
        bench.bookings.save(booking, opened(booking, now=NOW + DAY))
        made = bench.bookings.made_between(NOW, NOW + MS, limit=9, after=None)
        assert made.items == (booking.booking_id,)
        assert bench.bookings.made_between(NOW + MS, NOW + 3 * DAY, limit=9, after=None).items == ()
        assert bench.bookings.made_between(NOW - 3 * DAY, NOW, limit=9, after=None).items == ()

    def test_a_booking_that_changed_late_is_found_by_the_day_of_its_change(self, bench: Bench) -> None:
        booking, later = held(bench), NOW + CHECK_LOOKS_BACK
        soon = bench.bookings.save(booking, replace(opened(booking), updated_at=later - MS))
        assert bench.bookings.changed_on((later - MS).date(), limit=9, after=None).items == ()
        late = bench.bookings.save(soon, replace(soon, updated_at=later))
        assert bench.bookings.changed_on(later.date(), limit=9, after=None).items == (booking.booking_id,)
        bench.bookings.save(late, replace(late, updated_at=later + DAY))
        assert bench.bookings.changed_on(later.date(), limit=9, after=None).items == ()
        assert bench.bookings.changed_on((later + DAY).date(), limit=9, after=None).items == (booking.booking_id,)

    def test_what_changed_on_a_day_comes_in_pages(self, bench: Bench) -> None:
        listing, ids = a_listing(units=99), set()
        for n in range(5):
            booking = held(bench, guest_id=PersonId(f"guest-{n}"), now=NOW + timedelta(minutes=n), listing=listing)
            bench.bookings.save(booking, replace(booking, updated_at=NOW + 9 * DAY))
            ids.add(booking.booking_id)
        day = (NOW + 9 * DAY).date()
        pages = all_pages(lambda after: bench.bookings.changed_on(day, limit=2, after=after))
        assert [len(page.items) for page in pages if page.items] == [2, 2, 1]
        assert {booking_id for page in pages for booking_id in page.items} == ids

    @pytest.mark.parametrize("limit", range(1, 6))
    def test_a_page_of_a_day_is_full_before_the_next_begins(self, bench: Bench, limit: int) -> None:
        listing = a_listing(units=99)
        for n in range(9):
            held(bench, guest_id=PersonId(f"guest-{n}"), now=NOW + timedelta(minutes=n), listing=listing)
        pages = [
            page.items
            for page in all_pages(
                lambda after: bench.bookings.made_between(NOW, NOW + timedelta(hours=1), limit=limit, after=after)
            )
        ]
        full, rest = divmod(9, limit)
        assert [len(page) for page in pages if page] == [limit] * full + [rest] * bool(rest)
        # The last bookings may lie in the last shard: an empty page may follow, and no more.
        assert len(pages) <= full + 1


def etb(minor: int | None) -> Money | None:
    return None if minor is None else Money(minor, "ETB")


def held(bench: Bench, *, listing: Listing | None = None, **changes: Any) -> Booking:
    """A booking that the store holds."""
    listing = listing or a_listing()
    booking = a_booking(listing=listing, **changes)
    account = with_hold(bench.bookings.account(booking.guest_id), booking, now=booking.created_at)
    bench.bookings.hold(booking, listing, {}, account)
    return booking


def gone(bench: Bench, **changes: Any) -> Booking:
    """A booking whose hold is over: its nights were given back."""
    booking = opened(held(bench, **changes))
    return bench.bookings.save(booking, expired(booking))


def resting(booking: Booking) -> Booking:
    """A confirmed booking whose e-mails are sent: it needs nothing any more."""
    return replace(booking, outbox=tuple(replace(entry, status="sent") for entry in booking.outbox))


def published(bench: Bench, name: str, **changes: Any) -> Listing:
    listing = a_listing(listing_id=derive_listing_id(SALT, HOST, name), **changes)
    assert bench.listings.publish(listing)
    return listing


def taken(bench: Bench) -> dict[date, int]:
    """How many units of the Lake house are taken, by night."""
    nights = bench.listings.nights(a_listing().listing_id, date(2026, 12, 1), date(2028, 12, 1))
    return {night.date: night.taken for night in nights.values() if night.taken}


def entries(bench: Bench) -> list[AttentionEntry]:
    return list(bench.bookings.attention_entries(limit=100, after=None).items)


def all_pages(page_after: Callable[[str | None], Page[T]]) -> Sequence[Page[T]]:
    """Every page, each found by the cursor of the one before, which travels as text."""
    pages = [page_after(None)]
    while pages[-1].next_cursor is not None:
        assert isinstance(pages[-1].next_cursor, str)
        pages.append(page_after(pages[-1].next_cursor))
        assert len(pages) < 30
    return pages
