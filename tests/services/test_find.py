"""The operators' search: everything that names a booking finds it, and nothing else; each search is noted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.booking import Booking
from chalicelib.domain.contact import Contact
from chalicelib.domain.errors import Forbidden
from chalicelib.domain.ids import BookingId
from chalicelib.services.correcting import correct_contact
from chalicelib.services.operators.audit import accesses
from chalicelib.services.operators.find import find
from chalicelib.services.operators.lists import bookings_by_day
from tests.builders import HANNA
from tests.fakes import Fakes, FakeSecrets
from tests.harness import GUEST_DAWIT, GUEST_HANNA, HOST_ABEBE, OPERATOR, Harness
from tests.replacing import replace

DAWIT = Contact(first_name="Dawit", last_name="Gebre Medhin", email="Dawit@Gmail.com", phone="+254712345678")


@pytest.fixture
def harness() -> Harness:
    return Harness()


@pytest.fixture
def ports(harness: Harness) -> Fakes:
    return harness.ports


@pytest.fixture
def hanna(harness: Harness) -> Booking:
    return harness.confirmed_booking()


@pytest.fixture
def dawit(harness: Harness, hanna: Booking) -> Booking:
    booking = harness.held_booking(key="other", guest=GUEST_DAWIT, contact=DAWIT)
    harness.sweep_and_drain()
    return booking


def found(ports: Fakes, text: str, **page: Any) -> list[BookingId]:
    pages = {"limit": 20, "after": None} | page
    items = find(ports, OPERATOR, text, request_id="request-f", **pages).items
    return [booking.booking_id for booking in items]


def test_an_id_of_ours_finds_its_booking(ports: Fakes, hanna: Booking, dawit: Booking) -> None:
    for text in (
        hanna.booking_id,
        hanna.booking_id.lower(),
        f" {hanna.booking_id} ",
        f"{hanna.booking_id}-1",
        f"{hanna.booking_id}-1-R1",
    ):
        assert found(ports, text) == [hanna.booking_id]
    assert found(ports, "GZ00000000000000") == []


@pytest.mark.parametrize(
    "text",
    ["hanna.tesfaye@gmail.com", " HANNA.Tesfaye@Gmail.com", "0911223344", "+251 911 22-33-44", "Tesfaye", "tesfaye",
             "Hanna Tesfaye", "hanna  TESFAYE"]
)  # fmt: skip
def test_a_contact_finds_its_booking(ports: Fakes, hanna: Booking, dawit: Booking, text: str) -> None:
    assert found(ports, text) == [hanna.booking_id]


@pytest.mark.parametrize(
    "text",
    ["dawit@gmail.com", "+254712345678", "00254 712 345 678", "Gebre Medhin", "gebremedhin", "Dawit Gebre-Medhin"],
)
def test_names_of_several_words_and_numbers_of_other_countries(
    ports: Fakes, hanna: Booking, dawit: Booking, text: str
) -> None:
    assert found(ports, text) == [dawit.booking_id]


@pytest.mark.parametrize("text", ["Hanna", "Medhin", "Abebe Tesfaye", "anna.tesfaye@gmail.com", "0911223345", "?"])
def test_what_names_nobody_finds_nobody(ports: Fakes, hanna: Booking, dawit: Booking, text: str) -> None:
    assert found(ports, text) == []


def test_a_guest_with_one_name_is_found_by_it(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking(contact=replace(HANNA, first_name="ሐና", last_name=""))
    assert found(ports, "ሀና") == [booking.booking_id]


def test_a_gateways_reference_finds_its_booking(ports: Fakes, hanna: Booking, dawit: Booking) -> None:
    assert found(ports, f"AP{hanna.payments[0].tx_ref}") == [hanna.booking_id]
    assert found(ports, f"AP{dawit.payments[0].tx_ref}") == []


def test_a_reference_of_money_in_review_finds_its_booking(harness: Harness, ports: Fakes) -> None:
    booking = harness.held_booking()
    ports.gateway.pay(booking.payments[0].tx_ref, provider_reference="AP-odd", mode="live")
    harness.webhook(booking.payments[0].tx_ref)
    assert harness.stored_booking(booking).payments[0].status == "review"
    assert found(ports, "AP-odd") == [booking.booking_id]


@pytest.mark.parametrize("attempt", [0, 1, 2])
def test_money_in_review_is_found_by_its_reference_whichever_attempt_it_came_for(
    harness: Harness, ports: Fakes, attempt: int
) -> None:
    """Also for an old link, while a newer one is open."""
    ports.rules = replace(ports.rules, hold_for=timedelta(hours=5))
    booking = harness.another_attempt(harness.another_attempt(harness.held_booking()))
    tx_ref = booking.payments[attempt].tx_ref
    ports.gateway.pay(tx_ref, provider_reference="AP-odd", mode="live", on_its_way=True)
    harness.webhook(tx_ref)
    assert [payment.tx_ref for payment in harness.stored_booking(booking).payments if payment.status == "review"] == [
        tx_ref
    ]
    assert found(ports, "AP-odd") == [booking.booking_id]


def test_accounts_hosts_and_listings(harness: Harness, ports: Fakes, hanna: Booking, dawit: Booking) -> None:
    assert found(ports, GUEST_HANNA.person_id) == [hanna.booking_id]
    assert set(found(ports, HOST_ABEBE.person_id)) == {hanna.booking_id, dawit.booking_id}
    assert set(found(ports, harness.listing.listing_id)) == {hanna.booking_id, dawit.booking_id}


def test_what_is_found_comes_in_pages(harness: Harness, ports: Fakes) -> None:
    ids = [harness.held_booking(key=f"{n}").booking_id for n in range(3)]
    pages: list[BookingId] = []
    after: str | None = None
    for _ in range(9):
        page = find(ports, OPERATOR, "tesfaye", request_id="r", limit=1, after=after)
        pages += [booking.booking_id for booking in page.items]
        after = page.next_cursor
        if after is None:
            break
    assert after is None
    assert sorted(pages) == sorted(ids)


def test_a_corrected_contact_is_found_as_it_is_and_no_longer_as_it_was(ports: Fakes, hanna: Booking) -> None:
    changes = {"email": "hanna@new.et", "phone": "0911000000", "last_name": "Alemu"}
    correct_contact(ports, OPERATOR, hanna.booking_id, changes)
    for text in ("hanna.tesfaye@gmail.com", "0911223344", "Tesfaye"):
        assert found(ports, text) == []
    for text in ("hanna@new.et", "0911000000", "Hanna Alemu"):
        assert found(ports, text) == [hanna.booking_id]


def test_a_booking_is_made_when_the_key_of_search_cannot_be_read(harness: Harness, ports: Fakes) -> None:
    ports.search_secrets = FakeSecrets()
    booking = harness.book().booking
    assert ports.observe.events.count("search_key_missing") == 1
    assert harness.stored_booking(booking).status == "pending_payment"


def test_each_search_is_noted_before_it_is_answered_and_what_was_typed_is_not(ports: Fakes, hanna: Booking) -> None:
    found(ports, "hanna.tesfaye@gmail.com")
    [note] = accesses(ports, OPERATOR, day=ports.clock.now().date(), limit=9, after=None).items
    assert (note.by, note.by_name, note.act, note.found) == (OPERATOR.person_id, OPERATOR.email, "search", 1)
    assert note.request_id == "request-f"
    assert "hanna" not in repr(note)
    ports.run_before("ledger.note_access", lambda: (_ for _ in ()).throw(RuntimeError()))
    with pytest.raises(RuntimeError):
        found(ports, "hanna.tesfaye@gmail.com")


@pytest.mark.parametrize("text", ["nobody@gmail.com", "0911999999", "No Body", "x", "GZ00000000000001", "\u200b"])
def test_a_search_that_finds_nothing_is_noted_too(ports: Fakes, hanna: Booking, text: str) -> None:
    assert found(ports, text) == []
    [note] = accesses(ports, OPERATOR, day=ports.clock.now().date(), limit=9, after=None).items
    assert (note.act, note.found) == ("search", 0)


def test_searching_is_for_operators(ports: Fakes) -> None:
    for principal in (GUEST_HANNA, HOST_ABEBE):
        with pytest.raises(Forbidden):
            find(ports, principal, "x", request_id="r", limit=1, after=None)
        with pytest.raises(Forbidden):
            accesses(ports, principal, day=ports.clock.now().date(), limit=1, after=None)


def test_a_search_costs_the_same_whatever_there_is(harness: Harness, ports: Fakes, hanna: Booking) -> None:
    def calls() -> list[str]:
        ports.call_log.forget()
        found(ports, "hanna.tesfaye@gmail.com", limit=1)
        return ports.call_log.names()

    few = calls()
    row = ports.tables.bookings[hanna.booking_id]
    for number in range(5000):
        copied = replace(row.booking, booking_id=BookingId(f"GZ{number:014}"))
        ports.tables.bookings[copied.booking_id] = replace(row, booking=copied)
    assert calls() == few == ["hosts.find", "bookings.of_search_key", "bookings.load_many", "ledger.note_access"]


def test_a_filtered_list_reads_on_until_there_is_something_to_show(harness: Harness, ports: Fakes) -> None:
    for number in range(3):
        harness.ports.clock.move(minutes=1)
        harness.held_booking(key=f"{number}")
    wanted = harness.confirmed_booking(key="wanted", guest=GUEST_DAWIT)
    day = wanted.created_at.date()
    page = bookings_by_day(ports, OPERATOR, day, day, status="confirmed", limit=1, after=None)
    assert [booking.booking_id for booking in page.items] == [wanted.booking_id]
