"""The letters of a booking, as operators see them."""

from __future__ import annotations

from typing import Literal, Self, cast

import msgspec

from chalicelib.api.core.formats import Instant, instant
from chalicelib.domain.booking import Booking, EntryStatus, LetterKind, OutboxEntry, WhyNot
from chalicelib.domain.host import Notify
from chalicelib.domain.outbox import address_of

Reader = Literal["guest", "host"]
"""Who reads a letter: the booking's `guest`, or the listing's `host`."""


class MessageOut(msgspec.Struct, frozen=True):
    """One letter of a booking, and what became of it."""

    entry_id: str
    """Its number within the booking, in the order in which letters were promised."""
    kind: LetterKind
    reader: Reader
    address: str | None
    """Where it goes when it is sent now; null: no address is known."""
    status: EntryStatus
    why: WhyNot | None
    """Why it did not arrive; null where nothing is known to have gone wrong."""
    about: str | None
    """The payment or the refund that it tells of, where it is about one."""
    resends: int
    """How often an operator had it sent again."""
    changed_at: Instant | None
    """When its status changed last; null while it is owed for the first time."""

    @classmethod
    def of(cls, booking: Booking, entry: OutboxEntry, host: Notify) -> Self:
        """``entry`` is a letter, and no line of the ledger."""
        events = [event for event in booking.history if event.subject == entry.entry_id]
        return cls(
            entry_id=entry.entry_id,
            kind=cast(LetterKind, entry.kind),
            reader="host" if entry.to_host else "guest",
            address=address_of(entry, booking, host) or None,
            status=entry.status,
            why=entry.why or None,
            about=entry.about or None,
            resends=entry.resends,
            changed_at=instant(events[-1].at) if events else None,
        )
