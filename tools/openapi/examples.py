"""Examples for the OpenAPI document. Tests read the bodies as the API does, and hold the answers to their schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args, get_origin

import msgspec

from chalicelib import __version__
from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.answers.disputes import DisputeOut, EvidenceOut
from chalicelib.api.answers.hosts import HostOut
from chalicelib.api.answers.listings import (
    CityOut,
    FoundListingPageOut,
    ListingOut,
    NightsOut,
    PublishedListingOut,
    ReviewOut,
)
from chalicelib.api.answers.messages import MessageOut
from chalicelib.api.answers.payments import EventOut, PaymentOut, RefundOut
from chalicelib.api.core import fields
from chalicelib.api.core.formats import MoneyOut
from chalicelib.api.local_examples import BOOKING_ID, HOST, LISTING_ID
from chalicelib.api.routes import bookings, callbacks, contacts, documents, hosts, listings, payments, payouts, reviews
from chalicelib.api.routes.operators import (
    accounts,
    attention,
    closings,
    dead_letters,
    disputes,
    find,
    health,
    ledger,
    messages,
    money,
    notes,
    people,
    proposals,
    settlements,
    statistics,
)
from chalicelib.domain.money import Money
from chalicelib.services.ports.outcomes import Page

Json = dict[str, Any]

TX_REF = f"{BOOKING_ID}-1"

PARAMETERS: Mapping[str, str] = {
    "listing_id": LISTING_ID,
    "booking_id": BOOKING_ID,
    "tx_ref": TX_REF,
    "refund_id": f"{TX_REF}-R1",
    "dispute_id": f"{TX_REF}-D1",
    "proposal_id": f"{BOOKING_ID}-P1",
    "entry_id": "1",
    "message_id": "6f9e5c1a-2b7d-4e0f-9a31-5d8c7b6a4e20",
    "item_id": f"email.{BOOKING_ID}.1",
    "sub": "guest-9",
    "file": "swagger-ui.css",
    "city": "Bahir Dar",
    "from": "2027-01-01",
    "to": "2027-01-17",
    "day": "2027-01-02",
    "month": "2027-01",
    "host_id": "host-abebe",
    "settlement_id": "stl_0c6f5d2b9a817e43",
    "payout_id": "payout_0V6ZK2M9QW3T",
}


def _money(minor: int) -> Json:
    answered: Json = msgspec.to_builtins(MoneyOut.of(Money(minor, "ETB")))
    return answered


_PAYOUT = {
    "entry_id": "payout_0V6ZK2M9QW3T",
    "kind": "payout",
    "date": "2027-02-01",
    "amount": _money(600000),
    "reference": "FT27032XYZ",
    "note": "January, by bank.",
    "at": "2027-02-01T09:00:00Z",
    "by": "sara@guzo.example.et",
    "commission": None,
    "reverses": None,
}
_DEAD_LETTER = {
    "message_id": "6f9e5c1a-2b7d-4e0f-9a31-5d8c7b6a4e20",
    "queue": "emails",
    "sent_at": "2027-01-02T09:15:30Z",
    "body": json.dumps({"booking_id": BOOKING_ID, "entries": ["1"]}),
}
_SETTLEMENT = {
    "settlement_id": "stl_0c6f5d2b9a817e43",
    "gateway": "chapa",
    "from": "2027-01-01",
    "to": "2027-01-31",
    "made_at": "2027-02-01T08:00:00Z",
    "complete": True,
    "counts": {"matched": 41, "other_status": 1},
    "payouts": [],
}
_AT = {"created_at": "2027-01-02T09:15:30Z", "updated_at": "2027-01-02T09:15:32Z"}
_PRICE = {"amount": 210000, "currency": "ETB"}
_CONTACT = {
    "first_name": "Hanna",
    "last_name": "Tesfaye",
    "email": "hanna.tesfaye@gmail.com",
    "phone": "0911223344",
}
_DRAFT = {
    "title": "Lake house",
    "description": "On the shore of Lake Tana: boats to the monasteries leave from the jetty.",
    "city": "Bahir Dar",
    "address": "Shore road, by the jetty",
    "time_zone": "Africa/Addis_Ababa",
    "nightly_price": _PRICE,
    "units": 3,
    "guests_per_unit": 4,
    "cancellation_policy": "flexible",
    "check_in_time": "14:00",
    "check_out_time": "11:00",
    "photos": ["https://images.example.et/lake-house.jpg"],
}
_LISTING = {
    "listing_id": LISTING_ID,
    "host_id": HOST,
    **_DRAFT,
    "nightly_price": _money(210000),
    "status": "open",
    "rating": {"average": 4.5, "count": 12},
    **_AT,
}
_HOST = {
    "notify": {"email": "abebe.kebede@gmail.com", "phone": "+251582201234", "language": "am"},
    "tax": {"name": "Abebe Kebede", "tin": "0012345678", "vat_registered": True},
}
_FOUND_LISTING = {
    "listing_id": LISTING_ID,
    **{name: _LISTING[name] for name in ("title", "city", "nightly_price", "units", "guests_per_unit", "rating")},
    **{name: _LISTING[name] for name in ("cancellation_policy", "photos")},
    "quote": {"nights": 3, "units": 1, "total": _money(630000)},
}
_CAPS = {"open_holds": 3, "unpaid_unit_nights": 300, "bookings_per_hour": 40, "bookings_per_day": 30}
_BLOCK = {
    "at": "2027-01-02T10:20:00Z",
    "act": "block",
    "by": "operator-1",
    "by_name": "sara@guzo.example.et",
    "note": "Three cards reported as stolen; the bank was told.",
    "request_id": "2f4a7c1e-0f3b-4a55-9c1d-6b8f6f0f2d11",
    "caps": None,
}
_ACCOUNT = {
    "sub": "guest-9",
    "has_paid": True,
    "bookings_last_hour": 1,
    "bookings_last_day": 2,
    "open_holds": [{"booking_id": BOOKING_ID, "unit_nights": 3, "counts_until": "2027-01-02T21:45:30Z"}],
    "unit_nights": 3,
    "lapses": [],
    "paused_until": None,
    "caps": _CAPS,
    "block": _BLOCK,
    "acts": [
        {
            **_BLOCK,
            "at": "2026-12-01T08:00:00Z",
            "act": "limits",
            "note": "Books for an agency.",
            "caps": {"open_holds": 0, "unpaid_unit_nights": 0, "bookings_per_hour": 40, "bookings_per_day": 0},
        },
        _BLOCK,
    ],
    "bookings": [
        {
            "booking_id": BOOKING_ID,
            "status": "pending_payment",
            "listing_title": "Lake house",
            "total": _money(630000),
            "created_at": "2027-01-02T09:15:30Z",
            "cancelled_by": None,
        }
    ],
}
_NIGHTS = {"nights": [{"date": "2027-01-14", "left": 3, "price": _money(210000), "closed": False, "bookable": True}]}
_REFUND = {
    "refund_id": f"{TX_REF}-R1",
    "amount": _money(210000),
    "reason": "One night less",
    "status": "owed",
    **_AT,
}
_PAYMENT = {
    "tx_ref": TX_REF,
    "booking_id": BOOKING_ID,
    "gateway": "chapa",
    "status": "pending",
    "amount": _money(630000),
    "checkout_url": "https://checkout.chapa.co/checkout/payment/V38JyhpTygC9QimkJrdful9oEjih0heIv53eJ1MsJS6xG",
    "refunds": [],
    **_AT,
}
_BOOKING = {
    "booking_id": BOOKING_ID,
    "status": "pending_payment",
    "listing_id": LISTING_ID,
    "listing_title": "Lake house",
    "check_in": "2027-01-14",
    "check_out": "2027-01-17",
    "nights": 3,
    "units": 1,
    "guests": 2,
    "language": "en",
    "contact": _CONTACT,
    "lines": [{"description": "3 nights × 1 unit", "amount": _money(630000)}],
    "total": _money(630000),
    "hold_expires_at": "2027-01-02T09:45:30Z",
    "return_url": None,
    **_AT,
    "cancellation": {"policy": "flexible", "back_if_cancelled_now": _money(0), "changes_at": None},
    "payment": _PAYMENT,
}

_DISPUTE = {
    "dispute_id": f"{TX_REF}-D1",
    "tx_ref": TX_REF,
    "booking_id": BOOKING_ID,
    "gateway": "chapa",
    "status": "needs_response",
    "amount": _money(630000),
    "reason": "The card's owner does not know the payment",
    "due_at": "2027-02-01T13:00:00Z",
    "provider_dispute_id": None,
    "acknowledged": False,
    **_AT,
}

BODIES: Mapping[type, Json] = {
    listings.Draft: _DRAFT,
    listings.Change: {"nightly_price": {"amount": 230000, "currency": "ETB"}, "units": 5},
    listings.NightsIn: {"from": "2027-01-06", "to": "2027-01-08", "price": _PRICE, "closed": False},
    hosts.HostIn: _HOST,
    reviews.NewReview: {"booking_id": BOOKING_ID, "rating": 5, "text": "Quiet, and the coffee was good."},
    bookings.NewBooking: {
        "listing_id": LISTING_ID,
        "check_in": "2027-01-14",
        "check_out": "2027-01-17",
        "units": 1,
        "guests": 2,
        "contact": _CONTACT,
        "language": "en",
        "expected_total": 630000,
    },
    find.Search: {"q": "hanna.tesfaye@gmail.com"},
    people.ExportPerson: {"email": "hanna.tesfaye@gmail.com"},
    people.ErasePerson: {"email": "hanna.tesfaye@gmail.com", "note": "Asked for by letter.", "dry_run": True},
    closings.CloseListing: {"cancel_bookings": True, "reason": "The host has left.", "dry_run": True},
    payouts.PayoutIn: {
        "amount": 600000,
        "currency": "ETB",
        "date": "2027-02-01",
        "reference": "FT27032XYZ",
        "note": "January, by bank.",
    },
    payouts.TakeBack: {"note": "The bank sent it back."},
    payouts.CommissionIn: {"commission": 1250, "from": "2027-02-01", "note": "As agreed."},
    settlements.StatementFile: {
        "gateway": "chapa",
        "from": "2027-01-01",
        "to": "2027-01-31",
        "csv": "reference,amount,currency,charge\r\nAPqDVMOlxU1d,6300.000,ETB,157.500\r\n",
    },
    messages.Resend: {"note": "The guest corrected the address by telephone."},
    dead_letters.DeadLetterAct: {"note": "The booking was erased."},
    dead_letters.SendAllBack: {"note": "SES is well again.", "queue": "emails"},
    contacts.Correction: {"contact": {"email": "hanna.t@gmail.com"}},
    bookings.CancelBooking: {"reason": "We fell ill."},
    bookings.EndStay: {"as": "left_early", "last_night": "2027-01-14", "refund": 210000, "note": "She rang at ten."},
    payments.NewRefund: {"amount": 210000, "reason": "One night less"},
    money.Resolution: {"as": "accept", "note": "The bank confirms the amount."},
    money.RefundResolution: {"as": "already_refunded", "note": "Done by hand in the gateway's dashboard."},
    accounts.AccountActIn: {"note": "Three cards reported as stolen; the bank was told."},
    accounts.AccountLimitsIn: {"note": "Books for an agency.", "open_holds": 12, "bookings_per_hour": 40},
    notes.NoteIn: {"note": "She comes late: the host knows."},
    attention.Acknowledge: {"note": "The guest was told by telephone."},
    disputes.NewDispute: {
        "tx_ref": TX_REF,
        "amount": None,
        "reason": "The card's owner does not know the payment",
        "due_at": "2027-02-01T13:00:00Z",
        "note": "Chapa's e-mail of this morning.",
        "dry_run": True,
    },
    disputes.CloseDispute: {"as": "won", "note": "Chapa's e-mail: the bank agrees with us."},
    fields.NoBody: {},
    fields.DryRun: {"dry_run": True},
    closings.ReopenListing: {"note": "The host came back."},
    proposals.ProposalDecision: {"note": "Seen in the dashboard: it never went."},
}

ANSWERS: Mapping[type, Json] = {
    ListingOut: _LISTING,
    PublishedListingOut: {**_LISTING, "warnings": []},
    HostOut: {"host_id": _LISTING["host_id"], **_HOST, "warnings": []},
    FoundListingPageOut: {"items": [_FOUND_LISTING], "next_cursor": None},
    CityOut: {"city": "Hawassa", "names": ["Hawassa", "ሐዋሳ"], "listings": 12},
    NightsOut: _NIGHTS,
    ReviewOut: {"rating": 5, "text": "Quiet, and the coffee was good.", "created_at": _AT["created_at"]},
    BookingOut: _BOOKING,
    MessageOut: {
        "entry_id": "1",
        "kind": "booking_confirmed",
        "reader": "guest",
        "address": _CONTACT["email"],
        "status": "owed",
        "why": None,
        "about": None,
        "resends": 1,
        "changed_at": "2027-01-02T10:20:00Z",
    },
    PaymentOut: _PAYMENT,
    RefundOut: _REFUND,
    EventOut: {
        "at": "2027-01-02T09:15:32Z",
        "kind": "payment_opened",
        "cause": "guest",
        "from": "created",
        "to": "pending",
        "detail": "",
    },
    DisputeOut: _DISPUTE,
    EvidenceOut: {
        "dispute": _DISPUTE,
        "booking": _BOOKING,
        "place": {
            "title": _DRAFT["title"],
            "address": _DRAFT["address"],
            "city": _DRAFT["city"],
            "time_zone": _DRAFT["time_zone"],
            "check_in_time": "14:00",
            "check_out_time": "11:00",
            "cancellation_policy": "flexible",
        },
        "payment": _PAYMENT,
        "events": [],
        "letters": [
            {"kind": "booking_confirmed", "to": "guest", "sent_at": "2027-01-02T09:16:00Z"},
        ],
    },
    attention.AttentionItemOut: {
        "item_id": f"payment_review.{TX_REF}",
        "kind": "payment_review",
        "subject": TX_REF,
        "booking_id": BOOKING_ID,
        "reason": "ETB 210.00 came, and ETB 6,300.00 was asked",
        "since": "2027-01-02T09:20:00Z",
        "age_seconds": 3600,
        "actions": ["resolve"],
        "due_at": None,
        "amount": _money(21000),
        "guest": "Hanna Tesfaye",
        "etag": '"7"',
    },
    statistics.StatisticsOut: {
        "from": "2027-01-01",
        "to": "2027-01-02",
        "days": [
            {"day": "2027-01-01", "held": 12, "linked": 12, "paid": 9, "confirmed": 9},
            {"day": "2027-01-02", "held": 3, "linked": 3, "paid": 1, "confirmed": 1},
        ],
        "checkout_to_paid": [{"under_seconds": 120, "count": 8}, {"under_seconds": None, "count": 2}],
        "open_payments": [{"under_seconds": 900, "count": 2}, {"under_seconds": None, "count": 0}],
        "refunds_under_way": [{"under_seconds": 3600, "count": 1}, {"under_seconds": None, "count": 0}],
        "partial": False,
    },
    health.StageHealthOut: {
        "at": "2027-01-02T10:20:00Z",
        "seconds": 3600,
        "gateways": [
            {"gateway": "chapa", "calls": 120, "silent": 3, "silent_share": 0.025, "p50_ms": 600, "p95_ms": 1600},
        ],
        "payments_opened": 31,
        "payments_not_opened": 1,
        "payments_paid": 24,
        "last_sweep_at": "2027-01-02T10:19:41Z",
        "last_check": {
            "day": "2027-01-02",
            "begun_at": "2027-01-02T00:01:12Z",
            "finished_at": "2027-01-02T00:01:30Z",
            "checked": 412,
            "findings": 0,
            "unreadable": 0,
        },
        "queues": [
            {"queue": "reconcile", "waiting": 2, "at_work": 1, "dead_letters": 0},
            {"queue": "emails", "waiting": 0, "at_work": 0, "dead_letters": 0},
        ],
        "version": __version__,
        "commit": "3f1c0de",
        "stage": "prod",
    },
    find.AccessOut: {
        "at": "2027-01-02T10:20:00Z",
        "by": "operator-hirut",
        "by_name": "hirut@guzo.example.et",
        "act": "approve",
        "subject": f"{BOOKING_ID}-P1",
        "found": 1,
        "request_id": "0f2d6c1e-5f0b-4c39-8a34-2f3f4d0b1c55",
        "note": "The bank confirms it.",
        "outcome": "done",
        "proposal_id": f"{BOOKING_ID}-P1",
        "proposed_by": "operator-sara",
        "proposed_by_name": "sara@guzo.example.et",
        "proposed_request_id": "7b9f0a52-84a5-4a0e-9df3-6f1e2c8d9b10",
    },
    dead_letters.DeadLetterOut: _DEAD_LETTER,
    dead_letters.SentBackOut: {"items": [_DEAD_LETTER], "more": False},
    payouts.AccountEntryOut: _PAYOUT,
    payouts.Statements: {
        "month": "2027-01",
        "items": [
            {
                "currency": "ETB",
                "brought_forward": _money(0),
                "earned": _money(551250),
                "paid_out": _money(0),
                "balance": _money(551250),
                "stays": [
                    {
                        "booking_id": BOOKING_ID,
                        "listing_id": LISTING_ID,
                        "date": "2027-01-17",
                        "gross": _money(630000),
                        "refunded": _money(0),
                        "fee": _money(15750),
                        "commission": _money(63000),
                        "earned": _money(551250),
                    }
                ],
                "payouts": [],
            }
        ],
    },
    settlements.SettlementOut: _SETTLEMENT,
    settlements.SettlementPageOut: {
        "settlement": _SETTLEMENT,
        "items": [
            {
                "verdict": "other_status",
                "action": "verify",
                "reason": "pending here, paid there",
                "reference": "APqDVMOlxU1d",
                "tx_ref": TX_REF,
                "booking_id": BOOKING_ID,
                "theirs": "ETB 6300.000",
                "their_status": "paid",
                "ours": _money(630000),
                "fee": _money(15750),
                "net": _money(614250),
                "payout_id": None,
            }
        ],
        "next_cursor": None,
    },
    ledger.LedgerLineOut: {
        "line_id": f"{TX_REF}.payment",
        "kind": "payment",
        "at": "2027-01-02T09:16:40Z",
        "day": "2027-01-02",
        "gross": _money(630000),
        "fee": _money(15750),
        "net": _money(614250),
        "gateway": "chapa",
        "mode": "live",
        "provider_reference": "APqDVMOlxU1d",
        "booking_id": BOOKING_ID,
        "tx_ref": TX_REF,
        "refund_id": None,
        "listing_id": LISTING_ID,
        "host_id": "host-abebe",
        "counts_on": "2027-01-17",
    },
    ledger.Totals: {
        "from": "2027-01-01",
        "to": "2027-01-31",
        "items": [
            {
                "day": "2027-01-02",
                "gateway": "chapa",
                "currency": "ETB",
                "host_id": None,
                "payments": 1,
                "refunds": 0,
                "gross": _money(630000),
                "refunded": _money(0),
                "reversed": _money(0),
                "disputed": _money(0),
                "fees": _money(15750),
                "fees_unknown": 0,
                "net": _money(614250),
            }
        ],
    },
    money.GatewayEventOut: {"at": "2027-01-02T09:16:00Z", "text": "Attempted payment with telebirr"},
    accounts.AccountOut: _ACCOUNT,
    proposals.ProposalOut: {
        "proposal_id": f"{BOOKING_ID}-P1",
        "booking_id": BOOKING_ID,
        "listing_id": None,
        "act": "resolve_refund",
        "subject": f"{TX_REF}-R1",
        "how": "post_again",
        "amount": _money(735000),
        "reason": "Chapa support says that it never went.",
        "status": "approved",
        "proposed_at": "2027-01-02T10:20:00Z",
        "proposed_by": "operator-1",
        "proposed_by_name": "sara@guzo.example",
        "expires_at": "2027-01-05T10:20:00Z",
        "decided_at": "2027-01-02T10:31:00Z",
        "decided_by": "operator-2",
        "decided_by_name": "selam@guzo.example",
        "note": "Seen in the dashboard: it never went.",
        "refunds": [],
    },
    attention.AcknowledgedOut: {
        "item_id": f"email.{BOOKING_ID}.1",
        "booking_id": BOOKING_ID,
        "acknowledged_at": "2027-01-02T10:20:00Z",
        "acknowledged_by": "operator-1",
        "note": "The guest was told by telephone.",
    },
    people.ErasureOut: {
        "state": "finished",
        "bookings": 3,
        "hosts": 0,
        "erased": 3,
        "left": [],
        "begun_at": "2029-03-01T09:00:00Z",
        "finished_at": "2029-03-01T09:00:01Z",
    },
    people.HeldOut: {
        "kind": "suppression",
        "suppression": {
            "outcome": "bounced",
            "since": "2027-01-02T09:20:00Z",
            "booking_id": BOOKING_ID,
            "lifted_at": None,
        },
    },
    closings.ClosingOut: {
        "listing_id": LISTING_ID,
        "listing_status": "closed",
        "state": "under_way",
        "cancel_bookings": True,
        "reason": "The host has left.",
        "begun_at": "2027-01-02T10:00:00Z",
        "finished_at": None,
        "needs_second_person": False,
        "proposal_id": None,
        "reopened_at": None,
        "reopened_by": None,
        "reopened_by_name": None,
        "reopened_note": None,
        "expected": 3,
        "cancelled": 2,
        "returned": [_money(1260000)],
        "left": 1,
        "to_return": [_money(630000)],
        "partial": False,
        "bookings": [
            {
                "booking_id": BOOKING_ID,
                "status": "confirmed",
                "check_in": "2027-01-14",
                "check_out": "2027-01-17",
                "back": _money(630000),
            }
        ],
    },
    money.Report: {
        "from": "2027-01-01",
        "to": "2027-01-31",
        "items": [
            {
                "day": "2027-01-02",
                "currency": "ETB",
                "payments": 1,
                "taken": _money(630000),
                "fees": _money(15750),
                "refunded": _money(210000),
                "reversed": _money(0),
                "net": _money(404250),
            }
        ],
    },
    callbacks.Received: {"received": True},
    documents.Health: {"status": "ok", "version": "1.0.0", "commit": "1f6b0c2d9e35", "stage": "prod"},
    documents.Config: {
        "issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE",
        "client_id": "4q2s0exampleclient",
        "currencies": ["ETB", "USD"],
        "payment_limits": {"ETB": {"amount": 50000000, "currency": "ETB", "formatted": "ETB 500,000.00"}},
        "languages": ["en", "am"],
        "time_zone": "Africa/Addis_Ababa",
        "hold_minutes": 30,
        "return_origins": ["https://shop.example.et"],
        "version": "1.0.0",
    },
}


def of(kind: Any) -> Json | None:
    """Return the example of a body, an answer or a page, or None."""
    if get_origin(kind) is Page:
        item = of(get_args(kind)[0])
        return {"items": [item], "next_cursor": None}
    return BODIES.get(kind, ANSWERS.get(kind))
