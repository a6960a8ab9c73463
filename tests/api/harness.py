"""The API as Lambda runs it, in one process: events in, answers out, over DynamoDB, SQS, SSM and SES made by moto.

Only three things are not the real ones: the clock, which tests move; Chapa, which is a server on the loopback that
answers as a test says; and API Gateway, of which ``World.call`` makes the events. Every answer is held to what the
contract says of all answers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models.table import Table
from moto.ses.models import ses_backends
from moto.sqs.models import sqs_backends

from app import app
from chalicelib import container as composition
from chalicelib import events, settings
from chalicelib.adapters.gateways.chapa.v1 import ChapaV1
from chalicelib.api.core import routing
from chalicelib.domain.booking import SWEEP, Booking
from chalicelib.domain.ids import BookingId
from chalicelib.domain.people.accounts import Account
from chalicelib.domain.refunds import record_refunded
from local.stack.emulator.resources import Resources, create_all
from tests.adapters.chapa_server import KEY, OPENED, PAID, PENDING, Script, Server, Talk, answering, serving
from tests.api.conformance import hold_to_the_document
from tests.builders import NOW, a_listing
from tests.by_moto import answering_by_moto, items_only, tables_in

WEBHOOK_SECRET = "marked-webhook-secret-2026"
PUBLIC_URL = "https://api.guzo.example"
SHOP = "https://shop.example.et"
MAIL_FROM = "bookings@guzo.example"
SECRETS_PATH = "/guzo/tests"

_numbers = itertools.count(1)


class Clock:
    """The time that a test says it is; sleeping takes no time but passes it."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


def answers(status: int, body: object, *, headers: str = "") -> Script:
    """A whole answer, after which the connection stays open, as Chapa's does."""
    return answering(status, body, headers=headers, keep=True)


OPENS = answers(200, OPENED)
CANCELS = answers(200, {"message": "Transaction cancelled", "status": "success", "data": None})

NO_LOG = answers(404, {"message": "Transaction not found", "status": "failed", "data": None})
NO_TRANSACTIONS = answers(200, {"message": "Transactions retrieved", "status": "success", "data": {"transactions": []}})
NO_REFUND = answers(404, {"message": "Refund not found", "status": "failed", "data": None})


@dataclass
class Gateway:
    """What the Chapa of a test does: ``open`` answers initialize, the others the calls of their names."""

    open: Script = OPENS
    verify: Script | None = None
    cancel: Script = CANCELS
    events: Script = NO_LOG
    refund: Script = NO_REFUND
    says: str = "pending"
    changed: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    opened: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __call__(self, talk: Talk) -> object:
        path = talk.request.path.removeprefix("/v1/transaction/")
        self.asked.append(f"{talk.request.method} {path}")
        if path.startswith("/v1/transactions"):
            return NO_TRANSACTIONS(talk)
        if path == "initialize":
            sent = talk.request.json()
            self.opened[sent["tx_ref"]] = sent
            return self.open(talk)
        if path.startswith("cancel/"):
            return self.cancel(talk)
        if path.startswith("events/"):
            return self.events(talk)
        if path.startswith("/v1/refund/"):
            return self.refund(talk)
        if self.verify is not None:
            return self.verify(talk)
        return answers(200, self.word(path.rpartition("/")[2]))(talk)

    def word(self, tx_ref: str) -> dict[str, Any]:
        """What Chapa says of a payment that it opened."""
        recorded = PENDING if self.says == "pending" else PAID
        known = {"tx_ref": tx_ref, "status": self.says, "amount": float(self.opened[tx_ref]["amount"])}
        return recorded | {"data": recorded["data"] | known | self.changed}

    def looks(self) -> int:
        """How often it was asked what became of a payment."""
        return sum(asked.startswith("GET verify/") for asked in self.asked)


@dataclass(frozen=True)
class Person:
    """Somebody with a token."""

    sub: str
    groups: str = ""
    exp: str | None = None

    def claims(self) -> dict[str, str]:
        exp = str(int(time.time()) + 600) if self.exp is None else self.exp
        return {"sub": self.sub, "email": f"{self.sub}@people.example", "groups": self.groups, "exp": exp}


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    headers: dict[str, str]
    text: str
    request_id: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.body["code"])

    def wrong(self) -> dict[str, str]:
        """The field errors of a refused body."""
        return {error["field"]: error["message"] for error in self.body["errors"]}


@dataclass
class World:
    """One test's people, gateway and time, and all that it needs to call the API."""

    container: composition.Container
    resources: Resources
    touched: list[str]
    clock: Clock
    gateway: Gateway
    name: str = field(default_factory=lambda: uuid4().hex[:8])

    def guest(self, who: str = "guest", **claims: Any) -> Person:
        return Person(f"{who}-{self.name}", **claims)

    def host(self, who: str = "host") -> Person:
        return Person(f"{who}-{self.name}", "host")

    def staff(self) -> Person:
        """Somebody with every role."""
        return Person(f"staff-{self.name}", "host operator")

    def operator(self) -> Person:
        return Person(f"operator-{self.name}", "operator")

    def approve(self, needed: Reply) -> Reply:
        """The answer to a second person, who approves what a first one proposed."""
        path = f"/v1/ops/proposals/{needed.body['proposal_id']}/approve"
        return self.call("POST", path, {"note": "Seen."}, by=Person(f"second-{self.name}", "approver"))

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        by: Person | None = None,
        key: str | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        raw: str | bytes | None = None,
        content_type: str | None = "application/json",
        context: Mapping[str, Any] | None = None,
    ) -> Reply:
        """One request. ``raw`` is a body byte for byte; bytes come as API Gateway sends binary bodies.

        ``context`` is what API Gateway says of the request besides.
        """
        sent = {"host": "evil.example", **({"content-type": content_type} if content_type else {})}
        if key is not None:
            sent["idempotency-key"] = key
        if body is not None:
            raw = json.dumps(body)
        many = {name: value if isinstance(value, list) else [str(value)] for name, value in (query or {}).items()}
        route, parameters = _route(method, path)
        request_id = f"{next(_numbers):08}-request"
        event = {
            "httpMethod": method,
            "path": path,
            "resource": route.path,
            "pathParameters": parameters or None,
            "headers": {**sent, **(headers or {})},
            "multiValueHeaders": {},
            "queryStringParameters": {name: values[-1] for name, values in many.items()} or None,
            "multiValueQueryStringParameters": many or None,
            "body": base64.b64encode(raw).decode() if isinstance(raw, bytes) else raw,
            "isBase64Encoded": isinstance(raw, bytes),
            "stageVariables": None,
            "requestContext": {
                "httpMethod": method,
                "resourcePath": route.path,
                "requestId": request_id,
                "path": path,
                "stage": "api",
                "domainName": "abcdef.execute-api.eu-west-1.amazonaws.com",
                "identity": {"sourceIp": "203.0.113.9"},
                **({"authorizer": by.claims()} if by and route.signed_in else {}),
                **(context or {}),
            },
        }
        answer = app(event, None)
        reply = Reply(answer["statusCode"], answer["headers"], answer["body"], request_id)
        if method == "HEAD":
            assert reply.text == ""
            return reply
        _held_to_the_contract(reply, route, path)
        if method == route.method:
            hold_to_the_document(
                route, reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.text
            )
        return reply

    def impatient(self) -> None:
        """From now on the gateway has a moment only to answer."""
        cast(Any, self.container.gateways.named("chapa"))._transport.seconds = 0.5

    # What most tests begin with

    def draft(self, **changes: Any) -> dict[str, Any]:
        """The body of a new listing, in a city of this test's own."""
        price = {"amount": 245000, "currency": "ETB"}
        return {
            "title": "Lake house",
            "description": "A quiet house on the shore.",
            "city": f"Bishoftu {self.name}",
            "time_zone": "Africa/Addis_Ababa",
            "nightly_price": price,
            "units": 4,
            "guests_per_unit": 2,
            "cancellation_policy": "flexible",
        } | changes

    def listing(self, *, by: Person | None = None, **changes: Any) -> dict[str, Any]:
        """A published listing, as everybody reads it."""
        reply = self.call("POST", "/v1/listings", self.draft(**changes), by=by or self.host())
        assert reply.status == 201, reply.text
        made: dict[str, Any] = reply.body
        assert made.pop("warnings") == []
        return made

    def request(self, listing: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """The body of a new booking."""
        contact = {
            "first_name": "Hanna",
            "last_name": "Tesfaye",
            "email": "hanna.tesfaye@gmail.com",
            "phone": "+251 911 22 33 44",
        }
        return {
            "listing_id": listing["listing_id"],
            "check_in": "2027-01-14",
            "check_out": "2027-01-17",
            "units": 1,
            "guests": 2,
            "contact": contact,
        } | changes

    def book(
        self, listing: Mapping[str, Any] | None = None, *, by: Person | None = None, key: str = "first", **changes: Any
    ) -> dict[str, Any]:
        """A booking just made."""
        reply = self.call(
            "POST", "/v1/bookings", self.request(listing or self.listing(), **changes), by=by or self.guest(), key=key
        )
        assert reply.status == 201, reply.text
        made: dict[str, Any] = reply.body
        return made

    def store(self, booking: Booking) -> Booking:
        """Put a booking of the builders into the store as it is, and let half a minute pass after its last change.

        The gateway tells nothing of its payments, so that it stays as it is.
        """
        self.gateway.verify = answers(500, b"")
        self.container.listings.publish(a_listing())
        self.container.bookings.hold(booking, a_listing(), {}, Account())
        self.clock.at = booking.updated_at + timedelta(seconds=30)
        return booking

    def read(self, booking: Mapping[str, Any], *, by: Person | None = None) -> dict[str, Any]:
        """The booking as it is now, for its guest if for nobody else."""
        reply = self.call("GET", f"/v1/bookings/{booking['booking_id']}", by=by or self.guest())
        assert reply.status == 200, reply.text
        found: dict[str, Any] = reply.body
        return found

    def paid(self, booking: Mapping[str, Any], *, by: Person | None = None) -> dict[str, Any]:
        """The booking once its guest paid and the webhook came."""
        self.gateway.says = "success"
        assert self.webhook(booking["payment"]["tx_ref"]).status == 200
        return self.read(booking, by=by)

    def end_refund(self, refund_id: str) -> None:
        """The money of a refund is back with its guest."""
        known = self.container.bookings.load(BookingId(refund_id.partition("-")[0]))
        assert known is not None
        done = record_refunded(known, refund_id, actor=SWEEP, now=self.clock.now())
        self.container.bookings.save(known, done)

    def webhook(self, tx_ref: str, event: str = "charge.success", **headers: str) -> Reply:
        """A signed delivery."""
        return self.deliver(json.dumps({"event": event, "tx_ref": tx_ref, "status": "success"}).encode(), **headers)

    def deliver(self, raw: bytes, *, secret: str = WEBHOOK_SECRET, **headers: str) -> Reply:
        """These bytes, signed with this secret."""
        return self.call(
            "POST",
            "/v1/webhooks/chapa",
            raw=raw.decode() if raw.isascii() else raw,
            headers={"x-chapa-signature": signature(raw, secret), **headers},
        )

    def table(self, name: str) -> list[dict[str, Any]]:
        """Every item of a table."""
        items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=name)["Items"]
        return items

    def stored(self, *, with_trail: bool = True) -> str:
        """All tables as text: the same before and after means that nothing was written; but, if so, for the trail."""
        names = (self.resources.listings_table, self.resources.bookings_table, self.resources.ledger_table)
        tables = [self.table(name) for name in names]
        if not with_trail:
            tables[-1] = [item for item in tables[-1] if not item["book"]["S"].startswith("ACCESSES#")]
        return json.dumps(tables, default=repr, sort_keys=True)

    def messages(self, url: str) -> list[dict[str, Any]]:
        """What waits in a queue; taken out of it."""
        found: list[dict[str, Any]] = []
        sqs = boto3.client("sqs")
        asked: Any = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"]}
        while batch := sqs.receive_message(**asked).get("Messages"):
            found += batch
        return found

    def deliver_letters(self) -> list[str]:
        """Run the consumer of the e-mails' queue over all that waits there; answers whom it wrote to."""
        waiting = self.messages(self.resources.emails_queue_url)
        records = [
            {
                "messageId": each["MessageId"],
                "receiptHandle": "r",
                "body": each["Body"],
                "attributes": each["Attributes"],
                "eventSource": "aws:sqs",
            }
            for each in waiting
        ]
        before = len(_letters())
        context = SimpleNamespace(aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: 60_000)
        assert events.on_emails({"Records": records}, context) == {"batchItemFailures": []}
        return _letters()[before:]


def _letters() -> list[str]:
    sent = ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sent_messages
    return [address for message in sent for address in dict.fromkeys(message.destinations)]


def signature(raw: bytes, secret: str = WEBHOOK_SECRET) -> str:
    return hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def sample(path: str) -> str:
    """A route's path with ids that nothing has."""
    ids = {"booking_id": "GZ4T1B8WCD7K2M9Q", "tx_ref": "GZ4T1B8WCD7K2M9Q-1", "refund_id": "GZ4T1B8WCD7K2M9Q-1-R1"}
    ids |= {
        "proposal_id": "GZ4T1B8WCD7K2M9Q-P1",
        "dispute_id": "GZ4T1B8WCD7K2M9Q-1-D1",
        "entry_id": "1",
        "settlement_id": "0",
        "host_id": "nobody",
        "message_id": "00000000-0000-4000-8000-000000000000",
        "payout_id": "0",
    }
    return path.format(
        **ids,
        listing_id="lst_0000000000000000",
        file="console.css" if path.startswith("/console/") else "docs.css",
        sub="nobody",
        item_id=f"orphan.{ids['tx_ref']}",
    )


def _route(method: str, path: str) -> tuple[routing.Route, dict[str, str]]:
    """As API Gateway finds it: a path that is spelled out before one with parameters.

    A method that the path does not have meets another route of the path: `chalice local` lets it through to the app.
    """
    found = []
    for route in sorted(routing.ROUTES, key=lambda route: (route.path.count("{"), method not in route.methods)):
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", route.path)
        if match := re.fullmatch(pattern, path):
            found.append((route, match.groupdict()))
    return next((each for each in found if method in each[0].methods), found[0])


PROBLEM = {"type", "title", "status", "detail", "instance", "code", "retryable", "errors"}
EXTRA = {
    "dates_unavailable": {"nights"},
    "price_changed": {"total"},
    "data_still_needed": {"matters"},
    "second_person_needed": {"proposal_id"},
}
MAY_BE_THERE = {"dates_unavailable": {"your_booking_id"}}


def _held_to_the_contract(reply: Reply, route: routing.Route, path: str) -> None:
    """What is true of every answer."""
    headers = {name.lower(): value for name, value in reply.headers.items()}
    assert len(headers) == len(reply.headers), "a header stands there twice"
    assert headers["x-request-id"] == reply.request_id
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers
    exposed = {"ETag", "Location", "Retry-After", "X-Request-Id", "Idempotent-Replayed"}
    assert set(headers["access-control-expose-headers"].split(", ")) == exposed
    allowed = {"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Accept-Language"}
    assert set(headers["access-control-allow-headers"].split(", ")) == allowed
    kept = "public, max-age=30" if route.cached and reply.status in (200, 304) else "no-store"
    assert headers["cache-control"] == ("public, max-age=86400" if "swagger-ui" in path else kept)
    assert headers["x-content-type-options"] == "nosniff"
    if headers.get("content-type", "").startswith("text/") or reply.status == 303:
        return
    if reply.status in (204, 304):
        assert (reply.text, headers.get("content-type")) == ("", None)
        return
    if reply.status < 400:
        assert headers["content-type"] == "application/json"
        json.loads(reply.text)
        return
    assert headers["content-type"] == "application/problem+json"
    problem = reply.body
    members = set(problem) - MAY_BE_THERE.get(problem["code"], set())
    assert members == PROBLEM | EXTRA.get(problem["code"], set())
    assert problem["status"] == reply.status
    assert problem["instance"] == path.encode(errors="replace").decode()
    assert all(problem[name] for name in ("type", "title", "detail", "code"))
    assert isinstance(problem["retryable"], bool)
    assert all(set(error) == {"field", "message"} for error in problem["errors"])
    assert ("retry-after" in headers) <= (reply.status in (409, 429, 503))


@dataclass
class Stack:
    """What all tests of this package share."""

    resources: Resources
    server: Server
    container: composition.Container
    touched: list[str]

    def world(self) -> World:
        """A fresh clock and a fresh gateway; the tables and the queues are empty."""
        for table in tables_in("eu-west-1").values():
            table.items.clear()
        queues = sqs_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"]
        for name, queue in queues.queues.items():
            queue.last_purged_at = None  # a minute must pass between two, even here
            queues.purge_queue(name)
        world = World(self.container, self.resources, self.touched, Clock(), Gateway())
        self.server.scripts[:] = [world.gateway]
        self.container.clock = world.clock  # type: ignore[assignment]
        cast(Any, self.container.gateways.named("chapa"))._transport.seconds = 12.0
        self.touched.clear()
        return world


@contextmanager
def running() -> Iterator[Stack]:
    """The whole stack, and nothing of it left behind."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch, serving(answering(500, b"")) as server:
        patch.setattr(Table, "__deepcopy__", items_only, raising=False)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        resources = create_all(f"api-{uuid4().hex[:6]}")
        environment = resources.environment() | {
            "GUZO_STAGE": "local",
            "SECRETS_PATH": SECRETS_PATH,
            "PUBLIC_URL": PUBLIC_URL,
            "MAIL_FROM": MAIL_FROM,
            "RETURN_ORIGINS": f"{SHOP} http://localhost:3000",
            "OIDC_ISSUER": "https://issuer.example",
            "OIDC_CLIENT_ID": "guzo-web",
            "CHAPA_BASE_URL": server.url,
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        for name, value in {
            "chapa_secret_key": KEY,
            "chapa_webhook_secret": WEBHOOK_SECRET,
            "search/key": "x" * 32,
        }.items():
            boto3.client("ssm").put_parameter(Name=f"{SECRETS_PATH}/{name}", Value=value, Type="SecureString")
        boto3.client("ses").verify_email_identity(EmailAddress=MAIL_FROM)
        settings.settings.cache_clear()
        container = composition.Container(settings.settings())
        patch.setattr(composition, "_container", container)
        touched: list[str] = []
        patch.setattr("chalicelib.adapters.direct.URLLib3Session", answering_by_moto(touched))
        cast(Any, container.gateways)._built["chapa"] = ChapaV1(server.url, container.secrets, sleep=lambda _: None)
        yield Stack(resources, server, container, touched)
    settings.settings.cache_clear()
