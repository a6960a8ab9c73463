"""That somebody looked at contact data: kept for thirteen months, and never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from chalicelib.domain.ids import PersonId
from chalicelib.domain.record import Record

Act = Literal["search", "view", "list", "export", "erase", "drop", "send_back"]
"""What an operator did: a `search`, the `view` of one booking, a `list` of a day's bookings, an `export` of all that is
held of a person, that the person was to be erased (`erase`), or that a dead letter was to be deleted (`drop`) or sent
to its queue again (`send_back`)."""


class Access(Record, frozen=True, kw_only=True):
    """Who looked at what. ``subject`` is a booking's id, a day, the keyed hash of what was searched for, or the id of a
    message. ``note`` is why, where that was asked.
    """

    at: datetime
    by: PersonId
    by_name: str
    act: Act
    subject: str
    found: int
    request_id: str
    note: str = ""
