"""What every store must do so that a person is found, exported and erased: one suite, on the fakes and on DynamoDB."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Protocol

import pytest

from chalicelib.domain.booking import Actor
from chalicelib.domain.host import Host, Notify
from chalicelib.domain.ids import PersonId
from chalicelib.domain.people.access import Access
from chalicelib.domain.people.erasure import Erasure, erasure_task
from chalicelib.domain.people.expiry import TASK, Expiry
from chalicelib.domain.people.review import Review, rated
from chalicelib.domain.timing import FAILING_PAUSE
from chalicelib.domain.verification import Verification
from chalicelib.domain.words.search_terms import NO_KEYS, SearchKeys
from chalicelib.services.ports.bookings import Orphan
from chalicelib.services.ports.ledger import LedgerStore
from chalicelib.services.ports.outcomes import Acknowledgement, VersionLost
from tests.adapters.store_contract import Bench, held
from tests.builders import GUEST, HOST, NOW, a_booking, a_booking_id, a_listing, a_stay, opened, paid
from tests.replacing import replace

LATER = NOW + timedelta(minutes=2)
BEGUN = Erasure(
    erasure_id="S8cxwuUC6PJQhqO6gH-nuQ",
    part="email",
    by=Actor("operator", "operator-sara", "sara@guzo.example.et"),
    note="Asked for by letter.",
    request_id="request-1",
    begun_at=NOW,
    due_at=NOW,
    key="kIUQxclyZrqGLnr--5zJJQ",
    hosts=(PersonId("host-abebe"),),
)
DONE = Expiry(done_until=date(2026, 12, 31), due_at=NOW, waiting=(a_booking_id(),))
MONEY = Verification("paid", reported="chapa: paid ETB 5.00", payer="hanna@gmail.com", provider_reference="APx")


class BooksBench(Bench, Protocol):
    """A bench with a ledger."""

    ledger: LedgerStore


class PrivacyContract:
    """Subclasses give a ``bench`` fixture."""

    def test_an_erasure_is_read_as_it_was_saved(self, bench: Bench) -> None:
        assert bench.erasures.load(BEGUN.erasure_id) is None
        saved = bench.erasures.save(BEGUN)
        assert saved == replace(BEGUN, version=1) == bench.erasures.load(BEGUN.erasure_id)
        done = replace(saved, due_at=None, finished_at=LATER, erased=3, key="", hosts=())
        assert bench.erasures.save(done) == replace(done, version=2) == bench.erasures.load(BEGUN.erasure_id)

    def test_nobody_saves_an_erasure_over_what_they_have_not_seen(self, bench: Bench) -> None:
        first = bench.erasures.save(BEGUN)
        for stale in (BEGUN, replace(first, version=2)):
            with pytest.raises(VersionLost):
                bench.erasures.save(stale)
        assert bench.erasures.load(BEGUN.erasure_id) == first

    def test_how_far_contacts_have_expired_is_one_record(self, bench: Bench) -> None:
        assert bench.erasures.expiry() is None
        first = bench.erasures.save_expiry(DONE)
        assert first == replace(DONE, version=1) == bench.erasures.expiry()
        with pytest.raises(VersionLost):
            bench.erasures.save_expiry(DONE)
        later = replace(first, done_until=date(2027, 1, 1), position="[3, null]", waiting=())
        assert bench.erasures.save_expiry(later) == replace(later, version=2) == bench.erasures.expiry()

    def test_the_clock_has_an_erasure_until_it_is_finished(self, bench: Bench) -> None:
        bench.erasures.save(BEGUN)
        bench.erasures.save_expiry(replace(DONE, due_at=LATER))
        task = erasure_task(BEGUN.erasure_id)
        assert bench.bookings.due(NOW, 9) == [task]
        assert bench.bookings.due(LATER, 9) == [task, TASK]
        bench.bookings.back_off_failing(task, NOW)
        assert bench.bookings.due(NOW, 9) == []
        assert bench.bookings.due(NOW + FAILING_PAUSE, 9) == [TASK, task]
        known = bench.erasures.load(BEGUN.erasure_id)
        assert known is not None
        bench.erasures.save(replace(known, due_at=None, finished_at=LATER))
        assert bench.bookings.due(NOW + timedelta(days=9), 9) == [TASK]

    def test_a_profile_is_found_by_its_keys_and_no_booking_is(self, bench: Bench) -> None:
        keys = SearchKeys(email="host-e", phone="host-p", name="host-n")
        host = Host(host_id=HOST, notify=Notify(email="x@y.et"), created_at=NOW, updated_at=NOW, search_keys=keys)
        saved = bench.hosts.save(host)
        assert bench.hosts.load(HOST) == saved == replace(host, version=1)
        other = replace(host, host_id=PersonId("host-other"), search_keys=SearchKeys(name="host-n"))
        bench.hosts.save(other)
        assert bench.hosts.find("email", "host-e") == bench.hosts.find("phone", "host-p") == (HOST,)
        assert set(bench.hosts.find("name", "host-n")) == {HOST, "host-other"}
        assert bench.hosts.find("name", "host-e") == ()
        bench.hosts.save(replace(saved, search_keys=NO_KEYS))
        assert bench.hosts.find("email", "host-e") == ()

    def test_what_leaves_a_list_meanwhile_moves_nothing(self, bench: Bench) -> None:
        keys = SearchKeys(email="e")
        listing = a_listing(units=99)
        booked = [
            held(bench, listing=listing, key=f"key-{number}", now=NOW + timedelta(hours=number), search_keys=keys)
            for number in range(5)
        ]
        first = bench.bookings.of_search_key("email", "e", limit=2, after=None)
        assert list(first.items) == [booked[4].booking_id, booked[3].booking_id]
        for booking_id in first.items:
            loaded = bench.bookings.load(booking_id)
            assert loaded is not None
            bench.bookings.save(loaded, replace(loaded, search_keys=NO_KEYS))
        second = bench.bookings.of_search_key("email", "e", limit=9, after=first.next_cursor)
        assert list(second.items) == [booked[2].booking_id, booked[1].booking_id, booked[0].booking_id]

    def test_who_left_on_a_day_is_found_by_the_day_of_arrival(self, bench: Bench) -> None:
        listing = a_listing(units=99)

        def confirmed(key: str, nights: int) -> str:
            booking = held(bench, listing=listing, key=key, stay=a_stay(nights=nights))
            done = bench.bookings.save(booking, replace(paid(opened(booking)), version=booking.version))
            return done.booking_id

        three, also, four = confirmed("three", 3), confirmed("also", 3), confirmed("four", 4)
        held(bench, listing=listing, key="unpaid")
        arrived, left = date(2027, 1, 14), date(2027, 1, 17)
        found = bench.bookings.leaving(arrived, on=left, limit=9, after=None)
        assert (set(found.items), found.next_cursor) == ({three, also}, None)
        first = bench.bookings.leaving(arrived, on=left, limit=1, after=None)
        rest = bench.bookings.leaving(arrived, on=left, limit=9, after=first.next_cursor)
        assert {*first.items, *rest.items} == {three, also}
        assert bench.bookings.leaving(arrived, on=date(2027, 1, 18), limit=9, after=None).items == (four,)
        assert bench.bookings.leaving(left, on=left, limit=9, after=None).items == ()

    def test_money_without_a_booking_is_found_by_its_payer_until_the_payer_is_forgotten(self, bench: Bench) -> None:
        bench.bookings.orphan("APx12345", MONEY, NOW, payer_key="p")
        bench.bookings.orphan("APother1", replace(MONEY, payer=""), NOW)
        assert bench.bookings.orphans_of("p") == (Orphan("APx12345", MONEY, waits=True),)
        assert bench.bookings.orphans(["APx12345", "APmissing"]) == {"APx12345": Orphan("APx12345", MONEY, waits=True)}
        bench.bookings.acknowledge_orphan("APx12345", Acknowledgement(NOW, PersonId("operator-sara"), "Sent back."))
        assert bench.bookings.orphans_of("p") == (Orphan("APx12345", MONEY, waits=False),)
        bench.bookings.forget_payer("APx12345", replace(MONEY, payer=""))
        assert bench.bookings.orphans_of("p") == ()
        bench.bookings.forget_payer("APmissing", MONEY)
        assert bench.bookings.orphans_of("p") == ()

    def test_a_review_is_written_anew_wherever_it_stands(self, bench: Bench) -> None:
        listing = a_listing()
        bench.listings.publish(listing)
        said = Review(a_booking().booking_id, 5, "Hanna was here.", NOW, "fingerprint", "key")
        assert bench.listings.review_of(listing.listing_id, said.booking_id) is None
        bench.listings.add_review(listing, rated(listing, said), said)
        silent = replace(said, text="")
        bench.listings.rewrite_review(listing.listing_id, silent)
        assert bench.listings.review_of(listing.listing_id, said.booking_id) == silent
        assert bench.listings.review_under(listing.listing_id, "key") == silent
        assert bench.listings.reviews(listing.listing_id, limit=9, after=None).items == (silent,)

    def test_what_was_looked_at_is_found_by_its_subject(self, bench: BooksBench) -> None:
        def access(minutes: int, subject: str) -> Access:
            at = NOW + timedelta(minutes=minutes)
            return Access(
                at=at, by=GUEST, by_name="x", act="view", subject=subject, found=1, request_id=f"request-{minutes}"
            )

        seen = [access(9, "GZ1"), access(1, "GZ1"), access(2, "GZ2"), access(60 * 24 * 40, "GZ1")]
        for each in seen:
            bench.ledger.note_access(each)
        first = bench.ledger.accesses_about("GZ1", limit=2, after=None)
        assert first.items == (seen[1], seen[0])
        assert bench.ledger.accesses_about("GZ1", limit=9, after=first.next_cursor).items == (seen[3],)
        assert bench.ledger.accesses_about("GZ3", limit=9, after=None).items == ()
        assert bench.ledger.of_reference("GZ1") == ()
