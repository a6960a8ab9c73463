"""`WebhookSender`: send webhooks, log each delivery, and retry as the gateway does."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import requests

from local.sandboxes.core.call_log import CallLog, Entry
from local.sandboxes.core.scheduler import Scheduler
from local.sandboxes.core.switches import Switches
from local.sandboxes.core.transactions import Transaction

ANSWER_WITHIN = (3.05, 30.0)
KEPT_OF_AN_ANSWER = 2_000

# Seconds between the callback and the webhook, and between two events.
PAUSE = 3.0

# Seconds that initialize waits for the webhook that it sends first: less than any client waits for initialize.
ANSWER_PATIENCE = 5.0


@dataclass(frozen=True)
class SigningKeys:
    """The keys that a webhook may be signed with, rightly or wrongly."""

    webhook_secret: str
    api_key: str


Signed = tuple[bytes, dict[str, str]]
Signatures = Mapping[str, tuple[str, Callable[[bytes, SigningKeys], Signed]]]


AUTHENTIC_SIGNATURES = frozenset({"good", "x_only", "custom"})
"""The signatures that prove who sent a webhook; every other one is forged."""


@dataclass(frozen=True)
class DeliveryPattern:
    """How webhooks are delivered after an outcome: how often, when, signed how, with which other events."""

    about: str
    copies: int = 1
    signature: str = "good"
    plain: bool = False
    late: bool = False
    before_initialize: bool = False
    events_before: tuple[str, ...] = ()
    events_after: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WebhookFormat:
    """A gateway's webhooks: payload, encoding, signatures, delivery patterns and retries.

    `payload` builds a payload, which names its event; `write` encodes it as the gateway does, `plain` without its
    peculiarities. `retry_delay` gives the seconds before the next try, from the value of the `retry` switch and the
    number of tries so far; None ends them.
    """

    agent: str
    payload: Callable[[Transaction, str], dict[str, Any]]
    write: Callable[[Any], bytes]
    plain: Callable[[Any], bytes]
    signatures: Signatures
    patterns: Mapping[str, DeliveryPattern]
    retry_delay: Callable[[str, int], float | None]


class WebhookSender:
    """Sends to the webhook URL of the merchant's dashboard. A gateway with callbacks overrides `call_back`."""

    def __init__(
        self,
        *,
        webhook_format: WebhookFormat,
        webhook_url: str,
        webhook_secret: str,
        api_key: str,
        switches: Switches,
        call_log: CallLog,
        scheduler: Scheduler,
    ) -> None:
        self._format = webhook_format
        self._webhook_url = webhook_url
        self._keys = SigningKeys(webhook_secret, api_key)
        self._switches = switches
        self._call_log = call_log
        self._scheduler = scheduler

    def notify_merchant(
        self, transaction: Transaction, event: str, *, webhook: bool = True, callback: bool = True
    ) -> None:
        """Notify the merchant of a payment's outcome: the callback first, the webhook a little later."""

        def notify() -> None:
            if callback:
                self.call_back(transaction, event)
            if webhook:
                self.schedule_webhooks(transaction, event)

        self._scheduler.schedule(notify)

    def schedule_webhooks(self, transaction: Transaction, event: str) -> None:
        """Schedule the webhooks of an event, in the pattern that the `webhook` switch names."""
        pattern = self._format.patterns[self._switches.of("webhook", transaction.tx_ref)]
        wait = self._switches.seconds("late_seconds", transaction.tx_ref) if pattern.late else PAUSE
        events = (*pattern.events_before, event, *pattern.events_after)
        for _ in range(pattern.copies):
            self._scheduler.schedule(
                partial(self._send_events, transaction, events, pattern),
                after_seconds=wait,
                clock_only=pattern.late,
                counts=not pattern.late,
            )

    def send_and_wait(self, transaction: Transaction, event: str) -> None:
        """Send one well-signed webhook now, and wait a few seconds for its answer."""
        answered = threading.Event()

        def send() -> None:
            self.send(transaction, event, "good", plain=False)
            answered.set()

        self._scheduler.schedule(send)
        answered.wait(ANSWER_PATIENCE)

    def send(self, transaction: Transaction, event: str, signature: str, *, plain: bool) -> Entry:
        """Send one webhook; return its entry of the call log, with the answer."""
        payload = self._format.payload(transaction, event)
        body = self._format.plain(payload) if plain else self._format.write(payload)
        body, headers = self._format.signatures[signature][1](body, self._keys)
        entry = self._call_log.begin(
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
        """Call the payment's callback address; does nothing where the gateway has no callbacks."""

    def _send_events(self, transaction: Transaction, events: tuple[str, ...], pattern: DeliveryPattern) -> None:
        self._send_with_retries(transaction, events[0], pattern, 0)
        if events[1:]:
            rest = partial(self._send_events, transaction, events[1:], pattern)
            self._scheduler.schedule(rest, after_seconds=PAUSE)

    def _send_with_retries(self, transaction: Transaction, event: str, pattern: DeliveryPattern, tries: int) -> None:
        entry = self.send(transaction, event, pattern.signature, plain=pattern.plain)
        pause = self._format.retry_delay(self._switches.of("retry", transaction.tx_ref), tries)
        if entry["status"] != 200 and pause is not None:
            self._scheduler.schedule(
                partial(self._send_with_retries, transaction, event, pattern, tries + 1),
                after_seconds=pause,
                counts=False,
            )

    def exchange(
        self, entry: Entry, body: bytes | None, headers: dict[str, str], query: dict[str, str] | None = None
    ) -> Entry:
        """Send the request of a log entry, and complete the entry with the answer."""
        try:
            with requests.Session() as session:
                # The merchant is on this machine: a proxy of the environment could not reach it.
                session.trust_env = False
                answer = session.request(
                    entry["method"],
                    entry["path"],
                    data=body,
                    params=query,
                    headers={"User-Agent": self._format.agent, **headers},
                    timeout=ANSWER_WITHIN,
                    allow_redirects=False,
                )
        except (requests.RequestException, ValueError) as problem:
            self._call_log.finish(entry, None, f"{type(problem).__name__}: {problem}")
        else:
            self._call_log.finish(entry, answer.status_code, answer.text[:KEPT_OF_AN_ANSWER])
        return entry
