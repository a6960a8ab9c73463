from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given

from chalicelib.adapters.dynamodb.bookings import _booking_item
from chalicelib.adapters.dynamodb.records import (
    decode_booking,
    decode_listing,
    encode_booking,
    encode_listing,
    encode_verification,
)
from chalicelib.domain.booking import Booking
from chalicelib.domain.checkout import MAX_ATTEMPTS
from chalicelib.domain.contact import Contact
from chalicelib.domain.ids import PersonId
from chalicelib.domain.listing import Listing
from chalicelib.domain.outbox import replace_email
from chalicelib.domain.verification import NO_ANSWER
from tests.builders import NOW, a_booking, a_listing, a_stay, another_attempt, opened, paid, verification_of
from tests.strategies import Life, listings, lives

KIB = 1024


# What is written is read back


@given(lives())
def test_every_booking_comes_back_as_it_was(life: Life) -> None:
    for booking in life.states[-3:]:
        text = encode_booking(booking)
        back = decode_booking(text, booking.version)
        assert back == booking
        assert type(back.total.minor) is int
        assert encode_booking(back) == text


@given(listings())
def test_every_listing_comes_back_as_it_was(listing: Listing) -> None:
    assert decode_listing(encode_listing(listing), listing.version) == listing


def test_the_version_is_kept_beside_the_record() -> None:
    booking = a_booking()
    assert decode_booking(encode_booking(booking), 7).version == 7
    assert decode_listing(encode_listing(a_listing(version=3)), 9).version == 9
    assert encode_listing(a_listing(version=3)) == encode_listing(a_listing(version=1))


def test_text_of_every_script_and_every_quote_is_kept() -> None:
    contact = Contact("ሃና", 'O"Neil\\', "hanna@example.et", "0911223344")
    booking = a_booking(contact=contact, listing=a_listing(title="የሐይቅ ዳር ቤት \u2028 <b>"))
    assert decode_booking(encode_booking(booking), 1) == booking


def test_instants_keep_their_milliseconds() -> None:
    booking = a_booking(now=NOW + timedelta(milliseconds=7))
    assert decode_booking(encode_booking(booking), 1).created_at == NOW + timedelta(milliseconds=7)


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"booking": {}, "history": []}', "<html>"])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_booking(text, 1)


def test_an_amount_that_became_a_fraction_is_refused() -> None:
    broken = encode_booking(a_booking()).replace("735000", "735000.5")
    with pytest.raises(msgspec.ValidationError):
        decode_booking(broken, 1)


def test_verifications_can_be_kept_for_people() -> None:
    text = encode_verification(verification_of(a_booking().payments[0]))
    assert msgspec.json.decode(text)["amount"] == {"minor": 735000, "currency": "ETB"}
    assert msgspec.json.decode(encode_verification(NO_ANSWER)) == {"said": "no_answer"}


# How large an item is: each begun kilobyte of it costs a write unit, at every save


def size_of(booking: Booking) -> int:
    """As DynamoDB counts: the names and the values of all attributes, in bytes of UTF-8."""
    item: dict[str, Any] = _booking_item(booking).to_dynamodb_dict()
    # A number takes about half a byte a digit; one byte a digit is on the safe side.
    return sum(len(name.encode()) + len(str(*value.values()).encode()) for name, value in item.items())


def an_ordinary_booking() -> Booking:
    """With all that a real one has: ids of an issuer, a title in Amharic, an address to go back to."""
    listing = a_listing(
        title="የቢሾፍቱ ሐይቅ ዳር ጥሩ ማረፊያ",
        city="ቢሾፍቱ",
        address="Babogaya Road 7, Bishoftu",
        host_id=PersonId(str(UUID(int=2**127 + 12345))),
        host_email="abebe.kebede@gmail.com",
    )
    assert len(listing.title) >= 20
    return a_booking(
        guest_id=PersonId(str(UUID(int=2**126 + 6789))),
        listing=listing,
        stay=a_stay(nights=3, units=2, guests=4),
        now=NOW + timedelta(milliseconds=123),
        language="am",
        return_url="https://shop.example.et/thanks",
        fingerprint="0123456789abcdef",
        opening_by="0123456789abcdef",
        request_id=str(UUID(int=2**125 + 4321)),
    )


def mailed(booking: Booking, **changes: Any) -> Booking:
    for email in booking.emails:
        booking = replace_email(booking, replace(email, tries=1, **changes), now=booking.updated_at)
    return booking


HELD = an_ordinary_booking()
LINKED = opened(
    HELD,
    now=HELD.created_at + timedelta(milliseconds=900),
    checkout_url=f"https://checkout.chapa.co/checkout/payment/{'x' * 43}",
)
CONFIRMED = paid(LINKED, now=HELD.created_at + timedelta(minutes=3))


@pytest.mark.parametrize(
    ("booking", "kilobytes"),
    [
        pytest.param(HELD, 2, id="held"),
        pytest.param(LINKED, 2, id="linked"),
        pytest.param(CONFIRMED, 3, id="confirmed"),
        pytest.param(mailed(CONFIRMED, claimed_by="0123456789abcdef"), 3, id="mail claimed"),
        pytest.param(mailed(CONFIRMED, status="sent"), 3, id="mail sent"),
    ],
)
def test_an_ordinary_booking_stays_small(booking: Booking, kilobytes: int) -> None:
    assert size_of(booking) <= kilobytes * KIB


def test_even_the_fullest_booking_fits_an_item() -> None:
    booking = HELD
    while len(booking.payments) < MAX_ATTEMPTS:
        booking = another_attempt(opened(booking, checkout_url=LINKED.payments[0].checkout_url))
    assert size_of(mailed(paid(opened(booking)), status="sent")) < 40 * KIB
