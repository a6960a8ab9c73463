"""Addresses that are not written to, on DynamoDB: by a hash under the table's salt, never in plain text."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.adapters.dynamodb.calls import Writes, reading
from chalicelib.adapters.dynamodb.records import FORM, decode_suppression, encode_suppression
from chalicelib.adapters.dynamodb.tables import MailboxItem
from chalicelib.domain.ids import address_id
from chalicelib.domain.people.suppression import Suppression
from chalicelib.services.ports.outcomes import VersionLost

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
        return decode_suppression(item.record or b"", form=int(item.schema or 0), name=key)

    def put(self, address: str, suppression: Suppression) -> None:
        item = MailboxItem(self._key(address), schema=FORM, record=encode_suppression(suppression))
        self._writes.one(item.save, lost=VersionLost)

    def _key(self, address: str) -> str:
        return MAILBOX + address_id(self._salt(), address)
