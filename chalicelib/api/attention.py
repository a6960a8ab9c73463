"""The attention list over HTTP, and how things that have no other end leave it."""

from __future__ import annotations

import msgspec
from chalice.app import Blueprint

from ..services import operators
from ..services.operators import Action, Kind, Matter
from ..services.settling import Settled, settle
from .answers import Instant, instant
from .fields import Sentence
from .http import Answer, Call, Outcome, endpoint
from .lists import Page, Paged, page, position

routes = Blueprint(__name__)


class AttentionQuery(Paged, frozen=True):
    """What needs a person."""

    kind: Kind | None = None


class Settling(msgspec.Struct, frozen=True):
    """What was done about it."""

    note: Sentence


class MatterOut(msgspec.Struct, frozen=True):
    """One thing that needs a person. ``subject`` is a tx_ref, a refund's id, an e-mail's or a booking's.

    ``actions`` are the calls that take it off the list: ``resolve`` a payment, ``retry`` a refund, or ``settle`` it.
    """

    concern_id: str
    kind: Kind
    subject: str
    booking_id: str | None
    reason: str
    since: Instant
    age_seconds: int
    actions: tuple[Action, ...]

    @classmethod
    def of(cls, matter: Matter, call: Call) -> MatterOut:
        age = int((call.house.clock.now() - matter.since).total_seconds())
        return cls(
            matter.concern_id,
            matter.kind,
            matter.subject,
            matter.booking_id,
            matter.reason,
            instant(matter.since),
            age,
            matter.actions,
        )


class SettledOut(msgspec.Struct, frozen=True):
    """Something that a person has dealt with: who, and the word that they left."""

    concern_id: str
    booking_id: str | None
    settled_at: Instant
    settled_by: str
    note: str

    @classmethod
    def of(cls, settled: Settled) -> SettledOut:
        said = settled.settlement
        return cls(settled.concern_id, settled.booking_id, instant(said.at), said.by, said.note)


@endpoint(
    routes,
    "GET",
    "/v1/ops/attention",
    query=AttentionQuery,
    signed_in=True,
    role="operator",
    outcomes=(Outcome(body=Page[MatterOut]),),
)
def list_attention(call: Call) -> Answer:
    """List what needs a person, oldest first."""
    query: AttentionQuery = call.query
    found = operators.attention(call.house, call.principal, kind=query.kind, limit=query.limit, after=position(call))
    return page(call, [MatterOut.of(matter, call) for matter in found.items], found.after)


@endpoint(
    routes,
    "POST",
    "/v1/ops/attention/{concern_id}/settle",
    body=Settling,
    signed_in=True,
    role="operator",
    outcomes=(Outcome(body=SettledOut),),
    refuses=("concern_not_found", "not_settled_thus"),
)
def settle_concern(call: Call) -> Answer:
    """Take something off the attention list that a person has dealt with.

    For orphaned money, payments taken back at the gateway, e-mails that failed, and bookings that keep failing; these
    come back if they go on failing for another day. A repeat answers what the first one left.
    """
    wanted: Settling = call.body
    return Answer(SettledOut.of(settle(call.house, call.principal, call.path["concern_id"], note=wanted.note)))
