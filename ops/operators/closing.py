"""The end of a listing, and of all listings of a host who leaves: closed, with the bookings to come or without."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from chalicelib.api.answers.listings import ListingOut
from chalicelib.api.routes.operators.closings import CloseListing, ClosingOut
from chalicelib.domain.errors import ListingNotFound, SecondPersonNeeded
from chalicelib.domain.ids import PersonId
from chalicelib.services.operators import closing
from chalicelib.services.rehearsal import rehearsed
from ops.operators.acting import read
from ops.operators.desk import Desk, every


def close_host(desk: Desk, asked: argparse.Namespace) -> int:
    """Close every listing of a host who leaves; with all bookings to come, or without. A repeat carries on."""
    host_id, listings, waiting = PersonId(asked.host_id), 0, 0
    for listing_id in every(partial(desk.ports.listings.of_host, host_id)):
        listings += 1
        try:
            _close(desk, asked, listing_id)
        except SecondPersonNeeded as needed:
            waiting += 1
            desk.say(f"{listing_id}: {needed.detail} ({needed.code})")
    if not listings:
        raise ListingNotFound(f"{host_id} has no listings.")
    desk.say(f"listings: {listings}" + (f", of which another person must approve {waiting}" if waiting else ""))
    desk.end()
    return int(waiting > 0)


def close_listing(desk: Desk, asked: argparse.Namespace) -> int:
    """Close a listing for good, or for as long as operators say; with all bookings to come, or without."""
    _close(desk, asked, asked.listing_id)
    desk.end()
    return 0


def show_closing(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell how far the closing of a listing is."""
    _tell(desk, ClosingOut.of(closing.progress(desk.ports, desk.operator, asked.listing_id)))
    return 0


def reopen_listing(desk: Desk, asked: argparse.Namespace) -> int:
    """Open a listing again that an operator closed. What was cancelled stays so."""
    with desk.acting("reopen_listing", asked.listing_id, note=asked.note):
        ports = desk.ports if desk.acts else rehearsed(desk.ports)
        shape = ListingOut.of(closing.reopen(ports, desk.operator, asked.listing_id, note=asked.note))
    desk.tell(shape, f"{shape.listing_id}  {shape.status}  {shape.title}")
    desk.end()
    return 0


def _close(desk: Desk, asked: argparse.Namespace, listing_id: str) -> None:
    body = read(CloseListing, cancel_bookings=asked.cancel_bookings, reason=asked.note, dry_run=not desk.acts)
    with desk.acting("close_listing", listing_id, note=body.reason):
        report = closing.close(
            desk.ports,
            desk.operator,
            listing_id,
            cancel_bookings=body.cancel_bookings,
            reason=body.reason,
            dry_run=body.dry_run,
            request_id=desk.request_id,
        )
    _tell(desk, ClosingOut.of(report, asked=body))


def _tell(desk: Desk, shape: ClosingOut) -> None:
    returns = ", ".join(money.formatted for money in shape.to_return) or "nothing"
    text = [
        f"{shape.listing_id}  {shape.listing_status}  {shape.state}: {shape.cancelled} of {shape.expected} cancelled, "
        + (
            f"{shape.left} to come that can be cancelled; {returns} would go back for those"
            if shape.left
            else "none is left"
        )
    ]
    text += [
        f"booking  {each.booking_id}  {each.check_in}  {each.status}  {each.back.formatted}" for each in shape.bookings
    ]
    desk.tell(shape, "\n".join(text))


def add(verbs: Any, common: argparse.ArgumentParser, writes: argparse.ArgumentParser) -> None:
    """Add the end of listings to the command line."""
    ends = argparse.ArgumentParser(add_help=False)
    ends.add_argument(
        "--cancel", dest="cancel_bookings", action="store_true", help="the bookings to come, with all back"
    )
    noted = argparse.ArgumentParser(add_help=False)
    noted.add_argument("--note", required=True, help="why, for those who come after")

    def does(under: Any, name: str, told: str, run: Any, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = under.add_parser(
            name, parents=[common, *parents], help=told, description=run.__doc__
        )
        made.set_defaults(run=run, needs_name=True)
        return made

    host = verbs.add_parser("host", help="close: all listings of a host who leaves")
    of_host = host.add_subparsers(required=True, metavar="close")
    does(of_host, "close", "close them all", close_host, ends, noted, writes).add_argument("host_id")

    listing = verbs.add_parser("listing", help="close, closing, reopen: a listing that takes no more bookings")
    of_listing = listing.add_subparsers(required=True, metavar="close | closing | reopen")
    does(of_listing, "close", "close it", close_listing, ends, noted, writes).add_argument("listing_id")
    does(of_listing, "closing", "how far that is", show_closing).add_argument("listing_id")
    does(of_listing, "reopen", "open it again", reopen_listing, noted, writes).add_argument("listing_id")
