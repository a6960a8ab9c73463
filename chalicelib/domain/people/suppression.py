"""Addresses that are not written to any more, since a letter to them bounced for good or its reader complained.

A sender who writes on to such addresses is soon not believed by any mail service, and all its letters are lost.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from chalicelib.domain.booking import WhyNot
from chalicelib.domain.ids import BookingId, PersonId
from chalicelib.domain.record import Record

Outcome = Literal["bounced", "complained"]


class MailReport(Record, frozen=True, kw_only=True):
    """What the mail service reports of a letter that it had taken.

    The letter is named as it was sent: ``resends`` is how often it had been sent again by then. ``addresses`` are those
    that it is about.
    """

    booking_id: BookingId
    entry_id: str
    resends: int
    outcome: Outcome
    why: WhyNot
    addresses: tuple[str, ...]

    @property
    def is_final(self) -> bool:
        """Nobody is to write there again: a mailbox that was full may be emptied, one that there is not stays away."""
        return self.outcome == "complained" or self.why == "permanent"


class Suppression(Record, frozen=True, kw_only=True):
    """That an address is not written to, since when and after which letter; or that a person lifted it."""

    outcome: Outcome
    since: datetime
    booking_id: BookingId
    entry_id: str
    lifted_at: datetime | None = None
    lifted_by: PersonId | None = None

    @property
    def is_lifted(self) -> bool:
        return self.lifted_at is not None
