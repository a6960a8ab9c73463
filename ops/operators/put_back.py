"""Put restored tables into a stage: copies that came from somewhere else, such as from another region's vault.

They are checked first. On a deployed stage every function is stopped while the live tables are made equal to them; who
was erased, and the trail of operators, stay as the stage has them, as after `make restore`.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from typing import Any

import boto3

from ops.invariants import broken
from ops.operators.desk import LOCAL, Desk
from ops.stages.drill import show
from ops.stages.restore import make_equal, stopped
from ops.stages.tables import Tables, items


def put_back(desk: Desk, asked: argparse.Namespace) -> int:
    """Check the copies, and make the stage's tables equal to them; 1 where something in them does not hold."""
    settings = desk.stage.settings
    live = Tables(settings.listings_table, settings.bookings_table, settings.ledger_table)
    copies = Tables(asked.listings, asked.bookings, asked.ledger)
    dynamodb, tables = desk.stage.client("dynamodb"), boto3.resource("dynamodb")
    listings, bookings, ledger = (list(items(dynamodb, name)) for name in copies)
    desk.say(f"{len(bookings)} items of bookings, {len(listings)} of listings, {len(ledger)} of the ledger")
    findings = list(broken(bookings, listings, ledger))
    show(findings, desk.say)
    if desk.acts:
        resting = nullcontext() if asked.stage == LOCAL else stopped(boto3.Session(), asked.stage, desk.say)
        with desk.acting("put_back", copies.bookings), resting:
            for name, copy in zip(live, copies, strict=True):
                make_equal(tables.Table(name), tables.Table(copy))
        desk.say("The stage's tables are what the copies are.")
    desk.end()
    return int(bool(findings))


def add(verbs: Any, common: argparse.ArgumentParser, writes: argparse.ArgumentParser) -> None:
    """Add ``put-back`` to the command line."""
    told = "put restored tables into the stage"
    command = verbs.add_parser("put-back", parents=[common, writes], help=told, description=__doc__)
    for name in ("listings", "bookings", "ledger"):
        command.add_argument(f"--{name}", metavar="TABLE", required=True, help=f"the restored table of {name}")
    command.set_defaults(run=put_back, needs_name=True)
