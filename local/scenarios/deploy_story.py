"""The story that `make verify-deploy` plays through a deployed API: frontend, gateway, guest and host."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from local.stack.issuer import Issuer

GUEST_EMAIL = "hanna.tesfaye@gmail.com"
HOST_EMAIL = "host@guzo.example"
BAD_TOKEN = "not.a.token"  # noqa: S105 — no secret: it is refused
TICK = {
    "version": "0",
    "id": "tick",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2027-01-14T08:15:30Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}


class StoryError(Exception):
    """Something answered otherwise than promised."""


@dataclass(frozen=True)
class World:
    """A deployed Guzo: how to reach it, its emulated AWS, and gateway and issuer, which stand outside."""

    client: Callable[[str], Any]
    """An AWS client by the name of its service."""
    emulator: str
    api: str
    local: str
    issuer: Issuer
    outputs: dict[str, str]


class Story:
    """From sign-in to the e-mails, as a frontend, the gateway and a guest would live it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._http = requests.Session()
        self._host = world.issuer.token("host-1", groups=("host",), email=HOST_EMAIL)
        self._guest = world.issuer.token("guest-1", email=GUEST_EMAIL)

    def play(self) -> None:
        """All of it, in order; StoryError at the first thing that is not as promised."""
        self.it_answers()
        self.it_has_one_door()
        listing = self.a_host_publishes()
        booking = self.a_guest_books(listing)
        self.a_forged_webhook_is_refused(booking)
        self.the_guest_pays(booking)
        self.both_are_told(booking)
        self.another_is_cancelled(listing)
        self.everybody_finds_theirs()
        self.the_clock_ticks()
        self.nothing_is_left_behind()

    def it_answers(self) -> None:
        """The API is up, and the gateway's own refusals are problem documents."""
        self._call("GET", "/health", expect=200)
        self._problem("GET", "/v1/bookings", 401, "unauthenticated")
        self._problem("GET", "/v1/bookings", 401, "unauthenticated", token=BAD_TOKEN)
        self._problem("GET", "/v1/nothing-here", 404, "route_not_found")
        say("the API answers; no token, a bad token and an unknown path are refused as problem documents")

    def it_has_one_door(self) -> None:
        """The API has one public stage; what SAM would add besides has neither throttle nor alarms."""
        stages = self._world.client("apigateway").get_stages(restApiId=self._world.outputs["RestAPIId"])["item"]
        _same("the API's stages", [each["stageName"] for each in stages], ["api"])
        other = f"{self._world.emulator}/_aws/execute-api/{self._world.outputs['RestAPIId']}/Stage/health"
        if self._http.get(other, timeout=30).status_code == 200:
            raise StoryError("/Stage/health answers, and should not be there")
        say("the API has one public stage")

    def a_host_publishes(self) -> dict[str, Any]:
        """A listing is published and found."""
        listing = self._call(
            "POST",
            "/v1/listings",
            token=self._host,
            expect=201,
            body={
                "title": "Lake house",
                "description": "On the shore, with a garden.",
                "city": "Bahir Dar",
                "time_zone": "Africa/Addis_Ababa",
                "nightly_price": {"amount": 245000, "currency": "ETB"},
                "units": 2,
                "guests_per_unit": 2,
                "cancellation_policy": "flexible",
            },
        )
        self._until(
            "the listing to be found in its city",
            lambda: self._call("GET", "/v1/listings?city=bahir%20dar", expect=200)["items"],
        )
        say(f"a host published {listing['listing_id']}, and it is found in its city")
        return listing

    def a_guest_books(self, listing: dict[str, Any]) -> dict[str, Any]:
        """Nights are held and a link is opened; the same request again is the same booking."""
        booking = self._book(listing, days=30, key="first")
        again = self._book(listing, days=30, key="first")
        _same("the repeat's booking", again["booking_id"], booking["booking_id"])
        _same("status", booking["status"], "pending_payment")
        if not booking["payment"]["checkout_url"]:
            raise StoryError(f"No link to pay: {booking['payment'].get('problem')}")
        say(f"a guest booked {booking['booking_id']}; the same request again is the same booking")
        return booking

    def another_is_cancelled(self, listing: dict[str, Any]) -> None:
        """A second booking is given up before it is paid."""
        booking = self._book(listing, days=60, key="second")
        path = f"/v1/bookings/{booking['booking_id']}/cancel"
        cancelled = self._call("POST", path, token=self._guest, body={"reason": "other plans"}, expect=200)
        _same("status", cancelled["status"], "cancelled")
        say("a second booking was cancelled before it was paid")

    def everybody_finds_theirs(self) -> None:
        """The lists of guests, hosts and operators answer: each reads through an index of its own."""
        operator = self._world.issuer.token("operator-1", groups=("operator",))
        today = datetime.now(UTC).date().isoformat()
        for token, path, least in (
            (self._guest, "/v1/bookings", 2),
            (self._guest, "/v1/payments", 2),
            (self._host, "/v1/hosts/me/listings", 1),
            (self._host, "/v1/hosts/me/bookings", 1),
            (operator, f"/v1/ops/bookings?from={today}&to={today}", 2),
            (operator, "/v1/ops/attention", 0),
        ):
            found = self._call("GET", path, token=token, expect=200)["items"]
            if len(found) < least:
                raise StoryError(f"GET {path}: {least} were promised, {len(found)} came")
        say("guest, host and operator find what is theirs")

    def _book(self, listing: dict[str, Any], *, days: int, key: str) -> dict[str, Any]:
        check_in = (datetime.now(UTC) + timedelta(days=days)).date()
        contact = {"first_name": "Hanna", "last_name": "Tesfaye", "email": GUEST_EMAIL, "phone": "0911223344"}
        body = {
            "listing_id": listing["listing_id"],
            "check_in": check_in.isoformat(),
            "check_out": (check_in + timedelta(days=3)).isoformat(),
            "units": 1,
            "guests": 2,
            "contact": contact,
            "language": "en",
            "expected_total": 735000,
        }
        repeat = {"Idempotency-Key": key}
        return self._call("POST", "/v1/bookings", token=self._guest, body=body, headers=repeat, expect=201)

    def a_forged_webhook_is_refused(self, booking: dict[str, Any]) -> None:
        """A webhook signed with another secret changes nothing."""
        tx_ref = booking["payment"]["tx_ref"]
        self._problem(
            "POST",
            "/v1/webhooks/chapa",
            401,
            "bad_signature",
            body={"event": "charge.success", "tx_ref": tx_ref, "status": "success"},
            headers={"x-chapa-signature": "0" * 64},
        )
        say("a forged webhook was refused")

    def the_guest_pays(self, booking: dict[str, Any]) -> None:
        """Paid at the gateway; its webhook goes through the API and the queue to the confirmation."""
        answer = self._http.post(
            f"{self._world.local}/chapa/_pay", json={"tx_ref": booking["payment"]["tx_ref"]}, timeout=30
        )
        _same("the gateway's answer to the payment", answer.status_code, 200)
        path = f"/v1/bookings/{booking['booking_id']}"
        self._until(
            "the booking to be confirmed",
            lambda: self._call("GET", path, token=self._guest, expect=200)["status"] == "confirmed",
        )
        say("the guest paid, the webhook came, and the booking is confirmed")

    def both_are_told(self, booking: dict[str, Any]) -> None:
        """Guest and host have their e-mails, with the booking's id in them."""

        def told() -> bool:
            answer = self._http.get(f"{self._world.emulator}/_ministack/ses/messages", timeout=10).json()
            letters = [letter for account in answer["messages"].values() for letter in account]
            about = [letter for letter in letters if booking["booking_id"] in json.dumps(letter)]
            return {GUEST_EMAIL, HOST_EMAIL} <= {address for letter in about for address in letter["To"]}

        self._until("the e-mails to guest and host", told)
        say("guest and host have their e-mails")

    def the_clock_ticks(self) -> None:
        """The sweep runs as the schedule would run it."""
        functions = self._world.client("lambda").list_functions()["Functions"]
        sweep = next(f["FunctionName"] for f in functions if "-Sweep-" in f["FunctionName"])
        answer = self._world.client("lambda").invoke(FunctionName=sweep, Payload=json.dumps(TICK).encode())
        if "FunctionError" in answer:
            raise StoryError(f"The sweep failed: {answer['Payload'].read().decode()[:2000]}")
        say("the sweep runs")

    def nothing_is_left_behind(self) -> None:
        """Queues empty, nothing in the dead-letter queues, no trouble in any function's log."""
        sqs = self._world.client("sqs")

        def waiting(output: str) -> int:
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            answer = sqs.get_queue_attributes(QueueUrl=self._world.outputs[output], AttributeNames=names)
            return sum(int(answer["Attributes"][name]) for name in names)

        queues = ("ReconcileQueueUrl", "EmailsQueueUrl")
        self._until("the queues to be empty", lambda: not any(waiting(queue) for queue in queues))
        for queue in ("ReconcileDeadLettersUrl", "EmailsDeadLettersUrl"):
            _same(f"messages in {queue}", waiting(queue), 0)
        if trouble := list(self._logged_trouble()):
            raise StoryError("Trouble was logged:\n" + "\n".join(trouble[:5]))
        say("queues and dead-letter queues are empty, and nothing was logged as trouble")

    def _logged_trouble(self) -> Iterator[str]:
        logs = self._world.client("logs")
        for group in logs.describe_log_groups()["logGroups"]:
            events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
            lines = [event["message"] for event in events]
            for number, line in enumerate(lines):
                if _is_trouble(line):
                    yield f"{group['logGroupName']}: " + "\n".join(lines[number : number + 20])[:3000]

    def _call(
        self,
        method: str,
        path: str,
        *,
        expect: int,
        token: str | None = None,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        answer = self._http.request(method, self._world.api + path, json=body, headers=sent, timeout=40)
        if answer.status_code != expect:
            raise StoryError(f"{method} {path}: {expect} was promised, {answer.status_code} came: {answer.text[:1500]}")
        found: dict[str, Any] = answer.json()
        return found

    def _problem(self, method: str, path: str, status: int, code: str, **call: Any) -> None:
        _same(f"{method} {path}: code", self._call(method, path, expect=status, **call).get("code"), code)

    def _until(self, what: str, done: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                errors = "\n".join(list(self._logged_trouble())[:5])
                raise StoryError(f"Waited {seconds:.0f} s in vain for {what}.\n{errors}")
            time.sleep(0.5)


def _is_trouble(line: str) -> bool:
    """Errors, and warnings too: a right that is missing is often survived. The forged webhook is warned about."""
    line = line.replace('": "', '":"')
    warned = '"level":"WARNING"' in line and '"message":"webhook_refused"' not in line
    return warned or '"level":"ERROR"' in line or line.startswith("Traceback")


def _same(what: str, found: object, promised: object) -> None:
    if found != promised:
        raise StoryError(f"{what}: {promised!r} was promised, {found!r} came")


def say(what: str) -> None:
    """One line for a person: this worked."""
    print(f"✓ {what}", flush=True)
