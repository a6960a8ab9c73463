"""Ids that carry the look-up: from a tx_ref to its booking is a cut, never a search.

``booking_id`` is ``GZ`` and 14 digits of Crockford's base 32; ``tx_ref = booking_id-attempt``;
``refund_id = tx_ref-Rn``; ``dispute_id = tx_ref-Dn``. All that a gateway hears of fit the 20 characters that the
narrowest one allows for a reference.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import date
from typing import NewType

BookingId = NewType("BookingId", str)


TxRef = NewType("TxRef", str)


RefundId = NewType("RefundId", str)


ProposalId = NewType("ProposalId", str)
"""A booking's id and the number of its proposal: ``GZ4T1B8WCD7K2M9Q-P1``."""
DisputeId = NewType("DisputeId", str)


_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


_BOOKING = re.compile(r"GZ[0-9A-HJKMNP-TV-Z]{14}", re.ASCII)


_TX_REF = re.compile(r"(GZ[0-9A-HJKMNP-TV-Z]{14})-([1-9][0-9]?)", re.ASCII)


_OF_PAYMENT = re.compile(r"(.*)-[RD][^-]*", re.DOTALL)


_LISTING = re.compile(r"lst_[0-9A-HJKMNP-TV-Z]{16}", re.ASCII)


def derive_booking_id(salt: bytes, guest: PersonId, key: str) -> BookingId:
    """The id of the booking that ``guest`` makes under the Idempotency-Key ``key``: the same each time.

    ``salt`` is the table's own secret, so nobody else can compute an id, and a new table never meets the
    references that an earlier one burnt at the gateway.
    """
    return BookingId("GZ" + _encode(_keyed(salt, "booking", guest, key), 14))


def derive_listing_id(salt: bytes, host: PersonId, key: str) -> ListingId:
    """The id of the listing that ``host`` publishes under ``key`` (an Idempotency-Key, or fresh randomness)."""
    return ListingId("lst_" + _encode(_keyed(salt, "listing", host, key), 16))


def key_hash(salt: bytes, person: PersonId, key: str) -> str:
    """A short stand-in for an Idempotency-Key that is kept inside a record (12 characters)."""
    return _encode(_keyed(salt, "key", person, key), 12)


def mailbox_id(salt: bytes, address: str, day: date) -> str:
    """A stand-in for an e-mail address on one day, whatever the case of its letters (26 characters, 128 bits)."""
    return _encode(_keyed(salt, "mailbox", address.casefold(), day.isoformat()), 26)


def address_id(salt: bytes, address: str) -> str:
    """A stand-in for an e-mail address, whatever the case of its letters (26 characters, 128 bits)."""
    return _encode(_keyed(salt, "address", address.casefold()), 26)


def tx_ref_of(booking_id: BookingId, attempt: int) -> TxRef:
    """The reference of a booking's ``attempt``-th payment, counted from 1."""
    return TxRef(f"{booking_id}-{attempt}")


def refund_id_of(tx_ref: TxRef, number: int) -> RefundId:
    """The id of a payment's ``number``-th refund, counted from 1."""
    return RefundId(f"{tx_ref}-R{number}")


def dispute_id_of(tx_ref: TxRef, number: int) -> DisputeId:
    """The id of a payment's ``number``-th dispute, counted from 1."""
    return DisputeId(f"{tx_ref}-D{number}")


def proposal_id_of(owner: BookingId | ListingId, number: int) -> ProposalId:
    """The id of a booking's, or of a listing's, ``number``-th proposal, counted from 1."""
    return ProposalId(f"{owner}-P{number}")


def payment_of(subject: str) -> TxRef:
    """The payment of a refund or a dispute, by its id; of a text of another shape, no payment's reference."""
    match = _OF_PAYMENT.fullmatch(subject)
    return TxRef(match[1] if match else "")


def attempt_of(tx_ref: str) -> int:
    """Which of its booking's payments a reference is, counted from 1."""
    return int(tx_ref.rpartition("-")[2])


def booking_of(tx_ref: str) -> BookingId | None:
    """The booking that a payment reference belongs to, or None when it is not of our shape."""
    match = _TX_REF.fullmatch(tx_ref)
    return BookingId(match[1]) if match else None


def is_booking_id(text: str) -> bool:
    """Whether the text has a booking id's shape."""
    return _BOOKING.fullmatch(text) is not None


def is_listing_id(text: str) -> bool:
    """Whether the text has a listing id's shape."""
    return _LISTING.fullmatch(text) is not None


def shard_of(text: str, shards: int) -> int:
    """Which of ``shards`` equal parts of an index ``text`` belongs to."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % shards


def _keyed(salt: bytes, *parts: str) -> int:
    framed = b"".join(len(raw := part.encode()).to_bytes(4, "big") + raw for part in parts)
    return int.from_bytes(hmac.new(salt, framed, hashlib.sha256).digest(), "big")


def _encode(number: int, length: int) -> str:
    return "".join(_DIGITS[number >> 5 * place & 31] for place in range(length))


ListingId = NewType("ListingId", str)


PersonId = NewType("PersonId", str)
