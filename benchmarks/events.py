"""Fill a world with listings and bookings, and print the events that the benchmarks hand to functions, as JSON.

Run with the environment of a world and a package on its path: this process is a function of the stage itself, and
makes what the measured ones find. Each kind of event stands there ``MANY`` times, each for a guest of its own.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import io
import json
import os
import ssl
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

MANY = 40
LISTINGS = 20
CITY = "Bahir Dar"
IN_A_MONTH = datetime.now(UTC).date().replace(day=10) + timedelta(days=31)


def http(method: str, path: str, *, route: str = "", sub: str = "", groups: str = "", **told: Any) -> dict[str, Any]:
    """API Gateway's event for one request, after its authorizer."""
    route = route or path
    names = [part.strip("{}") for part in route.split("/") if part.startswith("{")]
    values = [part for part, name in zip(path.split("/"), route.split("/"), strict=True) if name.startswith("{")]
    query = told.get("query") or {}
    context = {
        "httpMethod": method,
        "resourcePath": route,
        "requestId": "00000000-0000-4000-8000-000000000000",
        "path": path,
        "stage": "api",
        "domainName": "api.guzo.example",
        "identity": {"sourceIp": "203.0.113.9"},
    }
    if sub:
        context["authorizer"] = {"sub": sub, "email": "", "groups": groups, "exp": str(int(time.time()) + 3600)}
    headers = {"host": "api.guzo.example", "content-type": "application/json", **told.get("headers", {})}
    return {
        "httpMethod": method,
        "path": path,
        "resource": route,
        "pathParameters": dict(zip(names, values, strict=True)) or None,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "body": told.get("body"),
        "isBase64Encoded": False,
        "stageVariables": None,
        "requestContext": context,
    }


def a_booking(listing_id: str, guest: str, key: str) -> dict[str, Any]:
    body = {
        "listing_id": listing_id,
        "check_in": IN_A_MONTH.isoformat(),
        "check_out": (IN_A_MONTH + timedelta(days=3)).isoformat(),
        "units": 1,
        "guests": 2,
        "contact": {
            "first_name": "Hanna",
            "last_name": "Tesfaye",
            "email": f"{guest}@gmail.com",
            "phone": "0911223344",
        },
        "language": "en",
    }
    return http("POST", "/v1/bookings", sub=guest, body=json.dumps(body), headers={"Idempotency-Key": key})


def a_webhook(tx_ref: str) -> dict[str, Any]:
    body = json.dumps({"event": "charge.success", "tx_ref": tx_ref, "status": "success", "reference": "APqDvVJQ0vPJ"})
    signature = hmac.new(b"benchmark", body.encode(), hashlib.sha256).hexdigest()
    return http("POST", "/v1/webhooks/chapa", body=body, headers={"x-chapa-signature": signature})


def a_message(body: str, queue: str) -> dict[str, Any]:
    """What SQS hands to a consumer."""
    record = {
        "messageId": hashlib.sha256(body.encode()).hexdigest()[:32],
        "receiptHandle": "x",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-central-1:0:guzo-{queue}",
        "awsRegion": "eu-central-1",
    }
    return {"Records": [record]}


def an_authorization() -> dict[str, Any]:
    """What API Gateway asks its authorizer, with a token of the world's issuer."""
    issuer = urlsplit(os.environ["OIDC_ISSUER"])
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connection = HTTPSConnection(str(issuer.hostname), issuer.port, context=trusting)
    connection.request("POST", "/token", json.dumps({"sub": "guest-1"}), {"Content-Type": "application/json"})
    token = json.load(connection.getresponse())["token"]
    arn = "arn:aws:execute-api:eu-central-1:0:api/api/GET/v1/bookings"
    return {"type": "TOKEN", "methodArn": arn, "authorizationToken": f"Bearer {token}"}


def main() -> None:
    import app as guzo

    def call(event: dict[str, Any], expect: int) -> dict[str, Any]:
        with contextlib.redirect_stdout(io.StringIO()):
            answer = guzo.app(event, None)
        if answer["statusCode"] != expect:
            raise SystemExit(f"{event['path']} was answered {answer}")
        found: dict[str, Any] = json.loads(answer["body"] or "{}")
        return found

    def publish(number: int) -> str:
        listing = {
            "title": f"Lake house {number}",
            "description": "On the shore of Lake Tana, with a garden.",
            "city": CITY,
            "time_zone": "Africa/Addis_Ababa",
            "nightly_price": {"amount": 245000 + 1000 * number, "currency": "ETB"},
            "units": 1000,
            "guests_per_unit": 2,
            "cancellation_policy": "flexible",
        }
        headers = {"Idempotency-Key": f"listing-{number}"}
        event = http("POST", "/v1/listings", sub="host-1", groups="host", body=json.dumps(listing), headers=headers)
        return str(call(event, 201)["listing_id"])

    listings = [publish(number) for number in range(LISTINGS)]
    first = listings[0]
    made = [call(a_booking(first, f"guest-{number}", "prepared"), 201) for number in range(3 * MANY)]
    unpaid, confirmed, seen = made[:MANY], made[MANY : 2 * MANY], made[2 * MANY :]
    for booking in confirmed:
        call(a_webhook(booking["payment"]["tx_ref"]), 200)
    looked_at = http(
        "GET",
        f"/v1/bookings/{confirmed[0]['booking_id']}",
        route="/v1/bookings/{booking_id}",
        sub=f"guest-{MANY}",
    )
    if (status := call(looked_at, 200)["status"]) != "confirmed":
        raise SystemExit(f"A paid booking is {status}")
    dates = {"check_in": IN_A_MONTH.isoformat(), "check_out": (IN_A_MONTH + timedelta(days=3)).isoformat()}
    token = base64.urlsafe_b64encode(b"x").decode()
    events: dict[str, list[dict[str, Any]]] = {
        "GET listing": [
            {"event": http("GET", f"/v1/listings/{first}", route="/v1/listings/{listing_id}"), "expect": 200}
        ]
        * MANY,
        "POST booking": [{"event": a_booking(first, f"new-{n}", "measured"), "expect": 201} for n in range(MANY)],
        "webhook": [{"event": a_webhook(each["payment"]["tx_ref"]), "expect": 200} for each in unpaid],
        "GET booking": [
            {
                "event": http(
                    "GET",
                    f"/v1/bookings/{each['booking_id']}",
                    route="/v1/bookings/{booking_id}",
                    sub=f"guest-{2 * MANY + number}",
                ),
                "expect": 200,
            }
            for number, each in enumerate(seen)
        ],
        "search": [{"event": http("GET", "/v1/listings", query={"city": CITY}), "expect": 200}] * MANY,
        "search with dates": [{"event": http("GET", "/v1/listings", query={"city": CITY, **dates}), "expect": 200}]
        * MANY,
        "health": [{"event": http("GET", "/health"), "expect": 200}] * MANY,
        "letters": [
            {
                "event": a_message(
                    json.dumps({"booking_id": each["booking_id"], "entries": ["1", "2", "3"], "request_id": token}),
                    "emails",
                ),
                "expect": None,
            }
            for each in confirmed
        ],
    }
    events["authorizer"] = [{"event": an_authorization(), "expect": "guest-1"}] * MANY
    _publish_for_peers(first)
    for peer in PEERS:
        events |= _of_peer(peer, first)
    print(json.dumps(events))


PEERS = ("fastapi", "powertools", "django")


def _publish_for_peers(listing_id: str) -> None:
    """The same listing as the peers keep it: plain JSON in one attribute."""
    import botocore.session

    body = {**PEER_LISTING, "listing_id": listing_id}
    item = {"listing_id": {"S": listing_id}, "part": {"S": "PEER"}, "body": {"S": json.dumps(body)}}
    client = botocore.session.get_session().create_client("dynamodb", verify=os.environ["WORLD_AUTHORITY"])
    client.put_item(TableName=os.environ["LISTINGS_TABLE"], Item=item)


PEER_LISTING = {
    "title": "Lake house",
    "description": "On the shore of Lake Tana, with a garden.",
    "city": CITY,
    "time_zone": "Africa/Addis_Ababa",
    "nightly_price": {"amount": 245000, "currency": "ETB"},
    "units": 1000,
    "guests_per_unit": 2,
}


def _of_peer(peer: str, listing_id: str) -> dict[str, list[dict[str, Any]]]:
    """A peer's events; those that are prepared make the bookings that its webhooks are about."""

    def guests(kind: str) -> list[str]:
        return [f"{peer}-{kind}-{number}" for number in range(MANY)]

    def tx_ref(guest: str) -> str:
        return "GZ" + hashlib.sha256(f"{guest} k".encode()).hexdigest()[:14].upper() + "-1"

    read = http("GET", f"/v1/listings/{listing_id}", route="/v1/listings/{listing_id}")
    return {
        f"{peer} GET listing": [{"event": read, "expect": 200}] * MANY,
        f"{peer} prepare": [{"event": a_booking(listing_id, guest, "k"), "expect": 201} for guest in guests("old")],
        f"{peer} POST booking": [
            {"event": a_booking(listing_id, guest, "k"), "expect": 201} for guest in guests("new")
        ],
        f"{peer} webhook": [{"event": a_webhook(tx_ref(guest)), "expect": 200} for guest in guests("old")],
    }


if __name__ == "__main__":
    main()
