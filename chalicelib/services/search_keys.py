"""Make the keyed hashes that bookings and ledger lines are found by, under the stage's own key."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.domain.contact import Contact
from chalicelib.domain.host import Host
from chalicelib.domain.words.search_terms import NO_KEYS, SearchKeys, keys_of, keys_of_host, reference_key_of
from chalicelib.services.ports.outcomes import Fault
from chalicelib.services.ports.stage import Ports

SEARCH_KEY = "key"
"""The secret's name, under ``search`` of the stage's secrets."""


def contact_keys(ports: Ports) -> Callable[[Contact], SearchKeys]:
    """What makes the keys of a contact; none where the stage's secret cannot be read: no booking is refused for it."""
    try:
        secret = search_secret(ports)
    except Fault:
        ports.observe("search_key_missing", level="error")
        return lambda _: NO_KEYS
    return lambda contact: keys_of(contact, secret)


def host_keys(ports: Ports) -> Callable[[Host], SearchKeys]:
    """What makes the keys of a host's profile; none where the stage's secret cannot be read."""
    try:
        secret = search_secret(ports)
    except Fault:
        ports.observe("search_key_missing", level="error")
        return lambda _: NO_KEYS
    return lambda host: keys_of_host(host.notify.email, host.notify.phone, host.tax.name if host.tax else "", secret)


def reference_key(ports: Ports, reference: str) -> str:
    """The key of a provider's reference. Raises Fault."""
    return reference_key_of(reference, search_secret(ports))


def search_secret(ports: Ports) -> bytes:
    """The stage's own key for search. Raises Fault."""
    return ports.search_secrets.get(SEARCH_KEY).encode()
