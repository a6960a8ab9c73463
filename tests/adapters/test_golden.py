"""Items of every form that ever was, against this release; and this release's items against the one before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest
from pynamodb.models import Model

from chalicelib.adapters.dynamodb import records, tables
from chalicelib.adapters.dynamodb.bookings import _booking_item
from chalicelib.adapters.dynamodb.records import FORM, READABLE, decode_verification, encode_booking, inflate
from chalicelib.domain.booking import Lease
from chalicelib.domain.ids import BookingId, ListingId, PersonId
from chalicelib.domain.proposal import Act
from chalicelib.services.ports.bookings import AttentionEntry
from chalicelib.services.ports.outcomes import Acknowledgement, Unreadable
from tests.adapters.golden import LATER, ORPHAN, PROPOSED, Golden, as_text, every_file, kinds, present_form, raw
from tests.adapters.golden.kinds import KINDS
from tests.adapters.test_records import deflated
from tests.builders import NOW
from tests.dynamo import DynamoBench
from tests.invariants import check_booking
from tests.replacing import replace

FILES = list(every_file())
READ = [golden for golden in FILES if golden.form in READABLE]
REFUSED = [golden for golden in FILES if golden.form not in READABLE]
RECORDS_READ = [golden for golden in READ if golden.record is not None]
OTHERS = {kind.name: kind for kind in KINDS}
BOOKINGS_READ = [golden for golden in READ if golden.name.startswith("booking_")]


def each(goldens: list[Golden]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("golden", goldens, ids=[f"form {one.form}: {one.name}" for one in goldens])


def put(bench: DynamoBench, golden: Golden, **changes: Any) -> None:
    """Store the item as it is, byte for byte, but for some attributes (None: without it)."""
    item = {name: value for name, value in (raw(golden.item) | changes).items() if value is not None}
    bench.admin.put_item(TableName=golden.table, Item=item)


def reads(bench: DynamoBench, golden: Golden) -> list[Callable[[], object]]:
    """Every way in which the stores read such an item."""
    if golden.name in OTHERS:
        return [lambda: OTHERS[golden.name].read(bench)]
    key = next(value for name in ("booking_id", "listing_id") for value in raw(golden.item).get(name, {}).values())
    if golden.name.startswith("booking_"):
        lease = Lease("another", LATER + timedelta(days=2))
        return [
            lambda: bench.bookings.load(BookingId(key)),
            lambda: bench.bookings.lease_verification(BookingId(key), lease, LATER + timedelta(days=1)),
        ]
    if golden.name == "orphan":
        return []  # nothing reads it but `make show`, which inflates it
    if golden.name == "orphan_acknowledged":
        said = Acknowledgement(NOW, PersonId("operator-2"), "Again.")
        return [lambda: bench.bookings.acknowledge_orphan(ORPHAN, said)]
    if golden.name == "listing":
        return [lambda: bench.listings.load(ListingId(key))]
    if golden.name == "review":
        return [lambda: bench.listings.reviews(ListingId(key), limit=9, after=None)]
    if golden.name == "under_key":
        return [lambda: bench.listings.review_under(ListingId(key), "key")]
    if golden.name == "city":
        return [lambda: bench.listings.find_cities([golden.item["part"]["S"].removeprefix("CITY#")])]
    assert golden.name == "reviewed"
    return []  # its presence is all that counts


def test_there_is_an_item_of_every_form_and_of_every_kind(bench: DynamoBench) -> None:
    assert {golden.form for golden in FILES} == set(range(1, FORM + 1))
    assert {golden.name for golden in FILES if golden.form == FORM} == {each.name for each in present_form(bench)}


def test_every_record_and_every_flat_item_has_one() -> None:
    """What is added to ``records`` or to the tables' models is in nobody's table unread."""
    named = {golden.name for golden in FILES if golden.form == FORM}
    encoders = {name.removeprefix("encode_") for name in vars(records) if name.startswith("encode_")}
    of_their_own = {"booking": "booking_held", "listing": "listing", "review": "review", "verification": "orphan",
                    "acknowledgement": "orphan_acknowledged"}  # fmt: skip
    by_row = {kind.encode.__name__.removeprefix("encode_"): kind.name for kind in KINDS if kind.encode is not None}
    assert encoders == of_their_own.keys() | by_row.keys()
    flat = {
        name
        for name, model in vars(tables).items()
        if isinstance(model, type) and issubclass(model, Model) and model is not Model and not hasattr(model, "record")
    }
    flat_items = {"MonthItem": "month", "CityItem": "city", "LettersItem": "letters", "SaltItem": "salt"}
    assert flat == flat_items.keys() | {"WatchItem"}
    assert {*of_their_own.values(), *by_row.values(), *flat_items.values(), "counts", "sweep"} <= named


def test_every_act_that_waits_for_a_second_person_is_in_one() -> None:
    of_listings = {type(each.act) for each in kinds.PROPOSED.proposals}
    assert {type(act) for act in PROPOSED} | of_listings == set(get_args(Act))


@each([golden for golden in READ if golden.name in OTHERS])
def test_what_the_stores_read_is_what_was_stored(bench: DynamoBench, golden: Golden) -> None:
    put(bench, golden)
    kind = OTHERS[golden.name]
    found = kind.read(bench)
    assert found
    if kind.encode is not None:
        assert msgspec.json.decode(inflate(kind.encode(found), form=FORM, name=golden.name)) == golden.record


# Forms that this release reads


@each(BOOKINGS_READ)
def test_a_stored_booking_is_read_whole(bench: DynamoBench, golden: Golden) -> None:
    put(bench, golden)
    booking_id = BookingId(golden.item["booking_id"]["S"])
    booking = bench.bookings.load(booking_id)
    assert booking is not None
    assert bench.bookings.load_many([booking_id]).items == (booking,)
    check_booking(booking, booked=False)
    # Everything that was stored is in what was read: the attributes say the same, and the record has as much.
    assert as_text(_booking_item(booking).to_dynamodb_dict()) | {"record": None} == golden.item | {
        "record": None,
        "schema": {"N": str(FORM)},
    }
    if golden.form == FORM:
        assert msgspec.json.decode(inflate(encode_booking(booking), form=FORM, name=booking_id)) == golden.record


@each(RECORDS_READ)
def test_a_stored_record_inflates_to_what_it_was(golden: Golden) -> None:
    """The dictionary of a form that is in somebody's table never changes."""
    record = raw(golden.item)["record"]["B"]
    assert msgspec.json.decode(inflate(record, form=golden.form, name=golden.name)) == golden.record


@each(READ)
def test_the_stores_read_each_kind_of_item(bench: DynamoBench, golden: Golden) -> None:
    put(bench, golden)
    for read in reads(bench, golden):
        assert read()
    if golden.name == "orphan":
        record = raw(golden.item)["record"]["B"]
        assert decode_verification(record, form=golden.form, name=ORPHAN).status == "paid"
    if golden.name == "orphan_acknowledged":
        [read] = reads(bench, golden)
        assert read() == Acknowledgement(LATER, PersonId("operator-sara"), "Sent back.")


@each(BOOKINGS_READ)
def test_a_stored_booking_can_be_saved_again(bench: DynamoBench, golden: Golden) -> None:
    put(bench, golden)
    before = bench.bookings.load(BookingId(golden.item["booking_id"]["S"]))
    assert before is not None
    saved = bench.bookings.save(before, replace(before, request_id="another"))
    assert bench.bookings.load(before.booking_id) == saved == replace(before, request_id="another", version=2)


# Forms that it does not read


@each(REFUSED)
def test_an_item_of_an_old_form_is_refused(bench: DynamoBench, golden: Golden) -> None:
    put(bench, golden)
    for read in reads(bench, golden):
        with pytest.raises(OTHERS[golden.name].refuses if golden.name in OTHERS else Unreadable):
            read()


# Releases side by side: this one is the older


@each(RECORDS_READ)
def test_an_item_of_a_newer_form_is_refused(bench: DynamoBench, golden: Golden) -> None:
    put(bench, golden, schema={"N": str(FORM + 1)})
    for read in reads(bench, golden):
        with pytest.raises(OTHERS[golden.name].refuses if golden.name in OTHERS else Unreadable):
            read()


@each(RECORDS_READ)
def test_an_item_that_does_not_say_its_form_is_refused(bench: DynamoBench, golden: Golden) -> None:
    put(bench, golden, schema=None)
    for read in reads(bench, golden):
        with pytest.raises(OTHERS[golden.name].refuses if golden.name in OTHERS else Unreadable):
            read()


@each([golden for golden in RECORDS_READ if golden.form == FORM])
def test_an_item_with_a_field_of_the_next_release_is_refused(bench: DynamoBench, golden: Golden) -> None:
    grown = {"record": {"B": deflated(msgspec.json.encode(golden.record | {"added": 1}))}}
    if "acknowledged" in golden.item:
        acknowledged = inflate(raw(golden.item)["acknowledged"]["B"], form=FORM, name=ORPHAN)
        grown["acknowledged"] = {"B": deflated(msgspec.json.encode(msgspec.json.decode(acknowledged) | {"added": 1}))}
    put(bench, golden, **grown)
    for read in reads(bench, golden):
        with pytest.raises(OTHERS[golden.name].refuses if golden.name in OTHERS else Unreadable):
            read()


def test_a_booking_of_the_next_release_keeps_what_it_says(bench: DynamoBench) -> None:
    """This release leases it, backs it off and shows it to a person, and leaves its record as it is."""
    golden = next(each for each in BOOKINGS_READ if each.name == "booking_linked")
    record = deflated(msgspec.json.encode(golden.record | {"added": 1}))
    put(bench, golden, record={"B": record})
    booking_id = BookingId(golden.item["booking_id"]["S"])
    assert bench.bookings.load_many([booking_id]).unreadable == (booking_id,)
    bench.bookings.mark_unreadable(booking_id, NOW)
    bench.bookings.back_off_failing(booking_id, LATER)
    assert bench.bookings.attention_entries(limit=9, after=None).items == (
        AttentionEntry(booking_id, "unreadable", NOW),
    )
    item = bench.item(booking_id)
    assert item is not None
    assert bytes(item["record"]["B"]) == record
