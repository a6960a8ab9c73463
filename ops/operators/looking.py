"""What operators look at: bookings by whatever names them, one of them whole, lists, and the ledger.

Every look at contact data is noted under the operator's name, as the API does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any, get_args

import msgspec

from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.core.csv_text import csv_rows
from chalicelib.api.core.formats import Instant, instant
from chalicelib.api.routes.operators.attention import AttentionItemOut
from chalicelib.api.routes.operators.find import AccessOut
from chalicelib.api.routes.operators.ledger import LINE_HEADER, LedgerLineOut, line_fields
from chalicelib.domain.attention import AttentionKind
from chalicelib.domain.booking import Booking, Event
from chalicelib.domain.errors import InvalidRequest
from chalicelib.services.access import visible_booking
from chalicelib.services.hosts import arrivals
from chalicelib.services.hosts.profile import host_of
from chalicelib.services.operators import audit, find, ledger, lists
from chalicelib.services.ports.outcomes import Page
from ops.operators.desk import Desk, every

LONGEST_SEARCH = 200


class EventOut(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """One line of a booking's history."""

    at: Instant
    """When it happened."""
    subject: str
    """What it happened to: a payment, a refund, a dispute, a letter; empty for the booking."""
    kind: str
    """What happened, in one word."""
    cause: str
    """What made it happen: a person in their role, or a part of Guzo."""
    before: str | None
    """The status before; null where there was none."""
    after: str | None
    """The status after; null where there is none."""
    detail: str
    """More about it, for people; perhaps empty."""
    by: str
    """The id of who acted; empty for none."""
    by_name: str
    """Their address or name; empty for none."""

    @classmethod
    def of(cls, event: Event) -> EventOut:
        return cls(
            instant(event.at), event.subject, event.kind, event.cause, event.before or None, event.after or None,
            event.detail, event.by, event.by_name,
        )  # fmt: skip


def search(desk: Desk, asked: argparse.Namespace) -> int:
    """Find bookings by what standard input says: no shell and no list of processes ever sees a guest's address."""
    if sys.stdin.isatty():
        desk.say("What is looked for? An id, a reference, an e-mail address, a phone number, a name:")
    text = sys.stdin.readline().strip()
    if not 1 <= len(text) <= LONGEST_SEARCH:
        raise InvalidRequest(f"Standard input says what to look for, in 1 to {LONGEST_SEARCH} characters.")
    look = partial(find.find, desk.ports, desk.operator, text, request_id=desk.request_id)
    now = desk.ports.clock.now()
    found = 0
    for booking in every(look, most=asked.most):
        found += 1
        desk.tell(BookingOut.of(booking, "operator", now=now, with_attempts=True), line_of(booking))
    desk.say(f"{found} found")
    return 0


def show(desk: Desk, asked: argparse.Namespace) -> int:
    """Show a booking as operators see it."""
    booking, _ = visible_booking(desk.ports, desk.operator, asked.booking_id, roles=("operator",))
    desk.note("view", booking.booking_id, found=1)
    host = host_of(desk.ports, booking)
    now = desk.ports.clock.now()
    shape = BookingOut.of(booking, "operator", now=now, with_attempts=True, host=host)
    desk.tell(shape, "\n".join(_told(booking)))
    return 0


def timeline(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell all that happened to a booking, oldest first."""
    booking, _ = visible_booking(desk.ports, desk.operator, asked.booking_id, roles=("operator",))
    desk.note("view", booking.booking_id, found=1)
    for event in booking.history:
        change = f"{event.before or '-'} → {event.after or '-'}" if event.before != event.after else ""
        words = (instant(event.at), event.kind, event.subject, change, event.cause, event.by_name, event.detail)
        desk.tell(EventOut.of(event), "  ".join(word for word in words if word))
    return 0


def attention(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell what needs a person, oldest first."""
    now = desk.ports.clock.now()
    told = 0
    for item in every(partial(lists.attention, desk.ports, desk.operator, kind=asked.kind), most=asked.most):
        told += 1
        due = f"  answer by {instant(item.due_at)}" if item.due_at else ""
        actions = f"  ({' or '.join(item.actions)})" if item.actions else ""
        text = f"{instant(item.since)}  {item.item_id}  {item.reason}{due}{actions}"
        desk.tell(AttentionItemOut.of(item, now), text)
    if not told:
        desk.say("Nothing needs a person.")
    return 0


def trail(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell what operators looked at and did, on a day or about one thing, oldest first."""
    found = partial(audit.accesses, desk.ports, desk.operator, day=asked.day, about=asked.about, by=asked.by)
    for access in every(found, most=asked.most):
        shape = AccessOut.of(access)
        proposed = f"proposed by {shape.proposed_by_name} in {shape.proposed_request_id}" if shape.proposed_by else ""
        which = (shape.at, shape.by_name or shape.by, shape.act, shape.subject, shape.outcome, shape.proposal_id or "")
        desk.tell(shape, "  ".join(word for word in (*which, proposed, shape.request_id, shape.note) if word))
    return 0


def on_day(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell who arrives, stays or departs on a day."""
    now = desk.ports.clock.now()
    day = arrivals.day_asked_for(desk.ports, asked.date, asked.listing)

    def look(*, limit: int, after: str | None) -> Page[Booking]:
        found = arrivals.on_day(
            desk.ports, desk.operator, day=day, listing_id=asked.listing, host_id=asked.host, limit=limit, after=after
        )
        desk.note("list", f"{day}", found=len(found.items))
        return found

    told = 0
    for booking in every(look, most=asked.most):
        told += 1
        shape = BookingOut.of(booking, "operator", now=now, on=day)
        desk.tell(shape, f"{shape.movement:8}  {line_of(booking)}")
    if not told:
        desk.say(f"Nobody arrives, stays or departs on {day}.")
    return 0


def books(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell every movement of money of some days, as each page of it is read."""
    look = partial(
        ledger.lines,
        desk.ports,
        desk.operator,
        asked.start,
        asked.end,
        host_id=asked.host,
        gateway=asked.gateway,
    )
    if not desk.as_json:
        desk.out.write(csv_rows([LINE_HEADER]))
    for line in every(look):
        if desk.as_json:
            desk.tell(LedgerLineOut.of(line), "")
        else:
            desk.out.write(csv_rows([line_fields(line)]))
    return 0


def line_of(booking: Booking) -> str:
    """A booking in a line, for people."""
    stay, contact = booking.stay, booking.contact
    return (
        f"{booking.booking_id}  {booking.status:15}  {stay.check_in} to {stay.check_out}  {booking.place.title}  "
        f"{booking.total.formatted}  {contact.name}  {contact.email}  {contact.phone}"
    )


def _told(booking: Booking) -> Iterator[str]:
    yield line_of(booking)
    yield f"made     {instant(booking.created_at)}  by {booking.guest_id}  listing {booking.place.listing_id}"
    for payment in booking.payments:
        counts = "accepted" if payment.accepted else ""
        facts = payment.facts
        named = facts.provider_reference or ""
        parts = (payment.tx_ref, payment.status, payment.amount.formatted, payment.gateway, named, counts)
        yield f"payment  {'  '.join(part for part in parts if part)}"
        if facts.receipt_url:
            yield f"receipt  {facts.receipt_url}"
    for refund in booking.refunds:
        yield f"refund   {refund.refund_id}  {refund.status}  {refund.amount.formatted}  {refund.reason}"
    for dispute in booking.disputes:
        yield f"dispute  {dispute.dispute_id}  {dispute.status}"
    for entry in booking.outbox:
        if not entry.is_line:
            yield f"letter   {entry.entry_id}  {entry.kind}  {entry.status}"


def add(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add what looks to the command line."""
    most = argparse.ArgumentParser(add_help=False)
    most.add_argument("--most", type=int, metavar="N", help="the first N only")

    def looks(name: str, told: str, run: Any, *, listed: bool = False) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = verbs.add_parser(
            name, parents=[common, most] if listed else [common], help=told, description=run.__doc__
        )
        made.set_defaults(run=run, needs_name=True)
        return made

    looks("find", "bookings, by what standard input names", search, listed=True)
    looks("show", "a booking, whole", show).add_argument("booking_id")
    looks("timeline", "all that happened to a booking", timeline).add_argument("booking_id")
    kinds = looks("attention", "what needs a person", attention, listed=True)
    kinds.add_argument("--kind", choices=get_args(AttentionKind), help="only things of this kind")
    day = looks("arrivals", "who arrives, stays and departs on a day", on_day, listed=True)
    day.add_argument("--date", type=date.fromisoformat, help="the day (left out: today)")
    day.add_argument("--listing", metavar="ID", help="only of this listing")
    day.add_argument("--host", metavar="ID", help="only of this host's listings")
    acts = looks("trail", "what operators looked at and did", trail, listed=True)
    acts.add_argument("--day", type=date.fromisoformat, help="on this day, in UTC (left out, without --about: today)")
    acts.add_argument("--about", metavar="ID", help="about this booking, listing, account or host")
    acts.add_argument("--by", metavar="SUB", help="only what this operator did")
    money = looks("ledger", "every movement of money, as CSV or, with --json, as lines of JSON", books)
    money.add_argument("--from", dest="start", type=date.fromisoformat, required=True, help="the first day")
    money.add_argument("--to", dest="end", type=date.fromisoformat, required=True, help="the last day, itself included")
    money.add_argument("--host", metavar="ID", help="only of this host, by the day from which the lines count")
    money.add_argument("--gateway", help="only what went through this gateway")
