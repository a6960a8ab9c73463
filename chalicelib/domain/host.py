"""Who lets places: where a host is told of bookings and reached by guests, and who she is to the tax office."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.booking import Place
from chalicelib.domain.contact import Language
from chalicelib.domain.ids import PersonId
from chalicelib.domain.record import Record
from chalicelib.domain.words.search_terms import NO_KEYS, SearchKeys


class Notify(Record, frozen=True, kw_only=True):
    """Where a host is told of bookings, and how the guests of confirmed ones reach her; empty where it is not known.

    ``phone`` is in the form of a ``Contact``. ``language`` is that of her letters; None: every language there is.
    """

    email: str = ""
    phone: str = ""
    language: Language | None = None


class Tax(Record, frozen=True, kw_only=True):
    """Who a host is to the tax office: the name on her invoices, her TIN, and whether she is registered for VAT."""

    name: str
    tin: str
    vat_registered: bool = False


class Host(Record, frozen=True, kw_only=True):
    """A host's profile. ``version`` is the one that was loaded; the store saves only over it; 0: never saved.

    ``search_keys`` are the keyed hashes that operators find it by.
    """

    host_id: PersonId
    created_at: datetime
    updated_at: datetime
    notify: Notify = Notify()
    tax: Tax | None = None
    search_keys: SearchKeys = NO_KEYS
    version: int = 0


def notify_of(host: Host | None, place: Place) -> Notify:
    """How the host of a booking is reached today: as her profile says, whenever the booking was made.

    Without a profile, by the address that her token had when she published the listing.
    """
    return Notify(email=place.host_email) if host is None else host.notify
