"""Warm path: processor time of a POST /v1/bookings in a warm process, against raw botocore making the same calls.

Our side is everything between API Gateway's event and its answer: routing, validation, prices, the aggregate, five
calls of DynamoDB through PynamoDB, one of Chapa, two log lines and a metric. The peer replays just the calls, with
the parameters that ours were recorded with: botocore without parameter validation, and requests for the gateway's.
Both talk to canned answers on the loopback, over connections that stay open.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.measuring import in_rounds, print_ratios
from benchmarks.stub import Answers, canned

CALLS = 40
"""Calls in each measurement."""
LISTING = "lst_4T1B8WCD7K2M9Q0Z"


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    rounds = int(arguments[0]) if arguments else 15
    with canned(_answers()) as address:
        _settle_in(address)
        recorded = _record()
        replay = _replay(recorded, address)
        cases = {
            "raw calls": lambda: _timed(lambda _: replay()),
            "POST /v1/bookings": lambda: _timed(_book),
            "GET /health": lambda: _timed(lambda _: _call("GET", "/health")),
        }
        made = ", ".join(operation for operation, _ in recorded)
        print(f"Calls of DynamoDB: {made}; and one of the gateway.\n")
        print_ratios(in_rounds(cases, rounds=rounds), base="raw calls", unit=0.001 * CALLS, unit_name="ms a call")


def _timed(work: Any) -> float:
    with redirect_stdout(io.StringIO()):
        began = time.process_time()
        for number in range(CALLS):
            work(number)
        return time.process_time() - began


def _settle_in(address: str) -> None:
    """This process becomes a warm Lambda whose AWS and gateway are the stub."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": address,
        "NO_PROXY": "127.0.0.1",
        "GUZO_STAGE": "dev",
        "LISTINGS_TABLE": "listings",
        "BOOKINGS_TABLE": "bookings",
        "LEDGER_TABLE": "ledger",
        "RECONCILE_QUEUE_URL": f"{address}/0/reconcile",
        "EMAILS_QUEUE_URL": f"{address}/0/emails",
        "SECRETS_PATH": "/guzo/dev",
        "CHAPA_BASE_URL": f"{address}/v1",
        "PUBLIC_URL": "https://api.guzo.example",
    }


def _answers() -> Answers:
    from chalicelib.adapters.dynamodb.records import encode_listing
    from chalicelib.domain.ids import ListingId, PersonId
    from chalicelib.domain.listing import Listing
    from chalicelib.domain.money import Money

    now = datetime.now(UTC)
    listing = Listing(
        listing_id=ListingId(LISTING),
        host_id=PersonId("host-1"),
        host_email="host-1@guzo.example",
        title="Lake house",
        description="On the shore of Lake Tana, with a garden.",
        city="Bahir Dar",
        address="",
        time_zone="Africa/Addis_Ababa",
        nightly_price=Money(245000, "ETB"),
        units=1000,
        guests_per_unit=2,
        cancellation_policy="flexible",
        created_at=now,
        updated_at=now,
    )
    item = {
        "listing_id": {"S": LISTING},
        "part": {"S": "LISTING"},
        "schema": {"N": "1"},
        "version": {"N": "1"},
        "status": {"S": "open"},
        "body": {"S": encode_listing(listing)},
    }
    salt = {"booking_id": {"S": "SALT"}, "salt": {"B": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}
    secrets = [
        {"Name": "/guzo/dev/chapa_secret_key", "Value": "CHASECK_TEST-benchmark"},
        {"Name": "/guzo/dev/chapa_webhook_secret", "Value": "benchmark"},
    ]
    opened = {"message": "Hosted Link", "status": "success", "data": {"checkout_url": "https://checkout.chapa.co/x"}}
    return {
        "DynamoDB_20120810.GetItem": {'"SALT"': {"Item": salt}, "": {}},
        "DynamoDB_20120810.BatchGetItem": {"": {"Responses": {"listings": [item]}, "UnprocessedKeys": {}}},
        "DynamoDB_20120810.TransactWriteItems": {"": {}},
        "DynamoDB_20120810.PutItem": {"": {}},
        "AmazonSSM.GetParametersByPath": {"": {"Parameters": secrets}},
        "/v1/transaction/initialize": {"": opened},
    }


def _record() -> list[tuple[str, dict[str, Any]]]:
    """The DynamoDB calls of one booking, with their parameters."""
    from chalicelib import container as composition

    calls: list[tuple[str, dict[str, Any]]] = []

    def record(params: dict[str, Any], model: Any, **_: object) -> None:
        calls.append((model.name, dict(params)))

    with redirect_stdout(io.StringIO()):
        _book(0)  # the first one reads salt and secrets too
        events = composition.container()._connection.client.meta.events
        events.register("provide-client-params.dynamodb", record)
        _book(1)
        events.unregister("provide-client-params.dynamodb", record)
    return calls


def _replay(calls: list[tuple[str, dict[str, Any]]], address: str) -> Any:
    import botocore.session
    import requests
    from botocore.config import Config

    client = botocore.session.get_session().create_client("dynamodb", config=Config(parameter_validation=False))
    http = requests.Session()
    http.trust_env = False
    sent = json.dumps({"amount": "7350.00", "currency": "ETB", "tx_ref": "GZ4T1B8WCD7K2M9Q-1"})

    def replay() -> None:
        for operation, params in calls:
            client._make_api_call(operation, params)
        http.post(f"{address}/v1/transaction/initialize", data=sent, timeout=5).json()

    return replay


def _book(number: int) -> None:
    check_in = datetime.now(UTC).date() + timedelta(days=30)
    request = {
        "listing_id": LISTING,
        "check_in": check_in.isoformat(),
        "check_out": (check_in + timedelta(days=3)).isoformat(),
        "units": 1,
        "guests": 2,
        "contact": {
            "first_name": "Hanna",
            "last_name": "Tesfaye",
            "email": "hanna.tesfaye@gmail.com",
            "phone": "0911223344",
        },
    }
    _call("POST", "/v1/bookings", json.dumps(request), expect=201, **{"Idempotency-Key": f"benchmark-{number}"})


def _call(method: str, path: str, body: str | None = None, *, expect: int = 200, **headers: str) -> None:
    from app import app

    claims = {"sub": "guest-1", "email": "", "groups": "", "exp": str(int(time.time()) + 600)}
    event = {
        "httpMethod": method,
        "path": path,
        "resource": path,
        "pathParameters": None,
        "headers": {"content-type": "application/json", **headers},
        "multiValueHeaders": {},
        "multiValueQueryStringParameters": None,
        "body": body,
        "isBase64Encoded": False,
        "stageVariables": None,
        "requestContext": {
            "httpMethod": method,
            "resourcePath": path,
            "requestId": "benchmark",
            "path": path,
            "stage": "api",
            "identity": {"sourceIp": "203.0.113.9"},
            "authorizer": claims,
        },
    }
    answer = app(event, None)
    if answer["statusCode"] != expect:
        raise SystemExit(f"{method} {path} was answered {answer['statusCode']}: {answer['body']}")


if __name__ == "__main__":
    main(sys.argv[1:])
