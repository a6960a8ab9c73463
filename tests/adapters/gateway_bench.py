"""A gateway's adapter at its own sandbox, over real HTTP, with a merchant's server that takes the webhooks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from flask import Flask
from werkzeug.serving import make_server

from chalicelib.adapters.gateways.client import KeyedGateway
from chalicelib.domain.booking import Payment
from chalicelib.domain.ids import TxRef
from chalicelib.domain.verification import Verification, matches
from chalicelib.services.ports.gateways import Opening
from local.sandboxes.core.blueprint import SandboxBlueprint
from local.sandboxes.core.sandbox import SandboxSettings
from tests.adapters.chapa_server import Keys
from tests.local.sandbox_bench import PATIENCE, Receiver
from tests.replacing import replace

HURRY = 0.4
"""How many seconds a hurried adapter waits for an answer that is held back."""
HELD_BACK = ("timeout", "drip")
"""The faults that no patience outlasts."""


@dataclass(frozen=True)
class Kind:
    """One gateway for the contract: how its adapter and its sandbox are made, and what it can do.

    ``make`` is given the sandbox's address, without a slash at its end, the secrets, and time-outs. ``calls`` are the
    sandbox's names of our calls. ``truths`` are the values of its verify switch that still say exactly what is true of
    a paid payment; no other may be taken for paid.
    """

    make: Callable[..., KeyedGateway]
    blueprint: Callable[[SandboxSettings], SandboxBlueprint]
    secrets: dict[str, str]
    opening: Opening
    paid_event: str
    truths: frozenset[str]
    key_name: str
    other_key: str
    calls: dict[str, str] = field(default_factory=dict)
    announces_failures: bool = True
    closes_links: bool = False
    refunds: bool = True
    keeps_a_log: bool = False
    lists_refunds: bool = False
    set_up: dict[str, Any] = field(default_factory=dict)
    version: str = "v1"


@dataclass
class Bench:
    """A gateway and its sandbox, at work. ``hurried`` is the same gateway, asked with hardly any patience."""

    kind: Kind
    gateway: KeyedGateway
    hurried: KeyedGateway
    keys: Keys
    blueprint: SandboxBlueprint
    receiver: Receiver
    url: str
    clock: list[datetime]

    @property
    def tx_ref(self) -> str:
        return self.kind.opening.tx_ref

    def opening(self, **changed: Any) -> Opening:
        return replace(self.kind.opening, **changed)

    def open(self, **changed: Any) -> str:
        return self.gateway.initialize(self.opening(**changed))

    def call(self, name: str) -> str:
        return self.kind.calls.get(name, name)

    def switch(self, **switches: Any) -> None:
        """Set switches, by our names of the calls."""
        named = {self.call(name): value for name, value in switches.items()}
        answer = requests.post(f"{self.url}/_control", json=named, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text

    def values(self, name: str) -> list[str]:
        """Every value of a call's switch."""
        table = requests.get(f"{self.url}/_control", timeout=PATIENCE).json()["table"]
        return next(list(row["values"]) for row in table if row["name"] == self.call(name))

    def pay(self, outcome: str = "success", **more: Any) -> None:
        asked = {"tx_ref": self.tx_ref, "outcome": outcome, **more}
        answer = requests.post(f"{self.url}/_pay", json=asked, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        self.rest()

    def webhook(self, **how: Any) -> None:
        asked = {"tx_ref": self.tx_ref, "api": self.kind.version, **how}
        answer = requests.post(f"{self.url}/_webhook", json=asked, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text

    def log(self, call: str) -> list[dict[str, Any]]:
        """What the sandbox was asked by one of our calls."""
        asked = requests.get(f"{self.url}/_log", params={"call": self.call(call)}, timeout=PATIENCE)
        return list(asked.json())

    def under(self, fault: str) -> KeyedGateway:
        """The gateway to ask while the sandbox has this fault."""
        return self.hurried if fault.startswith(HELD_BACK) else self.gateway

    def count(self, call: str) -> int:
        """How often the sandbox was asked by one of our calls; waits until a call that was given up has reached it."""
        ends = time.monotonic() + PATIENCE
        while not (asked := len(self.log(call))):
            assert time.monotonic() < ends, "it was never asked"
            time.sleep(0.002)
        return asked

    def rest(self) -> None:
        """Wait until the sandbox has nothing under way."""
        ends = time.monotonic() + PATIENCE
        while not self.blueprint.sandbox.idle():
            assert time.monotonic() < ends
            time.sleep(0.002)

    def accepts(self, verification: Verification) -> bool:
        """Whether the domain takes this answer for the payment that was opened."""
        opening = self.kind.opening
        now = datetime(2027, 1, 2, tzinfo=UTC)
        payment = Payment(
            tx_ref=TxRef(opening.tx_ref),
            gateway=self.gateway.name,
            expected_mode="test",
            amount=opening.amount,
            created_at=now,
            updated_at=now,
        )
        return verification.status == "paid" and matches(payment, verification)

    def move_clock(self, **by: float) -> None:
        self.clock[0] += timedelta(**by)


@contextmanager
def bench_of(kind: Kind) -> Iterator[Bench]:
    """Set all of it up on free ports."""
    clock = [datetime(2027, 1, 2, 9, 15, 30, tzinfo=UTC)]
    keys, receiver, app = Keys(**kind.secrets), Receiver(), Flask("bench")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    root = f"http://127.0.0.1:{server.server_port}"
    blueprint = kind.blueprint(
        SandboxSettings(
            secret_key=kind.secrets[kind.key_name],
            secret_key_v2=kind.secrets[kind.key_name],
            webhook_secret=keys.get("chapa_webhook_secret"),
            webhook_url=f"{receiver.url}/webhooks",
            public_url=root,
            now=lambda: clock[0],
            time_scale=10_000.0,
        )
    )
    app.register_blueprint(blueprint)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    url = f"{root}/{blueprint.name}"
    gateway, hurried = (
        kind.make(url, keys, seconds=seconds, connect=PATIENCE, sleep=lambda _: None) for seconds in (PATIENCE, HURRY)
    )
    bench = Bench(kind, gateway, hurried, keys, blueprint, receiver, url, clock)
    try:
        bench.switch(hold_seconds=2 * PATIENCE, slow_seconds=0.01, **kind.set_up)
        yield bench
    finally:
        blueprint.sandbox.close()
        receiver.close()
        server.shutdown()
        thread.join()
        server.server_close()
