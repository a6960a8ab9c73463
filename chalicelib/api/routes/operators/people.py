"""What is held of a person, and erasing it, for operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Literal

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.answers.disputes import DisputeOut
from chalicelib.api.answers.hosts import HostOut
from chalicelib.api.answers.listings import ListingOut, ReviewOut
from chalicelib.api.core.fields import Email, Phone, Sentence
from chalicelib.api.core.formats import Instant, MoneyOut, instant
from chalicelib.api.core.paging import Limit, Paged, page
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.api.routes.operators.accounts import AccountOut
from chalicelib.api.routes.operators.find import AccessOut
from chalicelib.domain.booking import Booking, Cause, Event
from chalicelib.domain.errors import FieldError
from chalicelib.domain.obstacles import Obstacle, ObstacleKind
from chalicelib.domain.people.erasure import Erasure
from chalicelib.domain.people.suppression import Outcome as MailOutcome
from chalicelib.domain.people.suppression import Suppression
from chalicelib.services.disputes import Disputed
from chalicelib.services.operators.exporting import Held, HeldKind, export
from chalicelib.services.operators.people import ErasureReport, Person, erase, person_of
from chalicelib.services.ports.bookings import Orphan
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)

ErasureState = Literal["previewed", "under_way", "finished"]
"""How far an erasure is: only `previewed`, and nothing was written; `under_way`, more is erased batch by batch; or
`finished`."""


class HistoryOut(msgspec.Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """One line of a booking's history."""

    at: Instant
    """When it happened."""
    subject: str
    """What it happened to: a payment, a refund, a dispute, a letter; empty for the booking."""
    kind: str
    """What happened, in one word."""
    cause: Cause
    before: str | None
    """The status before; null where there was none."""
    after: str
    """The status after."""
    detail: str
    """More about it, in somebody's words; perhaps empty."""
    by: str
    """The `sub` of who acted; empty for no person."""
    by_name: str
    """Their e-mail address or name; empty for none."""

    @classmethod
    def of(cls, event: Event) -> HistoryOut:
        return cls(
            instant(event.at), event.subject, event.kind, event.cause, event.before, event.after, event.detail,
            event.by, event.by_name,
        )  # fmt: skip


class OrphanOut(msgspec.Struct, frozen=True):
    """Money that came for a reference that no booking has."""

    tx_ref: str
    """The reference."""
    amount: MoneyOut | None
    """How much; null where the gateway said nothing readable."""
    provider_reference: str | None
    """The gateway's own reference."""
    payer: str
    """The payer's e-mail address."""
    waits: bool
    """Whether a person must still deal with it."""

    @classmethod
    def of(cls, orphan: Orphan) -> OrphanOut:
        known = orphan.verification
        amount = MoneyOut.of(known.amount) if known.amount else None
        return cls(orphan.tx_ref, amount, known.provider_reference, known.payer, orphan.waits)


class SuppressionOut(msgspec.Struct, frozen=True):
    """That the address is not written to. It is kept as a hash, so that nobody writes there again."""

    outcome: MailOutcome
    """Why: a letter `bounced`, or its reader `complained`."""
    since: Instant
    """Since when."""
    booking_id: str
    """The booking whose letter it was."""
    lifted_at: Instant | None
    """When an operator lifted it; null: it stands."""

    @classmethod
    def of(cls, suppression: Suppression) -> SuppressionOut:
        lifted = instant(suppression.lifted_at) if suppression.lifted_at else None
        return cls(suppression.outcome, instant(suppression.since), suppression.booking_id, lifted)


class PastErasureOut(msgspec.Struct, frozen=True):
    """That the person was erased before."""

    begun_at: Instant
    """When an operator asked for it."""
    finished_at: Instant | None
    """When it was done; null: it is under way."""
    by_name: str
    """The operator's e-mail address."""
    note: str
    """Why, in the operator's words; perhaps empty."""
    erased: int
    """Of how many bookings the contact is gone."""

    @classmethod
    def of(cls, erasure: Erasure) -> PastErasureOut:
        finished = instant(erasure.finished_at) if erasure.finished_at else None
        return cls(instant(erasure.begun_at), finished, erasure.by.name, erasure.note, erasure.erased)


class HeldOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is held of the person. ``kind`` says what it is, and which of the other fields are there."""

    kind: HeldKind
    booking: BookingOut | None = None
    """A booking, with its payments, its letters and their states."""
    history: tuple[HistoryOut, ...] | None = None
    """All that happened to the booking, oldest first."""
    disputes: tuple[DisputeOut, ...] | None = None
    """The booking's disputes."""
    review: ReviewOut | None = None
    """What the guest said of the stay."""
    views: tuple[AccessOut, ...] | None = None
    """Which operators looked at the booking in the last thirteen months; the first hundred times."""
    account: AccountOut | None = None
    """The account that made the booking; with the first booking of each account on a page."""
    host: HostOut | None = None
    """A host's profile."""
    listing: ListingOut | None = None
    """A listing of that host."""
    orphan: OrphanOut | None = None
    """Money of this payer that has no booking."""
    suppression: SuppressionOut | None = None
    """That the address is not written to."""
    search: AccessOut | None = None
    """That an operator looked for this address or number."""
    erasure: PastErasureOut | None = None
    """That the person was erased before."""

    @classmethod
    def of(cls, held: Held, *, now: datetime) -> HeldOut:
        booking = held.booking
        return cls(
            kind=held.kind,
            booking=BookingOut.of(booking, "operator", now=now, with_attempts=True, host=held.notify)
            if booking
            else None,
            history=tuple(map(HistoryOut.of, booking.history)) if booking else None,
            disputes=_disputes(booking) if booking else None,
            review=_maybe(ReviewOut.of, held.review),
            views=tuple(map(AccessOut.of, held.views)) if booking else None,
            account=_maybe(AccountOut.of, held.account),
            host=_maybe(HostOut.of, held.host),
            listing=_maybe(ListingOut.of, held.listing),
            orphan=_maybe(OrphanOut.of, held.orphan),
            suppression=_maybe(SuppressionOut.of, held.suppression),
            search=_maybe(AccessOut.of, held.search),
            erasure=_maybe(PastErasureOut.of, held.erasure),
        )


class ObstacleOut(msgspec.Struct, frozen=True):
    """One thing that is under way, and needs the person's data."""

    kind: ObstacleKind
    subject: str
    """Its id: a booking's, a payment's, a refund's, a dispute's or a listing's; of a balance, its currency."""
    until: Instant | None
    """Until when, where that is known."""

    @classmethod
    def of(cls, matter: Obstacle) -> ObstacleOut:
        return cls(matter.kind, matter.subject, instant(matter.until) if matter.until else None)


class ErasureOut(msgspec.Struct, frozen=True):
    """What is erased of a person, or would be."""

    state: ErasureState
    bookings: int
    """How many bookings had this contact when it was asked for."""
    hosts: int
    """How many host's profiles did."""
    erased: int
    """Of how many bookings the contact is gone."""
    left: tuple[ObstacleOut, ...]
    """What was under way when its turn came: ask for the erasure again once it is over."""
    begun_at: Instant | None
    """When it was asked for; null of a preview."""
    finished_at: Instant | None
    """When the last of it was done; null until then."""

    @classmethod
    def of(cls, report: ErasureReport) -> ErasureOut:
        made = report.erasure
        finished = instant(made.finished_at) if made and made.finished_at else None
        return cls(
            state="previewed" if made is None else "finished" if finished else "under_way",
            bookings=report.bookings,
            hosts=report.hosts,
            erased=made.erased if made else 0,
            left=tuple(map(ObstacleOut.of, made.left)) if made else (),
            begun_at=instant(made.begun_at) if made else None,
            finished_at=finished,
        )


def one_of_both(right: Mapping[str, Any]) -> Iterator[FieldError]:
    """A person is named by an address or by a number, and not by both."""
    match right.get("email", ...), right.get("phone", ...):
        case None, None:
            yield FieldError("email", "is missing: name an e-mail address or a phone number")
        case str(), str():
            yield FieldError("phone", "goes without email: name one of them")


class ExportPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Of whom. It stands in the body, because an address is written into logs."""

    email: Email | None = None
    """The person's e-mail address; or null, with a phone number."""
    phone: Phone | None = None
    """The person's phone number; or null, with an e-mail address."""
    limit: Limit = 20
    """How many items the page has at most; it may end earlier."""
    cursor: str | None = None
    """The `next_cursor` of the page before, of the same person."""

    across = staticmethod(one_of_both)


class ErasePerson(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be erased, and why."""

    email: Email | None = None
    """The person's e-mail address; or null, with a phone number."""
    phone: Phone | None = None
    """The person's phone number; or null, with an e-mail address."""
    note: Sentence | None = None
    """Why, such as when they asked for it; kept with the erasure, so it names nobody."""
    dry_run: bool = False
    """Only show what would be erased, or what is in its way: nothing but the trail is written."""

    across = staticmethod(one_of_both)


class ExportPage(Paged, frozen=True, kw_only=True):
    """An export as a list's query: its cursors are good for nothing else."""

    subject: str
    """The keyed hash of who is meant."""


@endpoint(
    routes,
    "POST",
    "/v1/ops/people/export",
    role="operator",
    right="accounts",
    act="looks",
    outcomes=(Outcome(body=Page[HeldOut]),),
    refuses=("invalid_cursor",),
)
def export_person(call: Call, body: ExportPerson) -> Answer:
    """List all that is held of a person, by an e-mail address or a phone number; each page is noted.

    Bookings with their payments, letters, history, reviews and accounts, and who looked at them; a host's profile and
    listings; money without a booking; whether the address is written to; searches for it; earlier erasures. After an
    erasure the bookings are not found by it any more.
    """
    person = _person(call, body.email, body.phone)
    query = ExportPage(limit=body.limit, cursor=body.cursor, subject=person.subject)
    now = call.now()
    find = partial(export, call.container, call.principal, person, request_id=call.request_id)
    return page(call, query, find, lambda held: HeldOut.of(held, now=now))


@endpoint(
    routes,
    "POST",
    "/v1/ops/people/erase",
    role="operator",
    right="accounts",
    act="erase",
    about=lambda call, body: _person(call, body.email, body.phone).subject,
    outcomes=(Outcome(202, ErasureOut),),
    refuses=("data_still_needed",),
)
def erase_person(call: Call, body: ErasePerson) -> Answer:
    """Erase who a person is wherever it is held; money, days and acts stay.

    The first bookings are done at once, the others batch by batch after this answer; the same call again says how far
    that is. It is refused, with all that is in its way, while a stay is to come, money may still move, or a dispute is
    undecided.
    """
    report = erase(
        call.container,
        call.principal,
        _person(call, body.email, body.phone),
        note=body.note or "",
        request_id=call.request_id,
        dry_run=body.dry_run,
    )
    return Answer(ErasureOut.of(report), 202, acted_on=report.bookings + report.hosts)


def _person(call: Call, email: str | None, phone: str | None) -> Person:
    return person_of(call.container, email=email, phone_number=phone)


def _disputes(booking: Booking) -> tuple[DisputeOut, ...]:
    return tuple(
        DisputeOut.of(Disputed(booking, payment, dispute))
        for payment in booking.payments
        for dispute in payment.disputes
    )


def _maybe(make: Callable[[Any], Any], known: object) -> Any:
    return None if known is None else make(known)
