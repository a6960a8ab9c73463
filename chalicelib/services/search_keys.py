"""Make the keyed hashes that bookings and ledger lines are found by, under the stage's own key."""

from __future__ import annotations

from chalicelib.domain.contact import Contact
from chalicelib.domain.search_terms import SearchKeys, keys_of, reference_key_of
from chalicelib.services.ports import Fault, Ports

SEARCH_KEY = "key"
"""The secret's name, under ``search`` of the stage's secrets."""


def search_keys(ports: Ports, contact: Contact) -> SearchKeys:
    """The keys of a contact; none where the stage's key cannot be read, as no booking is refused for that."""
    try:
        secret = search_secret(ports)
    except Fault:
        ports.observe("search_key_missing", level="error")
        return SearchKeys()
    return keys_of(contact, secret)


def reference_key(ports: Ports, reference: str) -> str:
    """The key of a provider's reference. Raises Fault."""
    return reference_key_of(reference, search_secret(ports))


def search_secret(ports: Ports) -> bytes:
    """The stage's own key for search. Raises Fault."""
    return ports.search_secrets.get(SEARCH_KEY).encode()
