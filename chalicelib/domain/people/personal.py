"""Every place where something about a person is stored, and what an erasure makes of it: here, and only here.

Fields are named by their record, attributes by their item of a table. A test walks all that is stored and fails for a
text that is neither in ``PERSONAL`` nor in ``OF_NOBODY``; another fills each field that is ``blanked``, erases, and
finds nothing left. ``docs/privacy.md`` says the same to people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from chalicelib.domain.record import Record

Whose = Literal["guest", "host", "staff"]
Fate = Literal["blanked", "kept", "forgotten"]


class Treatment(Record, frozen=True):
    """Whose it is; that it is ``blanked`` when that person is erased, ``forgotten`` by itself at a time that the item
    says, or ``kept``; and why.
    """

    whose: Whose
    fate: Fate
    why: str


_WHO = Treatment("guest", "blanked", "who the guest is, and where the guest is reached")
_FOUND = Treatment("guest", "blanked", "by it the guest would still be found")
_PROVES = Treatment("guest", "blanked", "a digest of the contact: with it, a guess could be proved")
_LINK = Treatment("guest", "blanked", "a page of somebody else that names the guest")
_WORDS = Treatment("guest", "blanked", "a sentence that may name the guest; a word of ours stays")
_ACCOUNT = Treatment("guest", "kept", "the account's id: it names nobody once the account is gone at the issuer")
_MONEY = Treatment("guest", "kept", "the gateway's own name for money: books and tax are kept for years")
_STAFF = Treatment("staff", "kept", "who of the staff did what: proof, and no business of a guest")
_STAFF_WORDS = Treatment("staff", "kept", "why the staff decided something of money or a listing; it names no guest")
_REACHED = Treatment("host", "blanked", "where the host is reached")
_HOME = Treatment("host", "blanked", "what shows where the host lives")
_HOSTED = Treatment("host", "kept", "what was sold, and by which account: a record of the books")
_TAXED = Treatment("host", "kept", "who was paid: tax documents are kept for years")
_TRAIL = Treatment("guest", "forgotten", "who looked for whom, by a keyed hash: forgotten after thirteen months")
_REQUEST = Treatment("guest", "forgotten", "that somebody was erased, by a keyed hash: forgotten after thirteen months")
_REQUEST_AGAIN = Treatment("guest", "forgotten", "by it the person is found again whom a restore brings back")
_SHUT = Treatment("guest", "kept", "that an address is not written to, by a keyed hash: else it would be written to")

PERSONAL: Mapping[str, Treatment] = {
    # A booking, and what hangs on it
    "Contact.first_name": _WHO,
    "Contact.last_name": _WHO,
    "Contact.email": _WHO,
    "Contact.phone": _WHO,
    "SearchKeys.email": _FOUND,
    "SearchKeys.phone": _FOUND,
    "SearchKeys.name": _FOUND,
    "Booking.guest_id": _ACCOUNT,
    "Booking.fingerprint": _PROVES,
    "Booking.return_url": _LINK,
    "Payment.checkout_url": _LINK,
    "GatewayFacts.receipt_url": _LINK,
    "GatewayFacts.provider_reference": _MONEY,
    "OpeningProblem.detail": _WORDS,
    "FieldError.message": _WORDS,
    "Refund.reason": _WORDS,
    "Refund.provider_refund_id": _MONEY,
    "Dispute.reason": _WORDS,
    "Dispute.provider_dispute_id": _MONEY,
    "RefundAct.reason": _WORDS,
    "ResolveRefundAct.note": _WORDS,
    "ResolvePaymentAct.note": _WORDS,
    "CancelAct.reason": _WORDS,
    "EndStayAct.note": _WORDS,
    "CloseListingAct.reason": _STAFF_WORDS,
    "Proposal.note": _WORDS,
    "Proposal.by": _STAFF,
    "Proposal.by_name": _STAFF,
    "Proposal.decided_by": _STAFF,
    "Proposal.decided_by_name": _STAFF,
    "Event.detail": _WORDS,
    "Event.by": _ACCOUNT,
    "Event.by_name": Treatment("guest", "blanked", "the guest's address; that of the staff is proof, and stays"),
    "Place.host_id": _HOSTED,
    "Place.host_email": _REACHED,
    "Place.title": _HOSTED,
    "Place.address": _HOME,
    # Beside the bookings
    "AccountAct.note": Treatment("guest", "blanked", "what the staff wrote about an account"),
    "AccountAct.by": _STAFF,
    "AccountAct.by_name": _STAFF,
    "Verification.payer": Treatment("guest", "blanked", "who sent money that has no booking, once that is dealt with"),
    "Verification.receipt_url": _LINK,
    "Verification.provider_reference": _MONEY,
    "Acknowledgement.by": _STAFF,
    "Acknowledgement.note": _STAFF_WORDS,
    "Suppression.lifted_by": _STAFF,
    "Review.text": Treatment("guest", "blanked", "what the guest said of a stay; the rating counts on"),
    "Review.fingerprint": Treatment("guest", "kept", "tells a repeated call; a digest of a text that is gone"),
    "Erasure.erasure_id": _REQUEST,
    "Erasure.key": _REQUEST_AGAIN,
    "Erasure.orphan_key": _REQUEST_AGAIN,
    "Erasure.host_key": _REQUEST_AGAIN,
    "Erasure.hosts": Treatment("guest", "blanked", "a host's profiles, until the erasure is finished"),
    "Erasure.note": _REQUEST,
    "Actor.person_id": _STAFF,
    "Actor.name": _STAFF,
    "Closing.reason": _STAFF_WORDS,
    "Closing.reopened_note": _STAFF_WORDS,
    # A host
    "Host.host_id": _HOSTED,
    "Notify.email": _REACHED,
    "Notify.phone": _REACHED,
    "Tax.name": _TAXED,
    "Tax.tin": _TAXED,
    "Listing.host_id": _HOSTED,
    "Listing.host_email": _REACHED,
    "Listing.title": _HOSTED,
    "Listing.description": _HOME,
    "Listing.address": _HOME,
    "Listing.photos": _HOME,
    # What operators and finance keep
    "LedgerLine.host_id": _HOSTED,
    "LedgerLine.provider_reference": _MONEY,
    "TotalRow.host_id": _HOSTED,
    "AccountEntry.host_id": _HOSTED,
    "AccountEntry.by": _STAFF,
    "AccountEntry.by_name": _STAFF,
    "AccountEntry.note": _STAFF_WORDS,
    "AccountEntry.reference": _TAXED,
    "Match.reference": _MONEY,
    "StatementRow.reference": _MONEY,
    "StatementRow.payer": Treatment("guest", "blanked", "taken out before a report is kept"),
    "Access.by": _STAFF,
    "Access.by_name": _STAFF,
    "Access.subject": _TRAIL,
    "Access.note": Treatment("guest", "blanked", "why the staff acted; forgotten after thirteen months in any case"),
    "Access.proposed_by": _STAFF,
    "Access.proposed_by_name": _STAFF,
    # Attributes of items, for keys and indexes
    "BookingItem.guest_id": _ACCOUNT,
    "BookingItem.email_key": _FOUND,
    "BookingItem.phone_key": _FOUND,
    "BookingItem.name_key": _FOUND,
    "HostItem.booking_id": _HOSTED,
    "HostItem.email_key": _REACHED,
    "HostItem.phone_key": _REACHED,
    "HostItem.name_key": _REACHED,
    "ListingItem.host_id": _HOSTED,
    "AccountItem.booking_id": Treatment("guest", "forgotten", "the account's id: 400 days after its latest booking"),
    "LettersItem.booking_id": Treatment("guest", "forgotten", "how often an address was written to, by a keyed hash"),
    "MailboxItem.booking_id": _SHUT,
    "ErasureItem.booking_id": _REQUEST,
    "LedgerItem.book": Treatment("host", "kept", "an account's entries lie under the host's id"),
    "LedgerItem.host_key": _HOSTED,
    "LedgerItem.reference_key": _MONEY,
}

OF_NOBODY: frozenset[str] = frozenset(
    {
        # Ids of ours, and what they are made of
        "Booking.booking_id", "Booking.request_id", "Place.listing_id", "Payment.tx_ref", "Refund.refund_id",
        "Dispute.dispute_id", "Proposal.proposal_id", "Proposal.request_id", "RefundAct.tx_ref",
        "ResolveRefundAct.refund_id", "ResolvePaymentAct.tx_ref",
        "OutboxEntry.entry_id", "OutboxEntry.about", "Event.subject", "Listing.listing_id",
        "OpenHold.booking_id", "Lapse.booking_id", "AccountAct.request_id", "Verification.tx_ref",
        "Closing.listing_id", "Closing.position", "Erasure.request_id", "Erasure.position", "Obstacle.subject",
        "Expiry.position", "Expiry.waiting", "Suppression.booking_id", "Suppression.entry_id", "Review.booking_id",
        "LedgerLine.line_id", "LedgerLine.booking_id", "LedgerLine.tx_ref", "LedgerLine.listing_id",
        "LedgerLine.refund_id", "Access.request_id", "Access.outcome", "Access.proposal_id",
        "Access.proposed_request_id", "Settlement.settlement_id", "Match.tx_ref", "Match.booking_id",
        "StatementRow.tx_ref", "AccountEntry.entry_id", "AccountEntry.reverses", "Task.booking_id", "Task.tx_ref",
        "Task.entries", "Task.request_id", "Check.position", "Finding.about", "Finding.booking_id",
        # Idempotency-Keys, as keyed hashes; digests of requests that have no contact; owners of leases
        "Payment.key", "Payment.shown_under", "Refund.key", "RefundAct.key", "Refund.fingerprint", "Dispute.key",
        "Dispute.fingerprint", "Listing.fingerprint", "Review.key", "Lease.owner", "Refund.owner",
        # Words of ours and of gateways, places, times, money
        "Place.city", "Place.time_zone", "Place.check_in_time", "Place.check_out_time", "Line.description",
        "Money.currency", "Payment.gateway", "Payment.expected_mode", "Payment.reversal", "Payment.api_version",
        "OpeningProblem.code", "FieldError.field", "GatewayFacts.mode", "Event.kind", "Event.before", "Event.after",
        "Listing.city", "Listing.time_zone", "Listing.check_in_time", "Listing.check_out_time",
        "Verification.reported", "Verification.mode", "LedgerLine.gateway", "LedgerLine.mode", "TotalRow.currency",
        "TotalRow.gateway", "TotalRow.counts", "TotalRow.amounts", "Settlement.gateway", "Match.reason",
        "Match.payout_id", "Payout.payout_id", "Payout.status", "Payout.currency",
        "StatementRow.amount", "StatementRow.currency", "StatementRow.fee", "Task.gateway",
        "Finding.says",
        # Attributes: the record, which is named above field by field, and keys without a person in them
        "ListingItem.city_key", "ListingItem.host_order", "ListingItem.listing_id", "ListingItem.part",
        "ListingItem.price_key", "ListingItem.record", "ListingItem.status", "MonthItem.currency",
        "MonthItem.listing_id", "MonthItem.part", "CityItem.listing_id", "CityItem.part", "CityItem.spellings",
        "ReviewItem.listing_id", "ReviewItem.part", "ReviewItem.record", "BookingItem.acknowledged",
        "BookingItem.arrives_on", "BookingItem.attention", "BookingItem.attention_at", "BookingItem.booking_id",
        "BookingItem.changed", "BookingItem.created", "BookingItem.day", "BookingItem.due_at", "BookingItem.due_shard",
        "BookingItem.failing_since", "BookingItem.leaves_key", "BookingItem.listing_id", "BookingItem.record",
        "BookingItem.status", "BookingItem.stay_key", "BookingItem.verify_lease", "AccountItem.record",
        "LettersItem.letters", "LettersItem.unpaid", "HostItem.created", "HostItem.record", "ErasureItem.due_at",
        "ErasureItem.due_shard", "ErasureItem.record", "MailboxItem.record", "SaltItem.booking_id", "SaltItem.salt",
        "LedgerItem.counted", "LedgerItem.line", "LedgerItem.record", "WatchItem.at", "WatchItem.booking_id",
    }
)  # fmt: skip
"""Texts that are stored and tell of no person."""
