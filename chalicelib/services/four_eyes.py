"""Carry out an operator's act, or keep it as a proposal where a second person must approve it."""

from __future__ import annotations

from chalicelib.domain.booking import Actor, Booking
from chalicelib.domain.errors import SecondPersonNeeded
from chalicelib.domain.operators import four_eyes
from chalicelib.domain.proposal import Act
from chalicelib.domain.verification import Availability
from chalicelib.services.ports.stage import Ports
from chalicelib.services.updating import Decide, Decision, Observation, Update, update


def update_with_four_eyes(
    ports: Ports, booking: Booking, decide: Decide, *, act: Act, actor: Actor, request_id: str
) -> Update:
    """``update``; but where ``act`` needs two people it is kept as a proposal, and SecondPersonNeeded is raised.

    What the act itself is refused for comes first. The same act again is the same proposal, whoever asks for it.
    Guests and hosts act for themselves: they are asked for nobody else. Raises what ``update`` and ``decide`` raise.
    """

    def gated(current: Booking, availability: Availability) -> Decision:
        decision = decide(current, availability)
        above = ports.rules.second_person_above
        if decision.booking == current or not four_eyes.needs_second_person(
            current, decision.booking, act, above=above
        ):
            return decision
        now = ports.clock.now()
        if known := four_eyes.open_proposal(current, act, now=now):
            raise needed(known.proposal_id)
        amount = four_eyes.amount_of(current, decision.booking, act)
        proposed = four_eyes.propose(current, act, amount=amount, actor=actor, request_id=request_id, now=now)
        made = proposed.proposals[-1]
        fields = {"booking_id": current.booking_id, "proposal_id": made.proposal_id}
        return Decision(proposed, (Observation("proposal_made", fields=fields),))

    done = update(ports, booking, decide if actor.cause != "operator" else gated)
    if len(done.after.proposals) > len(done.before.proposals):
        raise needed(done.after.proposals[-1].proposal_id)
    return done


def needed(proposal_id: str) -> SecondPersonNeeded:
    """The refusal that names what the second person approves."""
    return SecondPersonNeeded(f"Another person must approve this: it waits as proposal {proposal_id}.", proposal_id)
