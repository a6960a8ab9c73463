"""A listing is closed at a terminal, and all listings of a host who leaves, each after it was tried."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.ids import ListingId
from chalicelib.domain.record import replace
from tests.builders import HOST
from tests.harness import Harness, booking_id_of
from tests.ops.commands import Terminal

SARA = ("--as", "sara")
BOOKING = booking_id_of("first")
LEAVES = ("--cancel", "--note", "The host leaves.")


@pytest.fixture
def harness() -> Harness:
    harness = Harness()
    harness.confirmed_booking()
    harness.sweep_and_drain()
    return harness


@pytest.fixture
def terminal(harness: Harness, capsys: Any, monkeypatch: Any) -> Terminal:
    return Terminal(capsys, monkeypatch, ports=harness.ports)


def test_a_listing_is_closed_with_its_bookings(harness: Harness, terminal: Terminal) -> None:
    listing_id = harness.listing.listing_id
    command = ("listing", "close", listing_id, *LEAVES)
    (tried,) = terminal.run(*command, *SARA, "--json").lines
    assert (tried["state"], [each["booking_id"] for each in tried["bookings"]]) == ("previewed", [BOOKING])
    assert harness.ports.tables.listings[listing_id].status == "open"
    assert terminal.run("listing", "closing", listing_id, *SARA).code == 1
    (done,) = terminal.run(*command, *SARA, "--json", "--yes").lines
    assert (done["state"], done["listing_status"]) == ("under_way", "closed")
    harness.sweep_and_drain()
    assert harness.stored_booking(BOOKING).status == "cancelled"
    assert "1 of 1 cancelled, none is left" in terminal.run("listing", "closing", listing_id, *SARA).out


def test_every_listing_of_a_host_who_leaves_is_closed(harness: Harness, terminal: Terminal) -> None:
    other = replace(harness.listing, listing_id=ListingId("lst_0000000000000000"))
    harness.ports.tables.listings[other.listing_id] = other
    listings = sorted([harness.listing.listing_id, other.listing_id])
    tried = terminal.run("host", "close", HOST, *LEAVES, *SARA, "--json")
    assert sorted(line["listing_id"] for line in tried.lines) == listings
    assert "listings: 2" in tried.err
    assert {harness.ports.tables.listings[each].status for each in listings} == {"open"}
    terminal.run("host", "close", HOST, *LEAVES, *SARA, "--yes")
    harness.sweep_and_drain()
    assert {harness.ports.tables.listings[each].status for each in listings} == {"closed"}
    assert harness.stored_booking(BOOKING).status == "cancelled"
    assert terminal.run("host", "close", "nobody", *LEAVES, *SARA).code == 1


def test_a_listing_that_takes_two_is_proposed_and_the_others_are_closed(harness: Harness, terminal: Terminal) -> None:
    other = replace(harness.listing, listing_id=ListingId("lst_0000000000000000"))
    harness.ports.tables.listings[other.listing_id] = other
    harness.ports.rules = replace(harness.ports.rules, second_person_above={})
    ran = terminal.run("host", "close", HOST, *LEAVES, *SARA, "--yes")
    assert ran.code == 1
    assert "listings: 2, of which another person must approve 1" in ran.err
    assert "second_person_needed" in ran.err
    proposal_id = f"{harness.listing.listing_id}-P1"
    assert proposal_id in ran.err
    statuses = {each: listing.status for each, listing in harness.ports.tables.listings.items()}
    assert statuses == {harness.listing.listing_id: "open", other.listing_id: "closed"}
    assert proposal_id in terminal.run("proposals", *SARA).out
    assert terminal.run("approve", proposal_id, "--note", "Seen.", "--as", "hirut", "--yes").code == 0
    harness.sweep_and_drain()
    assert harness.stored_booking(BOOKING).status == "cancelled"


def test_a_listing_is_opened_again(harness: Harness, terminal: Terminal) -> None:
    listing_id = harness.listing.listing_id
    terminal.run("listing", "close", listing_id, "--note", "A complaint.", *SARA, "--yes")
    (tried,) = terminal.run("listing", "reopen", listing_id, "--note", "It was mended.", *SARA, "--json").lines
    assert (tried["status"], harness.ports.tables.listings[listing_id].status) == ("open", "closed")
    (done,) = terminal.run("listing", "reopen", listing_id, "--note", "It was mended.", *SARA, "--json", "--yes").lines
    assert done["status"] == harness.ports.tables.listings[listing_id].status == "open"
    assert harness.stored_booking(BOOKING).status == "confirmed"
