"""Throughput: guests who book the same nights of one listing at once, against the emulator's own pace.

A local stack as `make run` starts it, on free ports, and one listing with room for everybody. Each booking is a whole
one: nights held, payment opened at the sandbox, link answered. The peer is the bare transaction of a hold (booking,
account and one month, with the conditions and index attributes of ours) sent with botocore to the same emulated
DynamoDB by as many threads: nothing on it can be faster. Wall clock: client, API, sandbox and emulator share this
machine's processors. It says little about AWS; it is here to be compared with itself.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

from local.scenarios.client import Json, Person, ScenarioClient
from local.stack.local_stack import Stack
from local.stack.terminal import say

BOOKINGS = 60
GUESTS_AT_ONCE = 8


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    rounds = int(arguments[0]) if arguments else 3
    folder = Path(tempfile.mkdtemp(prefix="guzo-benchmark-"))
    with Stack(folder=folder) as stack:
        client = ScenarioClient(stack.addresses.api, stack.addresses.local)
        listing = client.publish(client.sign_in("selam", "host"), units=1000)
        # Slots are for people: three unpaid bookings each.
        guests = [client.sign_in(f"guest-{number}") for number in range(BOOKINGS * (rounds + 1) // 2 + 1)]
        taken = iter(guests * 2)
        transactions = _transactions()
        say("| round | bookings/s | bare transactions/s | ratio |\n|---|---|---|---|")
        ratios = []
        for number in range(rounds + 1):
            people = [next(taken) for _ in range(BOOKINGS)]
            ours = _pace(partial(_book, client, people, listing))
            bare = _pace(transactions)
            if number:
                ratios.append(ours / bare)
                say(f"| {number} | {ours:.0f} | {bare:.0f} | {ours / bare:.2f} |")
        say(f"\n{BOOKINGS} in each round, {GUESTS_AT_ONCE} at once; the middle ratio is {median(ratios):.2f}.")
    shutil.rmtree(folder, ignore_errors=True)


def _pace(work: Callable[[int], object]) -> float:
    """How many a second."""
    with ThreadPoolExecutor(GUESTS_AT_ONCE) as pool:
        began = time.monotonic()
        for _ in pool.map(work, range(BOOKINGS)):
            pass
        return BOOKINGS / (time.monotonic() - began)


def _book(client: ScenarioClient, people: list[Person], listing: Json, place: int) -> None:
    booking = client.book(people[place], listing)
    if not booking["payment"]["checkout_url"]:
        raise SystemExit(f"No link: {booking['payment']}")


def _transactions() -> Callable[[int], object]:
    """Sends a hold's transaction for a booking, a guest and a listing that nobody else knows."""
    import botocore.session
    from botocore.config import Config

    config = Config(parameter_validation=False, max_pool_connections=GUESTS_AT_ONCE)
    client = botocore.session.get_session().create_client("dynamodb", config=config)
    listings, bookings = os.environ["LISTINGS_TABLE"], os.environ["BOOKINGS_TABLE"]
    hot = f"lst_{uuid.uuid4().hex[:16]}"

    def send(_: int) -> None:
        booking_id, now = f"GZ{uuid.uuid4().hex[:14]}", "2027-01-01T00:00:00.000Z"
        text = {
            "booking_id": booking_id, "guest_id": booking_id, "created": now, "listing_id": hot, "due_at": now,
            "stay_key": "2027-01-14", "due_shard": "0", "day": "2027-01-01#0", "status": "pending_payment",
        }  # fmt: skip
        item = {**{name: {"S": value} for name, value in text.items()}, "record": {"B": os.urandom(900)}}
        put = {"TableName": bookings, "Item": item, "ConditionExpression": "attribute_not_exists(booking_id)"}
        account = {
            "TableName": bookings,
            "Key": {"booking_id": {"S": f"ACCOUNT#{booking_id}"}},
            "UpdateExpression": "SET #version = :version, #record = :record",
            "ConditionExpression": "attribute_not_exists(#version)",
            "ExpressionAttributeNames": {"#version": "version", "#record": "record"},
            "ExpressionAttributeValues": {":version": {"N": "1"}, ":record": {"B": os.urandom(100)}},
        }
        days = ("t14", "t15", "t16")
        month = {
            "TableName": listings,
            "Key": {"listing_id": {"S": hot}, "part": {"S": "MONTH#2027-01"}},
            "UpdateExpression": "ADD " + ", ".join(f"{day} :units" for day in days),
            "ConditionExpression": " AND ".join(f"(attribute_not_exists({day}) OR {day} <= :room)" for day in days),
            "ExpressionAttributeValues": {":units": {"N": "1"}, ":room": {"N": "100000"}},
        }
        client.transact_write_items(TransactItems=[{"Put": put}, {"Update": account}, {"Update": month}])

    return send


if __name__ == "__main__":
    main(sys.argv[1:])
