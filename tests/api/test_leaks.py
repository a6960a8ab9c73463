"""Marked values through every path of every gateway, the ones that fail too; then all that left is looked through.

All that left: log lines and metrics, problem documents, the guest's page, a payment's events, what is kept as a
booking's history, and messages in the queues. (That its own guest sees a booking's contact is no leak.)
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chalicelib import container as composition
from chalicelib import events
from chalicelib.adapters.gateways.chapa.v1 import ChapaV1
from chalicelib.adapters.gateways.chapa.v2 import ChapaV2
from chalicelib.adapters.gateways.paystack.gateway import Paystack
from chalicelib.domain.ids import BookingId
from chalicelib.services.ports.gateways import Gateway
from chalicelib.services.ports.mail import MailBusy, MailRefused
from chalicelib.services.ports.outcomes import Fault, StoreBusy
from tests.adapters.chapa_server import OPENED, PAID, Keys, Script, Talk, failed, serving
from tests.adapters.shapes import (
    PAYSTACK_OPENED,
    PAYSTACK_PAID,
    PAYSTACK_REFUND,
    V2_OPENED,
    V2_PAID,
    changed,
    paystack_refusal,
    v2_error,
)
from tests.api.harness import SHOP, Person, Reply, World, answers
from tests.replacing import replace

MARKS = {
    "first_name": "Markfirst",
    "last_name": "Marklast",
    "email": "marked.mailbox@gmail.com",
    "phone": "0911987654",
}
WEBHOOK_SECRET = "marked-webhook-secret"
PERSONAL = (*MARKS.values(), "251911987654", "911987654", "marked", "Markedhouse")
AT_THE_GATEWAY = {**MARKS, "mobile": "251911987654", "card": "marked-card"}


@dataclass(frozen=True)
class Case:
    """A gateway: how it is made, what it says, and the names it has for our reference and for a state."""

    name: str
    key: str
    make: Callable[[str, Keys], Gateway]
    currency: str
    opened: dict[str, Any]
    paid: dict[str, Any]
    reference: str
    pending: str
    refusals: tuple[tuple[int, object], ...]
    header: str
    digest: Any
    event: str

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.key, WEBHOOK_SECRET, "CHASECK", "CHAPA_TEST_P", "sk_test_m")

    def signed(self, raw: bytes, *, wrongly: bool = False) -> dict[str, str]:
        secret = self.key if self.name == "paystack" else WEBHOOK_SECRET
        signature = hmac.new(secret.encode(), raw + b" " * wrongly, self.digest).hexdigest()
        return {self.header: signature, "Chapa-Signature": f"{signature}-marked"}

    def webhook_claim(self, tx_ref: str) -> bytes:
        data = {self.reference: tx_ref, "status": "success", **AT_THE_GATEWAY, "customer": MARKS}
        return json.dumps({"event": self.event, **data, "data": data}).encode()


V1_KEY, V2_KEY, PAYSTACK_KEY = "CHASECK_TEST-marked-key", "CHAPA_TEST_PRIV_marked-key", "sk_test_marked-key"
QUOTED = f"{MARKS['email']} of Markfirst Marklast, 0911987654, is marked"
CASES = {
    "v1": Case(
        "chapa",
        V1_KEY,
        lambda url, keys: ChapaV1(url, keys, sleep=lambda _: None),
        "ETB",
        OPENED,
        PAID,
        "tx_ref",
        "pending",
        ((400, failed({"email": [QUOTED], MARKS["phone"]: QUOTED, V1_KEY: [V1_KEY]})), (400, failed(QUOTED))),
        "x-chapa-signature",
        hashlib.sha256,
        "charge.success",
    ),
    "v2": Case(
        "chapa",
        V2_KEY,
        lambda url, keys: ChapaV2(url, keys, sleep=lambda _: None),
        "ETB",
        V2_OPENED,
        V2_PAID,
        "merchant_reference",
        "PENDING",
        (
            (400, v2_error("INVALID_VALUE", QUOTED, {"customer.email": [QUOTED], V2_KEY: [V2_KEY]})),
            (400, v2_error("INVALID_VALUE", f"{V2_KEY} is not for {MARKS['first_name']}")),
        ),
        "x-chapa-signature",
        hashlib.sha256,
        "payment.success",
    ),
    "paystack": Case(
        "paystack",
        PAYSTACK_KEY,
        lambda url, keys: Paystack(url, keys, sleep=lambda _: None),
        "KES",
        PAYSTACK_OPENED,
        PAYSTACK_PAID,
        "reference",
        "abandoned",
        (
            (400, paystack_refusal(f"Email {QUOTED}", "missing_params", marked=PAYSTACK_KEY)),
            (400, paystack_refusal(f"The key {PAYSTACK_KEY} is not for this amount")),
        ),
        "x-paystack-signature",
        hashlib.sha512,
        "charge.success",
    ),
}


@dataclass
class Double:
    """The gateway's server: it opens, and then says ``says`` of all payments, unless it ``breaks``."""

    case: Case
    says: str = "pending"
    breaks: Script | None = None
    amounts: dict[str, Any] = field(default_factory=dict)

    def __call__(self, talk: Talk) -> object:
        if self.breaks is not None:
            return self.breaks(talk)
        return answers(200, self._answer(talk))(talk)

    def _answer(self, talk: Talk) -> object:
        path = talk.request.path
        if talk.request.method == "PUT":
            return {"message": "Checkout link expired successfully", "status": "success", "data": AT_THE_GATEWAY}
        if "refund" in path:
            return PAYSTACK_REFUND if self.case.name == "paystack" else {"status": "success", "data": {"ref_id": "R1"}}
        if talk.request.method == "POST":
            sent = talk.request.json()
            self.amounts[sent[self.case.reference]] = sent["amount"]
            return self.case.opened
        tx_ref = next(tx_ref for tx_ref in self.amounts if tx_ref in path)
        amount, more = self.amounts[tx_ref], {self.case.reference: tx_ref, "customer": MARKS, **AT_THE_GATEWAY}
        if self.case.name == "paystack":
            more |= {"requested_amount": amount, "currency": "KES"}
        word = self.case.pending if self.says == "pending" else self.case.paid["data"]["status"]
        return changed(self.case.paid, amount=amount, status=word, **more)


@dataclass
class Watched:
    """A world of one gateway, in which every answer that strangers may see is kept."""

    world: World
    case: Case
    double: Double
    guest: Person
    shown: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, body: object = None, **how: Any) -> Reply:
        reply = self.world.call(method, path, body, **how)
        if reply.status < 400 and path.endswith("/events"):
            self.shown.append(json.dumps(self._for_strangers(reply.body["items"], by=how["by"])))
        elif path.startswith("/pay/"):
            # It says which place is paid for: whoever has its address has the guest's link to the payment as well.
            self.shown.append(reply.text.replace("Markedhouse", ""))
        elif reply.status >= 400:
            self.shown.append(reply.text)
        self.shown += [str(value) for value in reply.headers.values()]
        return reply

    @staticmethod
    def _for_strangers(events: list[dict[str, Any]], *, by: Person) -> list[dict[str, Any]]:
        """The events without the names of those who acted, which operators may read, and nobody else."""
        who = [{name: event.pop(name) for name in ("by", "by_name") if name in event} for event in events]
        assert any(who) is ("operator" in by.groups)
        return events

    def book(self, key: str, **more: Any) -> dict[str, Any]:
        price = {"amount": 245000, "currency": self.case.currency}
        names: dict[str, Any] = {"title": "Markedhouse", "description": "Marked words", "address": "Marked Road 7"}
        listing = self.world.listing(nightly_price=price, **names)
        request = self.world.request(listing, contact=MARKS, return_url=f"{SHOP}/hushed?hushed=1", **more)
        reply = self.call("POST", "/v1/bookings", request, by=self.guest, key=f"marked-{key}")
        assert reply.status == 201, reply.text
        booking: dict[str, Any] = reply.body
        self.shown.append(json.dumps(booking["payment"].get("problem")))
        return booking

    def deliver(self, raw: bytes, *, wrongly: bool = False) -> Reply:
        headers = self.case.signed(raw, wrongly=wrongly)
        return self.call("POST", f"/v1/webhooks/{self.case.name}", raw=raw, headers=headers)

    def paths(self, booking: dict[str, Any], *people: Person) -> None:
        """Every call about a booking, by these people."""
        tx_ref, booking_id = booking["payment"]["tx_ref"], booking["booking_id"]
        calls: list[tuple[str, str, Any]] = [
            ("GET", f"/v1/bookings/{booking_id}", None),
            ("POST", f"/v1/bookings/{booking_id}/payments", {}),
            ("GET", f"/v1/payments/{tx_ref}", None),
            ("POST", f"/v1/payments/{tx_ref}/verify", {}),
            ("GET", f"/pay/{tx_ref}", None),
            ("POST", f"/pay/{tx_ref}", None),
            ("GET", f"/v1/payments/{self.case.name}/callback", None),
            *([("GET", f"/v1/payments/chapa/callback/{tx_ref}", None)] if self.case.name == "chapa" else []),
            ("POST", f"/v1/payments/{tx_ref}/refunds", {"reason": "Half of it.", "amount": 1}),
            ("POST", f"/v1/ops/payments/{tx_ref}/resolve", {"as": "refund", "note": "As agreed."}),
            ("POST", f"/v1/ops/refunds/{tx_ref}-R1/resolve", {"as": "post_again", "note": "As agreed."}),
            ("GET", "/v1/ops/attention", None),
            ("POST", f"/v1/bookings/{booking_id}/end-stay", {"as": "no_show", "note": "As agreed."}),
            ("POST", f"/v1/bookings/{booking_id}/cancel", {"reason": "As agreed."}),
            ("GET", f"/v1/payments/{tx_ref}/events", None),
        ]
        token = {"authorization": "Bearer marked.token.value", "cookie": "marked=1", "user-agent": "marked"}
        query = {self.case.reference: tx_ref, "status": "marked", "email": MARKS["email"]}
        for method, path, body in calls:
            for person in people:
                asked = query if path.endswith("callback") else None
                self.call(method, path, body, by=person, key="marked-key", headers=token, query=asked)

    def work(self, booking: dict[str, Any]) -> None:
        """The consumer of the clock takes this booking up."""
        task = {"booking_id": booking["booking_id"], "tx_ref": booking["payment"]["tx_ref"], "request_id": "r"}
        record = {
            "messageId": "m",
            "receiptHandle": "r",
            "body": json.dumps(task),
            "attributes": {"ApproximateReceiveCount": "1"},
            "eventSource": "aws:sqs",
        }
        events.on_tasks({"Records": [record, record | {"body": "marked " + MARKS["email"]}]}, CONTEXT)


CONTEXT = SimpleNamespace(aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: 60_000)


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def watched(world: World, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    case: Case = request.param
    double = Double(case)
    keys = Keys(chapa_secret_key=case.key, paystack_secret_key=case.key, chapa_webhook_secret=WEBHOOK_SECRET)
    stage = replace(world.container.settings, gateways={case.currency: case.name})
    with serving(double) as server:
        gateways = composition.StageGateways(stage, keys)
        cast(Any, gateways)._built[case.name] = case.make(server.url, keys)
        monkeypatch.setattr(world.container, "gateways", gateways)
        monkeypatch.setattr(world.container, "settings", stage)
        yield Watched(world, case, double, Person("guest-markedperson"))


def raising(error: Exception) -> Callable[..., Any]:
    def raises(*_: Any, **__: Any) -> None:
        raise error

    return raises


def test_nothing_that_is_personal_or_secret_leaves(
    watched: Watched, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="urllib3")
    world, case, double = watched.world, watched.case, watched.double
    made = [watched.book("paid")]
    raw = case.webhook_claim(made[0]["payment"]["tx_ref"])
    for wrongly in (True, False):
        watched.deliver(raw, wrongly=wrongly)
    double.says = "paid"
    world.clock.forward(seconds=10)
    watched.deliver(raw)
    assert world.read(made[0], by=watched.guest)["status"] == "confirmed", "the test goes all the way"

    troubles: list[Exception] = [MailBusy(QUOTED), MailRefused(QUOTED), ValueError(QUOTED)]
    for error in troubles:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(world.container.mailer, "send", raising(error))
            booking = watched.book(type(error).__name__)
            double.says = "paid"
            watched.deliver(case.webhook_claim(booking["payment"]["tx_ref"]))
            world.deliver_letters()
            made.append(booking)
    watched.paths(made[0], watched.guest, world.operator(), Person("guest-marked-stranger"))
    watched.work(made[0])

    html = f"<html>{QUOTED} {case.key}</html>".encode()
    broken = [(500, html), (401, html), (403, {"message": case.key}), (429, html), (200, html), *case.refusals]
    for number, (status, body) in enumerate(broken):
        double.breaks = answers(status, body)
        # Who cancels again and again is told to wait: each of these is somebody else's.
        watched.guest = Person(f"guest-markedperson-{number}")
        booking = watched.book(f"broken-{number}")
        watched.deliver(case.webhook_claim(booking["payment"]["tx_ref"]))
        watched.work(booking)
        watched.paths(booking, watched.guest, world.operator())
        made.append(booking)
    double.breaks = None

    crashes: list[tuple[Any, str, Exception]] = [
        (world.container.bookings, "load", ValueError(QUOTED + case.key)),
        (world.container.bookings, "load", Fault(QUOTED + case.key)),
        (world.container.bookings, "save", StoreBusy(QUOTED)),
        (world.container.gateways, "named", KeyError(QUOTED + case.key)),
    ]
    for part, name, error in crashes:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(part, name, raising(error))
            watched.deliver(case.webhook_claim(made[0]["payment"]["tx_ref"]))
            watched.paths(made[0], watched.guest)
            watched.work(made[0])

    for odd in (b"marked", b'{"marked": "' + case.key.encode() + b'"}', case.webhook_claim(MARKS["email"])):
        for wrongly in (True, False):
            watched.deliver(odd, wrongly=wrongly)

    out, err = capfd.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert len(lines) > 300
    assert {"key_unusable", "email_refused", "email_broken", "email_put_off", "task_failed", "task_unreadable"} <= {
        json.loads(line).get("message") for line in lines
    }
    kept = [world.container.bookings.load(BookingId(booking["booking_id"])) for booking in made]
    told = [repr((event.kind, event.detail)) for booking in kept if booking for event in booking.history]
    queues = (world.resources.reconcile_queue_url, world.resources.emails_queue_url)
    waiting = [message["Body"] for url in queues for message in world.messages(url)]
    assert told
    assert waiting
    for text in (*lines, *watched.shown, *told, *waiting):
        for private in (*PERSONAL, *case.secrets):
            assert private not in text, f"{private} in {text}"
    # The guest's page leads back to the shop, so the shop's address may stand there, and nowhere else.
    assert not [text for text in (*lines, *told, *waiting) if "hushed" in text]
