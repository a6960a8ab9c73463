"""The three tables as PynamoDB models: their keys, their indexes, and the one connection that all models share.

``listings`` has partition ``listing_id`` and sort ``part``: ``LISTING``, ``MONTH#2027-01``, ``REVIEW#…``; its partition
``CITIES`` is the directory of cities. ``bookings`` has key ``booking_id``; beside the bookings lie small items:
``ACCOUNT#…`` (what is kept of an account), ``HOST#…`` (a profile), ``LETTERS#…`` (what an address was sent on one
day), ``CLOSING#…`` (that an operator closed a listing), ``MAILBOX#…`` (an address that is not written to, by its hash),
``ORPHAN#…`` (money for a reference that we do not hold), ``ERASURE#…`` (that a person is erased, by a keyed hash),
``EXPIRY#contacts`` (how far contacts have expired), ``COUNTS#…`` and ``SWEEP`` (how the stage fares) and ``SALT``.
``ledger`` has partition ``book`` and sort ``line``: what operators and finance keep, see ``ledger``.
``.chalice/resources.json`` defines the same tables; a test compares them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, cast

from pynamodb.attributes import BinaryAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.connection import Connection
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.domain.timing import DYNAMODB_CONNECT, DYNAMODB_READ

LISTING = "LISTING"
MONTH = "MONTH#"
SALT = "SALT"
ASKED = "asked"
"""The one partition of the attention index: few bookings are ever in it."""
DUE_SHARDS = 4
DAY_SHARDS = 4


class _Meta:
    """Time-outs that fit a request: PynamoDB's own would outlast the gateway's 29 s."""

    connect_timeout_seconds = DYNAMODB_CONNECT.total_seconds()
    read_timeout_seconds = DYNAMODB_READ.total_seconds()
    max_retry_attempts = 1
    max_pool_connections = 64
    table_name: str | None = None


class CityIndex(GlobalSecondaryIndex["ListingItem"]):
    """Open listings of a city whose prices are in one currency, cheapest first."""

    class Meta:
        index_name = "by_city"
        projection = KeysOnlyProjection()

    city_key = UnicodeAttribute(hash_key=True)
    price_key = UnicodeAttribute(range_key=True)


class HostIndex(GlobalSecondaryIndex["ListingItem"]):
    """A host's listings, by the time they were made."""

    class Meta:
        index_name = "by_host"
        projection = KeysOnlyProjection()

    host_id = UnicodeAttribute(hash_key=True)
    host_order = UnicodeAttribute(range_key=True)


class ListingItem(Model):
    """``city_key`` (``ETB#hawasa``) and ``price_key`` stand there while it is open, so the index holds just those."""

    class Meta(_Meta):
        pass

    listing_id = UnicodeAttribute(hash_key=True)
    part = UnicodeAttribute(range_key=True)
    schema = NumberAttribute(null=True)
    version = NumberAttribute(null=True)
    status = UnicodeAttribute(null=True)
    city_key = UnicodeAttribute(null=True)
    price_key = UnicodeAttribute(null=True)
    host_id = UnicodeAttribute(null=True)
    host_order = UnicodeAttribute(null=True)
    record = BinaryAttribute(null=True, legacy_encoding=False)
    by_city = CityIndex()
    by_host = HostIndex()


class MonthItem(Model):
    """One month of a listing. Its attributes by day are in ``months``; ``currency`` is that of the month's prices."""

    class Meta(_Meta):
        pass

    listing_id = UnicodeAttribute(hash_key=True)
    part = UnicodeAttribute(range_key=True)
    schema = NumberAttribute(null=True)
    currency = UnicodeAttribute(null=True)


class CityItem(Model):
    """A city of the directory: how many open listings it has, and under which spellings. See ``cities``."""

    class Meta(_Meta):
        pass

    listing_id = UnicodeAttribute(hash_key=True)
    part = UnicodeAttribute(range_key=True)
    schema = NumberAttribute(null=True)
    version = NumberAttribute(null=True)
    listings = NumberAttribute(null=True)
    spellings = JSONAttribute(null=True)
    expires_at = NumberAttribute(null=True)


class ReviewItem(Model):
    """What a guest said (``REVIEW#time#booking``), and the same by what is unique of it.

    That is its booking (``REVIEWED#booking``), and its key (``UNDER_KEY#key``) where it had one.
    """

    class Meta(_Meta):
        pass

    listing_id = UnicodeAttribute(hash_key=True)
    part = UnicodeAttribute(range_key=True)
    schema = NumberAttribute(null=True)
    record = BinaryAttribute(null=True, legacy_encoding=False)


class GuestIndex(GlobalSecondaryIndex["BookingItem"]):
    """A guest's bookings, by the time they were made."""

    class Meta:
        index_name = "by_guest"
        projection = KeysOnlyProjection()

    guest_id = UnicodeAttribute(hash_key=True)
    created = UnicodeAttribute(range_key=True)


class ListingIndex(GlobalSecondaryIndex["BookingItem"]):
    """A listing's bookings, by check-in: ``stay_key`` reads ``check_in#booking_id``."""

    class Meta:
        index_name = "by_listing"
        projection = KeysOnlyProjection()

    listing_id = UnicodeAttribute(hash_key=True)
    stay_key = UnicodeAttribute(range_key=True)


class ArrivalIndex(GlobalSecondaryIndex["BookingItem"]):
    """Confirmed bookings by the day of their arrival: ``leaves_key`` reads ``free_from#booking_id``."""

    class Meta:
        index_name = "by_arrival"
        projection = KeysOnlyProjection()

    arrives_on = UnicodeAttribute(hash_key=True)
    leaves_key = UnicodeAttribute(range_key=True)


class EmailIndex(GlobalSecondaryIndex["BookingItem"]):
    """The bookings of a contact's e-mail address, by its keyed hash, and the time they were made."""

    class Meta:
        index_name = "by_email"
        projection = KeysOnlyProjection()

    email_key = UnicodeAttribute(hash_key=True)
    created = UnicodeAttribute(range_key=True)


class PhoneIndex(GlobalSecondaryIndex["BookingItem"]):
    """The bookings of a contact's phone number, by its keyed hash, and the time they were made."""

    class Meta:
        index_name = "by_phone"
        projection = KeysOnlyProjection()

    phone_key = UnicodeAttribute(hash_key=True)
    created = UnicodeAttribute(range_key=True)


class NameIndex(GlobalSecondaryIndex["BookingItem"]):
    """The bookings of a contact's last name, by its keyed hash, and the time they were made."""

    class Meta:
        index_name = "by_name"
        projection = KeysOnlyProjection()

    name_key = UnicodeAttribute(hash_key=True)
    created = UnicodeAttribute(range_key=True)


class DayIndex(GlobalSecondaryIndex["BookingItem"]):
    """The bookings made on a day, in a few shards: operators' lists and reports."""

    class Meta:
        index_name = "by_day"
        projection = KeysOnlyProjection()

    day = UnicodeAttribute(hash_key=True)
    created = UnicodeAttribute(range_key=True)


class ChangedIndex(GlobalSecondaryIndex["BookingItem"]):
    """Bookings that changed long after they were made, by the day of their latest change: most are never in it."""

    class Meta:
        index_name = "changed"
        projection = KeysOnlyProjection()

    changed = UnicodeAttribute(hash_key=True)
    created = UnicodeAttribute(range_key=True)


class DueIndex(GlobalSecondaryIndex["BookingItem"]):
    """The system's only clock: what needs something, and when. A booking that rests is not in it."""

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due_shard = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class AttentionIndex(GlobalSecondaryIndex["BookingItem"]):
    """What needs a person, oldest first. ``attention_at`` reads ``since#kind``."""

    class Meta:
        index_name = "attention"
        projection = KeysOnlyProjection()

    attention = UnicodeAttribute(hash_key=True)
    attention_at = UnicodeAttribute(range_key=True)


class BookingItem(Model):
    """One booking: the attributes that keys, indexes and conditions need, and the aggregate itself in ``record``.

    ``failures`` and ``failing_since`` count the times that working on it raised; any successful save clears them.
    ``acknowledged`` is of orphans alone: who dealt with it, and what they say. ``verify_lease`` reads ``until#owner``.
    """

    class Meta(_Meta):
        pass

    booking_id = UnicodeAttribute(hash_key=True)
    schema = NumberAttribute(null=True)
    version = NumberAttribute(null=True)
    status = UnicodeAttribute(null=True)
    guest_id = UnicodeAttribute(null=True)
    created = UnicodeAttribute(null=True)
    listing_id = UnicodeAttribute(null=True)
    stay_key = UnicodeAttribute(null=True)
    arrives_on = UnicodeAttribute(null=True)
    leaves_key = UnicodeAttribute(null=True)
    day = UnicodeAttribute(null=True)
    changed = UnicodeAttribute(null=True)
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    attention = UnicodeAttribute(null=True)
    attention_at = UnicodeAttribute(null=True)
    failures = NumberAttribute(null=True)
    failing_since = UnicodeAttribute(null=True)
    record = BinaryAttribute(null=True, legacy_encoding=False)
    acknowledged = BinaryAttribute(null=True, legacy_encoding=False)
    verify_lease = UnicodeAttribute(null=True)
    email_key = UnicodeAttribute(null=True)
    phone_key = UnicodeAttribute(null=True)
    name_key = UnicodeAttribute(null=True)
    by_guest = GuestIndex()
    by_email = EmailIndex()
    by_phone = PhoneIndex()
    by_name = NameIndex()
    by_listing = ListingIndex()
    by_arrival = ArrivalIndex()
    by_day = DayIndex()
    by_change = ChangedIndex()
    due = DueIndex()
    needs_attention = AttentionIndex()


class AccountItem(Model):
    """What is kept of an account that books. ``expires_at`` is when DynamoDB may forget it; none: never."""

    class Meta(_Meta):
        pass

    booking_id = UnicodeAttribute(hash_key=True)
    schema = NumberAttribute(null=True)
    version = NumberAttribute(null=True)
    record = BinaryAttribute(null=True, legacy_encoding=False)
    expires_at = NumberAttribute(null=True)


class LettersItem(Model):
    """The letters that an address was sent on one day, and those of them about unpaid bookings."""

    class Meta(_Meta):
        pass

    booking_id = UnicodeAttribute(hash_key=True)
    schema = NumberAttribute(null=True)
    letters = UnicodeSetAttribute(null=True)
    unpaid = UnicodeSetAttribute(null=True)
    expires_at = NumberAttribute(null=True)


class HostItem(Model):
    """A host's profile. Its keys stand in the indexes of the contacts' keys, and no contact has the same ones."""

    class Meta(_Meta):
        pass

    booking_id = UnicodeAttribute(hash_key=True)
    schema = NumberAttribute(null=True)
    version = NumberAttribute(null=True)
    created = UnicodeAttribute(null=True)
    record = BinaryAttribute(null=True, legacy_encoding=False)
    email_key = UnicodeAttribute(null=True)
    phone_key = UnicodeAttribute(null=True)
    name_key = UnicodeAttribute(null=True)


class ErasureItem(Model):
    """That a person is erased, by a keyed hash, or how far contacts have expired. See ``erasures``."""

    class Meta(_Meta):
        pass

    booking_id = UnicodeAttribute(hash_key=True)
    schema = NumberAttribute(null=True)
    version = NumberAttribute(null=True)
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    record = BinaryAttribute(null=True, legacy_encoding=False)
    expires_at = NumberAttribute(null=True)


class MailboxItem(Model):
    """What is known of an address that is not written to, or was not; its key holds the address's hash."""

    class Meta(_Meta):
        pass

    booking_id = UnicodeAttribute(hash_key=True)
    schema = NumberAttribute(null=True)
    record = BinaryAttribute(null=True, legacy_encoding=False)


class WatchItem(Model):
    """How the stage fares: the counts of five minutes, each an attribute of its own; when something was done last."""

    class Meta(_Meta):
        pass

    booking_id = UnicodeAttribute(hash_key=True)
    schema = NumberAttribute(null=True)
    at = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)


class SaltItem(Model):
    """The secret that ids are derived under, made once with the table."""

    class Meta(_Meta):
        pass

    booking_id = UnicodeAttribute(hash_key=True)
    schema = NumberAttribute(null=True)
    salt = BinaryAttribute(null=True, legacy_encoding=False)


class LedgerHostIndex(GlobalSecondaryIndex["LedgerItem"]):
    """A host's lines, by the day from which they count."""

    class Meta:
        index_name = "by_host"
        projection = KeysOnlyProjection()

    host_key = UnicodeAttribute(hash_key=True)
    counted = UnicodeAttribute(range_key=True)


class ReferenceIndex(GlobalSecondaryIndex["LedgerItem"]):
    """The lines of a gateway's own reference, by its keyed hash."""

    class Meta:
        index_name = "by_reference"
        projection = KeysOnlyProjection()

    reference_key = UnicodeAttribute(hash_key=True)
    line = UnicodeAttribute(range_key=True)


class LedgerItem(Model):
    """A line of the ledger, the totals of a day, or another small item that finance keeps."""

    class Meta(_Meta):
        pass

    book = UnicodeAttribute(hash_key=True)
    line = UnicodeAttribute(range_key=True)
    schema = NumberAttribute(null=True)
    host_key = UnicodeAttribute(null=True)
    counted = UnicodeAttribute(null=True)
    reference_key = UnicodeAttribute(null=True)
    generation = NumberAttribute(null=True)
    chunks = NumberAttribute(null=True)
    expires_at = NumberAttribute(null=True)
    record = BinaryAttribute(null=True, legacy_encoding=False)
    by_host = LedgerHostIndex()
    by_reference = ReferenceIndex()


def connect(
    *, listings_table: str, bookings_table: str, ledger_table: str, connection: Connection | None = None
) -> Connection:
    """Bind the models to this stage's tables, all over one connection, PynamoDB's own if none is given.

    PynamoDB makes a connection for each model by itself; six of those cost two and a half times the cold start.
    """
    shared = connection
    tables = {
        listings_table: (ListingItem, MonthItem, ReviewItem, CityItem),
        bookings_table: (
            BookingItem,
            AccountItem,
            LettersItem,
            HostItem,
            MailboxItem,
            ErasureItem,
            WatchItem,
            SaltItem,
        ),
        ledger_table: (LedgerItem,),
    }
    for name, models in tables.items():
        first: Any = models[0]
        for model in models:
            model.Meta.table_name = name
            model._connection = None
        table = first._get_connection()
        if shared is None:
            shared = table.connection
        else:
            shared.add_meta_table(table.get_meta_table())
            table.connection = shared
        for model in models[1:]:
            model._connection = table
    return cast(Connection, shared)


def instant_key(at: datetime) -> str:
    """An instant as text that sorts: UTC, always three decimals."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def month_part(day: date) -> str:
    """The sort key of the month of ``day``."""
    return MONTH + day.isoformat()[:7]


def market_key(currency: str, city_key: str) -> str:
    """A city and the currency of its prices: amounts of two currencies are never compared."""
    return f"{currency}#{city_key}"


def price_key(minor: int, listing_id: str) -> str:
    """A price as text that sorts, and the listing to tell equal prices apart."""
    return f"{minor:016}#{listing_id}"
