"""One example's people, place and calls: each answer is held to what is true of all answers, and told step by step."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hypothesis import note

from local.stack.world import Json, Person, World
from tests.e2e.machine.switching import LIES, Turn

GATEWAY_TROUBLE = {"gateway_bad_answer": 502, "gateway_unreachable": 503, "gateway_timeout": 504}
"""The only answers of 500 and more, and only while the gateway is bad."""

NORMAL = {"refund": "simulated", "hold_seconds": 0.05, "slow_seconds": 0.05}
"""A sandbox that is well: refunds are taken as in live mode, and what it holds back it does not hold for long."""
MORNING = timedelta(hours=6)


@dataclass(frozen=True)
class Reply:
    """One answer of the API's."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of a refusal; empty for anything else."""
        return str(self.body["code"]) if self.status >= 400 else ""


@dataclass(frozen=True)
class BookingRequest:
    """A booking that was made: by whom, under which key, for what."""

    booking_id: str
    guest: Person
    key: str
    body: Json


@dataclass(frozen=True)
class Keyed:
    """A refund that was made under an Idempotency-Key, and what was asked for."""

    refund_id: str
    amount: int | None


@dataclass
class Town:
    """Two guests, a host with one listing, an operator, a stranger; and what people did that only they know of."""

    world: World
    wishes: dict[str, BookingRequest] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    """Every link that a guest was ever shown, by tx_ref: they may still lie open in a browser."""
    resolved: set[str] = field(default_factory=set)
    """Payments in review that an operator settled."""
    settled: set[str] = field(default_factory=set)
    """Refunds that an operator called done."""
    posted_again: Counter[str] = field(default_factory=Counter)
    """Refunds that an operator wanted posted once more."""
    keyed: dict[tuple[str, str, str], Keyed] = field(default_factory=dict)
    """Refunds by payment, person and key."""
    story: list[str] = field(default_factory=list)
    """What was done, line by line."""
    orphans: set[str] = field(default_factory=set)
    gateway_is_well: bool = True
    gateway_lies: bool = False

    def __post_init__(self) -> None:
        self.guests = [self.world.sign_in(name) for name in ("hanna", "dawit")]
        self.host = self.world.sign_in("selam", "host")
        self.operator = self.world.sign_in("operator", "operator")
        self.stranger = self.world.sign_in("stranger", "host")
        # Each example begins at the same time of day, so that days end at the same steps when it is played again.
        midnight = self.world.now().replace(hour=0, minute=0, second=0) + timedelta(days=1)
        self.world.advance(seconds=(midnight + MORNING - self.world.now()).total_seconds())
        self.began = self.world.now()
        self.first_day = self.world.today()
        self.be_well()

    def open(self, units: int, policy: str) -> None:
        """The host publishes the listing."""
        self.listing_id = self.world.publish(self.host, units=units, cancellation_policy=policy)["listing_id"]
        self.tell(
            f"selam publishes {self.listing_id}: {units} units, {policy}; it is {self.world.now():%Y-%m-%d %H:%M}"
        )

    def tell(self, line: str) -> None:
        """A line of the story: Hypothesis prints those of the example that it ends with."""
        self.story.append(line)
        note(line)

    # The API

    def call(
        self, method: str, path: str, *, by: Person | None = None, body: Json | None = None, key: str | None = None
    ) -> Reply:
        """Do something; the answer is told, and is as the contract says of all answers."""
        reply = self.ask(method, path, by=by, body=body, key=key)
        sent = f" {json.dumps(body)}" if body else ""
        under = f" key {key}" if key else ""
        self.tell(f"{by.name if by else 'a browser'}: {method} {path}{sent}{under} → {reply.status} {_gist(reply)}")
        return reply

    def ask(
        self, method: str, path: str, *, by: Person | None = None, body: Json | None = None, key: str | None = None
    ) -> Reply:
        """The same without telling: looking changes nothing."""
        headers = {"Idempotency-Key": key} if key else {}
        if by is not None:
            headers["Authorization"] = f"Bearer {by.token}"
        answer = self.world.http.request(
            method, f"{self.world.api}{path}", json=body, headers=headers, timeout=40, allow_redirects=False
        )
        reply = Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.text)
        self._hold_to_the_contract(reply, f"{method} {path}")
        return reply

    def read(self, path: str, by: Person | None = None) -> Any:
        """The JSON of something that is there."""
        reply = self.ask("GET", path, by=by)
        assert reply.status == 200, f"GET {path} answered {reply.status}: {reply.text[:300]}"
        return reply.body

    def listed(self, path: str, by: Person | None = None) -> list[Json]:
        """All pages of a list."""
        items: list[Json] = []
        cursor = ""
        while True:
            page = self.read(f"{path}{'&' if '?' in path else '?'}limit=100{cursor}", by)
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"

    def _hold_to_the_contract(self, reply: Reply, asked: str) -> None:
        said = f"{asked} answered {reply.status}: {reply.text[:300]}"
        assert reply.headers.get("x-request-id"), f"no X-Request-Id: {said}"
        if reply.status < 400:
            return
        assert reply.headers["content-type"] == "application/problem+json", said
        problem = reply.body
        assert problem["status"] == reply.status, said
        assert all(problem[name] for name in ("type", "title", "detail", "instance", "code")), said
        assert isinstance(problem["retryable"], bool), said
        assert isinstance(problem["errors"], list), said
        if reply.status >= 500:
            assert GATEWAY_TROUBLE.get(problem["code"]) == reply.status, f"no such fault is foreseen: {said}"
        if problem["code"] in (*GATEWAY_TROUBLE, "gateway_rejected"):
            assert not self.gateway_is_well, f"the gateway is well: {said}"

    # The gateway, the clock, the browser

    def turn(self, turn: Turn, **limit: Any) -> None:
        """The sandbox behaves otherwise: for all, or within a limit (`tx_ref`, `once`, `share`)."""
        name, value = turn
        control = {name: value, **limit}
        self.tell(f"the sandbox: {json.dumps(control)}")
        self.world.at_local("POST", "/chapa/_control", control)
        self.gateway_is_well = False
        self.gateway_lies = self.gateway_lies or (name == "verify" and value in LIES)

    def be_well(self) -> None:
        """All switches go back."""
        self.world.at_local("POST", "/chapa/_control", {})
        self.world.at_local("POST", "/chapa/_control", NORMAL)
        self.gateway_is_well, self.gateway_lies = True, False
        self.well_since = self.world.now()

    def advance(self, **by: float) -> None:
        """Time passes, and what became due is done."""
        self.world.idle()
        self.world.advance(**by)
        self.tell(f"the clock: {' '.join(f'{value:g} {unit}' for unit, value in by.items())} later")

    def press(self, tx_ref: str, do: str) -> str:
        """A button of a payment's checkout page (pay, fail, cancel); where the browser is sent."""
        account = "0900123456" if do == "pay" else "0911000000"
        form = {"do": "cancel" if do == "cancel" else "pay", "method": "telebirr", "account": account}
        pressed = self.world.http.post(self.links[tx_ref], data=form, timeout=40, allow_redirects=False)
        goal = str(pressed.headers["Location"])
        self.tell(f"{tx_ref}: the guest presses {do}, and is sent to {goal}")
        return goal

    def pay(self, tx_ref: str, *, tells: bool) -> None:
        """Money comes by telephone, whatever became of the link; the gateway tells of it, or does not."""
        self.tell(f"{tx_ref} is paid by telephone, and the gateway {'tells' if tells else 'does not tell'}")
        self.world.at_local("POST", "/chapa/_pay", {"tx_ref": tx_ref, "webhook": tells, "callback": tells})

    def webhook(self, tx_ref: str, **how: Any) -> list[int]:
        """Deliveries at will; the statuses that they were answered with."""
        statuses = self.world.webhook(tx_ref, **how)
        self.tell(f"a webhook about {tx_ref}: {json.dumps(how)} → {statuses}")
        return statuses

    def soon(self, days: int) -> date:
        """A day from tomorrow on."""
        return self.world.today() + timedelta(days=1 + days)

    def invented_tx_ref(self) -> str:
        """A reference of our shape that no booking has."""
        return f"GZ{uuid.uuid4().hex[:14].upper()}-1"


def _gist(reply: Reply) -> str:
    """What an answer says, in a few words."""
    if reply.status >= 400:
        return reply.code
    if "json" not in reply.headers.get("content-type", ""):
        return reply.headers.get("location", "")
    body = reply.body
    words = [body.get(name) for name in ("booking_id", "tx_ref", "refund_id", "status")]
    payment = body.get("payment") or {}
    words += [payment.get("tx_ref"), payment.get("status")]
    return " ".join(str(word) for word in words if word)
