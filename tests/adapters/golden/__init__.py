"""Stored items of every form that a release ever wrote: a folder for each form, a file for each item.

A file stands for what lies in somebody's table, so it is never changed and never removed. ``python -m
tests.adapters.golden`` adds what the present form has no file for yet; ``test_golden.py`` reads or refuses each.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from chalicelib.adapters.dynamodb.bookings import _booking_item
from chalicelib.adapters.dynamodb.records import FORM, inflate
from chalicelib.domain import checkout, disputes, refunds
from chalicelib.domain.booking import Actor, Booking, Lease, OpeningProblem
from chalicelib.domain.cancellation import cancel
from chalicelib.domain.ending import end_stay
from chalicelib.domain.errors import FieldError
from chalicelib.domain.operators.four_eyes import propose
from chalicelib.domain.operators.notes import add_note
from chalicelib.domain.people.erasure import ON_REQUEST, erase_guest
from chalicelib.domain.people.review import Review, rated
from chalicelib.domain.proposal import Act, CancelAct, EndStayAct, RefundAct, ResolvePaymentAct, ResolveRefundAct
from chalicelib.services.ports.outcomes import Acknowledgement
from tests.adapters.golden.kinds import KINDS, STAFF
from tests.builders import (
    NOW,
    a_booking,
    a_listing,
    a_stay,
    another_attempt,
    change_entry,
    expired,
    opened,
    paid,
    verification_of,
    verified,
)
from tests.dynamo import BOOKINGS, LISTINGS, DynamoBench
from tests.replacing import replace

FOLDER = Path(__file__).parent
ORPHAN = "GZ00000000000000-1"
LATER = NOW + timedelta(minutes=3)
OPERATOR = Actor("operator", "operator-sara", "sara@guzo.example.et")
HOST = Actor("host", "host-abebe", "abebe.kebede@gmail.com")
TX_REF = a_booking().payments[0].tx_ref
PROPOSED: tuple[Act, ...] = (
    RefundAct(TX_REF, "a pity", 1_000, cancel_booking=False, key="0123456789abcdef"),
    ResolveRefundAct(f"{TX_REF}-R1", "post_again", "Support asked us to."),
    ResolvePaymentAct(TX_REF, "accept", "As agreed."),
    CancelAct("The roof leaks."),
    EndStayAct("left_early", date(2027, 1, 15), 1_000, "She left."),
)
"""One of each act that may wait for a second person."""

Item = dict[str, Any]


@dataclass(frozen=True)
class Golden:
    """One stored item, in DynamoDB's own JSON; ``record`` is what its record reads as JSON, where it has one."""

    form: int
    name: str
    table: str
    item: Item
    record: Any = None

    def write(self) -> None:
        """Write the file, unless it is there."""
        path = FOLDER / f"form{self.form}" / f"{self.name}.json"
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            content = {"table": self.table, "item": self.item, "record": self.record}
            path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def every_file() -> Iterator[Golden]:
    for path in sorted(FOLDER.glob("form*/*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        yield Golden(int(path.parent.name.removeprefix("form")), path.stem, **content)


def raw(item: Item) -> Item:
    """The item as the client sends it: binary attributes as bytes."""
    return {name: {"B": base64.b64decode(value["B"])} if "B" in value else dict(value) for name, value in item.items()}


def as_text(item: Item) -> Item:
    """The item as a file holds it: binary attributes as base64."""
    return {
        name: {"B": base64.b64encode(value["B"]).decode()} if isinstance(value.get("B"), bytes) else dict(value)
        for name, value in sorted(item.items())
    }


def bookings() -> Mapping[str, Booking]:
    """States of a booking, by name."""
    held = a_booking(stay=a_stay(units=2, guests=3), return_url="https://shop.example.et/thanks", language="am")
    tx_ref = held.payments[0].tx_ref
    refused = OpeningProblem("gateway_rejected", "phone: is wrong", (FieldError("phone", "is wrong"),), 30)
    confirmed = paid(opened(held), now=LATER)
    sent = confirmed
    for entry in confirmed.outbox:
        sent = change_entry(sent, replace(entry, status="sent"), now=LATER)
    back = cancel(sent, actor=HOST, reason="The roof leaks.", now=LATER)
    refund_id = back.payments[0].refunds[0].refund_id
    asked = refunds.claim(back, refund_id, owner="0123456789abcdef", actor=Actor("sweep"), now=LATER)
    taken = refunds.record_accepted(asked, refund_id, provider_refund_id="RF1", actor=Actor("sweep"), now=LATER)
    disputed = disputes.open_dispute(
        sent, tx_ref, amount=None, reason="chargeback", due_at=LATER, note="E-mail.", actor=OPERATOR, now=LATER
    )
    in_attention = refunds.put_before_person(
        taken, refund_id, actor=Actor("sweep"), now=LATER, detail="no word for a day"
    )
    proposed = in_attention
    for act in PROPOSED:
        proposed = propose(proposed, act, amount=sent.total, actor=OPERATOR, request_id="req-1", now=LATER)
    ended = end_stay(
        sent, as_="no_show", last_night=None, refund=245_000, note="Nobody came.", actor=HOST, now=sent.check_in_at
    )
    over = sent.check_out_at + timedelta(days=30)
    return {
        "booking_disputed": disputed,
        "booking_with_proposals": proposed,
        "booking_ended": ended,
        "booking_with_a_note": add_note(sent, "She called.", actor=OPERATOR, now=LATER),
        "booking_erased": erase_guest(sent, actor=OPERATOR, why=ON_REQUEST, now=over),
        "booking_held": held,
        "booking_linked": opened(held),
        "booking_being_verified": replace(opened(held), verify_lease=Lease("0123456789abcdef", LATER)),
        "booking_refused": checkout.opening_failed(
            held, tx_ref, refused, definitely_not_executed=True, actor=Actor("guest"), now=LATER
        ),
        "booking_confirmed": confirmed,
        "booking_with_letters_claimed": replace(
            confirmed, outbox=tuple(replace(each, lease=Lease("0123456789abcdef", LATER)) for each in confirmed.outbox)
        ),
        "booking_with_letters_sent": sent,
        "booking_expired": expired(another_attempt(opened(held))),
        "booking_confirmed_late": paid(expired(opened(held))),
        "booking_in_review": verified(opened(held), "paid", now=LATER, mode="live", actor=OPERATOR),
        "booking_reversed": verified(sent, "reversed", now=LATER),
        "booking_cancelled": back,
        "booking_refund_requested": asked,
        "booking_refund_processing": taken,
        "booking_refunded": refunds.record_refunded(taken, refund_id, actor=Actor("sweep"), now=LATER),
        "booking_refund_in_attention": in_attention,
    }


def present_form(bench: DynamoBench) -> Iterator[Golden]:
    """One item of each stored kind, as this release stores it."""
    for name, booking in bookings().items():
        yield _golden(name, BOOKINGS, _booking_item(booking).to_dynamodb_dict())
    listing = a_listing(title="የሐይቅ ዳር ቤት")
    review = Review(a_booking().booking_id, 5, "Quiet.", NOW, "fingerprint", "key")
    bench.listings.publish(listing)
    bench.listings.add_review(listing, rated(listing, review), review)
    bench.bookings.orphan(ORPHAN, verification_of(a_booking().payments[0], tx_ref=ORPHAN), NOW)
    yield _golden("orphan", BOOKINGS, bench.items()[0])
    bench.bookings.acknowledge_orphan(ORPHAN, Acknowledgement(LATER, STAFF, "Sent back."))
    for item in bench.items():
        if "booking_id" in item:
            yield _golden("orphan_acknowledged", BOOKINGS, item)
        elif "record" in item:
            yield _golden(item["part"]["S"].partition("#")[0].lower(), LISTINGS, item)
        else:
            yield _golden("city", LISTINGS, item)
    for kind in KINDS:
        before = bench.items()
        kind.store(bench)
        table, item = next(
            (table, item)
            for table, item in bench.items_by_table()
            if (kind.among or item not in before) and _key_of(item).startswith(kind.among)
        )
        yield _golden(kind.name, table, item)


def _key_of(item: Item) -> str:
    return str(next(item[name]["S"] for name in ("book", "booking_id", "listing_id") if name in item))


def _golden(name: str, table: str, item: Item) -> Golden:
    told = as_text(item)
    if "record" not in told:
        return Golden(FORM, name, table, told)
    text = inflate(base64.b64decode(told["record"]["B"]), form=FORM, name=name)
    return Golden(FORM, name, table, told, json.loads(text))
