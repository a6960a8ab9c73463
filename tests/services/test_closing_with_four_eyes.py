"""A listing whose bookings give back more than one person may is closed by two: one proposes it, another approves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.errors import (
    Busy,
    ClosingNotFound,
    PreconditionFailed,
    ProposalClosed,
    ProposalNotFound,
    ProposalOutdated,
    SecondPersonNeeded,
    WrongResolutionCall,
)
from chalicelib.domain.money import Money
from chalicelib.domain.operators.closing import closing_task
from chalicelib.domain.proposal import CloseListingAct
from chalicelib.domain.timing import PROPOSAL_KEPT
from chalicelib.services.operators import closing
from chalicelib.services.operators.attention import acknowledge
from chalicelib.services.operators.closing import progress, reopen
from chalicelib.services.operators.lists import attention
from chalicelib.services.operators.proposals import approve, find_proposal, open_proposals, reject
from chalicelib.services.ports.outcomes import StoreBusy
from chalicelib.services.rehearsal import rehearsed
from chalicelib.services.updating import as_read
from tests.call_log import raises
from tests.fakes import Fakes
from tests.harness import OPERATOR, OPERATOR_SELAM, Harness
from tests.replacing import replace
from tests.services.test_closing import PRICE, booked, listing_now, shut, statuses, told

LIMIT = Money(2 * PRICE, "ETB")


@pytest.fixture
def harness() -> Harness:
    made = Harness(units=99)
    made.ports.rules = replace(made.ports.rules, second_person_above={"ETB": LIMIT})
    for day in (14, 15, 16):
        booked(made, day)
    return made


def proposed(harness: Harness) -> str:
    with pytest.raises(SecondPersonNeeded) as needed:
        shut(harness)
    return needed.value.proposal_id


def test_nothing_is_done_but_a_proposal(harness: Harness, ports: Fakes) -> None:
    proposal_id = proposed(harness)
    assert proposal_id == f"{harness.listing.listing_id}-P1"
    assert (listing_now(harness).status, set(statuses(harness))) == ("open", {"confirmed"})
    found = find_proposal(ports, OPERATOR, proposal_id)
    assert (found.booking, found.proposal.amount) == (None, Money(3 * PRICE, "ETB"))
    assert found.proposal.act == CloseListingAct("the host has left", 3, (Money(3 * PRICE, "ETB"),))
    assert told(harness).closing == found.closing
    # Whoever asks for the same listing again is told of the same proposal.
    assert proposed(harness) == proposal_id
    assert [each.proposal for each in open_proposals(ports, OPERATOR, limit=9, after=None).items] == [found.proposal]
    [item] = attention(ports, OPERATOR, kind=None, limit=9, after=None).items
    assert (item.kind, item.subject, item.actions) == ("proposal", proposal_id, ("approve", "reject"))
    assert (item.amount, item.due_at) == (found.proposal.amount, found.proposal.expires_at)
    with pytest.raises(WrongResolutionCall, match=proposal_id):
        acknowledge(ports, OPERATOR, item.item_id, note="Seen.")


def test_below_the_limit_and_without_its_bookings_one_person_closes_it(harness: Harness, ports: Fakes) -> None:
    assert shut(harness, dry_run=True).needs_second_person
    shut(harness, cancel=False)
    assert (listing_now(harness).status, set(statuses(harness))) == ("closed", {"confirmed"})
    ports.rules = replace(ports.rules, second_person_above={"ETB": Money(3 * PRICE, "ETB")})
    assert not shut(harness, dry_run=True).needs_second_person
    shut(harness)
    harness.advance(minutes=5)
    assert set(statuses(harness)) == {"cancelled"}


def test_more_bookings_than_are_added_up_take_two(
    harness: Harness, ports: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports.rules = replace(ports.rules, second_person_above={"ETB": Money(9 * PRICE, "ETB")})
    monkeypatch.setattr(closing, "MOST_COUNTED", 2)
    assert proposed(harness)


def test_a_second_person_has_it_done_once(harness: Harness, ports: Fakes) -> None:
    proposal_id = proposed(harness)
    with pytest.raises(SecondPersonNeeded):
        approve(ports, OPERATOR, proposal_id, note="Fine.")
    done = approve(ports, OPERATOR_SELAM, proposal_id, note="Seen.")
    assert (done.proposal.status, done.proposal.decided_by) == ("approved", OPERATOR_SELAM.person_id)
    assert listing_now(harness).closed_by_operator
    assert approve(ports, OPERATOR_SELAM, proposal_id, note="Again.") == done
    harness.advance(minutes=5)
    assert set(statuses(harness)) == {"cancelled"}
    report = told(harness)
    assert report.closing is not None
    assert (report.closing.cancelled, report.closing.by.person_id) == (3, OPERATOR.person_id)
    assert (report.closing.returned, report.closing.due_at) == ((Money(3 * PRICE, "ETB"),), None)
    assert attention(ports, OPERATOR, kind=None, limit=9, after=None).items == ()
    with pytest.raises(ProposalClosed):
        reject(ports, OPERATOR_SELAM, proposal_id, note="Too late.")


def test_a_repeat_of_what_was_approved_asks_nobody_again(harness: Harness, ports: Fakes) -> None:
    approve(ports, OPERATOR_SELAM, proposed(harness), note="Seen.")
    assert shut(harness).closing is not None


def test_a_trial_of_an_approval_changes_nothing(harness: Harness, ports: Fakes) -> None:
    proposal_id = proposed(harness)
    before = dict(ports.tables.closings)
    tried = approve(rehearsed(ports), OPERATOR_SELAM, proposal_id, note="Seen.")
    assert tried.proposal.status == "approved"
    assert (ports.tables.closings, listing_now(harness).status) == (before, "open")


def test_more_than_was_read_is_not_given_back_and_less_is(harness: Harness, ports: Fakes) -> None:
    proposal_id = proposed(harness)
    booked(harness, 17)
    with pytest.raises(ProposalOutdated, match="propose it again"):
        approve(ports, OPERATOR_SELAM, proposal_id, note="Seen.")
    assert (listing_now(harness).status, set(statuses(harness))) == ("open", {"confirmed"})
    reject(ports, OPERATOR_SELAM, proposal_id, note="It grew.")
    again = proposed(harness)
    assert again == f"{harness.listing.listing_id}-P2"
    shut(harness, cancel=False)
    ports.tables.bookings.popitem()
    assert approve(ports, OPERATOR_SELAM, again, note="Seen.").proposal.status == "approved"


def test_what_was_rejected_is_not_done(harness: Harness, ports: Fakes) -> None:
    proposal_id = proposed(harness)
    done = reject(ports, OPERATOR_SELAM, proposal_id, note="She stays.")
    assert (done.proposal.status, done.proposal.note) == ("rejected", "She stays.")
    assert reject(ports, OPERATOR_SELAM, proposal_id, note="Again.") == done
    assert (listing_now(harness).status, set(statuses(harness))) == ("open", {"confirmed"})
    with pytest.raises(ClosingNotFound):
        progress(ports, OPERATOR, harness.listing.listing_id)
    with pytest.raises(ProposalClosed):
        approve(ports, OPERATOR_SELAM, proposal_id, note="After all.")
    assert attention(ports, OPERATOR, kind=None, limit=9, after=None).items == ()


def test_nobody_decides_in_time(harness: Harness, ports: Fakes) -> None:
    proposal_id = proposed(harness)
    name = closing_task(harness.listing.listing_id)
    harness.ports.clock.move_to(ports.clock.now() + PROPOSAL_KEPT - timedelta(seconds=1))
    assert name not in ports.bookings.due(ports.clock.now(), 99)
    harness.ports.clock.move(seconds=1)
    with pytest.raises(ProposalClosed):
        approve(ports, OPERATOR_SELAM, proposal_id, note="Late.")
    assert name in ports.bookings.due(ports.clock.now(), 99)
    harness.sweep_and_drain()
    assert find_proposal(ports, OPERATOR, proposal_id).proposal.status == "expired"
    assert name not in ports.bookings.due(ports.clock.now(), 99)
    assert proposed(harness) == f"{harness.listing.listing_id}-P2"


def test_a_decision_may_name_the_version_that_it_was_read_in(harness: Harness, ports: Fakes) -> None:
    proposal_id = proposed(harness)
    for decide in (approve, reject):
        with pytest.raises(PreconditionFailed):
            decide(as_read(ports, [99]), OPERATOR_SELAM, proposal_id, note="Seen.")
    assert approve(as_read(ports, [1]), OPERATOR_SELAM, proposal_id, note="Seen.").proposal.status == "approved"


def test_a_closing_without_bookings_keeps_the_proposal(harness: Harness, ports: Fakes) -> None:
    proposal_id = proposed(harness)
    shut(harness, cancel=False)
    reopen(ports, OPERATOR, harness.listing.listing_id, note="She stays.")
    assert proposed(harness) == proposal_id


def test_there_is_no_proposal_of_another_name(harness: Harness, ports: Fakes) -> None:
    proposed(harness)
    for name in (f"{harness.listing.listing_id}-P2", "lst_0000000000000000-P1", "x-P1"):
        with pytest.raises(ProposalNotFound):
            find_proposal(ports, OPERATOR, name)


@pytest.mark.parametrize("stopped", ["listings.save", "closings.save", "queue.enqueue_reconcile"])
def test_an_approval_that_was_cut_off_is_done_by_the_next_one(harness: Harness, ports: Fakes, stopped: str) -> None:
    proposal_id = proposed(harness)
    ports.run_before(stopped, raises(StoreBusy("gone")))
    with pytest.raises(StoreBusy):
        approve(ports, OPERATOR_SELAM, proposal_id, note="Seen.")
    # Nothing is cancelled that nobody approved, and what was approved is: a message that is lost the clock finds.
    is_approved = find_proposal(ports, OPERATOR, proposal_id).proposal.status == "approved"
    assert is_approved is (stopped == "queue.enqueue_reconcile")
    harness.advance(minutes=5)
    assert set(statuses(harness)) == ({"cancelled"} if is_approved else {"confirmed"})
    assert approve(ports, OPERATOR_SELAM, proposal_id, note="Seen.").proposal.status == "approved"
    harness.advance(minutes=5)
    assert set(statuses(harness)) == {"cancelled"}


def test_of_two_who_decide_at_once_one_does(harness: Harness, ports: Fakes) -> None:
    proposal_id = proposed(harness)
    ports.run_before("closings.save", lambda: reject(ports, OPERATOR_SELAM, proposal_id, note="No."))
    with pytest.raises(Busy):
        approve(ports, OPERATOR_SELAM, proposal_id, note="Seen.")
    with pytest.raises(ProposalClosed):
        approve(ports, OPERATOR_SELAM, proposal_id, note="Seen.")
    harness.advance(minutes=5)
    # The listing is closed before the approval is saved: that takes one person.
    assert (listing_now(harness).status, set(statuses(harness))) == ("closed", {"confirmed"})
