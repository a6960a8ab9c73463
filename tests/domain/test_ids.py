from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.checkout import MAX_ATTEMPTS
from chalicelib.domain.ids import (
    BookingId,
    PersonId,
    attempt_of,
    booking_of,
    derive_booking_id,
    derive_listing_id,
    is_booking_id,
    is_listing_id,
    key_hash,
    payment_of,
    refund_id_of,
    shard_of,
    tx_ref_of,
)
from tests.builders import SALT

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BOOKING = BookingId("GZ4T1B8WCD7K2M9Q")

people = st.text(min_size=1, max_size=20).map(PersonId)
keys = st.text(min_size=1, max_size=20)


@given(people, keys)
def test_ids_have_their_shapes_and_come_out_the_same_each_time(person: PersonId, key: str) -> None:
    booking_id = derive_booking_id(SALT, person, key)
    listing_id = derive_listing_id(SALT, person, key)
    hashed = key_hash(SALT, person, key)
    assert re.fullmatch(f"GZ[{CROCKFORD}]{{14}}", booking_id)
    assert re.fullmatch(f"lst_[{CROCKFORD}]{{16}}", listing_id)
    assert re.fullmatch(f"[{CROCKFORD}]{{12}}", hashed)
    assert is_booking_id(booking_id)
    assert is_listing_id(listing_id)
    assert not is_booking_id(listing_id)
    assert not is_listing_id(booking_id)
    assert derive_booking_id(SALT, person, key) == booking_id
    assert derive_listing_id(SALT, person, key) == listing_id
    assert key_hash(SALT, person, key) == hashed


def test_these_ids_were_given_out_so_they_never_change() -> None:
    """Another way of deriving would no longer meet the bookings of repeated requests."""
    hanna = PersonId("guest-hanna")
    assert derive_booking_id(SALT, hanna, "first") == "GZQTFQEMB375W9CT"
    assert derive_listing_id(SALT, hanna, "first") == "lst_VQ70HZXA00Z80V13"
    assert key_hash(SALT, hanna, "first") == "7V5KQYSEM2WK"


@given(people, keys)
def test_another_salt_gives_other_ids(person: PersonId, key: str) -> None:
    other = b"the salt of another table's life"
    assert derive_booking_id(SALT, person, key) != derive_booking_id(other, person, key)
    assert derive_listing_id(SALT, person, key) != derive_listing_id(other, person, key)
    assert key_hash(SALT, person, key) != key_hash(other, person, key)


@given(people, keys)
def test_what_an_id_is_for_is_part_of_it(person: PersonId, key: str) -> None:
    tails = {
        derive_booking_id(SALT, person, key)[2:14],
        derive_listing_id(SALT, person, key)[4:16],
        key_hash(SALT, person, key),
    }
    assert len(tails) == 3


@given(st.text(min_size=2, max_size=12), st.data())
def test_person_and_key_never_run_into_each_other(joined: str, data: st.DataObject) -> None:
    """The same letters, cut elsewhere, are another person with another key."""
    cuts = st.integers(0, len(joined))
    one, other = data.draw(cuts), data.draw(cuts)
    first = derive_booking_id(SALT, PersonId(joined[:one]), joined[one:])
    second = derive_booking_id(SALT, PersonId(joined[:other]), joined[other:])
    assert (first == second) is (one == other)


@pytest.mark.parametrize("separator", ["", "\x00", "|", "-", "\x00\x00\x00\x01"])
def test_no_separator_can_be_smuggled_in(separator: str) -> None:
    assert derive_booking_id(SALT, PersonId(f"a{separator}b"), "c") != derive_booking_id(
        SALT, PersonId("a"), f"b{separator}c"
    )


def test_parts_are_framed_by_their_bytes() -> None:
    assert derive_booking_id(SALT, PersonId("é"), "a") != derive_booking_id(SALT, PersonId("éa"), "")


@given(people, keys, st.integers(1, MAX_ATTEMPTS), st.integers(1, 20))
def test_a_reference_leads_to_its_booking_and_fits_every_gateway(
    person: PersonId, key: str, attempt: int, number: int
) -> None:
    booking_id = derive_booking_id(SALT, person, key)
    tx_ref = tx_ref_of(booking_id, attempt)
    assert tx_ref == f"{booking_id}-{attempt}"
    assert booking_of(tx_ref) == booking_id
    assert re.fullmatch("[A-Z0-9-]{1,20}", tx_ref)
    assert refund_id_of(tx_ref, number) == f"{tx_ref}-R{number}"
    assert booking_of(refund_id_of(tx_ref, number)) is None
    assert attempt_of(tx_ref) == attempt
    assert payment_of(refund_id_of(tx_ref, number)) == tx_ref


@pytest.mark.parametrize("text", ["", BOOKING, f"{BOOKING}-1", "-R1", "nonsense", "a-b-c"])
def test_what_is_no_refunds_id_leads_to_no_payment(text: str) -> None:
    assert booking_of(payment_of(text)) is None


@pytest.mark.parametrize("attempt", ["1", "9", "10", "20", "99"])
def test_references_of_our_shape(attempt: str) -> None:
    assert booking_of(f"{BOOKING}-{attempt}") == BOOKING


@pytest.mark.parametrize(
    "text",
    [
        "",
        BOOKING,
        f"{BOOKING}-",
        f"{BOOKING}-0",
        f"{BOOKING}-01",
        f"{BOOKING}-100",
        f"{BOOKING}--1",
        f"{BOOKING}-1-1",
        f"{BOOKING}-1-R1",
        f"{BOOKING}-A",
        f"{BOOKING}-1\n",
        f" {BOOKING}-1",
        f"{BOOKING}-1 ",
        f"{BOOKING}_1",
        f"{BOOKING}-١",
        f"{BOOKING}-１",
        f"{BOOKING}-1٠",
        f"{BOOKING.lower()}-1",
        f"{BOOKING[:-1]}-1",
        f"{BOOKING}0-1",
        f"GX{BOOKING[2:]}-1",
        f"{BOOKING[:-1]}I-1",
        f"{BOOKING[:-1]}L-1",
        f"{BOOKING[:-1]}O-1",
        f"{BOOKING[:-1]}U-1",
        f"{BOOKING[:-1]}٣-1",
        f"{BOOKING[:-1]}é-1",
        f"x{BOOKING}-1",
        "ORPHAN#1",
    ],
)
def test_anything_else_is_no_reference_of_ours(text: str) -> None:
    assert booking_of(text) is None


@pytest.mark.parametrize("letter", list("ILOUaz-_ ٣３é#"))
def test_letters_outside_the_alphabet_make_no_id(letter: str) -> None:
    for place in (2, 9, 15):
        assert not is_booking_id(BOOKING[:place] + letter + BOOKING[place + 1 :])
    listing = "lst_" + "0" * 16
    assert is_listing_id(listing)
    for place in (4, 12, 19):
        assert not is_listing_id(listing[:place] + letter + listing[place + 1 :])


@pytest.mark.parametrize("digit", list(CROCKFORD))
def test_every_digit_makes_an_id(digit: str) -> None:
    assert is_booking_id("GZ" + digit * 14)
    assert is_listing_id("lst_" + digit * 16)
    assert booking_of(f"GZ{digit * 14}-1") == "GZ" + digit * 14


@pytest.mark.parametrize("text", ["", "GZ", BOOKING + "0", BOOKING[:-1], BOOKING + "\n", "gz" + BOOKING[2:], "SALT"])
def test_no_booking_id(text: str) -> None:
    assert not is_booking_id(text)


@pytest.mark.parametrize("text", ["", "lst_", "lst_" + "0" * 15, "lst_" + "0" * 17, "LST_" + "0" * 16, "0" * 20])
def test_no_listing_id(text: str) -> None:
    assert not is_listing_id(text)


@given(st.text(max_size=30), st.integers(1, 16))
def test_a_text_always_falls_into_the_same_shard(text: str, shards: int) -> None:
    shard = shard_of(text, shards)
    assert 0 <= shard < shards
    assert shard_of(text, shards) == shard


def test_shards_are_all_used_and_never_move() -> None:
    found = [shard_of(derive_booking_id(SALT, PersonId("guest"), str(n)), 4) for n in range(400)]
    assert all(found.count(shard) > 60 for shard in range(4))
    assert [shard_of(text, 4) for text in ("a", "b", "c", "GZ4T1B8WCD7K2M9Q")] == [2, 2, 3, 1]
