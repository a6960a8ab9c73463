"""What all stories share: who listens, and how they begin and end."""

from __future__ import annotations

from typing import Protocol

from local.stack.world import Json, Person, World


class Tell(Protocol):
    """Whoever listens to a story."""

    def did(self, text: str) -> None:
        """Something that was done."""

    def saw(self, text: str) -> None:
        """What followed."""

    def why(self, text: str) -> None:
        """The reason, for a reader."""


def booked(world: World) -> tuple[Person, Json]:
    """A guest, and a booking of the only unit of a fresh listing."""
    host, guest = world.sign_in("selam", "host"), world.sign_in("hanna")
    return guest, world.book(guest, world.publish(host, units=1))


def done(world: World, tx_ref: str, kind: str) -> list[Json]:
    """What the sandbox sent, and got an answer to."""
    return [entry for entry in world.gateway_log(tx_ref, kind=kind) if entry["status"] is not None]


def show(tell: Tell, letters: list[Json]) -> None:
    """Tell of e-mails."""
    for letter in letters:
        files = "".join(f" + {file['name']}" for file in letter["attachments"])
        tell.saw(f"e-mail to {letter['to']}: {letter['subject']!r}{files}")
