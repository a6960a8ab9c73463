"""An operator closes a listing, with the bookings to come, and opens it again."""

from __future__ import annotations

from typing import Literal

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.listings import ListingOut
from chalicelib.api.core.fields import Sentence
from chalicelib.api.core.formats import Day, Instant, MoneyOut, instant
from chalicelib.api.core.preconditions import versions_wanted
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.booking import Booking, BookingStatus
from chalicelib.domain.listings.listing import ListingStatus
from chalicelib.domain.operators.closing import Closing, goes_back
from chalicelib.domain.proposal import Proposal
from chalicelib.services.operators import closing
from chalicelib.services.operators.closing import ClosingReport

routes = Blueprint(__name__)

State = Literal["previewed", "proposed", "under_way", "finished"]
"""How far a closing is: only `previewed`, and nothing was written; `proposed`, another person must approve it;
`under_way`, bookings are being cancelled; or `finished`."""


class CloseListing(msgspec.Struct, frozen=True):
    """Why a listing is closed, and what becomes of its bookings to come."""

    cancel_bookings: bool
    """Whether they are cancelled, with all back; otherwise they stay as they are."""
    reason: Sentence
    """Why; kept with each cancellation, for operators."""
    dry_run: bool = False
    """Only show what would happen: nothing is written."""


class ReopenListing(msgspec.Struct, frozen=True):
    """Why a listing is opened again."""

    note: Sentence | None = None
    """Why; kept with the closing, for operators."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""


class BookingToCome(msgspec.Struct, frozen=True):
    """A booking whose stay has not begun, and that can be cancelled."""

    booking_id: str
    """The booking's id."""
    status: BookingStatus
    check_in: Day
    """The day of arrival."""
    check_out: Day
    """The day of departure."""
    back: MoneyOut
    """What goes back if it is cancelled now."""

    @classmethod
    def of(cls, booking: Booking) -> BookingToCome:
        stay = booking.stay
        back = MoneyOut.of(goes_back(booking))
        return cls(booking.booking_id, booking.status, stay.check_in.isoformat(), stay.check_out.isoformat(), back)


class ClosingOut(msgspec.Struct, frozen=True):
    """The closing of a listing, and what there is still to cancel."""

    listing_id: str
    """The listing's id."""
    listing_status: ListingStatus
    state: State
    cancel_bookings: bool
    """Whether bookings to come are cancelled."""
    reason: str
    """Why it is closed."""
    begun_at: Instant | None
    """When an operator closed it; null of a preview."""
    finished_at: Instant | None
    """When the last booking was dealt with; null until then."""
    needs_second_person: bool
    """Whether to cancel what is left takes two people: so much goes back."""
    proposal_id: str | None
    """The proposal to cancel what is left that waits for another person; null where none does."""
    reopened_at: Instant | None
    """When an operator opened the listing again; null while none did."""
    reopened_by: str | None
    """The `sub` of who did; else null."""
    reopened_by_name: str | None
    """Their e-mail address or name; else null."""
    reopened_note: str | None
    """Why; null where they wrote nothing."""
    expected: int
    """How many bookings there were to cancel when it began; of a preview, how many there are."""
    cancelled: int
    """How many it has cancelled so far."""
    returned: tuple[MoneyOut, ...]
    """What goes back for those, in each currency."""
    left: int
    """How many bookings to come there still are that can be cancelled."""
    to_return: tuple[MoneyOut, ...]
    """What would go back for those, in each currency."""
    partial: bool
    """There are more bookings than were counted."""
    bookings: tuple[BookingToCome, ...]
    """The first hundred of those that are left, by check-in."""

    @classmethod
    def of(cls, report: ClosingReport, *, asked: CloseListing | None = None) -> ClosingOut:
        """A report; of a preview, with what was ``asked``."""
        known, waiting = report.closing, report.closing.waiting if report.closing else None
        if known is not None and not known.is_begun:
            known = None
        finished_at = known.finished_at if known else None
        return cls(
            listing_id=report.listing.listing_id,
            listing_status=report.listing.status,
            state=_state_of(known, waiting),
            cancel_bookings=known.cancel_bookings if known else bool(asked and asked.cancel_bookings),
            reason=known.reason if known else asked.reason if asked else "",
            begun_at=instant(known.begun_at) if known else None,
            finished_at=instant(finished_at) if finished_at else None,
            needs_second_person=report.needs_second_person,
            proposal_id=waiting.proposal_id if waiting else None,
            reopened_at=instant(known.reopened_at) if known and known.reopened_at else None,
            reopened_by=known.reopened_by.person_id if known and known.reopened_by else None,
            reopened_by_name=(known.reopened_by.name or None) if known and known.reopened_by else None,
            reopened_note=(known.reopened_note or None) if known else None,
            expected=known.expected if known else report.expected,
            cancelled=known.cancelled if known else 0,
            returned=tuple(MoneyOut.of(money) for money in known.returned) if known else (),
            left=report.expected,
            to_return=tuple(MoneyOut.of(money) for money in report.returns),
            partial=report.partial,
            bookings=tuple(BookingToCome.of(booking) for booking in report.bookings),
        )


def _state_of(begun: Closing | None, waiting: Proposal | None) -> State:
    if begun is None:
        return "previewed" if waiting is None else "proposed"
    return "under_way" if begun.finished_at is None else "finished"


@endpoint(
    routes,
    "POST",
    "/v1/ops/listings/{listing_id}/close",
    role="operator",
    right="accounts",
    act="close_listing",
    conditional="listing",
    outcomes=(Outcome(202, ClosingOut),),
    refuses=("listing_not_found", "second_person_needed"),
)
def close_listing_for_good(call: Call, body: CloseListing) -> Answer:
    """Close a listing: it takes no bookings, and its host cannot open it again.

    With ``cancel_bookings`` all bookings whose stay has not begun are cancelled, with all back, batch by batch after
    this answer; GET tells how far that is. A repeat carries it on. ``dry_run`` shows those bookings, and what would go
    back.

    To give back more in all than one person may needs a second one: 409 `second_person_needed` names the proposal, and
    nothing else is done. To close the listing alone, without ``cancel_bookings``, never does.
    """
    report = closing.close(
        call.container,
        call.principal,
        call.path["listing_id"],
        cancel_bookings=body.cancel_bookings,
        reason=body.reason,
        dry_run=body.dry_run,
        request_id=call.request_id,
        only_versions=versions_wanted(call.request),
    )
    return Answer(ClosingOut.of(report, asked=body), 202)


@endpoint(
    routes,
    "GET",
    "/v1/ops/listings/{listing_id}/close",
    role="operator",
    outcomes=(Outcome(body=ClosingOut),),
    refuses=("listing_not_found", "closing_not_found"),
)
def read_closing(call: Call) -> Answer:
    """Read how far the closing of a listing is: what was cancelled, and what is left."""
    return Answer(ClosingOut.of(closing.progress(call.container, call.principal, call.path["listing_id"])))


@endpoint(
    routes,
    "POST",
    "/v1/ops/listings/{listing_id}/reopen",
    role="operator",
    right="accounts",
    act="reopen_listing",
    conditional="listing",
    outcomes=(Outcome(body=ListingOut),),
    refuses=("listing_not_found",),
)
def reopen_listing(call: Call, body: ReopenListing) -> Answer:
    """Open a listing again that an operator closed; what was cancelled stays so, and no more is."""
    reopened = closing.reopen(
        call.ports(dry_run=body.dry_run),
        call.principal,
        call.path["listing_id"],
        note=body.note or "",
        only_versions=versions_wanted(call.request),
    )
    return Answer(ListingOut.of(reopened))
