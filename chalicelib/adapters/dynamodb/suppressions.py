"""Addresses that are not written to, on DynamoDB: by a hash under the table's salt, never in plain text."""

from __future__ import annotations

from collections.abc import Callable, Collection

from chalicelib.adapters.dynamodb.calls import Writes, reading
from chalicelib.adapters.dynamodb.hosts import HOST, host_of_item
from chalicelib.adapters.dynamodb.records import FORM, decode_suppression, encode_suppression
from chalicelib.adapters.dynamodb.tables import BookingItem, MailboxItem
from chalicelib.domain.ids import PersonId, address_id
from chalicelib.domain.people.suppression import Suppression
from chalicelib.services.ports.outcomes import Unreadable, VersionLost
from chalicelib.services.ports.people import LettersView

MAILBOX = "MAILBOX#"


class DynamoSuppressions:
    """The SuppressionStore port, over the tables that ``connect`` has bound."""

    def __init__(self, salt: Callable[[], bytes], writes: Writes | None = None) -> None:
        self._salt = salt
        self._writes = writes or Writes()

    @reading()
    def find(self, address: str) -> Suppression | None:
        key = self._key(address)
        try:
            item = MailboxItem.get(key)
        except MailboxItem.DoesNotExist:
            return None
        return _suppression(item)

    @reading()
    def view_for_letters(self, host_id: PersonId, addresses: Collection[str]) -> LettersView:
        keys = {address: self._key(address) for address in addresses}
        found = {item.booking_id: item for item in BookingItem.batch_get({HOST + host_id, *keys.values()})}
        host = found.get(HOST + host_id)
        known: dict[str, Suppression | None] = {}
        for address, key in keys.items():
            try:
                known[address] = _suppression(found[key]) if key in found else None
            except Unreadable:
                continue
        return LettersView(None if host is None else host_of_item(host), known)

    def put(self, address: str, suppression: Suppression) -> None:
        item = MailboxItem(self._key(address), schema=FORM, record=encode_suppression(suppression))
        self._writes.one(item.save, lost=VersionLost)

    def _key(self, address: str) -> str:
        return MAILBOX + address_id(self._salt(), address)


def _suppression(item: MailboxItem | BookingItem) -> Suppression:
    return decode_suppression(item.record or b"", form=int(item.schema or 0), name=item.booking_id)
