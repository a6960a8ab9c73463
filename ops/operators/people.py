"""What operators do for a person who asks: show all that is held of them, and erase who they are.

Who is meant stands on standard input: no shell and no list of processes ever sees an address or a number.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any

from chalicelib.api.routes.operators.people import ErasePerson, ErasureOut, ExportPerson, HeldOut, ObstacleOut
from chalicelib.domain.errors import DataStillNeeded, InvalidRequest
from chalicelib.domain.obstacles import Obstacle
from chalicelib.domain.timing import ACCESS_KEPT
from chalicelib.services.operators.after_restore import erasures_between
from chalicelib.services.operators.exporting import export
from chalicelib.services.operators.people import ErasureReport, Person, erase, person_of
from ops.operators.acting import read
from ops.operators.desk import Desk, every

DONE, REFUSED = 0, 1
ROUNDS = 10_000
"""How many batches one command does at most: two hundred thousand bookings."""


def export_person(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell all that is held of the person whom standard input names, by an e-mail address or a phone number."""
    body = read(ExportPerson, **_named(desk))
    person = person_of(desk.ports, email=body.email, phone_number=body.phone)
    now = desk.ports.clock.now()
    look = partial(export, desk.ports, desk.operator, person, request_id=desk.request_id)
    for held in every(look, most=asked.most):
        shape = HeldOut.of(held, now=now)
        desk.tell(shape, _line(shape))
    return DONE


def erase_person(desk: Desk, asked: argparse.Namespace) -> int:
    """Erase the person whom standard input names; left without --yes, tell what is held, or what is in the way."""
    body = read(ErasePerson, note=asked.note, **_named(desk))
    person = person_of(desk.ports, email=body.email, phone_number=body.phone)
    try:
        with desk.acting("erase", person.subject, note=body.note or "") as under_way:
            report = _erase(desk, person, note=body.note or "")
            under_way.found = report.bookings + report.hosts
    except DataStillNeeded as needed:
        for matter in needed.matters:
            desk.tell(ObstacleOut.of(matter), _matter(matter))
        desk.say(f"{needed.detail} ({needed.code})")
        return REFUSED
    shape = ErasureOut.of(report)
    desk.tell(
        shape,
        f"{shape.state}: of {shape.bookings} bookings and {shape.hosts} profiles of hosts, {shape.erased} are erased",
    )
    for left in report.erasure.left if report.erasure else ():
        desk.say(f"left, because it is under way: {_matter(left)}")
    desk.end()
    return REFUSED if shape.left else DONE


def _erase(desk: Desk, person: Person, *, note: str) -> ErasureReport:
    """Erase them, batch by batch; what the last one came to. Raises DataStillNeeded."""
    for _ in range(ROUNDS):
        report = erase(desk.ports, desk.operator, person, note=note, request_id=desk.request_id, dry_run=not desk.acts)
        shape = ErasureOut.of(report)
        if shape.state != "under_way":
            break
        desk.say(f"{shape.erased} bookings erased so far")
    return report


def list_erasures(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell who was erased, by keyed hashes alone; as JSON, what `after-restore --erasures` erases again."""
    now = desk.ports.clock.now()
    start = datetime.combine(asked.since, time(), UTC) if asked.since else now - ACCESS_KEPT
    for each in erasures_between(desk.ports, desk.operator, start, now):
        state = "under way" if each.finished_at is None else f"finished, {each.erased} bookings"
        desk.tell(each, f"{each.erasure_id}  {each.begun_at:%Y-%m-%d %H:%M} UTC  by {each.by.name}  {state}")
    return DONE


def _named(desk: Desk) -> dict[str, str]:
    if sys.stdin.isatty():
        desk.say("Who? An e-mail address or a phone number:")
    text = sys.stdin.readline().strip()
    if not text:
        raise InvalidRequest("Standard input says who is meant: an e-mail address or a phone number.")
    return {"email" if "@" in text else "phone": text}


def _matter(matter: Obstacle) -> str:
    until = f"  until {matter.until:%Y-%m-%d %H:%M} UTC" if matter.until else ""
    return f"{matter.kind:16}  {matter.subject}{until}"


def _line(held: HeldOut) -> str:
    """One thing that is held, for people."""
    match held.kind:
        case "booking" if held.booking:
            stay = f"{held.booking.check_in} to {held.booking.check_out}  {held.booking.total.formatted}"
            return f"booking      {held.booking.booking_id}  {held.booking.status:15}  {stay}"
        case "host" if held.host:
            return f"host         {held.host.host_id}  {held.host.notify.email or ''}  {held.host.notify.phone or ''}"
        case "listing" if held.listing:
            return f"listing      {held.listing.listing_id}  {held.listing.title}"
        case "orphan" if held.orphan:
            return f"orphan       {held.orphan.tx_ref}  {held.orphan.amount.formatted if held.orphan.amount else ''}"
        case "suppression" if held.suppression:
            return f"suppression  {held.suppression.outcome}  since {held.suppression.since}"
        case "search" if held.search:
            return f"{held.search.act:11}  {held.search.at}  by {held.search.by_name}  found {held.search.found}"
        case "erasure" if held.erasure:
            return f"erasure      {held.erasure.begun_at}  by {held.erasure.by_name}  {held.erasure.erased} bookings"
    return held.kind


def add(verbs: Any, common: argparse.ArgumentParser, writes: argparse.ArgumentParser) -> None:
    """Add what is done for a person who asks to the command line."""
    shown = verbs.add_parser(
        "export-person",
        parents=[common],
        help="all that is held of a person, whom standard input names",
        description=export_person.__doc__,
    )
    shown.add_argument("--most", type=int, metavar="N", help="the first N things only")
    shown.set_defaults(run=export_person, needs_name=True)
    listed = verbs.add_parser(
        "erasures", parents=[common], help="who was erased, by keyed hashes alone", description=list_erasures.__doc__
    )
    listed.add_argument("--since", type=date.fromisoformat, metavar="DAY", help="those of this day or later")
    listed.set_defaults(run=list_erasures, needs_name=True)
    gone = verbs.add_parser(
        "erase",
        parents=[common, writes],
        help="erase a person, whom standard input names; ends with 1 where something is in the way",
        description=erase_person.__doc__,
    )
    gone.add_argument("--note", help="why, such as how they asked; it names nobody")
    gone.set_defaults(run=erase_person, needs_name=True)
