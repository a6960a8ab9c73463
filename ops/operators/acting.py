"""What operators do: give money back, resolve what waits for a person, put contacts, letters and accounts right.

Each act is checked as the API checks a request, and stands in the history under the operator's name. Without ``--yes``
it is tried on a stage that writes nothing, and what it would come to is shown.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar, get_args

import msgspec

from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.answers.disputes import DisputeOut
from chalicelib.api.answers.messages import MessageOut
from chalicelib.api.answers.payments import PaymentOut, RefundOut
from chalicelib.api.core.validation import read_body
from chalicelib.api.routes.contacts import ContactChange
from chalicelib.api.routes.operators.accounts import AccountActIn, AccountLimitsIn, AccountOut
from chalicelib.api.routes.operators.attention import Acknowledge, AcknowledgedOut
from chalicelib.api.routes.operators.disputes import CloseDispute
from chalicelib.api.routes.operators.messages import Resend
from chalicelib.api.routes.operators.money import RefundResolution, Resolution
from chalicelib.api.routes.operators.proposals import ProposalOut
from chalicelib.api.routes.payments import NewRefund
from chalicelib.domain.disputes import CloseAs
from chalicelib.domain.errors import FieldError, InvalidRequest
from chalicelib.domain.money import Money
from chalicelib.domain.people.accounts import Act, Caps
from chalicelib.domain.refunds import ResolveAs
from chalicelib.services import correcting, disputes, refunds
from chalicelib.services.access import visible_booking, visible_payment
from chalicelib.services.operators import accounts, lists, messages, proposals
from chalicelib.services.operators.attention import acknowledge
from chalicelib.services.operators.proposals import Proposed
from chalicelib.services.ports.stage import Ports
from chalicelib.services.rehearsal import rehearsed
from ops.operators.desk import Desk, every
from ops.operators.looking import line_of

T = TypeVar("T", bound=msgspec.Struct)

PAYMENT_AS = ("accept", "refund")
CAPS = ("open_holds", "unpaid_unit_nights", "bookings_per_hour", "bookings_per_day")
CONTACT = ("first_name", "last_name", "email", "phone")


def refund(desk: Desk, asked: argparse.Namespace) -> int:
    """Give back part of a payment, or all that is left. The same command again gives nothing back again."""
    ports = _stage(desk)
    amount = None
    if asked.amount is not None:
        _, payment, _ = visible_payment(ports, desk.operator, asked.tx_ref, roles=("operator",))
        amount = minor(asked.amount, payment.amount.currency)
    body = read(NewRefund, reason=asked.reason, amount=amount, cancel_booking=asked.cancel_booking)
    with desk.acting("refund", asked.tx_ref, note=body.reason):
        made, repeated = refunds.refund(
            ports,
            desk.operator,
            asked.tx_ref,
            amount=body.amount,
            reason=body.reason,
            key=asked.key or key_of(asked.tx_ref, asked.amount or "", asked.reason, f"{asked.cancel_booking}"),
            cancel_booking=body.cancel_booking,
            request_id=desk.request_id,
        )
    again = "  (it was asked for before: nothing is added)" if repeated else ""
    desk.tell(RefundOut.of(made), f"{made.refund_id}  {made.status}  {made.amount.formatted}  {made.reason}{again}")
    desk.end()
    return 0


def resolve(desk: Desk, asked: argparse.Namespace) -> int:
    """Resolve a payment in review, a refund in attention, or a dispute."""
    ports, subject = _stage(desk), asked.subject
    given = {"as": asked.resolution, "note": asked.note}
    if asked.resolution in PAYMENT_AS:
        decision = read(Resolution, **given)
        with desk.acting("resolve_payment", subject, note=decision.note):
            booking, payment = lists.resolve_review(
                ports,
                desk.operator,
                subject,
                as_=decision.as_,
                note=decision.note,
                request_id=desk.request_id,
            )
        desk.tell(PaymentOut.of(booking, payment), f"{payment.tx_ref}  {payment.status}  booking {booking.status}")
    elif asked.resolution in get_args(ResolveAs):
        way = read(RefundResolution, **given)
        with desk.acting("resolve_refund", subject, note=way.note):
            done = refunds.resolve_refund(
                ports, desk.operator, subject, as_=way.as_, note=way.note, request_id=desk.request_id
            )
        desk.tell(RefundOut.of(done), f"{done.refund_id}  {done.status}  {done.amount.formatted}")
    else:
        end = read(CloseDispute, **given)
        with desk.acting("close_dispute", subject, note=end.note):
            closed = disputes.close_dispute(
                ports, desk.operator, subject, as_=end.as_, note=end.note, dry_run=not desk.acts
            )
        desk.tell(DisputeOut.of(closed), f"{closed.dispute.dispute_id}  {closed.dispute.status}")
    desk.end()
    return 0


def list_proposals(desk: Desk, _: argparse.Namespace) -> int:
    """What waits for a second person."""
    for found in every(partial(proposals.open_proposals, desk.ports, desk.operator)):
        _tell_proposal(desk, found)
    return 0


def decide(desk: Desk, asked: argparse.Namespace) -> int:
    """Approve, or reject, what another person proposed."""
    act = proposals.approve if asked.decision == "approve" else proposals.reject
    with desk.acting(asked.decision, asked.proposal_id, note=asked.note):
        decided = act(_stage(desk), desk.operator, asked.proposal_id, note=asked.note)
    _tell_proposal(desk, decided)
    desk.end()
    return 0


def _tell_proposal(desk: Desk, found: Proposed) -> None:
    shape = ProposalOut.of(found)
    how = f" {shape.how}" if shape.how else ""
    by = f"{shape.proposed_by_name or shape.proposed_by}: {shape.reason}"
    text = f"{shape.proposal_id}  {shape.status}  {shape.act}{how} {shape.subject}  {shape.amount.formatted}  {by}"
    desk.tell(shape, text)


def take_off(desk: Desk, asked: argparse.Namespace) -> int:
    """Take something off the attention list that a person has dealt with."""
    note = read(Acknowledge, note=asked.note).note
    with desk.acting("acknowledge", asked.item_id, note=note):
        done = acknowledge(_stage(desk), desk.operator, asked.item_id, note=note)
    shape = AcknowledgedOut.of(done)
    desk.tell(shape, f"{done.item_id}  acknowledged {shape.acknowledged_at} by {shape.acknowledged_by}  {shape.note}")
    desk.end()
    return 0


def set_contact(desk: Desk, asked: argparse.Namespace) -> int:
    """Correct a booking's contact by what standard input says, so that no shell keeps it: a line each, email=…."""
    if sys.stdin.isatty():
        desk.say(f"What changes, a line each, then Ctrl-D: {', '.join(f'{name}=…' for name in CONTACT)}")
    lines = [line.strip().partition("=") for line in sys.stdin if line.strip()]
    given = {name.strip(): value.strip() for name, _, value in lines}
    if not given:
        raise InvalidRequest("Standard input says what changes, a line each: email=…")
    changes = read(ContactChange, **given).changes
    ports = _stage(desk)
    _note_view(desk, asked.booking_id)
    with desk.acting("correct_contact", asked.booking_id, note=asked.note):
        booking, _ = correcting.correct_contact(ports, desk.operator, asked.booking_id, changes, note=asked.note)
    desk.tell(BookingOut.of(booking, "operator", now=ports.clock.now()), line_of(booking))
    desk.end()
    return 0


def resend(desk: Desk, asked: argparse.Namespace) -> int:
    """Send a letter again, to the address that its reader has today."""
    body = read(Resend, note=asked.note, lift=asked.lift)
    _note_view(desk, asked.booking_id)
    with desk.acting("resend", asked.booking_id, note=body.note or ""):
        done = messages.resend(
            desk.ports,
            desk.operator,
            asked.booking_id,
            asked.entry_id,
            note=body.note or "",
            lift=body.lift,
            dry_run=not desk.acts,
        )
    shape = MessageOut.of(done.booking, done.entry, done.host)
    desk.tell(shape, f"{shape.kind} to {shape.address}  {shape.status}")
    desk.end()
    return 0


def show_account(desk: Desk, asked: argparse.Namespace) -> int:
    """Show an account: what it holds, what it may do, what operators did to it, and its latest bookings."""
    return _tell_account(desk, accounts.read_account(desk.ports, desk.operator, asked.sub))


def act_on_account(desk: Desk, asked: argparse.Namespace) -> int:
    """Block an account, or end its block and its pause."""
    note = read(AccountActIn, note=asked.note).note
    return _acted_on_account(desk, asked.sub, act=asked.act, note=note)


def limit_account(desk: Desk, asked: argparse.Namespace) -> int:
    """Set what an account may do beyond the stage's limits; what is left out is the stage's again."""
    body = read(AccountLimitsIn, note=asked.note, **{cap: getattr(asked, cap) for cap in CAPS})
    return _acted_on_account(desk, asked.sub, act="limits", note=body.note, caps=body.caps)


def _acted_on_account(desk: Desk, sub: str, *, act: Act, note: str, caps: Caps | None = None) -> int:
    with desk.acting(act, sub, note=note):
        state = accounts.act_on_account(
            desk.ports,
            desk.operator,
            sub,
            act=act,
            note=note,
            request_id=desk.request_id,
            caps=caps,
            dry_run=not desk.acts,
        )
    _tell_account(desk, state)
    desk.end()
    return 0


def _tell_account(desk: Desk, state: accounts.AccountState) -> int:
    shape = AccountOut.of(state)
    block = f"blocked {shape.block.at} by {shape.block.by_name}: {shape.block.note}" if shape.block else "not blocked"
    paused = f", paused until {shape.paused_until}" if shape.paused_until else ""
    text = [f"{shape.sub}  {block}{paused}"]
    text.append("limits   " + "  ".join(f"{cap} {getattr(shape.caps, cap)}" for cap in CAPS))
    text += [f"holds    {hold.booking_id}  until {hold.counts_until}" for hold in shape.open_holds]
    text += [f"act      {act.at}  {act.act}  {act.by_name}  {act.note}" for act in shape.acts]
    text += [f"booking  {each.booking_id}  {each.status}  {each.total.formatted}" for each in shape.bookings]
    desk.tell(shape, "\n".join(text))
    return 0


def _note_view(desk: Desk, booking_id: str) -> None:
    """Note that an act is about to show who a booking is for. Raises BookingNotFound."""
    booking, _ = visible_booking(desk.ports, desk.operator, booking_id, roles=("operator",))
    desk.note("view", booking.booking_id, found=1)


def _stage(desk: Desk) -> Ports:
    """The stage itself for who said yes; otherwise one that writes nothing."""
    return desk.ports if desk.acts else rehearsed(desk.ports)


def read(kind: type[T], **given: object) -> T:
    """What was given, checked as a request of the API is. Raises InvalidRequest."""
    return read_body(msgspec.json.encode({name: value for name, value in given.items() if value is not None}), kind)


def key_of(*words: str) -> str:
    """The Idempotency-Key of a command that says the same: what was typed twice is done once."""
    return sha256("\0".join(words).encode()).hexdigest()


def minor(amount: str, currency: str) -> int:
    """An amount in major units as a person types it, in minor ones. Raises InvalidRequest."""
    try:
        return Money.parse(amount, currency).minor
    except ValueError as error:
        wrong = FieldError("amount", f"{error}")
        raise InvalidRequest("The amount cannot be read.", errors=(wrong,)) from error


def add(verbs: Any, common: argparse.ArgumentParser, writes: argparse.ArgumentParser) -> None:
    """Add what acts to the command line."""
    noted = argparse.ArgumentParser(add_help=False)
    noted.add_argument("--note", required=True, help="why, for those who come after")

    def acts(under: Any, name: str, told: str, run: Any, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = under.add_parser(
            name, parents=[common, *parents], help=told, description=run.__doc__
        )
        made.set_defaults(run=run, needs_name=True)
        return made

    back = acts(verbs, "refund", "give back part of a payment, or all that is left", refund, writes)
    back.add_argument("tx_ref")
    back.add_argument("--reason", required=True, help="why; the guest reads it")
    back.add_argument("--amount", help="in major units, such as 1200.50 (left out: all that is left)")
    both = back.add_mutually_exclusive_group()
    both.add_argument("--cancel-booking", action="store_true", default=None, help="cancel the booking with it")
    both.add_argument("--keep-booking", dest="cancel_booking", action="store_false", help="keep the booking")
    back.add_argument("--key", help="another one where the very same refund is meant a second time")

    ways = (*PAYMENT_AS, *get_args(ResolveAs), *get_args(CloseAs))
    way = acts(verbs, "resolve", "a payment in review, a refund in attention, a dispute", resolve, noted, writes)
    way.add_argument("subject", help="a payment, a refund or a dispute")
    way.add_argument("resolution", choices=ways, help=", ".join(ways), metavar="resolution")

    acts(verbs, "proposals", "what waits for a second person", list_proposals)
    for decision in ("approve", "reject"):
        second = acts(verbs, decision, f"{decision} what another person proposed", decide, noted, writes)
        second.add_argument("proposal_id")
        second.set_defaults(decision=decision)

    acts(verbs, "acknowledge", "take off the attention list", take_off, noted, writes).add_argument("item_id")

    contact = verbs.add_parser("contact", help="set: correct a booking's contact")
    below = contact.add_subparsers(required=True, metavar="set")
    right = acts(below, "set", "by what standard input says", set_contact, writes)
    right.add_argument("booking_id")
    right.add_argument("--note", default="", help="why, for those who come after")

    again = acts(verbs, "resend", "send a letter again", resend, writes)
    again.add_argument("booking_id")
    again.add_argument("entry_id", help="the letter, as show has it")
    again.add_argument("--note", help="why")
    again.add_argument("--lift", action="store_true", help="also to an address that bounced or complained")

    account = verbs.add_parser("account", help="show, block, unblock, limits")
    of_account = account.add_subparsers(required=True, metavar="show | block | unblock | limits")
    acts(of_account, "show", "what it holds, and what was done to it", show_account).add_argument("sub")
    for act in ("block", "unblock"):
        made = acts(of_account, act, f"{act} it", act_on_account, noted, writes)
        made.add_argument("sub")
        made.set_defaults(act=act)
    caps = acts(of_account, "limits", "what it may do beyond the stage's limits", limit_account, noted, writes)
    caps.add_argument("sub")
    for cap in CAPS:
        caps.add_argument(f"--{cap.replace('_', '-')}", type=int, help="left out: the stage's own")
