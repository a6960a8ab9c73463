"""That somebody looked at contact data, or did something as an operator: kept for thirteen months."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal, get_args

from chalicelib.domain.ids import PersonId, is_booking_id
from chalicelib.domain.record import Record

Look = Literal["search", "view", "list", "export"]
Act = Literal[
    "search",
    "view",
    "list",
    "export",
    "verify",
    "correct_contact",
    "resend",
    "note",
    "refund",
    "cancel",
    "end_stay",
    "resolve_payment",
    "resolve_refund",
    "acknowledge",
    "open_dispute",
    "close_dispute",
    "approve",
    "reject",
    "block",
    "unblock",
    "limits",
    "close_listing",
    "reopen_listing",
    "pay_out",
    "take_back",
    "commission",
    "match",
    "after_restore",
    "put_back",
    "erase",
    "drop",
    "send_back",
]
"""What an operator did. Looks: a `search`, the `view` of one booking, a `list` of bookings or messages, an `export` of
all that is held of a person. Acts: to `verify` a payment; to `correct_contact`, `resend` a letter, or write a `note`;
to `refund`, `cancel` a booking or `end_stay`; to `resolve_payment`, `resolve_refund` or `acknowledge` what waits for a
person; to `open_dispute` or `close_dispute`; to `approve` or `reject` a proposal; to `block` or `unblock` an account or
set its `limits`; to `close_listing` or `reopen_listing`; to enter that a host was paid (`pay_out`), that she was not
after all (`take_back`), or her `commission`; to `match` a statement; to look for what was lost `after_restore`; to
`put_back` restored tables; to `erase` a person; to `drop` a dead letter, or `send_back` it to its queue."""

LOOKS: frozenset[str] = frozenset(get_args(Look))

ASKED, DONE = "asked", "done"
"""The outcomes of an act that are no problem's code."""


class Access(Record, frozen=True, kw_only=True):
    """Who looked at what, or did what. ``subject`` is the id of what it is about; of a list its days, and of a person
    the keyed hash of what names them.

    ``found`` is how many things it was about. ``note`` is why, where that was asked. ``outcome`` is empty of a look; of
    an act ``ASKED`` before it is done, and once afterwards ``DONE`` or the code of the problem that it came to.
    ``proposal_id`` is the proposal that the act was kept as, or decided: then with who proposed it, in which request.
    """

    at: datetime
    by: PersonId
    by_name: str
    act: Act
    subject: str
    found: int
    request_id: str
    note: str = ""
    outcome: str = ""
    proposal_id: str = ""
    proposed_by: PersonId = PersonId("")
    proposed_by_name: str = ""
    proposed_request_id: str = ""


def looked_up_under(subject: str) -> str:
    """Under which name the trail has what is about a subject: whatever hangs on a booking lies under the booking."""
    return next((part for part in re.split("[-.]", subject) if is_booking_id(part)), subject)
