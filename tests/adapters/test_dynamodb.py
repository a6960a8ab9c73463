"""What only the real stores can get wrong: requests, reasons, retries, lost answers, clients."""

from __future__ import annotations

import json
import re
import threading
from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from chalicelib.adapters.dynamodb.bookings import DynamoBookings
from chalicelib.adapters.dynamodb.calls import TRIES, Writes
from chalicelib.adapters.dynamodb.cities import Cities
from chalicelib.adapters.dynamodb.ledger import DynamoLedger
from chalicelib.adapters.dynamodb.listings import DynamoListings
from chalicelib.adapters.dynamodb.records import FORM, decode_verification, inflate
from chalicelib.adapters.dynamodb.tables import CityItem, LedgerItem, connect
from chalicelib.domain.booking import Lease
from chalicelib.domain.finance.ledger import TotalRow, merge
from chalicelib.domain.finance.settlement import Match, Settlement
from chalicelib.domain.host import Host
from chalicelib.domain.ids import BookingId, PersonId, address_id, derive_listing_id
from chalicelib.domain.lifecycle import due_at
from chalicelib.domain.listings.calendar import Night, NightChange
from chalicelib.domain.people.accounts import Account
from chalicelib.domain.people.review import Review, rated
from chalicelib.domain.people.suppression import Suppression
from chalicelib.domain.verification import Verification
from chalicelib.services.ports.bookings import HoldView
from chalicelib.services.ports.ledger import DayTotals
from chalicelib.services.ports.outcomes import (
    AccountChanged,
    Acknowledgement,
    Batch,
    BookingExists,
    NightsShort,
    StoreBusy,
    Unreadable,
    VersionLost,
)
from tests.adapters.store_contract import DUE, FIRST, SECOND, THIRD, etb, gone, held, published, taken
from tests.builders import GUEST, HOST, NOW, SALT, a_booking, a_booking_id, a_listing, a_stay, expired, opened, paid
from tests.dynamo import (
    BOOKINGS,
    CONFLICT,
    FAILED,
    LEDGER,
    LISTINGS,
    NONE,
    DynamoBench,
    Wire,
    bindings_restored,
    make_tables,
)
from tests.replacing import replace
from tests.units import size_of

THROTTLED = [
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
]


def deepest(expression: str) -> int:
    """How many parentheses are open at once."""
    return max(accumulate({"(": 1, ")": -1}.get(character, 0) for character in expression))


PAUSES = [0.5 * 0.05 * 2**tries for tries in range(TRIES)]


# -- each operation is one request: nothing is read or written in two halves


def test_a_hold_is_one_transaction(bench: DynamoBench, wire: Wire) -> None:
    bench.bookings.hold(a_booking(), a_listing(), {}, Account())
    assert wire.operations == ["TransactWriteItems"]
    items = wire.requests[0].body["TransactItems"]
    assert [next(iter(item)) for item in items] == ["Put", "Update", "Update"]
    assert all("ConditionExpression" in next(iter(item.values())) for item in items)


def test_a_save_that_moves_nights_is_one_transaction(bench: DynamoBench, wire: Wire) -> None:
    booking = opened(held(bench))
    wire.requests.clear()
    booking = bench.bookings.save(booking, expired(booking))
    bench.bookings.save(booking, paid(booking), a_listing())
    assert wire.operations == ["TransactWriteItems"] * 2
    for request in wire.requests:
        items = request.body["TransactItems"]
        assert [next(iter(item)) for item in items] == ["Put", "Update"]
        assert all("ConditionExpression" in next(iter(item.values())) for item in items)


def test_nights_are_set_in_one_transaction(bench: DynamoBench, wire: Wire) -> None:
    bench.listings.set_nights(a_listing().listing_id, [FIRST, SECOND, date(2027, 2, 1)], NightChange(closed=True))
    assert wire.operations == ["TransactWriteItems"]
    assert len(wire.requests[0].body["TransactItems"]) == 2
    bench.listings.set_nights(a_listing().listing_id, [FIRST], NightChange())
    assert wire.operations == ["TransactWriteItems"]


def test_a_review_is_one_transaction(bench: DynamoBench, wire: Wire) -> None:
    listing = published(bench, "a")
    said = Review(a_booking_id(), 5, "Quiet.", NOW, key="k")
    wire.requests.clear()
    bench.listings.add_review(listing, rated(listing, said), said)
    assert wire.operations == ["TransactWriteItems"]
    items = wire.requests[0].body["TransactItems"]
    assert [bool(item["Put"].get("ConditionExpression")) for item in items] == [True, True, True, False]


def test_any_other_save_is_one_conditional_put(bench: DynamoBench, wire: Wire) -> None:
    booking = held(bench)
    wire.requests.clear()
    bench.bookings.save(booking, opened(booking))
    assert wire.operations == ["PutItem"]
    assert "ConditionExpression" in wire.requests[0].body


def test_small_writes_are_one_request_each(bench: DynamoBench, wire: Wire) -> None:
    booking = held(bench)
    listing = published(bench, "a")
    for write, operation in (
        (lambda: bench.bookings.orphan(f"{booking.booking_id}-9", Verification("paid"), NOW), "PutItem"),
        (
            lambda: bench.bookings.acknowledge_orphan(f"{booking.booking_id}-9", Acknowledgement(NOW, GUEST, "")),
            "UpdateItem",
        ),
        (
            lambda: bench.bookings.lease_verification(booking.booking_id, Lease("o", NOW + timedelta(seconds=1)), NOW),
            "UpdateItem",
        ),
        (lambda: bench.bookings.mark_unreadable(booking.booking_id, NOW), "UpdateItem"),
        (lambda: bench.listings.save(listing, replace(listing, title="Another", units=9)), "PutItem"),
    ):
        wire.requests.clear()
        write()
        assert wire.operations == [operation]
        assert "ConditionExpression" in wire.requests[0].body


def test_putting_off_reads_nothing(bench: DynamoBench, wire: Wire) -> None:
    booking = held(bench)
    wire.requests.clear()
    bench.bookings.back_off_failing(booking.booking_id, DUE)
    assert set(wire.operations) == {"UpdateItem"}


def test_a_booking_that_nobody_can_read_is_put_off_all_the_same(bench: DynamoBench) -> None:
    booking = held(bench)
    bench.make_unreadable(booking.booking_id)
    bench.bookings.back_off_failing(booking.booking_id, DUE)
    assert bench.bookings.due(DUE + timedelta(minutes=10), 10) == [booking.booking_id]
    with pytest.raises(Unreadable):
        bench.bookings.load(booking.booking_id)
    assert bench.bookings.load_many([booking.booking_id]) == Batch((), (booking.booking_id,))
    assert not bench.bookings.is_failing(booking.booking_id)


def test_decisions_rest_on_consistent_reads(bench: DynamoBench, wire: Wire) -> None:
    booking = held(bench)
    listing = published(bench, "a")
    bench.bookings.salt()
    wire.requests.clear()
    bench.another().salt()
    bench.bookings.load(booking.booking_id)
    bench.bookings.account(GUEST)
    bench.listings.load(listing.listing_id)
    bench.listings.review_under(listing.listing_id, "key")
    bench.bookings.is_failing(booking.booking_id)
    assert [request.body.get("ConsistentRead") for request in wire.requests] == [True] * 6
    wire.requests.clear()
    bench.bookings.load_many([booking.booking_id])
    bench.listings.load_many([listing.listing_id])
    bench.listings.load_with_nights([listing.listing_id], FIRST, THIRD)
    bench.listings.nights(listing.listing_id, FIRST, THIRD)
    for request in wire.requests:
        [keys] = request.body["RequestItems"].values()
        assert keys["ConsistentRead"] is True


def test_a_search_reads_for_half_the_price(bench: DynamoBench, wire: Wire) -> None:
    listing = published(bench, "a")
    wire.requests.clear()
    assert bench.listings.load_many([listing.listing_id], consistent=False).items == (listing,)
    assert bench.listings.load_with_nights([listing.listing_id], FIRST, THIRD, consistent=False).items == (
        (listing, {}),
    )
    for request in wire.requests:
        [keys] = request.body["RequestItems"].values()
        assert not keys.get("ConsistentRead")
    assert len(wire.requests) == 2


def test_what_one_of_several_batches_leaves_is_asked_for_again_or_the_store_is_busy(
    bench: DynamoBench, wire: Wire
) -> None:
    many = [derive_listing_id(SALT, HOST, f"{n}") for n in range(100)]  # and a month each: two batches
    key = {"listing_id": {"S": "x"}, "part": {"S": "LISTING"}}
    wire.answer("BatchGetItem", {"Responses": {}, "UnprocessedKeys": {LISTINGS: {"Keys": [key]}}})
    assert bench.listings.load_with_nights(many, FIRST, SECOND).items == ()
    assert wire.operations == ["BatchGetItem"] * 3
    wire.answer("BatchGetItem", {"Responses": {}, "UnprocessedKeys": {LISTINGS: {"Keys": [key] * 100}}})
    with pytest.raises(StoreBusy, match="left all"):
        bench.listings.load_with_nights(many, FIRST, SECOND)


def test_listings_and_their_months_are_one_batch(bench: DynamoBench, wire: Wire) -> None:
    made = [published(bench, name) for name in "ab"]
    wire.requests.clear()
    bench.listings.load_with_nights([listing.listing_id for listing in made], FIRST, date(2027, 2, 2))
    [request] = wire.requests
    assert request.operation == "BatchGetItem"
    [asked] = request.body["RequestItems"].values()
    assert [(key["listing_id"]["S"], key["part"]["S"]) for key in asked["Keys"]] == [
        (listing.listing_id, part) for listing in made for part in ("LISTING", "MONTH#2027-01", "MONTH#2027-02")
    ]
    for listings, calls in ((50, 1), (51, 2)):
        wire.requests.clear()
        many = [derive_listing_id(SALT, HOST, f"{n}") for n in range(listings)]
        assert bench.listings.load_with_nights(many, FIRST, SECOND).items == ()
        assert wire.operations == ["BatchGetItem"] * calls


@pytest.mark.parametrize("consistent", [True, False])
def test_what_a_hold_is_decided_on_is_one_batch_of_both_tables(
    bench: DynamoBench, wire: Wire, *, consistent: bool
) -> None:
    """A listing and its months are always read consistently: a host's change counts for every hold after it."""
    listing = published(bench, "a")
    wire.requests.clear()
    asked_for = (a_booking_id(), GUEST, listing.listing_id, FIRST, date(2027, 2, 2))
    bench.bookings.view_for_hold(*asked_for, consistent=consistent)
    [request] = wire.requests
    asked = request.body["RequestItems"]
    assert {table: [list(key.values())[-1]["S"] for key in each["Keys"]] for table, each in asked.items()} == {
        BOOKINGS: [a_booking_id(), f"ACCOUNT#{GUEST}"],
        LISTINGS: ["LISTING", "MONTH#2027-01", "MONTH#2027-02"],
    }
    assert {table: each["ConsistentRead"] for table, each in asked.items()} == {BOOKINGS: consistent, LISTINGS: True}


@pytest.mark.parametrize("consistent", [True, False])
def test_a_booking_is_read_eventually_only_where_that_is_said(
    bench: DynamoBench, wire: Wire, *, consistent: bool
) -> None:
    bench.bookings.load(a_booking_id(), consistent=consistent)
    bench.bookings.load(a_booking_id())
    assert [request.body["ConsistentRead"] for request in wire.requests] == [consistent, True]


def test_an_address_whose_record_is_broken_is_left_out_of_a_view(bench: DynamoBench, wire: Wire) -> None:
    bench.hosts.save(Host(host_id=HOST, created_at=NOW, updated_at=NOW))
    bounced = Suppression(outcome="bounced", since=NOW, booking_id=a_booking_id(), entry_id="1")
    for address in ("hanna@gmail.com", "dawit@gmail.com"):
        bench.suppressions.put(address, bounced)
    bench.make_unreadable(BookingId(f"MAILBOX#{address_id(bench.bookings.salt(), 'hanna@gmail.com')}"))
    asked = ["hanna@gmail.com", "dawit@gmail.com", "nobody@gmail.com"]
    wire.requests.clear()
    view = bench.suppressions.view_for_letters(HOST, asked)
    assert view.suppressions == {"dawit@gmail.com": bounced, "nobody@gmail.com": None}
    [request] = wire.requests
    assert not request.body["RequestItems"][BOOKINGS].get("ConsistentRead")
    bench.make_unreadable(BookingId(f"HOST#{HOST}"))
    with pytest.raises(Unreadable):
        bench.suppressions.view_for_letters(HOST, asked)


def test_what_dynamodb_leaves_of_a_view_is_asked_for_again(bench: DynamoBench, wire: Wire) -> None:
    listing = published(bench, "a")
    bench.put_night(listing.listing_id, Night(FIRST, 3))
    month = {"listing_id": {"S": listing.listing_id}, "part": {"S": "MONTH#2027-01"}}
    left = {LISTINGS: {"Keys": [month], "ConsistentRead": True}}
    part = {"Responses": {LISTINGS: [bench.listing_item(listing.listing_id, "LISTING")]}}
    wire.answer("BatchGetItem", part | {"UnprocessedKeys": left})
    asked = (a_booking_id(), GUEST, listing.listing_id, FIRST, SECOND)
    assert bench.bookings.view_for_hold(*asked) == HoldView(None, Account(), listing, {FIRST: Night(FIRST, 3)})
    wire.answer("BatchGetItem", part | {"UnprocessedKeys": left})
    wire.answer("BatchGetItem", {"Responses": {}, "UnprocessedKeys": left})
    with pytest.raises(StoreBusy, match="left all"):
        bench.bookings.view_for_hold(*asked)


def test_keys_that_dynamodb_leaves_for_later_are_asked_for_again(bench: DynamoBench, wire: Wire) -> None:
    listing = published(bench, "a")
    bench.put_night(listing.listing_id, Night(FIRST, 3))
    month = {"listing_id": {"S": listing.listing_id}, "part": {"S": "MONTH#2027-01"}}
    part = {"Responses": {LISTINGS: [bench.listing_item(listing.listing_id, "LISTING")]}}
    wire.answer("BatchGetItem", part | {"UnprocessedKeys": {LISTINGS: {"Keys": [month]}}})
    read = bench.listings.load_with_nights([listing.listing_id], FIRST, SECOND)
    assert read.items == ((listing, {FIRST: Night(FIRST, 3)}),)
    both = [month, month | {"part": {"S": "LISTING"}}]
    wire.answer("BatchGetItem", {"Responses": {}, "UnprocessedKeys": {LISTINGS: {"Keys": both}}})
    with pytest.raises(StoreBusy):
        bench.listings.load_with_nights([listing.listing_id], FIRST, SECOND)


def test_the_salt_is_read_once_in_a_process(bench: DynamoBench, wire: Wire) -> None:
    for _ in range(3):
        bench.bookings.salt()
    assert wire.operations == ["GetItem", "PutItem"]
    store = bench.another()
    for _ in range(3):
        store.salt()
    assert wire.operations == ["GetItem", "PutItem", "GetItem"]


def test_every_item_says_which_form_it_has(bench: DynamoBench) -> None:
    booking = held(bench)
    bench.bookings.save(booking, opened(booking))
    bench.bookings.salt()
    bench.bookings.orphan(f"{booking.booking_id}-9", Verification("paid"), NOW)
    bench.listings.publish(a_listing())
    said = Review(booking.booking_id, 5, "Quiet.", NOW)
    bench.listings.add_review(a_listing(), rated(a_listing(), said), said)
    new = date(2027, 2, 1)
    bench.listings.set_nights(a_listing().listing_id, [THIRD, new], NightChange(closed=True))
    items = bench.items()
    assert len(items) == 4 + 1 + 1 + 2 + 2
    assert {json.dumps(item.get("schema")) for item in items} == {json.dumps({"N": str(FORM)})}


def test_bare_updates_leave_the_form_and_the_record_as_they_are(bench: DynamoBench) -> None:
    booking = held(bench)
    before = bench.item(booking.booking_id)
    assert before is not None
    bench.bookings.lease_verification(booking.booking_id, Lease("owner", NOW + timedelta(seconds=25)), NOW)
    bench.bookings.mark_unreadable(booking.booking_id, NOW)
    bench.bookings.back_off_failing(booking.booking_id, DUE)
    after = bench.item(booking.booking_id)
    assert after is not None
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {
        "verify_lease", "version", "attention", "attention_at", "due_at", "failures", "failing_since"
    }  # fmt: skip
    assert after["verify_lease"] == {"S": "2027-01-02T09:15:55.000Z#owner"}


def test_what_the_indexes_need_stands_on_the_item(bench: DynamoBench) -> None:
    booking = held(bench)
    item = bench.item(booking.booking_id)
    assert item is not None
    due_shard, day = item["due_shard"]["S"], item["day"]["S"]
    assert due_shard in "0123"
    assert day.startswith("2027-01-02#")
    assert day[-1] in "0123"
    expected = {
        "booking_id": booking.booking_id,
        "status": "pending_payment",
        "guest_id": GUEST,
        "created": "2027-01-02T09:15:30.000Z",
        "listing_id": booking.place.listing_id,
        "stay_key": f"2027-01-14#{booking.booking_id}",
        "day": day,
        "due_shard": due_shard,
        "due_at": "2027-01-02T09:17:30.000Z",
    }
    assert {name: value["S"] for name, value in item.items() if "S" in value} == expected


def test_a_booking_that_rests_is_in_no_index_of_what_is_to_be_done(bench: DynamoBench) -> None:
    booking = held(bench)
    rests = replace(paid(opened(booking)), outbox=())
    assert due_at(rests) is None
    bench.bookings.save(booking, rests)
    item = bench.item(booking.booking_id)
    assert item is not None
    assert not {"due_shard", "due_at", "attention", "attention_at"} & set(item)


# -- why a transaction was cancelled


@pytest.mark.parametrize(
    ("reasons", "error"),
    [
        ((FAILED, FAILED, FAILED, NONE), BookingExists),
        ((FAILED, CONFLICT, NONE, NONE), BookingExists),
        ((NONE, FAILED, FAILED, NONE), AccountChanged),
        ((NONE, FAILED, NONE, FAILED), AccountChanged),
        ((NONE, NONE, FAILED, NONE), NightsShort),
        ((NONE, NONE, NONE, FAILED), NightsShort),
        ((NONE, NONE, NONE, "ItemCollectionSizeLimitExceeded"), StoreBusy),
        ((NONE, NONE, NONE, "ValidationError"), StoreBusy),
    ],
)
def test_reasons_of_a_hold_in_their_order(
    bench: DynamoBench, wire: Wire, reasons: tuple[str, ...], error: type[Exception]
) -> None:
    wire.cancel(*reasons)
    with pytest.raises(error):
        bench.bookings.hold(a_booking(), a_listing(), {}, Account())
    assert wire.operations == ["TransactWriteItems"]
    assert bench.slept == []
    assert bench.items() == []


@pytest.mark.parametrize(
    "reasons",
    [
        (NONE, FAILED, CONFLICT, NONE),
        (NONE, CONFLICT, FAILED, NONE),
        (CONFLICT, NONE, NONE, FAILED),
        (NONE, NONE, NONE, "ThrottlingError"),
        (NONE, FAILED, NONE, "ThrottlingError"),
        (NONE, FAILED, NONE, "ProvisionedThroughputExceeded"),
    ],
)
def test_a_conflict_proves_nothing_about_slot_and_nights(
    bench: DynamoBench, wire: Wire, reasons: tuple[str, ...]
) -> None:
    wire.cancel(*reasons)
    booking = a_booking()
    bench.bookings.hold(booking, a_listing(), {}, Account())
    assert wire.operations == ["TransactWriteItems"] * 2
    assert bench.slept == PAUSES[:1]
    assert bench.bookings.load(booking.booking_id) == booking


def test_reasons_of_a_save_that_moves_nights(bench: DynamoBench, wire: Wire) -> None:
    booking = gone(bench)
    for reasons, error in (
        ((FAILED, FAILED, NONE), VersionLost),
        ((FAILED, CONFLICT, NONE), VersionLost),
        ((NONE, FAILED, NONE), NightsShort),
        ((NONE, NONE, FAILED), NightsShort),
    ):
        wire.cancel(*reasons)
        with pytest.raises(error):
            bench.bookings.save(booking, paid(booking), a_listing())
    wire.cancel(NONE, FAILED, CONFLICT)
    bench.bookings.save(booking, paid(booking), a_listing())
    assert taken(bench) == {FIRST: 1, SECOND: 1, THIRD: 1}


# -- conflicts and throttling are tried again; the rest is not


@pytest.mark.parametrize("code", [*THROTTLED, "TransactionInProgressException"])
def test_a_throttled_transaction_is_tried_again(bench: DynamoBench, wire: Wire, code: str) -> None:
    wire.refuse("TransactWriteItems", code, times=2)
    bench.bookings.hold(a_booking(), a_listing(), {}, Account())
    assert bench.slept == PAUSES[:2]
    assert taken(bench) == {FIRST: 1, SECOND: 1, THIRD: 1}


@pytest.mark.parametrize("code", [*THROTTLED, "TransactionConflictException"])
def test_a_single_write_meets_conflicts_and_throttling_too(bench: DynamoBench, wire: Wire, code: str) -> None:
    booking = held(bench)
    wire.refuse("PutItem", code, times=2)
    saved = bench.bookings.save(booking, opened(booking))
    assert bench.slept == PAUSES[:2]
    assert bench.bookings.load(booking.booking_id) == saved
    wire.refuse("UpdateItem", code)
    bench.bookings.back_off_failing(booking.booking_id, DUE)
    assert bench.failures(booking.booking_id) == 1


def test_a_conflict_is_no_failed_condition(bench: DynamoBench, wire: Wire) -> None:
    """A booking must never look changed, made, or given back because somebody was in the way."""
    booking = held(bench)
    listing = published(bench, "a")
    wire.refuse("PutItem", "TransactionConflictException", times=TRIES)
    with pytest.raises(StoreBusy):
        bench.bookings.save(booking, opened(booking))
    wire.refuse("PutItem", "TransactionConflictException", times=TRIES)
    with pytest.raises(StoreBusy):
        bench.listings.save(listing, replace(listing, units=9))
    wire.refuse("UpdateItem", "TransactionConflictException", times=TRIES)
    with pytest.raises(StoreBusy):
        bench.bookings.back_off_failing(booking.booking_id, DUE)
    wire.refuse("UpdateItem", "TransactionConflictException", times=TRIES)
    with pytest.raises(StoreBusy):
        bench.bookings.lease_verification(booking.booking_id, Lease("owner", DUE), NOW)
    wire.refuse("UpdateItem", "TransactionConflictException", times=TRIES)
    with pytest.raises(StoreBusy):
        bench.bookings.mark_unreadable(booking.booking_id, NOW)


def test_trying_ends_with_a_busy_store(bench: DynamoBench, wire: Wire) -> None:
    wire.cancel(NONE, NONE, CONFLICT, times=TRIES)
    with pytest.raises(StoreBusy):
        bench.bookings.hold(a_booking(), a_listing(), {}, Account())
    assert wire.operations == ["TransactWriteItems"] * TRIES
    assert bench.slept == PAUSES
    assert bench.items() == []
    bench.bookings.hold(a_booking(), a_listing(), {}, Account())


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"])
def test_other_refusals_are_said_once(bench: DynamoBench, wire: Wire, code: str) -> None:
    booking = held(bench)
    wire.requests.clear()
    wire.refuse("PutItem", code)
    with pytest.raises(StoreBusy, match=code):
        bench.bookings.save(booking, opened(booking))
    wire.refuse("TransactWriteItems", code)
    with pytest.raises(StoreBusy, match=code):
        bench.bookings.save(booking, expired(booking))
    assert wire.operations == ["PutItem", "TransactWriteItems"]
    assert bench.slept == []


def test_all_tries_of_a_transaction_carry_one_token(bench: DynamoBench, wire: Wire) -> None:
    """So that DynamoDB takes a repeat after a lost answer for the same transaction."""
    wire.cancel(CONFLICT, NONE, NONE, times=2)
    booking = a_booking()
    bench.bookings.hold(booking, a_listing(), {}, Account())
    bench.bookings.save(booking, expired(booking))
    tokens = [request.body["ClientRequestToken"] for request in wire.requests]
    assert tokens[0] == tokens[1] == tokens[2] != tokens[3]
    assert all(len(token) <= 36 for token in tokens)


# -- reads that are not answered


@pytest.mark.parametrize(
    ("operation", "read"),
    [
        ("GetItem", lambda bench: bench.another().salt()),
        ("GetItem", lambda bench: bench.bookings.load(a_booking_id())),
        ("GetItem", lambda bench: bench.bookings.account(GUEST)),
        ("BatchGetItem", lambda bench: bench.bookings.load_many([a_booking_id()])),
        ("BatchGetItem", lambda bench: bench.bookings.view_for_hold(a_booking_id(), GUEST, None, FIRST, THIRD)),
        ("Query", lambda bench: bench.bookings.due(NOW, 10)),
        ("Query", lambda bench: bench.bookings.made_between(NOW, NOW + timedelta(hours=1), limit=1, after=None)),
        ("Query", lambda bench: bench.bookings.attention_entries(limit=1, after=None)),
        ("Query", lambda bench: bench.bookings.of_guest(GUEST, limit=1, after=None)),
        ("Query", lambda bench: bench.bookings.of_listing(a_listing().listing_id, limit=1, after=None)),
        ("Query", lambda bench: bench.bookings.arrivals(a_listing().listing_id, NOW.date(), NOW.date(), limit=1)),
        ("Query", lambda bench: bench.bookings.staying(NOW.date(), until=NOW.date(), limit=1, after=None)),
        ("GetItem", lambda bench: bench.listings.load(a_listing().listing_id)),
        ("BatchGetItem", lambda bench: bench.listings.load_many([a_listing().listing_id])),
        ("BatchGetItem", lambda bench: bench.listings.nights(a_listing().listing_id, FIRST, THIRD)),
        ("BatchGetItem", lambda bench: bench.listings.load_with_nights([a_listing().listing_id], FIRST, THIRD)),
        (
            "Query",
            lambda bench: bench.listings.in_city("bishoftu", currency="ETB", max_price=None, limit=1, after=None),
        ),
        ("Query", lambda bench: bench.listings.of_host(HOST, limit=1, after=None)),
    ],
)
def test_a_read_that_is_not_answered_is_a_busy_store(
    bench: DynamoBench, wire: Wire, operation: str, read: Callable[[DynamoBench], Any]
) -> None:
    wire.refuse(operation, "ProvisionedThroughputExceededException")
    with pytest.raises(StoreBusy, match="ProvisionedThroughputExceededException"):
        read(bench)
    wire.lose_answer(operation)
    with pytest.raises(StoreBusy, match="ReadTimeoutError"):
        read(bench)


def test_trouble_that_never_had_an_answer_is_a_busy_store(bench: DynamoBench) -> None:
    """A time-out says that it has no answer; trouble of another kind does not even say that."""

    def no_network(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")

    events = bench.connection.client.meta.events
    events.register("before-call.dynamodb", no_network)
    try:
        assert not hasattr(EndpointConnectionError(endpoint_url=""), "response")
        for use in (
            lambda: bench.bookings.load(a_booking_id()),
            lambda: bench.bookings.hold(a_booking(), a_listing(), {}, Account()),
            lambda: bench.listings.publish(a_listing()),
        ):
            with pytest.raises(StoreBusy, match="EndpointConnectionError"):
                use()
    finally:
        events.unregister("before-call.dynamodb", no_network)


# -- answers that were lost: the write happened, but nobody heard of it


def test_a_hold_whose_answer_was_lost_meets_itself(bench: DynamoBench, wire: Wire) -> None:
    """DynamoDB knows the token and says yes; an engine that does not, says that it exists: never short or taken."""
    wire.send_again("TransactWriteItems")
    booking = a_booking()
    with pytest.raises(BookingExists):
        bench.bookings.hold(booking, a_listing(units=1), {}, Account())
    assert bench.bookings.load(booking.booking_id) == booking
    assert taken(bench) == {FIRST: 1, SECOND: 1, THIRD: 1}
    first, second = (request.body["ClientRequestToken"] for request in wire.requests[:1] * 2)
    assert first == second


def test_a_write_whose_fate_is_unknown_is_a_busy_store(bench: DynamoBench, wire: Wire) -> None:
    wire.lose_answer("TransactWriteItems")
    booking = a_booking()
    with pytest.raises(StoreBusy, match="ReadTimeoutError"):
        bench.bookings.hold(booking, a_listing(), {}, Account())
    assert bench.bookings.load(booking.booking_id) == booking
    wire.lose_answer("PutItem")
    with pytest.raises(StoreBusy, match="ReadTimeoutError"):
        bench.bookings.save(booking, opened(booking))
    assert bench.bookings.load(booking.booking_id) == replace(opened(booking), version=2)


def test_a_save_whose_answer_was_lost_is_a_lost_version(bench: DynamoBench, wire: Wire) -> None:
    booking = held(bench)
    wire.send_again("PutItem")
    with pytest.raises(VersionLost):
        bench.bookings.save(booking, opened(booking))
    assert bench.bookings.load(booking.booking_id) == replace(opened(booking), version=2)
    wire.send_again("TransactWriteItems")
    booking = replace(opened(booking), version=2)
    with pytest.raises(VersionLost):
        bench.bookings.save(booking, expired(booking))
    assert taken(bench) == {}


def test_a_lease_whose_answer_was_lost_is_ours_all_the_same(bench: DynamoBench, wire: Wire) -> None:
    booking = held(bench)
    lease = Lease("owner", NOW + timedelta(seconds=25))
    wire.send_again("UpdateItem")
    leased = bench.bookings.lease_verification(booking.booking_id, lease, NOW)
    assert leased == bench.bookings.load(booking.booking_id)
    assert leased is not None
    assert leased.verify_lease == lease
    assert bench.bookings.lease_verification(booking.booking_id, Lease("another", lease.until), NOW) is None


# -- the salt


def test_whoever_makes_the_salt_second_reads_the_first_ones(bench: DynamoBench, wire: Wire) -> None:
    rival = bench.another()
    made: list[bytes] = []

    def first(**_: Any) -> None:
        if not made:
            made.append(b"")
            made[0] = rival.salt()

    events = bench.connection.client.meta.events
    events.register("before-call.dynamodb.PutItem", first)
    try:
        assert bench.bookings.salt() == made[0] != b""
    finally:
        events.unregister("before-call.dynamodb.PutItem", first)
    assert bench.another().salt() == made[0]


def test_a_salt_whose_making_failed_is_asked_for_again(bench: DynamoBench, wire: Wire) -> None:
    wire.refuse("PutItem", "AccessDeniedException")
    with pytest.raises(StoreBusy):
        bench.bookings.salt()
    assert bench.bookings.salt() == bench.another().salt()


# -- one session, one client


def test_both_stores_share_one_session_and_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    create = botocore.session.Session.create_client

    def counted(self: botocore.session.Session, service: str, *args: Any, **kwargs: Any) -> Any:
        made.append(service)
        return create(self, service, *args, **kwargs)

    with mock_aws(), bindings_restored():
        make_tables(boto3.client("dynamodb"))
        monkeypatch.setattr(botocore.session.Session, "create_client", counted)
        connection = connect(listings_table=LISTINGS, bookings_table=BOOKINGS, ledger_table=LEDGER)
        bookings, listings = DynamoBookings(connection), DynamoListings(connection)
        bookings.salt()
        listings.publish(a_listing())
        bookings.hold(a_booking(), a_listing(), {}, Account())
        bookings.account(GUEST)
        listings.nights(a_listing().listing_id, FIRST, THIRD)
        bookings.due(NOW, 1)
        listings.in_city("bishoftu", currency="ETB", max_price=None, limit=1, after=None)
        elsewhere = threading.Thread(target=lambda: bookings.load(BookingId("GZ")))
        elsewhere.start()
        elsewhere.join()
        connection.client.close()
    assert made == ["dynamodb"]


def test_calls_end_in_time(bench: DynamoBench) -> None:
    """Two attempts of at most four seconds each: the API has 6 s for DynamoDB before others' time begins."""
    config = bench.connection.client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (1.0, 3.0)
    assert config.retries["total_max_attempts"] == 2
    assert config.max_pool_connections == 64


def test_due_reads_no_more_of_a_shard_than_it_was_asked_for(bench: DynamoBench, wire: Wire) -> None:
    for n in range(12):
        held(bench, key=f"{n}", guest_id=PersonId(f"guest-{n}"), listing=a_listing(units=99))
    wire.requests.clear()
    assert len(bench.bookings.due(NOW + timedelta(days=1), 2)) == 2
    assert wire.operations == ["Query"] * 4


def test_a_page_reads_no_more_than_it_shows(bench: DynamoBench, wire: Wire) -> None:
    for n in range(4):
        held(bench, key=f"{n}", now=NOW + timedelta(days=n))
    wire.requests.clear()
    bench.bookings.of_guest(GUEST, limit=2, after=None)
    [request] = wire.requests
    assert (request.operation, request.body["Limit"], request.body["IndexName"]) == ("Query", 2, "by_guest")


# -- a month is one item


def test_a_month_says_nothing_of_days_that_are_untouched(bench: DynamoBench) -> None:
    held(bench)
    listing_id = a_listing().listing_id
    bench.listings.set_nights(listing_id, [THIRD], NightChange(etb(310000), closed=True))
    month = bench.listing_item(listing_id, "MONTH#2027-01")
    assert month == {
        "listing_id": {"S": listing_id},
        "part": {"S": "MONTH#2027-01"},
        "schema": {"N": "2"},
        "currency": {"S": "ETB"},
        "t14": {"N": "1"},
        "t15": {"N": "1"},
        "t16": {"N": "1"},
        "p16": {"N": "310000"},
        "c16": {"BOOL": True},
    }
    bench.listings.set_nights(listing_id, [THIRD], NightChange(None, closed=False))
    month = bench.listing_item(listing_id, "MONTH#2027-01")
    assert {name for name in month if name.endswith("16")} == {"t16"}


@pytest.mark.parametrize("month", [1, 2])
def test_a_whole_month_fits_one_expression(bench: DynamoBench, wire: Wire, month: int) -> None:
    """DynamoDB takes at most 300 operators and functions, and 4 KB of text, in one expression."""
    stay = a_stay(date(2027, 1, 1), nights=59)
    nights = {day: Night(day, 3, etb(99_999_999)) for day in stay.dates}
    for night in nights.values():
        bench.put_night(a_listing().listing_id, night)
    booking = a_booking(stay=stay, nights=nights)
    wire.requests.clear()
    bench.bookings.hold(booking, a_listing(), nights, Account())
    update = wire.requests[0].body["TransactItems"][1 + month]["Update"]
    assert update["Key"]["part"] == {"S": f"MONTH#2027-{month:02}"}
    condition = update["ConditionExpression"]
    operators = re.findall(r"AND|OR|<=|=|attribute_not_exists", condition)
    assert len(operators) == 8 * monthrange(2027, month)[1] - 1 <= 300
    assert len(condition) <= 4096
    assert deepest(condition) <= 10
    assert len(update["UpdateExpression"]) <= 4096


def test_a_month_of_which_everything_is_said_costs_one_unit(bench: DynamoBench) -> None:
    """A write is billed by the item's size in whole KB; every hold in the month would cost twice as much."""
    listing_id = a_listing().listing_id
    days = [date(2027, 1, day) for day in range(1, 32)]
    for day in days:
        bench.put_night(listing_id, Night(day, 12))
    bench.listings.set_nights(listing_id, days, NightChange(etb(99_999_999), closed=True))
    size = size_of(bench.listing_item(listing_id, "MONTH#2027-01"))
    # And there is room for one more number a day, as a shortest stay would be.
    assert size + 31 * (len("m01") + 2) <= 1024


def test_a_listing_that_cannot_be_read_takes_no_other_down(bench: DynamoBench) -> None:
    listing, other = published(bench, "a"), published(bench, "b")
    item = bench.listing_item(listing.listing_id, "LISTING")
    bench.admin.put_item(TableName=LISTINGS, Item=item | {"record": {"B": b"broken"}})
    asked = [listing.listing_id, other.listing_id]
    assert bench.listings.load_many(asked) == Batch((other,), (listing.listing_id,))
    assert bench.listings.load_with_nights(asked, FIRST, SECOND).unreadable == (listing.listing_id,)


def test_a_month_of_a_newer_form_is_not_half_read(bench: DynamoBench) -> None:
    listing = published(bench, "a")
    held(bench, listing=listing)
    item = bench.listing_item(listing.listing_id, "MONTH#2027-01")
    bench.admin.put_item(TableName=LISTINGS, Item=item | {"schema": {"N": "99"}})
    with pytest.raises(Unreadable, match=r"MONTH#2027-01"):
        bench.listings.nights(listing.listing_id, FIRST, SECOND)
    # It takes no other listing of a page down.
    other = published(bench, "b")
    asked = [listing.listing_id, other.listing_id]
    assert bench.listings.load_with_nights(asked, FIRST, SECOND) == Batch(((other, {}),), (listing.listing_id,))
    # What is held and released meanwhile does not make it look like an older one.
    held(bench, listing=listing, key="second")
    assert bench.listing_item(listing.listing_id, "MONTH#2027-01")["schema"] == {"N": "99"}


def test_an_orphan_keeps_what_the_gateway_said(bench: DynamoBench) -> None:
    """It is all that a person has to go by."""
    booking = a_booking()
    said = Verification("paid", booking.payments[0].tx_ref, booking.total, mode="live", provider_reference="AP1")
    bench.bookings.orphan("GZ00000000000000-1", said, NOW)
    item = bench.item("ORPHAN#GZ00000000000000-1")
    assert item is not None
    record = bytes(item["record"]["B"])
    assert decode_verification(record, form=FORM, name="orphan") == said
    assert json.loads(inflate(record, form=FORM, name="orphan")) == {
        "status": "paid",
        "tx_ref": booking.payments[0].tx_ref,
        "amount": {"minor": 735000, "currency": "ETB"},
        "mode": "live",
        "provider_reference": "AP1",
    }


def test_the_index_of_a_city_holds_what_is_open(bench: DynamoBench) -> None:
    listing = published(bench, "a")
    [item] = [item for item in bench.items() if item.get("part") == {"S": "LISTING"}]
    assert item["status"] == {"S": "open"}
    assert item["city_key"] == {"S": "ETB#bishoftu"}
    assert item["price_key"] == {"S": f"0000000000245000#{listing.listing_id}"}
    bench.listings.save(listing, replace(listing, status="closed"))
    [item] = [item for item in bench.items() if item.get("part") == {"S": "LISTING"}]
    assert item["status"] == {"S": "closed"}
    assert not {"city_key", "price_key"} & set(item)


# -- the directory of cities


def test_a_listing_writes_its_city_in_the_same_transaction(bench: DynamoBench, wire: Wire) -> None:
    listing = published(bench, "a")
    wire.requests.clear()
    moved = bench.listings.save(listing, replace(listing, city="Adama"))
    assert wire.operations == ["BatchGetItem", "TransactWriteItems"]
    assert [city.key for city in bench.listings.cities("", limit=9, after=None).items] == ["adama"]
    # The city that has no listing any more is forgotten a day later, unless one comes back.
    later = int((NOW + timedelta(days=1)).timestamp())
    expiries = {item["part"]["S"]: item.get("expires_at") for item in bench.items() if "listings" in item}
    assert expiries == {"CITY#adama": None, "CITY#bishoftu": {"N": f"{later}"}}
    moved = bench.listings.save(moved, replace(moved, city="Bishoftu"))
    moved = bench.listings.save(moved, replace(moved, city="Adama"))
    wire.cancel(NONE, NONE, CONFLICT, times=TRIES)
    with pytest.raises(StoreBusy):
        bench.listings.save(moved, replace(moved, city="Gondar"))
    assert bench.listings.load(listing.listing_id) == moved
    assert [city.key for city in bench.listings.cities("", limit=9, after=None).items] == ["adama"]


@pytest.mark.parametrize("rivals", [1, 2, 6])
def test_listings_of_one_city_at_once_are_all_counted(
    bench: DynamoBench, monkeypatch: pytest.MonkeyPatch, rivals: int
) -> None:
    read = Cities._read
    waiting = [f"rival {n}" for n in range(rivals)]

    def read_then_others_publish(self: Cities, keys: Sequence[str]) -> dict[str, CityItem]:
        found = read(self, keys)
        if waiting:
            name = waiting.pop()
            monkeypatch.setattr(Cities, "_read", read)
            published(bench, name)
            monkeypatch.setattr(Cities, "_read", read_then_others_publish)
        return found

    monkeypatch.setattr(Cities, "_read", read_then_others_publish)
    if rivals < TRIES:
        published(bench, "a")
    else:
        with pytest.raises(StoreBusy):
            published(bench, "a")
    [city] = bench.listings.cities("", limit=9, after=None).items
    assert city.listings == len(
        bench.listings.in_city("bishoftu", currency="ETB", max_price=None, limit=9, after=None).items
    )


def test_a_day_of_whose_hosts_some_are_gone_is_added_up_anew(bench: DynamoBench) -> None:
    rows = merge(
        (TotalRow(currency="ETB", day=NOW.date(), gateway="chapa", host_id=f"host-{n:05}", fees=n) for n in range(950)),
        by=frozenset({"day", "gateway", "host"}),
    )
    assert bench.ledger.keep_totals(NOW.date(), DayTotals(0, rows))
    LedgerItem(f"HOSTS#{NOW:%Y-%m}", f"{NOW:%d}#0#0001").delete()
    assert bench.ledger.totals(NOW.date(), NOW.date(), hosts=True)[NOW.date()] == DayTotals(0, None)
    assert bench.ledger.totals(NOW.date(), NOW.date(), hosts=False)[NOW.date()].rows is not None


class WritesUntil(Writes):
    """Writes as many as ``left`` and then none."""

    left = 0

    def one(self, write: Callable[[], object], *, lost: type[Exception]) -> None:
        if not self.left:
            raise StoreBusy("the store is down")
        self.left -= 1
        super().one(write, lost=lost)


@pytest.mark.parametrize("written", range(4))
def test_a_report_that_was_kept_in_part_is_none(bench: DynamoBench, written: int) -> None:
    matches = tuple(Match(verdict="matched", reference=f"R{number}") for number in range(900))
    made = Settlement(
        settlement_id="stl_1",
        gateway="chapa",
        start=NOW.date(),
        end=NOW.date(),
        made_at=NOW,
        complete=True,
        matches=matches,
    )
    writes = WritesUntil()
    writes.left = written
    ledger = DynamoLedger(bench.connection, writes)
    if written < 3:
        with pytest.raises(StoreBusy):
            ledger.keep_settlement(made)
        assert ledger.settlement("stl_1") is None
    else:
        ledger.keep_settlement(made)
        assert ledger.settlement("stl_1") == made
