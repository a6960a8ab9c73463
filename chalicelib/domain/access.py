"""That somebody looked at contact data: kept for thirteen months, and never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from chalicelib.domain.ids import PersonId
from chalicelib.domain.record import Record

Act = Literal["search", "view", "list", "export", "erase"]
"""What an operator did: a `search`, the `view` of one booking, a `list` of a day's bookings, an `export` of all that is
held of a person, or that the person was to be erased (`erase`)."""


class Access(Record, frozen=True, kw_only=True):
    """Who looked at what. ``subject`` is a booking's id, a day, or the keyed hash of what was searched for."""

    at: datetime
    by: PersonId
    by_name: str
    act: Act
    subject: str
    found: int
    request_id: str
