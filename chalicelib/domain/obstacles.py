"""What is under way of a person, so that nobody can erase them yet."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from chalicelib.domain.record import Record

ObstacleKind = Literal[
    "unpaid_hold",
    "stay",
    "payment",
    "payment_review",
    "payment_reversed",
    "refund",
    "dispute",
    "proposal",
    "orphan",
    "open_listing",
    "hosted_stay",
    "balance",
]
"""Why a person's data is still needed: an `unpaid_hold` may yet be paid; a `stay` is to come, or not over; a `payment`
may still bring late money; one waits for a person's decision (`payment_review`, `payment_reversed`); a `refund` or a
`dispute` is not at its end; a `proposal` waits for a
second person; money waits that has no booking (`orphan`). Of a host: an `open_listing`, a `hosted_stay`
that is not over, or a `balance` that is not settled."""


class Obstacle(Record, frozen=True, kw_only=True):
    """One thing that is under way. ``subject`` is its id: a booking's, a payment's, a refund's, a dispute's, a
    listing's, or a currency. ``until`` is when it is over by itself, where that is known.
    """

    kind: ObstacleKind
    subject: str
    until: datetime | None = None
