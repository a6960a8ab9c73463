"""The operators' search over HTTP, and the trail of who looked for whom."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Annotated

import msgspec
from chalice.app import Blueprint

from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.core.formats import Instant, instant
from chalicelib.api.core.paging import Limit, Paged, page
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.people.access import Access, Act
from chalicelib.services.operators import audit
from chalicelib.services.operators.find import find
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)


class Search(msgspec.Struct, frozen=True):
    """What to look for. It stands in the body, because an address is written into logs."""

    q: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """A booking's id, a `tx_ref`, a refund's id, a gateway's reference, an e-mail address, a phone number, a guest's
    last or whole name, a host's name, an account, a host or a listing; exact, but for the usual differences in
    writing."""
    limit: Limit = 20
    """How many items the page has at most; it may end earlier."""
    cursor: str | None = None
    """The `next_cursor` of the page before, of the same search."""


class AuditQuery(Paged, frozen=True, kw_only=True):
    """What operators looked at and did: on a day, about one thing, or both."""

    day: date | None = None
    """The day, in UTC; left out, every day of what it was about, or else today."""
    about: Annotated[str, msgspec.Meta(min_length=1, max_length=300)] | None = None
    """The id of what it was about: a booking with all that hangs on it, a listing, an account, a host, a message."""
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=300)] | None = None
    """Only what the operator of this `sub` did."""


class AccessOut(msgspec.Struct, frozen=True):
    """That an operator looked at contact data, or did something."""

    at: Instant
    """When; of an act, when it was asked for."""
    by: str
    """The operator's `sub`."""
    by_name: str
    """The operator's e-mail address."""
    act: Act
    subject: str
    """The id of what it was about; the days of a list, and the keyed hash of what was searched for, or of a person."""
    found: int
    """How many things it was about; 0 of an act that was not done."""
    request_id: str
    """The request, as the logs name it."""
    note: str
    """Why, of acts that ask for it; else empty."""
    outcome: str
    """Empty of a look. Of an act: `done`; the code of the problem that it was answered; or `asked`, where it was cut
    off, and the thing itself tells what came of it."""
    proposal_id: str | None
    """The proposal that it was kept as, or that it decided; else null."""
    proposed_by: str | None
    """The `sub` of who proposed what it decided; else null."""
    proposed_by_name: str | None
    """Their e-mail address or name; else null."""
    proposed_request_id: str | None
    """The request in which they did; else null."""

    @classmethod
    def of(cls, access: Access) -> AccessOut:
        return cls(
            instant(access.at),
            access.by,
            access.by_name,
            access.act,
            access.subject,
            access.found,
            access.request_id,
            access.note,
            access.outcome,
            access.proposal_id or None,
            access.proposed_by or None,
            access.proposed_by_name or None,
            access.proposed_request_id or None,
        )


@endpoint(
    routes,
    "POST",
    "/v1/ops/search",
    role="operator",
    right="read",
    act="looks",
    outcomes=(Outcome(body=Page[BookingOut]),),
    refuses=("invalid_cursor",),
)
def search_bookings(call: Call, body: Search) -> Answer:
    """Find bookings by whatever names them; each search is noted."""
    now = call.now()
    query = SearchPage(limit=body.limit, cursor=body.cursor, q=body.q)
    look = partial(find, call.container, call.principal, body.q, request_id=call.request_id)
    return page(call, query, look, lambda booking: BookingOut.of(booking, "operator", now=now, with_attempts=True))


class SearchPage(Paged, frozen=True, kw_only=True):
    """A search as a list's query: its cursors are good for nothing else."""

    q: str
    """What is looked for."""


@endpoint(
    routes,
    "GET",
    "/v1/ops/audit",
    role="operator",
    right="accounts",
    outcomes=(Outcome(body=Page[AccessOut]),),
)
def list_accesses(call: Call, query: AuditQuery) -> Answer:
    """List which contact data operators looked at and what they did, oldest first; kept for thirteen months.

    An act is there from before it is done; a trial (`dry_run`) is not, but for the
    look at a guest's contact where it shows one.
    """
    find = partial(audit.accesses, call.container, call.principal, day=query.day, about=query.about, by=query.by)
    return page(call, query, find, AccessOut.of)
