"""`DeploymentScenario`: what `make verify-deploy` runs through a deployed API, as frontend, gateway, guest and host."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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


class ScenarioError(Exception):
    """An answer differs from the promise; the text has both."""


@dataclass(frozen=True)
class Deployment:
    """A deployed Guzo: its addresses, its emulated AWS, and the gateway and issuer beside it."""

    client: Callable[[str], Any]
    """An AWS client by the name of its service."""
    emulator: str
    api: str
    local: str
    issuer: Issuer
    outputs: dict[str, str]


class DeploymentScenario:
    """Publishes, books, pays, cancels and checks, step by step."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._http = requests.Session()
        self._host = deployment.issuer.token("host-1", groups=("host",), email=HOST_EMAIL)
        self._guest = deployment.issuer.token("guest-1", email=GUEST_EMAIL)

    def run(self) -> None:
        """Run all steps in order. Raises ScenarioError at the first result that differs."""
        self.check_refusals()
        self.check_stages()
        listing = self.publish()
        booking = self.book(listing)
        self.send_forged_webhook(booking)
        self.pay(booking)
        self.check_webhooks_function()
        self.check_emails(booking)
        self.cancel_another(listing)
        self.check_lists()
        self.run_sweep()
        self.watch()
        self.fly_canary()
        self.check_queues_and_logs()

    def check_refusals(self) -> None:
        """Check that the API answers, and that API Gateway's own refusals are problem documents."""
        self._call("GET", "/health", expect=200)
        self._problem("GET", "/v1/bookings", 401, "unauthenticated")
        self._problem("GET", "/v1/bookings", 401, "unauthenticated", token=BAD_TOKEN)
        self._problem("GET", "/v1/nothing-here", 404, "route_not_found")
        say("the API answers; no token, a bad token and an unknown path are refused as problem documents")

    def check_stages(self) -> None:
        """Check that the API has one public stage; the one that SAM would add has neither throttle nor alarms."""
        api_id = self._deployment.outputs["RestAPIId"]
        stages = self._deployment.client("apigateway").get_stages(restApiId=api_id)["item"]
        check("the API's stages", [each["stageName"] for each in stages], ["api"])
        other = f"{self._deployment.emulator}/_aws/execute-api/{api_id}/Stage/health"
        if self._http.get(other, timeout=30).status_code == 200:
            raise ScenarioError("/Stage/health answers, and should not be there")
        say("the API has one public stage")

    def publish(self) -> dict[str, Any]:
        """Publish a listing, and wait until search finds it."""
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
        self._wait_until(
            "the listing to be found in its city",
            lambda: self._call("GET", "/v1/listings?city=bahir%20dar", expect=200)["items"],
        )
        say(f"a host published {listing['listing_id']}, and it is found in its city")
        return listing

    def book(self, listing: dict[str, Any]) -> dict[str, Any]:
        """Book, and repeat the request: it must return the same booking."""
        booking = self._book(listing, days=30, key="first")
        again = self._book(listing, days=30, key="first")
        check("the repeat's booking", again["booking_id"], booking["booking_id"])
        check("status", booking["status"], "pending_payment")
        if not booking["payment"]["checkout_url"]:
            raise ScenarioError(f"No link to pay: {booking['payment'].get('problem')}")
        say(f"a guest booked {booking['booking_id']}; the same request again is the same booking")
        return booking

    def cancel_another(self, listing: dict[str, Any]) -> None:
        """Make a second booking and cancel it before it is paid."""
        booking = self._book(listing, days=60, key="second")
        path = f"/v1/bookings/{booking['booking_id']}/cancel"
        cancelled = self._call("POST", path, token=self._guest, body={"reason": "other plans"}, expect=200)
        check("status", cancelled["status"], "cancelled")
        say("a second booking was cancelled before it was paid")

    def check_lists(self) -> None:
        """Check the lists of guest, host and operator, each of which reads an index of its own."""
        operator = self._deployment.issuer.token("operator-1", groups=("operator",))
        today = datetime.now(ZoneInfo("Africa/Addis_Ababa")).date().isoformat()  # the stage's own days
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
                raise ScenarioError(f"GET {path}: {least} were promised, {len(found)} came")
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

    def send_forged_webhook(self, booking: dict[str, Any]) -> None:
        """Send a webhook signed with another secret: it must be refused."""
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

    def pay(self, booking: dict[str, Any]) -> None:
        """Pay at the gateway, and wait until its webhook has confirmed the booking."""
        self._pay_at_gateway(booking)
        path = f"/v1/bookings/{booking['booking_id']}"
        self._wait_until(
            "the booking to be confirmed",
            lambda: self._call("GET", path, token=self._guest, expect=200)["status"] == "confirmed",
        )
        say("the guest paid, the webhook came, and the booking is confirmed")

    def _pay_at_gateway(self, booking: dict[str, Any]) -> None:
        paid = {"tx_ref": booking["payment"]["tx_ref"]}
        answer = self._http.post(f"{self._deployment.local}/chapa/_pay", json=paid, timeout=30)
        check("the gateway's answer to the payment", answer.status_code, 200)

    def check_webhooks_function(self) -> None:
        """Check that a function of its own received the webhook, which the API's function never saw."""

        def receivers() -> list[str]:
            return [function for function, line in self._log_lines() if '"webhook_received"' in line]

        self._wait_until("the webhook's line in a log", receivers)
        if elsewhere := [function for function in receivers() if "-Webhooks-" not in function]:
            raise ScenarioError(f"The webhook was received by {elsewhere}")
        say("the webhook was received by the function of webhooks")

    def check_emails(self, booking: dict[str, Any]) -> None:
        """Wait for the e-mails to guest and host that name the booking."""

        def arrived() -> bool:
            answer = self._http.get(f"{self._deployment.emulator}/_ministack/ses/messages", timeout=10).json()
            letters = [letter for account in answer["messages"].values() for letter in account]
            about = [letter for letter in letters if booking["booking_id"] in json.dumps(letter)]
            return {GUEST_EMAIL, HOST_EMAIL} <= {address for letter in about for address in letter["To"]}

        self._wait_until("the e-mails to guest and host", arrived)
        say("guest and host have their e-mails")

    def run_sweep(self) -> None:
        """Invoke the sweep as the schedule does."""
        self._invoke("Sweep")
        say("the sweep runs")

    def watch(self) -> None:
        """Invoke the watch as its schedule does: it checks what this scenario has stored, and finds it sound."""
        operator = self._deployment.issuer.token("operator-1", groups=("operator",))
        self._invoke("Watch")
        told = self._call("GET", "/v1/ops/health", token=operator, expect=200)
        check("the daily check is finished", told["last_check"]["finished_at"] is not None, True)
        found = {name: told["last_check"][name] for name in ("findings", "unreadable")}
        check("what the daily check finds", found, {"findings": 0, "unreadable": 0})
        check(
            "what the stage fares by is known",
            (told["payments_opened"] > 0, told["last_sweep_at"] is None),
            (True, False),
        )
        say("the watch has checked what is stored, and operators see how the stage fares")

    def fly_canary(self) -> None:
        """Invoke the canary as its schedule does, where the stage has one."""
        answer = self._invoke("Canary")
        if answer is not None:
            if answer != {"passed": True}:
                raise ScenarioError("The canary did not come through:\n" + "\n".join(self._logged_problems()))
            say("the canary searched, booked, saw a link to pay and cancelled")

    def _invoke(self, name: str) -> Any:
        """What a function answers to its schedule; None where the stage has none of this name."""
        lambdas = self._deployment.client("lambda")
        every = (function["FunctionName"] for function in lambdas.list_functions()["Functions"])
        function = next((each for each in every if f"-{name}-" in each), None)
        if function is None:
            return None
        answer = lambdas.invoke(FunctionName=function, Payload=json.dumps(TICK).encode())
        text = answer["Payload"].read()
        if "FunctionError" in answer:
            raise ScenarioError(f"{name} failed: {text.decode()[:2000]}")
        return json.loads(text)

    def check_queues_and_logs(self) -> None:
        """Check that all queues are empty, and that no function logged an error or a warning."""
        sqs = self._deployment.client("sqs")

        def waiting(output: str) -> int:
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            answer = sqs.get_queue_attributes(QueueUrl=self._deployment.outputs[output], AttributeNames=names)
            return sum(int(answer["Attributes"][name]) for name in names)

        queues = ("ReconcileQueueUrl", "EmailsQueueUrl")
        self._wait_until("the queues to be empty", lambda: not any(waiting(queue) for queue in queues))
        for queue in ("ReconcileDeadLettersUrl", "EmailsDeadLettersUrl"):
            check(f"messages in {queue}", waiting(queue), 0)
        if problems := list(self._logged_problems()):
            raise ScenarioError("Problems were logged:\n" + "\n".join(problems[:5]))
        say("queues and dead-letter queues are empty, and no function logged a problem")

    def _logged_problems(self) -> Iterator[str]:
        lines = list(self._log_lines())
        for number, (group, line) in enumerate(lines):
            if _is_problem(line):
                following = [text for name, text in lines[number : number + 20] if name == group]
                yield f"{group}: " + "\n".join(following)[:3000]

    def _log_lines(self) -> Iterator[tuple[str, str]]:
        """Every log group's name, with each of its lines."""
        logs = self._deployment.client("logs")
        for group in logs.describe_log_groups()["logGroups"]:
            for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]:
                yield group["logGroupName"], event["message"]

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
        answer = self._http.request(method, self._deployment.api + path, json=body, headers=sent, timeout=40)
        if answer.status_code != expect:
            raise ScenarioError(
                f"{method} {path}: {expect} was promised, {answer.status_code} came: {answer.text[:1500]}"
            )
        found: dict[str, Any] = answer.json()
        return found

    def _problem(self, method: str, path: str, status: int, code: str, **call: Any) -> None:
        check(f"{method} {path}: code", self._call(method, path, expect=status, **call).get("code"), code)

    def _wait_until(self, what: str, done: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                errors = "\n".join(list(self._logged_problems())[:5])
                raise ScenarioError(f"Waited {seconds:.0f} s in vain for {what}.\n{errors}")
            time.sleep(0.5)


def _is_problem(line: str) -> bool:
    """Whether a log line is an error, or a warning other than that of the forged webhook.

    A missing permission often causes a warning only.
    """
    line = line.replace('": "', '":"')
    warned = '"level":"WARNING"' in line and '"message":"webhook_refused"' not in line
    return warned or '"level":"ERROR"' in line or line.startswith("Traceback")


def check(what: str, found: object, promised: object) -> None:
    """Raise ScenarioError where what was found is not what was promised."""
    if found != promised:
        raise ScenarioError(f"{what}: {promised!r} was promised, {found!r} came")


def say(what: str) -> None:
    """Print one line about a step that worked."""
    print(f"✓ {what}", flush=True)
