"""`Driver`: the people, the listing and the calls of one example; it checks every answer and records every step."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hypothesis import note

from local.scenarios.client import Json, Person, ScenarioClient
from tests.e2e.state_machine.gateway_faults import FALSE_ANSWERS, SwitchSetting

GATEWAY_ERRORS = {"gateway_bad_answer": 502, "gateway_unreachable": 503, "gateway_timeout": 504}
"""The only problem codes with a status of 500 or more; they occur only while the gateway has a fault."""

NORMAL = {"refund": "simulated", "hold_seconds": 0.05, "slow_seconds": 0.05}
"""The switches of a healthy sandbox: refunds work as in live mode, and delays are short."""
MORNING = timedelta(hours=6)


@dataclass(frozen=True)
class Reply:
    """An answer of the API."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The problem code of a refusal, otherwise empty."""
        return str(self.body["code"]) if self.status >= 400 else ""


@dataclass(frozen=True)
class BookingRequest:
    """A booking request that was accepted."""

    booking_id: str
    guest: Person
    key: str
    body: Json


@dataclass(frozen=True)
class Keyed:
    """A refund made under an Idempotency-Key, and the amount in its request."""

    refund_id: str
    amount: int | None


@dataclass
class Driver:
    """Drives two guests, a host with one listing, an operator and a stranger.

    It keeps what the API cannot be asked for afterwards: keys, links, and the operators' decisions.
    """

    client: ScenarioClient
    requests: dict[str, BookingRequest] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    """Every checkout link that a guest was ever shown, by tx_ref: it may still be open in a browser."""
    resolved: set[str] = field(default_factory=set)
    """Payments in review that an operator resolved."""
    resolved_refunds: set[str] = field(default_factory=set)
    """Refunds that an operator resolved as done."""
    posted_again: Counter[str] = field(default_factory=Counter)
    """How often an operator had each refund posted again."""
    keyed: dict[tuple[str, str, str], Keyed] = field(default_factory=dict)
    """Refunds by payment, person and key."""
    steps: list[str] = field(default_factory=list)
    """The recorded steps, a line each."""
    orphans: set[str] = field(default_factory=set)
    gateway_is_healthy: bool = True
    gateway_misreports: bool = False

    def __post_init__(self) -> None:
        self.guests = [self.client.sign_in(name) for name in ("hanna", "dawit")]
        self.host = self.client.sign_in("selam", "host")
        self.operator = self.client.sign_in("operator", "operator")
        self.stranger = self.client.sign_in("stranger", "host")
        # Each example begins at the same time of day, so that days end at the same steps in a replay.
        midnight = self.client.now().replace(hour=0, minute=0, second=0) + timedelta(days=1)
        self.client.advance(seconds=(midnight + MORNING - self.client.now()).total_seconds())
        self.began = self.client.now()
        self.first_day = self.client.today()
        self.restore_gateway()

    def open(self, units: int, policy: str) -> None:
        """Publish the host's listing."""
        self.listing_id = self.client.publish(self.host, units=units, cancellation_policy=policy)["listing_id"]
        self.record(
            f"selam publishes {self.listing_id}: {units} units, {policy}; it is {self.client.now():%Y-%m-%d %H:%M}"
        )

    def record(self, line: str) -> None:
        """Record a step; Hypothesis prints the steps of a failing example."""
        self.steps.append(line)
        note(line)

    # The API

    def call(
        self, method: str, path: str, *, by: Person | None = None, body: Json | None = None, key: str | None = None
    ) -> Reply:
        """Call the API, check the answer's form, and record the step."""
        reply = self.ask(method, path, by=by, body=body, key=key)
        sent = f" {json.dumps(body)}" if body else ""
        under = f" key {key}" if key else ""
        self.record(f"{by.name if by else 'a browser'}: {method} {path}{sent}{under} → {reply.status} {_gist(reply)}")
        return reply

    def ask(
        self, method: str, path: str, *, by: Person | None = None, body: Json | None = None, key: str | None = None
    ) -> Reply:
        """Call the API without recording it: reads change nothing."""
        headers = {"Idempotency-Key": key} if key else {}
        if by is not None:
            headers["Authorization"] = f"Bearer {by.token}"
        answer = self.client.http.request(
            method, f"{self.client.api}{path}", json=body, headers=headers, timeout=40, allow_redirects=False
        )
        reply = Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.text)
        self._check_contract(reply, f"{method} {path}")
        return reply

    def read(self, path: str, by: Person | None = None) -> Any:
        """Return the JSON of a GET that must succeed."""
        reply = self.ask("GET", path, by=by)
        assert reply.status == 200, f"GET {path} answered {reply.status}: {reply.text[:300]}"
        return reply.body

    def listed(self, path: str, by: Person | None = None) -> list[Json]:
        """Return the items of all pages of a list."""
        items: list[Json] = []
        cursor = ""
        while True:
            page = self.read(f"{path}{'&' if '?' in path else '?'}limit=100{cursor}", by)
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"

    def _check_contract(self, reply: Reply, asked: str) -> None:
        summary = f"{asked} answered {reply.status}: {reply.text[:300]}"
        assert reply.headers.get("x-request-id"), f"no X-Request-Id: {summary}"
        if reply.status < 400:
            return
        assert reply.headers["content-type"] == "application/problem+json", summary
        problem = reply.body
        assert problem["status"] == reply.status, summary
        assert all(problem[name] for name in ("type", "title", "detail", "instance", "code")), summary
        assert isinstance(problem["retryable"], bool), summary
        assert isinstance(problem["errors"], list), summary
        if reply.status >= 500:
            assert GATEWAY_ERRORS.get(problem["code"]) == reply.status, f"no such fault is foreseen: {summary}"
        if problem["code"] in (*GATEWAY_ERRORS, "gateway_rejected"):
            assert not self.gateway_is_healthy, f"the gateway is well: {summary}"

    # The gateway, the clock, the browser

    def set_switch(self, setting: SwitchSetting, **limit: Any) -> None:
        """Set a switch of the sandbox: for all payments, or within a limit (`tx_ref`, `once`, `share`)."""
        name, value = setting
        control = {name: value, **limit}
        self.record(f"the sandbox: {json.dumps(control)}")
        self.client.call_local("POST", "/chapa/_control", control)
        self.gateway_is_healthy = False
        self.gateway_misreports = self.gateway_misreports or (name == "verify" and value in FALSE_ANSWERS)

    def restore_gateway(self) -> None:
        """Reset all switches."""
        self.client.call_local("POST", "/chapa/_control", {})
        self.client.call_local("POST", "/chapa/_control", NORMAL)
        self.gateway_is_healthy, self.gateway_misreports = True, False
        self.healthy_since = self.client.now()

    def advance(self, **by: float) -> None:
        """Move the clock, and wait until all queues are empty."""
        self.client.wait_until_idle()
        self.client.advance(**by)
        self.record(f"the clock: {' '.join(f'{value:g} {unit}' for unit, value in by.items())} later")

    def press(self, tx_ref: str, do: str) -> str:
        """Press a button of the checkout page (pay, fail, cancel); return the address that it redirects to."""
        account = "0900123456" if do == "pay" else "0911000000"
        form = {"do": "cancel" if do == "cancel" else "pay", "method": "telebirr", "account": account}
        pressed = self.client.http.post(self.links[tx_ref], data=form, timeout=40, allow_redirects=False)
        goal = str(pressed.headers["Location"])
        self.record(f"{tx_ref}: the guest presses {do}, and is sent to {goal}")
        return goal

    def pay(self, tx_ref: str, *, notify: bool) -> None:
        """Pay at the gateway by telephone, whatever the link's state is; with `notify`, callback and webhook follow."""
        self.record(f"{tx_ref} is paid by telephone, and the gateway sends {'a' if notify else 'no'} webhook")
        self.client.call_local("POST", "/chapa/_pay", {"tx_ref": tx_ref, "webhook": notify, "callback": notify})

    def webhook(self, tx_ref: str, **how: Any) -> list[int]:
        """Send webhooks; return the statuses of their answers."""
        statuses = self.client.send_webhooks(tx_ref, **how)
        self.record(f"a webhook about {tx_ref}: {json.dumps(how)} → {statuses}")
        return statuses

    def soon(self, days: int) -> date:
        """Return the day that is `days` after tomorrow."""
        return self.client.today() + timedelta(days=1 + days)

    def invented_tx_ref(self) -> str:
        """Return a reference of Guzo's form that no booking has."""
        return f"GZ{uuid.uuid4().hex[:14].upper()}-1"


def _gist(reply: Reply) -> str:
    """Summarise an answer in a few words."""
    if reply.status >= 400:
        return reply.code
    if "json" not in reply.headers.get("content-type", ""):
        return reply.headers.get("location", "")
    body = reply.body
    words = [body.get(name) for name in ("booking_id", "tx_ref", "refund_id", "status")]
    payment = body.get("payment") or {}
    words += [payment.get("tx_ref"), payment.get("status")]
    return " ".join(str(word) for word in words if word)
