"""Incidents of the platform: dead letters, a release that was taken back, tables that went back in time."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from chalicelib.adapters.aws.dead_letters import dead_letters_of
from local.incidents.evening import Evening, expect, run, the_stage
from local.scenarios.client import check
from ops.operators.desk import LOCAL
from ops.stages.restore import SURVIVES


def dead_letters(evening: Evening) -> None:
    """An alarm rings: messages failed five times, and lie among the dead letters.

    One is a task about a booking, another says nothing that Guzo knows. The first goes back to its queue once its
    cause is mended, the second is dropped. A booking is never lost with a
    message: it stays due, and the sweep finds it.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    booking = evening.confirmed(guest, client.publish(host))
    stage = the_stage(LOCAL)
    sqs, source = stage.client("sqs"), stage.settings.reconcile_queue_url
    dead = dead_letters_of(sqs, source)
    for body in (json.dumps({"booking_id": booking["booking_id"], "cause": "sweep"}), "hello"):
        sqs.send_message(QueueUrl=dead, MessageBody=body)
    listed = evening.ops("dlq", "list")
    expect("both lie there", listed, booking["booking_id"], "hello", "2 of reconcile")
    task, stranger = (next(line for line in listed.splitlines() if word in line) for word in ("GZ", "hello"))
    evening.ops("dlq", "drop", stranger.split()[0], "--note", "Nothing of ours.", "--yes")
    evening.ops("dlq", "send-back", task.split()[0], "--note", "The cause is mended.", "--yes")
    client.wait_until_idle()
    expect("none is left", evening.ops("dlq", "list"), "0 of reconcile")


def release_taken_back(evening: Evening) -> None:
    """A release was rolled back, and this one cannot read what the newer one wrote.

    `make rollback STAGE=prod` put the release before in its place, with the data as it is. What only the newer
    one can read is left out of lists, is refused by name, and stands before a
    person; nothing is written over it. The release that wrote it, or one that can read it, clears the line with
    its next save.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    readable = evening.confirmed(guest, listing := client.publish(host))
    newer = evening.confirmed(guest, listing)
    form = _form(newer["booking_id"], "99")
    listed = client.call("GET", "/v1/bookings", expect=200, by=guest)["items"]
    check("the list goes on without it", [each["booking_id"] for each in listed], [readable["booking_id"]])
    expect("it waits for a person", evening.ops("attention", "--kind", "unreadable"), newer["booking_id"])
    evening.ops("show", newer["booking_id"], ends=1)
    evening.tell("The newer release is there again; somebody corrects the booking's contact:")
    _form(newer["booking_id"], form)
    evening.ops("contact", "set", newer["booking_id"], "--yes", typed="first_name=Hanna M.")
    expect("nobody waits", evening.ops("attention", "--kind", "unreadable"), "Nothing needs a person")
    client.wait_until_idle()


def tables_from_yesterday(evening: Evening) -> None:
    """The tables were restored to an hour ago, and guests have paid since.

    Three bookings were made and paid in the lost hour, and one of before was refunded in it. The tables know
    nothing of either; the gateway does. `after-restore` asks it for the
    whole window: what was paid and has no booking becomes an orphan before a person, with the payer as the
    gateway knows them, and what went back is seen.
    """
    client = evening.client
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    listing = client.publish(host, units=4)
    kept = evening.confirmed(guest, listing)
    client.advance(minutes=10)
    window = client.now()
    before = _tables()
    for _ in range(3):
        evening.confirmed(guest, listing)
    refund = ("refund", kept["payment"]["tx_ref"], "--reason", "She cannot come.", "--cancel-booking", "--yes")
    with client.switches(refund="simulated_v2_shape"):
        run(*refund)
        client.wait_until_idle()
        client.advance(days=2)
        client.sweep()
        check("it was refunded", client.booking(guest, kept["booking_id"])["status"], "cancelled")
        _put_back(before)
        check("and is confirmed again", client.booking(guest, kept["booking_id"])["status"], "confirmed")
        span = (
            "--from",
            f"{window - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}",
            "--to",
            f"{client.now():%Y-%m-%dT%H:%M:%SZ}",
        )
        evening.tell("First look, then act:")
        shown = evening.ops("after-restore", *span)
        check("all three are found", shown.count("\norphan") + shown.startswith("orphan"), 3)
        evening.ops("after-restore", *span, "--yes")
        client.wait_until_idle()
    orphans = evening.ops("attention", "--kind", "orphan")
    check("they are before a person", len(orphans.splitlines()), 3)
    item = orphans.split()[1]
    evening.tell("What the guests of the lost bookings paid is given back in the dashboard, unless they book anew:")
    evening.ops("acknowledge", item, "--note", "Given back in the dashboard.", "--yes")
    evening.tell("The booking that is back and was refunded:")
    expect("so is what went back", evening.ops("attention", "--kind", "payment_reversed"), kept["payment"]["tx_ref"])


def _form(booking_id: str, form: str) -> str:
    """Give a booking's record another form; return the one that it had."""
    stage = the_stage(LOCAL)
    told = stage.client("dynamodb").update_item(
        TableName=stage.settings.bookings_table,
        Key={"booking_id": {"S": booking_id}},
        UpdateExpression="SET #form = :form",
        ExpressionAttributeNames={"#form": "schema"},
        ExpressionAttributeValues={":form": {"N": form}},
        ReturnValues="UPDATED_OLD",
    )
    return str(told["Attributes"]["schema"]["N"])


Items = dict[str, list[dict[str, Any]]]


def _tables() -> Items:
    """Every item of the stage's tables."""
    stage = the_stage(LOCAL)
    pages = stage.client("dynamodb").get_paginator("scan")
    return {table: [item for page in pages.paginate(TableName=table) for item in page["Items"]] for table in _names()}


def _names() -> tuple[str, ...]:
    settings = the_stage(LOCAL).settings
    return settings.bookings_table, settings.listings_table, settings.ledger_table


def _put_back(before: Items) -> None:
    """Make the tables what they were, as a restore to that instant does."""
    dynamodb = the_stage(LOCAL).client("dynamodb")
    for table, items in before.items():
        schema = dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
        names = [key["AttributeName"] for key in schema]
        now = _tables()[table]
        were = [{name: item[name] for name in names} for item in items]
        for item in now:
            key = {name: item[name] for name in names}
            if key not in were and not _survives(key):
                dynamodb.delete_item(TableName=table, Key=key)
        for item in items:
            if not _survives(item):
                dynamodb.put_item(TableName=table, Item=item)


def _survives(item: dict[str, Any]) -> bool:
    return any(value.get("S", "").startswith(SURVIVES) for value in item.values())
