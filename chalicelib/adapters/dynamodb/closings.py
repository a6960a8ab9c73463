"""Closings of listings on DynamoDB: small items beside the bookings, in the same index of what is due."""

from __future__ import annotations

from chalicelib.adapters.dynamodb.calls import Writes, reading
from chalicelib.adapters.dynamodb.records import FORM, decode_closing, encode_closing
from chalicelib.adapters.dynamodb.tables import ASKED, DUE_SHARDS, BookingItem, instant_key
from chalicelib.domain.ids import ListingId, shard_of
from chalicelib.domain.operators.closing import Closing, closing_task
from chalicelib.domain.record import replace
from chalicelib.services.ports.outcomes import VersionLost


class DynamoClosings:
    """The ClosingStore port, over the tables that ``connect`` has bound."""

    def __init__(self, writes: Writes | None = None) -> None:
        self._writes = writes or Writes()

    @reading()
    def load(self, listing_id: ListingId) -> Closing | None:
        try:
            item = BookingItem.get(closing_task(listing_id), consistent_read=True)
        except BookingItem.DoesNotExist:
            return None
        closing = decode_closing(item.record or b"", form=int(item.schema or 0), name=closing_task(listing_id))
        return replace(closing, version=int(item.version or 0))

    def save(self, closing: Closing) -> Closing:
        after = replace(closing, version=closing.version + 1)
        name = closing_task(closing.listing_id)
        item = BookingItem(
            name,
            schema=FORM,
            version=after.version,
            due_shard=None if after.due_at is None else str(shard_of(name, DUE_SHARDS)),
            due_at=None if after.due_at is None else instant_key(after.due_at),
            # Its proposal waits in the index of what needs a person, beside those of bookings.
            attention=None if after.waiting is None else ASKED,
            attention_at=None if after.waiting is None else f"{instant_key(after.waiting.at)}#proposal",
            record=encode_closing(after),
        )
        # Nobody saved since this one was loaded; nobody made it, where there was none.
        unchanged = (
            BookingItem.version == closing.version if closing.version else BookingItem.booking_id.does_not_exist()
        )
        self._writes.one(lambda: item.save(condition=unchanged), lost=VersionLost)
        return after
