"""What operators do stands in the trail: noted before it is done, and concluded by what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chalicelib.domain.errors import ProposalNotFound, Refusal, SecondPersonNeeded
from chalicelib.domain.people.access import ASKED, DONE, Access, Act
from chalicelib.domain.record import replace
from chalicelib.services.access import Principal, signed_in
from chalicelib.services.ports.outcomes import Fault, StoreBusy, VersionLost
from chalicelib.services.ports.stage import Ports

BUSY, FAILED = "busy", "internal_error"
"""What an act came to that was stopped by a failure: the codes that its caller is answered."""


@dataclass
class Acting:
    """An act under way. ``found`` is how many things it is about."""

    found: int = 1


@contextmanager
def acting(
    ports: Ports, principal: Principal | None, act: Act, subject: str, *, note: str, request_id: str
) -> Iterator[Acting]:
    """Do what stands below it as an operator's act, which the trail has with its outcome.

    The entry is written before the act: one that is cut off has an entry that says that it was asked for. An act that
    cannot be noted is not done: raises StoreBusy.
    """
    operator = signed_in(principal)
    asked = _with_proposer(
        ports,
        operator,
        Access(
            at=ports.clock.now(),
            by=operator.person_id,
            by_name=operator.email,
            act=act,
            subject=subject,
            found=0,
            request_id=request_id,
            note=note,
            outcome=ASKED,
        ),
    )
    place = ports.ledger.note_access(asked)
    under_way = Acting()
    try:
        yield under_way
    except Exception as error:
        _conclude(ports, place, asked, replace(asked, outcome=_code_of(error), proposal_id=_kept_as(error, asked)))
        raise
    _conclude(ports, place, asked, replace(asked, outcome=DONE, found=under_way.found))


def _code_of(error: Exception) -> str:
    """What the caller of an act that came to this is answered."""
    if isinstance(error, StoreBusy | Fault):
        return BUSY
    return error.code if isinstance(error, Refusal) else FAILED


def _kept_as(error: Exception, asked: Access) -> str:
    """The proposal that an act was kept as; else what it is about, if that is one."""
    return error.proposal_id if isinstance(error, SecondPersonNeeded) else asked.proposal_id


def _with_proposer(ports: Ports, operator: Principal, asked: Access) -> Access:
    """With who proposed what is decided, and in which request."""
    if asked.act not in ("approve", "reject"):
        return asked
    # What acts of operators need is loaded when one of them acts: every process has this way from request to answer.
    from chalicelib.services.operators.proposals import find_proposal

    try:
        proposal = find_proposal(ports, operator, asked.subject).proposal
    except ProposalNotFound:
        return asked
    return replace(
        asked,
        proposal_id=proposal.proposal_id,
        proposed_by=proposal.by,
        proposed_by_name=proposal.by_name,
        proposed_request_id=proposal.request_id,
    )


def _conclude(ports: Ports, place: str, asked: Access, concluded: Access) -> None:
    """Say what came of an act. It is done by now: where the store does not answer, the entry says that it was asked."""
    try:
        ports.ledger.conclude_access(place, asked, concluded)
    except (StoreBusy, Fault, VersionLost):
        ports.observe("act_not_concluded", level="warning", kind=asked.act, code=concluded.outcome)
