"""What all scenarios share: the narrator that prints them, and their common beginnings."""

from __future__ import annotations

from typing import Protocol

from local.scenarios.client import Json, Person, ScenarioClient


class Narrator(Protocol):
    """Prints, or ignores, the lines of a scenario."""

    def step(self, text: str) -> None:
        """Report what a person or the gateway did."""

    def result(self, text: str) -> None:
        """Report a result that was checked."""

    def reason(self, text: str) -> None:
        """Explain to the reader why it is so."""


def book_only_unit(client: ScenarioClient) -> tuple[Person, Json]:
    """Publish a listing with one unit, and book it; return the guest and the booking."""
    host, guest = client.sign_in("selam", "host"), client.sign_in("hanna")
    return guest, client.book(guest, client.publish(host, units=1))


def answered_deliveries(client: ScenarioClient, tx_ref: str, kind: str) -> list[Json]:
    """Return the webhooks or callbacks that the sandbox sent and got an answer to."""
    return [entry for entry in client.gateway_log(tx_ref, kind=kind) if entry["status"] is not None]


def show_emails(narrator: Narrator, letters: list[Json]) -> None:
    """Report e-mails, each with its subject and attachments."""
    for letter in letters:
        files = "".join(f" + {file['name']}" for file in letter["attachments"])
        narrator.result(f"e-mail to {letter['to']}: {letter['subject']!r}{files}")
