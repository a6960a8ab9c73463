"""Hosts' profiles on DynamoDB, beside the bookings that their letters tell of."""

from __future__ import annotations

from chalicelib.adapters.dynamodb.calls import Writes, reading
from chalicelib.adapters.dynamodb.records import FORM, decode_host, encode_host
from chalicelib.adapters.dynamodb.tables import HostItem
from chalicelib.domain.host import Host
from chalicelib.domain.ids import PersonId
from chalicelib.domain.record import replace
from chalicelib.services.ports import VersionLost

HOST = "HOST#"


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
        host = decode_host(item.record or b"", form=int(item.schema or 0), name=host_id)
        return replace(host, version=int(item.version or 0))

    def save(self, host: Host) -> Host:
        after = replace(host, version=host.version + 1)
        item = HostItem(HOST + host.host_id, schema=FORM, version=after.version, record=encode_host(after))
        # Nobody saved since this one was loaded; nobody made it, where there was none.
        unchanged = HostItem.version == host.version if host.version else HostItem.booking_id.does_not_exist()
        self._writes.one(lambda: item.save(condition=unchanged), lost=VersionLost)
        return after
