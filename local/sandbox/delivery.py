"""Sends webhooks and callbacks, writes each into the journal, and tries again as Chapa does."""

import json
import threading
from functools import partial

import requests

from local.chapa import webhooks
from local.chapa.answers import php_json, plain_json
from local.chapa.courier import Courier
from local.chapa.journal import Entry, Journal
from local.chapa.ledger import Transaction
from local.chapa.switches import Switches

ANSWER_WITHIN = (3.05, 30.0)
KEPT_OF_AN_ANSWER = 2_000

# Between the callback and the webhook, and between two events, Chapa lets one to five seconds pass.
PAUSE = 3.0

# How long initialize waits for the webhook that overtakes it: less than any client waits for initialize.
OVERTAKING = 5.0


class Delivery:
    """The sandbox's way out, to the webhook URL of the dashboard and to each payment's callback_url."""

    def __init__(
        self, *, webhook_url: str, keys: webhooks.Keys, switches: Switches, journal: Journal, courier: Courier
    ) -> None:
        self._webhook_url = webhook_url
        self._keys = keys
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
        manner = webhooks.MANNERS[self._switches.of("webhook", transaction.tx_ref)]
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
        payload = webhooks.charge_payload(transaction, event)
        body = plain_json(payload) if plain else php_json(payload)
        body, headers = webhooks.SIGNATURES[signature][1](body, self._keys)
        entry = self._journal.begin(
            "webhook",
            method="POST",
            path=self._webhook_url,
            tx_ref=transaction.tx_ref,
            event=event,
            signature=signature,
            body=body.decode(),
        )
        return self._exchange(entry, body, {"Content-Type": "application/json", **headers})

    def call_back(self, transaction: Transaction, event: str) -> None:
        """Call the payment's callback_url once, if it has one."""
        manner = webhooks.CALLBACKS[self._switches.of("callback", transaction.tx_ref)]
        if not manner.sent or not transaction.callback_url:
            return
        facts = webhooks.callback_facts(transaction, manner, event.partition(".")[2])
        entry = self._journal.begin(
            "callback",
            method=manner.method,
            path=transaction.callback_url,
            tx_ref=transaction.tx_ref,
            body=facts,
        )
        if manner.as_json:
            self._exchange(entry, json.dumps(facts).encode(), {"Content-Type": "application/json"})
        else:
            self._exchange(entry, None, {}, query=facts)

    def _send_in_turn(self, transaction: Transaction, events: tuple[str, ...], manner: webhooks.Manner) -> None:
        self._send_until_taken(transaction, events[0], manner, 0)
        if events[1:]:
            rest = partial(self._send_in_turn, transaction, events[1:], manner)
            self._courier.schedule(rest, after_seconds=PAUSE)

    def _send_until_taken(self, transaction: Transaction, event: str, manner: webhooks.Manner, tries: int) -> None:
        entry = self.send(transaction, event, manner.signature, plain=manner.plain)
        again = webhooks.RETRIES[self._switches.of("retry", transaction.tx_ref)][1]
        if entry["status"] != 200 and tries < again:
            self._courier.schedule(
                partial(self._send_until_taken, transaction, event, manner, tries + 1),
                after_seconds=webhooks.TEN_MINUTES,
                counts=False,
            )

    def _exchange(
        self, entry: Entry, body: bytes | None, headers: dict[str, str], query: dict[str, str] | None = None
    ) -> Entry:
        try:
            with requests.Session() as session:
                # Everything is on this machine: a proxy of the environment would only be in the way.
                session.trust_env = False
                answer = session.request(
                    entry["method"],
                    entry["path"],
                    data=body,
                    params=query,
                    headers={"User-Agent": "Chapa-Sandbox", **headers},
                    timeout=ANSWER_WITHIN,
                    allow_redirects=False,
                )
        except (requests.RequestException, ValueError) as problem:
            self._journal.finish(entry, None, f"{type(problem).__name__}: {problem}")
        else:
            self._journal.finish(entry, answer.status_code, answer.text[:KEPT_OF_AN_ANSWER])
        return entry
