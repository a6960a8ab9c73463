"""Sends webhooks, writes each into the journal, and tries again as the gateway does."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import requests

from local.sandboxes.core.courier import Courier
from local.sandboxes.core.journal import Entry, Journal
from local.sandboxes.core.ledger import Transaction
from local.sandboxes.core.switches import Switches

ANSWER_WITHIN = (3.05, 30.0)
KEPT_OF_AN_ANSWER = 2_000

# Between the callback and the webhook, and between two events, some seconds pass.
PAUSE = 3.0

# How long initialize waits for the webhook that overtakes it: less than any client waits for initialize.
OVERTAKING = 5.0


@dataclass(frozen=True)
class Keys:
    """The keys that a webhook may be signed with, rightly or wrongly."""

    webhook_secret: str
    api_key: str


Signed = tuple[bytes, dict[str, str]]
Signatures = Mapping[str, tuple[str, Callable[[bytes, Keys], Signed]]]


@dataclass(frozen=True)
class Manner:
    """How the webhook comes after an outcome."""

    about: str
    copies: int = 1
    signature: str = "good"
    plain: bool = False
    late: bool = False
    before_initialize: bool = False
    events_before: tuple[str, ...] = ()
    events_after: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Voice:
    """How a gateway speaks in webhooks: what they hold, how that is written, signed, and sent again.

    `payload` makes a payload, which names its event; `write` writes it as the gateway does, `plain` without its
    peculiarities. `again_after` is the pause before the next try, by the `retry` switch and how many tries there
    were: None ends them.
    """

    agent: str
    payload: Callable[[Transaction, str], dict[str, Any]]
    write: Callable[[Any], bytes]
    plain: Callable[[Any], bytes]
    signatures: Signatures
    manners: Mapping[str, Manner]
    again_after: Callable[[str, int], float | None]


class Delivery:
    """The sandbox's way out, to the webhook URL of the dashboard. One that calls back too overrides `call_back`."""

    def __init__(
        self,
        *,
        voice: Voice,
        webhook_url: str,
        webhook_secret: str,
        api_key: str,
        switches: Switches,
        journal: Journal,
        courier: Courier,
    ) -> None:
        self._voice = voice
        self._webhook_url = webhook_url
        self._keys = Keys(webhook_secret, api_key)
        self._switches = switches
        self._journal = journal
        self._courier = courier

    def announce(self, transaction: Transaction, event: str, *, webhook: bool = True, callback: bool = True) -> None:
        """Tell the merchant what became of a payment: the callback first, the webhook a little later."""

        def tell() -> None:
            if callback:
                self.call_back(transaction, event)
            if webhook:
                self.schedule_webhooks(transaction, event)

        self._courier.schedule(tell)

    def schedule_webhooks(self, transaction: Transaction, event: str) -> None:
        """Plan the webhooks for an event in the manner that the switch names."""
        manner = self._voice.manners[self._switches.of("webhook", transaction.tx_ref)]
        wait = self._switches.seconds("late_seconds", transaction.tx_ref) if manner.late else PAUSE
        events = (*manner.events_before, event, *manner.events_after)
        for _ in range(manner.copies):
            self._courier.schedule(
                partial(self._send_in_turn, transaction, events, manner),
                after_seconds=wait,
                clock_only=manner.late,
                counts=not manner.late,
            )

    def overtake(self, transaction: Transaction, event: str) -> None:
        """Send one well-signed webhook now, and wait a moment for it to be answered."""
        answered = threading.Event()

        def send() -> None:
            self.send(transaction, event, "good", plain=False)
            answered.set()

        self._courier.schedule(send)
        answered.wait(OVERTAKING)

    def send(self, transaction: Transaction, event: str, signature: str, *, plain: bool) -> Entry:
        """Send one webhook and return its entry in the journal, with the answer."""
        payload = self._voice.payload(transaction, event)
        body = self._voice.plain(payload) if plain else self._voice.write(payload)
        body, headers = self._voice.signatures[signature][1](body, self._keys)
        entry = self._journal.begin(
            "webhook",
            method="POST",
            path=self._webhook_url,
            tx_ref=transaction.tx_ref,
            event=payload["event"],
            signature=signature,
            body=body.decode(),
        )
        return self.exchange(entry, body, {"Content-Type": "application/json", **headers})

    def call_back(self, transaction: Transaction, event: str) -> None:
        """Call the payment's own address, where the gateway does so."""

    def _send_in_turn(self, transaction: Transaction, events: tuple[str, ...], manner: Manner) -> None:
        self._send_until_taken(transaction, events[0], manner, 0)
        if events[1:]:
            rest = partial(self._send_in_turn, transaction, events[1:], manner)
            self._courier.schedule(rest, after_seconds=PAUSE)

    def _send_until_taken(self, transaction: Transaction, event: str, manner: Manner, tries: int) -> None:
        entry = self.send(transaction, event, manner.signature, plain=manner.plain)
        pause = self._voice.again_after(self._switches.of("retry", transaction.tx_ref), tries)
        if entry["status"] != 200 and pause is not None:
            self._courier.schedule(
                partial(self._send_until_taken, transaction, event, manner, tries + 1),
                after_seconds=pause,
                counts=False,
            )

    def exchange(
        self, entry: Entry, body: bytes | None, headers: dict[str, str], query: dict[str, str] | None = None
    ) -> Entry:
        """Send what an entry of the journal says, and complete it with the answer."""
        try:
            with requests.Session() as session:
                # Everything is on this machine: a proxy of the environment would only be in the way.
                session.trust_env = False
                answer = session.request(
                    entry["method"],
                    entry["path"],
                    data=body,
                    params=query,
                    headers={"User-Agent": self._voice.agent, **headers},
                    timeout=ANSWER_WITHIN,
                    allow_redirects=False,
                )
        except (requests.RequestException, ValueError) as problem:
            self._journal.finish(entry, None, f"{type(problem).__name__}: {problem}")
        else:
            self._journal.finish(entry, answer.status_code, answer.text[:KEPT_OF_AN_ANSWER])
        return entry
