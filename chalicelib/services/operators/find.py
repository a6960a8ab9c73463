"""One box for everything that a guest, a bank or a gateway may name: what is found goes by keys and indexes alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Protocol

from chalicelib.domain.booking import Booking
from chalicelib.domain.ids import BookingId, ListingId, PersonId, booking_of, is_booking_id, is_listing_id, payment_of
from chalicelib.domain.listings.cities import fold
from chalicelib.domain.words import phone
from chalicelib.domain.words.search_terms import email_form, host_key, keyed, query_key
from chalicelib.services.access import Principal, with_role
from chalicelib.services.hosts.hosting import bookings_of_host
from chalicelib.services.operators.audit import note_access
from chalicelib.services.ports.bookings import SearchPart
from chalicelib.services.ports.outcomes import Page
from chalicelib.services.ports.stage import Ports
from chalicelib.services.queries import read_bookings
from chalicelib.services.search_keys import reference_key, search_secret


class Source(Protocol):
    """One way to find bookings: at most ``limit``, from the position ``after`` on."""

    def __call__(self, *, limit: int, after: str | None) -> Page[BookingId]: ...


MOST_HOSTS = 10
"""Of how many hosts of one name the bookings are shown."""
MOST_NAMES = 4
"""Of how many words the end of a query may be a last name."""


def find(
    ports: Ports, principal: Principal | None, text: str, *, request_id: str, limit: int, after: str | None
) -> Page[Booking]:
    """The bookings that ``text`` names: an id, a contact, a provider's reference, an account, a host or a listing.

    Exact, after the usual differences in writing are taken away. Every search is noted before it is answered.
    Raises Forbidden, Busy.
    """
    with_role(principal, "operator")
    text = " ".join(text.split())
    hosts = _hosts_of_name(ports, text)
    sources = list(_sources(ports, text, hosts))
    number, position = json.loads(after) if after else (0, None)
    ids: list[BookingId] = []
    cursor: str | None = None
    while number < len(sources):
        page = sources[number](limit=limit - len(ids), after=position)
        ids += page.items
        position = page.next_cursor
        if position is None:
            number += 1
        if len(ids) >= limit and number < len(sources):
            cursor = json.dumps([number, position])
            break
    found = read_bookings(ports, list(dict.fromkeys(ids)))
    subject = query_key(text, search_secret(ports))
    note_access(ports, principal, "search", subject, found=len(found), request_id=request_id)
    return Page(_named(found, text, hosts), cursor)


def _sources(ports: Ports, text: str, hosts: tuple[PersonId, ...]) -> Iterator[Source]:
    """The ways in which ``text`` may name bookings. An id of ours is nothing else."""
    name = text.upper()
    booking_id = name if is_booking_id(name) else booking_of(payment_of(name) or name)
    if booking_id:
        yield _only((BookingId(booking_id),))
        return
    if is_listing_id(listing_id := f"lst_{name[4:]}"):
        yield partial(ports.bookings.of_listing, ListingId(listing_id))
        return
    secret = search_secret(ports)
    if "@" in text:
        yield _keyed(ports, "email", keyed(secret, "email", email_form(text)))
        yield from _hosted(ports, "email", host_key("email", email_form(text), secret))
        return
    with suppress(ValueError):
        number = phone.normalise(text)
        yield _keyed(ports, "phone", keyed(secret, "phone", number))
        yield from _hosted(ports, "phone", host_key("phone", number, secret))
    yield lambda *, limit, after: Page(_of_reference(ports, text), None)  # noqa: ARG005 - it is one page
    if " " not in text:
        yield partial(ports.bookings.of_guest, PersonId(text))
        yield partial(bookings_of_host, ports, PersonId(text))
    for last_name in _last_names(text):
        yield _keyed(ports, "name", keyed(secret, "name", fold(last_name)))
    for host_id in hosts:
        yield partial(bookings_of_host, ports, host_id)


def _hosted(ports: Ports, part: SearchPart, key: str) -> Iterator[Source]:
    """The bookings of the hosts whose profile has this key."""
    for host_id in ports.hosts.find(part, key)[:MOST_HOSTS]:
        yield partial(bookings_of_host, ports, host_id)


def _hosts_of_name(ports: Ports, text: str) -> tuple[PersonId, ...]:
    """The hosts who have this whole name to the tax office; of an id, an address or a number, nobody."""
    name = fold(text)
    if not name or "@" in text or any(letter.isdigit() for letter in text):
        return ()
    return ports.hosts.find("name", host_key("name", name, search_secret(ports)))[:MOST_HOSTS]


def _last_names(text: str) -> Iterator[str]:
    """What of a name may be the last name: its last words, any number of them; the one name of who has one."""
    words = text.split(" ")
    for count in range(1, min(len(words), MOST_NAMES) + 1):
        if fold(last_name := " ".join(words[-count:])):
            yield last_name


def _named(found: tuple[Booking, ...], text: str, hosts: tuple[PersonId, ...]) -> tuple[Booking, ...]:
    """Without those who only have the last name of a whole name that was searched for."""
    whole = fold(text)

    def has_other_name(booking: Booking) -> bool:
        if booking.place.host_id in hosts:
            return False
        contact = booking.contact
        last = fold(contact.last_name or contact.first_name)
        return " " in text and last != whole and whole.endswith(last) and fold(contact.name) != whole

    return tuple(booking for booking in found if not has_other_name(booking))


def _only(ids: tuple[BookingId, ...]) -> Source:
    return lambda *, limit, after: Page(ids, None)  # noqa: ARG005 - it is one page


def _keyed(ports: Ports, part: SearchPart, key: str) -> Source:
    return partial(ports.bookings.of_search_key, part, key)


def _of_reference(ports: Ports, text: str) -> tuple[BookingId, ...]:
    """By a gateway's own reference: booked money, and payments that still wait for a person's decision."""
    booked = [line.booking_id for line in ports.ledger.of_reference(reference_key(ports, text))]
    waiting = ports.bookings.attention_entries(limit=100, after=None).items
    ids = [BookingId(entry.subject) for entry in waiting if entry.kind == "payment_review"]
    in_review = [
        booking.booking_id
        for booking in read_bookings(ports, ids)
        if any(payment.facts.provider_reference == text for payment in booking.payments)
    ]
    return tuple(dict.fromkeys(booked + in_review))
