"""How an aggregate is stored in one attribute: JSON without defaults, deflated with a dictionary of its usual words.

Every item says its **form** (its ``schema`` attribute). A reader refuses a newer form, and a field that it does not
know, as ``Unreadable``: it never half-reads a record, so an older release never drops what a newer one wrote. How a
field is added is told in ``docs/upgrades.md``; ``tests/adapters/golden/`` keeps items of every form that ever was.

A record that nobody can read in the console is what ``make show`` is for.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar

import msgspec

from chalicelib.domain.booking import Booking
from chalicelib.domain.finance.ledger import LedgerLine, TotalRow
from chalicelib.domain.finance.settlement import Settlement
from chalicelib.domain.finance.statements import AccountEntry
from chalicelib.domain.host import Host
from chalicelib.domain.listings.listing import Listing
from chalicelib.domain.operators.closing import Closing
from chalicelib.domain.people.access import Access
from chalicelib.domain.people.accounts import Account
from chalicelib.domain.people.erasure import Erasure
from chalicelib.domain.people.expiry import Expiry
from chalicelib.domain.people.review import Review
from chalicelib.domain.people.suppression import Suppression
from chalicelib.domain.record import Record, replace
from chalicelib.domain.verification import Verification
from chalicelib.domain.watch.invariants import Finding
from chalicelib.domain.watch.watching import Check
from chalicelib.domain.words.search_terms import NO_KEYS
from chalicelib.services.ports.outcomes import Acknowledgement, Batch, Unreadable

R = TypeVar("R")
T = TypeVar("T")
K = TypeVar("K", bound=str)

FORM = 2
"""The form that this release writes. Form 1 was JSON text in another attribute, before anything was deployed."""
READABLE = frozenset({2})
"""The forms that this release reads."""

_MAX_RECORD = 1024 * 1024
"""Bytes that an inflated record may have: more is no record of ours."""

_DICTIONARIES = {
    2: (
        b'"reversal_acknowledged":true,"reversal":"","start_failures":,"owner":"","answered_at":"","due_at":"'
        b'"provider_refund_id":""shown_under":[""],"link_cancelled":true,"problem":{"code":"gateway_timeout","detail":'
        b'"consecutive_failures":1,"expiry_retry_at":"","confirmed_late_at":"","return_url":"https://"'
        b'"status":"refunded""status":"processing""status":"requested""status":"cancelled""status":"expired"'
        b'"status":"failed""status":"review""booking_cancelled""host_cancelled""money_returned""payment_failed"'
        b'"hold_expired""refunds":[{"refund_id":"","amount":{"minor":,"currency":"ETB"},"reason":"'
        b'"booking_expired","sweep","","pending_payment","expired"]["booking_cancelled","guest","","confirmed"'
        b'"payment_expired","payment_failed","refund_owed","operator""refund_requested","refund_processing"'
        b'"am","check_in_time":"","check_out_time":"","mode":"live","city":"Addis Ababa","strict""moderate"'
        b'{"booking_id":"GZ","guest_id":"","place":{"listing_id":"lst_","host_id":"","host_email":"@gmail.com","title":"'
        b'","city":"Bahir Dar","time_zone":"Africa/Addis_Ababa","cancellation_policy":"flexible","address":"'
        b'"},"stay":{"check_in":"2027-01-1","check_out":"2027-01-","units":1,"guests":2},"contact":{"first_name":"'
        b'","last_name":"","email":"@gmail.com","phone":"09"},"lines":[{"description":"3 nights \xc3\x97 1 unit",'
        b'"amount":{"minor":,"currency":"ETB"}}],"total":{"minor":,"currency":"ETB"},"hold_expires_at":"2026-2027-0'
        b'","created_at":"","updated_at":"","fingerprint":"","slot":1,"status":"confirmed","request_id":"'
        b'","payments":[{"tx_ref":"GZ-1","gateway":"chapa","expected_mode":"test","amount":{"minor":,"currency":"ETB"},'
        b'"created_at":"2027-0","updated_at":"2027-0","status":"pending""status":"completed","opening":{"owner":"","until'
        b'":"2027-0"},"key":"","checkout_url":"https://checkout.chapa.co/checkout/payment/","schedule":{"next_verify_at":"'
        b'","verified_at":"2027-0"},"gateway_status":"paid","accepted":true,"facts":{"received":{"minor":,"currency":"ETB"'
        b'},"mode":"test","provider_reference":"AP","receipt_url":"https://chapa.link/payment-receipt/AP","fee":{"minor":,'
        b'"currency":"ETB"},"paid_at":"2027-0"}}],"outbox":[{"entry_id":"1","kind":"booking_confirmed","due_at":"2027-0'
        b'","status":"sent"},{"entry_id":"2","kind":"host_new_booking","due_at":"2027-0","status":"sent"}],"history":[["'
        b'2027-0","booking_held","guest","",null,"pending_payment","",""],["2027-0","payment_created","guest","GZ-1",null,'
        b'"created"],["2027-0","payment_pending","guest","GZ-1","created","pending","",""],["2027-0","payment_completed",'
        b'"webhook","GZ-1","pending","completed","","",""],["2027-0","booking_confirmed","webhook","","pending_payment",'
        b'"confirmed","","",""],["2027-0","email_sent","email","1","owed","sent","booking_confirmed","",""],["2027-0",'
        b'"email_sent","email","2","owed","sent","host_new_booking","",""]]}'
    ),
}
"""What the deflated form of each number leaves out. A dictionary is part of its form: it never changes."""


def encode_booking(booking: Booking) -> bytes:
    """The whole aggregate but its version, its lease and its search keys, which are attributes of their own."""
    return _deflate(replace(booking, version=1, verify_lease=None, search_keys=NO_KEYS))


def decode_booking(record: bytes, *, form: int, name: str) -> Booking:
    """The aggregate as it was saved, without its version and lease. ``name`` is its id. Raises Unreadable."""
    return _inflate(record, Booking, form=form, name=name)


def encode_listing(listing: Listing) -> bytes:
    """The whole listing but its version, which is an attribute of its own."""
    return _deflate(replace(listing, version=1))


def decode_listing(record: bytes, *, form: int, name: str) -> Listing:
    """The listing as it was saved, without its version. Raises Unreadable."""
    return _inflate(record, Listing, form=form, name=name)


def encode_account(account: Account) -> bytes:
    """The whole account but its version, which is an attribute of its own."""
    return _deflate(replace(account, version=0))


def decode_account(record: bytes, *, form: int, name: str) -> Account:
    """The account as it was saved, without its version. Raises Unreadable."""
    return _inflate(record, Account, form=form, name=name)


def encode_verification(verification: Verification) -> bytes:
    """What the gateway answered about a payment that we do not hold."""
    return _deflate(verification)


def decode_verification(record: bytes, *, form: int, name: str) -> Verification:
    """The answer as it was saved. Raises Unreadable."""
    return _inflate(record, Verification, form=form, name=name)


def encode_acknowledgement(acknowledgement: Acknowledgement) -> bytes:
    """The whole acknowledgement."""
    return _deflate(acknowledgement)


def decode_acknowledgement(record: bytes, *, form: int, name: str) -> Acknowledgement:
    """The acknowledgement as it was saved. Raises Unreadable."""
    return _inflate(record, Acknowledgement, form=form, name=name)


def encode_host(host: Host) -> bytes:
    """The whole profile but its version and its search keys, which are attributes of their own."""
    return _deflate(replace(host, version=0, search_keys=NO_KEYS))


def decode_host(record: bytes, *, form: int, name: str) -> Host:
    """The profile as it was saved, without its version. Raises Unreadable."""
    return _inflate(record, Host, form=form, name=name)


def encode_closing(closing: Closing) -> bytes:
    """The whole closing but its version, which is an attribute of its own."""
    return _deflate(replace(closing, version=0))


def decode_closing(record: bytes, *, form: int, name: str) -> Closing:
    """The closing as it was saved, without its version. Raises Unreadable."""
    return _inflate(record, Closing, form=form, name=name)


def encode_check(check: Check) -> bytes:
    """The whole check but its version, which is an attribute of its own."""
    return _deflate(replace(check, version=0))


def decode_check(record: bytes, *, form: int, name: str) -> Check:
    """The check as it was saved, without its version. Raises Unreadable."""
    return _inflate(record, Check, form=form, name=name)


def encode_finding(finding: Finding) -> bytes:
    """The whole finding."""
    return _deflate(finding)


def decode_finding(record: bytes, *, form: int, name: str) -> Finding:
    """The finding as it was saved. Raises Unreadable."""
    return _inflate(record, Finding, form=form, name=name)


def encode_erasure(erasure: Erasure) -> bytes:
    """The whole erasure but its version, which is an attribute of its own."""
    return _deflate(replace(erasure, version=0))


def decode_erasure(record: bytes, *, form: int, name: str) -> Erasure:
    """The erasure as it was saved, without its version. Raises Unreadable."""
    return _inflate(record, Erasure, form=form, name=name)


def encode_expiry(expiry: Expiry) -> bytes:
    """How far contacts have expired, but its version, which is an attribute of its own."""
    return _deflate(replace(expiry, version=0))


def decode_expiry(record: bytes, *, form: int, name: str) -> Expiry:
    """The same as it was saved, without its version. Raises Unreadable."""
    return _inflate(record, Expiry, form=form, name=name)


def encode_suppression(suppression: Suppression) -> bytes:
    """All that is known of an address that is not written to, but the address itself."""
    return _deflate(suppression)


def decode_suppression(record: bytes, *, form: int, name: str) -> Suppression:
    """The same as it was saved. Raises Unreadable."""
    return _inflate(record, Suppression, form=form, name=name)


def encode_review(review: Review) -> bytes:
    """The whole review."""
    return _deflate(review)


def decode_review(record: bytes, *, form: int, name: str) -> Review:
    """The review as it was saved. Raises Unreadable."""
    return _inflate(record, Review, form=form, name=name)


def encode_line(line: LedgerLine) -> bytes:
    """The whole line."""
    return _deflate(line)


def decode_line(record: bytes, *, form: int, name: str) -> LedgerLine:
    """The line as it was written. Raises Unreadable."""
    return _inflate(record, LedgerLine, form=form, name=name)


class _Totals(Record, frozen=True):
    rows: tuple[TotalRow, ...]


def encode_totals(rows: tuple[TotalRow, ...]) -> bytes:
    """The rows of a day's totals."""
    return _deflate(_Totals(rows))


def decode_totals(record: bytes, *, form: int, name: str) -> tuple[TotalRow, ...]:
    """The rows as they were kept. Raises Unreadable."""
    return _inflate(record, _Totals, form=form, name=name).rows


def encode_access(access: Access) -> bytes:
    """The whole note."""
    return _deflate(access)


def decode_access(record: bytes, *, form: int, name: str) -> Access:
    """The note as it was made. Raises Unreadable."""
    return _inflate(record, Access, form=form, name=name)


def encode_settlement(settlement: Settlement) -> bytes:
    """The report, or a part of it."""
    return _deflate(settlement)


def decode_settlement(record: bytes, *, form: int, name: str) -> Settlement:
    """The report as it was kept. Raises Unreadable."""
    return _inflate(record, Settlement, form=form, name=name)


def encode_entry(entry: AccountEntry) -> bytes:
    """The whole entry."""
    return _deflate(entry)


def decode_entry(record: bytes, *, form: int, name: str) -> AccountEntry:
    """The entry as it was written. Raises Unreadable."""
    return _inflate(record, AccountEntry, form=form, name=name)


def inflate(record: bytes, *, form: int, name: str) -> bytes:
    """A stored record as JSON, for people. Raises Unreadable."""
    if form not in READABLE:
        raise Unreadable(name)
    inflater = zlib.decompressobj(zlib.MAX_WBITS, zdict=_DICTIONARIES[form])
    try:
        text = inflater.decompress(record, _MAX_RECORD)
    except zlib.error as error:
        raise Unreadable(name) from error
    if not inflater.eof:
        raise Unreadable(name)
    return text


def read_each(keys: Iterable[K], decode: Callable[[K], T]) -> Batch[T]:
    """Decode what was read together: what cannot be read is named, and takes nothing else down."""
    items: list[T] = []
    unreadable: list[str] = []
    for key in keys:
        try:
            items.append(decode(key))
        except Unreadable:
            unreadable.append(key)
    return Batch(tuple(items), tuple(unreadable))


def _deflate(record: Record) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_DEFAULT_STRATEGY, _DICTIONARIES[FORM])
    return deflater.compress(_ENCODER.encode(record)) + deflater.flush()


def _inflate(record: bytes, kind: type[R], *, form: int, name: str) -> R:
    text = inflate(record, form=form, name=name)
    decoder: msgspec.json.Decoder[R] = _decoder(kind)  # type: ignore[arg-type]  # a type is hashable
    try:
        found = decoder.decode(text)
    except (msgspec.DecodeError, ValueError, TypeError) as error:
        raise Unreadable(name) from error
    return found


_ENCODER = msgspec.json.Encoder()


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)
