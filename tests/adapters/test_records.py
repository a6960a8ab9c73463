"""What is written is read back whole or refused, never half-read; and how large it is."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given

from chalicelib.adapters.dynamodb import records
from chalicelib.adapters.dynamodb.bookings import _booking_item
from chalicelib.adapters.dynamodb.records import (
    FORM,
    decode_acknowledgement,
    decode_booking,
    decode_listing,
    decode_review,
    decode_verification,
    encode_acknowledgement,
    encode_booking,
    encode_listing,
    encode_review,
    encode_verification,
    inflate,
)
from chalicelib.domain.booking import Booking, Event, Lease, OpeningProblem
from chalicelib.domain.checkout import MAX_ATTEMPTS
from chalicelib.domain.contact import Contact
from chalicelib.domain.errors import FieldError
from chalicelib.domain.ids import PersonId
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.people.review import Review
from chalicelib.domain.verification import NO_ANSWER
from chalicelib.services.ports.outcomes import Acknowledgement, Unreadable
from tests.builders import (
    NOW,
    a_booking,
    a_listing,
    a_stay,
    another_attempt,
    change_entry,
    opened,
    paid,
    refund_owed,
    verification_of,
)
from tests.replacing import replace
from tests.strategies import Life, listings, lives
from tests.units import size_of

KIB = 1024
BOOKING = paid(opened(a_booking()))


def deflated(text: bytes, *, form: int = FORM) -> bytes:
    """Any bytes as a record of this form would hold them."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, zdict=records._DICTIONARIES[form])
    return deflater.compress(text) + deflater.flush()


def as_json(booking: Booking) -> Any:
    return msgspec.json.decode(inflate(encode_booking(booking), form=FORM, name=booking.booking_id))


def read(record: bytes, *, form: int = FORM) -> Booking:
    return decode_booking(record, form=form, name="GZ")


# What is written is read back


@given(lives())
def test_every_booking_comes_back_as_it_was(life: Life) -> None:
    for booking in life.states[-3:]:
        record = encode_booking(booking)
        back = read(record)
        assert back == replace(booking, version=1, verify_lease=None)
        assert type(back.total.minor) is int
        assert encode_booking(back) == record


@given(listings())
def test_every_listing_comes_back_as_it_was(listing: Listing) -> None:
    assert decode_listing(encode_listing(listing), form=FORM, name="lst") == replace(listing, version=1)


def test_what_lies_beside_bookings_and_listings_comes_back_as_it_was() -> None:
    review = Review(BOOKING.booking_id, 5, "ጸጥ ያለ\nቤት", NOW, "fingerprint", "key")
    assert decode_review(encode_review(review), form=FORM, name="review") == review
    for verification in (NO_ANSWER, verification_of(BOOKING.payments[0])):
        assert decode_verification(encode_verification(verification), form=FORM, name="orphan") == verification
    acknowledgement = Acknowledgement(NOW, PersonId("operator-sara"), "እናመሰግናለን")
    assert decode_acknowledgement(encode_acknowledgement(acknowledgement), form=FORM, name="o") == acknowledgement


def test_version_and_lease_are_kept_beside_the_record() -> None:
    leased = replace(BOOKING, version=7, verify_lease=Lease("owner", NOW))
    assert encode_booking(leased) == encode_booking(BOOKING)
    assert encode_listing(a_listing(version=3)) == encode_listing(a_listing(version=1))


def test_text_of_every_script_and_every_quote_is_kept() -> None:
    contact = Contact(first_name="ሃና", last_name='O"Neil\\', email="hanna@example.et", phone="0911223344")
    booking = a_booking(contact=contact, listing=a_listing(title="የሐይቅ ዳር ቤት \u2028 <b>"))
    assert read(encode_booking(booking)) == booking


def test_instants_keep_their_milliseconds() -> None:
    booking = a_booking(now=NOW + timedelta(milliseconds=7))
    assert read(encode_booking(booking)).created_at == NOW + timedelta(milliseconds=7)


def test_a_person_can_read_what_is_stored() -> None:
    told = as_json(BOOKING)
    assert told["total"] == {"minor": 735000, "currency": "ETB"}
    assert told["payments"][0]["status"] == "completed"
    assert [event[1] for event in told["history"]][-2:] == ["payment_completed", "booking_confirmed"]


# What is not whole, or of another form, is refused


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"{}", b'{"booking": {}, "history": []}', b"<html>", b"\xff"])
def test_what_is_no_record_is_refused(text: bytes) -> None:
    with pytest.raises(Unreadable, match="GZ"):
        read(deflated(text))


@pytest.mark.parametrize(
    "record",
    [b"", b"{}", b"\x00", encode_booking(BOOKING)[1:], zlib.compress(b"{}"), encode_booking(BOOKING)[::-1]],
    ids=["nothing", "plain JSON", "a zero", "its head is off", "without the dictionary", "backwards"],
)
def test_broken_bytes_are_refused(record: bytes) -> None:
    with pytest.raises(Unreadable):
        read(record)


def test_a_record_that_was_cut_anywhere_is_refused() -> None:
    record = encode_booking(BOOKING)
    for length in range(len(record)):
        with pytest.raises(Unreadable):
            read(record[:length])


def test_a_record_with_a_changed_byte_is_refused_or_reads_the_same() -> None:
    """The checksum of the stream covers every byte that carries the record."""
    record = bytearray(encode_booking(BOOKING))
    for place in range(len(record)):
        record[place] ^= 0x10
        with suppress(Unreadable):
            assert read(bytes(record)) == BOOKING
        record[place] ^= 0x10


def test_a_record_that_inflates_without_end_is_refused() -> None:
    listing = a_listing(description="x" * records._MAX_RECORD)
    record = encode_listing(listing)
    assert len(record) < 4 * KIB
    with pytest.raises(Unreadable):
        decode_listing(record, form=FORM, name="lst")
    fits = a_listing(description="x" * (records._MAX_RECORD - 2 * KIB))
    assert decode_listing(encode_listing(fits), form=FORM, name="lst") == fits


@pytest.mark.parametrize("form", [0, 1, FORM + 1, -1])
def test_any_other_form_is_refused(form: int) -> None:
    """0 stands for an item that does not say its form."""
    with pytest.raises(Unreadable, match="GZ"):
        read(encode_booking(BOOKING), form=form)
    with pytest.raises(Unreadable):
        inflate(encode_booking(BOOKING), form=form, name="GZ")


def test_an_amount_that_became_a_fraction_is_refused() -> None:
    text = msgspec.json.encode(as_json(BOOKING))
    assert read(deflated(text)) == BOOKING
    with pytest.raises(Unreadable):
        read(deflated(text.replace(b"735000", b"735000.5")))


# Releases side by side: what a newer one wrote is refused by an older one, so that it never drops it


def a_full_booking() -> Booking:
    """One in which every kind of record occurs."""
    booking = refund_owed(paid(another_attempt(opened(a_booking()))))
    problem = OpeningProblem("gateway_rejected", "Refused.", (FieldError("phone", "is wrong"),), 30)
    first = replace(booking.payments[0], opening=Lease("opener", NOW), problem=problem)
    return replace(
        booking,
        payments=(first, *booking.payments[1:]),
        outbox=tuple(replace(entry, lease=Lease("worker", NOW)) for entry in booking.outbox),
    )


def with_one_more_field(value: Any, path: str = "booking") -> Iterator[tuple[str, Any]]:
    """The same record as the next release may write it: with a new field, in one place after the other."""
    if isinstance(value, dict):
        yield path, value | {"added": 1}
        for name, part in value.items():
            for where, grown in with_one_more_field(part, f"{path}.{name}"):
                yield where, value | {name: grown}
    elif isinstance(value, list):
        if path == "booking.history.":
            whole = [*value, *[""] * (len(Event.__struct_fields__) - len(value))]
            yield path, [*whole, "added"]
            return
        for place, part in enumerate(value):
            for where, grown in with_one_more_field(part, f"{path}."):
                yield where, [*value[:place], grown, *value[place + 1 :]]


def test_a_field_that_only_the_next_release_knows_is_refused_wherever_it_is() -> None:
    told = as_json(a_full_booking())
    places = set()
    for place, grown in with_one_more_field(told):
        places.add(place.replace("booking", "", 1).replace("..", ".").strip("."))
        with pytest.raises(Unreadable):
            read(deflated(msgspec.json.encode(grown)))
    assert places == {
        "", "place", "stay", "contact", "lines", "lines.amount", "total", "history", "outbox", "outbox.lease",
        "payments", "payments.amount", "payments.opening", "payments.problem", "payments.problem.errors",
        "payments.schedule", "payments.facts", "payments.facts.received", "payments.facts.fee",
        "payments.refunds", "payments.refunds.amount",
    }  # fmt: skip


NEEDED = [field.name for field in msgspec.structs.fields(Booking) if field.required]


@pytest.mark.parametrize("name", NEEDED)
def test_a_field_that_is_needed_and_missing_is_refused(name: str) -> None:
    told = as_json(BOOKING)
    del told[name]
    with pytest.raises(Unreadable):
        read(deflated(msgspec.json.encode(told)))


# How large an item is: each begun kilobyte of it costs a write unit, at every save


def item_size(booking: Booking) -> int:
    """As DynamoDB counts: the names and the values of all attributes."""
    return size_of(_booking_item(booking).to_dynamodb_dict())


CHANCE = Random(20270102)


def an_id() -> str:
    return str(UUID(int=CHANCE.getrandbits(128), version=4))


def random_text(length: int) -> str:
    return "".join(CHANCE.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=length))


def an_ordinary_booking() -> Booking:
    """With all that a real one has: ids of an issuer, a title in Amharic, an address to go back to."""
    listing = a_listing(
        title="የቢሾፍቱ ሐይቅ ዳር ጥሩ ማረፊያ",
        city="ቢሾፍቱ",
        address="Babogaya Road 7, Bishoftu",
        host_id=PersonId(an_id()),
        host_email="abebe.kebede@gmail.com",
    )
    assert len(listing.title) >= 20
    return a_booking(
        guest_id=PersonId(an_id()),
        listing=listing,
        stay=a_stay(nights=3, units=2, guests=4),
        now=NOW + timedelta(milliseconds=123),
        language="am",
        return_url="https://shop.example.et/thanks",
        fingerprint=random_text(16),
        owner=random_text(16),
        request_id=an_id(),
    )


def mailed(booking: Booking, **changes: Any) -> Booking:
    for entry in booking.outbox:
        booking = change_entry(booking, replace(entry, **changes), now=booking.updated_at + timedelta(seconds=2))
    return booking


HELD = an_ordinary_booking()
LINKED = opened(
    HELD,
    now=HELD.created_at + timedelta(milliseconds=911),
    checkout_url=f"https://checkout.chapa.co/checkout/payment/{random_text(43)}",
)
REFERENCE = f"AP{random_text(12)}"
CONFIRMED = paid(
    LINKED,
    now=HELD.created_at + timedelta(minutes=3, milliseconds=456),
    provider_reference=REFERENCE,
    receipt_url=f"https://chapa.link/payment-receipt/{REFERENCE}",
    paid_at=HELD.created_at + timedelta(minutes=2, milliseconds=789),
)
LEASE = Lease(random_text(16), NOW + timedelta(seconds=25))
COMMON_LIFE = {
    "held": HELD,
    "linked": LINKED,
    "linked, and being verified": replace(LINKED, verify_lease=LEASE),
    "confirmed": CONFIRMED,
    "confirmed, and its letters claimed": mailed(CONFIRMED, lease=LEASE),
    "confirmed, and its letters sent": mailed(CONFIRMED, status="sent"),
}
MOST_OF_A_RECORD = 768


@pytest.mark.parametrize("state", COMMON_LIFE)
def test_an_ordinary_booking_costs_one_unit_all_its_life(state: str) -> None:
    """A write costs a unit for each kilobyte begun; the record leaves a quarter of the first to the attributes."""
    booking = COMMON_LIFE[state]
    record, item = len(encode_booking(booking)), item_size(booking)
    plain = len(inflate(encode_booking(booking), form=FORM, name="GZ"))
    print(f"\n{state}: record {record} bytes (of {plain} as JSON), item {item} bytes")
    assert record <= MOST_OF_A_RECORD
    assert item <= KIB


def test_even_the_fullest_booking_fits_an_item() -> None:
    booking = HELD
    while len(booking.payments) < MAX_ATTEMPTS:
        url = f"https://checkout.chapa.co/checkout/payment/{random_text(43)}"
        booking = another_attempt(opened(booking, checkout_url=url))
    full = mailed(paid(opened(booking)), status="sent")
    print(f"\n{MAX_ATTEMPTS} attempts: item {item_size(full)} bytes")
    assert item_size(full) <= 4 * KIB
