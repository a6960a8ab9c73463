"""What a booking is found by: keyed hashes of what people write differently, each in the one form that is compared."""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata

from chalicelib.domain.contact import Contact
from chalicelib.domain.listings.cities import fold
from chalicelib.domain.record import Record
from chalicelib.domain.words import phone

_BYTES = 16


class SearchKeys(Record, frozen=True, kw_only=True):
    """The keyed hashes of a contact, 22 characters each; empty where the contact has no such part."""

    email: str = ""
    phone: str = ""
    name: str = ""


NO_KEYS = SearchKeys()


def keyed(secret: bytes, kind: str, value: str) -> str:
    """128 bits of HMAC-SHA-256 of a value of one kind, as 22 characters; nobody without the secret can guess back."""
    digest = hmac.new(secret, f"{kind}\0{value}".encode(), hashlib.sha256).digest()[:_BYTES]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def email_form(text: str) -> str:
    """An e-mail address as it is compared: case and surrounding spaces do not tell."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def keys_of(contact: Contact, secret: bytes) -> SearchKeys:
    """The keys of a contact: e-mail, phone, and last name, or the only name of who has one."""
    name = fold(contact.last_name or contact.first_name)
    return SearchKeys(
        email=keyed(secret, "email", email_form(contact.email)) if contact.email else "",
        phone=keyed(secret, "phone", contact.phone) if contact.phone else "",
        name=keyed(secret, "name", name) if name else "",
    )


def keys_of_host(email: str, phone_number: str, name: str, secret: bytes) -> SearchKeys:
    """The keys of a host's profile: kinds of their own, so that no guest is found by a host's."""
    folded = fold(name)
    return SearchKeys(
        email=host_key("email", email_form(email), secret) if email else "",
        phone=host_key("phone", phone_number, secret) if phone_number else "",
        name=host_key("name", folded, secret) if folded else "",
    )


def host_key(part: str, value: str, secret: bytes) -> str:
    """The key of one part of a host's profile, in the form in which it is compared."""
    return keyed(secret, f"host_{part}", value)


def payer_key(address: str, secret: bytes) -> str:
    """The key of who sent money that has no booking: a kind of its own, so that it is found among nothing else."""
    return keyed(secret, "payer_email", email_form(address))


def query_key(text: str, secret: bytes) -> str:
    """What the trail has of a search: the same for every way of writing one address, number or name."""
    if "@" in text:
        return keyed(secret, "query", email_form(text))
    try:
        return keyed(secret, "query", phone.normalise(text))
    except ValueError:
        return keyed(secret, "query", fold(text) or text)


def reference_key_of(reference: str, secret: bytes) -> str:
    """The key of a gateway's own name for a payment or a refund; its case tells."""
    return keyed(secret, "reference", reference.strip())
