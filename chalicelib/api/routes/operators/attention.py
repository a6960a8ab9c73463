"""The attention list over HTTP, and the call that takes off it what no other call does."""

from __future__ import annotations

from datetime import datetime

import msgspec
from chalice.app import Blueprint

from chalicelib.api.core.fields import Sentence
from chalicelib.api.core.formats import Instant, MoneyOut, instant
from chalicelib.api.core.paging import Paged, page
from chalicelib.api.core.preconditions import etag
from chalicelib.api.core.routing import Answer, Call, Outcome, endpoint
from chalicelib.domain.attention import AttentionKind
from chalicelib.services.operators import lists as operators
from chalicelib.services.operators.attention import Acknowledged, acknowledge
from chalicelib.services.operators.audit import note_access
from chalicelib.services.operators.lists import Action, AttentionItem
from chalicelib.services.ports.outcomes import Page

routes = Blueprint(__name__)


class AttentionQuery(Paged, frozen=True):
    """What needs a person."""

    kind: AttentionKind | None = None
    """Only things of this kind."""


class Acknowledge(msgspec.Struct, frozen=True):
    """What was done about it."""

    note: Sentence
    """What was done about it."""
    dry_run: bool = False
    """Answer what would be, and write nothing."""


class AttentionItemOut(msgspec.Struct, frozen=True):
    """One thing that needs a person. ``subject`` is a tx_ref, a refund's id, an e-mail's or a booking's.

    ``actions`` are the calls that take it off the list: ``resolve`` a payment or a refund, ``close`` a dispute, or
    ``acknowledge`` it: a dispute, once it was answered.
    """

    item_id: str
    """Its name here, for `acknowledge`."""
    kind: AttentionKind
    subject: str
    """What it is about: a `tx_ref`, or the id of a refund, a dispute, a letter or a booking."""
    booking_id: str | None
    """The booking that it belongs to; null for orphaned money."""
    reason: str
    """Why a person must look, as a sentence."""
    since: Instant
    """Since when."""
    age_seconds: int
    """How long that is ago."""
    actions: tuple[Action, ...]
    """The calls that take it off the list."""
    due_at: Instant | None
    """By when a dispute must be answered; null where that is not known, and for everything else."""
    amount: MoneyOut | None
    """The money that it is about; null where it is about none, or that is not known."""
    guest: str | None
    """The name of the booking's guest; null where there is no booking, or it cannot be read."""
    etag: str | None
    """The `ETag` of its booking, for the If-Match of the call; null where there is no booking."""

    @classmethod
    def of(cls, item: AttentionItem, now: datetime) -> AttentionItemOut:
        age = int((now - item.since).total_seconds())
        return cls(
            item.item_id,
            item.kind,
            item.subject,
            item.booking_id,
            item.reason,
            instant(item.since),
            age,
            item.actions,
            instant(item.due_at) if item.due_at else None,
            MoneyOut.of(item.amount) if item.amount else None,
            item.guest,
            None if item.version is None else etag(item.version),
        )


class AcknowledgedOut(msgspec.Struct, frozen=True):
    """Something that a person has dealt with: when, who, and the note that they left."""

    item_id: str
    """Its name on the attention list."""
    booking_id: str | None
    """The booking that it belongs to; null for orphaned money."""
    acknowledged_at: Instant
    """When it was acknowledged first."""
    acknowledged_by: str
    """The `sub` of who did it."""
    note: str
    """What they wrote."""

    @classmethod
    def of(cls, acknowledged: Acknowledged) -> AcknowledgedOut:
        made = acknowledged.acknowledgement
        return cls(acknowledged.item_id, acknowledged.booking_id, instant(made.at), made.by, made.note)


@endpoint(
    routes,
    "GET",
    "/v1/ops/attention",
    role="operator",
    outcomes=(Outcome(body=Page[AttentionItemOut]),),
)
def list_attention(call: Call, query: AttentionQuery) -> Answer:
    """List what needs a person, oldest first."""
    now = call.now()

    def find(*, limit: int, after: str | None) -> Page[AttentionItem]:
        found = operators.attention(call.container, call.principal, kind=query.kind, limit=limit, after=after)
        if named := sum(item.guest is not None for item in found.items):
            note_access(call.container, call.principal, "list", "attention", found=named, request_id=call.request_id)
        return found

    return page(call, query, find, lambda item: AttentionItemOut.of(item, now))


@endpoint(
    routes,
    "POST",
    "/v1/ops/attention/{item_id}/acknowledge",
    role="operator",
    right="money",
    act="acknowledge",
    conditional="booking",
    outcomes=(Outcome(body=AcknowledgedOut),),
    refuses=("attention_item_not_found", "wrong_resolution_call"),
)
def acknowledge_item(call: Call, body: Acknowledge) -> Answer:
    """Take something off the attention list that a person has dealt with.

    For orphaned money, payments reversed at the gateway, e-mails that failed, and bookings that keep failing; these
    come back if they go on failing for another day. A repeat answers what the first one left.
    """
    ports = call.ports(dry_run=body.dry_run)
    return Answer(AcknowledgedOut.of(acknowledge(ports, call.principal, call.path["item_id"], note=body.note)))
