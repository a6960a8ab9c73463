"""One client of `throughput.py`: a process that books as it is told, ``COUNT SHAPE ROUND`` a line, and says ``done``.

``python -m benchmarks.booker MODULE:HANDLER NAME LISTINGS``: it hands API Gateway's events to a function's handler, as
Lambda would; or, for ``bare``, it sends the transaction of a hold, and nothing else, with botocore.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Callable
from typing import Any

from benchmarks.events import a_booking


def of_handler(name: str) -> Callable[[str], None]:
    """Books a listing through a function's handler."""
    module, _, handler = name.partition(":")
    function = getattr(__import__(module), handler)

    class Context:
        function_name = "guzo"
        function_version = "1"
        memory_limit_in_mb = 512
        invoked_function_arn = "arn:aws:lambda:eu-central-1:0:function:guzo"
        aws_request_id = "00000000-0000-4000-8000-000000000000"

        def get_remaining_time_in_millis(self) -> int:
            return 28_000

    def book(listing_id: str) -> None:
        answer = function(a_booking(listing_id, f"g{uuid.uuid4().hex[:12]}", "k"), Context())
        if answer["statusCode"] != 201:
            raise SystemExit(f"{name} answered {answer}")

    return book


def bare() -> Callable[[str], None]:
    """Sends a hold's transaction, with the conditions and index attributes of ours, for a month of nobody's listing."""
    import botocore.session
    from botocore.config import Config

    config = Config(parameter_validation=False, user_agent="bare")
    client = botocore.session.get_session().create_client("dynamodb", config=config)
    listings, bookings = os.environ["LISTINGS_TABLE"], os.environ["BOOKINGS_TABLE"]

    def send(listing_id: str) -> None:
        booking_id, now = f"GZ{uuid.uuid4().hex[:14]}", "2027-01-01T00:00:00.000Z"
        text = {
            "booking_id": booking_id, "guest_id": booking_id, "created": now, "listing_id": listing_id, "due_at": now,
            "stay_key": f"2027-01-14#{booking_id}", "due_shard": "0", "day": "2027-01-01#0",
            "status": "pending_payment", "email_key": booking_id, "phone_key": booking_id, "name_key": booking_id,
        }  # fmt: skip
        item = {**{name: {"S": value} for name, value in text.items()}, "record": {"B": os.urandom(600)}}
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
            "Key": {"listing_id": {"S": f"bare-{listing_id}"}, "part": {"S": "MONTH#2027-01"}},
            "UpdateExpression": "ADD " + ", ".join(f"{day} :units" for day in days),
            "ConditionExpression": " AND ".join(f"(attribute_not_exists({day}) OR {day} <= :room)" for day in days),
            "ExpressionAttributeValues": {":units": {"N": "1"}, ":room": {"N": "100000"}},
        }
        client.transact_write_items(TransactItems=[{"Put": put}, {"Update": account}, {"Update": month}])

    return send


def main() -> None:
    name, listings = sys.argv[1], json.loads(sys.argv[2])
    told, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - its log lines are nobody's
    work: Any = bare() if name == "bare" else of_handler(name)
    work(listings[0])
    told.write("ready\n")
    told.flush()
    place = os.getpid()
    for line in sys.stdin:
        count, shape, number = line.split()
        hot = listings[int(number) % len(listings)]  # another one each round: each has room for a thousand
        for _ in range(int(count)):
            place += 1
            work(listings[place % len(listings)] if shape == "broad" else hot)
        told.write("done\n")
        told.flush()


if __name__ == "__main__":
    main()
