"""Hosts' profiles on DynamoDB, beside the bookings that their letters tell of."""

from __future__ import annotations

from chalicelib.adapters.dynamodb.calls import Writes, page_of, reading
from chalicelib.adapters.dynamodb.records import FORM, decode_host, encode_host
from chalicelib.adapters.dynamodb.tables import BookingItem, HostItem, instant_key
from chalicelib.domain.host import Host
from chalicelib.domain.ids import PersonId
from chalicelib.domain.record import replace
from chalicelib.domain.words.search_terms import SearchKeys
from chalicelib.services.ports.bookings import SearchPart
from chalicelib.services.ports.outcomes import VersionLost

HOST = "HOST#"
MOST_OF_A_KEY = 100


class DynamoHosts:
    """The HostStore port, over the tables that ``connect`` has bound."""

    def __init__(self, writes: Writes | None = None) -> None:
        self._writes = writes or Writes()

    @reading()
    def load(self, host_id: PersonId, *, consistent: bool = True) -> Host | None:
        try:
            item = HostItem.get(HOST + host_id, consistent_read=consistent)
        except HostItem.DoesNotExist:
            return None
        return host_of_item(item)

    def find(self, part: SearchPart, key: str) -> tuple[PersonId, ...]:
        index = {"email": BookingItem.by_email, "phone": BookingItem.by_phone, "name": BookingItem.by_name}[part]
        return page_of(index, key, _host_id, limit=MOST_OF_A_KEY, after=None).items

    def save(self, host: Host) -> Host:
        after = replace(host, version=host.version + 1)
        item = HostItem(
            HOST + host.host_id,
            schema=FORM,
            version=after.version,
            created=instant_key(host.created_at),
            record=encode_host(after),
            email_key=host.search_keys.email or None,
            phone_key=host.search_keys.phone or None,
            name_key=host.search_keys.name or None,
        )
        # Nobody saved since this one was loaded; nobody made it, where there was none.
        unchanged = HostItem.version == host.version if host.version else HostItem.booking_id.does_not_exist()
        self._writes.one(lambda: item.save(condition=unchanged), lost=VersionLost)
        return after


def host_of_item(item: HostItem | BookingItem) -> Host:
    """The profile in an item, as one of its own table's or as one of the bookings that it was read with."""
    host = decode_host(item.record or b"", form=int(item.schema or 0), name=item.booking_id.removeprefix(HOST))
    keys = SearchKeys(email=item.email_key or "", phone=item.phone_key or "", name=item.name_key or "")
    return replace(host, version=int(item.version or 0), search_keys=keys)


def _host_id(item: BookingItem) -> PersonId:
    return PersonId(item.booking_id.removeprefix(HOST))
